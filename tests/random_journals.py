"""Random journals of the shipped workflows, made by the functions that decide, for laws that hold for every journal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from hypothesis import strategies as st

from overstap.settings import Settings
from overstap.steps import STEP_EVENTS
from overstap.workflow.decide import (
    Discard,
    Expire,
    Perform,
    Receive,
    Signal,
    discard,
    expire,
    next_action,
    receive,
    settle,
    submit,
)
from overstap.workflow.definition import Definition
from overstap.workflow.files import load_library
from overstap.workflow.outcome import Done, Outcome, Progress, Retry, Stop, Wait
from overstap.workflow.run import JournalEntry, Run

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
ORDER = {"subscription_id": "s", "target_plan": "e3", "tenant_name": "Acme"}


@dataclass(frozen=True)
class Story:
    """A journal, the runs after each of its entries, and the moment at which it is looked at."""

    definition: Definition
    journal: list[JournalEntry]
    runs: list[Run]
    now: datetime


STORABLE = st.integers(-(2**63), 2**63 - 1)


@cache
def definitions() -> list[Definition]:
    """The workflows that are shipped."""
    return load_library(Settings().workflows, STEP_EVENTS).all()


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """A journal as workers, signals and deadlines write it, however late they come."""
    definition = draw(st.sampled_from(definitions()))
    decision = submit(definition, "r1", "acme", ORDER, "operator", START)
    journal, runs, now = [decision.entry], [decision.run], START
    for number in range(draw(_LENGTHS)):
        run = runs[-1]
        now += draw(_GAPS)
        inbox: list[Signal] = []
        if draw(_FOUR) == 0:
            event = draw(_events(definition))
            inbox = [Signal(f"s{number}", event, "so it is", "operator:ada", now - draw(_DELAYS))]
        match next_action(definition, run, inbox, now):
            case Perform(step=step):
                decision = settle(definition, run, _at(now, draw(_outcomes(step))), now)
            case Receive(signal=signal):
                decision = receive(definition, run, signal, now)
            case Discard(signal=signal):
                decision = discard(run, signal, now)
            case Expire():
                decision = expire(definition, run, now)
            case None:
                continue
        journal.append(decision.entry)
        runs.append(decision.run)
    return Story(definition, journal, runs, now + draw(_DELAYS))


# Made once: Hypothesis looks at each new strategy before it draws from it, which took longer than drawing.
_LENGTHS = st.integers(0, 40)
_GAPS = st.sampled_from([timedelta(0), timedelta(milliseconds=7), timedelta(minutes=3), timedelta(days=8)])
_DELAYS = st.sampled_from([timedelta(0), timedelta(seconds=40), timedelta(hours=2), timedelta(days=20)])
_FOUR = st.integers(0, 3)
_DATA = st.dictionaries(st.sampled_from("abc"), STORABLE | st.dictionaries(st.sampled_from("xy"), st.none()))
_IN_AN_HOUR = START + timedelta(hours=1)


@cache
def _events(definition: Definition) -> st.SearchStrategy[str]:
    return st.sampled_from(sorted(definition.events))


@cache
def _outcomes(step: str) -> st.SearchStrategy[Outcome]:
    """What a step may answer; moments are counted from the start."""
    events = st.sampled_from([None, None, *sorted(STEP_EVENTS[step])])
    return st.one_of(
        st.builds(Done, event=events, data=_DATA),
        st.builds(Progress, done=st.integers(0, 9), total=st.just(9), data=_DATA),
        st.builds(Retry, reason=st.just("rain")),
        st.builds(Stop, reason=st.just("snow"), data=_DATA),
        st.builds(Wait, until=st.sampled_from([None, _IN_AN_HOUR])),
    )


def _at(now: datetime, outcome: Outcome) -> Outcome:
    """An outcome as it is given at a moment."""
    if isinstance(outcome, Wait) and outcome.until is not None:
        return replace(outcome, until=outcome.until + (now - START))
    return outcome
