"""The application: everything wired over one database."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from types import TracebackType
from typing import Self

import structlog

from overstap.app.auditing import Auditing, Progress
from overstap.app.catalog_file import load_catalog
from overstap.app.channels import open_channels
from overstap.app.credit_decisions import CreditDecisions
from overstap.app.delivering import Deliveries, DeliveringThread, Shape
from overstap.app.engine import Engine
from overstap.app.figures import CountedClaims, WorkerFigures
from overstap.app.finding import Search
from overstap.app.limiting import Gate, limits_of
from overstap.app.looking import Looking
from overstap.app.operators import Operators
from overstap.app.pace import Pace
from overstap.app.portal import Portal
from overstap.app.questions import Questions
from overstap.app.readiness import Readiness
from overstap.app.rehearsing import Rehearsals
from overstap.app.service import Service
from overstap.app.sweeping import Sweeper, SweepingThread
from overstap.app.tasks import Tasks
from overstap.app.telling import Teller, TellingThread
from overstap.app.tokens import Tokens
from overstap.app.traces import TracedRuns, Traces
from overstap.app.verify import Verifier, VerifyReport
from overstap.app.versions import Versions
from overstap.app.webhooks import Webhooks
from overstap.app.worker import Worker
from overstap.bootstrap.following import make_following
from overstap.bootstrap.overview import make_dashboard, make_overview
from overstap.bootstrap.replays import open_replays
from overstap.bootstrap.rules import limits_of_rules, make_guard
from overstap.bootstrap.stage import stage
from overstap.clock import Clock, ScaledClock, SystemClock
from overstap.domain.locks import Guard
from overstap.errors import Refused
from overstap.providers.embedded import Embedded
from overstap.settings import Settings, WorkerSettings
from overstap.steps import STEP_EVENTS, StepOptions, registry
from overstap.store.acts import Acts
from overstap.store.answers import Answers
from overstap.store.audit import Audit
from overstap.store.audit_books import BooksAudit
from overstap.store.chains import Chains
from overstap.store.checkpoints import Checkpoints
from overstap.store.counting import RunCounts
from overstap.store.database import Database
from overstap.store.deliveries import DeliveryBook
from overstap.store.feed import Feed
from overstap.store.fleet import Fleet
from overstap.store.history import History
from overstap.store.kept_answers import KeptAnswers
from overstap.store.ledger import DatabaseBooks
from overstap.store.limits import LimitBook
from overstap.store.lines import Lines
from overstap.store.notices import Notices
from overstap.store.past import Past
from overstap.store.pauses import PauseBook
from overstap.store.search import RunSearch
from overstap.store.tokens import TokenBook
from overstap.store.versions import LiveRuns
from overstap.store.wakeup import Listener
from overstap.store.webhooks import WebhookBook
from overstap.workflow.files import load_library

log = structlog.get_logger(__name__)

MakeProvider = Callable[[DatabaseBooks, Clock, Guard], Embedded]


class App:
    """Everything wired over one database.

    Args:
        database: open, with a schema of today; closed together with this.
        clock: None takes the one the database lives by.
        make_provider: for tests; None makes the embedded provider of the settings.
        traces: of what happens to runs and requests; closed together with this. None makes none.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        clock: Clock | None = None,
        make_provider: MakeProvider | None = None,
        traces: Traces | None = None,
    ) -> None:
        self.settings = settings
        self.database = database
        self.fleet = Fleet(database)
        self.clock = clock or self.fleet.clock()
        self.traces = traces or Traces()
        self.figures = WorkerFigures()
        self.runs = TracedRuns(database, self.traces)
        self.pauses = PauseBook(database)
        self.lines = Lines(database)
        self.notices = Notices(database)
        self.feed = Feed(database)
        self.catalog = load_catalog(settings.catalog)
        self.library = load_library(settings.workflows, STEP_EVENTS)
        guard = make_guard(self.library, settings)
        books = DatabaseBooks(database)
        self.provider = (
            make_provider(books, self.clock, guard)
            if make_provider
            else Embedded(books, self.catalog, settings.embedded, self.clock, guard=guard)
        )
        limits = limits_of_rules(self.library, settings)
        self.service = Service(self.runs, self.provider, self.catalog, self.library, limits, self.clock)
        self.credit_decisions = CreditDecisions(settings.api.credit_secret, self.service)
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
        self.auditing = Auditing(Chains(database), Checkpoints(database), self.clock)
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
        self.versions = Versions(LiveRuns(database), self.runs, self.library, self.clock)
        self.replays, self.replay_views = open_replays(
            database, self.search, self.provider, self.catalog, self.library, settings.replay, self.clock
        )
        options = StepOptions(
            limits=limits,
            keep_old_billing=settings.rules.keep_old_billing,
            move_chunk=settings.embedded.move_chunk,
            licence_chunk=settings.embedded.licence_chunk,
            remind_after=settings.tasks.remind_after,
        )
        traced = self.traces.provider(self.provider)
        self.steps = self.traces.steps(registry(traced, self.catalog, options))
        self.operators = Operators(Acts(database), self.pauses, self.library, self.steps, self.clock)
        self.webhooks = Webhooks(WebhookBook(database, self.feed), self.provider, settings.webhooks, SystemClock())
        self.tokens = Tokens(TokenBook(database), self.provider, SystemClock())
        self.kept_answers = KeptAnswers(database, SystemClock())
        self.dashboard = make_dashboard(database, settings, self.clock, lambda: self.late_after)
        self.overview = make_overview(database, self.search, self.service, self.library, self.clock)
        self.readiness = Readiness(database, self.dashboard)
        history, beat = History(database), settings.worker.heartbeat
        self.looking = Looking(
            self.runs, history, self.lines, self.tasks, self.operators, self.library, self.clock, beat=beat
        )
        self.following = make_following(database, self.runs, self.tasks, self.operators, guard, self.clock)
        for definition in self.library.all():
            self.fleet.pin(definition.name, definition.version, definition.digest, self.clock.now())

    @property
    def _versions(self) -> list[tuple[str, int]]:
        return [(each.name, each.version) for each in self.library.all()]

    @cached_property
    def engine(self) -> Engine:
        """What advances the runs of this database."""
        claims = CountedClaims(self.database, self._versions, self.figures, self.traces)
        return Engine(
            self.library,
            self.steps,
            self.traces.provider(self.provider),
            claims,
            self.clock,
            lease=self.settings.worker.lease,
            call_limit=self.settings.worker.call_limit,
            read_pauses=self.pauses.look,
            stuck_after=self.settings.operators.stuck_after,
        )

    @cached_property
    def gate(self) -> Gate:
        """What lets steps be started, by the limits of the settings.

        Raises:
            BadInput: when a limit is for a provider that no step reaches.
        """
        limits, tenants, limited = limits_of(self.settings.limits, self.steps, self.clock)
        book = LimitBook(self.database, self._versions, limits, tenants)
        return Gate(book, limited, self.steps, self.clock, 10 * self.settings.worker.lease)

    @cached_property
    def teller(self) -> Teller:
        """What tells operators, by the URLs of the settings.

        Raises:
            BadInput: when one of the URLs cannot be used.
        """
        given = self.settings.notifications
        return Teller(self.notices, open_channels(given.urls), self.clock, given)

    def telling(self) -> TellingThread:
        """Operators are told for as long as its block lasts, beside whatever runs in it.

        Raises:
            BadInput: when one of the URLs cannot be used.
        """
        return TellingThread(self.teller, self.settings.worker.tick)

    def delivering(self, shape: Shape) -> DeliveringThread:
        """Webhooks are delivered to for as long as its block lasts, beside whatever runs in it.

        Args:
            shape: how a journal entry looks in a message.
        """
        given, book = self.settings.webhooks, DeliveryBook(self.database, self.feed)
        return DeliveringThread(Deliveries(book, given, shape, SystemClock()), self.settings.worker.tick)

    def sweeping(self) -> SweepingThread:
        """What nobody needs any more is let go of for as long as its block lasts, beside whatever runs in it."""
        keep, keep_answers = self.settings.webhooks.keep, self.settings.api.idempotency_time
        book = DeliveryBook(self.database, self.feed)
        sweeper = Sweeper(
            self.feed, book, self.kept_answers, SystemClock(), self.clock, keep=keep, keep_answers=keep_answers
        )
        return SweepingThread(sweeper)

    @property
    def rehearsals(self) -> Rehearsals:
        """What plays plans of replays on a copy."""
        return Rehearsals(
            self.database,
            self.provider,
            lambda: stage(self.settings, self.clock.now(), App),
            most_runs=self.settings.replay.rehearse_runs,
        )

    def worker(self, settings: WorkerSettings | None = None) -> Worker:
        """A worker over this database."""
        pace = Pace(time.monotonic(), self.figures)
        return Worker(self.engine, self.fleet, settings or self.settings.worker, self.listen, self.gate, pace)

    def listen(self, wake: Callable[[], None]) -> Listener:
        """Listen to this database; `wake` is called, from any thread, when something may be new."""
        return Listener(self.database, wake, lambda error: log.warning("listener_lost", error=error))

    @property
    def late_after(self) -> timedelta:
        """How long a worker may be silent before it is late: three heartbeats, in clock time."""
        return self.clock.stretch(3 * self.settings.worker.heartbeat)

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Check every truth of rules.md §J over the whole database; see `Verifier.verify`."""
        paused, books = lambda: self.pauses.may_park() or self.lines.anyone(), BooksAudit(self.database)
        return Verifier(Audit(self.database), books, self.library, paused).verify(progress)

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
        self.traces.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
