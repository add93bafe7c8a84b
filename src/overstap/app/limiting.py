"""The gate before a step: who may start one at its provider now, as the limits of the settings say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from overstap.clock import Clock
from overstap.errors import BadInput, DatabaseUnavailable
from overstap.settings import LimitSettings, TenantLimit
from overstap.store.batch import Claim
from overstap.store.limits import Admission, LimitBook
from overstap.workflow.limits import Limit, Rate
from overstap.workflow.outcome import Step

Begin = tuple[Claim, str]
"""A claimed run and the step that it is about to start."""


class Gate:
    """Lets steps be started, for one worker; without limits it asks nobody.

    Args:
        book: None for tests that limit nothing.
        limited: the providers that are limited.
        latest: after so much machine time a run is looked at again of which nobody knows when its turn comes: what
            passes a place on may have died.
    """

    def __init__(
        self,
        book: LimitBook | None,
        limited: Iterable[str],
        steps: Mapping[str, Step],
        clock: Clock,
        latest: timedelta,
    ) -> None:
        self._book = book
        self._limited = frozenset(limited)
        self._steps = steps
        self._clock = clock
        self._latest = latest
        self._started: dict[str, str] = {}

    def open(self) -> None:
        """Let on whoever waits for what is not limited any more; once, when a worker begins."""
        if self._book is not None:
            self._book.dissolve(self._limited, self._clock.now())

    def admit(self, begins: Sequence[Begin], others: Sequence[Claim]) -> tuple[list[Begin], Admission]:
        """Those that may start their step now, and what became of the rest.

        Args:
            others: claims that go on without a step.
        """
        if self._book is None or not self._limited:
            return list(begins), Admission()
        reaches = {claim.run.id: self._steps[step].provider for claim, step in begins}
        asking: dict[str, list[Claim]] = {}
        for claim, _ in begins:
            if (provider := reaches[claim.run.id]) in self._limited and provider is not None:
                asking.setdefault(provider, []).append(claim)
        asks = {claim.run.id: name for name, claims in asking.items() for claim in claims}
        leaving = [claim for claim in (*others, *(claim for claim, _ in begins)) if claim.run.id not in asks]
        now = self._clock.now()
        admission = self._book.admit(asking, leaving, now, now + self._clock.stretch(self._latest))
        self._started |= {run_id: asks[run_id] for run_id in admission.granted}
        may = [one for one in begins if one[0].run.id not in asks or one[0].run.id in admission.granted]
        return may, admission

    @contextmanager
    def ending(self, run_ids: Iterable[str]) -> Iterator[None]:
        """Pass on the places of steps that ended, when what the block commits has freed them."""
        ended = {self._started.pop(run_id) for run_id in run_ids if run_id in self._started}
        yield
        if self._book is not None and ended:
            try:
                self._book.pass_on(ended, self._clock.now())
            except DatabaseUnavailable:
                return  # the next sweep does it, by whichever worker

    def sweep(self) -> None:
        """Wake whom a worker that died has left in line; now and then, by any worker."""
        if self._book is not None and self._limited:
            self._book.pass_on(self._limited, self._clock.now(), sweep=True)

    def anyone_waits(self) -> bool:
        """Whether a run waits here for a limit."""
        return self._book is not None and bool(self._limited) and self._book.anyone_waits(self._limited)


def limits_of(
    settings: LimitSettings, steps: Mapping[str, Step], clock: Clock
) -> tuple[dict[str, Limit], Rate | None, frozenset[str]]:
    """The limits of providers and that of tenants, as a clock counts them, and which providers are limited at all.

    Raises:
        BadInput: when a limit is for a provider that no step reaches.
    """
    known = {step.provider for step in steps.values() if step.provider is not None}
    for name in settings.providers:
        if name not in known:
            there = ", ".join(sorted(known))
            raise BadInput(f"limits.providers.{name}: no step reaches a provider of this name; there is {there}.")
    limits = {name: Limit(one.at_once, _rate(one, clock)) for name, one in settings.providers.items()}
    tenants = _rate(settings.tenants, clock)
    return limits, tenants, frozenset(known if tenants is not None else limits)


def _rate(given: TenantLimit, clock: Clock) -> Rate | None:
    return None if given.rate is None else Rate(clock.stretch(given.rate), given.burst)
