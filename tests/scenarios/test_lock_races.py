"""Calls from outside that race with a run: each is committed wholly before the lock, wholly after it, or refused."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, event, select, text

from overstap.app.portal import By
from overstap.bootstrap import App
from overstap.domain.change import PlanChange
from overstap.domain.locks import LOCK_OF_OPERATION, ActiveRun, Guard
from overstap.errors import Refused, TenantLocked
from overstap.settings import Settings
from overstap.store.books import OPERATION
from overstap.store.rows import RUN
from overstap.testing import sample_tenant

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

WHY = By("admin", "the test says so")
LIMIT = 10.0


# --- many at once, on both databases ---


class Commits:
    """In which state the workers had committed a tenant's run when a call from outside was committed."""

    def __init__(self, app: App) -> None:
        self._calling = threading.local()
        self.seen: list[tuple[str, str | None]] = []
        event.listen(app.database.engine, "commit", self._look)

    def call(self, tenant: str, operation: str, work: Callable[[], Any]) -> Any:
        self._calling.now = (tenant, operation)
        try:
            return work()
        finally:
            self._calling.now = None

    def _look(self, connection: Connection) -> None:
        now = getattr(self._calling, "now", None)
        if now is not None and connection.get_execution_options().get("overstap_write"):
            state = select(RUN.c.state).where(RUN.c.tenant_id == now[0], RUN.c.ended_at.is_(None))
            self.seen.append((now[1], connection.execute(state).scalar()))


@dataclass
class Admin:
    """Gives and takes one user's licence, or buys and cancels one subscription, again and again until it is enough."""

    app: App
    commits: Commits
    tenant: str
    buys: bool
    subscription: str
    on: bool = False
    told: Counter[str] = field(default_factory=Counter)
    did: threading.Event = field(default_factory=threading.Event)
    enough: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        while not self.enough.is_set():
            try:
                self._buy_or_cancel() if self.buys else self._give_or_take()
            except TenantLocked as error:
                self.told[error.lock] += 1
            except Refused:  # it was changed away meanwhile
                (self.subscription,) = (
                    held.id for held in self.app.provider.tenant(self.tenant).subscriptions if held.plan == "e3"
                )
            else:
                self.on = not self.on
                self.told["done"] += 1
                self.did.set()

    def _give_or_take(self) -> None:
        portal, tenant = self.app.portal, self.tenant
        operation, act = ("unassign_licences", portal.unassign) if self.on else ("assign_licences", portal.assign)
        self.commits.call(tenant, operation, lambda: act(tenant, self.subscription, [f"{tenant}-3"], WHY))

    def _buy_or_cancel(self) -> None:
        portal, tenant = self.app.portal, self.tenant
        if self.on:
            self.commits.call(tenant, "cancel_subscription", lambda: portal.cancel(tenant, self.subscription, WHY))
        else:
            bought = self.commits.call(tenant, "buy_subscription", lambda: portal.buy(tenant, "k1", WHY, seats=1))
            self.subscription = bought["subscription_id"]

    def waits_for_success(self) -> None:
        """Until it did something from now on."""
        self.did.clear()
        assert self.did.wait(LIMIT), self.told


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    from tests.scenarios.conftest import open_fast

    embedded = {"move_chunk": 1, "licence_chunk": 1, "credit_delay": "0s"}
    with App(Settings(database_url=database_url, embedded=embedded), open_fast(database_url)) as opened:
        yield opened


@pytest.mark.rule("J5", "R17", "R35")
@pytest.mark.parametrize("payment", ["card", "invoice"])
def test_what_admins_do_meanwhile_is_done_outside_the_locked_time_by_the_order_of_commits(
    app: App, payment: str
) -> None:
    names = ["ann", "bob"]
    exports = [sample_tenant(name, users=4, seats=4, payment=payment, credit_limit=1_000_000) for name in names]
    app.provider.import_tenants(exports, app.clock.now())
    commits = Commits(app)
    admins = [Admin(app, commits, name, buys, f"{name}-e1", on=not buys) for name in names for buys in (False, True)]
    with ThreadPoolExecutor(len(admins)) as pool:
        working = [pool.submit(admin.work) for admin in admins]
        try:
            for admin in admins:
                admin.waits_for_success()
            for name in names:
                app.service.submit(PlanChange(name, f"{name}-e1", "e3"))
            app.worker().run(until_idle=True)
            for admin in admins:
                admin.waits_for_success()
        finally:
            for admin in admins:
                admin.enough.set()
    for one in working:
        one.result()

    assert {"completed": len(names)} == app.runs.counts()
    assert [] == [one for one in commits.seen if LOCK_OF_OPERATION[one[0]] in locked(app, one[1])]
    told = sum((admin.told for admin in admins), Counter())
    assert all(told[lock] > 0 for lock in ("licence", "commerce")), told
    for admin in admins:
        plans = {held.plan: held.id for held in app.provider.tenant(admin.tenant).subscriptions}
        if admin.buys:
            assert admin.on == (admin.subscription in plans.values())
            continue
        users = [f"{admin.tenant}-{one}" for one in range(4 if admin.on else 3)]
        assert users == list(app.provider.holders(admin.tenant, plans["e3"]))
    assert [] == [breach for check in app.verify().checks for breach in check.breaches]


def locked(app: App, state: str | None) -> frozenset[str]:
    return frozenset() if state is None else app.library.locks("plan_change", 1, state)


# --- one against one, on PostgreSQL: there the rows that are held decide; SQLite lets one writer in at a time ---


ONLY_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class Gate:
    """Holds one thread where it comes by, until it may go on."""

    def __init__(self, thread: str) -> None:
        self._thread = thread
        self.reached = threading.Event()
        self.open = threading.Event()

    def pass_by(self, *_: Any) -> None:
        if threading.current_thread().name.startswith(self._thread):
            self.reached.set()
            assert self.open.wait(LIMIT)


class Threads:
    """Named threads that each do one thing."""

    def __init__(self) -> None:
        self._pools: list[ThreadPoolExecutor] = []

    def start(self, name: str, work: Callable[[], Any]) -> Future[Any]:
        self._pools.append(ThreadPoolExecutor(1, thread_name_prefix=name))
        return self._pools[-1].submit(work)

    def close(self) -> None:
        for pool in self._pools:
            pool.shutdown()


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads()
    yield made
    made.close()


def wait_until_somebody_waits_for_a_row(world: World, waiters: int = 1) -> None:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    limit = time.monotonic() + LIMIT
    while time.monotonic() < limit:
        with world.database.read() as connection:
            if connection.execute(waiting).scalar_one() == waiters:
                return
    pytest.fail("nobody waits for a row that somebody else holds")


NEXT_ENTRY = text(
    "INSERT INTO journal (run_id, seq, at, kind, actor, data, hash) "
    "SELECT run_id, max(seq) + 1, max(at), 'wait', 'rival', '{}', '' FROM journal WHERE run_id = :run GROUP BY run_id"
)


def take(world: World, key: str = "key") -> Any:
    """Take a user's licence, straight at the provider: no look ahead may help."""
    wish = {"tenant_id": "acme", "subscription_id": "acme-e1", "users": ["acme-2"], "actor": "admin", "reason": "so"}
    return world.app.provider.request("unassign_licences", key, wish)


@pytest.fixture
def held_after_its_guard(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A call from outside stops after it was let pass, inside its transaction."""
    gate, ensure_free = Gate("outside"), Guard.ensure_free

    def ensure(guard: Guard, tenant: str, active: ActiveRun | None, *locks: str) -> None:
        ensure_free(guard, tenant, active, *locks)
        gate.pass_by()

    monkeypatch.setattr(Guard, "ensure_free", ensure)
    return gate


def about_to_migrate(world: World) -> tuple[str, Callable[[], Any]]:
    """A run whose order is placed, and what commits its way into `migrating`."""
    run, worker = world.order(), world.worker("ann")
    worker.round()
    worker.perform()
    assert ["place_order"] == world.operations("acme")
    return run, worker.commit


@ONLY_POSTGRES
@pytest.mark.rule("J5", "R17")
def test_a_run_waits_with_its_lock_for_a_call_that_was_let_pass(
    make_world: MakeWorld, threads: Threads, held_after_its_guard: Gate
) -> None:
    world = make_world(embedded={"move_time": "1h"})
    run, commit = about_to_migrate(world)

    outside = threads.start("outside", lambda: take(world))
    assert held_after_its_guard.reached.wait(LIMIT)
    worker = threads.start("worker", commit)
    wait_until_somebody_waits_for_a_row(world)
    state_meanwhile = world.state(run)
    held_after_its_guard.open.set()

    assert ["acme-2"] == outside.result(LIMIT)["changed"]
    assert {} == worker.result(LIMIT).lost
    assert ("submitted", "migrating") == (state_meanwhile, world.state(run))
    world.run_for("3h")
    assert {"e3": 2} == world.plans("acme")


@ONLY_POSTGRES
@pytest.mark.rule("J5", "R17")
def test_a_call_waits_for_a_run_that_is_taking_its_lock_and_is_refused(make_world: MakeWorld, threads: Threads) -> None:
    world = make_world(embedded={"move_time": "1h"})
    run, commit = about_to_migrate(world)
    with world.database.engine.connect() as rival:
        rival.execute(NEXT_ENTRY, {"run": run})  # the commit waits for it with the run in its hands
        worker = threads.start("worker", commit)
        wait_until_somebody_waits_for_a_row(world)
        outside = threads.start("outside", lambda: take(world))
        wait_until_somebody_waits_for_a_row(world, waiters=2)
        rival.rollback()

    with pytest.raises(TenantLocked) as refused:
        outside.result(LIMIT)
    assert ("licence", run) == (refused.value.lock, refused.value.run_id)
    assert {} == worker.result(LIMIT).lost
    assert ["place_order"] == world.operations("acme")
    world.run_for("3h")
    assert {"e3": 3} == world.plans("acme")


@ONLY_POSTGRES
@pytest.mark.rule("J5", "J3")
def test_a_run_begins_only_when_a_call_that_found_none_is_committed(
    make_world: MakeWorld, threads: Threads, held_after_its_guard: Gate
) -> None:
    """Else it could be cancelled at once, and lock the tenant on its way back without ever asking the provider."""
    world = make_world()
    world.tenant()

    outside = threads.start("outside", lambda: take(world))
    assert held_after_its_guard.reached.wait(LIMIT)
    submitted = threads.start("customer", lambda: world.submit("acme"))
    wait_until_somebody_waits_for_a_row(world)
    runs_meanwhile = world.app.runs.counts()
    held_after_its_guard.open.set()

    assert ["acme-2"] == outside.result(LIMIT)["changed"]
    assert ({}, "submitted") == (runs_meanwhile, world.state(submitted.result(LIMIT)))
    with world.database.read() as connection:
        (done,) = connection.execute(select(OPERATION.c.response)).scalars()
    assert done["seen"] is None
