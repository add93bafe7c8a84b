"""What people are told to do on the manual way, in each language, and how their answers fit the workflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.domain.tasks import ANSWERS, REMINDER, TASKS, TaskKind, facts
from overstap.language import LOCALES, language
from overstap.steps import STEP_EVENTS, TASK_STEPS
from overstap.workflow.definition import load_definition

ROOT = Path(__file__).parents[2]
CATALOG = load_catalog(ROOT / "config" / "catalog.toml")
ORDER = {"source_plan": "small-business", "target_plan": "e3"}
ABOUT = facts(ORDER, {"domains": ["one.example", "two.example"]}, CATALOG)
ASKING = [
    (spec, TASK_STEPS[spec.steps[-2]])
    for spec in load_definition(ROOT / "workflows" / "manual_change.v1.yaml", STEP_EVENTS).states.values()
    if TASK_STEPS.keys() & set(spec.steps)
]

kinds = pytest.mark.parametrize("kind", TASKS.values(), ids=TASKS)


@pytest.mark.rule("R48", "R49", "R50")
@kinds
@pytest.mark.parametrize("locale", LOCALES)
def test_each_task_says_what_it_is_and_what_to_do(kind: TaskKind, locale: str) -> None:
    spoken = language(locale)
    texts = [kind.heading(spoken, ABOUT), *kind.to_do(spoken, ABOUT)]

    assert len(texts) >= 4
    assert [] == [text for text in texts if not text or "{" in text or "None" in text]


@kinds
def test_each_text_of_a_task_is_said_in_dutch(kind: TaskKind) -> None:
    texts = [kind.title, *kind.instructions, REMINDER]

    assert [] == [one.one for one in texts if language("nl").say(one, **ABOUT) == language("en").say(one, **ABOUT)]


@pytest.mark.parametrize(
    ("name", "locale", "words"),
    [
        ("acknowledgement", "nl", "kunt u niet teruggaan naar Office 365 voor Professionals en Kleine Bedrijven"),
        ("backup", "nl", "Maak een back-up van alle informatie van uw bedrijf"),
        ("domain_removal", "nl", "het aangepaste domein|de aangepaste domeinen one.example en two.example"),
        ("domain_removal", "nl", "uw services zijn inactief"),
        ("domain_return", "nl", "opnieuw toevoegen"),
        ("domain_return", "en", "one.example and two.example"),
    ],
)
def test_the_words_are_those_of_the_document(name: str, locale: str, words: str) -> None:
    spoken = language(locale)
    text = "\n".join([TASKS[name].heading(spoken, ABOUT), *TASKS[name].to_do(spoken, ABOUT)])

    assert any(word in text for word in words.split("|"))


@pytest.mark.rule("R49")
@pytest.mark.parametrize(
    ("domains", "dutch", "english"),
    [
        (["a.example"], "a.example wordt dan vanzelf", "a.example is removed then by itself"),
        (
            ["a.example", "b.example"],
            "a.example en b.example worden dan vanzelf",
            "a.example and b.example are removed",
        ),
    ],
)
def test_one_domain_is_and_two_are(domains: list[str], dutch: str, english: str) -> None:
    about = facts(ORDER, {"domains": domains}, CATALOG)

    assert dutch in "\n".join(TASKS["domain_removal"].to_do(language("nl"), about))
    assert english in "\n".join(TASKS["domain_removal"].to_do(language("en"), about))


@pytest.mark.parametrize(
    ("order", "data", "expected"),
    [
        ({"source_plan": None, "target_plan": "e3"}, {}, ("the present plan", 0)),
        ({"source_plan": "gone", "target_plan": "e3"}, {"domains": ["a.example"]}, ("gone", 1)),
        (
            ORDER,
            {"domains": ["a.example", "b.example"], "domains_off": ["b.example"]},
            ("Office 365 Small Business", 1),
        ),
        (ORDER, {"domains": ["a.example"], "domains_off": []}, ("Office 365 Small Business", 1)),
    ],
)
def test_what_the_words_are_about(order: dict[str, Any], data: dict[str, Any], expected: tuple[str, int]) -> None:
    about = facts(order, data, CATALOG)

    assert expected == (language("en").tell(about["source"]), about["count"])
    assert about["count"] == len(about["domains"])


@pytest.mark.rule("R46")
def test_every_task_is_asked_for_by_the_workflow() -> None:
    assert set(TASKS.values()) == {kind for _, kind in ASKING}


@pytest.mark.rule("R46")
@pytest.mark.parametrize(("spec", "kind"), ASKING, ids=[spec.name for spec, _ in ASKING])
def test_a_state_that_asks_awaits_the_answers_reminds_and_has_a_deadline(spec: Any, kind: TaskKind) -> None:
    assert kind.events == spec.signals - {"cancel"}
    assert kind.events <= ANSWERS
    assert "remind" == spec.steps[-1]
    assert spec.deadline is not None
    assert frozenset() == spec.locks
