"""The ways to operators: a URL that is wrong is named, and no secret of any is ever shown."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from mailboxes import Mailbox, mailbox
from overstap.app.channels import open_channels
from overstap.errors import BadInput
from overstap.settings import Settings, load_settings
from overstap.workflow.notable import Topic

SECRET = "s3cr3tpassw0rd"
GOOD = "json://127.0.0.1:9/"


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


def urls(*texts: str) -> list[SecretStr]:
    return [SecretStr(text) for text in texts]


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        (f"jsn://me:{SECRET}@host/{SECRET}", "jsn://…"),
        (f"slack://{SECRET}", "slack://…"),
        (f"mailto://{SECRET}", "mailto://…"),
        (f"discord://{SECRET}", "discord://…"),
        (SECRET, "no service:// at its beginning"),
        (f"{SECRET}:{SECRET}@host://x", "no service:// at its beginning"),
    ],
)
def test_a_wrong_url_is_named_by_its_place_and_service_and_nothing_more(
    wrong: str, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput) as refusal:
        open_channels(urls(GOOD, wrong))

    said = f"{refusal.value}{''.join(capfd.readouterr())}"
    assert "notifications.urls[1]" in said
    assert shown in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "url",
    [
        f"json://me:{SECRET}@127.0.0.1:9/hook/{SECRET}?+Authorization={SECRET}&:token={SECRET}&-key={SECRET}",
        f"mailto://me:{SECRET}@example.com?to=you@example.com",
        f"discord://1234567/{SECRET}{SECRET}",
        f"tgram://123456789:{SECRET}_{SECRET}/1234",
    ],
)
def test_a_channel_s_label_shows_its_service_and_no_secret(url: str) -> None:
    (channel,) = open_channels(urls(url))

    assert channel.label.startswith(f"urls[0] {url.partition('://')[0]}://")
    assert SECRET not in f"{channel.label} {channel!r}"
    assert len(channel.key) == 8


@pytest.mark.parametrize("value", [f'"{SECRET}"', f"[1, '{SECRET}']", f"['{SECRET}', '']", f"{{a='{SECRET}'}}"])
def test_what_is_no_list_of_urls_is_refused_without_showing_it(tmp_path: Path, value: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f"[notifications]\nurls = {value}\n", encoding="utf-8")

    with pytest.raises(BadInput) as refusal:
        load_settings(file)

    assert "notifications.urls: write a list of URLs" in str(refusal.value)
    assert SECRET not in str(refusal.value)


def test_settings_that_are_printed_show_no_url() -> None:
    settings = Settings(notifications={"urls": [f"json://me:{SECRET}@host"]})

    assert SECRET not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("zone", "fine"), [("Europe/Amsterdam", True), ("UTC", True), ("Mars", False), ("../x", False)]
)
def test_a_zone_that_is_none_is_refused(tmp_path: Path, zone: str, fine: bool) -> None:
    file = tmp_path / "own.toml"
    file.write_text(f'[notifications]\ntimezone = "{zone}"\n', encoding="utf-8")
    if fine:
        assert zone == load_settings(file).notifications.zone.key
        return
    with pytest.raises(BadInput, match=r"notifications\.timezone: '.*' is no time zone; write one like"):
        load_settings(file)


def test_a_message_arrives_as_it_is(box: Mailbox) -> None:
    (channel,) = open_channels(urls(box.url))
    body = "één → twee\n\n  *not* _marked_ <b>down</b> & \\n\n" + "x" * 5000

    assert channel.send("Titel", body, Topic.PARKED) is None

    assert [("Titel", body.rstrip(), "failure")] == [
        (one["title"], one["message"].rstrip(), one["type"]) for one in box.received
    ]


def test_a_refusal_and_a_host_that_is_away_are_told_as_reasons(box: Mailbox) -> None:
    refuses, away = open_channels(urls(box.url, GOOD))
    box.answers = [403]

    assert "403" in str(refuses.send("t", "b", None))
    assert "onnection error" in str(away.send("t", "b", None))


def test_a_server_that_never_answers_is_given_up(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overstap.app.channels.CALL_SECONDS", 0.3)
    box.hold = threading.Event()
    (channel,) = open_channels(urls(f"{box.url}?rto=0.2"))

    assert channel.send("t", "b", None) is not None
    box.hold.set()


def test_apprise_is_loaded_only_by_who_sends() -> None:
    looks = "import overstap.entrypoints.cli.main, sys; sys.exit('apprise' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", looks], check=False).returncode == 0
