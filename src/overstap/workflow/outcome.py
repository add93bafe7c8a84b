"""What a step may answer, and what it is given: the vocabulary between the steps and the engine.

A step never changes a run. It returns one of these, and `decide` turns it into the run's next moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Done:
    """The step's work is done.

    Attributes:
        event: the event to send to the chart; None goes on with the state's next step (after the last one: `on_done`).
        data: JSON values to keep with the run, merged over what it has.
    """

    event: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """A chunk is done and the step wants to be called again at once.

    Attributes:
        done: units finished so far, of `total`.
        data: JSON values to keep with the run.
    """

    done: int
    total: int
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retry:
    """It did not work this time; call the step again after the state's backoff."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until`; None leaves the waking to a signal or the deadline."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """It can never work; the state's `on_stop` event is sent, or the run is stuck until somebody looks."""

    reason: str
    data: Mapping[str, Any] = field(default_factory=dict)


Outcome = Done | Progress | Retry | Wait | Stop


class StepContext(Protocol):
    """What a step gets to see and to use while it works; no database, no transaction."""

    @property
    def run_id(self) -> str:
        """The run the step works for."""

    @property
    def tenant_id(self) -> str:
        """The tenant of the run."""

    @property
    def input(self) -> Mapping[str, Any]:
        """The order the run was submitted with; never changes."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What earlier steps learned."""

    @property
    def cause(self) -> str | None:
        """The event by which the run came into its state; None in the initial one."""

    @property
    def now(self) -> datetime:
        """When the step was started."""

    @property
    def effect_key(self) -> str:
        """The idempotency key of this step's effect: `run:state:visit:step[:chunk]`."""

    def effect(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have the provider do one operation, exactly once however often the step is called.

        The effect is recorded under the step's `effect_key` before the call goes out. A recorded answer is
        returned without a call. An effect that is unknown is looked up first, and repeated with its first request under
        its first key only when the provider does not know it.

        Args:
            operation: the provider's name for it, e.g. `place_order`; once per step and chunk.
            request: JSON values.

        Returns:
            The provider's answer, JSON values.

        Raises:
            ProviderUnavailable, ProviderTimeout: the engine turns them into `Retry`.
            ProviderRefused: the engine turns it into `Stop`.
            ClaimLost: the engine drops the step's work.
        """


@dataclass(frozen=True, slots=True)
class Step:
    """One registered piece of work.

    Attributes:
        name: as workflow files name it.
        call: does the work.
        events: the events its `Done` may carry, for the lint; empty when it never names one.
        provider: the name of the outside system that it reaches, None when it reaches none.
    """

    name: str
    call: Callable[[StepContext], Outcome]
    events: frozenset[str] = frozenset()
    provider: str | None = None
