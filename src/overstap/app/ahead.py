"""What a worker's loop does while it waits for the database.

Steps first. When there are enough for a commit, it makes that ready, so that it goes out at once, and goes on with
steps for the commit after it.
"""

from __future__ import annotations

from overstap.app.crew import Crew
from overstap.app.engine import Engine
from overstap.app.mailbox import CameIn, Mailbox

_MANY = 100
"""Steps whose commit takes long enough to be made ready."""


class Ahead:
    """Gets ahead with a worker's work; used by its loop alone."""

    def __init__(self, engine: Engine, mailbox: Mailbox, crew: Crew) -> None:
        self._engine = engine
        self._mailbox = mailbox
        self._crew = crew
        self._portion = 0
        self._came_in: CameIn | None = None

    def take(self, portion: int) -> CameIn | None:
        """Take what the commit that was made ready is of.

        Where there is none, answer None, and do what lacks of the steps for one.

        Args:
            portion: how many steps that are left for the loop go into a commit.
        """
        self._portion = portion
        came_in, self._came_in = self._came_in, None
        if came_in is None:
            self._crew.do_here(portion - len(self._mailbox))
        return came_in

    def get(self) -> bool:
        """Do a little; answers whether there was anything to do. For `meanwhile`."""
        return self._crew.do_some_here(self._portion - len(self._mailbox)) or self._make_ready()

    def _make_ready(self) -> bool:
        if self._came_in is not None:
            return False
        steps = len(self._crew) - self._crew.left_here
        if steps < _MANY:
            return False
        decided = self._mailbox.decided()
        # While a step is under way its end may come in before the commit does.
        if len(decided) != steps or not self._engine.claims.prepare(decided, self._engine.clock.now()):
            return False
        self._came_in = self._mailbox.take(0)
        return True
