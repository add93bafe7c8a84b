"""What somebody did to the record with plain SQL is found and named, on both databases."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text

from overstap.app.auditing import Auditing, AuditReport
from overstap.clock import VirtualClock
from overstap.errors import BadInput, Refused
from overstap.settings import Settings
from overstap.steps import STEP_EVENTS
from overstap.store import checkpoints
from overstap.store.acts import advance
from overstap.store.acts_log import ACT, record_act
from overstap.store.chains import CHECKPOINT, HEAD, Chains
from overstap.store.checkpoints import Checkpoints
from overstap.store.database import Database
from overstap.store.runs import Runs
from overstap.workflow.breaches import What, first_breach
from overstap.workflow.decide import Signal, discard, submit
from overstap.workflow.files import load_library

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLAN_CHANGE = load_library(Settings().workflows, STEP_EVENTS).latest("plan_change")
ENTRIES = 6


class Record:
    """The record of three runs with six entries each, `R1` to `R3`, and of four acts."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = VirtualClock(NOON)
        self.auditing = Auditing(Chains(database), Checkpoints(database), self.clock)
        self.runs = Runs(database)

    def submit(self, run_id: str, entries: int = ENTRIES) -> None:
        order = {"subscription_id": "s", "target_plan": "e3", "price": 4.0}
        self.runs.insert(submit(PLAN_CHANGE, run_id, f"tenant of {run_id}", order, "operator", self.clock.now()), None)
        self.go_on(run_id, entries - 1)

    def go_on(self, run_id: str, entries: int = 1) -> None:
        with self.database.write() as connection:
            run = self.runs.get(run_id).run
            for _ in range(entries):
                self.clock.advance(timedelta(seconds=1))
                now = self.clock.now()
                decision = discard(run, Signal("s1", "cancel", "too late", "admin:ada", now), now)
                advance(connection, [decision])
                run = decision.run

    def act(self, subject: str = "everything") -> None:
        with self.database.write() as connection:
            now = self.clock.now()
            record_act(
                connection, at=now, actor="operator:ada", kind="paused", subject=subject, reason="why", data={"n": 1e16}
            )

    def tamper(self, *statements: str) -> None:
        with self.database.write() as connection:
            for statement in statements:
                assert connection.execute(text(statement)).rowcount > 0, statement

    @contextmanager
    def tampered(self, *statements: str) -> Iterator[AuditReport]:
        """What is found after some statements; then acts and checkpoints are put back as they were."""
        tables = (ACT, CHECKPOINT, HEAD)
        with self.database.read() as connection:
            before = [[dict(row) for row in connection.execute(select(table)).mappings()] for table in tables]
        self.tamper(*statements)
        yield self.auditing.verify()
        with self.database.write() as connection:
            for table, rows in zip(tables, before, strict=True):
                connection.execute(delete(table))
                connection.execute(insert(table), rows)

    def told(self, report: AuditReport) -> list[str]:
        return [finding.sentence for finding in report.findings]


@pytest.fixture
def record(database: Database) -> Record:
    made = Record(database)
    for number in (1, 2, 3):
        made.submit(f"R{number}")
    for number in range(4):
        made.act(f"step {number}")
    return made


def test_a_record_that_nobody_touched_holds(record: Record) -> None:
    report = record.auditing.verify()

    assert report.ok
    assert (3, 18, 4, 0) == (report.runs, report.entries, report.acts, report.checkpoints)
    assert record.auditing.verify(record.auditing.checkpoint()).ok


def test_a_record_that_goes_on_after_its_head_was_kept_holds(record: Record) -> None:
    head = record.auditing.checkpoint()
    record.go_on("R1", 3)
    record.submit("R4")
    record.act()

    assert record.auditing.verify(head).ok
    record.auditing.checkpoint()
    assert record.auditing.verify(head).ok


INSERT = (
    "INSERT INTO journal (run_id, seq, at, kind, from_state, actor, data, hash)"
    " SELECT run_id, %d, at, kind, from_state, 'eve', data, hash FROM journal WHERE run_id = :run AND seq = 2"
)
RUN = "run_id = :run AND"
TAMPERINGS: dict[str, tuple[What, int, list[str]]] = {
    **{
        f"{column} of an entry": (What.CHANGED, 3, [f"UPDATE journal SET {column} = {value} WHERE {RUN} seq = 3"])
        for column, value in {
            "at": "'2026-03-02 12:00:09.000001'",
            "kind": "'wait'",
            "event": "NULL",
            "from_state": "'completed'",
            "to_state": "'completed'",
            "step": "'move_users'",
            "actor": "'operator:eve'",
            "data": "'{}'",
            "hash": f"'{'f' * 64}'",
        }.items()
    },
    "a number in an order": (What.CHANGED, 1, [
        "UPDATE journal SET data = '{\"input\": {\"price\": 4.01}}' WHERE run_id = :run AND seq = 1"]),
    "the first entry gone": (What.REMOVED, 1, [f"DELETE FROM journal WHERE {RUN} seq = 1"]),
    "an entry gone": (What.REMOVED, 3, [f"DELETE FROM journal WHERE {RUN} seq = 3"]),
    "an entry given to another run": (What.REMOVED, 4, [
        f"UPDATE journal SET run_id = 'another' WHERE {RUN} seq = 4"]),
    "the last entry gone": (What.TRUNCATED, 6, [f"DELETE FROM journal WHERE {RUN} seq = 6"]),
    "the end gone": (What.TRUNCATED, 3, [f"DELETE FROM journal WHERE {RUN} seq >= 3"]),
    "the whole journal gone": (What.TRUNCATED, 1, ["DELETE FROM journal WHERE run_id = :run"]),
    "an entry gone and the rest renumbered": (What.REMOVED, 3, [
        f"DELETE FROM journal WHERE {RUN} seq = 3",
        f"UPDATE journal SET seq = seq + 100 WHERE {RUN} seq > 3",
        f"UPDATE journal SET seq = seq - 101 WHERE {RUN} seq > 100"]),
    "an entry put in": (What.INSERTED, 3, [
        f"UPDATE journal SET seq = seq + 100 WHERE {RUN} seq >= 3",
        f"UPDATE journal SET seq = seq - 99 WHERE {RUN} seq > 100",
        INSERT % 3]),
    "an entry added": (What.INSERTED, 7, [INSERT % 7]),
    "an entry put in at the front": (What.INSERTED, 0, [INSERT % 0]),
    "two entries swapped": (What.REORDERED, 3, [
        f"UPDATE journal SET seq = 100 WHERE {RUN} seq = 3",
        f"UPDATE journal SET seq = 3 WHERE {RUN} seq = 5",
        f"UPDATE journal SET seq = 5 WHERE {RUN} seq = 100"]),
    "the run's own head": (What.CHANGED, 6, [f"UPDATE run SET head = '{'f' * 64}' WHERE id = :run"]),
    "the run put back": (What.INSERTED, 4, [
        "UPDATE run SET seq = 3, head = (SELECT hash FROM journal WHERE run_id = :run AND seq = 3) WHERE id = :run"]),
    "the run gone": (What.REMOVED, 1, ["DELETE FROM run WHERE id = :run"]),
}  # fmt: skip


def test_what_was_done_to_each_run_is_found_and_named(record: Record) -> None:
    runs = {f"T{number:02}": name for number, name in enumerate(TAMPERINGS)}
    for run, name in runs.items():
        record.submit(run)
        record.tamper(*(statement.replace(":run", f"'{run}'") for statement in TAMPERINGS[name][2]))

    findings = record.auditing.verify(limit=100).findings

    expected = {name: (what, seq) for name, (what, seq, _) in TAMPERINGS.items()}
    assert expected == {runs[one.run_id]: (one.what, one.seq) for one in findings if one.run_id in runs}
    assert [] == [
        one.sentence for one in findings if not one.sentence.startswith(f"run {one.run_id}, entry {one.seq} ")
    ]


def test_only_the_run_that_was_tampered_with_is_accused(record: Record) -> None:
    head = record.auditing.checkpoint()
    record.tamper("UPDATE journal SET actor = 'eve' WHERE run_id = 'R2' AND seq = 5")

    [told] = record.told(record.auditing.verify(head))
    assert told.startswith("run R2, entry 5 was changed: its hash is not that of what it holds; or else number 4")


CUT_OFF = (
    "DELETE FROM journal WHERE run_id = 'R2' AND seq > 3",
    "UPDATE run SET seq = 3, head = (SELECT hash FROM journal WHERE run_id = 'R2' AND seq = 3) WHERE id = 'R2'",
)


def test_an_end_cut_off_with_the_run_put_back_to_match_is_named_by_the_checkpoint(record: Record) -> None:
    head = record.auditing.checkpoint()
    record.go_on("R2")
    record.tamper(*CUT_OFF)

    told = record.told(record.auditing.verify(head))

    assert [
        "run R2, entry 4 and what follows it was cut off: numbers 4 to 6 are gone, and checkpoint 1 has number 6."
    ] == told


def test_a_run_that_is_gone_with_its_whole_journal_is_named_by_the_checkpoint(record: Record) -> None:
    head = record.auditing.checkpoint()
    record.tamper("DELETE FROM journal WHERE run_id = 'R3'", "DELETE FROM run WHERE id = 'R3'")

    assert [
        "run R3, entry 1 was removed: the run is gone with its whole journal, and checkpoint 1 has its entry 6."
    ] == record.told(record.auditing.verify(head))


def test_a_journal_written_anew_with_right_hashes_is_named_by_the_checkpoint(record: Record) -> None:
    record.auditing.checkpoint()
    record.tamper("DELETE FROM journal WHERE run_id = 'R2'", "DELETE FROM run WHERE id = 'R2'")
    record.submit("R2", ENTRIES + 1)

    [finding] = record.auditing.verify().findings

    assert ("R2", 6, What.CHANGED) == (finding.run_id, finding.seq, finding.what)


def test_checkpoints_cut_off_together_with_what_they_knew_are_missed_by_the_head(record: Record) -> None:
    record.auditing.checkpoint()
    record.go_on("R2")
    head = record.auditing.checkpoint()
    record.tamper(
        *CUT_OFF,
        "DELETE FROM checkpoint_head WHERE run_id = 'R2'",
        "DELETE FROM checkpoint WHERE seq = 2",
    )

    told = record.told(record.auditing.verify(head))

    assert any("checkpoint 1 was changed" in sentence for sentence in told), told


def test_all_checkpoints_gone_is_told_by_the_head(record: Record) -> None:
    head = record.auditing.checkpoint()
    record.tamper(*CUT_OFF, "DELETE FROM checkpoint_head", "DELETE FROM checkpoint")

    assert record.auditing.verify().ok  # nothing inside knows any more
    assert [
        "checkpoint 1 and what follows it was cut off: number 1 is gone, and the head that was kept has number 1."
    ] == record.told(record.auditing.verify(head))


CHECKPOINTS: dict[str, tuple[int, str]] = {
    "its moment": (2, "UPDATE checkpoint SET at = '2026-03-03 12:00:00.000000' WHERE seq = 2"),
    "its database": (2, "UPDATE checkpoint SET database_id = 'x' WHERE seq = 2"),
    "its count": (2, "UPDATE checkpoint SET runs = 7 WHERE seq = 2"),
    "its act": (2, "UPDATE checkpoint SET act_seq = 1 WHERE seq = 2"),
    "its act's hash": (2, "UPDATE checkpoint SET act_hash = '' WHERE seq = 2"),
    "its digest": (2, "UPDATE checkpoint SET digest = '' WHERE seq = 2"),
    "how far a run was": (1, "UPDATE checkpoint_head SET seq = 3 WHERE run_id = 'R2' AND checkpoint = 1"),
    "the hash of a run": (1, "UPDATE checkpoint_head SET hash = '' WHERE run_id = 'R3'"),
    "which run": (1, "UPDATE checkpoint_head SET run_id = 'R9' WHERE run_id = 'R3'"),
    "a run gone": (1, "DELETE FROM checkpoint_head WHERE run_id = 'R3'"),
    "a run put in": (2, "INSERT INTO checkpoint_head (checkpoint, run_id, seq, hash) VALUES (2, 'R9', 1, 'f')"),
    "the first gone": (1, "DELETE FROM checkpoint WHERE seq = 1"),
    "another number": (2, "UPDATE checkpoint SET seq = 3 WHERE seq = 2"),
}


def test_what_was_done_to_a_checkpoint_is_found_and_accuses_no_run(record: Record) -> None:
    record.auditing.checkpoint()
    record.go_on("R2")
    record.auditing.checkpoint()
    found = {}
    for name, (_, statement) in CHECKPOINTS.items():
        with record.tampered(statement) as report:
            found[name] = [(one.chain, one.sentence.split(" was ")[0]) for one in report.findings]

    assert {name: [("checkpoints", f"checkpoint {seq}")] for name, (seq, _) in CHECKPOINTS.items()} == found
    assert record.auditing.verify().ok


ACTS: dict[str, tuple[What, int, list[str]]] = {
    **{
        column: (What.CHANGED, 2, [f"UPDATE act SET {column} = {value} WHERE seq = 2"])
        for column, value in {
            "at": "'2026-03-02 12:00:09.000001'",
            "actor": "'operator:eve'",
            "kind": "'resumed'",
            "subject": "''",
            "reason": "'because'",
            "data": "'[]'",
            "hash": "''",
        }.items()
    },
    "gone": (What.REMOVED, 2, ["DELETE FROM act WHERE seq = 2"]),
    "renumbered": (What.REMOVED, 2, [
        "DELETE FROM act WHERE seq = 2", "UPDATE act SET seq = 2 WHERE seq = 3", "UPDATE act SET seq = 3 WHERE seq = 4"
    ]),
    "swapped": (What.REORDERED, 1, [
        "UPDATE act SET seq = 9 WHERE seq = 1", "UPDATE act SET seq = 1 WHERE seq = 3",
        "UPDATE act SET seq = 3 WHERE seq = 9"]),
    "put in": (What.INSERTED, 3, [
        "UPDATE act SET seq = 5 WHERE seq = 4", "UPDATE act SET seq = 4 WHERE seq = 3",
        ("INSERT INTO act (seq, at, actor, kind, subject, reason, data, hash)"
         " SELECT 3, at, actor, kind, 'me', reason, data, hash FROM act WHERE seq = 2")]),
    "cut off": (What.TRUNCATED, 3, ["DELETE FROM act WHERE seq > 2"]),
}  # fmt: skip


def test_what_was_done_to_the_acts_is_found_and_named(record: Record) -> None:
    record.auditing.checkpoint()
    found = {}
    for name, (*_, statements) in ACTS.items():
        with record.tampered(*statements) as report:
            found[name] = [(one.what, one.seq) for one in report.findings if one.sentence.startswith(f"act {one.seq} ")]

    assert {name: [(what, seq)] for name, (what, seq, _) in ACTS.items()} == found
    assert record.auditing.verify().ok


@pytest.fixture
def on_sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Record]:
    """A record where a column holds whatever somebody writes into it."""
    path = tmp_path / "alone.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    made = Record(database)
    for number in (1, 2, 3):
        made.submit(f"R{number}")
    yield made
    database.close()


def test_what_cannot_be_read_is_a_change_and_no_error(on_sqlite: Record) -> None:
    on_sqlite.tamper(
        "UPDATE journal SET at = 'noon' WHERE run_id = 'R1' AND seq = 3",
        "UPDATE journal SET data = x'00ff' WHERE run_id = 'R2' AND seq = 2",
        "UPDATE journal SET actor = x'00ff' WHERE run_id = 'R3' AND seq = 4",
    )

    findings = on_sqlite.auditing.verify().findings

    assert {("R1", 3), ("R2", 2), ("R3", 4)} == {(finding.run_id, finding.seq) for finding in findings}
    assert {What.CHANGED} == {finding.what for finding in findings}


@pytest.mark.parametrize("column", ["data = 'hm'", "actor = x'00ff'"])
def test_an_export_of_what_cannot_be_read_is_refused_and_names_it(on_sqlite: Record, column: str) -> None:
    on_sqlite.tamper(f"UPDATE journal SET {column} WHERE run_id = 'R2' AND seq = 2")

    with pytest.raises(Refused, match="Entry 2 of run R2 cannot be read"):
        list(on_sqlite.auditing.export()[1])


def test_breaches_beyond_the_limit_are_counted(record: Record) -> None:
    record.tamper("DELETE FROM journal WHERE seq = 2")

    report = record.auditing.verify(limit=1)

    assert (3, 1) == (report.breaches, len(report.findings))


def test_a_head_of_another_database_is_refused(record: Record) -> None:
    head = record.auditing.checkpoint()

    with pytest.raises(BadInput, match=f"The head is of database elsewhere and this one is {head.database}"):
        record.auditing.verify(head.model_copy(update={"database": "elsewhere"}))


def test_a_checkpoint_takes_in_only_what_went_on(record: Record) -> None:
    first = record.auditing.checkpoint()
    assert first == record.auditing.checkpoint()
    record.go_on("R2")
    second = record.auditing.checkpoint()

    assert (2, 3, 4) == (second.checkpoint, second.runs, second.acts)
    with record.database.read() as connection:
        heads = connection.execute(text("SELECT run_id, seq FROM checkpoint_head WHERE checkpoint = 2")).all()
    assert [("R2", 7)] == [tuple(row) for row in heads]
    record.act()
    assert (3, 5) == ((third := record.auditing.checkpoint()).checkpoint, third.acts)


def test_much_at_once_is_split_over_checkpoints(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "_RUNS", 2)
    record.submit("R4")

    head = record.auditing.checkpoint()

    assert (2, 4) == (head.checkpoint, head.runs)
    assert record.auditing.verify(head).ok


def test_many_runs_are_read_a_page_at_a_time(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overstap.store.chains._RUNS", 1)
    monkeypatch.setattr("overstap.store.chains._ROWS", 4)
    record.auditing.checkpoint()
    record.tamper("DELETE FROM run WHERE id = 'R3'")
    record.tamper("DELETE FROM run WHERE id = 'R1'", "DELETE FROM journal WHERE run_id = 'R1'")
    seen: list[tuple[int, int]] = []

    report = record.auditing.verify(progress=lambda done, total: seen.append((done, total)))

    assert {("R1", 1), ("R3", 1)} == {(finding.run_id, finding.seq) for finding in report.findings}
    assert (1, 1) == seen[-1]
    assert 22 == len(list(record.auditing.export()[1])) + 6 - 1


def test_an_export_can_be_checked_without_overstap(record: Record) -> None:
    head, lines = record.auditing.export()
    told = [json.loads(line) for line in lines]

    assert {"head": head.model_dump()} == told.pop()
    assert 18 + 4 == len(told)
    for one in told:
        covered = one.get("entry") or one["act"]
        plain = json.dumps(covered, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert one["hash"] == hashlib.sha256((one["previous"] + plain).encode()).hexdigest()
    for before, after in itertools.pairwise(told):
        if "entry" in after and after["entry"]["seq"] > 1:
            assert before["hash"] == after["previous"]


def test_an_export_since_a_moment_has_what_was_done_from_then_on(record: Record) -> None:
    record.clock.advance(timedelta(days=1))
    since = record.clock.now()
    record.go_on("R2", 2)
    record.act("the last")

    told = [json.loads(line) for line in record.auditing.export(since)[1]]

    assert [7, 8] == [one["entry"]["seq"] for one in told if "entry" in one]
    assert ["the last"] == [one["act"]["subject"] for one in told if "act" in one]
    with record.database.read() as connection:
        sixth = connection.execute(text("SELECT hash FROM journal WHERE run_id = 'R2' AND seq = 6")).scalar_one()
    assert sixth == told[0]["previous"]
    assert list(told[-1]) == ["head"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)
MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(st.lists(st.tuples(MOMENTS, TEXTS, st.dictionaries(TEXTS, DOCUMENTS)), min_size=1, max_size=10))
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_whatever_is_stored_has_the_same_hash_when_it_comes_back(
    database: Database, acts: list[tuple[datetime, str, dict[str, Any]]]
) -> None:
    with database.write() as connection:
        for at, told, data in acts:
            record_act(connection, at=at, actor=told, kind="told", subject=told, reason=told, data=data)

    assert first_breach(Chains(database).acts(), []) is None


def test_many_who_make_checkpoints_at_once_make_one_chain(record: Record) -> None:
    threads = [threading.Thread(target=record.auditing.checkpoint) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert record.auditing.verify(record.auditing.checkpoint()).ok
