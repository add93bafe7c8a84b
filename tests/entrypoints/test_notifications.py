"""`overstap notifications`, and a worker that tells operators."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from mailboxes import Mailbox, mailbox
from overstap.store.database import Database
from overstap.store.notices import record_notices
from overstap.workflow.notable import Notice, Topic

if TYPE_CHECKING:
    from tests.entrypoints.conftest import Cli

SECRET = "s3cr3tpassw0rd"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


@pytest.fixture
def name_urls(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def name(*urls: str) -> None:
        monkeypatch.setenv("OVERSTAP_NOTIFICATIONS__URLS", json.dumps(urls))

    return name


@pytest.fixture
def noticed(cli: Cli, order: tuple[str, ...], database_url: str) -> str:
    """A run with a notice of its first entry; answers its id."""
    run_id = str(cli(*order, "--json").json["id"])
    database = Database(database_url)
    with database.write() as connection:
        # Now, by the machine: this is the command line, which lives in real time.
        record_notices(connection, [Notice(run_id, 1, Topic.PARKED, datetime.now(UTC))])
    database.close()
    return run_id


def test_what_waits_is_listed_and_that_nobody_is_told(cli: Cli, noticed: str) -> None:
    said = cli("notifications", "list")
    listed = cli("notifications", "list", "--json").json

    assert 0 == said.code
    assert noticed in said.out
    assert "Nobody is told" in said.out
    assert (0, [], {"parked": 1}) == (listed["channels"], listed["messages"], listed["waiting"]["counts"])
    assert [noticed] == [one["run_id"] for one in listed["waiting"]["oldest"]]


def test_nothing_to_tell_is_said(cli: Cli) -> None:
    assert "There was nothing to tell." in cli("notifications", "list").out


def test_sending_by_hand_sends_once_and_says_what(
    cli: Cli, noticed: str, box: Mailbox, name_urls: Callable[..., None]
) -> None:
    name_urls(box.url)
    first, second = cli("notifications", "send"), cli("notifications", "send")
    (listed,) = cli("notifications", "list", "--json").json["messages"]

    assert (0, 0) == (first.code, second.code)
    assert f"{box.ids[0]}: sent: Overstap: One plan change is stuck" in first.out
    assert "There is nothing to send now." in second.out
    assert 1 == len(box.received)
    assert ("sent", box.ids[0], 1) == (listed["state"], listed["id"], listed["runs"])


def test_sending_by_hand_does_not_wait_for_the_next_try(
    cli: Cli, noticed: str, box: Mailbox, name_urls: Callable[..., None]
) -> None:
    name_urls(box.url)
    box.answers = [500]
    failed = cli("notifications", "send", "--json")
    between = cli("notifications", "list")
    sent = cli("notifications", "send", "--json")

    assert (1, 0) == (failed.code, sent.code)
    assert "500" in failed.json["failed"][0]["error"]
    assert "failing" in between.out
    assert [failed.json["failed"][0]["id"]] == [one["id"] for one in sent.json["sent"]]
    assert 2 == len(box.received)


@pytest.mark.parametrize("command", ["send", "test"])
def test_without_a_url_sending_is_refused(cli: Cli, command: str) -> None:
    said = cli("notifications", command)

    assert 1 == said.code
    assert "set notifications.urls" in said.err


def test_a_test_goes_to_each_url_and_says_which_failed(bare: Cli, box: Mailbox, name_urls: Callable[..., None]) -> None:
    name_urls(box.url, f"json://me:{SECRET}@127.0.0.1:9/{SECRET}")
    said = bare("notifications", "test")
    as_json = bare("notifications", "test", "--json")

    assert (1, 1) == (said.code, as_json.code)
    assert "urls[0] json://127.0.0.1" in said.out.splitlines()[0]
    assert ": sent" in said.out.splitlines()[0]
    assert "urls[1] json://127.0.0.1:9: " in said.out.splitlines()[1]
    assert [True, False] == [one["ok"] for one in as_json.json]
    assert SECRET not in said.out + said.err + as_json.out + as_json.err
    assert ["Overstap: Test of the notifications"] * 2 == box.titles


def test_a_test_that_arrives_everywhere_is_done(bare: Cli, box: Mailbox, name_urls: Callable[..., None]) -> None:
    name_urls(box.url)

    assert 0 == bare("notifications", "test").code


@pytest.mark.parametrize("command", [("worker", "--until-idle"), ("notifications", "send"), ("notifications", "test")])
def test_a_wrong_url_ends_the_command_at_its_start(
    cli: Cli, command: tuple[str, ...], name_urls: Callable[..., None]
) -> None:
    name_urls("json://127.0.0.1:9/", f"mailto://{SECRET}")
    said = cli(*command)

    assert 2 == said.code
    assert "notifications.urls[1] (mailto://…) is no Apprise URL" in said.err
    assert SECRET not in said.out + said.err


def test_a_worker_tells_operators_of_a_run_that_escalates(
    bare: Cli, database_url: str, box: Mailbox, name_urls: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # An hour passes in a second; the migration takes longer than that.
    from tests.entrypoints.conftest import BAKERY, BAKERY_PLAN, tenant_folder

    monkeypatch.setenv("OVERSTAP_EMBEDDED__MOVE_TIME", "90m")
    name_urls(box.url)

    def cli(*arguments: str) -> int:
        return bare("--database", database_url, *arguments).code

    assert 0 == cli("tenants", "import", str(tenant_folder("bakkerij-de-vries")))
    run_id = bare("--database", database_url, "submit", BAKERY, BAKERY_PLAN, "small-business-premium", "--json").json[
        "id"
    ]
    assert 0 == cli("up", "--speed", "7200", "--until-idle")
    for _ in range(100):
        if box.received:
            break
        box.came.wait(0.1)
        assert 0 == cli("worker", "--until-idle")

    assert "Overstap: One plan change is late and goes on" in box.titles
    assert f"overstap runs show {run_id}" in box.received[0]["message"]
