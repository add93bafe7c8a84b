"""Texts that are known before the reader's language is; under gettext's own names, by which Babel finds them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A text with places for parameters, such as `{plan}`, in English.

    Attributes:
        one: the text; where it has a plural form, the one for exactly 1.
        many: the form for any other number, None when nothing is counted.
        by: the parameter that counts.
    """

    one: str
    many: str | None = None
    by: str = "count"


@dataclass(frozen=True, slots=True)
class Money:
    """An amount.

    Attributes:
        currency: its ISO 4217 code.
    """

    cents: int
    currency: str


def lazy_gettext(text: str) -> Message:
    """A text in which nothing is counted."""
    return Message(text)


def lazy_ngettext(one: str, many: str, by: str = "count") -> Message:
    """A text whose form depends on how many of something there are."""
    return Message(one, many, by)
