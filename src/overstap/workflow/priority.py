"""How soon a run has its turn when more is due than can be done: a head start, never a right of way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from heapq import merge
from itertools import islice

_HEAD_START = timedelta(minutes=10)


class Priority(StrEnum):
    """What an operator gave an order; it decides nothing but the order in which due runs are taken."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """The number that it is stored as; 1 is the highest."""
        return _RANKS[self]

    @property
    def head_start(self) -> timedelta:
        """So much earlier than it is due it takes its place among the others; below 0 for later."""
        return _HEAD_START * (_RANKS[Priority.NORMAL] - self.rank)

    @classmethod
    def of(cls, rank: int) -> Priority:
        """The one with that number."""
        return next(one for one in cls if one.rank == rank)


_RANKS = {Priority.HIGH: 1, Priority.NORMAL: 2, Priority.LOW: 3}


def shares(due: Mapping[Priority, Sequence[datetime]], limit: int) -> dict[Priority, int]:
    """How many runs of each priority are the next `limit` ones.

    Whoever has waited for two head starts longer goes before anybody of any priority: nobody waits for ever.

    Args:
        due: since when the runs of each priority are due, the longest first.
    """
    lines = [[(moment - one.head_start, one.rank) for moment in moments] for one, moments in due.items()]
    taken = [rank for _, rank in islice(merge(*lines), limit)]
    return {one: count for one in due if (count := taken.count(one.rank))}
