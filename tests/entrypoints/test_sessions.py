"""A session lets in whom it was begun for, from our own pages, until it ends."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from overstap.app.principals import Role
from overstap.clock import SystemClock, VirtualClock
from overstap.entrypoints.cli.orders import operator
from sign_in_stage import ME, SESSION, SIGN_IN, SIGN_OUT, TLS, Stage, fetch, staged

SECRET = "the secret that all servers share"
TOKENS = "/api/v1/tokens"
NEW_TOKEN = {"name": "made-by-anna", "roles": ["viewer"], "reason": "a test"}


@pytest.fixture(scope="module")
def own_stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    path = tmp_path_factory.mktemp("sessions") / "overstap.db"
    shutil.copy(sqlite_template, path)
    with staged(f"sqlite:///{path}", session_secret=SECRET) as made:
        yield made


@pytest.fixture
def stage(own_stage: Stage) -> Stage:
    own_stage.begin_anew()
    return own_stage


@pytest.fixture
def browser(stage: Stage) -> Iterator[httpx.Client]:
    with stage.signed_in() as made:
        yield made


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "overstap.db")
    return f"sqlite:///{tmp_path / 'overstap.db'}"


def csrf(browser: httpx.Client) -> dict[str, str]:
    return {"X-CSRF-Token": browser.get(ME).json()["csrf_token"]}


def test_a_link_signs_in_whoever_opens_it_first_as_who_started_the_server(database_url: str) -> None:
    with staged(database_url) as stage, stage.browser() as browser, stage.browser() as late:
        link = stage.link()
        first, second = browser.get(link, params={"to": "/console"}), late.get(link)
        me = browser.get(ME).json()

        assert (303, "/console") == (first.status_code, first.headers["location"])
        assert ("operator:terminal", ["approver", "operator", "platform", "viewer"]) == (me["actor"], me["roles"])
        assert (401, 401) == (second.status_code, late.get(ME).status_code)
        assert "it works once" in second.json()["detail"]


def test_signing_out_ends_the_session_on_every_server(database_url: str) -> None:
    with staged(database_url, session_secret=SECRET) as stage, staged(database_url, session_secret=SECRET) as other:
        with stage.signed_in() as browser:
            kept = dict(browser.cookies)
            assert 200 == fetch(other.url + ME, cookies=kept).status_code
            out = browser.post(SIGN_OUT, headers=csrf(browser))

            assert (204, {}) == (out.status_code, dict(browser.cookies))
        assert [401, 401] == [fetch(one.url + ME, cookies=kept).status_code for one in (stage, other)]


def test_no_script_reads_the_session_and_no_other_site_sends_it(stage: Stage) -> None:
    with stage.browser() as browser:
        session, token = browser.get(stage.link()).headers.get_list("set-cookie")

    assert session.startswith(f"{SESSION}=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=28800"} <= set(session.split("; "))
    assert token.startswith("overstap_csrf=")
    assert {"Path=/", "SameSite=lax", "Max-Age=28800"} <= set(token.split("; "))
    assert "HttpOnly" not in token


def test_where_there_is_tls_cookies_go_over_nothing_else(sqlite_url: str) -> None:
    with staged(sqlite_url, public_url="https://ours.example") as stage, stage.browser() as browser:
        set_cookies = browser.get(stage.link()).headers.get_list("set-cookie")
        session = set_cookies[0].partition(";")[0]

        assert session.startswith(f"__Host-{SESSION}=")
        assert all({"Secure", "Path=/"} <= set(one.split("; ")) for one in set_cookies)
        assert not any("domain" in one.lower() for one in set_cookies)
        assert 200 == fetch(stage.url + ME, headers={"Cookie": session}).status_code
        plain = session.removeprefix("__Host-")
        assert 401 == fetch(stage.url + ME, headers={"Cookie": plain}).status_code


def _other_first_letter(value: str) -> str:
    return ("f" if value[0] != "f" else "g") + value[1:]


@pytest.mark.parametrize(
    "change",
    [
        _other_first_letter,
        lambda value: value[:-3] + ("AAA" if value[-3:] != "AAA" else "BBB"),
        lambda value: value.rpartition(".")[0],
        lambda value: value.rpartition(".")[0] + ".",
        lambda value: value[:0],
        lambda value: value[:5],
        lambda value: "é" + value,
    ],
)
def test_a_cookie_that_somebody_changed_lets_nobody_in(
    stage: Stage, browser: httpx.Client, change: Callable[[str], str]
) -> None:
    cookie = f"{SESSION}={change(browser.cookies[SESSION])}"

    assert 401 == fetch(stage.url + ME, headers=[(b"Cookie", cookie.encode())]).status_code


def test_what_another_secret_signed_lets_nobody_in(sqlite_url: str) -> None:
    with staged(sqlite_url) as stage, staged(sqlite_url) as other, stage.signed_in() as browser:
        assert 401 == fetch(other.url + ME, cookies=dict(browser.cookies)).status_code


def test_an_attempt_to_sign_in_is_no_session(stage: Stage) -> None:
    sealed = stage.api.state.sign_in._cookie._serializer.dumps({"id": "x", "name": "eve", "roles": ["platform"]})

    assert 401 == fetch(stage.url + ME, cookies={SESSION: sealed}).status_code


def test_a_session_ends_when_its_time_is_over(sqlite_url: str) -> None:
    clock = VirtualClock(SystemClock().now())
    with staged(sqlite_url, clock=clock, session_time=timedelta(hours=1)) as stage, stage.signed_in() as browser:
        kept = dict(browser.cookies)
        clock.advance(timedelta(minutes=59))
        assert 200 == fetch(stage.url + ME, cookies=kept).status_code
        clock.advance(timedelta(minutes=2))
        assert 401 == fetch(stage.url + ME, cookies=kept).status_code


def test_who_signs_in_gets_a_session_that_nobody_knew_before(stage: Stage) -> None:
    with stage.signed_in() as browser:
        planted = dict(browser.cookies)
        browser.get(stage.link())

        assert planted[SESSION] != browser.cookies[SESSION]
        assert 200 == browser.get(ME).status_code
        assert 401 == fetch(stage.url + ME, cookies=planted).status_code


def test_a_session_changes_something_only_with_its_own_token(stage: Stage, browser: httpx.Client) -> None:
    with stage.signed_in() as another:
        others = csrf(another)
    right = csrf(browser)
    wrong: list[dict[str, str]] = [{}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x" * 43}, others]

    answers = [browser.post(TOKENS, json=NEW_TOKEN, headers=headers) for headers in wrong]
    assert [403] * 4 == [answer.status_code for answer in answers]
    assert all("X-CSRF-Token" in answer.json()["detail"] for answer in answers)
    assert right["X-CSRF-Token"] == browser.cookies["overstap_csrf"]
    assert [] == stage.app.tokens.all()
    made = browser.post(TOKENS, json=NEW_TOKEN, headers=right)
    assert (201, "operator:terminal") == (made.status_code, made.json()["created_by"])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "OWN"}, 204),
        ({"Sec-Fetch-Site": "none"}, 204),
        ({"Origin": "OWN"}, 204),
    ],
)
def test_a_session_changes_something_only_from_our_own_pages(
    stage: Stage, browser: httpx.Client, headers: dict[str, str], expected: int
) -> None:
    given = {name: stage.url if value == "OWN" else value for name, value in headers.items()}

    assert expected == browser.post(SIGN_OUT, headers={**csrf(browser), **given}).status_code
    assert (200 if expected == 403 else 401) == browser.get(ME).status_code


def test_behind_a_proxy_our_own_pages_are_those_of_the_public_url(sqlite_url: str) -> None:
    with staged(sqlite_url, public_url="https://ours.example/overstap") as stage, stage.browser() as browser:
        session = browser.get(stage.link()).headers.get_list("set-cookie")[0].partition(";")[0]
        token = fetch(stage.url + ME, headers={"Cookie": session}).json()["csrf_token"]
        headers = {"Cookie": session, "X-CSRF-Token": token, "Host": "inside.example", "Origin": "https://ours.example"}

        assert 204 == httpx.post(stage.url + SIGN_OUT, headers=headers).status_code


def test_a_token_counts_and_the_session_beside_it_does_not(stage: Stage, browser: httpx.Client) -> None:
    made, text = stage.app.tokens.create("robot", {Role.VIEWER}, actor="operator:x", reason="a test")
    bearer = {"Authorization": f"Bearer {text}"}
    me = browser.get(ME, headers=bearer).json()

    assert ("robot", ["viewer"], None) == (me["name"], me["roles"], me["csrf_token"])
    assert 403 == browser.post(TOKENS, json=NEW_TOKEN, headers=bearer | csrf(browser)).status_code
    out = browser.post(SIGN_OUT, headers=bearer)
    assert (422, 200) == (out.status_code, browser.get(ME).status_code)
    stage.app.tokens.revoke(made.id, actor="operator:x", reason="a test")
    assert 401 == browser.get(ME, headers=bearer).status_code


def test_nobody_signs_out_who_is_not_signed_in(stage: Stage) -> None:
    with stage.browser() as browser:
        assert 401 == browser.post(SIGN_OUT).status_code


def test_a_link_that_is_none_is_told_apart_from_no_other(stage: Stage) -> None:
    with stage.browser() as browser:
        answer = browser.get(f"{SIGN_IN}/{'x' * 43}")

    assert (401, "not_authenticated") == (answer.status_code, answer.json()["code"])
    assert "x" * 43 not in answer.text


def test_a_first_local_start_prints_a_link_for_who_started_it(sqlite_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "overstap", "--database", sqlite_url, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(3)]
            link = said[2].split()[-1]
            with httpx.Client(verify=TLS) as browser:
                home = browser.get(link).headers["location"]
                me = browser.get(f"{link.partition('/api/')[0]}{ME}").json()
        finally:
            process.terminate()
        log = process.communicate(timeout=30)[1]

    assert (operator(), "approver") == (me["actor"], me["roles"][0])
    assert home == "/console"
    assert "sessions_end_with_this_process" in log
    assert link.rpartition("/sign-in/")[2].partition("?")[0] not in log
