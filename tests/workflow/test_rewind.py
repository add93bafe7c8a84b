"""Where a run may be put back to: computed from the workflow's structure, for every pair of its states."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from overstap.settings import data_path
from overstap.steps import STEP_EVENTS
from overstap.workflow.decide import Signal, receive, record, settle, submit
from overstap.workflow.definition import Definition
from overstap.workflow.files import load_library
from overstap.workflow.fold import fold
from overstap.workflow.outcome import Done, Retry
from overstap.workflow.replay import DeadlinePolicy, put_back
from overstap.workflow.rewind import NotReplayable, rewind, unsafe, way
from overstap.workflow.run import JournalEntry, Kind, Run

LIBRARY = load_library(data_path("workflows"), STEP_EVENTS)
CHANGE, MANUAL = LIBRARY.latest("plan_change"), LIBRARY.latest("manual_change")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEEP = DeadlinePolicy.parse("keep")

SAME_WORK = {
    "migrating": {"migrating"},
    "escalated": {"migrating", "escalated"},
    "licenses_reassigned": {"licenses_reassigned"},
    "rolling_back": {"rolling_back"},
}
ALLOWED = {
    "plan_change": SAME_WORK,
    "manual_change": {
        **SAME_WORK,
        "submitted": {"submitted"},
        "acknowledgement": {"acknowledgement"},
        "backup": {"submitted", "acknowledgement", "backup"},
        "preparing": {"submitted", "acknowledgement", "backup"},
        "domain_removal": {"submitted", "acknowledgement", "backup", "preparing", "domain_removal"},
        "buying": {"buying"},
        "domain_return": {"licenses_reassigned", "domain_return"},
        "domain_overdue": {"licenses_reassigned", "domain_return", "domain_overdue", "adding_domains"},
        "adding_domains": {"licenses_reassigned", "domain_return", "domain_overdue"},
    },
}
"""Present state -> the states that its last step may go back to some earlier step of."""


def working(definition: Definition) -> list[str]:
    return [name for name, spec in definition.states.items() if spec.steps]


def earlier_places(definition: Definition, present: str) -> list[tuple[str, int]]:
    """Every step of every state by which a run may have come to the last step of this one."""
    last = len(definition.states[present].steps) - 1
    return [
        (state, step)
        for state in working(definition)
        if present in definition.reachable(state)
        for step in range(len(definition.states[state].steps))
        if (state, step) < (present, last) or state != present
    ]


def last(definition: Definition, state: str) -> tuple[str, int]:
    return state, len(definition.states[state].steps) - 1


@pytest.mark.parametrize("definition", [CHANGE, MANUAL], ids=lambda one: one.name)
def test_where_the_structure_lets_a_run_go_back_to(definition: Definition) -> None:
    found: dict[str, set[str]] = {}
    for present in working(definition):
        for target in earlier_places(definition, present):
            if unsafe(definition, STEP_EVENTS, last(definition, present), target) is None:
                found.setdefault(present, set()).add(target[0])

    assert ALLOWED[definition.name] == found


@pytest.mark.rule("R15", "R17", "R35", "J4")
@pytest.mark.parametrize("definition", [CHANGE, MANUAL], ids=lambda one: one.name)
def test_going_back_opens_neither_an_end_nor_a_lock(definition: Definition) -> None:
    states = definition.states
    for present, target in product(working(definition), repeat=2):
        for step in range(len(states[target].steps)):
            if unsafe(definition, STEP_EVENTS, last(definition, present), (target, step)) is None:
                assert states[present].locks <= states[target].locks
                assert definition.ends(target) <= definition.ends(present)


@pytest.mark.parametrize(
    ("present", "target", "why"),
    [
        (("migrating", 1), ("submitted", 0), "migrating locks commerce, licence, portal and submitted does not"),
        (("submitted", 1), ("submitted", 0), "it could end as failed without rolling_back"),
        (("licenses_reassigned", 0), ("migrating", 1), "it could end as cancelled, which is ruled out by now"),
        (("rolling_back", 0), ("escalated", 2), "it could end as completed, which is ruled out by now"),
    ],
)
def test_a_refusal_says_what_stands_in_the_way(present: tuple[str, int], target: tuple[str, int], why: str) -> None:
    assert why in str(unsafe(CHANGE, STEP_EVENTS, present, target))


class Story:
    """A run whose steps answer as it is told."""

    def __init__(self, definition: Definition = CHANGE) -> None:
        self.definition = definition
        first = submit(definition, "r1", "t1", {"subscription_id": "s", "target_plan": "e3"}, "operator", NOON)
        self.journal: list[JournalEntry] = [first.entry]
        self.run: Run = first.run
        self.now = NOON

    def answers(self, *outcomes: Done | Retry) -> Story:
        for outcome in outcomes:
            self.now += timedelta(minutes=1)
            decision = settle(self.definition, self.run, outcome, self.now)
            self.run = decision.run
            self.journal.append(decision.entry)
        return self

    def is_sent(self, event: str) -> Story:
        signal = Signal("s1", event, "said so", "operator", self.now)
        decision = receive(self.definition, self.run, signal, self.now)
        self.run = decision.run
        self.journal.append(decision.entry)
        return self

    def goes_back_to(self, wanted: str) -> Story:
        place = rewind(self.definition, STEP_EVENTS, self.run, self.journal, wanted)
        decision = put_back(
            self.definition, self.run, place, KEEP, plan="p", actor="operator", reason="why", now=self.now
        )
        self.run = decision.run
        self.journal.append(decision.entry)
        return self


def test_a_run_goes_back_to_an_earlier_step_of_its_state_in_the_same_visit() -> None:
    story = Story().answers(Done(), Done("order_accepted"), Done(), Done(), Retry("no"))

    story.goes_back_to("check_before_moving")

    assert ("migrating", 2, 0, 0) == (story.run.state, story.run.visit, story.run.step, story.run.chunk)
    assert story.run == fold(story.journal)


def test_the_step_where_it_is_keeps_its_chunk() -> None:
    story = Story().answers(Done(), Done("order_accepted"), Done(), Retry("no"))
    assert rewind(CHANGE, STEP_EVENTS, story.run, story.journal, "move_users").step == story.run.step == 1


def test_what_a_rewind_left_behind_is_not_on_the_way_any_more() -> None:
    story = Story(MANUAL).answers(Done(), Done("no_acknowledgement_needed"), Done("domains_to_remove"), Done())
    assert ["submitted", "preparing", "domain_removal"] == [stay.state for stay in way(story.journal)]

    story.goes_back_to("look_for_domains")
    assert ["submitted", "preparing"] == [stay.state for stay in way(story.journal)]
    with pytest.raises(NotReplayable, match="is not in its history: it came through submitted, preparing"):
        story.goes_back_to("remind")


def test_what_somebody_said_is_not_taken_back() -> None:
    story = Story(MANUAL).answers(Done(), Done("acknowledgement_needed"), Done()).is_sent("acknowledged")
    with pytest.raises(NotReplayable, match="by the signal acknowledged"):
        story.goes_back_to("submitted/check_preconditions")


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ("reassign_licences", "comes later than migrating/move_users"),
        ("start_billing", "is not in its history: it came through submitted, migrating"),
        ("escalated/move_users", "is not in its history"),
    ],
)
def test_a_run_goes_only_where_it_has_been(wanted: str, why: str) -> None:
    story = Story().answers(Done(), Done("order_accepted"), Done(), Retry("no"))
    with pytest.raises(NotReplayable, match=why):
        story.goes_back_to(wanted)


@pytest.mark.rule("J7")
def test_a_run_does_not_go_back_over_a_migration_that_may_have_renamed_its_effects() -> None:
    story = Story().answers(Done(), Done("order_accepted"), Done(), Retry("no"))
    data = {"version": 2, "digest": "d", "step": story.run.step}
    decision = record(story.run, Kind.MIGRATED, story.now, actor="operator", data=data)
    story.run, story.journal = decision.run, [*story.journal, decision.entry]

    assert story.run.step == rewind(CHANGE, STEP_EVENTS, story.run, story.journal, "move_users").step
    with pytest.raises(NotReplayable, match="carried to v2 of its workflow"):
        story.goes_back_to("check_before_moving")


def test_an_ended_run_stays_ended() -> None:
    story = Story().answers(Done("not_eligible"))
    with pytest.raises(NotReplayable, match="it has ended"):
        story.goes_back_to("check_preconditions")


@pytest.mark.rule("R34")
@pytest.mark.parametrize("policy", ["reset", "extend:1h"])
def test_a_deadline_that_the_rules_fix_can_only_be_kept(policy: str) -> None:
    story = Story().answers(Done(), Done("credit_required"), Retry("no"))
    place = rewind(CHANGE, STEP_EVENTS, story.run, story.journal, "request_credit")

    with pytest.raises(NotReplayable, match="fixed at 14d"):
        DeadlinePolicy.parse(policy).applied(CHANGE, place, story.now)
    assert story.run.deadline_at == KEEP.applied(CHANGE, place, story.now)


def test_what_becomes_of_a_deadline() -> None:
    story = Story().answers(Done(), Done("order_accepted"), Done(), Retry("no"))
    place = rewind(CHANGE, STEP_EVENTS, story.run, story.journal, "move_users")
    old, hour = story.run.deadline_at, timedelta(hours=1)
    assert old is not None

    def given(policy: str, now: datetime) -> datetime | None:
        return DeadlinePolicy.parse(policy).applied(CHANGE, place, now)

    assert (old, story.now + hour, old + 2 * hour) == tuple(
        given(one, story.now) for one in ("keep", "reset", "extend:2h")
    )
    assert old + 3 * hour == given("extend:2h", old + hour)
    with pytest.raises(NotReplayable, match="say --deadline reset or extend:DURATION"):
        given("keep", old)
