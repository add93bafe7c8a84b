"""The stage of the random worlds: one world that is used again and again, and what can be done to it from outside."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from sqlalchemy import Connection, event, inspect, select, text
from sqlalchemy import Engine as SqlEngine

from overstap.errors import ProviderRefused
from overstap.providers.embedded.faults import Faults
from overstap.settings import Fault
from overstap.store.books import ASSIGNMENT, BILLING, DOMAIN, PURCHASE, RESIDENCE
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.store.rows import RUN

if TYPE_CHECKING:
    from tests.scenarios.conftest import World

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
FOR_GOOD = "is refused for good by the test"


class Crash(BaseException):
    """The process is gone at this very point."""


class Crasher:
    """Lets the process die between two statements, before a commit or right after it, when it is told to."""

    def __init__(self, database: Database) -> None:
        self._left: int | None = None
        event.listen(database.engine, "before_cursor_execute", lambda *_: self._pass())
        transaction, each = database._transaction, database.each

        @contextmanager
        def crashing(engine: SqlEngine, gate: Any) -> Iterator[Connection]:
            with transaction(engine, gate) as connection:
                yield connection
                self._pass()
            self._pass()

        @contextmanager
        def crashing_each() -> Iterator[psycopg.Connection[Any]]:
            self._pass()
            with each() as connection:
                yield connection
            self._pass()

        database._transaction = crashing  # type: ignore[method-assign]
        database.each = crashing_each  # type: ignore[method-assign]

    def _pass(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._left = None
                raise Crash

    def survives(self, work: Callable[[], None], points: int | None) -> bool:
        """Do something that dies after so many points, None for never; tells whether it lived."""
        self._left = points
        try:
            work()
        except Crash:
            return False
        finally:
            self._left = None
        return True

    def elsewhere(self, work: Callable[[], None]) -> None:
        """Do what other processes do meanwhile: they do not die with this one."""
        left, self._left = self._left, None
        try:
            work()
        finally:
            self._left = left


class Wiper:
    """Brings a database back to what it held at first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        keep = {"alembic_version", "workflow"}
        names = [name for name in inspect(database.engine).get_table_names() if name not in keep]
        self._wipe = [text(f"DELETE FROM {name}") for name in names]
        if database.dialect == "postgresql":
            self._wipe = [text(f"TRUNCATE {', '.join(names)} RESTART IDENTITY")]

    def wipe(self) -> None:
        with self._database.write() as connection:
            for statement in self._wipe:
                connection.execute(statement)


class Active(NamedTuple):
    """A run that has not ended."""

    run: str
    workflow: str
    state: str
    visit: int


@dataclass
class Look:
    """What is written down at one moment.

    A *line* is a subscription that was imported or bought, with everything that took its place since. It is called by
    the id of its first one.

    Attributes:
        lines: the line of each subscription.
        holders: who holds a licence of each line, sorted; twice who holds two.
        licensed, served: who holds a licence of which subscription, and whom which one serves, in tenants with no
            active run.
        billed: how many subscriptions of each line are billed.
        domains: the custom domains of each tenant, and which is the default.
        active: each tenant's active run.
        given_up: the domains of each tenant without which a change was completed.
    """

    lines: dict[str, str] = field(default_factory=dict)
    holders: dict[str, list[str]] = field(default_factory=dict)
    licensed: set[tuple[str, str]] = field(default_factory=set)
    served: set[tuple[str, str]] = field(default_factory=set)
    billed: Counter[str] = field(default_factory=Counter)
    domains: dict[str, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))
    active: dict[str, Active] = field(default_factory=dict)
    given_up: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


_PURCHASES = select(PURCHASE.c.id, PURCHASE.c.replaces)
_HELD = (
    select(ASSIGNMENT.c.tenant_id, ASSIGNMENT.c.subscription_id, ASSIGNMENT.c.user_id)
    .where(ASSIGNMENT.c.removed_at.is_(None))
    .order_by(ASSIGNMENT.c.user_id)
)
_SERVED = select(RESIDENCE.c.tenant_id, RESIDENCE.c.subscription_id, RESIDENCE.c.user_id)
_BILLED = select(BILLING.c.subscription_id).where(BILLING.c.ended_at.is_(None))
_DOMAINS = select(DOMAIN.c.tenant_id, DOMAIN.c.name, DOMAIN.c.is_default).where(DOMAIN.c.custom)
_RUNS = select(RUN.c.id, RUN.c.tenant_id, RUN.c.workflow, RUN.c.state, RUN.c.visit, RUN.c.data, RUN.c.ended_at)


def look(database: Database) -> Look:
    """What is written down now."""
    seen = Look()
    with database.read() as connection:
        for row in connection.execute(_RUNS):
            if row.ended_at is None:
                seen.active[row.tenant_id] = Active(row.id, row.workflow, row.state, row.visit)
            elif row.state == "completed":
                seen.given_up[row.tenant_id].update(row.data.get("domains_off", ()))
        before = {row.id: row.replaces for row in connection.execute(_PURCHASES)}
        seen.lines = {subscription: _first(subscription, before) for subscription in before}
        seen.holders = {line: [] for line in seen.lines.values()}
        held, served = (connection.execute(query).all() for query in (_HELD, _SERVED))
        for row in held:
            seen.holders[seen.lines[row.subscription_id]].append(row.user_id)
        seen.licensed, seen.served = (
            {(row.subscription_id, row.user_id) for row in rows if row.tenant_id not in seen.active}
            for rows in (held, served)
        )
        seen.billed.update(seen.lines[subscription] for subscription in connection.execute(_BILLED).scalars())
        for row in connection.execute(_DOMAINS):
            seen.domains[row.tenant_id][row.name] = row.is_default
    return seen


def _first(subscription: str, before: Mapping[str, str | None]) -> str:
    replaced = before[subscription]
    return subscription if replaced is None else _first(replaced, before)


class Stage:
    """One world that is used again and again, and what can be done to it from outside.

    Attributes:
        meanwhile: what others do at some point, once: before an effect's `call`, before a `request` from outside is
            carried out, before an `answer` is put into the inbox. In each case whoever is at that point has had its
            look already.
        locked: what the tenant's run locked when the last request from outside was carried out.
        refusals: the tenants and operations that are refused for good the next time.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.crasher = Crasher(world.database)
        self.meanwhile: dict[str, Callable[[], None]] = {}
        self.refusals: set[tuple[str, str]] = set()
        self.locked: frozenset[str] = frozenset()
        self._wiper = Wiper(world.database)
        self._provider, self._answers = world.app.provider, world.app.tasks._answers
        self._execute, self._request, self._give = self._provider.execute, self._provider.request, self._answers.give
        self._provider.execute = self._called  # type: ignore[method-assign]
        self._provider.request = self._requested  # type: ignore[method-assign]
        self._answers.give = self._given  # type: ignore[method-assign]

    def begin(self) -> None:
        """Everything as it was at first."""
        self._wiper.wipe()
        self.meanwhile, self.refusals = {}, set()
        self.world.late.clear()
        self.world.clock._now = START
        self.set_faults(())

    def _others(self, point: str) -> None:
        if point in self.meanwhile:
            self.crasher.elsewhere(self.meanwhile.pop(point))

    def _called(
        self, operation: str, key: str, request: Mapping[str, Any], now: datetime, limit: timedelta
    ) -> Mapping[str, Any]:
        self._others("call")
        hit = (request["tenant_id"], operation)
        # A way back that is refused for good is stuck, by design, until somebody looks: it would never end.
        if hit in self.refusals and ":rolling_back:" not in key:
            self.refusals.discard(hit)
            raise ProviderRefused(f"{operation} {FOR_GOOD}")
        return self._execute(operation, key, request, self.world.clock.now(), limit)

    def _requested(self, operation: str, key: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        self._others("request")
        active = self.world.app.runs.active_run(request["tenant_id"])
        library = self.world.app.library
        self.locked = library.locks(active.workflow, active.version, active.state) if active else frozenset()
        return self._request(operation, key, request)

    def _given(self, *arguments: Any, **options: Any) -> None:
        self._others("answer")
        self._give(*arguments, **options)

    def set_faults(self, faults: tuple[Fault, ...]) -> None:
        """The moods of the provider from now on."""
        books, clock = DatabaseBooks(self.world.database), self.world.clock
        self._provider._faults = Faults(books, faults, clock, sleep=self.world.sleep, later=self.world.later)

    def pass_time(self, by: timedelta) -> None:
        """Let time pass while no worker looks; what a provider does late is done."""
        self.world.clock.advance(by)
        now = self.world.clock.now()
        ripe = [one for one in self.world.late if one[0] <= now]
        self.world.late = [one for one in self.world.late if one[0] > now]
        for _, work in ripe:
            work()
