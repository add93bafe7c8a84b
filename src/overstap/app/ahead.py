"""What a worker's loop does while it waits for the database.

It does steps. When there are enough for a commit, it makes that ready, so that it goes out at once, and goes on with
steps for the commit after it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from overstap.app.crew import Crew
from overstap.app.engine import Engine
from overstap.app.mailbox import CameIn, Mailbox
from overstap.app.reach import MANY


class Ahead:
    """Gets ahead with a worker's work; used by its loop alone.

    Args:
        portion: how many of the steps that are left for the loop go into a commit.
    """

    def __init__(self, engine: Engine, mailbox: Mailbox, crew: Crew, portion: Callable[[], int]) -> None:
        self._engine = engine
        self._mailbox = mailbox
        self._crew = crew
        self._portion = portion
        self._came_in: CameIn | None = None

    def take(self) -> CameIn | None:
        """What came in for the commit that was made ready; None, and the steps of the next one done, without any."""
        came_in, self._came_in = self._came_in, None
        if came_in is None:
            self._crew.do_here(self._portion() - len(self._mailbox))
        return came_in

    def get(self) -> bool:
        """Do a little of what is to be done next; answers whether there was anything. For `meanwhile`."""
        lacking = max(MANY, self._portion()) - len(self._mailbox)
        if self._came_in is not None:
            return lacking > 0 and self._crew.do_some_here(lacking)
        return (lacking <= 0 and self._make_ready()) or self._crew.do_some_here(lacking) or self._make_ready()

    def _make_ready(self) -> bool:
        steps = len(self._crew) - self._crew.left_here
        if not MANY <= steps <= len(self._mailbox):
            return False
        decided = self._mailbox.decided()
        if len(decided) != steps:
            return False  # one is under way: its end may come in before the commit does
        with suppress(Exception):  # the commit itself tells what is wrong, of which run
            self._engine.claims.prepare(decided, self._engine.clock.now())
        self._came_in = self._mailbox.take(0)
        return True
