"""The README's four lines, and its client with types, order a change as they stand there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from overstap.app.principals import Role
from overstap.bootstrap import open_app
from overstap.entrypoints.api import make_api
from overstap.entrypoints.api.server import Server, ServingThread, listen, url_of
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8400"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is, and a token for it."""

    url: str
    token: str

    def play(self, *command: str, text: str = "") -> str:
        """What a program says that has the token in its environment."""
        environment = {"TOKEN": self.token, "PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment, check=False)
        assert 0 == done.returncode, done.stderr
        return done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with open_app(Settings(database_url=f"sqlite:///{tmp_path}/readme.db"), upgrade=True) as app:
        app.service.import_tenants([read_export(data_path("demo") / "van-dijk-advocaten")])
        _, token = app.tokens.create("me", {Role.OPERATOR}, actor="operator:me", reason="a first look")
        with listen("127.0.0.1", 0) as listening:
            server = Server(make_api(app), app.settings.api.header_time)
            with ServingThread(server, listening):
                yield Place(url_of(listening), token)


def block(before: str) -> str:
    """The code that stands behind some words of the README, up to the end of its block."""
    found = re.search(rf"{re.escape(before)}\n```\w*\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no block behind {before!r}"
    return found[1]


def test_the_four_lines_lead_to_a_submitted_change(place: Place) -> None:
    lines = block("<!-- four lines, played by a test -->").strip().splitlines()
    assert 4 == len(lines)

    tenants, options, change, runs = [
        json.loads(place.play("bash", "-c", line.replace(ADDRESS, place.url))) for line in lines
    ]

    assert ["Van Dijk Advocaten"] == [one["name"] for one in tenants["items"]]
    assert "e1" in [one["id"] for one in options["items"][0]["plans"]]
    assert "submitted" == change["state"]
    assert [change["id"]] == [one["id"] for one in runs["items"]]
    assert change == json.loads(place.play("bash", "-c", lines[2].replace(ADDRESS, place.url)))


def test_the_client_with_types_orders_once_however_often_it_asks(place: Place) -> None:
    code = block("A client with types, where Overstap is installed:\n").replace(ADDRESS, place.url)

    first, second = place.play(sys.executable, "-", text=code), place.play(sys.executable, "-", text=code)

    assert re.fullmatch(r"[0-9A-Z]{26} submitted\n", first)
    assert first == second
