"""Random journals of the shipped workflows, made by the functions that decide, for laws that hold for every journal."""

from __future__ import annotations

from dataclasses import dataclass
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
    for number in range(draw(st.integers(0, 40))):
        run = runs[-1]
        now += draw(st.sampled_from([timedelta(0), timedelta(milliseconds=7), timedelta(minutes=3), timedelta(days=8)]))
        inbox: list[Signal] = []
        if draw(st.integers(0, 3)) == 0:
            event = draw(st.sampled_from(sorted(definition.events)))
            inbox = [Signal(f"s{number}", event, "so it is", "operator:ada", now - draw(st.sampled_from(_DELAYS)))]
        match next_action(definition, run, inbox, now):
            case Perform(step=step):
                decision = settle(definition, run, draw(_outcomes(step, now)), now)
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
    return Story(definition, journal, runs, now + draw(st.sampled_from(_DELAYS)))


_DELAYS = [timedelta(0), timedelta(seconds=40), timedelta(hours=2), timedelta(days=20)]


def _outcomes(step: str, now: datetime) -> st.SearchStrategy[Outcome]:
    events = st.sampled_from([None, None, *sorted(STEP_EVENTS[step])])
    data = st.dictionaries(st.sampled_from("abc"), STORABLE | st.dictionaries(st.sampled_from("xy"), st.none()))
    return st.one_of(
        st.builds(Done, event=events, data=data),
        st.builds(Progress, done=st.integers(0, 9), total=st.just(9), data=data),
        st.builds(Retry, reason=st.just("rain")),
        st.builds(Stop, reason=st.just("snow"), data=data),
        st.builds(Wait, until=st.sampled_from([None, now + timedelta(hours=1)])),
    )
