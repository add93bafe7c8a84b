"""Random orders, signals, faults, jumps in time, and crashes between any two statements: the truths hold."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import ColumnElement, Connection, Select, event, func, inspect, select, text
from sqlalchemy import Engine as SqlEngine

from overstap.errors import OverstapError, ProviderRefused
from overstap.providers.embedded.call import Answer, Call
from overstap.providers.embedded.faults import Faults
from overstap.providers.embedded.operations import OPERATIONS
from overstap.settings import Fault
from overstap.store.batch import Committed
from overstap.store.books import ASSIGNMENT, BILLING
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, Worker, World

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
USERS = {"card": 2, "invoice": 2, "broke": 2, "large": 5}
TENANTS = tuple(USERS)
MOVE_TIMES = ("0s", "9m", "40m")
WORKERS = ("ann", "bob")
EVENTS = ("cancel", "credit_approved", "credit_declined")
FOR_GOOD = "is refused for good by the test"
EXAMPLES = {"sqlite": 60, "postgresql": 15}
FORWARD = ("place_order", "request_credit", "move_users", "swap_licences", "start_billing", "close_subscription")
BACK = ("withdraw_order", "cancel_target", "restore_billing", "notify")
REFUSABLE = ("place_order", "request_credit", "move_users", "swap_licences")
PAUSES = [timedelta(seconds=1), timedelta(seconds=61), timedelta(minutes=7), timedelta(hours=1), timedelta(days=5)]


class Crash(BaseException):
    """The process is gone at this very point."""


class Crasher:
    """Lets the process die between two statements, before a commit or right after it, when it is told to."""

    def __init__(self, database: Database) -> None:
        self._left: int | None = None
        event.listen(database.engine, "before_cursor_execute", lambda *_: self._pass())
        transaction = database._transaction

        @contextmanager
        def crashing(engine: SqlEngine, gate: Any) -> Iterator[Connection]:
            with transaction(engine, gate) as connection:
                yield connection
                self._pass()
            self._pass()

        database._transaction = crashing  # type: ignore[method-assign]

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


def watched(work: Callable[[Call], Answer], repeated: list[str]) -> Callable[[Call], Answer]:
    """The work of an operation, noted when it had been done under its key before."""

    def watch(call: Call) -> Answer:
        if call.ledger.operation(call.key) is not None:
            repeated.append(call.key)
        return work(call)

    return watch


class Stage:
    """One world that is used again and again, and what can be done to it from outside."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.crasher = Crasher(world.database)
        self.meanwhile: Callable[[], None] | None = None
        self.refusals: set[tuple[str, str]] = set()
        self._wiper = Wiper(world.database)
        self._provider = world.app.provider
        self._execute = self._provider.execute
        self._provider.execute = self._call  # type: ignore[method-assign]

    def begin(self) -> None:
        """Everything as it was at first."""
        self._wiper.wipe()
        self.meanwhile, self.refusals = None, set()
        self.world.late.clear()
        self.world.clock._now = START
        self.set_faults(())

    def _call(
        self, operation: str, key: str, request: Mapping[str, Any], now: datetime, limit: timedelta
    ) -> Mapping[str, Any]:
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        hit = (request["tenant_id"], operation)
        # A way back that is refused for good is stuck, by design, until somebody looks: it would never end.
        if hit in self.refusals and ":rolling_back:" not in key:
            self.refusals.discard(hit)
            raise ProviderRefused(f"{operation} {FOR_GOOD}")
        return self._execute(operation, key, request, self.world.clock.now(), limit)

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

    def licensed(self) -> dict[str, int]:
        """How many users of each tenant have a licence."""
        users = func.count(ASSIGNMENT.c.user_id.distinct())
        return self._count(select(ASSIGNMENT.c.tenant_id, users), ASSIGNMENT.c.removed_at)

    def billed(self) -> dict[str, int]:
        """How many subscriptions of each tenant are billed."""
        return self._count(select(BILLING.c.tenant_id, func.count()), BILLING.c.ended_at)

    def _count(self, query: Select[tuple[str, int]], end: ColumnElement[Any]) -> dict[str, int]:
        with self.world.database.read() as connection:
            rows = connection.execute(query.where(end.is_(None)).group_by(query.selected_columns[0])).all()
        return {row[0]: row[1] for row in rows}


chance_of_a_crash = st.one_of(st.none(), st.integers(0, 25), st.integers(0, 100))


class RandomWorld(RuleBasedStateMachine):
    """Two workers, four tenants, a provider with moods, and a clock."""

    stages: Mapping[tuple[bool, str], Stage]
    repeated: list[str]

    @initialize(
        keep_old_billing=st.booleans(),
        move_time=st.sampled_from(MOVE_TIMES),
        ordered=st.sets(st.sampled_from(TENANTS)),
        refused=st.sets(st.tuples(st.sampled_from(TENANTS), st.sampled_from(REFUSABLE)), max_size=2),
    )
    def begin(self, keep_old_billing: bool, move_time: str, ordered: set[str], refused: set[tuple[str, str]]) -> None:
        self.stage = self.stages[keep_old_billing, move_time]
        self.stage.begin()
        self.world = self.stage.world
        self.crasher = self.stage.crasher
        self.repeated.clear()
        self.workers: dict[str, Worker] = {}
        self.names = itertools.count()
        self.faults: dict[str, Fault] = {}
        self.keyed: dict[str, str] = {}
        self.runs: list[str] = []
        for name, users in USERS.items():
            self.world.tenant(
                name,
                users=users,
                payment="invoice" if name in {"invoice", "broke"} else "card",
                credit_limit=1 if name == "broke" else 1_000_000,
            )
        for name in sorted(ordered):
            self.order(tenant=name, plan="e3", key=None, crash=None)
        self.stage.refusals.update(refused)

    # --- what people do ---

    @rule(tenant=st.sampled_from(TENANTS), plan=st.sampled_from(["e3", "e4"]), key=st.sampled_from([None, "a", "b"]),
          crash=chance_of_a_crash)  # fmt: skip
    def order(self, tenant: str, plan: str, key: str | None, crash: int | None) -> None:
        def submit() -> None:
            source = self.world.app.provider.tenant(tenant).subscriptions[0].id
            try:
                run = self.world.submit_from(tenant, source, plan, key=key and f"{tenant}-{key}")
            except OverstapError:
                return  # refused
            if key is not None:
                assert self.keyed.setdefault(f"{tenant}-{key}", run) == run

        self.crasher.survives(submit, crash)
        self.runs = self.world.app.runs.all_ids()

    @precondition(lambda self: self.runs)
    @rule(number=st.integers(0, 7), name=st.sampled_from(EVENTS), crash=chance_of_a_crash)
    def signal(self, number: int, name: str, crash: int | None) -> None:
        run = self.runs[-1 - number % len(self.runs)]

        def send() -> None:
            try:
                self.world.signal(run, name)
            except OverstapError:
                return

        self.crasher.survives(send, crash)

    # --- what workers do ---

    def worker(self, name: str) -> Worker:
        """The living worker of that name; a dead one is followed by another process."""
        if name not in self.workers:
            worker = self.world.worker(f"{name}-{next(self.names)}")
            commit = worker.commit

            def checked() -> Committed:
                late = {run for run, token in worker.tokens().items() if self.token(run) != token}
                committed = commit()
                assert late == set(committed.lost)
                return committed

            worker.commit = checked  # type: ignore[method-assign]
            self.workers[name] = worker
        return self.workers[name]

    def token(self, run: str) -> int | None:
        """The fencing token of whoever holds a run, None when nobody does."""
        stored = self.world.app.runs.get(run)
        return stored.claim_token if stored.claimed_by else None

    def go_on(self, name: str, work: Callable[[Worker], None], crash: int | None = None) -> None:
        worker = self.worker(name)
        if not self.crasher.survives(lambda: work(worker), crash):
            self.workers.pop(name, None)

    @rule(name=st.sampled_from(WORKERS), rounds=st.integers(1, 12), crash=chance_of_a_crash)
    def work(self, name: str, rounds: int, crash: int | None) -> None:
        def some_rounds(worker: Worker) -> None:
            for _ in range(rounds):
                worker.round()

        self.go_on(name, some_rounds, crash)

    @rule(name=st.sampled_from(WORKERS))
    def work_without_a_commit(self, name: str) -> None:
        def one_step(worker: Worker) -> None:
            if not worker.claims:
                worker.claim()
            if worker.done is None:
                worker.perform()

        self.go_on(name, one_step)

    @rule(name=st.sampled_from(WORKERS), other_rounds=st.integers(1, 8))
    def stall_in_a_call(self, name: str, other_rounds: int) -> None:
        """A worker stands still between writing down an effect and its call, until another has taken over."""
        other = self.worker(next(one for one in WORKERS if one != name))

        def meanwhile() -> None:
            self.world.clock.advance(timedelta(seconds=61))
            for _ in range(other_rounds):
                other.round()

        self.stage.meanwhile = meanwhile
        self.go_on(name, lambda worker: worker.round())
        self.stage.meanwhile = None

    @rule(by=st.sampled_from(PAUSES))
    def time_passes(self, by: timedelta) -> None:
        self.stage.pass_time(by)

    # --- what the provider does ---

    @rule(operation=st.sampled_from(FORWARD + BACK), kind=st.sampled_from(["lost", "fails", "late", "hangs"]))
    def get_moody(self, operation: str, kind: str) -> None:
        time = timedelta(seconds=90 if kind == "late" else 0)
        self.faults[operation] = Fault(operation=operation, kind=kind, time=time)  # type: ignore[arg-type]
        self.set_faults()

    @rule(operation=st.sampled_from(REFUSABLE), tenant=st.sampled_from(TENANTS))
    def be_going_to_refuse(self, operation: str, tenant: str) -> None:
        self.stage.refusals.add((tenant, operation))

    @precondition(lambda self: self.faults)
    @rule()
    def calm_down(self) -> None:
        self.faults.clear()
        self.set_faults()

    def set_faults(self) -> None:
        self.stage.set_faults(tuple(self.faults.values()))

    # --- what always holds ---

    @invariant()
    def every_user_has_a_licence(self) -> None:
        assert USERS == self.stage.licensed()

    @invariant()
    def never_are_two_subscriptions_billed(self) -> None:
        assert {1} >= set(self.stage.billed().values())

    @invariant()
    def no_effect_happens_twice(self) -> None:
        assert [] == self.repeated

    @rule()
    def every_truth_holds(self) -> None:
        assert [] == self.world.breaches()

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            self.every_truth_holds()
            self.come_to_an_end()
            self.every_truth_holds()
            self.every_user_has_a_licence()
            self.only_what_the_test_refused_was_refused()
            assert dict.fromkeys(TENANTS, 1) == self.stage.billed()

    def only_what_the_test_refused_was_refused(self) -> None:
        effects = [effect for run in self.runs for effect in self.world.app.runs.effects(run)]
        refused = [str(effect.error) for effect in effects if effect.status == "refused"]
        assert [] == [error for error in refused if FOR_GOOD not in error]

    def come_to_an_end(self) -> None:
        """Without faults, and with weeks to go, every run ends."""
        self.calm_down()
        self.stage.refusals.clear()
        for worker in self.workers.values():
            if worker.done is not None:
                worker.commit()
        for _ in range(30):  # in strides: a run that tries for ever would be tried thousands of times in a month
            self.world.run_for("10m")
            self.world.pass_time("1d")
        assert [] == [run for run in self.runs if self.world.run(run).ended_at is None]


@pytest.mark.rule("R14", "J1", "J2", "J3", "J4", "J5", "J6", "J7")
@pytest.mark.usefixtures("numbered_ids")
def test_whatever_happens_every_truth_holds_and_every_run_ends(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = {
        (keep, move_time): Stage(
            make_world(
                embedded={"move_time": move_time, "move_chunk": 2, "licence_chunk": 2}, rules={"keep_old_billing": keep}
            )
        )
        for keep, move_time in itertools.product((False, True), MOVE_TIMES)
    }
    repeated: list[str] = []
    for operation, work in OPERATIONS.items():
        monkeypatch.setitem(OPERATIONS, operation, watched(work, repeated))
    machine = type("RandomWorldHere", (RandomWorld,), {"stages": stages, "repeated": repeated})
    examples = EXAMPLES[stages[False, "0s"].world.database.dialect]

    run_state_machine_as_test(
        machine, settings=settings(settings.get_profile("scenarios"), max_examples=examples, stateful_step_count=25)
    )
