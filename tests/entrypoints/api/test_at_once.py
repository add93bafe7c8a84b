"""Two hundred orders over HTTP at the same moment: one key is one run, one tenant has one change (rules.md J3, J7)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from api_stage import Stage

MANY = 200


def all_at_once(api: Stage, headers: Callable[[int], dict[str, str]]) -> list[httpx.Response]:
    """The answers to as many orders of the same change."""
    sold = api.free.subscriptions[0].id
    order = {"tenant_id": api.free.id, "subscription_id": sold, "target_plan": "small-business-premium"}

    async def ask(url: str) -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=MANY)
        async with httpx.AsyncClient(base_url=url, headers=api.headers(), limits=limits, timeout=60) as client:
            return await asyncio.gather(
                *(client.post("/api/v1/plan-changes", json=order, headers=headers(number)) for number in range(MANY))
            )

    with api.served() as url:
        return asyncio.run(ask(url))


def runs_of(api: Stage) -> list[str]:
    """The runs of the tenant that all the orders are for."""
    found = api.ask("GET", "/runs", params={"tenant": api.free.id}).json()["items"]
    return [one["id"] for one in found]


@pytest.mark.rule("J7")
def test_one_key_at_the_same_moment_is_one_run_and_the_same_answer_for_all(api: Stage) -> None:
    answers = all_at_once(api, lambda _: {"Idempotency-Key": "monday"})

    (run_id,) = runs_of(api)
    assert {201: MANY} == Counter(one.status_code for one in answers)
    assert {run_id} == {one.json()["id"] for one in answers}
    assert 1 == len({one.content for one in answers})
    assert {f"/api/v1/plan-changes/{run_id}"} == {one.headers["location"] for one in answers}


@pytest.mark.rule("J3")
def test_one_tenant_at_the_same_moment_is_one_run_and_all_others_are_told_which(api: Stage) -> None:
    answers = all_at_once(api, lambda number: {"Idempotency-Key": f"order-{number}"})

    (run_id,) = runs_of(api)
    assert {201: 1, 409: MANY - 1} == Counter(one.status_code for one in answers)
    refused = [one for one in answers if one.status_code == 409]
    assert {run_id} == {one.json()["run_id"] for one in refused}
    assert {("application/problem+json", "active_change")} == {
        (one.headers["content-type"], one.json()["code"]) for one in refused
    }
