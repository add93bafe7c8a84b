"""The answers that several routes have in common."""

from __future__ import annotations

from typing import Generic, TypeVar

from typing_extensions import TypedDict

T = TypeVar("T")


class Items(TypedDict, Generic[T]):
    """All there are."""

    items: list[T]


class Page(TypedDict, Generic[T]):
    """Some of them; `next` goes on, and is None where there are no more."""

    items: list[T]
    next: str | None
