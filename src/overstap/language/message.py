"""Texts that are known before the reader's language is; under gettext's own names, by which Babel finds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


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


@dataclass(frozen=True, slots=True)
class Sentence:
    """A message with its parameters, to be told later in whichever language is asked for.

    Attributes:
        params: what `Language.say` takes; another sentence may be among them.
    """

    message: Message
    params: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, message: Message, **params: Any) -> Self:
        """The message with these parameters."""
        return cls(message, params)


def lazy_gettext(text: str) -> Message:
    """A text in which nothing is counted."""
    return Message(text)


def lazy_ngettext(one: str, many: str, by: str = "count") -> Message:
    """A text whose form depends on how many of something there are."""
    return Message(one, many, by)
