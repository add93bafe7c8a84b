"""Which runs can be carried to a newer version of their workflow, for every state and every kind of change (ADR 16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newer import Change, put, renamed, steps, turned, with_shipped, without_move, without_state, write_newer
from overstap.errors import BadInput
from overstap.steps import STEP_EVENTS
from overstap.workflow.decide import next_action, submit
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.fold import apply, fold
from overstap.workflow.mapping import Place, read_mapping
from overstap.workflow.run import JournalEntry, Kind, Run, Status
from overstap.workflow.versions import Around, Judgement, Verdict, judge, migrate

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIVE = ("submitted", "credit_check", "migrating", "escalated", "licenses_reassigned", "rolling_back")
ALL = [COMPATIBLE, NEEDS, BLOCKED, BUSY] = list(Judgement)
LOCKED = ["commerce", "portal", "licence"]

Newer = Callable[..., Definition]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_shipped(tmp_path_factory.mktemp("workflows"))


@pytest.fixture(scope="module")
def old(folder: Path) -> Definition:
    return load_definition(folder / "plan_change.v1.yaml", STEP_EVENTS)


@pytest.fixture(scope="module")
def newer(folder: Path) -> Newer:
    """A second version that differs from the first by these changes."""
    return lambda *changes: load_definition(write_newer(folder, *changes), STEP_EVENTS)


def run_in(old: Definition, state: str, **facts: Any) -> Run:
    """A live run in a state, ready to do its first step."""
    first = submit(old, "r1", "acme", {}, "operator", NOON).run
    deadline = old.states[state].deadline
    due = NOON + deadline.after if deadline else None
    return replace(first, state=state, visit=3, deadline_at=due, seq=4, **facts)


def at(old: Definition, state: str, step: str, **facts: Any) -> Run:
    return run_in(old, state, step=old.states[state].steps.index(step), **facts)


def verdict(old: Definition, new: Definition, run: Run, *maps: str, **around: Any) -> Verdict:
    return judge(old, new, run, Around(**around), read_mapping(maps, [old], new))


# --- every state, every kind of change --------------------------------------------------------------------------------

SAME: tuple[Change, ...] = ()
LATER_END = (steps("licenses_reassigned", "start_billing", "close_source", "notify_operators"),)
EARLIER_BEGIN = (steps("migrating", "notify_operators", "check_before_moving", "move_users", "reassign_licences"),)
OTHER_NAME = (renamed("escalated", "delayed"),)
NO_ESCALATION = (without_state("escalated", instead="rolling_back"),)
LONGER_WINDOW = (put("credit_check", deadline={"after": "30d", "event": "credit_window_expired"}),)
FEWER_LOCKS = (put("licenses_reassigned", locks=["commerce", "portal"]),)
NO_DEADLINE = (put("migrating", deadline=None), without_move("migrating", "migration_overdue"),
               without_state("escalated", instead="rolling_back"))  # fmt: skip
A_DEADLINE = (put("escalated", deadline={"after": "7d", "event": "migration_failed"}),)
NO_CANCELLING = (
    put("submitted", **{"await": None}), without_move("submitted", "cancel"),
    put("credit_check", **{"await": ["credit_approved", "credit_declined"]}), without_move("credit_check", "cancel"),
)  # fmt: skip
NEVER_CANCELLED = (turned("rolling_back", "withdrawn", "failed"),
                   lambda document: document["chart"]["states"].pop("cancelled"))  # fmt: skip
BILLING_FIRST = (steps("migrating", "start_billing", "check_before_moving", "move_users", "reassign_licences"),
                 steps("licenses_reassigned", "close_source"))  # fmt: skip
NO_CHECK = (steps("migrating", "move_users", "reassign_licences"), without_move("migrating", "not_eligible"))


@pytest.mark.parametrize(
    ("changes", "others"),
    [
        (SAME, {}),
        (LATER_END, {}),
        (EARLIER_BEGIN, {"migrating": BLOCKED}),
        (OTHER_NAME, {"escalated": NEEDS}),
        (NO_ESCALATION, {"escalated": NEEDS}),
        (LONGER_WINDOW, {}),
        (FEWER_LOCKS, {"licenses_reassigned": BLOCKED}),
        (NO_DEADLINE, {"migrating": BLOCKED, "escalated": NEEDS}),
        (A_DEADLINE, {"escalated": BLOCKED}),
        (NO_CANCELLING, {}),
        (NEVER_CANCELLED, dict.fromkeys(set(LIVE) - {"licenses_reassigned"}, BLOCKED)),
        (BILLING_FIRST, {"migrating": BLOCKED, "licenses_reassigned": NEEDS, "escalated": BLOCKED}),
    ],
    ids=["same", "step at the end", "step at the begin", "other name", "state gone", "longer window", "fewer locks",
         "no deadline", "a deadline", "no cancelling", "an end gone", "a step moved forward"],
)  # fmt: skip
def test_what_becomes_of_a_run_that_is_about_to_begin_a_state(
    old: Definition, newer: Newer, changes: tuple[Change, ...], others: Mapping[str, Judgement]
) -> None:
    new = newer(*changes)

    found = {state: verdict(old, new, run_in(old, state)) for state in LIVE}

    assert {state: others.get(state, COMPATIBLE) for state in LIVE} == {
        state: one.judgement for state, one in found.items()
    }
    for state, one in found.items():
        if one.judgement is COMPATIBLE:
            assert (state, old.states[state].steps[0], 0, "") == (one.state, one.step, one.index, one.reason)
        else:
            assert one.reason.endswith(".")
            assert one.state is None


# --- steps ------------------------------------------------------------------------------------------------------------


def test_a_present_step_is_found_by_its_name_wherever_it_stands_now(old: Definition, newer: Newer) -> None:
    new = newer(*NO_CHECK)

    found = verdict(old, new, at(old, "migrating", "move_users", chunk=2))

    assert (COMPATIBLE, "migrating", "move_users", 0) == (found.judgement, found.state, found.step, found.index)


def test_a_step_that_is_gone_needs_to_be_told_where_the_run_goes_on(old: Definition, newer: Newer) -> None:
    new = newer(*NO_CHECK)
    run = at(old, "migrating", "check_before_moving")

    assert NEEDS is verdict(old, new, run).judgement
    told = verdict(old, new, run, "migrating/check_before_moving=migrating/move_users")
    assert (COMPATIBLE, "move_users", 0) == (told.judgement, told.step, told.index)


def test_no_step_is_passed_over(old: Definition, newer: Newer) -> None:
    new = newer(*EARLIER_BEGIN)
    run = run_in(old, "migrating")

    blocked = verdict(old, new, run)
    assert BLOCKED is blocked.judgement
    assert "--map migrating/check_before_moving=migrating/notify_operators" in blocked.reason
    first = verdict(old, new, run, "migrating/check_before_moving=migrating/notify_operators")
    assert (COMPATIBLE, "notify_operators", 0) == (first.judgement, first.step, first.index)
    skipping = verdict(old, new, run, "migrating/check_before_moving=migrating/move_users")
    assert BLOCKED is skipping.judgement


@pytest.mark.parametrize("facts", [{"chunk": 1}, {"status": Status.WAITING}])
def test_a_step_that_has_begun_does_not_go_on_as_another_one(
    old: Definition, newer: Newer, facts: dict[str, Any]
) -> None:
    new = newer(
        steps("migrating", "check_before_moving", "notify_operators", "move_users", "reassign_licences"),
    )
    begun, maps = at(old, "migrating", "move_users", **facts), "migrating/move_users=migrating/notify_operators"

    assert BLOCKED is verdict(old, new, begun, maps).judgement
    assert COMPATIBLE is verdict(old, new, at(old, "migrating", "move_users"), maps).judgement


def test_a_step_that_is_done_is_not_done_again(old: Definition, newer: Newer) -> None:
    new = newer(steps("licenses_reassigned", "close_source", "start_billing"))

    assert BLOCKED is verdict(old, new, at(old, "licenses_reassigned", "close_source")).judgement


def test_a_step_that_moves_to_a_later_state_is_not_done_twice(old: Definition, newer: Newer) -> None:
    """Operators are told while the migration is late in v1, at the end in v2: a run in between may have told them."""
    new = newer(
        steps("escalated", "check_before_moving", "move_users", "reassign_licences"),
        steps("licenses_reassigned", "start_billing", "close_source", "notify_operators"),
    )

    assert COMPATIBLE is verdict(old, new, at(old, "migrating", "move_users")).judgement
    between = verdict(old, new, run_in(old, "licenses_reassigned"))
    assert BLOCKED is between.judgement
    assert "notify_operators comes later in v2" in between.reason


def test_a_step_that_moves_to_an_earlier_state_is_not_left_out(old: Definition, newer: Newer) -> None:
    new = newer(*BILLING_FIRST)

    reason = verdict(old, new, run_in(old, "escalated")).reason
    assert "start_billing comes earlier in v2" in reason


# --- effects ----------------------------------------------------------------------------------------------------------


@pytest.mark.rule("J7")
@pytest.mark.parametrize(
    ("status", "kept", "other_name"),
    [("intended", COMPATIBLE, BLOCKED), ("unknown", COMPATIBLE, BLOCKED), ("confirmed", COMPATIBLE, BLOCKED),
     ("refused", COMPATIBLE, COMPATIBLE)],
)  # fmt: skip
def test_an_effect_that_may_have_happened_keeps_the_names_in_its_key(
    old: Definition, newer: Newer, status: str, kept: Judgement, other_name: Judgement
) -> None:
    run = at(old, "escalated", "move_users", chunk=2)
    around = {"effects": {"r1:escalated:3:move_users:2": status, "r1:escalated:3:move_users:1": "confirmed"}}

    assert kept is verdict(old, newer(*LATER_END), run, **around).judgement
    renamed_state = verdict(old, newer(*OTHER_NAME), run, "escalated=delayed", **around)
    assert other_name is renamed_state.judgement


@pytest.mark.rule("J7")
def test_what_earlier_visits_did_does_not_hold_a_run_back(old: Definition, newer: Newer) -> None:
    effects = {"r1:migrating:2:move_users": "unknown", "r1:escalated:3:move_users": "confirmed"}
    run = at(old, "escalated", "move_users", chunk=1)

    assert COMPATIBLE is verdict(old, newer(*OTHER_NAME), run, "escalated=delayed", effects=effects).judgement


# --- what comes from outside ------------------------------------------------------------------------------------------


def test_a_signal_in_the_inbox_is_still_awaited_somewhere_ahead(old: Definition, newer: Newer) -> None:
    new, run = newer(*NO_CANCELLING), run_in(old, "submitted")

    assert BLOCKED is verdict(old, new, run, pending=("cancel",)).judgement
    assert COMPATIBLE is verdict(old, new, run, pending=("credit_approved",)).judgement
    assert COMPATIBLE is verdict(old, new, run, pending=("nobody_awaits_that",)).judgement


def test_what_a_waiting_run_waits_for_can_still_come(old: Definition, newer: Newer) -> None:
    new = newer(*NO_CANCELLING)

    waiting = verdict(old, new, run_in(old, "credit_check", status=Status.WAITING, wake_at=None))
    assert BLOCKED is waiting.judgement
    assert "does not await cancel" in waiting.reason


def test_a_run_in_the_hands_of_a_worker_is_told_so_only_where_it_could_be_carried(
    old: Definition, newer: Newer
) -> None:
    found = verdict(old, newer(*FEWER_LOCKS), run_in(old, "migrating"), held_by="w1")
    assert BUSY is found.judgement
    assert "w1" in found.reason
    assert BLOCKED is verdict(old, newer(*FEWER_LOCKS), run_in(old, "licenses_reassigned"), held_by="w1").judgement


def test_a_run_whose_own_version_is_not_here_cannot_be_compared(old: Definition, newer: Newer) -> None:
    new, run = newer(*SAME), run_in(old, "migrating")

    assert BLOCKED is judge(None, new, run, Around(), {}).judgement
    assert BLOCKED is judge(old, new, replace(run, digest="another"), Around(), {}).judgement


def test_a_map_that_leads_nowhere_is_told(old: Definition, newer: Newer) -> None:
    new, run = newer(*SAME), run_in(old, "migrating")

    for target in (Place("nowhere"), Place("completed"), Place("escalated", "nothing")):
        told = judge(old, new, run, Around(), {Place("migrating", target.step and "check_before_moving"): target})
        assert BLOCKED is told.judgement


# --- maps -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maps", "told"),
    [
        (["escalated"], "write OLD=NEW"),
        (["escalated="], "write OLD=NEW"),
        (["=delayed"], "write OLD=NEW"),
        (["a=b=c"], "write OLD=NEW"),
        (["escalated/move_users=delayed"], "write OLD=NEW"),
        (["a/b/c=d/e/f"], "write OLD=NEW"),
        (["escaleted=delayed"], "no older version of plan_change has state escaleted; states are credit_check, esc"),
        (["escalated=delaied"], "plan_change v2 has no state delaied; states are credit_check, delayed, "),
        (["escalated/move=delayed/move_users"], "step move in a state escalated; the steps there are check_before_"),
        (["escalated/move_users=delayed/move"], "has no step move in a state delayed; the steps there are check_"),
        (["escalated=completed"], "completed is an end"),
        (["escalated=delayed", "escalated=migrating"], "escalated is mapped twice, to delayed and to migrating"),
    ],
)
def test_a_map_that_cannot_be_used_is_told(old: Definition, newer: Newer, maps: list[str], told: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_mapping(maps, [old], newer(*OTHER_NAME))

    assert told in str(refused.value)


# --- the migration itself ---------------------------------------------------------------------------------------------

VARIANTS = [SAME, LATER_END, EARLIER_BEGIN, OTHER_NAME, NO_ESCALATION, LONGER_WINDOW, FEWER_LOCKS, NO_DEADLINE,
            A_DEADLINE, NO_CANCELLING, NEVER_CANCELLED, BILLING_FIRST, NO_CHECK]  # fmt: skip


@pytest.fixture(scope="module")
def variants(newer: Newer) -> list[Definition]:
    return [newer(*changes) for changes in VARIANTS]


@pytest.mark.rule("J6")
@given(data=st.data())
def test_a_run_that_is_carried_has_its_place_its_window_and_its_ends(
    old: Definition, variants: list[Definition], data: st.DataObject
) -> None:
    new = data.draw(st.sampled_from(variants))
    state = data.draw(st.sampled_from(LIVE))
    step = data.draw(st.sampled_from(range(len(old.states[state].steps))))
    status = data.draw(st.sampled_from([Status.READY, Status.WAITING, Status.RETRYING, Status.STUCK]))
    wake_at = data.draw(st.sampled_from([None, NOON]))
    chunk = data.draw(st.integers(0, 2))
    run = run_in(old, state, step=step, status=status, wake_at=wake_at, chunk=chunk, data={"users": 3}, held="why")
    maps = data.draw(
        st.sampled_from([{}, {Place("escalated"): Place("delayed")}, {Place("escalated"): Place("migrating")}])
    )
    found = judge(old, new, run, Around(), maps)
    if found.judgement is not COMPATIBLE:
        with pytest.raises(ValueError, match=str(found.judgement)):
            migrate(new, run, found, "why", "operator", NOON)
        return

    decision = migrate(new, run, found, "why", "operator", NOON)

    carried = decision.run
    assert carried == apply(run, decision.entry)
    assert (new.version, new.digest) == (carried.version, carried.digest)
    assert found.step == new.states[carried.state].steps[carried.step]
    if not maps:
        assert old.states[state].steps[step] == found.step
    same = {"version": old.version, "digest": old.digest, "state": state, "step": step}
    assert run == replace(carried, **same, updated_at=run.updated_at, seq=run.seq, head=run.head)
    assert old.ends(state) <= new.ends(carried.state)
    assert old.states[state].locks <= new.states[carried.state].locks
    next_action(new, carried, [], NOON + timedelta(days=30))


@pytest.mark.rule("J6")
def test_the_journal_folds_over_a_migration(old: Definition, newer: Newer) -> None:
    new = newer(renamed("submitted", "ordered"))
    first = submit(old, "r1", "acme", {}, "operator", NOON)
    found = verdict(old, new, first.run, "submitted=ordered")

    second = migrate(new, first.run, found, "a better way", "operator:ann", NOON)

    assert fold([first.entry, second.entry]) == second.run
    expected = JournalEntry(
        run_id="r1", seq=2, at=NOON, kind=Kind.MIGRATED, from_state="submitted", to_state="ordered",
        actor="operator:ann",
        data={"reason": "a better way", "from_version": 1, "version": 2, "digest": new.digest, "step": 0},
    )  # fmt: skip
    assert expected == replace(second.entry, hash="")
