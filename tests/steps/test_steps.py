"""The steps of a plan change against the embedded provider, called the way the engine calls them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.clock import VirtualClock
from overstap.domain.case import Limits
from overstap.domain.findings import Finding, blockers
from overstap.errors import ProviderRefused, ProviderTimeout
from overstap.providers.embedded import Embedded
from overstap.providers.graph_export import read_export
from overstap.settings import EmbeddedSettings, Fault
from overstap.steps import STEP_EVENTS, StepOptions, registry
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.testing import shipped_guard
from overstap.workflow.outcome import Done, Outcome, Progress, Stop, Wait

CONFIG = Path(__file__).parents[2] / "config"
CATALOG = load_catalog(CONFIG / "catalog.toml")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = timedelta(seconds=20)
FORWARD = ("check_preconditions", "place_order", "move_users", "reassign_licences", "start_billing", "close_source")
BACK = ("return_licences", "return_users", "cancel_target", "restore_billing", "close_rollback")


@dataclass
class Bench:
    """Does steps as the engine does: one key per state, step and chunk, and a memory of what was asked under it."""

    provider: Embedded
    clock: VirtualClock
    input: Mapping[str, Any]
    options: dict[str, Any]
    state: str = "state"
    data: dict[str, Any] = field(default_factory=dict)
    cause: str | None = None
    run_id: str = "run"
    requests: dict[str, Any] = field(default_factory=dict)
    effect_key: str = ""

    def __post_init__(self) -> None:
        chosen = {"limits": Limits(), "keep_old_billing": False}
        chosen |= {"move_chunk": 10, "licence_chunk": 10, **self.options}
        self.steps = registry(self.provider, CATALOG, StepOptions(**chosen))

    @property
    def tenant_id(self) -> str:
        return str(self.input["tenant_id"])

    @property
    def source(self) -> str:
        return str(self.input["subscription_id"])

    @property
    def target(self) -> str:
        return str(self.data["target_subscription_id"])

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def effect(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        first = self.requests.setdefault(self.effect_key, dict(request))
        known = self.provider.lookup(self.effect_key, self.now)
        return known or self.provider.execute(operation, self.effect_key, first, self.now, LIMIT)

    def call(self, step: str, chunk: int = 0) -> Outcome:
        self.effect_key = f"{self.run_id}:{self.state}:{step}:{chunk}"
        outcome = self.steps[step].call(self)
        if isinstance(outcome, Done | Progress):
            self.data |= outcome.data
        return outcome

    def do(self, step: str) -> list[Outcome]:
        """Call a step until it is done, letting the time pass that it waits for."""
        outcomes: list[Outcome] = []
        chunk = 0
        while True:
            outcome = self.call(step, chunk)
            outcomes.append(outcome)
            match outcome:
                case Progress():
                    chunk += 1
                case Wait(until=until) if until is not None:
                    assert until > self.now
                    self.clock.advance_to(until)
                case _:
                    return outcomes

    def do_all(self, *steps: str) -> Outcome:
        return [self.do(step)[-1] for step in steps][-1]

    def holders(self, subscription_id: str) -> int:
        return len(self.provider.holders(self.tenant_id, subscription_id))

    def served(self, subscription_id: str) -> int:
        return len(self.provider.users_to_move(self.tenant_id, subscription_id))

    def billed(self, subscription_id: str) -> bool:
        with self.provider._books.reading() as books:
            return books.billed(self.tenant_id, subscription_id)

    def as_before(self, users: int) -> bool:
        tenant = self.provider.tenant(self.tenant_id)
        open_ones = {held.id for held in tenant.subscriptions}
        undone = self.data.get("target_subscription_id") not in open_ones
        here = (self.holders(self.source), self.served(self.source))
        return undone and here == (users, users) and self.billed(self.source)


@pytest.fixture
def bench(database: Database) -> Callable[..., Bench]:
    def make(slug: str = "northwind-dental", target_plan: str = "e3", **how: Any) -> Bench:
        export = read_export(CONFIG / "demo" / slug)
        embedded = {name: value for name, value in how.items() if name in EmbeddedSettings.model_fields}
        options = {name: value for name, value in how.items() if name == "keep_old_billing"}
        clock = VirtualClock(NOON)
        settings = EmbeddedSettings(**embedded)
        provider = Embedded(
            DatabaseBooks(database), CATALOG, settings, clock, guard=shipped_guard(), sleep=lambda _: None
        )
        provider.import_tenants([export], NOON)
        known = [held for held in export.subscriptions if CATALOG.plan_of_sku(held.sku_part_number, held.sku_id)]
        order = {"tenant_id": export.id, "subscription_id": known[0].id, "target_plan": target_plan}
        return Bench(provider, clock, order, options)

    return make


def test_every_step_names_its_events(bench: Callable[..., Bench]) -> None:
    assert STEP_EVENTS == {name: step.events for name, step in bench().steps.items()}


@pytest.mark.rule("R16", "R19")
def test_a_change_goes_from_order_to_end(bench: Callable[..., Bench]) -> None:
    office = bench()
    assert Done(None, {"catalog_version": 1, "users": 24}) == office.call("check_preconditions")
    ordered = office.call("place_order")
    assert isinstance(ordered, Done)
    assert ("order_accepted", None) == (ordered.event, ordered.data["credit_reason"])
    assert [(10, 24), (20, 24), (24, 24)] == _progress(office.do("move_users"))
    assert [(10, 24), (20, 24), (24, 24)] == _progress(office.do("reassign_licences"))
    office.do_all("start_billing", "close_source")
    assert (24, 24) == (office.holders(office.target), office.served(office.target))
    assert (False, True) == (office.billed(office.source), office.billed(office.target))


def test_a_change_that_is_not_allowed_any_more_ends_before_it_begins(bench: Callable[..., Bench]) -> None:
    outcome = bench("tuincentrum-groen").call("check_preconditions")
    assert isinstance(outcome, Done)
    assert "not_eligible" == outcome.event
    found = [Finding.from_data(one) for one in outcome.data["findings"]]
    assert ["licence_conflict"] == [finding.code for finding in blockers(found)]


def test_a_change_of_something_that_is_gone_stops(bench: Callable[..., Bench]) -> None:
    office = bench()
    office.input = {**office.input, "subscription_id": "gone"}
    assert isinstance(office.call("check_preconditions"), Stop)
    assert isinstance(office.call("place_order"), Stop)


@pytest.mark.rule("R33")
def test_the_order_is_as_its_source_where_the_change_is_silent(bench: Callable[..., Bench]) -> None:
    office = bench("molenaar-techniek", "e1")
    ordered = office.do_all("check_preconditions", "place_order")
    assert isinstance(ordered, Done)
    assert ("credit_required", "invoice") == (ordered.event, ordered.data["credit_reason"])
    bought = office.provider.tenant(office.tenant_id).subscription(office.target)
    assert bought is not None
    assert (50, "invoice") == (bought.seats, bought.payment_method)
    assert ordered.data["monthly_cents"] == 50 * CATALOG.plan("e1").monthly_cents


@pytest.mark.parametrize(
    ("slug", "target", "event"),
    [("molenaar-techniek", "e1", "credit_approved"), ("stichting-het-anker", "k1", "credit_declined")],
)
def test_the_bureau_is_waited_for(bench: Callable[..., Bench], slug: str, target: str, event: str) -> None:
    office = bench(slug, target, credit_delay=HOUR)
    office.do_all("check_preconditions", "place_order")
    assert [Wait(until=NOON + HOUR), Done(event)] == office.do("request_credit")


def test_a_bureau_that_never_answers_is_waited_for_without_end(bench: Callable[..., Bench]) -> None:
    office = bench("van-dijk-advocaten", "e3", credit_answers="never")
    office.do_all("check_preconditions", "place_order")
    assert [Wait(until=None)] == office.do("request_credit")


def test_a_slow_move_is_waited_for_chunk_by_chunk(bench: Callable[..., Bench]) -> None:
    office = bench(move_time=HOUR)
    office.do_all("check_preconditions", "place_order")
    outcomes = office.do("move_users")
    assert [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR] == [one.until for one in outcomes if isinstance(one, Wait)]
    assert [(10, 24), (20, 24), (24, 24)] == _progress(outcomes)


def test_a_slow_move_goes_on_in_the_next_state_without_beginning_again(bench: Callable[..., Bench]) -> None:
    office = bench(move_time=HOUR)
    office.options["move_chunk"] = 300
    office.__post_init__()
    office.do_all("check_preconditions", "place_order")
    assert Wait(until=NOON + HOUR) == office.call("move_users")
    office.state = "escalated"
    assert Wait(until=NOON + HOUR) == office.call("move_users")
    office.clock.advance(HOUR)
    assert Done() == office.call("move_users")
    assert 24 == office.served(office.target)


@pytest.mark.rule("J7")
@pytest.mark.parametrize("operation", ["place_order", "move_users", "swap_licences", "start_billing"])
def test_work_whose_answer_was_lost_is_not_done_again(bench: Callable[..., Bench], operation: str) -> None:
    office = bench(faults=(Fault(operation=operation, kind="lost", times=1),))
    lost = 0
    for step in FORWARD:
        try:
            office.do(step)
        except ProviderTimeout:
            lost += 1
            office.do(step)
    assert 1 == lost
    assert (24, 24) == (office.holders(office.target), office.served(office.target))
    assert (False, True) == (office.billed(office.source), office.billed(office.target))


def test_work_that_was_begun_is_confirmed_even_when_nothing_is_left(bench: Callable[..., Bench]) -> None:
    office = bench(faults=(Fault(operation="swap_licences", kind="lost", after=2, times=1),))
    office.do_all("check_preconditions", "place_order", "move_users")
    with pytest.raises(ProviderTimeout):
        office.do("reassign_licences")
    assert isinstance(office.call("reassign_licences", 2), Progress)
    assert Done() == office.call("reassign_licences", 3)


@pytest.mark.rule("R32")
def test_operators_are_told(bench: Callable[..., Bench]) -> None:
    office = bench()
    assert Done() == office.call("notify_operators")
    assert office.provider.lookup(office.effect_key, NOON) is not None


@pytest.mark.rule("R39")
@pytest.mark.parametrize("last", ["check_preconditions", "place_order", "move_users", "reassign_licences"])
@pytest.mark.parametrize("keep", [False, True])
def test_the_way_back_leads_from_everywhere_to_where_it_began(
    bench: Callable[..., Bench], last: str, keep: bool
) -> None:
    office = bench(keep_old_billing=keep)
    office.do_all(*FORWARD[: FORWARD.index(last) + 1])
    office.state = "rolling_back"
    assert Done("rolled_back") == office.do_all(*BACK)
    assert office.as_before(24)


@pytest.mark.rule("R39")
def test_the_way_back_waits_for_moves_that_are_under_way(bench: Callable[..., Bench]) -> None:
    office = bench(move_time=HOUR)
    office.do_all("check_preconditions", "place_order")
    office.call("move_users")
    office.state = "rolling_back"
    office.do_all(*BACK)
    assert office.as_before(24)


@pytest.mark.rule("R39")
def test_a_migration_that_is_refused_midway_is_undone(bench: Callable[..., Bench]) -> None:
    office = bench("lakeside-clinic", "e4", faults=(Fault(operation="move_users", kind="refuses", after=2, times=1),))
    office.do_all("check_preconditions", "place_order")
    with pytest.raises(ProviderRefused):
        office.do("move_users")
    assert 20 == office.served(office.target)
    office.state = "rolling_back"
    office.do_all(*BACK)
    assert office.as_before(60)


@pytest.mark.rule("R39")
@pytest.mark.parametrize("kind", ["lost", "hangs"])
def test_an_order_without_an_answer_is_undone_whether_it_was_placed_or_not(
    bench: Callable[..., Bench], kind: str
) -> None:
    office = bench(faults=(Fault(operation="place_order", kind=kind, times=1),))
    office.do("check_preconditions")
    with pytest.raises(ProviderTimeout):
        office.call("place_order")
    office.state = "rolling_back"
    office.do_all(*BACK)
    assert office.as_before(24)
    office.state = "state"
    if kind == "hangs":
        with pytest.raises(ProviderRefused, match="was called off"):
            office.call("place_order")


@pytest.mark.parametrize(("cause", "event"), [("cancel", "withdrawn"), ("credit_declined", "rolled_back")])
def test_the_end_of_the_way_back_tells_why_it_was_taken(bench: Callable[..., Bench], cause: str, event: str) -> None:
    office = bench()
    office.cause = cause
    assert Done(event) == office.call("close_rollback")


def test_a_change_can_be_ordered_again_after_the_way_back(bench: Callable[..., Bench]) -> None:
    office = bench(tenants={})
    office.do_all("check_preconditions", "place_order", *BACK)
    office.run_id, office.data = "next run", {}
    office.do_all(*FORWARD)
    assert 24 == office.holders(office.target)


def _progress(outcomes: list[Outcome]) -> list[tuple[int, int]]:
    return [(one.done, one.total) for one in outcomes if isinstance(one, Progress)]
