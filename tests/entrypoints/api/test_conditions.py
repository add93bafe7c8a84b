"""What a request asks beside what it says: conditions, languages, pages, idempotency keys, its id."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog

from api_stage import Stage, stage
from overstap.app.principals import Role

ACTS = ["hold", "release", "retry", "extend", "fail", "takeover"]


def order(api: Stage, **more: Any) -> dict[str, Any]:
    sold = api.free.subscriptions[0].id
    return {"tenant_id": api.free.id, "subscription_id": sold, "target_plan": "small-business-premium", **more}


@pytest.fixture
def run(shared: Stage) -> str:
    """A run that waits for a person."""
    return shared.runs[shared.own.id]


def seq(api: Stage, run: str) -> int:
    return len(api.ask("GET", f"/runs/{run}/journal").json()["items"])


# --- ETag and If-Match ---


@pytest.mark.parametrize(
    "path", ["/tenants", "/runs", "/runs/{run}", "/runs/{run}/explain", "/catalog/plans", "/workflows"]
)
def test_what_the_client_has_already_is_not_sent_again(shared: Stage, run: str, path: str) -> None:
    first = shared.ask("GET", path.format(run=run))
    again = shared.ask("GET", path.format(run=run), headers={"if-none-match": f'"other", {first.headers["etag"]}'})

    assert (304, b"") == (again.status_code, again.content)
    assert first.headers["etag"] == again.headers["etag"]


def test_what_has_changed_is_sent_again(shared: Stage, run: str) -> None:
    first = shared.ask("GET", f"/runs/{run}")
    shared.ask("POST", f"/runs/{run}/extend", json={"by": "1h", "reason": "wait"})

    again = shared.ask("GET", f"/runs/{run}", headers={"if-none-match": first.headers["etag"]})

    assert 200 == again.status_code
    assert first.json()["deadline_at"] < again.json()["deadline_at"]
    assert first.headers["etag"] != again.headers["etag"]


@pytest.mark.parametrize("act", ACTS)
def test_an_act_on_a_run_that_has_changed_since_is_refused(shared: Stage, run: str, act: str) -> None:
    before = seq(shared, run)
    body = {"reason": "test", **({"by": "1h"} if act == "extend" else {})}

    answer = shared.ask("POST", f"/runs/{run}/{act}", json=body, headers={"if-match": f'"{before - 1}"'})

    assert (412, "changed") == (answer.status_code, answer.json()["code"])
    assert before == seq(shared, run)


def test_an_act_on_a_run_as_it_was_seen_is_done_and_gives_the_next_etag(shared: Stage, run: str) -> None:
    for act, condition in (("hold", '"{seq}"'), ("release", 'W/"{seq}"'), ("hold", "*"), ("release", "*")):
        before = seq(shared, run)
        headers = {"if-match": condition.format(seq=before)}

        answer = shared.ask("POST", f"/runs/{run}/{act}", json={"reason": "x"}, headers=headers)

        assert (200, f'"{before + 1}"') == (answer.status_code, answer.headers["etag"]), answer.text


@pytest.mark.parametrize("condition", ["5", '"x"', '"-1"', '"5", "6"', '"99999999999999"'])
def test_a_condition_that_is_none_is_a_bad_request(shared: Stage, run: str, condition: str) -> None:
    answer = shared.ask("POST", f"/runs/{run}/hold", json={"reason": "x"}, headers={"if-match": condition})

    assert (400, "bad_if_match") == (answer.status_code, answer.json()["code"])


# --- pages ---


def test_the_pages_of_runs_have_each_run_once(api: Stage) -> None:
    for _ in range(5):  # a change that is cancelled makes room for the next one
        made = api.ask("POST", "/plan-changes", json=order(api)).json()["id"]
        api.ask("POST", f"/plan-changes/{made}/cancel", json={"reason": "test"})
        api.driver.run_for(timedelta(minutes=30))
    for sort, runs in {"newest": 7, "oldest": 7, "deadline": 2, "attempts": 0}.items():
        whole = [one["id"] for one in api.ask("GET", "/runs", params={"sort": sort}).json()["items"]]

        assert runs == len(set(whole)) == len(whole)
        assert whole == _through(api, "/runs", "cursor", "id", limit=2, sort=sort)


def test_the_pages_of_tenants_and_of_a_journal_have_each_once(shared: Stage, run: str) -> None:
    tenants = [one["id"] for one in shared.ask("GET", "/tenants").json()["items"]]
    entries = shared.ask("GET", f"/runs/{run}/journal").json()["items"]

    assert tenants == _through(shared, "/tenants", "cursor", "id")
    assert [one["seq"] for one in entries] == _through(shared, f"/runs/{run}/journal", "after", "seq")


def _through(api: Stage, path: str, place: str, what: str, *, limit: int = 1, **query: str) -> list[Any]:
    found: list[Any] = []
    following: str | None = None
    while True:
        page = api.ask(
            "GET", path, params={"limit": limit, **query, **({place: following} if following else {})}
        ).json()
        assert len(page["items"]) <= limit
        found += [one[what] for one in page["items"]]
        following = page["next"]
        if following is None:
            return found


# --- languages ---


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("nl", "nl"), ("en", "en"), ("nl-NL,en;q=0.5", "nl"), ("fr, en;q=0.1", "en"), ("fr", "nl"), ("*", "nl"),
     ("", "nl"), ("en;q=0, nl", "nl"), ("x" * 2000, "nl"), (";;q=,,-", "nl")],
)  # fmt: skip
def test_sentences_are_in_the_language_that_is_asked_for_else_in_the_tenants(
    shared: Stage, accepted: str, language: str
) -> None:
    headers = {"accept-language": accepted}

    answer = shared.ask("POST", "/plan-changes", json=order(shared, target_plan="e4"), headers=headers)

    assert (422, language) == (answer.status_code, answer.headers["content-language"])
    assert (language == "nl") == (" niet " in answer.json()["detail"])


# --- idempotency keys ---


def key(text: str) -> dict[str, str]:
    return {"idempotency-key": text}


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        ("/plan-changes", order, lambda api: order(api, seats=12)),
        ("/pauses", lambda _: pausing("move_users"), lambda _: pausing("place_order")),
        ("/tokens/own/revoke", lambda _: {"reason": "one"}, lambda _: {"reason": "two"}),
        ("/eligibility", order, lambda api: order(api, seats=12)),
    ],
    ids=["plan-changes", "pauses", "revoke", "eligibility"],
)
def test_the_same_key_gives_the_same_answer_and_another_body_is_refused(
    api: Stage, path: str, body: Callable[[Stage], Any], other: Callable[[Stage], Any]
) -> None:
    first = api.ask("POST", path, json=body(api), headers=key("monday"))
    again = api.ask("POST", path, json=body(api), headers=key("monday"))
    refused = api.ask("POST", path, json=other(api), headers=key("monday"))

    assert first.is_success, first.text
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert ("true", None) == (again.headers["idempotent-replayed"], first.headers.get("idempotent-replayed"))
    assert (422, "key_reused") == (refused.status_code, refused.json()["code"])


def pausing(step: str) -> dict[str, Any]:
    return {"scope": "step", "name": step, "reason": "test"}


def test_the_same_key_gives_a_token_only_once(shared: Stage) -> None:
    wanted = {"name": "once", "roles": ["viewer"], "reason": "test"}

    first, again = (shared.ask("POST", "/tokens", json=wanted, headers=key("once")) for _ in range(2))

    assert (201, 201) == (first.status_code, again.status_code)
    assert {**first.json(), "token": None} == again.json()
    assert 200 == shared.ask("GET", "/me", first.json()["token"]).status_code


def test_the_same_key_at_another_path_is_refused(shared: Stage, run: str) -> None:
    headers = key("two-paths")
    assert 200 == shared.ask("POST", f"/runs/{run}/hold", json={"reason": "x"}, headers=headers).status_code

    answer = shared.ask("POST", f"/runs/{run}/release", json={"reason": "x"}, headers=headers)

    assert (422, "key_reused") == (answer.status_code, answer.json()["code"])


def test_a_key_is_its_owners_own(shared: Stage) -> None:
    staff = shared.ask("POST", "/eligibility", json=order(shared), headers=key("mine"))
    own = shared.ask(
        "POST", "/eligibility", "tenant_admin", json=order(shared, tenant_id=shared.own.id), headers=key("mine")
    )
    another = shared.token("another", Role.OPERATOR)
    other = shared.ask("POST", "/eligibility", another, json=order(shared, seats=12), headers=key("mine"))

    assert (200, 404, 200) == (staff.status_code, own.status_code, other.status_code)
    assert [] == [one for one in (staff, own, other) if "idempotent-replayed" in one.headers]


def test_a_refusal_is_kept_as_any_answer(shared: Stage) -> None:
    refused = shared.ask("POST", "/plan-changes", json=order(shared, target_plan="e4"), headers=key("refused"))
    again = shared.ask("POST", "/plan-changes", json=order(shared, target_plan="e4"), headers=key("refused"))

    assert 422 == refused.status_code
    assert refused.content == again.content


@pytest.mark.parametrize(("path", "body"), [("/pauses", pausing("move_users")), ("/plan-changes", None)])
def test_what_failed_here_can_be_sent_again_with_its_key(
    api: Stage, monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any] | None
) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(api.app.operators, "pause", break_down)
        broken.setattr(api.app.service, "submit", break_down)
        assert 500 == api.ask("POST", path, json=body or order(api), headers=key("k")).status_code

    assert 201 == api.ask("POST", path, json=body or order(api), headers=key("k")).status_code


def test_what_was_not_let_in_can_be_sent_again_with_its_key(shared: Stage) -> None:
    assert 403 == shared.ask("POST", "/pauses", "viewer", json=pausing("move_users"), headers=key("let-in")).status_code
    assert 415 == shared.ask("POST", "/pauses", content=b"{}", headers=key("let-in")).status_code

    assert 201 == shared.ask("POST", "/pauses", json=pausing("move_users"), headers=key("let-in")).status_code


@pytest.mark.parametrize("text", ["", " ", "a b", "x" * 201, "\t"])
def test_a_key_that_is_none_is_a_bad_request(shared: Stage, text: str) -> None:
    answer = shared.ask("POST", "/pauses", json=pausing("move_users"), headers=key(text))

    assert (400, "bad_idempotency_key") == (answer.status_code, answer.json()["code"])


# --- rates, headers and ids ---


def test_who_asks_too_often_is_told_when_to_go_on_and_others_are_let_in(database_url: str) -> None:
    with stage(database_url, api={"requests": 5}) as api:
        answers = [api.ask("GET", "/me", "viewer") for _ in range(6)]

        assert [200] * 5 + [429] == [one.status_code for one in answers]
        assert 0 < int(answers[-1].headers["retry-after"]) <= 60
        assert "too_many" == answers[-1].json()["code"]
        assert 200 == api.ask("GET", "/me", "operator").status_code


def test_who_guesses_tokens_is_stopped_and_who_has_one_is_let_in(api: Stage) -> None:
    answers = [api.ask("GET", "/me", f"guess-{number}") for number in range(61)]

    assert [401] * 60 + [429] == [one.status_code for one in answers]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert 200 == api.ask("GET", "/me").status_code


@pytest.mark.parametrize("path", ["/tenants", "/nothing", "/openapi.json"])
@pytest.mark.parametrize("who", ["viewer", None])
def test_each_answer_keeps_browsers_safe(shared: Stage, path: str, who: str | None) -> None:
    headers = shared.ask("GET", path, who).headers

    assert ("nosniff", "DENY", "no-referrer", "no-store") == tuple(
        headers[name] for name in ("x-content-type-options", "x-frame-options", "referrer-policy", "cache-control")
    )
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in headers


def test_a_request_id_is_in_the_answer_and_in_each_line_of_the_log(shared: Stage) -> None:
    seen: list[Any] = []
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, lambda *one: _seen(seen, one[2])])

    given = shared.ask("POST", "/plan-changes", json=order(shared), headers={"x-request-id": "order-of-monday"})
    made = shared.ask("GET", "/me")

    assert "order-of-monday" == given.headers["x-request-id"]
    assert 26 == len(made.headers["x-request-id"])
    assert {"order-of-monday", made.headers["x-request-id"]} == {one.get("request_id") for one in seen}


def _seen(seen: list[Any], line: Any) -> str:
    seen.append(dict(line))
    raise structlog.DropEvent


@pytest.mark.parametrize("given", ["", "short", "with spaces in it", "x" * 65, "<script>alert(1)</script>", "a\tb"])
def test_a_request_id_that_is_none_is_replaced(shared: Stage, given: str) -> None:
    answer = shared.ask("GET", "/me", headers={"x-request-id": given})

    assert given != answer.headers["x-request-id"]
    assert 26 == len(answer.headers["x-request-id"])
