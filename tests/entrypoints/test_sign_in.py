"""People sign in at a provider of OpenID Connect, and nobody else does."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import Request
from joserfc.jwk import RSAKey

import runbook
from openid_provider import CLIENT_SECRET, OTHER_KEY, Provider, signed, signed_with_public_key, unsigned
from overstap.app.principals import NotAuthenticated, Role
from overstap.clock import SystemClock, VirtualClock
from overstap.entrypoints.api.sessions import is_secure
from overstap.entrypoints.api.sign_in import name_of, roles_of
from overstap.errors import BadInput
from overstap.logs import configure_logs
from overstap.settings import LogSettings, SignInSettings, load_settings
from overstap.testing import sample_tenant
from sign_in_stage import ME, SESSION, SIGN_IN, Stage, fetch, go_and_come_back, staged, way_back

EVIL = "evil.example"


@pytest.fixture(scope="module")
def own_provider() -> Iterator[Provider]:
    with Provider() as made:
        yield made


@pytest.fixture
def provider(own_provider: Provider) -> Provider:
    own_provider.begin_anew()
    return own_provider


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "overstap.db")
    return f"sqlite:///{tmp_path / 'overstap.db'}"


@pytest.fixture(scope="module")
def own_stage(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, own_provider: Provider
) -> Iterator[Stage]:
    path = tmp_path_factory.mktemp("sign-in") / "overstap.db"
    shutil.copy(sqlite_template, path)
    with staged(f"sqlite:///{path}", own_provider) as made:
        yield made


@pytest.fixture
def stage(own_stage: Stage, provider: Provider) -> Stage:
    """A stage that many tests share, and that nobody has tried to sign in at."""
    own_stage.begin_anew()
    return own_stage


@pytest.fixture
def browser(stage: Stage) -> Iterator[httpx.Client]:
    with stage.browser() as made:
        yield made


def refused(answer: httpx.Response, status: int) -> str:
    """The words of a problem; fails when it is another one, or began a session."""
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"]), answer.text
    assert SESSION not in answer.headers.get("set-cookie", "")
    return answer.json()["detail"]


def test_a_person_comes_in_as_whom_the_provider_knows(stage: Stage, browser: httpx.Client, provider: Provider) -> None:
    back = go_and_come_back(browser)
    me = browser.get(ME).json()

    assert (303, "/") == (back.status_code, back.headers["location"])
    assert {"name": "anna", "actor": "operator:anna", "roles": ["operator"]}.items() <= me.items()
    assert ("code", "S256", "openid profile email") == tuple(
        provider.asked[name] for name in ("response_type", "code_challenge_method", "scope")
    )


def test_the_page_that_somebody_wanted_is_where_they_come_to(browser: httpx.Client) -> None:
    assert (
        "/console/runs?state=stuck"
        == go_and_come_back(browser, f"{SIGN_IN}?to=/console/runs%3Fstate%3Dstuck").headers["location"]
    )


@pytest.mark.parametrize(
    "to",
    [
        f"https://{EVIL}", f"//{EVIL}", f"/\\{EVIL}", f"\\{EVIL}", f"/\t/{EVIL}", f"/\n/{EVIL}", f" //{EVIL}",
        f"{EVIL}", "javascript:alert(1)", "/a\r\nSet-Cookie: x=y", "", f"///{EVIL}", "/é",
    ],
)  # fmt: skip
def test_nobody_is_sent_to_another_server_after_signing_in(stage: Stage, browser: httpx.Client, to: str) -> None:
    by_link = browser.get(stage.link(), params={"to": to})
    by_provider = browser.get(SIGN_IN, params={"to": to})

    assert {400, 422} >= {by_link.status_code, by_provider.status_code}
    assert SESSION not in browser.cookies


ACME = {"roles": None, "org": "acme", "preferred_username": "User0@Acme.example"}
"""The administrator of the sample tenant `acme`, by the claims of a provider."""


@pytest.fixture
def customers(sqlite_url: str, provider: Provider) -> Iterator[Stage]:
    """A stage with the tenants `acme` and `globex`, whose administrators may sign in."""
    with staged(sqlite_url, provider, tenant_claim="org") as made:
        made.app.service.import_tenants([sample_tenant("acme"), sample_tenant("globex")])
        yield made


@pytest.mark.parametrize(
    "person",
    [
        ACME,
        {**ACME, "preferred_username": None, "email": "user0@acme.example", "email_verified": True},
        {**ACME, "preferred_username": "anna", "email": "user0@acme.example", "email_verified": True},
        {**ACME, "org": " ACME "},
    ],
    ids=["name", "address", "verified address", "letter case of the tenant"],
)
def test_an_administrator_of_a_tenant_comes_in_as_one(
    customers: Stage, provider: Provider, person: dict[str, Any]
) -> None:
    provider.person |= person
    with customers.browser() as browser:
        assert 303 == go_and_come_back(browser).status_code
        me = browser.get(ME).json()
        others = browser.get("/api/v1/tenants/globex").status_code

    assert {"roles": ["tenant_admin"], "tenant_id": "acme", "upn": "user0@acme.example"}.items() <= me.items()
    assert ("admin:user0@acme.example", 404) == (me["actor"], others)


@pytest.mark.parametrize(
    "person",
    [
        {**ACME, "org": "globex"},
        {**ACME, "org": "initech"},
        {**ACME, "org": None},
        {**ACME, "org": ["acme"]},
        {**ACME, "org": ""},
        {**ACME, "preferred_username": "user1@acme.example"},
        {**ACME, "preferred_username": None, "email": "user0@acme.example", "email_verified": False},
        {**ACME, "preferred_username": None, "email": "user0@acme.example"},
        {**ACME, "preferred_username": None, "sub": "user0@acme.example"},
    ],
    ids=[
        "another tenant",
        "no tenant",
        "no claim",
        "a list",
        "empty",
        "no admin",
        "not verified",
        "maybe not",
        "an id",
    ],
)
def test_nobody_else_comes_in_as_an_administrator(customers: Stage, provider: Provider, person: dict[str, Any]) -> None:
    provider.person |= person
    with customers.browser() as browser:
        told = refused(go_and_come_back(browser), 403)

        assert "no administrator of the organisation in its claim 'org'" in told
        assert 401 == browser.get(ME).status_code


def test_who_has_a_role_of_the_staff_is_no_customer(customers: Stage, provider: Provider) -> None:
    provider.person |= {**ACME, "roles": ["overstap-viewer"]}
    with customers.browser() as browser:
        go_and_come_back(browser)
        me = browser.get(ME).json()

    assert (["viewer"], None) == (me["roles"], me["tenant_id"])


def test_no_administrator_comes_in_unless_the_settings_name_a_claim(stage: Stage, provider: Provider) -> None:
    provider.person |= ACME
    with stage.browser() as browser:
        assert "none of the values that [sign_in] gives a role for. Whoever" in refused(go_and_come_back(browser), 403)


GOOD = {"roles": ["overstap-viewer"]}


@pytest.mark.parametrize(
    ("claim", "claims", "expected"),
    [
        ("roles", {"roles": ["overstap-operator", "overstap-approver", "other"]}, {Role.OPERATOR, Role.APPROVER}),
        ("roles", {"roles": "overstap-platform"}, {Role.PLATFORM}),
        ("roles", {"roles": "x overstap-platform"}, set()),
        ("realm_access.roles", {"realm_access": GOOD}, {Role.VIEWER}),
        ("resource_access.our.client.roles", {"resource_access": {"our.client": GOOD}}, {Role.VIEWER}),
        ("https://ours.example/roles", {"https://ours.example/roles": ["overstap-viewer"]}, {Role.VIEWER}),
        ("realm_access.roles", {"realm_access": "overstap-viewer"}, set()),
        ("roles", {"roles": {"overstap-viewer": True}}, set()),
        ("roles", {"roles": [["overstap-viewer"], None, 7]}, set()),
        ("roles", {}, set()),
        ("groups", GOOD, set()),
    ],
)
def test_roles_come_from_the_claim_of_the_settings(claim: str, claims: dict[str, Any], expected: set[Role]) -> None:
    assert expected == roles_of(SignInSettings(roles_claim=claim), claims)


def test_several_values_may_give_one_role() -> None:
    settings = SignInSettings(operators=("helpdesk", "night-shift"))

    assert {Role.OPERATOR} == roles_of(settings, {"roles": ["night-shift"]})
    assert set() == roles_of(settings, {"roles": ["overstap-operator"]})


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"preferred_username": "anna", "email": "a@x.example", "sub": "7"}, "anna"),
        ({"email": "a@x.example", "sub": "7"}, "a@x.example"),
        ({"email": "boss@x.example", "email_verified": False, "sub": "7"}, "7"),
        ({"preferred_username": "", "sub": "7"}, "7"),
    ],
)
def test_a_person_is_called_as_they_sign_in(claims: dict[str, Any], expected: str) -> None:
    assert expected == name_of(claims)


def test_a_name_that_a_terminal_would_obey_is_none() -> None:
    with pytest.raises(NotAuthenticated, match="control characters"):
        name_of({"preferred_username": "anna\x1b[2J", "sub": "7"})


def test_nobody_comes_in_without_a_role(browser: httpx.Client, provider: Provider) -> None:
    provider.person["roles"] = ["something-else"]

    told = refused(go_and_come_back(browser), 403)

    assert "anna" in told
    assert "'roles'" in told
    assert 401 == browser.get(ME).status_code


def no_token(claims: dict[str, Any]) -> str:
    return "no.token.atall"


FORGED = RSAKey.import_key({**OTHER_KEY.as_dict(private=True), "kid": "first"})


@pytest.mark.parametrize(
    ("person", "sign"),
    [
        ({"nonce": "of another attempt"}, signed),
        ({"nonce": None}, signed),
        ({"aud": "another-client"}, signed),
        ({"aud": "another-client", "azp": "overstap"}, signed),
        ({"aud": ["overstap", "another-client"], "azp": "another-client"}, signed),
        ({"aud": None}, signed),
        ({"iss": "https://evil.example"}, signed),
        ({"iss": None}, signed),
        ({"exp": 1_700_000_000}, signed),
        ({"exp": None}, signed),
        ({"iat": 4_000_000_000}, signed),
        ({"nbf": 4_000_000_000}, signed),
        ({"at_hash": "of-another-access-token"}, signed),
        ({}, lambda claims: signed(claims, FORGED)),
        ({}, lambda claims: signed(claims, OTHER_KEY, kid="second")),
        ({}, unsigned),
        ({}, signed_with_public_key),
        ({}, lambda claims: signed(claims)[:-9] + "AAAAAAAAA"),
        ({}, no_token),
        ({}, lambda claims: signed(claims)[:9]),
    ],
    ids=[
        "nonce", "no nonce", "audience", "audience of another", "another party",
        "no audience", "issuer", "no issuer", "expired", "no end",
        "from the future", "not yet", "access token", "forged", "unknown key", "unsigned", "public key as secret",
        "signature", "no token", "garbage",
    ],
)  # fmt: skip
def test_an_id_token_that_does_not_hold_lets_nobody_in(
    browser: httpx.Client, provider: Provider, person: dict[str, Any], sign: Callable[[dict[str, Any]], str]
) -> None:
    provider.person |= person
    provider.sign = sign

    told = refused(go_and_come_back(browser), 401)

    assert f"The sign-in at {provider.issuer} cannot be trusted" in told
    assert 401 == browser.get(ME).status_code


@pytest.mark.parametrize("answer", [{"id_token": None}, {"id_token": 7}, {"id_token": ""}])
def test_a_provider_that_names_nobody_lets_nobody_in(
    browser: httpx.Client, provider: Provider, answer: dict[str, Any]
) -> None:
    provider.answer = answer

    assert "cannot be trusted" in refused(go_and_come_back(browser), 401)


def test_clocks_may_differ_by_half_a_minute(browser: httpx.Client, provider: Provider) -> None:
    now = int(SystemClock().now().timestamp())
    provider.person |= {"exp": now - 30, "iat": now + 30}

    assert 303 == go_and_come_back(browser).status_code


def test_a_code_is_worth_nothing_without_the_verifier_of_this_attempt(
    browser: httpx.Client, provider: Provider
) -> None:
    provider.challenge = "that of somebody else"

    assert "it gave no ID token for the code (invalid_grant)" in refused(go_and_come_back(browser), 401)


def test_new_keys_of_the_provider_are_found(browser: httpx.Client, provider: Provider) -> None:
    assert 303 == go_and_come_back(browser).status_code
    provider.keys = [OTHER_KEY]
    provider.sign = lambda claims: signed(claims, OTHER_KEY, kid="second")

    assert 303 == go_and_come_back(browser).status_code


def test_a_provider_that_wants_the_secret_in_the_body_gets_it_there(browser: httpx.Client, provider: Provider) -> None:
    provider.takes = "post"

    assert 303 == go_and_come_back(browser).status_code


def test_an_attempt_ends_once(database_url: str, provider: Provider) -> None:
    with staged(database_url, provider) as stage, stage.browser() as browser:
        back = way_back(browser)
        cookies = dict(browser.cookies)
        first = browser.get(back)
        assert 303 == first.status_code, first.text
        replayed = fetch(back, cookies=cookies)

    assert "ended before" in refused(replayed, 401)


def test_an_attempt_ends_in_the_browser_that_began_it(stage: Stage, browser: httpx.Client) -> None:
    back = way_back(browser)
    with stage.browser() as another:
        assert "began no such sign-in" in refused(another.get(back), 401)
        way_back(another)
        assert "began no such sign-in" in refused(another.get(back), 401)
        assert "began no such sign-in" in refused(another.get(f"{SIGN_IN}/back"), 401)


def test_an_attempt_ends_within_ten_minutes(sqlite_url: str, provider: Provider) -> None:
    clock = VirtualClock(SystemClock().now())
    with staged(sqlite_url, provider, clock) as stage, stage.browser() as browser:
        back = way_back(browser)
        clock.advance(timedelta(minutes=10, seconds=2))

        assert "within the last 10 minutes" in refused(browser.get(back), 401)


def test_a_refusal_of_the_provider_is_told_in_its_code_alone(browser: httpx.Client, provider: Provider) -> None:
    for error, shown in (("access_denied", "access_denied"), ("<b>call 0900</b>", "no reason")):
        answer = browser.get(f"{way_back(browser)}&{urlencode({'error': error, 'error_description': 'boo'})}")

        told = refused(answer, 401)
        assert f"{provider.issuer} did not sign you in ({shown})" in told
        assert "boo" not in told


def test_a_provider_that_is_away_is_said_to_be(sqlite_url: str) -> None:
    with Provider() as provider, staged(sqlite_url, provider) as stage, stage.browser() as browser:
        back = way_back(browser)
        provider.__exit__()

        assert "does not answer" in refused(browser.get(back), 502)
        assert "does not answer" in refused(browser.get(SIGN_IN), 502)


def test_a_provider_with_another_name_is_not_the_one(browser: httpx.Client, provider: Provider) -> None:
    provider.metadata = {"issuer": "https://evil.example"}

    assert "calls itself 'https://evil.example'" in refused(browser.get(SIGN_IN), 502)


def test_without_a_provider_nobody_is_sent_anywhere(sqlite_url: str) -> None:
    with staged(sqlite_url) as stage, stage.browser() as browser:
        assert "names no issuer" in refused(browser.get(SIGN_IN), 404)
        assert "names no issuer" in refused(browser.get(f"{SIGN_IN}/back"), 404)


def test_who_tries_too_often_has_to_wait(stage: Stage, browser: httpx.Client) -> None:
    here = Request({"type": "http", "client": ("127.0.0.1", 1)})
    for _ in range(58):
        stage.api.state.gate.count_attempt(here)
    answers = [browser.get(f"{SIGN_IN}/{'x' * 43}").status_code for _ in range(2)]
    last = browser.get(stage.link())

    assert [401, 401] == answers
    assert "attempts a minute" in refused(last, 429)
    assert 0 < int(last.headers["retry-after"]) <= 60


def test_no_secret_is_in_a_log_or_an_answer(sqlite_url: str, provider: Provider) -> None:
    stream = io.StringIO()
    configure_logs(LogSettings(format="json", level="debug"), stream)
    said, secrets = [], [CLIENT_SECRET]
    with staged(sqlite_url, provider) as stage, stage.browser() as browser:
        back = way_back(browser)
        attempt = list(browser.cookies.values())
        said += [browser.get(back).text, browser.get(back).text]
        secrets += [*attempt, browser.cookies[SESSION]]
        for person, answer in (({"nonce": "wrong"}, {}), ({"roles": []}, {}), ({}, {"id_token": "garbage"})):
            provider.person |= person
            provider.answer = answer
            said += [go_and_come_back(browser).text]
        provider.challenge = "wrong"
        said += [go_and_come_back(browser).text]
        link = stage.link()
        said += [browser.get(link).text, browser.get(link).text]
        secrets += [link.rpartition("/")[2], browser.cookies[SESSION], browser.cookies["overstap_csrf"]]
    written = stream.getvalue()

    assert '"event": "signed_in"' in written
    assert f"{SIGN_IN}/…" in written or f"{SIGN_IN}/\\u2026" in written
    assert [] == [one for one in (*secrets, *provider.issued) if one in written or one in "".join(said)]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('session_secret = "short"', "32 characters or more"),
        ('issuer = "http://login.example.com"\nclient_id = "x"', "has to begin with https://"),
        ('issuer = "login.example.com"\nclient_id = "x"', "is no address"),
        ('public_url = "ours.example"', "is no address"),
    ],
)
def test_settings_that_would_let_others_in_are_refused(tmp_path: Path, setting: str, told: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f"[sign_in]\n{setting}\n", encoding="utf-8")

    with pytest.raises(BadInput, match=told) as caught:
        load_settings(file)
    assert '"short"' not in str(caught.value)


def test_the_settings_that_the_runbook_shows_can_be_used_as_they_are(tmp_path: Path) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", runbook.PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    file = tmp_path / "own.toml"

    assert 2 == len(blocks)
    for block in blocks:
        file.write_text(block, encoding="utf-8")
        assert is_secure(load_settings(file).sign_in)
