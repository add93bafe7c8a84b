"""The only place where objects are wired."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import structlog

from overstap.app.catalog_file import load_catalog
from overstap.app.engine import Engine
from overstap.app.finding import Search
from overstap.app.portal import Portal
from overstap.app.questions import Questions
from overstap.app.rehearsing import Rehearsals
from overstap.app.replay_planning import Planner
from overstap.app.replaying import Replays
from overstap.app.service import WORKFLOWS, Service
from overstap.app.tasks import Tasks
from overstap.app.verify import Verifier, VerifyReport
from overstap.app.worker import Worker
from overstap.clock import Clock, ScaledClock, SystemClock, VirtualClock
from overstap.domain.case import Limits
from overstap.domain.change import Route
from overstap.domain.locks import CREDIT_CHECK, Guard, PortalPage
from overstap.errors import NotFound, Refused
from overstap.providers.embedded import Embedded
from overstap.settings import Settings, WorkerSettings
from overstap.steps import STEP_EVENTS, StepOptions, registry
from overstap.store.answers import Answers
from overstap.store.audit import Audit
from overstap.store.audit_books import BooksAudit
from overstap.store.claims import Claims
from overstap.store.counting import RunCounts
from overstap.store.database import Database
from overstap.store.fleet import Fleet
from overstap.store.ledger import DatabaseBooks
from overstap.store.past import Past
from overstap.store.pauses import PauseBook
from overstap.store.replays import PlanBook
from overstap.store.runs import Runs
from overstap.store.schema import DatabaseStatus, SchemaState, refuse_newer, schema_status, upgrade_schema
from overstap.store.search import RunSearch
from overstap.store.wakeup import Listener
from overstap.workflow.files import Library, load_library

__all__ = ["App", "DatabaseStatus", "database_status", "make_guard", "open_app", "upgrade_database"]

log = structlog.get_logger(__name__)

MakeProvider = Callable[[DatabaseBooks, Clock, Guard], Embedded]


class App:
    """Everything wired over one database.

    Args:
        database: open, with a schema of today; closed together with this.
        clock: None takes the one the database lives by.
        make_provider: for tests; None makes the embedded provider of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        clock: Clock | None = None,
        make_provider: MakeProvider | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.fleet = Fleet(database)
        self.clock = clock or self.fleet.clock()
        self.runs = Runs(database)
        self.pauses = PauseBook(database)
        self.catalog = load_catalog(settings.catalog)
        self.library = load_library(settings.workflows, STEP_EVENTS)
        guard = make_guard(self.library, settings)
        books = DatabaseBooks(database)
        self.provider = (
            make_provider(books, self.clock, guard)
            if make_provider
            else Embedded(books, self.catalog, settings.embedded, self.clock, guard=guard)
        )
        limits = Limits(
            wizard_users=settings.rules.wizard_users,
            legacy_users=settings.rules.legacy_users,
            credit_threshold_cents=settings.rules.credit_threshold_cents,
            credit_window=_credit_window(self.library),
        )
        self.service = Service(self.runs, self.provider, self.catalog, self.library, limits, self.clock)
        self.portal = Portal(self.runs, self.provider, self.catalog, guard, self.clock)
        self.questions = Questions(
            self.runs,
            Past(database),
            self.provider,
            self.catalog,
            self.library,
            limits,
            self.clock,
            keep_old_billing=settings.rules.keep_old_billing,
        )
        self.search = Search(
            RunSearch(database),
            RunCounts(database),
            self.catalog,
            self.library,
            self.clock,
            saved={name: one.model_dump(exclude_none=True) for name, one in settings.filters.items()},
            stuck_after=settings.operators.stuck_after,
        )
        self.tasks = Tasks(Answers(database), self.runs, self.provider, self.catalog, self.library, self.clock)
        planner = Planner(self.provider, self.catalog, self.library, STEP_EVENTS)
        self.replays = Replays(PlanBook(database), self.search, planner, self.library, settings.replay, self.clock)
        options = StepOptions(
            limits=limits,
            keep_old_billing=settings.rules.keep_old_billing,
            move_chunk=settings.embedded.move_chunk,
            licence_chunk=settings.embedded.licence_chunk,
            remind_after=settings.tasks.remind_after,
        )
        self.steps = registry(self.provider, self.catalog, options)
        for definition in self.library.all():
            self.fleet.pin(definition.name, definition.version, definition.digest, self.clock.now())

    @cached_property
    def engine(self) -> Engine:
        """What advances the runs of this database."""
        claims = Claims(self.database, [(each.name, each.version) for each in self.library.all()])
        return Engine(
            self.library,
            self.steps,
            self.provider,
            claims,
            self.clock,
            lease=self.settings.worker.lease,
            call_limit=self.settings.worker.call_limit,
            read_pauses=self.pauses.all,
        )

    @property
    def rehearsals(self) -> Rehearsals:
        """What plays plans of replays on a copy."""
        return Rehearsals(
            self.database,
            self.provider,
            lambda: _stage(self.settings, self.clock.now()),
            most_runs=self.settings.replay.rehearse_runs,
        )

    def worker(self, settings: WorkerSettings | None = None) -> Worker:
        """A worker over this database."""
        lost = partial(log.warning, "listener_lost")
        return Worker(
            self.engine,
            self.fleet,
            settings or self.settings.worker,
            lambda wake: Listener(self.database, wake, lambda error: lost(error=error)),
        )

    @property
    def late_after(self) -> timedelta:
        """How long a worker may be silent before it is late: three heartbeats, in clock time."""
        return self.clock.stretch(3 * self.settings.worker.heartbeat)

    def verify(self) -> VerifyReport:
        """Check every truth of rules.md §J over the whole database."""
        return Verifier(Audit(self.database), BooksAudit(self.database), self.library).verify()

    def set_speed(self, speed: float) -> None:
        """Let this database's time run so many times as fast from now on, in every process that opens it.

        Raises:
            Refused: when the database lives in real time.
        """
        if not isinstance(self.clock, ScaledClock):
            raise Refused("This database lives in real time; open a fresh one with a speed.")
        self.clock.follow(self.fleet.set_speed(speed, SystemClock().now()))

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _stage(settings: Settings, now: datetime) -> Iterator[tuple[App, VirtualClock]]:
    """An application over an empty database that is gone afterwards; its time begins now, and its provider is well."""
    with TemporaryDirectory(prefix="overstap-rehearsal-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'rehearsal.db'}")
        upgrade_schema(database)
        well = settings.embedded.model_copy(update={"faults": ()})
        copied = settings.model_copy(update={"embedded": well})
        clock = VirtualClock(now)
        with App(copied, database, clock=clock) as app:
            yield app, clock


def _credit_window(library: Library) -> timedelta:
    """How long a credit check may take: as the newest workflow says (rules.md R34)."""
    deadline = library.latest(WORKFLOWS[Route.WIZARD]).states[CREDIT_CHECK].deadline
    if deadline is None:  # the lint rules this out: the state waits for signals
        raise ValueError(f"{CREDIT_CHECK} has no deadline")
    return deadline.after


def make_guard(library: Library, settings: Settings) -> Guard:
    """What refuses from outside what a run locks, as its workflow file and the settings say."""
    whole = settings.rules.portal_lock == "portal"
    return Guard(library.locks, frozenset(PortalPage) if whole else frozenset({PortalPage.SUBSCRIPTIONS}))


def open_app(settings: Settings, *, upgrade: bool = False, speed: float | None = None, create: bool = True) -> App:
    """Open the database that the settings name, and wire everything over it.

    Args:
        upgrade: bring an older schema up to date.
        speed: let the database's time run so many times as fast; for demos and rehearsals.
        create: make a database that is missing or empty.

    Raises:
        NotFound: when there is no database, or an empty one (without `create`); nothing is made then.
        Refused: when the schema is older (without `upgrade`) or newer than the code, or the tables are not ours.
        DatabaseUnavailable: when the database does not answer.
        BadInput: when a workflow file or the catalog cannot be used.
    """
    database = Database(settings.database_url, pool_size=settings.worker.threads + 4)
    try:
        _make_ready(database, upgrade=upgrade, create=create)
        if speed is not None:
            Fleet(database).set_speed(speed, SystemClock().now())
        return App(settings, database)
    except BaseException:
        database.close()
        raise


def _make_ready(database: Database, *, upgrade: bool, create: bool) -> None:
    status = schema_status(database)
    refuse_newer(status)
    if status.state is SchemaState.EMPTY and not create:
        raise _not_there(status.url)
    if status.state is SchemaState.EMPTY or (upgrade and status.state is SchemaState.OLDER):
        upgrade_schema(database)
    elif status.state is SchemaState.OLDER:
        raise Refused(
            f"The database {status.url} has schema {status.revision} and this Overstap needs {status.head}. "
            "Run `overstap db upgrade` (make a copy of the database first)."
        )


def _not_there(url: str) -> NotFound:
    return NotFound(
        f"There is no Overstap database at {url}. "
        "`overstap db upgrade`, `overstap up` or `overstap tenants import` makes one; or name another with --database."
    )


def database_status(settings: Settings) -> DatabaseStatus:
    """How the database's schema stands to the code."""
    database = Database(settings.database_url)
    try:
        return schema_status(database)
    finally:
        database.close()


def upgrade_database(settings: Settings) -> DatabaseStatus:
    """Make or bring up to date the schema; answers as `database_status` does.

    Raises:
        Refused: when the database is newer than the code.
    """
    database = Database(settings.database_url)
    try:
        return upgrade_schema(database)
    finally:
        database.close()
