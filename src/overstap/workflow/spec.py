"""What a workflow file says, once it is read: the states, what is done in each, and the chart between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from overstap.errors import BadInput

Path = tuple[str | int, ...]
"""Where in a document something is: keys and list positions from the root on."""


class WorkflowError(BadInput):
    """A workflow file cannot be used.

    Args:
        problems: every problem found, each as `FILE:LINE: reason`.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a document.

    Attributes:
        at: where; a path that the document does not have means its nearest parent that it has.
        reason: what is wrong, and what to do instead.
    """

    at: Path
    reason: str


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a failed step waits before it is tried again.

    Attributes:
        first: the wait after the first failure.
        factor: how much longer each further wait is.
        most: the longest wait.
        jitter: the part of each wait that is random, 0 to 1.
        attempts: failures after which the step stops; None never gives up.
    """

    first: timedelta = timedelta(seconds=2)
    factor: float = 2.0
    most: timedelta = timedelta(minutes=5)
    jitter: float = 0.2
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long a run may stay in a state, from entering it on, and the event that is sent then.

    Attributes:
        fixed: nobody may move it; a rule of the business says how long it is.
    """

    after: timedelta
    event: str
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class StateSpec:
    """What is done in one state of the chart.

    Attributes:
        steps: names of the registered steps, in their order.
        on_done: the event to send after the last step; None leaves it to the steps' own events.
        on_stop: the event to send when a step stops; None leaves the run stuck.
        signals: the events it accepts from outside; `await` in the file.
        deadline: None lets a run stay for ever.
        locks: what the tenant cannot do meanwhile.
        final: nothing comes after it.
    """

    name: str
    steps: tuple[str, ...] = ()
    on_done: str | None = None
    on_stop: str | None = None
    signals: frozenset[str] = frozenset()
    deadline: Deadline | None = None
    retry: RetryPolicy = RetryPolicy()
    locks: frozenset[str] = frozenset()
    final: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart as a graph.

    Attributes:
        initial: where a run begins.
        finals: where it ends.
        moves: state -> event -> target, every state included.
    """

    initial: str
    finals: frozenset[str]
    moves: Mapping[str, Mapping[str, str]]

    def reachable(self, state: str) -> frozenset[str]:
        """The states a run in `state` may still see, itself included."""
        seen = {state}
        ahead = [state]
        while ahead:
            for target in self.moves[ahead.pop()].values():
                if target not in seen:
                    seen.add(target)
                    ahead.append(target)
        return frozenset(seen)
