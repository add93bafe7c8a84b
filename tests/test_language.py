"""The languages: each text has its translation, with the same parameters and each plural form."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from facts import laws
from overstap.domain.sentences import BLOCKING, SENTENCES, WARNING
from overstap.errors import BadInput
from overstap.language import LOCALES, Money, language, lazy_gettext, lazy_ngettext
from overstap.language.speech import catalogue

SOURCE = Path(__file__).parents[1] / "src" / "overstap"
PLACES = re.compile(r"{(\w+)}")


def in_the_code() -> dict[str, tuple[str, ...]]:
    """Every text that the code says to people: its singular, and all its forms."""
    keywords: dict[str, Any] = {"lazy_gettext": None, "lazy_ngettext": (1, 2)}
    found = extract_from_dir(str(SOURCE), method_map=[("**.py", "python")], keywords=keywords)
    forms = [(text,) if isinstance(text, str) else text for _, _, text, _, _ in found]
    return {texts[0]: texts for texts in forms}


def in_dutch() -> Catalog:
    with catalogue("nl").open("rb") as file:
        return read_po(file, locale="nl")


TEXTS = in_the_code()
DUTCH = {(one.id if isinstance(one.id, str) else one.id[0]): one for one in in_dutch() if one.id}


def strings(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def test_the_code_says_something() -> None:
    assert len(TEXTS) > 100


def test_the_catalogue_has_the_texts_of_the_code_and_no_other() -> None:
    assert sorted(TEXTS) == sorted(DUTCH), "run `make messages`, then translate what is new"


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_translated_whole(text: str) -> None:
    said = strings(DUTCH[text])

    assert len(TEXTS[text]) == len(said)
    assert all(said)
    assert not DUTCH[text].fuzzy


@pytest.mark.parametrize("text", TEXTS)
def test_a_translation_has_the_same_parameters(text: str) -> None:
    assert [set(PLACES.findall(form)) for form in TEXTS[text]] == [
        set(PLACES.findall(form)) for form in strings(DUTCH[text])
    ]


@pytest.mark.parametrize("code", SENTENCES)
def test_a_finding_has_a_sentence_and_an_advice_in_both_languages(code: str) -> None:
    for message in (SENTENCES[code].sentence, SENTENCES[code].advice):
        for form in (*TEXTS[message.one], *strings(DUTCH[message.one])):
            assert form.endswith(".")


def test_no_code_is_a_blocker_and_a_warning() -> None:
    assert set() == BLOCKING.keys() & WARNING.keys()


@laws(
    ("law", "code", "words"),
    [
        ("R36: what the column is called", "commerce_lock_ahead",
         ["Abonnementsopties", "Geen opties", "kredietcontrole"]),
        ("R8: a licence conflict", "licence_conflict", ["Licentieconflict", "gebruikers hebben", "gebruiker heeft"]),
        ("R9: the link to resolve it", "licence_conflict", ["Nu oplossen"]),
        ("R10: prepaid", "source_payment", ["wordt niet ondersteund door de wizard Veranderen van abonnement"]),
        ("R11: before the upgrade", "legacy_too_many_users",
         ["voordat de service werd bijgewerkt", "gebruikerslimiet"]),
        ("R12: a custom domain", "custom_domain", ["aangepaste domein", "op dit moment niet overstappen"]),
        ("R4: a trial", "trial", ["proefversie", "Koop eerst het abonnement dat u uitprobeert"]),
        ("R6: provisioned", "not_provisioned", ["volledig ingericht"]),
        ("R20: the public website", "public_website", ["openbare Office 365-websiteadres"]),
        ("R29: seats", "fewer_seats", ["u kunt licenties toevoegen, geen licenties verwijderen"]),
        ("R33: a credit check", "credit_check_by_invoice", ["kredietcontrole", "factuur", "maximaal"]),
        ("R35: meanwhile", "credit_check_pending",
         ["geen nieuwe abonnementen toevoegen of andere abonnementen wijzigen"]),
        ("R37: the rest", "commerce_lock_ahead", ["De rest van uw service is normaal toegankelijk"]),
        ("R48: no way back", "no_way_back", ["servicepakket", "niet teruggaan naar uw oude abonnement"]),
        ("R49: the domain", "domains_come_off", ["verwijderd en daarna opnieuw toegevoegd", "enige tijd inactief"]),
        ("R50: a backup", "backup_advised", ["back-up", "alle informatie van uw bedrijf"]),
        ("R47: the manual way", "manual_way", ["handmatig van abonnement veranderen"]),
        ("R51: the phone", "too_many_users", ["bel de ondersteuning voor facturering en abonnementen"]),
    ],
)  # fmt: skip
def test_the_dutch_speaks_in_the_documents_own_terms(law: str, code: str, words: list[str]) -> None:
    texts = (SENTENCES[code].sentence, SENTENCES[code].advice)
    told = " ".join(form for message in texts for form in strings(DUTCH[message.one]))

    assert [] == [word for word in words if word not in told], law


@pytest.mark.parametrize(
    ("value", "dutch", "english"),
    [
        ("E3", "E3", "E3"),
        (12_500, "12.500", "12,500"),
        (Money(123_450, "EUR"), "€ 1.234,50", "€1,234.50"),
        (["a", "b", "c"], "a, b en c", "a, b, and c"),
        (["a"], "a", "a"),
        ({"nl": "kaart", "en": "card"}, "kaart", "card"),
        (date(2026, 3, 2), "2 maart 2026", "March 2, 2026"),
        (timedelta(days=14), "14 dagen", "14 days"),
        (timedelta(minutes=10), "10 minuten", "10 minutes"),
        (timedelta(minutes=1), "1 minuut", "1 minute"),
        (timedelta(hours=1, seconds=75), "1 uur en 1 minuut", "1 hour and 1 minute"),
        (timedelta(seconds=0.2), "0 seconden", "0 seconds"),
        (lazy_gettext("No options"), "Geen opties", "No options"),
        ([lazy_gettext("now"), lazy_gettext("then")], "nu en straks", "now and then"),
    ],
)
def test_a_value_is_written_as_people_do(value: Any, dutch: str, english: str) -> None:
    assert dutch == language("nl").tell(value).replace("\xa0", " ")
    assert english == language("en").tell(value)


def test_a_moment_is_told_in_the_readers_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Amsterdam")
    time.tzset()
    try:
        told = language("nl").tell(datetime(2026, 3, 2, 12, tzinfo=UTC))
    finally:
        monkeypatch.undo()
        time.tzset()

    assert told == "2 mrt 2026 13:00"


@pytest.mark.parametrize("value", [True, 1.5, object()])
def test_what_has_no_words_is_an_error_and_no_guess(value: object) -> None:
    with pytest.raises(TypeError, match="there are no words for"):
        language("nl").tell(value)


@pytest.mark.parametrize(
    ("count", "dutch"), [(1, "Eén gebruiker"), (2, "Twee gebruikers"), (12, "Twaalf gebruikers"), (13, "13 gebruikers")]
)
def test_small_numbers_are_words_where_they_count(count: int, dutch: str) -> None:
    text = lazy_ngettext(
        "{count} user holds a licence of this subscription, and the wizard moves at most {limit}.",
        "{count} users hold a licence of this subscription, and the wizard moves at most {limit}.",
    )

    assert language("nl").say(text, count=count, limit=2).startswith(dutch)


def test_another_language_is_refused_and_told_which_there_are() -> None:
    with pytest.raises(BadInput, match="'fr' is no language here; choose nl or en"):
        language("fr")


@pytest.mark.parametrize("locale", LOCALES)
def test_a_language_is_read_once(locale: str) -> None:
    assert language(locale) is language(locale)
