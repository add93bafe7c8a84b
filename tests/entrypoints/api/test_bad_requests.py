"""Requests that are none: each gets its status and problem details, and nothing of the inside is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog

from api_stage import Stage
from overstap.app.principals import Role
from overstap.errors import DatabaseUnavailable

JSON = {"content-type": "application/json"}
INSIDE = ("Traceback", 'File "', "/src/", "site-packages", "sqlite", "psycopg", "SELECT ", "INSERT ")


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The answer is that problem, told as every problem is."""
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"]), answer.text
    told: dict[str, Any] = answer.json()
    assert (code, status, f"urn:overstap:problem:{code}") == (told["code"], told["status"], told["type"])
    assert answer.headers["x-request-id"] == told["request_id"]
    assert told["title"]
    assert told["detail"]
    assert [] == [word for word in INSIDE if word in answer.text]
    return told


def question(api: Stage, **more: Any) -> dict[str, Any]:
    sold = api.free.subscriptions[0].id
    return {"tenant_id": api.free.id, "subscription_id": sold, "target_plan": "small-business-premium", **more}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b"{'a': 1}", b'{"a": NaN}', b"\xff\xfe{\x00}\x00", b'{"a": "\xed\xa0\x80"}',
     b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a":' * 100_000, b'{"a": 1}{"b": 2}', b'{"a": 1e}'],
    ids=repr,
)  # fmt: skip
def test_a_body_that_is_no_json_is_a_bad_request(shared: Stage, body: bytes) -> None:
    assert_problem(shared.ask("POST", "/quotes", content=body[:200_000], headers=JSON), 400, "bad_json")


@pytest.mark.parametrize("depth", [40, 100, 900, 1000, 1023])
def test_json_that_is_nested_deeply_ends_nothing(shared: Stage, depth: int) -> None:
    body = b'{"tenant_id": ' + b"[" * depth + b"]" * depth + b"}"

    answer = shared.ask("POST", "/quotes", content=body, headers=JSON)

    assert answer.status_code in {400, 422}
    assert_problem(answer, answer.status_code, "bad_json" if answer.status_code == 400 else "bad_input")


@pytest.mark.parametrize("text", ["a\x00b", "\x1b[31mred", "\x7f"])
@pytest.mark.parametrize("where", ["body", "key of the body", "path", "query"])
def test_text_with_control_characters_is_a_bad_request(shared: Stage, where: str, text: str) -> None:
    match where:
        case "body":
            answer = shared.ask("POST", "/quotes", json=question(shared, acting_upn=text))
        case "key of the body":
            answer = shared.ask("POST", "/quotes", json=question(shared, **{text: 1}))
        case "path":
            answer = shared.ask("GET", "/workflows/" + "".join(f"%{ord(one):02x}" for one in text))
        case _:
            answer = shared.ask("GET", "/runs", params={"error": text})

    assert_problem(answer, 400, "bad_text")


@pytest.mark.parametrize("path", ["/runs/%ff%fe", "/runs/%ed%a0%80", "/tenants/%f0%9f%92%a9", "/runs/%e2%80%ae"])
def test_a_path_that_is_no_text_leads_nowhere(shared: Stage, path: str) -> None:
    assert_problem(shared.ask("GET", path), 404, "not_found")


@pytest.mark.parametrize("query", ["error=%ff", "error=%ed%a0%80", "state=%f0%9f%92%a9&state=%ff"])
def test_a_query_in_bad_unicode_finds_nothing(shared: Stage, query: str) -> None:
    answer = shared.ask("GET", f"/runs?{query}")

    assert answer.status_code in {200, 422}, answer.text


@pytest.mark.parametrize("number", ["1e400", "-1", "0", "1" + "0" * 400, "1" * 5000, "2147483648", "1.5", '"1e9"'])
def test_a_number_that_is_none_of_seats_is_bad_input(shared: Stage, number: str) -> None:
    body = json.dumps(question(shared))[:-1] + f', "seats": {number}}}'

    answer = shared.ask("POST", "/quotes", content=body.encode(), headers=JSON)

    assert answer.status_code in {400, 422}
    assert_problem(answer, answer.status_code, "bad_json" if answer.status_code == 400 else "bad_input")


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x"])
def test_a_body_that_is_not_said_to_be_json_is_not_looked_at(shared: Stage, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}

    answer = shared.ask("POST", "/quotes", content=json.dumps(question(shared)).encode(), headers=headers)

    assert_problem(answer, 415, "unsupported_media_type")


def test_a_property_that_nobody_reads_is_named(shared: Stage) -> None:
    answer = shared.ask("POST", "/quotes", json=question(shared, discount=100))

    assert ["body.discount"] == [one["where"] for one in assert_problem(answer, 422, "bad_input")["errors"]]


@pytest.mark.parametrize("limit", ["10000", "0", "-1", "1e3", "x", "", "99999999999999999999"])
def test_a_page_has_a_size(shared: Stage, limit: str) -> None:
    assert_problem(shared.ask("GET", "/runs", params={"limit": limit}), 422, "bad_input")


def test_a_page_is_no_larger_than_the_settings_say(shared: Stage) -> None:
    told = assert_problem(shared.ask("GET", "/runs", params={"limit": 201}), 422, "bad_input")

    assert "at most 200 items" in told["detail"]


@pytest.mark.parametrize("cursor", ["x", "9" * 400, "2026-03-02|", "|||", "'; DROP TABLE run; --"])
@pytest.mark.parametrize("path", ["/runs", "/tenants"])
def test_a_cursor_that_is_none_is_bad_input(shared: Stage, path: str, cursor: str) -> None:
    answer = shared.ask("GET", path, params={"cursor": cursor})

    if answer.status_code != 200:  # a name before a bar is a place between tenants
        assert_problem(answer, 422, "bad_input")
    assert answer.status_code == 422 or (path, "|" in cursor) == ("/tenants", True)


@pytest.mark.parametrize(
    "since", ["0", "1.5", "yesterday", "2026-03-02", "2026-03-02T12:00:00", "9999-99-99T00:00:00Z"]
)
def test_a_moment_has_a_date_a_time_and_a_zone(shared: Stage, since: str) -> None:
    assert_problem(shared.ask("GET", "/runs", params={"since": since}), 422, "bad_input")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/runs", "GET, HEAD"), ("PATCH", "/tokens", "GET, HEAD, POST"), ("GET", "/quotes", "POST"),
     ("OPTIONS", "/workflows/check", "POST"), ("PUT", "/tenants/x/subscriptions", "GET, HEAD, POST"),
     ("TRACE", "/me", "GET, HEAD")],
)  # fmt: skip
def test_a_method_that_does_not_go_with_a_path_is_told_which_do(
    shared: Stage, method: str, path: str, allowed: str
) -> None:
    answer = shared.ask(method, path)

    assert_problem(answer, 405, "method_not_allowed")
    assert allowed == answer.headers["allow"]


@pytest.mark.parametrize("path", ["/nothing", "/runs/", "//runs", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd"])
def test_there_is_nothing_at_other_paths(shared: Stage, path: str) -> None:
    assert_problem(shared.ask("GET", path), 404, "not_found")


def test_head_is_get_without_the_body(shared: Stage) -> None:
    whole, head = shared.ask("GET", "/tenants"), shared.ask("HEAD", "/tenants")

    assert (200, b"") == (head.status_code, head.content)
    assert whole.headers["etag"] == head.headers["etag"]


@pytest.mark.parametrize(
    "token", ["", "x", "ovs_x_y", "Bearer", "ovs_" + "0" * 26 + "_" + "A" * 43, "a" * 5000, "é", "\t"]
)
def test_a_garbled_token_is_none(shared: Stage, token: str) -> None:
    headers = [(b"authorization", b"Bearer " + token.encode())]

    answer = shared.asked(httpx.Request("GET", shared.url("/me"), headers=headers))

    assert_problem(answer, 401, "not_authenticated")
    assert "Bearer" == answer.headers["www-authenticate"]


@pytest.mark.parametrize("scheme", ["Basic dXNlcjpwYXNz", "Bearer", "Digest x", "", "Negotiate"])
def test_another_scheme_is_none(shared: Stage, scheme: str) -> None:
    assert_problem(shared.ask("GET", "/me", None, headers={"authorization": scheme}), 401, "not_authenticated")


def test_a_token_whose_secret_is_another_ones_is_none(shared: Stage) -> None:
    one, another = shared.tokens["viewer"], shared.tokens["platform"]

    answer = shared.ask("GET", "/me", f"{one.rpartition('_')[0][:30]}_{another[31:]}")

    assert_problem(answer, 401, "not_authenticated")


def test_an_expired_token_opens_nothing(shared: Stage) -> None:
    token = shared.token("short", Role.VIEWER, valid_for=timedelta(microseconds=1))

    assert_problem(shared.ask("GET", "/me", token), 401, "not_authenticated")


def test_a_revoked_token_opens_nothing_from_that_moment_on(shared: Stage) -> None:
    token = shared.token("left", Role.VIEWER)
    assert 200 == shared.ask("GET", "/me", token).status_code

    assert 200 == shared.ask("POST", "/tokens/left/revoke", json={"reason": "left"}).status_code

    assert_problem(shared.ask("GET", "/me", token), 401, "not_authenticated")


def test_what_nobody_expected_is_logged_and_not_told(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("SELECT secret FROM /src/passwords")

    monkeypatch.setattr(shared.app.service, "tenants", break_down)

    with structlog.testing.capture_logs() as logs:
        answer = shared.ask("GET", "/tenants", headers={"x-request-id": "what-happened"})

    assert_problem(answer, 500, "internal_error")
    assert "what-happened" == answer.headers["x-request-id"]
    assert ["request_failed"] == [one["event"] for one in logs if one["log_level"] == "error"]


def test_a_database_that_is_away_is_worth_another_try(shared: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def be_away(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("psycopg: SELECT 1 at /var/run/postgres failed")

    monkeypatch.setattr(shared.app.service, "tenants", be_away)

    answer = shared.ask("GET", "/tenants")

    assert_problem(answer, 503, "database_unavailable")
    assert int(answer.headers["retry-after"]) > 0
