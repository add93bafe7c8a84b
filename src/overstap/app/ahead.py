"""What a worker's loop does while it waits for the database.

Steps first; when none is left, it makes ready what they lead to, so that the next commit goes out at once.
"""

from __future__ import annotations

from overstap.app.crew import Crew
from overstap.app.engine import Engine
from overstap.app.mailbox import Mailbox

_MANY = 100
"""Steps whose commit takes long enough to be made ready."""


class Ahead:
    """Gets ahead with a worker's work; used by its loop alone."""

    def __init__(self, engine: Engine, mailbox: Mailbox, crew: Crew) -> None:
        self._engine = engine
        self._mailbox = mailbox
        self._crew = crew
        self._ready = False

    def get(self) -> bool:
        """Do a little; answers whether there was anything to do. For `meanwhile`."""
        return not self._ready and (self._crew.do_some_here() or self._make_ready())

    def do_here(self, steps: int) -> None:
        """Do so many of the steps left for the loop, where the next commit is not ready already: then that goes first.

        With more in it, what was made ready would not be of use.
        """
        ready, self._ready = self._ready, False
        if not ready:
            self._crew.do_here(steps)

    def _make_ready(self) -> bool:
        steps = len(self._crew)
        if steps < _MANY:
            return False
        decided = self._mailbox.decided()
        # While a step is under way its end may come in before the commit does.
        if len(decided) == steps:
            self._ready = self._engine.claims.prepare(decided, self._engine.clock.now())
        return self._ready
