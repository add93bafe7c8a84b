"""Live streams over HTTP: who hears what, from where, for how long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from listening import Ear, Served, served
from overstap.app.principals import Role
from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange
from overstap.domain.tenant import Tenant
from overstap.settings import Settings
from overstap.testing import sample_tenant

ADMIN = "admin@t-000.example"
Order = Callable[[int], str]


@pytest.fixture
def tenants() -> list[Tenant]:
    return [sample_tenant(f"t-{number:03}", users=3) for number in range(3)]


@pytest.fixture
def app(database_url: str, tenants: list[Tenant]) -> Iterator[App]:
    with open_app(Settings(database_url=database_url)) as opened:
        opened.provider.import_tenants(tenants, opened.clock.now())
        yield opened


@pytest.fixture
def api(app: App) -> Iterator[Served]:
    with served(app) as opened:
        yield opened


@pytest.fixture
def order(app: App, tenants: list[Tenant]) -> Order:
    """Orders E3 for one of the tenants; answers the run's id."""

    def order_one(number: int) -> str:
        tenant = tenants[number]
        return app.service.submit(PlanChange(tenant.id, tenant.subscriptions[0].id, "e3"))[0].run.id

    return order_one


def hold_back(app: App, run_id: str) -> None:
    app.operators.hold(run_id, reason="look first", actor="operator")


def test_a_stream_tells_each_entry_as_the_journal_has_it(app: App, api: Served, order: Order) -> None:
    with api.client() as client:
        ear = Ear(client)
        ear.begun.wait(5)
        run_id = order(0)
        app.worker().run(until_idle=True)
        journal = client.get(f"/runs/{run_id}/journal").json()["items"]
        heard = ear.hears(len(journal))
        ear.close()

    assert journal == [{k: v for k, v in one.data.items() if k not in {"run_id", "tenant_id"}} for one in heard]
    assert {(run_id, "t-000")} == {(one.data["run_id"], one.data["tenant_id"]) for one in heard}
    assert [one["kind"] for one in journal] == [one.kind for one in heard]
    assert len(heard) == len({one.id for one in heard})


def test_who_was_cut_off_goes_on_behind_the_last_event_it_has(api: Served, order: Order) -> None:
    with api.client() as client:
        ear = Ear(client)
        ear.begun.wait(5)
        ids = [order(0), order(1), order(2)]
        heard = ear.hears(3)
        ear.close()
        again = Ear(client, last=heard[0].id)

        assert (ids, heard[1:]) == ([one.data["run_id"] for one in heard], again.hears(2))
        again.close()


def test_who_is_cut_off_before_the_first_event_misses_nothing_either(api: Served, order: Order) -> None:
    with api.client() as client:
        ear = Ear(client)
        ear.begun.wait(5)
        ear.close()
        run_id = order(0)
        again = Ear(client, last=ear.listening.place)

        assert [run_id] == [one.data["run_id"] for one in again.hears(1)]
        again.close()


def test_a_quiet_stream_says_that_it_lives_and_where_it_is(api: Served, order: Order) -> None:
    api.streams.beat = 0.1
    with api.client() as client:
        ear = Ear(client, kind="held")
        ear.begun.wait(5)
        begin = ear.listening.place
        run_id = order(0)  # of no kind that is asked for
        limit = time.monotonic() + 10
        while ear.listening.place == begin and time.monotonic() < limit:
            time.sleep(0.02)
        beaten = ear.listening.place
        hold_back(api.app, run_id)
        told = ear.hears(1)
        ear.close()

    assert beaten not in {begin, told[0].id}
    assert "beat" in ear.listening.comments
    assert ["held"] == [one.kind for one in told]


def test_a_tenant_hears_its_own_and_staff_may_listen_to_one(api: Served, order: Order, tenants: list[Tenant]) -> None:
    admin = next(iter(tenants[1].admins))
    with api.client(Role.TENANT_ADMIN, tenant_id="t-001", upn=admin.upn) as own, api.client() as staff:
        ears = [Ear(own), Ear(own, tenant="t-001"), Ear(staff, tenant="t-001"), Ear(staff)]
        for ear in ears:
            ear.begun.wait(5)
        ids = [order(number) for number in range(3)]
        ears[3].hears(3)
        heard = [[one.data["run_id"] for one in ear.hears(1)] for ear in ears]
        own_run, foreign_run = Ear(own, f"/runs/{ids[1]}/events"), Ear(own, f"/runs/{ids[0]}/events")
        foreign, unknown = Ear(own, tenant="t-000"), Ear(staff, "/runs/NONE/events")
        for ear in (*ears, own_run):
            ear.close()

    assert [[ids[1]], [ids[1]], [ids[1]], ids] == heard
    assert [200, 404, 404, 404] == [own_run.status, foreign_run.status, foreign.status, unknown.status]


def test_a_runs_stream_ends_with_where_it_ended(
    app: App, api: Served, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overstap.app.live._PAGE", 1)
    run_id, other = order(0), order(1)
    with api.client() as client:
        ear = Ear(client, f"/runs/{run_id.lower()}/events")
        ear.begun.wait(5)
        app.worker().run(until_idle=True)
        assert ear.ended.wait(10)
        journal = app.runs.journal(run_id)
        late = Ear(client, f"/runs/{run_id}/events")
        behind = Ear(client, f"/runs/{run_id}/events", last=ear.heard[0].id)
        assert late.ended.wait(10)
        assert behind.ended.wait(10)

    end = {"run_id": run_id, "tenant_id": "t-000", "seq": len(journal), "state": "completed", "status": "ended"}
    assert [*range(2, len(journal) + 1), len(journal)] == [one.data["seq"] for one in ear.heard]
    assert all(end.items() <= one.heard[-1].data.items() for one in (ear, late, behind))
    assert (["end"], ear.heard[1:]) == ([one.kind for one in late.heard], behind.heard)
    assert app.runs.get(other).run.ended_at is not None


def test_a_place_that_cannot_be_gone_on_from_is_gone(api: Served, order: Order) -> None:
    order(0)
    with api.client() as client:
        for last in ("nonsense", "1-2", "99999999999999-1-1", "0-0-1", "x" * 200):
            answer = Ear(client, last=last).answer

            assert 410 == answer.status_code, last
            assert "application/problem+json" == answer.headers["content-type"]
            assert "events_gone" == answer.json()["code"]
            assert "/runs" in answer.json()["detail"]


def test_a_place_whose_rows_were_let_go_of_is_gone(app: App, api: Served, order: Order) -> None:
    with api.client() as client:
        ear = Ear(client)
        order(0), order(1)
        heard = ear.hears(2)
        ear.close()
        app.feed.prune(app.clock.now() + timedelta(days=1))

        assert [410, 200] == [Ear(client, last=one.id).status for one in heard]


def test_there_are_no_more_streams_than_the_limit_and_one_that_goes_makes_room(api: Served) -> None:
    api.streams.most = 2
    with api.client() as client:
        ears = [Ear(client), Ear(client)]
        answer = Ear(client).answer
        ears[0].close()
        limit = time.monotonic() + 10
        while api.streams.open > 1 and time.monotonic() < limit:
            time.sleep(0.01)
        again = Ear(client)
        for ear in (ears[1], again):
            ear.close()

    assert (503, "unavailable") == (answer.status_code, answer.json()["code"])
    assert 0 < int(answer.headers["retry-after"]) < 60
    assert 200 == again.status


def test_a_revoked_tokens_stream_ends(app: App, api: Served) -> None:
    api.streams.check = 0.1
    with api.client() as client, api.client() as other:
        ear, stays = Ear(client), Ear(other)
        ear.begun.wait(5)
        assert not ear.ended.wait(0.3)

        app.tokens.revoke("token-1", actor="operator", reason="it was seen")

        assert ear.ended.wait(10)
        assert not stays.ended.wait(0.3)
        stays.close()


def test_streams_end_at_once_when_the_server_does(app: App) -> None:
    with served(app) as api, api.client() as client:
        ears = [Ear(client), Ear(client)]
        for ear in ears:
            ear.begun.wait(5)
        began = time.monotonic()
        api.stop()
        assert all(ear.ended.wait(10) for ear in ears)
        assert time.monotonic() - began < 3


def test_a_client_that_takes_nothing_is_cut_off_and_holds_nobody_up(
    app: App, api: Served, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overstap.entrypoints.api.streams._event", lambda _: b": " + b"x" * 30_000_000 + b"\n\n")
    api.streams.patience = api.streams.beat = 0.3
    with api.client() as client:
        request = client.build_request("GET", "/events")
        stuck = client.send(request, stream=True)
        run_id = order(0)
        limit = time.monotonic() + 10
        while api.streams.open and time.monotonic() < limit:
            time.sleep(0.02)
            assert 200 == client.get(f"/runs/{run_id}").status_code
        assert 0 == api.streams.open
        stuck.close()
