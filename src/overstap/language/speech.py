"""Says messages in one language, through Babel."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import cache
from math import inf
from pathlib import Path
from typing import Any, Literal
from unicodedata import normalize

from babel.dates import format_date, format_datetime, format_timedelta
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.support import NullTranslations, Translations
from num2words import num2words

from overstap.errors import BadInput
from overstap.language.message import Message, Money, Sentence

_Unit = Literal["day", "hour", "minute", "second"]

SOURCE = "en"
"""The language of the texts in the code: it needs no catalogue."""
LOCALES = ("nl", SOURCE)
_SPELLED = 12
"""Up to this number, what is counted is written as a word: `twee gebruikers`."""
_MOMENT = "d MMM y HH:mm"
"""How a moment is written, in CLDR's letters."""
_UNITS: Mapping[_Unit, int] = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
"""The units of a duration, each with its seconds; the two largest are told."""


class Language:
    """One language.

    Args:
        locale: one of `LOCALES`.
    """

    def __init__(self, locale: str) -> None:
        self.locale = locale
        self._texts = _translations(locale)

    def say(self, message: Message, **params: Any) -> str:
        """A message with its parameters in their places, in this language.

        Args:
            params: texts, whole numbers, amounts, dates, moments, durations, other messages and sentences, lists of
                these; for names that no catalogue holds, mappings from a locale to a text.
        """
        spoken = {name: self.tell(value) for name, value in params.items()}
        if message.many is None:
            return self._texts.ugettext(message.one).format(**spoken)
        count = int(params[message.by])
        spoken[message.by] = self.count(count)
        text = self._texts.ungettext(message.one, message.many, count).format(**spoken)
        return _capital(text)

    def template(self, message: Message) -> str:
        """A message with the places for its parameters still in it, such as `{plan}`; of two forms, that for many."""
        if message.many is None:
            return str(self._texts.ugettext(message.one))
        return str(self._texts.ungettext(message.one, message.many, 2))

    def tell(self, value: Any) -> str:
        """One value as people write it; a moment in the reader's own zone."""
        match value:
            case str():
                return value
            case Message():
                return self.say(value)
            case Sentence():
                return self.say(value.message, **value.params)
            case Money():
                return format_currency(Decimal(value.cents) / 100, value.currency, locale=self.locale)
            case date() | timedelta():
                return self._when(value)
            case int() if not isinstance(value, bool):
                return format_decimal(value, locale=self.locale)
            case Mapping():
                return str(value[self.locale])
            case Sequence():
                return format_list([self.tell(one) for one in value], locale=self.locale)
        raise TypeError(f"there are no words for {value!r}")

    def _when(self, value: date | timedelta) -> str:
        if isinstance(value, timedelta):
            return self._lasting(value)
        if isinstance(value, datetime):
            here = value.astimezone()
            return format_datetime(here, _MOMENT, locale=self.locale, tzinfo=here.tzinfo)
        return format_date(value, "long", locale=self.locale)

    def moment(self, moment: datetime, zone: tzinfo) -> str:
        """A moment in a zone, with the zone's name, for readers whose own zone is not known."""
        there = moment.astimezone(zone)
        return f"{format_datetime(there, _MOMENT, locale=self.locale, tzinfo=zone)} {there.tzname()}"

    def _lasting(self, duration: timedelta) -> str:
        rest = round(duration.total_seconds())
        parts: list[str] = []
        for unit, size in _UNITS.items():
            many, rest = divmod(rest, size)
            if many or (size == 1 and not parts):
                # With a threshold out of reach, it is told in this unit and in no larger one.
                part = timedelta(seconds=many * size)
                parts.append(format_timedelta(part, granularity=unit, threshold=inf, locale=self.locale))
        return format_list(parts[:2], locale=self.locale)

    def count(self, number: int) -> str:
        """A number of things: a word where it is small, as in a sentence."""
        if 0 <= number <= _SPELLED:
            return str(num2words(number, lang=self.locale))
        return format_decimal(number, locale=self.locale)


def _capital(text: str) -> str:
    """A sentence that may begin with a number's word; a capital has no accent in Dutch: `Eén gebruiker`."""
    return normalize("NFD", text[:1])[:1].upper() + text[1:]


@cache
def language(locale: str) -> Language:
    """The language with that code.

    Raises:
        BadInput: naming the languages that there are.
    """
    if locale not in LOCALES:
        raise BadInput(f"{locale!r} is no language here; choose {' or '.join(LOCALES)}.")
    return Language(locale)


def catalogue(locale: str) -> Path:
    """Where the texts of a language are."""
    return Path(__file__).with_name(f"{locale}.po")


def _translations(locale: str) -> NullTranslations:
    if locale == SOURCE:
        return NullTranslations()
    # Compiled while it is read: a catalogue that was compiled before could be older than its source.
    compiled = io.BytesIO()
    with catalogue(locale).open("rb") as source:
        write_mo(compiled, read_po(source, locale=locale))
    compiled.seek(0)
    return Translations(compiled)
