"""A whole Overstap in virtual time: tenants, one database, workers led by hand, and a clock that the test moves."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import event, select

from overstap.app.catalog_file import load_catalog
from overstap.app.settling import Settler, Work
from overstap.bootstrap import App
from overstap.clock import Clock, VirtualClock, format_duration, parse_duration
from overstap.domain.change import PlanChange
from overstap.domain.locks import Guard
from overstap.errors import ClaimLost
from overstap.providers.embedded import Embedded
from overstap.settings import Settings
from overstap.store.batch import Claim, Committed, Intent, Overtaken
from overstap.store.books import BILLING, OPERATION
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.store.rows import EffectRecord
from overstap.testing import SKUS, Driver, sample_tenant
from overstap.workflow.decide import Perform
from overstap.workflow.run import JournalEntry, Run

settings.register_profile(
    "scenarios",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLANS = {sku: plan for plan, (_, sku) in SKUS.items()}


class Worker:
    """A worker that claims, performs and commits only when it is told to, so that things can happen in between."""

    def __init__(self, app: App, name: str, *, batch: int = 10) -> None:
        self.name = name
        self._app = app
        self._batch = batch
        self.claims: list[Claim] = []
        self.done: list[Work] | None = None
        self._settler = Settler(app.engine, impatient=lambda: True)

    def claim(self) -> list[Claim]:
        """Take what is due."""
        self.claims = self._app.engine.claim(self.name, self._batch)
        return self.claims

    def perform(self) -> None:
        """Do the next step of everything it holds, and commit nothing of it."""
        self.done = [one for claim in self.claims if (one := self._work(claim)) is not None]

    def _work(self, claim: Claim) -> Work | None:
        action = self._app.engine.action(claim, self._app.clock.now())
        if not isinstance(action, Perform):
            return Work(claim)
        try:
            return Work(claim, self._app.engine.perform(claim, action.step, self._record))
        except Overtaken as error:
            return self._work(error.claim)
        except ClaimLost:
            return None

    def _record(self, intent: Intent) -> EffectRecord:
        return self._app.engine.record(intent)

    def tokens(self) -> dict[str, int]:
        """The claims it has something to commit for, and their tokens."""
        return {one.claim.run.id: one.claim.token for one in self.done or []}

    def commit(self) -> Committed:
        """Commit what was performed; it goes on holding the runs that have more to do."""
        committed = self._settler.settle(self.done or [])
        self.claims, self.done = committed.kept, None
        return committed

    def round(self) -> None:
        """Go one step on with everything it holds, or with what is due when it holds nothing."""
        if not self.claims:
            self.claim()
        if self.done is None:
            self.perform()
        self.commit()


class World:
    """One Overstap with its provider.

    Args:
        url: a database with the schema in it.
        values: settings, as `Settings` takes them.
    """

    def __init__(self, url: str, **values: Any) -> None:
        self.clock = VirtualClock(START)
        self.late: list[tuple[datetime, Callable[[], None]]] = []
        self.tenants: set[str] = set()
        self._open(Settings(database_url=url, **values))

    def _open(self, settings: Settings) -> None:
        self.settings = settings
        self.database = open_fast(settings.database_url)
        try:
            self.app = App(self.settings, self.database, clock=self.clock, make_provider=self._make_provider)
        except BaseException:
            self.database.close()
            raise
        self.driver = Driver(self.app.engine, self.clock)

    def reopen(self, **embedded: Any) -> None:
        """Start anew over the same database at the same moment, with the workflow files as they are now.

        Args:
            embedded: settings of the provider that are others from now on.
        """
        self.app.close()
        provider = self.settings.embedded.model_copy(update=embedded)
        self._open(self.settings.model_copy(update={"embedded": provider}))

    def _make_provider(self, books: DatabaseBooks, clock: Clock, guard: Guard) -> Embedded:
        catalog = load_catalog(self.settings.catalog)
        return Embedded(books, catalog, self.settings.embedded, clock, guard=guard, sleep=self.sleep, later=self.later)

    def sleep(self, seconds: float) -> None:
        """What a provider does that hangs."""
        self.clock.advance(timedelta(seconds=seconds))

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """What a provider does whose work comes late."""
        self.late.append((self.clock.now() + timedelta(seconds=seconds), work))

    def worker(self, name: str, *, batch: int = 10) -> Worker:
        """A worker to be led by hand."""
        return Worker(self.app, name, batch=batch)

    # --- what happens ---

    def tenant(
        self,
        name: str = "acme",
        *,
        users: int = 3,
        plan: str = "e1",
        payment: str = "card",
        credit_limit: int = 1_000_000,
        seats: int | None = None,
        healthy: bool = True,
        domains: tuple[str, ...] = (),
        locale: str = "en",
    ) -> str:
        """Import a tenant, or bring it up to date."""
        export = sample_tenant(
            name,
            users=users,
            plan=plan,
            payment=payment,
            credit_limit=credit_limit,
            seats=seats,
            healthy=healthy,
            domains=domains,
            locale=locale,
        )
        self.app.provider.import_tenants([export], self.clock.now())
        self.tenants.add(name)
        return name

    def submit(self, tenant: str, plan: str = "e3", *, key: str | None = None, **more: Any) -> str:
        """Order a plan for the tenant's only subscription; answers the run's id."""
        (source,) = self.app.provider.tenant(tenant).subscriptions
        return self.submit_from(tenant, source.id, plan, key=key, **more)

    def submit_from(self, tenant: str, source: str, plan: str, *, key: str | None = None, **more: Any) -> str:
        """Order a plan for one of the tenant's subscriptions; answers the run's id."""
        return self.app.service.submit(PlanChange(tenant, source, plan, **more), key=key)[0].run.id

    def order(self, **tenant: Any) -> str:
        """Import a tenant and order E3 for it; answers the run's id."""
        return self.submit(self.tenant(**tenant))

    def answer(self, run: str, *, declined: bool = False) -> None:
        """Have the tenant's first admin do what a run asks for now."""
        task = self.app.tasks.of(self.run(run))
        assert task is not None, f"run {run} is in {self.state(run)} and asks nothing"
        self.app.tasks.done(task.id, by=task.people[0], note="the test says so", declined=declined)

    def signal(self, run: str, name: str) -> None:
        """Send a run something from outside."""
        self.app.service.signal(run, name, reason="the test says so")

    def work(self) -> None:
        """Work off what is due now."""
        self.driver.run_until_idle()

    def run_for(self, duration: str) -> None:
        """Work off everything that becomes due within a time such as `13d23h59m`."""
        end = self.clock.now() + parse_duration(duration)
        while True:
            self.driver.run_to(min([end, *(due for due, _ in self.late)]))
            now = self.clock.now()
            ripe = [one for one in self.late if one[0] <= now]
            if not ripe and now >= end:
                return
            self.late = [one for one in self.late if one[0] > now]
            for _, work in ripe:
                work()

    def pass_time(self, duration: str) -> None:
        """Let time pass while no worker looks."""
        self.clock.advance(parse_duration(duration))

    # --- what it led to ---

    def run(self, run: str) -> Run:
        """The stored run."""
        return self.app.runs.get(run).run

    def state(self, run: str) -> str:
        """The state of a run."""
        return self.run(run).state

    def journal(self, run: str) -> list[JournalEntry]:
        """The whole journal of a run."""
        return self.app.runs.journal(run)

    def path(self, run: str) -> list[str]:
        """The states that a run went through."""
        return [entry.to_state for entry in self.journal(run) if entry.to_state is not None]

    def entered(self, run: str, state: str) -> str:
        """How long after the start a run came into a state, such as `14d`."""
        (at,) = (entry.at for entry in self.journal(run) if entry.to_state == state)
        return since_start(at)

    def wake_at(self, entry: JournalEntry) -> datetime:
        """When a journal entry says that the run goes on."""
        return datetime.fromisoformat(entry.data["wake_at"])

    def locks(self, run: str) -> set[str]:
        """What is locked for the run's tenant."""
        stored = self.run(run)
        return set(self.app.library.get(stored.workflow, stored.version).states[stored.state].locks)

    def effects(self, run: str) -> dict[str, str]:
        """The status of each effect by its key, without the run's id."""
        return {effect.key.removeprefix(f"{run}:"): effect.status for effect in self.app.runs.effects(run)}

    def plans(self, tenant: str) -> dict[str, int]:
        """How many users hold each plan that the tenant has open."""
        return {held.plan or "?": held.assigned for held in self.app.provider.tenant(tenant).subscriptions}

    def residents(self, tenant: str, subscription: str) -> list[str]:
        """The users that a subscription serves, sorted."""
        with DatabaseBooks(self.database).reading() as books:
            return list(books.residents(tenant, subscription))

    def billing(self, tenant: str) -> list[tuple[str, str, str | None]]:
        """The plans that were billed, each from when to when after the start, in order."""
        with self.database.read() as connection:
            rows = connection.execute(
                select(BILLING).where(BILLING.c.tenant_id == tenant).order_by(BILLING.c.started_at, BILLING.c.id)
            ).all()
        with DatabaseBooks(self.database).reading() as books:
            skus = {held.id: held.sku_part_number for held in books.purchases(tenant)}
            plan = {held: PLANS.get(sku, sku) for held, sku in skus.items()}
        return [
            (plan[row.subscription_id], since_start(row.started_at), row.ended_at and since_start(row.ended_at))
            for row in rows
        ]

    def operations(self, tenant: str) -> list[str]:
        """What the provider did for a tenant, in order of time, then of name."""
        query = select(OPERATION.c.operation).where(OPERATION.c.tenant_id == tenant)
        with self.database.read() as connection:
            return list(connection.execute(query.order_by(OPERATION.c.at, OPERATION.c.operation)).scalars())

    def breaches(self) -> list[str]:
        """What `verify` finds wrong."""
        return [f"{check.rule}: {breach}" for check in self.app.verify().checks for breach in check.breaches]

    def close(self) -> None:
        """Let go of the database."""
        self.app.close()


def since_start(moment: datetime) -> str:
    """How long after the start of the test a moment is."""
    return format_duration(moment - START)


def open_fast(url: str) -> Database:
    """Open a database that need not survive a power cut."""
    database = Database(url)
    pragma = "PRAGMA synchronous = OFF" if database.dialect == "sqlite" else "SET synchronous_commit = off"

    def relax(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(pragma)
        cursor.close()
        if database.dialect == "postgresql":
            connection.commit()

    for engine in (database.engine, database._keyed):
        event.listen(engine, "connect", relax)
    return database


@pytest.fixture(scope="session", autouse=True)
def quiet() -> Iterator[None]:
    """Only errors are logged."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.configure(**before)


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(database_url: str) -> Iterator[MakeWorld]:
    """Makes a world with these settings over the test's database; at the end of the test no truth may be broken."""
    made: list[World] = []

    def make(
        *,
        embedded: Mapping[str, Any] | None = None,
        rules: Mapping[str, Any] | None = None,
        faults: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> World:
        provider = {"faults": (faults,) if faults else (), **(embedded or {})}
        made.append(World(database_url, embedded=provider, rules=rules or {}, **values))
        return made[-1]

    yield make
    breaches = [breach for world in made for breach in world.breaches()]
    for world in made:
        world.close()
    assert [] == breaches


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world with the settings as they come."""
    return make_world()


@pytest.fixture
def numbered_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs, signals and answers get ids that are the same every time."""
    numbers = itertools.count(1)

    class Numbered:
        @staticmethod
        def from_datetime(_moment: datetime) -> str:
            return f"id-{next(numbers):06}"

    monkeypatch.setattr("overstap.app.service.ULID", Numbered)
    monkeypatch.setattr("overstap.app.tasks.ULID", Numbered)
