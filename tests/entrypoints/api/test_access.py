"""Every route with every role, over the things of the own and of a foreign tenant; made from the routes themselves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api_routes import Asker, Operation, nowhere, operations
from api_stage import Stage
from overstap.app.principals import Role
from overstap.entrypoints.api.access import ACCESS
from overstap.entrypoints.api.routing import Router

ROLES = [str(role) for role in Role]


@pytest.fixture
def own(shared: Stage) -> Asker:
    return Asker(shared, shared.own)


def test_a_route_that_states_no_role_cannot_be_registered() -> None:
    def show_everything() -> dict[str, Any]:
        return {}

    with pytest.raises(LookupError, match="show_everything states no role"):
        Router().get("/everything")(show_everything)


def test_each_route_is_in_the_document_under_its_name(shared: Stage) -> None:
    found = operations(shared)

    assert len(found) > 50
    assert [] == [one.name for one in found if one.told.get("operationId") != one.name]


def test_each_line_of_the_table_is_of_a_route(shared: Stage) -> None:
    assert set() == set(ACCESS) - {one.name for one in operations(shared)}


def test_without_a_token_nobody_comes_in(shared: Stage, own: Asker) -> None:
    guarded = [one for one in operations(shared) if one.access.roles]

    assert {401} == {own.ask(one, None).status_code for one in guarded}


@pytest.mark.parametrize("role", ROLES)
def test_who_has_no_role_for_it_is_refused(shared: Stage, own: Asker, role: str) -> None:
    closed = [one for one in operations(shared) if not one.lets_in(Role(role))]

    answers = {one.name: own.ask(one, role) for one in closed}

    assert dict.fromkeys(answers, (403, "not_allowed")) == {name: _told(one) for name, one in answers.items()}


@pytest.mark.parametrize("role", ROLES)
def test_who_has_the_role_is_let_in_to_what_is_there(api: Stage, role: str) -> None:
    own = Asker(api, api.own)
    open_to = [one for one in operations(api) if one.access.roles and one.lets_in(Role(role))]

    answers = {one.name: own.ask(one, role) for one in open_to}

    assert {} == {
        name: _told(one) for name, one in answers.items() if one.status_code in {401, 403, 404} or one.is_server_error
    }
    assert {} == {name: _told(answers[name]) for name in sorted(answers) if name.startswith(("list", "show"))
                  and not answers[name].is_success}  # fmt: skip


def test_what_is_a_foreign_tenants_does_not_exist(shared: Stage, own: Asker) -> None:
    foreign = Asker(shared, shared.foreign)
    seen, different = set(), {}
    for one in operations(shared):
        if Role.TENANT_ADMIN not in one.access.roles:
            continue
        for name in _named(one, own):
            theirs = foreign.value(one, name, foreign.values)
            if theirs == own.value(one, name, own.values):
                continue
            seen.add((one.name, name))
            there = own.ask(one, "tenant_admin", {name: theirs})
            nothing = own.ask(one, "tenant_admin", {name: nowhere(theirs)})
            if (there.status_code, _plain(there, theirs)) != (404, _plain(nothing, nowhere(theirs))):
                different[one.name, name] = (_plain(there, theirs), _plain(nothing, nowhere(theirs)))

    assert len(seen) > 20
    assert {} == different


def test_what_is_a_foreign_tenants_exists_for_its_own_admin(shared: Stage) -> None:
    foreign = Asker(shared, shared.foreign)
    looks = [one for one in operations(shared) if one.method == "GET" and Role.TENANT_ADMIN in one.access.roles]

    assert [] == [one.name for one in looks if foreign.ask(one, "foreign_admin").status_code == 404]


def test_no_answer_to_a_tenants_admin_tells_of_another_tenant(shared: Stage, own: Asker) -> None:
    theirs = [shared.foreign.id, shared.foreign.name, shared.runs[shared.foreign.id], "@twin-", shared.free.id]
    theirs += [sold.id for tenant in (shared.foreign, shared.free) for sold in tenant.subscriptions]
    looks = [one for one in operations(shared) if one.method == "GET" and Role.TENANT_ADMIN in one.access.roles]

    def telling(token: str) -> set[str]:
        return {one.name for one in looks for word in theirs if word in own.ask(one, token).text}

    assert set() == telling("tenant_admin")
    assert {"list_tenants", "list_runs", "list_tasks"} <= telling("viewer")


@pytest.mark.parametrize("path", ["/runs", "/tasks"])
def test_a_tenants_admin_who_asks_for_the_runs_of_another_one_asks_for_no_tenant(shared: Stage, path: str) -> None:
    there = shared.ask("GET", path, "tenant_admin", params={"tenant": shared.foreign.id})
    nothing = shared.ask("GET", path, "tenant_admin", params={"tenant": nowhere(shared.foreign.id)})

    assert 404 == there.status_code
    assert _plain(nothing, nowhere(shared.foreign.id)) == _plain(there, shared.foreign.id)


def _named(one: Operation, own: Asker) -> list[str]:
    """What a request names of a tenant: in its path, and in its body."""
    body = own._body(one, dict(own.values)).get("json", {})
    return [*one.parameters, *(name for name in ("tenant_id", "subscription_id") if name in body)]


def _told(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("code") if answer.is_error else None


def _plain(answer: httpx.Response, named: Any) -> Any:
    """Status, headers and body of an answer without what is its own."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    text = answer.text.replace(answer.headers["x-request-id"], "REQUEST")
    for one in named if isinstance(named, list) else [named]:
        for part in (str(one), str(one).rpartition("-")[0]):
            text = text.replace(part, "ID") if len(part) > 20 else text
    return answer.status_code, headers, text
