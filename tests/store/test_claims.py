"""Who holds a run, and whose writing counts (design §4.2, §4.5); every law on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from overstap.errors import Conflict, NotFound
from overstap.store import commits
from overstap.store.batch import Claim, Intent, Settlement
from overstap.store.claims import Claims
from overstap.store.database import CLASHES, Database
from overstap.store.runs import ActiveChange, Runs
from overstap.workflow.decide import Decision, Signal, receive, settle, submit
from overstap.workflow.definition import Definition
from overstap.workflow.fold import fold
from overstap.workflow.outcome import Done, Progress, Retry
from overstap.workflow.pauses import Pause, Scope
from overstap.workflow.run import Run, Status

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Submit = Callable[..., Run]


def settlement(claim: Claim, decision: Decision, *, keep: bool = False) -> Settlement:
    return Settlement(claim, decision.run, [decision.entry], keep=keep)


def signal(event: str, at: datetime = NOON) -> Signal:
    return Signal(id=f"signal-{event}", event=event, reason="asked for", actor="operator", at=at)


def test_the_longest_due_is_claimed_first_and_no_more_than_asked(claims: Claims, submitted: Submit) -> None:
    for number, after in ((1, 30), (2, 10), (3, 20), (4, 90)):
        submitted(number, after=after)

    taken = claims.claim("ann", 2, NOON + MINUTE, NOON + 2 * MINUTE)

    assert ["r002", "r003"] == [claim.run.id for claim in taken]


def test_what_is_not_due_yet_is_not_claimed(claims: Claims, submitted: Submit) -> None:
    submitted(1, after=61)

    assert [] == claims.claim("ann", 10, NOON + MINUTE, NOON + 2 * MINUTE)


def test_a_claimed_run_is_left_alone_until_its_claim_runs_out(claims: Claims, submitted: Submit) -> None:
    submitted(1)
    (first,) = claims.claim("ann", 10, NOON, NOON + MINUTE)

    assert [] == claims.claim("bob", 10, NOON + 0.9 * MINUTE, NOON + 2 * MINUTE)
    (second,) = claims.claim("bob", 10, NOON + MINUTE, NOON + 2 * MINUTE)
    assert second.token > first.token


def test_a_late_writer_loses_and_writes_nothing(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (late,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    (current,) = claims.claim("bob", 10, NOON + MINUTE, NOON + 2 * MINUTE)
    before = (runs.get("r001"), runs.journal("r001"))

    decision = settle(definition, late.run, Done(), NOON + MINUTE)
    intent = Intent(late, "r001:walking:1:walk", "walk", {})
    committed = claims.commit([settlement(late, decision)], [intent], NOON + MINUTE)

    assert {"r001": "bob"} == committed.lost
    assert before == (runs.get("r001"), runs.journal("r001"))
    assert [] == runs.effects("r001")
    assert {} == claims.renew([current], NOON + 3 * MINUTE)
    assert {"r001": "bob"} == claims.renew([late], NOON + 3 * MINUTE)
    assert {"r001": "bob"} == claims.release([late])


def test_elapsed_time_alone_frees_no_claim(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)

    much_later = NOON + timedelta(days=3)
    committed = claims.commit([settlement(claim, settle(definition, claim.run, Done(), much_later))], [], much_later)

    assert {} == committed.lost
    assert "waiting" == runs.get("r001").run.state


def test_one_claim_advances_a_run_only_once(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    work = settlement(claim, settle(definition, claim.run, Progress(1, 2), NOON), keep=True)

    first = claims.commit([work], [], NOON)
    again = claims.commit([work], [], NOON)

    assert ["r001"] == [kept.run.id for kept in first.kept]
    assert 2 == len(runs.journal("r001"))
    assert ({}, first.kept) == (again.lost, again.kept)  # its answer was lost: it goes on


def test_a_claim_does_not_go_on_where_another_decision_was_committed_or_nothing_was_kept(
    claims: Claims, submitted: Submit, definition: Definition
) -> None:
    for number in (1, 2, 3):
        submitted(number)
    one, two, three = claims.claim("ann", 10, NOON, NOON + MINUTE)
    progress = settle(definition, one.run, Progress(1, 2), NOON)
    let_go = settlement(two, settle(definition, two.run, Progress(1, 2), NOON))
    kept = settlement(three, settle(definition, three.run, Progress(1, 2), NOON), keep=True)
    claims.commit([settlement(one, progress, keep=True), let_go, kept], [], NOON)
    other = settlement(one, settle(definition, one.run, Progress(1, 3), NOON), keep=True)

    first = claims.commit([other, let_go], [], NOON)
    claims.claim("bob", 10, NOON + MINUTE, NOON + 2 * MINUTE)
    later = claims.commit([kept], [], NOON + MINUTE)

    assert [] == first.kept + later.kept
    assert {"r001": "ann", "r002": None} == first.lost
    assert {"r003": "bob"} == later.lost


@pytest.fixture
def made_ready(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The ids of the runs of each batch that is made ready."""
    batches: list[list[str]] = []
    prepared = commits._prepared

    def noted(settlements: Sequence[Settlement], *more: Any) -> commits.Prepared:
        batches.append([item.claim.run.id for item in settlements])
        return prepared(settlements, *more)

    monkeypatch.setattr(commits, "_prepared", noted)
    return batches


def test_a_batch_made_ready_is_committed_as_any_other_and_made_ready_once(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition, made_ready: list[list[str]]
) -> None:
    for number in (1, 2):
        submitted(number)
    work = [
        settlement(claim, settle(definition, claim.run, Progress(1, 2), NOON), keep=keep)
        for claim, keep in zip(claims.claim("ann", 10, NOON, NOON + MINUTE), (True, False), strict=True)
    ]

    claims.prepare(work[::-1], NOON)
    assert [["r001", "r002"]] == made_ready
    done = claims.commit(work[::-1], [], NOON)

    assert [["r001", "r002"]] == made_ready
    assert (["r001"], ["r002"]) == ([one.run.id for one in done.kept], [one.id for one in done.released])
    for run_id in ("r001", "r002"):
        assert fold(runs.journal(run_id)) == runs.get(run_id).run
        assert 2 == len(runs.journal(run_id))


@pytest.mark.parametrize("ready", [[0], [0, 1], [1, 0]], ids=["another", "one more before", "one more behind"])
def test_what_was_made_ready_for_another_batch_is_not_written_and_is_kept_for_its_own(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition, made_ready: list[list[str]], ready: list[int]
) -> None:
    for number in (1, 2):
        submitted(number)
    both = [
        settlement(claim, settle(definition, claim.run, Progress(1, 2), NOON))
        for claim in claims.claim("ann", 10, NOON, NOON + MINUTE)
    ]
    claims.prepare([both[number] for number in ready], NOON)

    claims.commit([both[1]], [], NOON)
    assert [1, 2] == [len(runs.journal(run_id)) for run_id in ("r001", "r002")]

    made_ready.clear()
    claims.commit([both[number] for number in ready], [], NOON)
    assert 2 == len(runs.journal("r001"))
    assert (ready == [0]) == (made_ready == [])  # else one was done meanwhile, and the other is made ready anew


def test_a_batch_made_ready_does_not_undo_the_renewal_of_its_claims(
    claims: Claims, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    work = settlement(claim, settle(definition, claim.run, Progress(1, 2), NOON), keep=True)
    claims.prepare([work], NOON)
    claims.renew([claim], NOON + 3 * MINUTE)

    (kept,) = claims.commit([work], [], NOON).kept

    assert NOON + 3 * MINUTE == kept.until
    assert [] == claims.claim("bob", 10, NOON + 2 * MINUTE, NOON + 4 * MINUTE)


def test_a_signal_overtakes_a_batch_made_ready_before_it(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition, made_ready: list[list[str]]
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    work = settlement(claim, settle(definition, claim.run, Done(), NOON))
    claims.prepare([work], NOON)
    assert [["r001"]] == made_ready
    runs.signal("r001", signal("called_back"), acceptable=["walking"])

    done = claims.commit([work], [], NOON)

    assert ["called_back"] == [one.event for claim in done.overtaken for one in claim.signals]
    assert 1 == len(runs.journal("r001"))


def test_what_a_pause_parks_is_not_made_ready(
    claims: Claims, submitted: Submit, definition: Definition, made_ready: list[list[str]]
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    work = settlement(claim, settle(definition, claim.run, Progress(1, 2), NOON))
    work.parked_by = Pause(Scope.STEP, "walk", "", "ann", NOON)

    claims.prepare([work], NOON)

    assert [] == made_ready


def test_a_commit_whose_answer_was_lost_goes_on_and_a_signal_since_then_overtakes_the_next_one(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    for number in (1, 2):
        submitted(number)
    first, second = claims.claim("ann", 10, NOON, NOON + MINUTE)
    work = settlement(first, settle(definition, first.run, Progress(1, 2), NOON), keep=True)
    claims.commit([work], [], NOON)
    runs.signal("r001", signal("called_back"), acceptable=["walking"])

    both = claims.commit([work, settlement(second, settle(definition, second.run, Done(), NOON))], [], NOON)
    (kept,) = both.kept
    more = claims.commit([settlement(kept, settle(definition, kept.run, Progress(2, 2), NOON), keep=True)], [], NOON)

    assert ["r002"] == [run.id for run in both.released]
    assert ["called_back"] == [one.event for claim in more.overtaken for one in claim.signals]
    assert 2 == len(runs.journal("r001"))


@pytest.mark.rule("J6")
def test_the_stored_run_is_its_journal_folded(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    for outcome in (Retry("no line"), Progress(1, 3, {"street": "Dam"}), Done(data={"shop": "open", "n": 1.5})):
        (claim,) = claims.commit(
            [settlement(claim, settle(definition, claim.run, outcome, NOON + MINUTE), keep=True)],
            [],
            NOON,
        ).kept

    assert fold(runs.journal("r001")) == runs.get("r001").run
    assert {"street": "Dam", "shop": "open", "n": 1.5} == runs.get("r001").run.data


def test_a_released_run_is_due_at_its_own_time(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    decision = settle(definition, claim.run, Done(), NOON)

    committed = claims.commit([settlement(claim, decision)], [], NOON)

    stored = runs.get("r001")
    assert ["r001"] == [run.id for run in committed.released]
    assert (None, None, NOON + timedelta(hours=1)) == (stored.claimed_by, stored.claim_until, stored.due_at)
    assert Status.WAITING == stored.run.status


def test_a_claim_given_back_is_due_as_before(claims: Claims, runs: Runs, submitted: Submit) -> None:
    submitted(1)
    due_at = runs.get("r001").due_at
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)

    claims.release([claim])

    assert (due_at, None) == (runs.get("r001").due_at, runs.get("r001").claimed_by)
    assert {"r001": None} == claims.release([claim])


def test_a_claim_given_back_with_an_unread_signal_is_due_at_once(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    claims.commit([settlement(claim, settle(definition, claim.run, Done(), NOON))], [], NOON)
    runs.signal("r001", signal("served"), acceptable=["waiting"])
    (woken,) = claims.claim("ann", 10, NOON, NOON + MINUTE)

    claims.release([woken])

    assert ["r001"] == [one.run.id for one in claims.claim("bob", 10, NOON, NOON + MINUTE)]


def test_a_signal_wakes_a_parked_run(claims: Claims, runs: Runs, submitted: Submit, definition: Definition) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    claims.commit([settlement(claim, settle(definition, claim.run, Done(), NOON))], [], NOON)

    runs.signal("r001", signal("served"), acceptable=["walking", "waiting"])

    (woken,) = claims.claim("bob", 10, NOON, NOON + MINUTE)
    assert ["served"] == [one.event for one in woken.signals]


def test_a_decision_that_a_signal_overtook_is_not_written_and_comes_back_with_it(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    runs.signal("r001", signal("served"), acceptable=["walking", "waiting"])

    decided = settlement(claim, settle(definition, claim.run, Done(), NOON))
    first = claims.commit([decided], [], NOON)

    (fresh,) = first.overtaken
    assert ["served"] == [one.event for one in fresh.signals]
    assert 1 == len(runs.journal("r001"))
    arrived = settle(definition, fresh.run, Done(), NOON)
    served = receive(definition, arrived.run, fresh.signals[0], NOON)
    both = Settlement(fresh, served.run, [arrived.entry, served.entry], settled=["signal-served"])
    assert ["r001"] == [run.id for run in claims.commit([both], [], NOON).released]
    assert [] == runs.pending_signals("r001")


def test_an_effect_that_a_signal_overtook_is_not_recorded(claims: Claims, runs: Runs, submitted: Submit) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    runs.signal("r001", signal("called_back"), acceptable=["walking"])

    committed = claims.commit([], [Intent(claim, "key", "buy", {})], NOON)

    assert ["r001"] == [one.run.id for one in committed.overtaken]
    assert {} == committed.effects
    assert [] == runs.effects("r001")


def test_a_signal_that_is_not_acceptable_is_refused_and_not_kept(runs: Runs, submitted: Submit) -> None:
    submitted(1)

    with pytest.raises(Conflict, match="accepted only in waiting"):
        runs.signal("r001", signal("served"), acceptable=["waiting"])
    with pytest.raises(NotFound, match="no run 'nope'"):
        runs.signal("nope", signal("served"), acceptable=["waiting"])
    assert [] == runs.pending_signals("r001")


@pytest.mark.rule("J7")
def test_an_effect_is_recorded_once_and_keeps_its_first_request(claims: Claims, submitted: Submit) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)

    first = claims.commit([], [Intent(claim, "key", "buy", {"seats": 3})], NOON).effects["key"]
    again = claims.commit([], [Intent(claim, "key", "buy", {"seats": 4})], NOON).effects["key"]

    assert (True, False) == (first.fresh, again.fresh)
    assert {"seats": 3} == again.request


def test_an_effect_is_settled_with_its_step(
    claims: Claims, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    record = claims.commit([], [Intent(claim, "key", "buy", {})], NOON).effects["key"]
    done = replace(record, status="confirmed", response={"order": "o1"})

    decision = settle(definition, claim.run, Done(), NOON)
    claims.commit([Settlement(claim, decision.run, [decision.entry], effects=[done])], [], NOON)

    assert [("confirmed", {"order": "o1"})] == [(one.status, one.response) for one in runs.effects("r001")]


def test_runs_of_an_unknown_version_are_left_to_others(database: Database, submitted: Submit) -> None:
    submitted(1)

    assert [] == Claims(database, [("errand", 2)]).claim("ann", 10, NOON, NOON + MINUTE)


@pytest.mark.rule("J3")
def test_a_tenant_has_one_active_run_and_the_refusal_names_it(runs: Runs, submitted: Submit) -> None:
    submitted(1, tenant="acme")

    with pytest.raises(ActiveChange, match="r001"):
        submitted(2, tenant="acme")
    assert ["r001"] == runs.all_ids()


@pytest.mark.rule("J7")
def test_an_idempotency_key_is_taken_once(runs: Runs, submitted: Submit) -> None:
    submitted(1, key="monday")

    with pytest.raises(Conflict, match="monday"):
        submitted(2, key="monday")
    assert ["r001"] == runs.all_ids()


def test_a_new_run_that_the_database_refuses_for_no_known_reason_is_given_up(
    runs: Runs, definition: Definition, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []
    write = runs._write_new

    def counted(row: Any, counts: Any, entry: Any, tenant_id: str) -> None:
        tries.append(tenant_id)
        assert len(tries) < 10
        write([None, *row[1:]], counts, entry, tenant_id)  # as if the id were missing

    monkeypatch.setattr(runs, "_write_new", counted)
    order = {"subscription_id": "s", "target_plan": "e3"}

    with pytest.raises(CLASHES):
        runs.insert(submit(definition, "r001", "t1", order, "operator", NOON), None)

    assert 3 == len(tries)
    assert [] == runs.all_ids()


def test_a_new_run_is_written_where_its_rival_has_ended_meanwhile(
    runs: Runs, submitted: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, rivals = runs._write_new, iter([1, 2])

    def contested(*given: Any) -> None:
        if next(rivals, None):
            raise IntegrityError("INSERT", {}, ValueError("run_active"))
        write(*given)

    monkeypatch.setattr(runs, "_write_new", contested)
    submitted(1)

    assert ["r001"] == runs.all_ids()


def test_many_claimers_never_get_the_same_run(claims: Claims, submitted: Submit) -> None:
    for number in range(60):
        submitted(number)
    taken: list[str] = []

    def take(worker: str) -> None:
        while got := claims.claim(worker, 7, NOON, NOON + MINUTE):
            taken.extend(claim.run.id for claim in got)

    threads = [threading.Thread(target=take, args=(f"worker-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == [f"r{number:03}" for number in range(60)]


def test_idle_means_nothing_due_and_nothing_held(claims: Claims, submitted: Submit) -> None:
    submitted(1, after=120)
    assert claims.idle(NOON, NOON + MINUTE)
    assert NOON + timedelta(seconds=120) == claims.next_due(NOON)

    later = NOON + timedelta(seconds=120)
    assert not claims.idle(later, later + MINUTE)
    (claim,) = claims.claim("ann", 1, later, later + MINUTE)
    assert not claims.idle(later, later + MINUTE)
    claims.release([claim])
    assert not claims.idle(later, later + MINUTE)
