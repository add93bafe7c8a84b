"""`overstap webhooks`, the routes of webhooks, and what the credit bureau sends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from standardwebhooks import Webhook

from mailboxes import Mailbox, mailbox
from overstap.app.principals import Role
from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange
from overstap.entrypoints.api import make_api
from overstap.entrypoints.api.server import Server, ServingThread, listen, url_of
from overstap.errors import BadInput
from overstap.settings import Settings
from overstap.store.deliveries import DeliveryBook
from overstap.testing import Driver, sample_tenant

if TYPE_CHECKING:
    from tests.entrypoints.conftest import Cli

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WHY = {"reason": "to be told"}
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what no database has a part in."""


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        made.url = made.url.replace("json://", "http://")
        yield made


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERSTAP_WEBHOOKS__PRIVATE", "true")


def settings(database_url: str, **api: Any) -> Settings:
    rules = {"credit_threshold": 0}
    return Settings(database_url=database_url, webhooks={"private": True}, api=api, rules=rules)


class Api:
    """The API over one database with two tenants, `a` and `b`."""

    def __init__(self, app: App, client: httpx.Client) -> None:
        self.app = app
        self.client = client
        exports = [sample_tenant(one, payment="invoice", users=1) for one in ("a", "b")]
        app.provider.import_tenants(exports, app.clock.now())
        self.staff = self._token("staff", [Role.PLATFORM])
        self.admin = self._token("admin", [Role.TENANT_ADMIN], tenant_id="a", upn="user0@a.example")
        self.other = self._token("other", [Role.TENANT_ADMIN], tenant_id="b", upn="user0@b.example")
        self.viewer = self._token("viewer", [Role.OPERATOR])

    def _token(self, name: str, roles: list[Role], **bound: Any) -> str:
        return self.app.tokens.create(name, roles, actor="operator:ann", reason="test", **bound)[1]

    def ask(self, method: str, path: str, token: str, body: Any = None, **query: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.request(method, f"/api/v1{path}", headers=headers, json=body, params=query)

    def decide(
        self, body: Any, *, secret: str = SECRET, message_id: str = "msg_1", minutes: float = 0, **changed: str
    ) -> Any:
        """Send what the bureau sends, so many minutes ago."""
        content, now = json.dumps(body), datetime.now(UTC) - timedelta(minutes=minutes)
        signature = Webhook(secret).sign(message_id, now, content)
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signature,
            **{name.replace("_", "-"): value for name, value in changed.items()},
        }
        return self.client.post("/api/v1/webhooks/in/credit-decisions", content=content, headers=headers)

    def run(self, tenant_id: str = "a") -> str:
        """A run that waits for its credit check."""
        change = PlanChange(tenant_id, f"{tenant_id}-e1", "e3", acknowledged=True)
        run_id = self.app.service.submit(change)[0].run.id
        Driver(self.app.engine, self.app.clock).run_until_idle()  # type: ignore[arg-type]
        assert "credit_check" == self.app.service.run(run_id).run.state
        return run_id

    def signals(self, run_id: str) -> list[str]:
        return [one.event for one in self.app.service.pending_signals(run_id)]


@pytest.fixture
def open_api(database_url: str) -> Iterator[Callable[..., Api]]:
    with ExitStack() as stack:

        def make(**api: Any) -> Api:
            app = stack.enter_context(open_app(settings(database_url, **api)))
            listening = stack.enter_context(listen("127.0.0.1", 0))
            stack.enter_context(ServingThread(Server(make_api(app), timedelta(seconds=10)), listening))
            return Api(app, stack.enter_context(httpx.Client(base_url=url_of(listening), timeout=20, trust_env=False)))

        yield make


# --- the command line -------------------------------------------------------------------------------------------------


def test_a_webhook_shows_its_secret_once_and_is_listed_shown_tried_out_and_ended(
    cli: Cli, box: Mailbox, private: None
) -> None:
    made = cli("webhooks", "create", box.url, "--kind", "transition", "--reason", "to be told", "--json").json
    tried = cli("webhooks", "test", made["id"])
    listed, shown = cli("webhooks", "list"), cli("webhooks", "show", made["id"])
    ended = cli("webhooks", "end", made["id"], "--reason", "moved")
    after = cli("webhooks", "test", made["id"])

    assert made["secret"].startswith("whsec_")
    assert 32 <= len(made["secret"])
    assert (0, "Taken: HTTP 200") == (tried.code, tried.out.strip())
    assert ["ping"] == [one["type"] for one in box.received]
    for said in (listed, shown, ended):
        assert 0 == said.code
        assert made["id"] in said.out
        assert made["secret"] not in said.out
    assert "0 waiting, 0 delivered, 0 dead" in shown.out
    assert 4 == after.code
    assert "There is no webhook." in cli("webhooks", "list").out
    assert [made["id"]] == [one["id"] for one in cli("webhooks", "list", "--ended", "--json").json]


@ONLY_SQLITE
def test_a_target_that_does_not_take_a_test_fails_the_command(cli: Cli, box: Mailbox, private: None) -> None:
    made = cli("webhooks", "create", box.url, "--reason", "to be told", "--json").json
    box.answers = [500]
    said = cli("webhooks", "test", made["id"], "--json")

    assert (1, {"ok": False, "status": 500, "answer": "HTTP 500"}) == (said.code, said.json)


def test_deliveries_are_listed_and_replayed(
    cli: Cli, order: tuple[str, ...], database_url: str, box: Mailbox, private: None
) -> None:
    hook = cli("webhooks", "create", box.url, "--reason", "to be told", "--json").json["id"]
    none = cli("webhooks", "deliveries", hook)
    run_id = cli(*order, "--json").json["id"]
    with open_app(settings(database_url)) as app:
        enqueued(app)
    waiting = cli("webhooks", "deliveries", hook, "--status", "waiting")
    (one,) = cli("webhooks", "deliveries", hook, "--json").json
    named = cli("webhooks", "replay", hook, one["id"], "--reason", "again")
    dead = cli("webhooks", "replay", hook, "--reason", "again")

    assert "There is no such delivery." in none.out
    assert all(text in waiting.out for text in (one["id"], run_id, "waiting"))
    assert (run_id, 1, 0, None) == (one["run_id"], one["seq"], one["attempts"], one["settled_at"])
    assert "There is no such delivery." in cli("webhooks", "deliveries", hook, "--status", "dead").out
    assert "There is no such delivery." in cli("webhooks", "deliveries", hook, "--before", one["id"]).out
    assert ("1 delivery to be made again", "0 deliveries to be made again") == (
        named.out.split(",")[0],
        dead.out.split(",")[0],
    )


def enqueued(app: App) -> None:
    """Write down what webhooks are to be told: elsewhere on the server something older may be under way."""
    book = DeliveryBook(app.database, app.feed)
    until = time.monotonic() + 20
    while not book.enqueue(datetime.now(UTC), 500):
        assert time.monotonic() < until
    while book.enqueue(datetime.now(UTC), 500):
        pass


@ONLY_SQLITE
def test_what_cannot_be_is_refused(bare: Cli, database_url: str) -> None:
    for arguments, code, told in [
        (("create", "http://127.0.0.1:9/", "--reason", "x"), 1, "private = true"),
        (("create", "http://169.254.169.254/", "--reason", "x"), 1, "link-local"),
        (("create", "ftp://93.184.216.34/", "--reason", "x"), 2, "https://HOST/PATH"),
        (("create", "http://nowhere.invalid/", "--reason", "x"), 2, "has no address"),
        (("create", "http://93.184.216.34/", "--reason", " "), 2, "The reason is empty"),
        (("show", "NONE"), 3, "no webhook 'NONE'"),
        (("end", "NONE", "--reason", "x"), 3, "no webhook 'NONE'"),
        (("deliveries", "NONE"), 3, "no webhook 'NONE'"),
        (("replay", "NONE", "--reason", "x"), 3, "no webhook 'NONE'"),
        (("test", "NONE"), 3, "no webhook 'NONE'"),
    ]:
        said = bare("--database", database_url, "webhooks", *arguments)
        assert code == said.code, arguments
        assert told in said.err


# --- over HTTP --------------------------------------------------------------------------------------------------------


def test_a_tenants_admin_makes_sees_and_ends_its_own_webhooks_and_no_others(open_api: Callable[..., Api]) -> None:
    api = open_api()
    mine = api.ask("POST", "/webhooks", api.admin, {"url": "http://127.0.0.1:9/", **WHY})
    all_ = api.ask("POST", "/webhooks", api.staff, {"url": "http://127.0.0.1:9/", **WHY})
    foreign = api.ask("POST", "/webhooks", api.admin, {"url": "http://127.0.0.1:9/", "tenant_id": "b", **WHY})

    assert (201, 201, 404) == (mine.status_code, all_.status_code, foreign.status_code)
    assert ("a", None) == (mine.json()["tenant_id"], all_.json()["tenant_id"])
    assert [mine.json()["id"]] == [one["id"] for one in api.ask("GET", "/webhooks", api.admin).json()["items"]]
    assert 2 == len(api.ask("GET", "/webhooks", api.staff).json()["items"])
    assert "secret" not in api.ask("GET", "/webhooks", api.staff).text
    for path in ("", "/deliveries", "/replay", "/test"):
        method = "GET" if path in {"", "/deliveries"} else "POST"
        body = WHY if path == "/replay" else None
        for webhook, token in ((all_, api.admin), (mine, api.other)):
            answer = api.ask(method, f"/webhooks/{webhook.json()['id']}{path}", token, body)
            assert 404 == answer.status_code, path
    assert 404 == api.ask("DELETE", f"/webhooks/{mine.json()['id']}", api.other, **WHY).status_code
    assert 403 == api.ask("GET", "/webhooks", api.viewer).status_code
    ended = api.ask("DELETE", f"/webhooks/{mine.json()['id']}", api.admin, **WHY)
    assert 200 == ended.status_code
    assert ended.json()["ended_at"]
    assert [] == api.ask("GET", "/webhooks", api.admin).json()["items"]


def test_the_secret_is_kept_under_no_idempotency_key(open_api: Callable[..., Api]) -> None:
    api = open_api()
    headers = {"Authorization": f"Bearer {api.staff}", "Idempotency-Key": "once"}
    wish = {"url": "http://127.0.0.1:9/", **WHY}
    first, again = (api.client.post("/api/v1/webhooks", headers=headers, json=wish).json() for _ in range(2))

    assert first["secret"].startswith("whsec_")
    assert {**first, "secret": None} == again


def test_deliveries_come_in_pages_and_are_replayed(open_api: Callable[..., Api]) -> None:
    api = open_api()
    hook = api.ask("POST", "/webhooks", api.staff, {"url": "http://127.0.0.1:9/", **WHY}).json()["id"]
    api.run("a")
    api.run("b")
    enqueued(api.app)
    seen, cursor = [], None
    while True:
        query = {"limit": 1} if cursor is None else {"limit": 1, "cursor": cursor}
        page = api.ask("GET", f"/webhooks/{hook}/deliveries", api.staff, **query).json()
        seen += [one["id"] for one in page["items"]]
        if (cursor := page["next"]) is None:
            break

    waiting = api.ask("GET", f"/webhooks/{hook}", api.staff).json()["deliveries"]["waiting"]
    assert waiting == len(set(seen)) == len(seen)
    assert sorted(seen, reverse=True) == seen
    assert waiting > 2
    named = api.ask("POST", f"/webhooks/{hook}/replay", api.staff, {"deliveries": seen[:2], **WHY})
    dead = api.ask("POST", f"/webhooks/{hook}/replay", api.staff, WHY)
    none = api.ask("POST", f"/webhooks/{hook}/replay", api.staff, {"deliveries": ["NONE"], **WHY})
    assert [(202, 2), (202, 0)] == [(one.status_code, one.json()["replayed"]) for one in (named, dead)]
    assert 404 == none.status_code


@ONLY_SQLITE
def test_a_webhook_is_tried_out_over_http(open_api: Callable[..., Api], box: Mailbox) -> None:
    api = open_api()
    hook = api.ask("POST", "/webhooks", api.admin, {"url": box.url, **WHY}).json()["id"]

    assert {"ok": True, "status": 200, "answer": "HTTP 200"} == api.ask(
        "POST", f"/webhooks/{hook}/test", api.admin
    ).json()


# --- the credit bureau ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("decision", "event"), [("approved", "credit_approved"), ("declined", "credit_declined")])
def test_a_signed_decision_is_given_to_its_run(open_api: Callable[..., Api], decision: str, event: str) -> None:
    api = open_api(credit_secret=SECRET)
    run_id = api.run()
    answer = api.decide({"run_id": run_id, "decision": decision, "reason": "looked into"})

    assert (202, {"run_id": run_id}) == (answer.status_code, answer.json())
    (signal,) = api.app.service.pending_signals(run_id)
    assert (event, "looked into", "credit-bureau") == (signal.event, signal.reason, signal.actor)


def test_a_message_that_is_sent_again_does_nothing_and_is_answered_as_before(open_api: Callable[..., Api]) -> None:
    api = open_api(credit_secret=SECRET)
    run_id = api.run()
    body = {"run_id": run_id, "decision": "approved", "reason": "good"}
    first, again = api.decide(body), api.decide(body)
    Driver(api.app.engine, api.app.clock).run_until_idle()  # type: ignore[arg-type]
    api.app.kept_answers.prune(timedelta(0))  # as if the server had died before it could keep its answer
    late = api.decide(body)
    refused = [api.decide({**body, "run_id": "NONE"}, message_id="msg_2") for _ in range(2)]
    other = api.decide({**body, "decision": "declined"})

    assert [202] * 3 == [one.status_code for one in (first, again, late)]
    assert first.content == again.content == late.content
    assert [404, 404] == [one.status_code for one in refused]
    assert refused[0].content == refused[1].content
    assert 422 == other.status_code
    signals = [one.signal.event for one in api.app.looking.look(run_id, 50).signals]
    assert ["credit_approved"] == signals


def test_what_is_not_signed_by_the_bureau_now_is_refused_and_does_nothing(open_api: Callable[..., Api]) -> None:
    api = open_api(credit_secret=SECRET)
    run_id = api.run()
    wrong: list[dict[str, Any]] = [
        {"secret": "whsec_" + "QUJD" * 8},
        {"minutes": 6},
        {"minutes": -6},
        {"webhook_timestamp": "soon"},
        {"webhook_id": "another"},
        {"webhook_id": ""},
        *({"webhook_signature": one} for one in ("", "nonsense", "v1,", "v1,!!!", "v2,AAAA", "v1,AAAA v1,AAAA")),
    ]
    for changed in wrong:
        answer = api.decide({"run_id": run_id, "decision": "approved", "reason": "good"}, **changed)
        assert 401 == answer.status_code, changed
        assert "application/problem+json" == answer.headers["content-type"]
    assert 401 == api.client.post("/api/v1/webhooks/in/credit-decisions", content=b"\xff").status_code
    assert [] == api.signals(run_id)
    assert 202 == api.decide({"run_id": run_id, "decision": "approved", "reason": "good"}, minutes=4).status_code


def test_an_idempotency_key_opens_nothing_to_who_cannot_sign(open_api: Callable[..., Api]) -> None:
    api = open_api(credit_secret=SECRET)
    run_id = api.run()
    body = {"run_id": run_id, "decision": "approved", "reason": "good"}
    signed = api.decide(body, idempotency_key="k")
    unsigned = api.decide(body, idempotency_key="k", webhook_signature="v1,AAAA")

    assert (202, 401) == (signed.status_code, unsigned.status_code)


@ONLY_SQLITE
def test_a_signed_message_that_is_no_decision_is_told_what_is_wrong(open_api: Callable[..., Api]) -> None:
    api = open_api(credit_secret=SECRET)
    right = {"run_id": "x", "decision": "approved", "reason": "y"}
    cases: list[tuple[Any, int]] = [
        ([], 422),
        ({**right, "decision": "maybe"}, 422),
        ({"run_id": "x", "decision": "approved"}, 422),
        ({**right, "run_id": "x\0"}, 422),
        ({**right, "more": 1}, 422),
        ({**right, "reason": " "}, 422),
        (right, 404),
    ]
    for number, (body, status) in enumerate(cases):
        answer = api.decide(body, message_id=f"msg_{number}")
        assert status == answer.status_code, body
        assert answer.json()["detail"]
    assert 422 == api.decide(right, message_id="x" * 201).status_code


@ONLY_SQLITE
def test_without_a_secret_there_is_nobody_to_tell(open_api: Callable[..., Api]) -> None:
    assert 404 == open_api().decide({"run_id": "x", "decision": "approved", "reason": "y"}).status_code


@ONLY_SQLITE
def test_a_secret_that_is_none_stops_the_start_and_is_not_shown(database_url: str) -> None:
    with pytest.raises(BadInput, match="credit_secret") as caught:
        open_app(settings(database_url, credit_secret="whsec_x"))

    assert "whsec_x" not in str(caught.value)
