"""Random orders, answers, signals, acts, calls, faults, jumps in time, crashes at any statement: the truths hold."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
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

from overstap.app.portal import By
from overstap.app.replay_planning import Wish
from overstap.domain.books import outside_key
from overstap.domain.change import Route
from overstap.domain.findings import NotEligible
from overstap.domain.locks import LOCK_OF_OPERATION
from overstap.errors import BadInput, Conflict, NotFound, OverstapError, Refused
from overstap.providers.embedded.call import Answer, Call
from overstap.providers.embedded.operations import OPERATIONS
from overstap.providers.embedded.outside import REQUESTS
from overstap.settings import Fault
from overstap.store.batch import Committed
from overstap.workflow.pauses import Scope
from overstap.workflow.replay import DeadlinePolicy
from overstap.workflow.run import Kind
from random_stage import FOR_GOOD, Look, Stage, look

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, Worker

USERS = {"card": 2, "invoice": 2, "broke": 2, "large": 5}
TENANTS = tuple(USERS)
DOMAINS = {"invoice": ("invoice.example",), "broke": ("broke.example", "broke.test"), "large": ("large.example",)}
"""The custom domains of tenants, the default first; `card` has none."""
MOVE_TIMES = ("0s", "9m", "40m")
WORKERS = ("ann", "bob")
FIRST_ORDERS = (("midsize", Route.MANUAL), ("e3", Route.WIZARD), ("e3", Route.MANUAL))
EVENTS = ("cancel", "credit_approved", "credit_declined")
EXAMPLES = {"sqlite": 40, "postgresql": 10}
FORWARD = (
    "remove_domains",
    "place_order",
    "request_credit",
    "move_users",
    "swap_licences",
    "start_billing",
    "close_subscription",
    "add_domains",
)
BACK = ("withdraw_order", "cancel_target", "restore_billing", "notify")
MOODS = ("lost", "fails", "late", "hangs")
REFUSABLE = ("place_order", "request_credit", "move_users", "swap_licences", "remove_domains", "add_domains")
PAUSES = [timedelta(seconds=1), timedelta(seconds=61), timedelta(minutes=7), timedelta(hours=1), timedelta(days=5)]
WEEKS = [timedelta(days=8), timedelta(days=14), timedelta(days=15)]
"""What makes a reminder due, comes to a deadline of those who were asked for something, and passes it."""
ANSWERS = {
    "acknowledgement": {"acknowledged"},
    "backup": {"backup_made", "backup_declined"},
    "domain_removal": {"domains_freed"},
    "domain_return": {"domains_ready"},
    "domain_overdue": {"domains_ready"},
}
"""The states that ask people for something, and what may be answered there; written out here once more."""
LOCKED = {"migrating", "escalated", "licenses_reassigned", "rolling_back"}
WAITING = {*ANSWERS, "credit_check"}
"""The states in which a run may be for weeks."""
DOMAINS_STAY = {"submitted", "acknowledgement", "backup", "preparing", "domain_removal"}
"""The states of the manual way in which no domain may have gone yet."""
DOMAINS_GONE = {"credit_check", "migrating", "escalated", "licenses_reassigned", "domain_return"}
"""Those in which they all have: they are removed before anything is bought."""
UNANSWERED = (0, 8, 16, 99)
"""For how many days nobody answers at the end: nobody is reminded, is too late, is too late twice."""
WHY = By("admin", "the test says so")
OPERATOR = {"reason": "the test says so", "actor": "operator:ann"}
ACTS = ("hold", "release", "retry", "extend", "fail", "take_over")
BACK_TO = (None, None, "check_preconditions", "place_order", "check_before_moving", "migrating/move_users")
"""The step that a replay goes on at: the present one, or an earlier one, which the structure may refuse."""
PAUSED = [(Scope.EVERYTHING, ""), (Scope.STEP, "move_users"), (Scope.WORKFLOW, "manual_change")]


@dataclass(frozen=True)
class Asked:
    """Something that an admin asks for from outside a change."""

    tenant: str
    operation: str
    key: str
    ask: Callable[..., Mapping[str, Any]]


def watched(work: Callable[[Call], Answer], repeated: list[str]) -> Callable[[Call], Answer]:
    """The work of an operation, noted when it had been done under its key before."""

    def watch(call: Call) -> Answer:
        if call.ledger.operation(call.key) is not None:
            repeated.append(call.key)
        return work(call)

    return watch


def asking(seen: Look) -> list[str]:
    """The tasks that are open by the states of the runs."""
    return sorted(f"{one.run}-{one.visit}" for one in seen.active.values() if one.state in ANSWERS)


chance_of_a_crash = st.one_of(st.none(), st.integers(0, 25), st.integers(0, 100))
what_others_do = st.tuples(
    st.sampled_from([None, None, "cancel", "credit_approved"]),
    st.sampled_from([None, None, None, PAUSES[1], WEEKS[-1]]),
    st.sampled_from(WORKERS),
    st.integers(0, 6),
)
"""Between somebody's look and what follows from it a signal may come in, time pass, and a worker go some rounds."""
Others = tuple[str | None, timedelta | None, str, int]
which_subscription = st.sampled_from([0, -1, 1])


class RandomWorld(RuleBasedStateMachine):
    """Two workers, four tenants with people, a provider with moods, and a clock."""

    stages: Mapping[tuple[bool, str], Stage]
    repeated: list[str]

    @initialize(
        keep_old_billing=st.booleans(),
        move_time=st.sampled_from(MOVE_TIMES),
        ordered=st.dictionaries(st.sampled_from(TENANTS), st.sampled_from(FIRST_ORDERS), min_size=1),
        refused=st.sets(st.tuples(st.sampled_from(TENANTS), st.sampled_from(REFUSABLE)), max_size=2),
        moods=st.dictionaries(st.sampled_from(FORWARD + BACK), st.sampled_from(MOODS), max_size=1),
        turns=st.integers(1, 20),
        answers=st.integers(0, 8),
        unanswered=st.sampled_from(UNANSWERED),
    )
    def begin(
        self,
        keep_old_billing: bool,
        move_time: str,
        ordered: dict[str, tuple[str, Route]],
        refused: set[tuple[str, str]],
        moods: dict[str, str],
        turns: int,
        answers: int,
        unanswered: int,
    ) -> None:
        self.stage = self.stages[keep_old_billing, move_time]
        self.stage.begin()
        self.world = self.stage.world
        self.crasher = self.stage.crasher
        self.unanswered = unanswered
        self.repeated.clear()
        self.workers: dict[str, Worker] = {}
        self.names, self.steps = itertools.count(), itertools.count()
        self.faults: dict[str, Fault] = {}
        self.keyed: dict[str, str] = {}
        self.runs: list[str] = []
        self.seen = Look()
        self.tasks: list[str] = []
        self.given: dict[str, str] = {}
        self.taken: set[str] = set()
        self.wishes: list[Asked] = []
        self.granted: set[str] = set()
        self.holders: dict[str, set[str]] = {}
        self.cancelled: set[str] = set()
        self.plans: list[str] = []
        for name, users in USERS.items():
            self.world.tenant(
                name,
                users=users,
                payment="invoice" if name in {"invoice", "broke"} else "card",
                credit_limit=1 if name == "broke" else 1_000_000,
                domains=DOMAINS.get(name, ()),
            )
            self.holders[f"{name}-e1"] = {f"{name}-{user}" for user in range(users)}
        for name, (plan, route) in sorted(ordered.items()):
            self.order(tenant=name, number=0, plan=plan, route=route, admin=False, key=None, crash=None)
        self.stage.refusals.update(refused)
        for operation, kind in moods.items():
            self.get_moody(operation=operation, kind=kind)
        self.work_with_people(name=WORKERS[0], turns=turns, answers=answers, crash=None)

    # --- what people do ---

    @rule(
        tenant=st.sampled_from(TENANTS),
        number=which_subscription,
        plan=st.sampled_from(["e3", "e4", "midsize", "e1"]),
        route=st.sampled_from([Route.WIZARD, Route.MANUAL]),
        admin=st.booleans(),
        key=st.sampled_from([None, "a", "b"]),
        crash=chance_of_a_crash,
    )
    def order(
        self, tenant: str, number: int, plan: str, route: Route, admin: bool, key: str | None, crash: int | None
    ) -> None:
        """Order for one of the tenant's subscriptions; an admin acknowledges with it that there is no way back."""
        by = {"acting_upn": f"user0@{tenant}.example", "acknowledged": True} if admin else {}

        def submit() -> None:
            source = self.subscription(tenant, number)
            try:
                run = self.world.submit_from(tenant, source, plan, key=key and f"{tenant}-{key}", route=route, **by)
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

        self.crasher.survives(partial(self.send, run, name), crash)

    def send(self, run: str, name: str) -> None:
        with suppress(OverstapError):  # refused
            self.world.signal(run, name)

    @precondition(lambda self: self.tasks)
    @rule(
        number=st.integers(0, 7),
        stale=st.sampled_from([False, False, True]),
        who=st.sampled_from(["user0", "user0", "user1"]),
        declined=st.sampled_from([False, False, True]),
        rival=st.booleans(),
        others=what_others_do,
        crash=chance_of_a_crash,
    )
    def answer(
        self, number: int, stale: bool, who: str, declined: bool, rival: bool, others: Others, crash: int | None
    ) -> None:
        """Somebody answers a task, which may be over by now, or will be before the answer is put down."""
        tasks = self.tasks if stale else asking(self.seen) or self.tasks
        task = tasks[-1 - number % len(tasks)]

        def meanwhile() -> None:
            if rival:
                self.give(task)
            self.go_on_meanwhile(task.rpartition("-")[0], others)

        self.stage.meanwhile["answer"] = meanwhile
        self.crasher.survives(partial(self.give, task, who, declined), crash)
        self.stage.meanwhile.clear()

    def give(self, task: str, who: str = "user0", declined: bool = False) -> None:
        note = f"answer {len(self.given)}"
        self.given[note] = task
        run = self.world.run(task.rpartition("-")[0])
        try:
            self.world.app.tasks.done(task, by=f"{who}@{run.tenant_id}.example", note=note, declined=declined)
        except (BadInput, Conflict, NotEligible, NotFound):
            return
        self.taken.add(note)
        assert (who, f"{run.id}-{run.visit}") == ("user0", task)
        assert not declined or run.state == "backup"

    @rule(
        tenant=st.sampled_from(TENANTS),
        operation=st.sampled_from(
            ["unassign_licences", "buy_subscription", "assign_licences", "add_seats", "cancel_subscription"]
        ),
        number=which_subscription,
        user=st.integers(0, 4),
        busy=st.sampled_from([True, True, False]),
        again=st.sampled_from([False, False, True]),
        others=what_others_do,
        crash=chance_of_a_crash,
    )
    def wish(
        self,
        tenant: str,
        operation: str,
        number: int,
        user: int,
        busy: bool,
        again: bool,
        others: Others,
        crash: int | None,
    ) -> None:
        """An admin gives or takes a licence, buys or cancels, or asks once more for what got no answer."""
        about_to_be_locked = [name for name, one in self.seen.active.items() if one.state not in LOCKED]
        if busy and about_to_be_locked:
            tenant = sorted(about_to_be_locked)[user % len(about_to_be_locked)]
        portal, subscription = self.world.app.portal, self.subscription(tenant, number)
        users = [f"{tenant}-{user % USERS[tenant]}"]
        ask: dict[str, Callable[..., Mapping[str, Any]]] = {
            "assign_licences": partial(portal.assign, tenant, subscription, users),
            "unassign_licences": partial(portal.unassign, tenant, subscription, users),
            "buy_subscription": partial(portal.buy, tenant, "k1", seats=2),
            "add_seats": partial(portal.add_seats, tenant, subscription, seats=1),
            "cancel_subscription": partial(portal.cancel, tenant, subscription),
        }
        if not (again and self.wishes):
            key = f"wish-{len(self.wishes)}"
            self.wishes.append(Asked(tenant, operation, key, partial(ask[operation], by=replace(WHY, key=key))))
        self.ask(self.wishes[-1], others, crash)

    def ask(self, wish: Asked, others: Others, crash: int | None) -> None:
        told: list[Mapping[str, Any]] = []

        def ask() -> None:
            try:
                told.append(wish.ask())
            except (Refused, Conflict, NotFound):  # TenantLocked is a Conflict
                return

        active = self.seen.active.get(wish.tenant)
        self.stage.meanwhile["request"] = partial(self.go_on_meanwhile, active and active.run, others)
        lived = self.crasher.survives(ask, crash)
        self.stage.meanwhile.clear()
        done = self.world.app.provider.lookup(outside_key(wish.tenant, wish.key), self.world.clock.now())
        assert told in ([], [done])
        assert not lived or bool(told) == (done is not None)
        if done is not None and wish.key not in self.granted:
            assert LOCK_OF_OPERATION[wish.operation] not in self.stage.locked
            self.granted.add(wish.key)
            self.take_in(wish.operation, done)

    def take_in(self, operation: str, done: Mapping[str, Any]) -> None:
        """Remember what was done by an admin: it is the only reason why somebody gets or loses a licence."""
        line = look(self.world.database).lines[done["subscription_id"]]
        match operation:
            case "assign_licences":
                self.holders[line].update(done["changed"])
            case "unassign_licences":
                self.holders[line].difference_update(done["changed"])
            case "buy_subscription":
                self.holders[line] = set()
            case "cancel_subscription":
                assert set() == self.holders[line]
                self.cancelled.add(line)

    # --- what operators do ---

    @precondition(lambda self: self.runs)
    @rule(number=st.integers(0, 7), act=st.sampled_from(ACTS), crash=chance_of_a_crash)
    def act(self, number: int, act: str, crash: int | None) -> None:
        """An operator does something to a run, whoever works on it, or is refused."""
        self.crasher.survives(partial(self.operate, self.runs[-1 - number % len(self.runs)], act), crash)

    def operate(self, run: str, act: str) -> None:
        operators = self.world.app.operators
        before = self.world.app.runs.get(run)
        try:
            if act == "extend":
                operators.extend(run, timedelta(hours=3), **OPERATOR)
            else:
                getattr(operators, act)(run, **OPERATOR)
        except Conflict:
            assert before == self.world.app.runs.get(run)
            return
        after = self.world.app.runs.get(run)
        assert before.run.seq < after.run.seq
        assert after.claimed_by is None

    @rule(pause=st.sampled_from(PAUSED), resume=st.booleans(), crash=chance_of_a_crash)
    def pause_or_resume(self, pause: tuple[Scope, str], resume: bool, crash: int | None) -> None:
        operators = self.world.app.operators

        def do() -> None:
            with suppress(Conflict, NotFound):
                (operators.resume if resume else operators.pause)(*pause, **OPERATOR)

        self.crasher.survives(do, crash)

    @precondition(lambda self: self.seen.active)
    @rule(
        number=st.integers(0, 4),
        step=st.sampled_from(BACK_TO),
        deadline=st.sampled_from(["keep", "reset", "extend:2h"]),
        crash=chance_of_a_crash,
    )
    def plan_a_replay(self, number: int, step: str | None, deadline: str, crash: int | None) -> None:
        """Plan the replay of one live run, or of all of them."""
        live = sorted(one.run for one in self.seen.active.values())
        wish = Wish(deadline=DeadlinePolicy.parse(deadline), step=step, resolve=True)

        def plan() -> None:
            chosen = live[number : number + 1] or live
            self.plans.append(self.world.app.replays.plan(chosen, wish, actor="operator:ann")[0].id)

        self.crasher.survives(plan, crash)

    @precondition(lambda self: self.plans)
    @rule(number=st.integers(0, 3), crash=chance_of_a_crash)
    def run_a_replay(self, number: int, crash: int | None) -> None:
        """Run one of the plans, whatever has happened since, or once more."""
        plan = self.plans[-1 - number % len(self.plans)]

        def run() -> None:
            with suppress(Refused):  # it has expired
                self.world.app.replays.run(plan, actor="operator:bob", reason="the test says so")

        self.crasher.survives(run, crash)

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

    @rule()
    def both_work(self) -> None:
        for name in WORKERS:
            self.worker(name).round()

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

    @rule(name=st.sampled_from(WORKERS), other_rounds=st.integers(1, 8), act=st.sampled_from([None, None, *ACTS]))
    def stall_in_a_call(self, name: str, other_rounds: int, act: str | None) -> None:
        """A worker stands still between writing down an effect and its call, until another has taken over.

        It loses its run because its claim runs out, or because an operator does something to it.
        """
        other = self.worker(next(one for one in WORKERS if one != name))

        def meanwhile() -> None:
            for run in self.runs if act is not None else ():
                self.operate(run, act)
            self.world.clock.advance(timedelta(seconds=61))
            for _ in range(other_rounds):
                other.round()

        self.stage.meanwhile["call"] = meanwhile
        self.go_on(name, lambda worker: worker.round())
        self.stage.meanwhile.clear()

    @rule(by=st.sampled_from([*PAUSES, *WEEKS]))
    def time_passes(self, by: timedelta) -> None:
        """Weeks pass only where somebody waits that long: else they would end what has hardly begun."""
        if by not in WEEKS or any(one.state in WAITING for one in self.seen.active.values()):
            self.stage.pass_time(by)

    def go_on_meanwhile(self, run: str | None, others: Others) -> None:
        """What others do while somebody is between two things."""
        signal, pause, name, rounds = others
        if run is not None and signal is not None:
            self.send(run, signal)
        if pause is not None:
            self.stage.pass_time(pause)
        for _ in range(rounds):
            self.worker(name).round()

    @rule(name=st.sampled_from(WORKERS), turns=st.integers(1, 12), answers=st.integers(0, 3), crash=chance_of_a_crash)
    def work_with_people(self, name: str, turns: int, answers: int, crash: int | None) -> None:
        """A worker goes on, and whoever is asked for something does it before the next turn, so many times in all."""
        left = itertools.repeat(None, answers)

        def take_turns(worker: Worker) -> None:
            for _ in range(turns):
                for task in asking(look(self.world.database)):
                    if task not in self.given.values() and next(left, self) is None:
                        self.give(task)
                worker.round()

        self.go_on(name, take_turns, crash)

    # --- what the provider does ---

    @rule(operation=st.sampled_from(FORWARD + BACK), kind=st.sampled_from(MOODS))
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
    def a_licence_is_lost_only_to_who_takes_it_away(self) -> None:
        self.seen = look(self.world.database)
        assert {line: sorted(users) for line, users in self.holders.items()} == self.seen.holders
        assert set() == self.seen.served ^ self.seen.licensed

    @invariant()
    def never_are_two_subscriptions_of_one_line_billed(self) -> None:
        assert {1} >= set(self.seen.billed.values())
        assert set() == self.seen.billed.keys() & self.cancelled

    @invariant()
    def no_domain_is_away_but_during_its_change_or_when_it_was_given_up(self) -> None:
        for tenant, names in DOMAINS.items():
            active = self.seen.active.get(tenant)
            there, may_be_away = self.seen.domains[tenant], self.seen.given_up[tenant]
            if active and active.workflow == "manual_change" and active.state not in DOMAINS_STAY:
                assert active.state not in DOMAINS_GONE or not there
                continue
            assert set(names) - may_be_away <= there.keys()
            if not may_be_away:
                assert {name: name == names[0] for name in names} == there

    @invariant()
    def no_effect_happens_twice(self) -> None:
        assert [] == self.repeated

    @invariant()
    def remember_what_is_asked(self) -> None:
        self.tasks.extend(task for task in asking(self.seen) if task not in self.tasks)

    @invariant()
    def now_and_then_every_truth_holds(self) -> None:
        if next(self.steps) % 8 == 7:
            self.every_truth_holds()

    def every_truth_holds(self) -> None:
        assert [] == self.world.breaches()
        self.open_are_the_tasks_of_runs_that_ask()
        self.each_answer_was_for_its_visit()

    def open_are_the_tasks_of_runs_that_ask(self) -> None:
        self.seen = look(self.world.database)
        assert asking(self.seen) == sorted(task.id for task in self.world.app.tasks.open())

    def each_answer_was_for_its_visit(self) -> set[str]:
        """Answers the notes of those that led a run on."""
        notes = set()
        for run in self.runs:
            visit = 0
            for entry in self.world.journal(run):
                if entry.actor.startswith("admin:") and entry.kind is Kind.TRANSITION:
                    note = entry.data["reason"]
                    assert entry.event in ANSWERS.get(str(entry.from_state), ())
                    assert f"{run}-{visit}" == self.given[note]
                    notes.add(note)
                if entry.kind in {Kind.SUBMITTED, Kind.TRANSITION}:
                    visit += 1
                elif entry.kind is Kind.REPLAYED:
                    visit = entry.data["visit"]  # a replay from an earlier step is that visit again
        return notes

    def teardown(self) -> None:
        if hasattr(self, "stage"):
            self.every_truth_holds()
            self.come_to_an_end()
            self.every_truth_holds()
            self.a_licence_is_lost_only_to_who_takes_it_away()
            self.no_domain_is_away_but_during_its_change_or_when_it_was_given_up()
            self.only_what_the_test_refused_was_refused()
            assert set() == self.taken - self.each_answer_was_for_its_visit()
            assert Counter(self.holders.keys() - self.cancelled) == self.seen.billed

    def only_what_the_test_refused_was_refused(self) -> None:
        effects = [effect for run in self.runs for effect in self.world.app.runs.effects(run)]
        refused = [str(effect.error) for effect in effects if effect.status == "refused"]
        assert [] == [error for error in refused if FOR_GOOD not in error]

    def come_to_an_end(self) -> None:
        """Without faults, and with weeks to go, every run ends, whether people answer or not."""
        self.calm_down()
        self.stage.refusals.clear()
        for run in self.runs:
            self.operate(run, "release")
        for pause in self.world.app.operators.pauses():
            self.world.app.operators.resume(pause.scope, pause.name, **OPERATOR)
        for worker in self.workers.values():
            if worker.done is not None:
                worker.commit()
        for day in range(60):  # in strides: a run that tries for ever would be tried thousands of times in a month
            if day >= self.unanswered:
                for task in self.world.app.tasks.open():
                    self.give(task.id)
            self.world.run_for("10m")
            if not self.world.late and not look(self.world.database).active:
                break
            self.world.pass_time("1d")
        assert [] == [run for run in self.runs if self.world.run(run).ended_at is None]

    def subscription(self, tenant: str, number: int) -> str:
        """One of the tenant's open subscriptions, also one that is just being bought; `none` where it has none."""
        ids = [held.id for held in self.world.app.provider.tenant(tenant).subscriptions]
        return ids[number % len(ids)] if ids else "none"


@pytest.mark.rule("R14", "R17", "R35", "R46", "R49", "J1", "J2", "J3", "J4", "J5", "J6", "J7")
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
    for operations in (OPERATIONS, REQUESTS):
        for operation, work in operations.items():
            monkeypatch.setitem(operations, operation, watched(work, repeated))
    machine = type("RandomWorldHere", (RandomWorld,), {"stages": stages, "repeated": repeated})
    examples = EXAMPLES[stages[False, "0s"].world.database.dialect]

    run_state_machine_as_test(
        machine, settings=settings(settings.get_profile("scenarios"), max_examples=examples, stateful_step_count=40)
    )
