"""Doing other work in the time that PostgreSQL needs for its answers, or another process for an SQLite file.

It is done in the same thread: a second one would have to be handed Python's lock for each answer, which takes longer
than most of them.
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.waiting import Ready, Wait

Work = Callable[[], bool]
"""Does a little, a few milliseconds at the most; answers whether there was anything to do. It may raise nothing: the
answer that is waited for would stay unread.
"""


class _Here(threading.local):
    work: Work | None = None


_here = _Here()


@contextmanager
def meanwhile(work: Work) -> Iterator[None]:
    """Have work done while this thread waits for the database in the block; it may not use the database itself."""
    _here.work = work
    try:
        yield
    finally:
        _here.work = None


class OverlappingConnection(psycopg.Connection[Any]):
    """A connection that has the work of `meanwhile` done while it waits."""

    def wait(self, gen: Generator[Wait, Ready | int, Any], *args: Any, **named: Any) -> Any:
        """Wait as psycopg does, after there is nothing else to do."""
        work = _here.work
        return super().wait(gen if work is None else _busy(gen, self.pgconn.socket, work), *args, **named)


def do_other_work() -> bool:
    """Do a little of the work of `meanwhile`, if there is any; answers whether there was."""
    return _here.work is not None and _do(_here.work)


def _do(work: Work) -> bool:
    _here.work = None  # what it waits for itself is no time for more of it
    try:
        return work()
    finally:
        _here.work = work


def _busy(gen: Generator[Wait, Ready | int, Any], socket: int, work: Work) -> Generator[Wait, Ready | int, Any]:
    """What `gen` is, with work done before each wait for an answer."""
    answers = select.poll()
    answers.register(socket, select.POLLIN)
    try:
        state = next(gen)
        while True:
            if state is Wait.R:
                while not answers.poll(0) and _do(work):
                    pass
            state = gen.send((yield state))
    except StopIteration as end:
        return end.value
