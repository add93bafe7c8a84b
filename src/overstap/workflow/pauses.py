"""What workers start no steps of for the time being: everything, a workflow, a step, or a provider.

A pause keeps steps from being started, and nothing else: time goes on, deadlines pass and signals count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from overstap.workflow.outcome import Step
from overstap.workflow.run import Run


class Scope(StrEnum):
    """What a pause is about."""

    EVERYTHING = "everything"
    WORKFLOW = "workflow"
    STEP = "step"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause.

    Attributes:
        name: of the workflow, step or provider; empty for everything.
    """

    scope: Scope
    name: str
    reason: str
    actor: str
    since: datetime

    @property
    def what(self) -> str:
        """What it is about, in words: `everything`, or `step move_users`."""
        return f"{self.scope} {self.name}".rstrip()

    def stops(self, workflow: str, step: Step) -> bool:
        """Whether it keeps a step from being started in the runs of a workflow."""
        match self.scope:
            case Scope.EVERYTHING:
                return True
            case Scope.WORKFLOW:
                return self.name == workflow
            case Scope.STEP:
                return self.name == step.name
            case Scope.PROVIDER:
                return self.name == step.provider


def pause_of(pauses: Iterable[Pause], run: Run, step: Step) -> Pause | None:
    """The first pause that keeps a step of a run from being started, None when none does."""
    return next((pause for pause in pauses if pause.stops(run.workflow, step)), None)
