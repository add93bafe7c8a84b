"""What a tenant's admins may do while its plan change is in each state: exactly what J5 leaves open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select
from sqlmodel import SQLModel

from overstap.app.portal import By
from overstap.domain.locks import LOCK_OF_OPERATION, LOCKS_BY_STATE, PortalPage
from overstap.domain.ports import Move
from overstap.errors import BadInput, Conflict, NotFound, OverstapError, Refused, TenantLocked
from overstap.providers.embedded.outside import REQUESTS
from overstap.testing import sample_tenant

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

ADMIN = "user0@acme.example"
WHY = By(f"admin:{ADMIN}", "the test says so")
ALL = {"commerce", "portal", "licence"}
EXPECTED = {
    "submitted": set(),
    "credit_check": {"commerce"},
    "migrating": ALL,
    "escalated": ALL,
    "licenses_reassigned": ALL,
    "rolling_back": ALL,
    "completed": set(),
    "failed": set(),
    "cancelled": set(),
}
"""J5, spelt out once more by hand; it names no locks for `rolling_back`, which ADR 4 gives those of a migration."""


@dataclass
class Office:
    """A tenant with a subscription that it changes, two more that it does not, and what its admins try."""

    world: World
    source: str
    spare: str
    unused: str
    run: str = ""

    def order(self, plan: str = "e3") -> str:
        self.run = self.world.submit_from("acme", self.source, plan)
        return self.run

    def lead_to(self, state: str) -> None:
        """Order, and let the run come to a state; the world's faults keep it there."""
        world = self.world
        self.order()
        if state == "submitted":
            return
        world.work()
        if state in {"rolling_back", "cancelled"}:
            world.signal(self.run, "cancel")
            world.work()
        elif state == "escalated":
            world.run_for("1h")
        elif state == "failed":
            world.run_for("2d")
        assert state == world.state(self.run)

    def tries(self) -> dict[str, list[Callable[[], Any]]]:
        """What needs each lock to be free, through the application and straight at the provider."""
        portal, provider = self.world.app.portal, self.world.app.provider
        wish = {"tenant_id": "acme", "actor": WHY.actor, "reason": WHY.reason}
        users = ["acme-1", "user2@ACME.example"]
        export = sample_tenant("acme", seats=9)
        lync = {"sku_id": "x", "sku_part_number": "MCOIMP", "payment_method": "card", "billing_frequency": "annual"}
        return {
            "licence": [
                lambda: portal.assign("acme", self.spare, users, WHY),
                lambda: portal.unassign("acme", self.spare, ["acme-1"], WHY),
                lambda: provider.request(
                    "unassign_licences", "a", {**wish, "subscription_id": self.spare, "users": ["acme-2"]}
                ),
                lambda: provider.request(
                    "assign_licences", "b", {**wish, "subscription_id": self.spare, "users": ["acme-0"]}
                ),
            ],
            "commerce": [
                lambda: portal.buy("acme", "k1", WHY, seats=2),
                lambda: portal.add_seats("acme", self.spare, WHY, seats=1),
                lambda: portal.cancel("acme", self.unused, WHY),
                lambda: provider.request("buy_subscription", "c", {**wish, **lync, "seats": 3}),
                lambda: provider.request(
                    "cancel_subscription", "d", {**wish, "subscription_id": self.bought("lync-2")}
                ),
                lambda: self.world.app.service.import_tenants([export]),
            ],
            "portal": [
                lambda: portal.open("acme", ADMIN),
                lambda: portal.open("acme", ADMIN, PortalPage.SUBSCRIPTIONS),
                lambda: provider.open_portal("acme", ADMIN, PortalPage.HOME),
            ],
        }

    def bought(self, plan: str) -> str:
        return next(held.id for held in self.world.app.provider.tenant("acme").subscriptions if held.plan == plan)

    def rows(self) -> dict[str, list[Any]]:
        """Everything that is written down."""
        with self.world.database.read() as connection:
            return {
                name: sorted(map(str, connection.execute(select(table)).all()))
                for name, table in SQLModel.metadata.tables.items()
            }


MakeOffice = Callable[..., Office]


@pytest.fixture
def make_office(make_world: MakeWorld) -> MakeOffice:
    def make(*, payment: str = "card", credit_limit: int = 1_000_000, **values: Any) -> Office:
        world = make_world(**values)
        world.tenant("acme", payment=payment, credit_limit=credit_limit, seats=5)
        (source,) = world.app.provider.tenant("acme").subscriptions
        spare, unused, _ = (
            world.app.portal.buy("acme", plan, WHY, seats=3)["subscription_id"]
            for plan in ("sharepoint-1", "exchange-1", "lync-2")
        )
        return Office(world, source.id, spare, unused)

    return make


NEVER = {"embedded": {"credit_answers": "never"}, "payment": "invoice"}
WORLDS: dict[str, dict[str, Any]] = {
    "submitted": {},
    "credit_check": NEVER,
    "migrating": {"embedded": {"move_time": "30m"}},
    "escalated": {"embedded": {"move_time": "2h"}},
    "licenses_reassigned": {"faults": {"operation": "start_billing", "kind": "fails"}},
    "rolling_back": {**NEVER, "faults": {"operation": "withdraw_order", "kind": "fails"}},
    "completed": {},
    "failed": {"payment": "invoice", "credit_limit": 0},
    "cancelled": NEVER,
}


@pytest.mark.rule("J5", "R15", "R17", "R35", "R37")
@pytest.mark.parametrize("lock", sorted(ALL))
@pytest.mark.parametrize("state", EXPECTED)
def test_each_state_refuses_what_it_locks_and_writes_nothing(make_office: MakeOffice, state: str, lock: str) -> None:
    office = make_office(**WORLDS[state])
    office.lead_to(state)
    run = office.world.run(office.run)
    before = office.rows()

    for attempt in office.tries()[lock]:
        if lock not in EXPECTED[state]:
            attempt()
            continue
        with pytest.raises(TenantLocked) as refused:
            attempt()
        error = refused.value
        assert (lock, run.id, run.deadline_at) == (error.lock, error.run_id, error.until)
        assert all(word in str(error) for word in ("Acme (acme)", lock, run.id, state))

    assert (before == office.rows()) == (lock in EXPECTED[state] or lock == "portal")


@pytest.mark.rule("J5")
def test_j5_and_what_is_written_out_here_agree() -> None:
    assert {state: EXPECTED[state] for state in LOCKS_BY_STATE} == {
        name: set(it) for name, it in LOCKS_BY_STATE.items()
    }
    assert set(LOCK_OF_OPERATION) == set(REQUESTS)


@pytest.mark.rule("J5", "R35")
def test_the_locks_of_one_tenant_are_not_those_of_another(make_office: MakeOffice) -> None:
    office = make_office(**NEVER)
    office.lead_to("credit_check")
    office.world.tenant("other")

    bought = office.world.app.portal.buy("other", "k1", WHY, seats=1)

    assert bought["subscription_id"] in {held.id for held in office.world.app.provider.tenant("other").subscriptions}


@pytest.mark.rule("R36", "R38")
def test_the_licences_page_can_tell_which_run_leaves_no_options(make_office: MakeOffice) -> None:
    office = make_office(**NEVER)
    assert (None, frozenset()) == office.world.app.portal.locks("acme")
    office.lead_to("credit_check")

    active, locks = office.world.app.portal.locks("acme")

    assert active is not None
    assert (office.run, {"commerce"}) == (active.run_id, locks)


@pytest.mark.rule("R37", "R38")
def test_an_admin_who_signs_in_during_the_credit_check_is_told_of_the_run_and_lands_on_it_after_approval(
    make_office: MakeOffice,
) -> None:
    office = make_office(embedded={"credit_answers": "never", "move_time": "30m"}, payment="invoice")
    office.lead_to("credit_check")
    portal = office.world.app.portal

    meanwhile = portal.open("acme", ADMIN.upper())
    office.world.signal(office.run, "credit_approved")
    office.world.work()

    assert meanwhile is not None
    assert office.run == meanwhile.run_id
    with pytest.raises(TenantLocked) as refused:
        portal.open("acme", ADMIN)
    assert ("portal", office.run) == (refused.value.lock, refused.value.run_id)
    assert "status page" in str(refused.value)


@pytest.mark.rule("R15")
def test_the_portal_lock_may_be_set_to_the_page_of_subscriptions_only(make_office: MakeOffice) -> None:
    office = make_office(embedded={"move_time": "30m"}, rules={"portal_lock": "subscriptions"})
    office.lead_to("migrating")
    portal = office.world.app.portal

    home = portal.open("acme", ADMIN, PortalPage.HOME)

    assert home is not None
    assert office.run == home.run_id
    with pytest.raises(TenantLocked):
        portal.open("acme", ADMIN, PortalPage.SUBSCRIPTIONS)


@pytest.mark.parametrize("door", ["portal", "provider"])
def test_who_is_no_admin_is_let_in_nowhere_and_told_nothing_of_the_run(make_office: MakeOffice, door: str) -> None:
    office = make_office(embedded={"move_time": "30m"})
    office.lead_to("migrating")
    app, before = office.world.app, office.rows()
    open_portal = app.portal.open if door == "portal" else app.provider.open_portal
    wishes: list[Callable[[], Any]] = [
        lambda: open_portal("acme", "user1@acme.example", PortalPage.HOME),
        lambda: app.portal.assign("acme", office.spare, ["acme-1"], replace(WHY, acting_upn="user1@acme.example")),
    ]

    for wish in wishes:
        with pytest.raises(Refused, match=r"user1@acme\.example is no admin") as refused:
            wish()
        assert office.run not in str(refused.value)
    assert before == office.rows()


@pytest.mark.rule("J7")
def test_what_was_done_before_the_lock_is_answered_again_during_it_and_done_once(make_office: MakeOffice) -> None:
    office = make_office(embedded={"move_time": "30m"})
    portal = office.world.app.portal
    first = portal.assign("acme", office.spare, ["acme-1"], replace(WHY, key="monday"))
    office.lead_to("migrating")
    before = office.rows()

    again = portal.assign("acme", office.spare, ["acme-1"], By("somebody", "no answer came", key="monday"))

    assert first == again
    assert before == office.rows()
    with pytest.raises(Conflict, match="used for another"):
        portal.assign("acme", office.spare, ["acme-2"], replace(WHY, key="monday"))


@pytest.mark.rule("R37", "R16")
def test_users_who_come_and_go_during_the_credit_check_are_moved_or_not(make_office: MakeOffice) -> None:
    office = make_office(**NEVER)
    world, portal = office.world, office.world.app.portal
    portal.unassign("acme", office.source, ["acme-1"], WHY)
    office.lead_to("credit_check")

    portal.assign("acme", office.source, ["user1@acme.example"], WHY)
    portal.unassign("acme", office.source, ["acme-2"], WHY)
    world.signal(office.run, "credit_approved")
    world.work()

    target = str(world.run(office.run).data["target_subscription_id"])
    assert "completed" == world.state(office.run)
    assert ["acme-0", "acme-1"] == list(world.app.provider.holders("acme", target)) == world.residents("acme", target)
    assert Move(finished=True, ready_at=None) == world.app.provider.moves_under_way("acme", target, world.clock.now())


@pytest.mark.rule("J4")
@pytest.mark.parametrize("change", ["assign", "unassign"])
def test_the_subscription_that_is_being_bought_is_the_runs_until_it_ends(make_office: MakeOffice, change: str) -> None:
    """Somebody who held it already would be in the way of the users who come, and of the way back."""
    office = make_office(**NEVER)
    office.lead_to("credit_check")
    portal = office.world.app.portal
    target = str(office.world.run(office.run).data["target_subscription_id"])
    before = office.rows()

    with pytest.raises(Conflict, match=office.run):
        getattr(portal, change)("acme", target, ["acme-1"], WHY)

    assert before == office.rows()
    office.world.signal(office.run, "credit_approved")
    office.world.work()
    assert ["acme-1"] == getattr(portal, change)("acme", target, ["acme-1"], WHY)[
        "changed" if change == "unassign" else "unchanged"
    ]


@pytest.mark.rule("J1", "J4")
def test_a_subscription_that_is_about_to_be_changed_is_not_cancelled(make_office: MakeOffice) -> None:
    office = make_office(**NEVER)
    world, portal = office.world, office.world.app.portal
    portal.unassign("acme", office.source, ["acme-0", "acme-1", "acme-2"], WHY)
    office.order()

    with pytest.raises(Conflict, match=rf"signal {office.run} cancel"):
        portal.cancel("acme", office.source, WHY)

    world.signal(office.run, "cancel")
    world.work()
    portal.cancel("acme", office.source, WHY)
    assert office.source not in {held.id for held in world.app.provider.tenant("acme").subscriptions}


@pytest.mark.rule("J2")
def test_a_subscription_that_is_about_to_be_changed_gets_no_more_seats(make_office: MakeOffice) -> None:
    office = make_office()
    office.order()

    with pytest.raises(Conflict, match=rf"signal {office.run} cancel"):
        office.world.app.portal.add_seats("acme", office.source, WHY, seats=1)


@pytest.mark.rule("R9")
def test_seats_are_added_until_the_limit_of_the_plan(make_office: MakeOffice) -> None:
    portal = make_office().world.app.portal
    bought = portal.buy("acme", "small-business", WHY, seats=24)["subscription_id"]

    assert 25 == portal.add_seats("acme", bought, WHY, seats=1)["seats"]
    with pytest.raises(Refused, match="at most 25 seats, not 26"):
        portal.add_seats("acme", bought, WHY, seats=1)


@pytest.mark.rule("J1", "J2", "J4")
def test_what_an_admin_does_after_the_end_is_no_breach(make_office: MakeOffice) -> None:
    office = make_office()
    world, portal = office.world, office.world.app.portal
    office.lead_to("completed")
    target = office.bought("e3")
    world.pass_time("1h")

    portal.unassign("acme", target, ["acme-0", "acme-1", "acme-2"], WHY)
    world.pass_time("1h")
    portal.cancel("acme", target, WHY)

    assert {"sharepoint-1": 0, "exchange-1": 0, "lync-2": 0} == world.plans("acme")
    assert [("e1", "0s", "0s"), ("e3", "0s", "2h")] == [one for one in world.billing("acme") if one[0] in {"e1", "e3"}]


@pytest.mark.parametrize(
    ("wish", "error", "sentence"),
    [
        (
            lambda it: it.portal.assign("acme", "nope", ["acme-1"], WHY),
            NotFound,
            "subscription 'nope'; it has acme",
        ),
        (lambda it: it.portal.assign("nobody", "nope", ["acme-1"], WHY), NotFound, "There is no tenant 'nobody'"),
        (lambda it: it.portal.licences("nobody"), NotFound, "There is no tenant 'nobody'"),
        (lambda it: it.portal.assign("acme", "acme-e1", [], WHY), BadInput, "at least one user"),
        (lambda it: it.portal.assign("acme", "acme-e1", ["acme-1"], By("a", " ")), BadInput, "The reason"),
        (lambda it: it.portal.assign("acme", "acme-e1", ["acme-1"], By("a", "b", key=" ")), BadInput, "idempotency"),
        (lambda it: it.portal.buy("acme", "e9", WHY, seats=1), NotFound, "No plan is called 'e9'"),
        (lambda it: it.portal.buy("acme", "k1", WHY, seats=0), BadInput, "at least one seat, not 0"),
        (lambda it: it.portal.buy("acme", "small-business", WHY, seats=9999), Refused, "at most"),
        (
            lambda it: it.portal.add_seats("acme", "acme-e1", WHY, seats=0),
            BadInput,
            "At least one seat is added, not 0",
        ),
        (lambda it: it.portal.add_seats("acme", "nope", WHY, seats=1), NotFound, "no subscription 'nope'"),
        (lambda it: it.portal.people("nobody"), NotFound, "There is no tenant 'nobody'"),
        (lambda it: it.portal.open("acme", "stranger@acme.example"), Refused, "is no admin of tenant acme"),
        (lambda it: it.portal.open("nobody", ADMIN), NotFound, "There is no tenant 'nobody'"),
    ],
)
def test_a_wish_that_cannot_be_done_is_refused_in_words_and_nothing_is_written(
    make_office: MakeOffice, wish: Callable[[Any], Any], error: type[OverstapError], sentence: str
) -> None:
    office = make_office()
    before = office.rows()

    with pytest.raises(error, match=sentence):
        wish(office.world.app)

    assert before == office.rows()


@pytest.mark.rule("J5")
def test_until_is_the_deadline_of_the_state_that_locks(make_office: MakeOffice) -> None:
    office = make_office(embedded={"move_time": "30m"})
    office.lead_to("migrating")

    with pytest.raises(TenantLocked) as refused:
        office.world.app.portal.buy("acme", "k1", WHY, seats=1)

    until = office.world.clock.now() + timedelta(hours=1)
    assert until == refused.value.until
    assert {"lock": "commerce", "run_id": office.run, "until": until.isoformat()} == refused.value.evidence
