"""`verify` finds each truth that was broken behind Overstap's back, and nothing else; both databases."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Table, delete, insert, select, text, update
from sqlmodel import SQLModel

from overstap.app.portal import By
from overstap.app.verify import Verifier
from overstap.bootstrap import App
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.domain.locks import LOCKS_BY_STATE
from overstap.providers.graph_export import TenantExport
from overstap.settings import Settings
from overstap.steps import STEP_EVENTS
from overstap.store.audit import Audit
from overstap.store.audit_books import BooksAudit
from overstap.store.audit_time import Mark, Marks
from overstap.store.books import OPERATION, PURCHASE
from overstap.store.database import Database
from overstap.testing import Driver, sample_tenant
from overstap.workflow.files import load_library
from rule_marks import NUMBERS

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = START + timedelta(hours=20)
WHY = By("admin", "the test says so")
REFUSED = {"operation": "swap_licences", "tenant": "back", "kind": "refuses", "times": 1, "after": 1}


@dataclass
class Office:
    """Three tenants: the change of `done` completed, that of `back` was rolled back, that of `parked` awaits credit.

    The admin of `parked` bought something else just before.
    """

    app: App
    clock: VirtualClock
    runs: dict[str, str]

    def work(self, duration: timedelta = timedelta(0)) -> None:
        Driver(self.app.engine, self.clock).run_for(duration)

    def submit(self, tenant: str, plan: str = "e3") -> str:
        source = self.app.provider.tenant(tenant).subscriptions[-1]
        run = self.app.service.submit(PlanChange(tenant, source.id, plan))[0].run.id
        self.runs[tenant] = run
        return run

    def states(self) -> dict[str, str]:
        return {tenant: self.app.runs.get(run).run.state for tenant, run in self.runs.items()}

    def tamper(self, *statements: str) -> None:
        """Change the database behind Overstap's back; `:done`, `:back` and `:parked` are the runs."""
        values = {**self.runs, "later": LATER.strftime("%Y-%m-%d %H:%M:%S.%f+00:00")}
        if self.app.database.dialect == "sqlite":
            values["later"] = values["later"].removesuffix("+00:00")
        with self.app.database.write() as connection:
            connection.execute(text("DROP INDEX run_one_active_per_tenant"))
            for statement in statements:
                query = text(statement)
                given = {name: values[name] for name in query._bindparams}
                assert connection.execute(query, given).rowcount > 0

    def target(self, tenant: str) -> str:
        return str(self.app.runs.get(self.runs[tenant]).run.data["target_subscription_id"])

    def breaches(self) -> dict[str, list[str]]:
        """What `verify` finds, by the number of the rule."""
        found: dict[str, list[str]] = {}
        for check in self.app.verify().checks:
            found.setdefault(check.rule, []).extend(check.breaches)
        return {rule: breaches for rule, breaches in found.items() if breaches}


def open_office(database: Database, *, ahead: timedelta = timedelta(0), runs: dict[str, str] | None = None) -> Office:
    clock = VirtualClock(START + ahead)
    embedded = {"faults": [REFUSED], "licence_chunk": 2, "credit_answers": "never"}
    return Office(App(Settings(embedded=embedded), database, clock=clock), clock, runs or {})


def play(database: Database) -> Office:
    made = open_office(database)
    exports = [sample_tenant("done"), sample_tenant("back"), sample_tenant("parked", payment="invoice")]
    made.app.provider.import_tenants(exports, START)
    for tenant in ("done", "back", "parked"):
        made.clock.advance(timedelta(hours=1))
        made.submit(tenant)
        if tenant == "parked":
            made.app.portal.buy(tenant, "k1", replace(WHY, key="early"), seats=1)
        made.work()
    made.clock.advance(timedelta(hours=1))
    return made


@pytest.fixture
def office(database: Database) -> Office:
    return play(database)


@dataclass
class Played:
    """All rows of an office, to be put into other databases."""

    runs: dict[str, str]
    rows: dict[str, list[dict[str, Any]]]


def stored(table: Table) -> list[Column[Any]]:
    """The columns of a table that the database does not fill itself."""
    return [column for column in table.c if column.computed is None]


@pytest.fixture(scope="module")
def played(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Played:
    path = tmp_path_factory.mktemp("played") / "overstap.db"
    shutil.copy(sqlite_template, path)
    database = Database(f"sqlite:///{path}")
    runs = play(database).runs
    with database.read() as connection:
        rows = {
            table.name: [dict(row._mapping) for row in connection.execute(select(*stored(table)))]
            for table in SQLModel.metadata.sorted_tables
        }
    database.close()
    return Played(runs, rows)


@pytest.fixture
def copied(database: Database, played: Played) -> Office:
    """The same office, without having to play it again."""
    with database.write() as connection:
        for table in SQLModel.metadata.sorted_tables:
            connection.execute(delete(table))  # a new database has a first row of its feed
            if played.rows[table.name]:
                connection.execute(insert(table), played.rows[table.name])
    return open_office(database, runs=dict(played.runs))


@pytest.mark.rule("J1", "J2", "J3", "J4", "J5", "J6", "J7")
def test_nothing_is_wrong_with_changes_that_completed_turned_back_or_wait(office: Office) -> None:
    assert {"done": "completed", "back": "failed", "parked": "credit_check"} == office.states()
    assert {} == office.breaches()


def test_nothing_is_wrong_when_every_law_looked_at_something(office: Office) -> None:
    assert [] == [check.law for check in office.app.verify().checks if check.looked_at == 0]


OLD, NEW = "subscription_id LIKE '%-e1'", "subscription_id NOT LIKE '%-e1'"
ROW = "embedded_subscription"
TAMPERINGS: dict[str, tuple[str, str, list[str]]] = {
    # J1
    "both are billed": ("J1", "run {done}: both subscriptions are billed", [
        f"UPDATE embedded_billing SET ended_at = NULL, ended_by = NULL WHERE tenant_id = 'done' AND {OLD}"]),
    "the old one is still billed": ("J1", "run {done} is completed: done-e1 is still billed after its end", [
        f"UPDATE embedded_billing SET ended_at = :later, ended_by = 'x' WHERE tenant_id = 'done' AND {OLD}"]),
    "the new one is not billed": ("J1", "run {done} is completed: {new} is not billed at its end", [
        f"DELETE FROM embedded_billing WHERE tenant_id = 'done' AND {NEW}"]),
    "the new one is billed no longer": ("J1", "run {done} is completed: {new} is billed no longer since", [
        f"UPDATE embedded_billing SET ended_at = :later WHERE tenant_id = 'done' AND {NEW}"]),
    "the restored one is not billed": ("J1", "run {back} is failed: back-e1 is not billed at its end", [
        f"DELETE FROM embedded_billing WHERE tenant_id = 'back' AND {OLD} AND ended_at IS NULL"]),
    "nothing of the restored one was ever billed": ("J1", "run {back} is failed: back-e1 is not billed at its end", [
        "DELETE FROM embedded_billing WHERE tenant_id = 'back'"]),
    "the restored one is billed no longer": ("J1", "run {back} is failed: back-e1 is billed no longer since", [
        "UPDATE embedded_billing SET ended_at = :later, ended_by = 'x' WHERE tenant_id = 'back' AND ended_at IS NULL"]),
    # J2
    "too few seats": ("J2", "run {done}: 2 seats instead of 3", [
        f"UPDATE {ROW} SET seats = 2 WHERE tenant_id = 'done' AND replaces IS NOT NULL"]),
    "the source is not in the books": ("J2", "run {done}: subscription done-e1 of tenant done is not in the books", [
        f"DELETE FROM {ROW} WHERE tenant_id = 'done' AND replaces IS NULL"]),
    "the new licence is not there": ("J2", "user done-0 of tenant done lost done-e1 at", [
        f"DELETE FROM embedded_assignment WHERE user_id = 'done-0' AND {NEW}"]),
    "an unrelated licence does not count": ("J2", "by run {done} without having {new}", [
        (f"UPDATE embedded_assignment SET subscription_id = 'done-visio', assigned_by = 'import'"
        f" WHERE user_id = 'done-0' AND {NEW}")]),
    "the new licence came too late": ("J2", "user done-0 of tenant done lost done-e1 at", [
        f"UPDATE embedded_assignment SET assigned_at = :later WHERE user_id = 'done-0' AND {NEW}"]),
    "the old licence did not come back": ("J2", "user back-0 of tenant back lost {undone} at", [
        f"DELETE FROM embedded_assignment WHERE user_id = 'back-0' AND {OLD} AND removed_at IS NULL"]),
    "a licence is lost for no reason": ("J2", "user done-0 of tenant done lost {new} at", [
        f"UPDATE embedded_assignment SET removed_at = :later WHERE user_id = 'done-0' AND {NEW}"]),
    # J3
    "two changes of one tenant": ("J3", "tenant parked has 2 active runs", [
        "UPDATE run SET ended_at = NULL, tenant_id = 'parked' WHERE id = :done"]),
    # J4
    "a completed run without an order": ("J4", "run {done} of tenant done is completed and has no order", [
        "DELETE FROM embedded_order WHERE reference = :done"]),
    "a completed run whose order is not": ("J4", "run {done} of tenant done is completed and its order", [
        "UPDATE embedded_order SET completed_at = NULL WHERE reference = :done"]),
    "a failed run whose order is under way": ("J4", "run {back} of tenant back is failed and its order", [
        "UPDATE embedded_order SET cancelled_at = NULL WHERE reference = :back"]),
    "a failed run whose order is completed": ("J4", "run {back} of tenant back is failed and its order", [
        "UPDATE embedded_order SET completed_at = :later, cancelled_at = NULL WHERE reference = :back"]),
    "an order without its run": ("J4", "of tenant done is of run {done}, which does not exist", [
        "DELETE FROM run WHERE id = :done"]),
    "a completed run whose source is open": ("J4", "run {done} is completed and its source done-e1 is still open", [
        f"UPDATE {ROW} SET closed_at = NULL WHERE tenant_id = 'done'"]),
    "a completed run whose target is closed": ("J4", "run {done} is completed and its target {new} is closed", [
        f"UPDATE {ROW} SET closed_at = :later WHERE tenant_id = 'done' AND replaces IS NOT NULL"]),
    "a failed run whose target is open": ("J4", "run {back} is failed and its target {undone} is still open", [
        f"UPDATE {ROW} SET closed_at = NULL WHERE tenant_id = 'back' AND replaces IS NOT NULL"]),
    "a failed run whose source is closed": ("J4", "run {back} is failed and its source back-e1 was closed at", [
        f"UPDATE {ROW} SET closed_at = :later WHERE tenant_id = 'back' AND replaces IS NULL"]),
    "a parked run whose source is closed": ("J4", "run {parked} is credit_check and its source parked-e1 was closed", [
        f"UPDATE {ROW} SET closed_at = :later WHERE tenant_id = 'parked' AND replaces IS NULL"]),
    "a subscription that is not in the books": ("J4", "run {back} is failed and its subscription {undone} is not", [
        f"DELETE FROM {ROW} WHERE tenant_id = 'back' AND replaces IS NOT NULL"]),
    "users that hold the source": ("J4", "run {done} is completed and users still hold its source done-e1", [
        f"UPDATE embedded_assignment SET removed_at = NULL WHERE user_id = 'done-1' AND {OLD}"]),
    "users that hold the undone target": ("J4", "run {back} is failed and users still hold its target {undone}", [
        f"UPDATE embedded_assignment SET removed_at = NULL WHERE user_id = 'back-0' AND {NEW}"]),
    "users that the source serves": ("J4", "run {done} is completed and users are still served by its source done-e1", [
        "UPDATE embedded_residence SET subscription_id = 'done-e1' WHERE user_id = 'done-2'"]),
    "users that the undone target serves": ("J4", "run {back} is failed and users are still served by its target", [
        ("UPDATE embedded_residence SET subscription_id = (SELECT id FROM embedded_subscription"
        " WHERE tenant_id = 'back' AND replaces IS NOT NULL) WHERE user_id = 'back-2'")]),
    "the source was closed at another time": ("J4", "run {done} is completed and did not close its source at", [
        f"UPDATE {ROW} SET closed_at = :later WHERE tenant_id = 'done' AND replaces IS NULL"]),
    "something moved after the source was closed": ("J4", "run {done} is completed: something moved at", [
        "UPDATE embedded_move SET key = :done || ':late:9:move_users' WHERE user_id = 'done-0'"]),
    "an ended run that is due": ("J4", "run {done}: it has ended and is still due at", [
        "UPDATE run SET due_at = :later WHERE id = :done"]),
    "an ended run that is held": ("J4", "run {back}: it has ended and is still due at None or held by somebody", [
        "UPDATE run SET claimed_by = 'somebody' WHERE id = :back"]),
    "an ended run without its last entry": ("J4", "run {done}: it ended as completed and its journal tells of no end", [
        "DELETE FROM journal WHERE run_id = :done AND to_state = 'completed'"]),
    "something was written after the end": ("J4", "run {back}: entries [99] follow its end", [
        ("INSERT INTO journal (run_id, seq, at, kind, actor, data)"
        " VALUES (:back, 99, :later, 'step_done', 'worker', '{}')")]),
    "a run that nothing wakes": ("design §4", "run {parked}: it is to be woken at", [
        "UPDATE run SET due_at = NULL WHERE id = :parked"]),
    # J5
    "a final state that is not the end": ("J5", "run {parked}: it holds the locks of completed and its end is None", [
        "UPDATE run SET state = 'completed' WHERE id = :parked"]),
    "an end in a state with locks": ("J5", "run {done}: it holds the locks of migrating and its end is", [
        "UPDATE run SET state = 'migrating' WHERE id = :done"]),
    # J7 of what came from outside
    "what only a run does, under a key from outside": ("J7", "operation outside:parked:early was done and never", [
        "UPDATE embedded_operation SET operation = 'notify' WHERE key = 'outside:parked:early'"]),
    "a licence that no admin took": ("J7", "tenant done: a licence was taken at", [
        ("UPDATE embedded_assignment SET removed_at = :later, removed_by = 'outside:done:never'"
        f" WHERE user_id = 'done-0' AND {NEW}")]),
    "a billing that no admin ended": ("J7", "tenant back: a billing ended at", [
        ("UPDATE embedded_billing SET ended_at = :later, ended_by = 'outside:back:never'"
        " WHERE tenant_id = 'back' AND ended_at IS NULL")]),
    # J6
    "a state that is not the journal's": ("J6", "run {done}: its journal folds to state 'completed', stored is 'f", [
        "UPDATE run SET state = 'failed' WHERE id = :done"]),
    "no journal": ("J6", "run {back}: its journal cannot be folded: ValueError", [
        "DELETE FROM journal WHERE run_id = :back"]),
    "an entry that tells nothing": ("J6", "run {done}: its journal cannot be folded: KeyError: 'status'", [
        "UPDATE journal SET data = '{}' WHERE run_id = :done AND kind = 'transition'"]),
    "an entry that is no object": ("J6", "run {done}: its journal cannot be folded: TypeError", [
        "UPDATE journal SET data = '[]' WHERE run_id = :done AND kind = 'transition'"]),
    "an entry of no known kind": ("J6", "run {done}: it or its journal cannot be read: 'hm' is not a valid Kind", [
        "UPDATE journal SET kind = 'hm' WHERE run_id = :done AND seq = 2"]),
    "a run of no known status": ("J6", "run {back}: it or its journal cannot be read: 'hm' is not a valid Status", [
        "UPDATE run SET status = 'hm' WHERE id = :back"]),
    # J7
    "a confirmed effect that was not done": ("J7", "effect {done}:migrating:2:move_users: move_users is confirmed", [
        "DELETE FROM embedded_operation WHERE key = :done || ':migrating:2:move_users'"]),
    "an operation that was not intended": ("J7", "operation {back}:submitted:1:place_order was done and never", [
        "DELETE FROM effect WHERE key = :back || ':submitted:1:place_order'"]),
    "a user that was moved twice": ("J7", "user done-0 of tenant done was moved 2 times to {new}", [
        ("INSERT INTO embedded_move (key, user_id, tenant_id, from_subscription_id, to_subscription_id, at)"
        " SELECT key || 'x', user_id, tenant_id, from_subscription_id, to_subscription_id, at FROM embedded_move"
        " WHERE user_id = 'done-0'")]),
    "an order that is not in the books": ("J7", "operation {parked}:submitted:1:place_order was done and nothing", [
        "DELETE FROM embedded_order WHERE reference = :parked"]),
    "a start that is not in the books": ("J7", "operation {done}:licenses_reassigned:3:start_billing was done and no", [
        f"DELETE FROM embedded_billing WHERE tenant_id = 'done' AND {NEW}"]),
    "a billing of another moment": ("J7", "tenant done: a billing began at", [
        f"UPDATE embedded_billing SET started_at = :later WHERE tenant_id = 'done' AND {NEW}"]),
    "a licence that nobody took": ("J7", "tenant done: a licence was taken at", [
        f"UPDATE embedded_assignment SET removed_by = NULL WHERE user_id = 'done-0' AND {OLD}"]),
    "a move of another moment": ("J7", "tenant back: a user was moved at", [
        "UPDATE embedded_move SET at = :later WHERE user_id = 'back-0'"]),
    # the counters
    "a run that is not counted": ("counters", "plan_change v1 to e3 in completed (ended): 1 runs, counted are 0", [
        "DELETE FROM tally WHERE state = 'completed'"]),
    "a run that is counted elsewhere": ("counters", "e3 in migrating (ended): 1 runs, counted are 0", [
        "UPDATE run SET state = 'migrating' WHERE id = :done"]),
    # design
    "a version that is not known": ("design §3", "run {done}", ["UPDATE run SET version = 9 WHERE id = :done"]),
    "a version that changed": ("design §3", "run {done}: plan_change v1 has changed since it began", [
        "UPDATE run SET digest = 'x' WHERE id = :done"]),
    "a journal without its run": ("design §4", "there are journal entries of run {done}, which does not exist", [
        "DELETE FROM run WHERE id = :done"]),
    "a signal that waits at an ended run": ("design §4", "signal s1 still waits at run {back}, which has ended", [
        ("INSERT INTO signal (id, run_id, event, reason, actor, at)"
        " VALUES ('s1', :back, 'cancel', 'why', 'operator', :later)")]),
}  # fmt: skip


def tampering(name: str) -> Any:
    rule, *_ = TAMPERINGS[name]
    return pytest.param(*TAMPERINGS[name], id=name, marks=[pytest.mark.rule(rule)] if rule in NUMBERS else [])


@pytest.mark.parametrize(("rule", "sentence", "statements"), [tampering(name) for name in TAMPERINGS])
def test_what_was_tampered_with_is_found(copied: Office, rule: str, sentence: str, statements: list[str]) -> None:
    names = {**copied.runs, "new": copied.target("done"), "undone": copied.target("back")}

    copied.tamper(*statements)

    found = copied.breaches()
    assert any(sentence.format(**names) in breach for breach in found.get(rule, [])), found


def test_what_cannot_be_read_is_a_breach(copied: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: BooksAudit) -> Iterator[str | None]:
        raise ValueError("not JSON at all")

    monkeypatch.setattr(BooksAudit, "billing", unreadable)

    assert {"J1": ["what is stored cannot be read: ValueError: not JSON at all"]} == copied.breaches()


@pytest.mark.rule("J5")
def test_a_workflow_file_with_other_locks_is_found(copied: Office, tmp_path: Path) -> None:
    given = copied.app.settings.workflows / "plan_change.v1.yaml"
    changed = given.read_text(encoding="utf-8").replace("locks: [commerce]", "locks: [portal]")
    (tmp_path / given.name).write_text(changed, encoding="utf-8")
    library = load_library(tmp_path, STEP_EVENTS)

    report = Verifier(Audit(copied.app.database), BooksAudit(copied.app.database), library, lambda: False).verify()

    locks = [breach for check in report.checks if check.rule == "J5" for breach in check.breaches]
    assert [f"run {copied.runs['parked']}: credit_check locks ['portal'], not ['commerce']"] == locks


EVIDENCE: dict[str, tuple[dict[str, Any], timedelta, str | None]] = {
    "it did not look": ({}, timedelta(0), "was done without a look at the tenant's locks"),
    "it looked, and did it all the same": (
        {"seen": {"run_id": "{parked}", "seq": 3}},
        timedelta(0),
        "was done while run {parked} was in credit_check, which locks commerce",
    ),
    "it looked at a run of somebody else": (
        {"seen": {"run_id": "{done}", "seq": 1}},
        timedelta(0),
        "was judged by run {done}, which is none of that tenant",
    ),
    "it looked before the run's first entry": (
        {"seen": {"run_id": "{parked}", "seq": 0}},
        timedelta(0),
        "was judged by run {parked}, which is none of that tenant",
    ),
    "it saw no run long after one had locked the tenant": (
        {"seen": None},
        timedelta(hours=9),
        "while run {parked} was in credit_check, which locks commerce",
    ),
    "it saw no run, at the very moment": ({"seen": None}, timedelta(0), None),
    "it saw no run, on a host whose clock is ahead": ({"seen": None}, timedelta(minutes=1), None),
    "it saw the run before that locked": ({"seen": {"run_id": "{parked}", "seq": 1}}, timedelta(minutes=9), None),
}


@pytest.mark.rule("J5", "R35")
@pytest.mark.parametrize(("evidence", "later", "sentence"), EVIDENCE.values(), ids=EVIDENCE)
def test_what_was_done_from_outside_during_a_lock_is_found(
    copied: Office, evidence: dict[str, Any], later: timedelta, sentence: str | None
) -> None:
    mine = OPERATION.c.key == "outside:parked:early"
    seen = evidence.get("seen")
    if seen:
        evidence = {"seen": {**seen, "run_id": seen["run_id"].format(**copied.runs)}}
    with copied.app.database.write() as connection:
        before = connection.execute(select(OPERATION).where(mine)).one()
        response = {"subscription_id": before.response["subscription_id"], **evidence}
        connection.execute(update(OPERATION).where(mine).values(response=response, at=before.at + later))

    found = copied.breaches().get("J5", [])

    prefix = "buy_subscription outside:parked:early of tenant parked"
    assert len(found) == (sentence is not None)
    assert all(one.startswith(prefix) and str(sentence).format(**copied.runs) in one for one in found), found


@pytest.mark.rule("J5")
def test_ended_runs_hold_no_locks_and_the_law_says_so(copied: Office) -> None:
    laws = [check.law for check in copied.app.verify().checks if check.rule == "J5"]
    assert any("an ended run holds none" in law for law in laws)
    assert not LOCKS_BY_STATE["completed"] | LOCKS_BY_STATE["failed"] | LOCKS_BY_STATE["cancelled"]


# --- what came later is no breach of what was before ---


def test_a_later_change_of_the_new_subscription_is_no_breach(office: Office) -> None:
    office.submit("done", "e4")
    office.work()

    assert "completed" == office.states()["done"]
    assert {} == office.breaches()


def test_a_change_that_was_rolled_back_can_be_made_again(office: Office) -> None:
    office.submit("back")
    office.work()

    assert "completed" == office.states()["back"]
    assert {} == office.breaches()


def test_a_later_change_that_is_rolled_back_is_no_breach_of_the_first(office: Office) -> None:
    office.submit("back")
    office.work()
    later = open_office(office.app.database, ahead=timedelta(days=1))
    run = later.submit("back", "e4")
    later.app.service.signal(run, "cancel", reason="on second thoughts")
    later.work()

    assert "cancelled" == later.states()["back"]
    assert {} == later.breaches()


@pytest.mark.parametrize(
    "again", [sample_tenant("back", seats=9), replace(sample_tenant("back"), subscriptions=(), assignments=())]
)
def test_a_later_import_is_no_breach(office: Office, again: TenantExport) -> None:
    office.app.provider.import_tenants([again], office.clock.now())
    office.app.provider.import_tenants([sample_tenant("done")], office.clock.now())

    assert {} == office.breaches()


@pytest.mark.rule("J1", "J2", "J4")
def test_what_admins_do_when_no_run_locks_it_is_no_breach(office: Office) -> None:
    portal, target = office.app.portal, office.target("done")
    for tenant, subscription in (("done", target), ("back", "back-e1"), ("parked", "parked-e1")):
        portal.unassign(tenant, subscription, [f"{tenant}-{one}" for one in range(3)], WHY)
    office.clock.advance(timedelta(hours=1))
    portal.cancel("done", target, WHY)
    portal.cancel("back", "back-e1", WHY)

    assert {} == office.breaches()


@pytest.mark.rule("J4")
@pytest.mark.parametrize(
    ("tenant", "sentence"),
    [
        ("done", "run {done} is completed and its target {new} is closed"),
        ("back", "run {back} is failed and its source back-e1 was closed at"),
    ],
)
def test_a_subscription_that_was_closed_at_another_time_than_it_was_cancelled_is_found(
    office: Office, tenant: str, sentence: str
) -> None:
    subscription = {"done": office.target("done"), "back": "back-e1"}[tenant]
    office.app.portal.unassign(tenant, subscription, [f"{tenant}-{one}" for one in range(3)], WHY)
    office.app.portal.cancel(tenant, subscription, WHY)

    office.tamper(f"UPDATE {ROW} SET closed_at = :later WHERE tenant_id = '{tenant}' AND id = '{subscription}'")

    expected = sentence.format(**office.runs, new=office.target("done"))
    assert [True] == [expected in breach for breach in office.breaches()["J4"]]


@pytest.mark.rule("J4")
def test_a_source_that_was_cancelled_during_its_change_is_found(office: Office) -> None:
    at = office.clock.now()
    values = {
        "key": "outside:parked:late",
        "tenant_id": "parked",
        "operation": "cancel_subscription",
        "request": {},
        "response": {"subscription_id": "parked-e1", "seen": {"run_id": office.runs["parked"], "seq": 1}},
        "at": at,
    }
    with office.app.database.write() as connection:
        connection.execute(insert(OPERATION), values)
        connection.execute(update(PURCHASE).where(PURCHASE.c.id == "parked-e1").values(closed_at=at))

    (breach,) = office.breaches()["J4"]
    assert f"run {office.runs['parked']} is credit_check and its source parked-e1 was closed at" in breach


# --- others are at work meanwhile, on other clocks ---


@pytest.mark.parametrize("first", ["done", "back"])
@pytest.mark.parametrize("then", ["completes", "is cancelled", "import", "import without it"])
def test_hosts_whose_clocks_differ_cause_no_breach(database: Database, first: str, then: str) -> None:
    ahead, behind = open_office(database, ahead=timedelta(minutes=1)), open_office(database)
    behind.app.provider.import_tenants([sample_tenant(first)], START)
    run = ahead.submit(first)
    ahead.work()

    if then.startswith("import"):
        known = sample_tenant(first, seats=5)
        again = replace(known, subscriptions=(), assignments=()) if "without" in then else known
        behind.app.provider.import_tenants([again], behind.clock.now())
    else:
        later = behind.submit(first, "e4")
        if then == "is cancelled":
            behind.app.service.signal(later, "cancel", reason="on second thoughts")
        behind.work()
        assert then.removeprefix("is ") in {"completes", behind.states()[first]}

    assert {"done": "completed", "back": "failed"}[first] == ahead.app.runs.get(run).run.state
    assert {} == behind.breaches()


def test_one_run_s_changes_follow_its_visits_and_others_the_clock() -> None:
    ordered, started = Mark(LATER, "run:submitted:1:place_order"), Mark(START, "run:licenses_reassigned:3:start")
    imported = Mark(START, "import")

    assert (True, False) == (ordered.precedes(started), started.precedes(ordered))
    assert (True, False) == (imported.precedes(ordered), ordered.precedes(imported))


def test_an_admin_s_key_is_no_run_s_whatever_it_looks_like() -> None:
    assert (None, "run") == (Mark(LATER, "outside:acme:3:move").run, Mark(LATER, "run:acme:3:move").run)


def test_what_one_operation_began_was_not_over_then_whatever_another_clock_says() -> None:
    began, ended = Mark(LATER, "run:migrating:2:swap"), Mark(START, "next:migrating:2:swap")
    licence = Marks().span(began.at, began.by, ended.at, ended.by)

    assert (True, False) == (licence.covers(began), licence.covers(ended))


def test_verify_finds_nothing_beside_a_working_worker(database: Database) -> None:
    app = App(Settings(embedded={"move_chunk": 1, "licence_chunk": 1}), database)
    names = [f"tenant-{number}" for number in range(12)]
    app.provider.import_tenants([sample_tenant(name) for name in names], app.clock.now())
    for name in names:
        app.service.submit(PlanChange(name, f"{name}-e1", "e3"))
    worker = threading.Thread(target=app.worker().run, kwargs={"until_idle": True})
    worker.start()
    reports = []
    while worker.is_alive():
        reports.append(app.verify())
    worker.join()

    assert [] == [breach for report in reports for check in report.checks for breach in check.breaches]
    assert len(reports) > 1
    assert {"completed": 12} == app.runs.counts()


@pytest.mark.parametrize(("rewound", "first"), [((), False), (("r1",), True)])
def test_the_visits_of_a_run_tell_what_came_first_unless_it_was_put_back_to_an_earlier_one(
    rewound: tuple[str, ...], first: bool
) -> None:
    marks, noon = Marks(rewound), datetime(2026, 3, 2, 12, tzinfo=UTC)
    in_the_left_visit = marks.mark(noon, "r1:escalated:4:reassign_licences")
    after_the_rewind = marks.mark(noon + timedelta(hours=1), "r1:migrating:3:reassign_licences")

    assert first is in_the_left_visit.precedes(after_the_rewind)
    assert first is not after_the_rewind.precedes(in_the_left_visit)
