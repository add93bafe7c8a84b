"""A real browser before a real server: `overstap up` in a process of its own, and the system's Chromium."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from chromium import chromium
from overstap.app.principals import STAFF, Role
from overstap.bootstrap import open_app
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE = 30.0
"""Seconds that a server has to start, and a page to come."""


def launched(playwright: Playwright, executable: str) -> Browser:
    return playwright.chromium.launch(executable_path=executable, args=list(FLAGS))


@dataclass
class Site:
    """A server that runs, and who may sign in at it.

    Attributes:
        tokens: text of a token by the name of its role; `everything` has all of the staff's; by a tenant's slug, the
            token of its first administrator.
        tenants: id by slug.
        database_url: of the server's database.
    """

    url: str
    database_url: str
    tokens: Mapping[str, str]
    tenants: Mapping[str, str]
    process: subprocess.Popen[str]
    problems: list[str] = field(default_factory=list)

    def sign_in(self, context: BrowserContext, who: str, path: str = "/") -> Page:
        """A page of a browser in which somebody has signed in, at a path.

        Args:
            who: one of `tokens`.
        """
        page = context.new_page()
        page.goto(f"{self.url}/sign-in?to={path}")
        page.locator("input[name=token]").fill(self.tokens[who])
        page.locator("form button[type=submit]").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        return page


@contextmanager
def site(folder: Path, *tenants: str, database_url: str | None = None, speed: float | None = None,
         port: int = 0, **settings: str) -> Iterator[Site]:  # fmt: skip
    """`overstap up` over a fresh database with some of the demo's tenants.

    Args:
        tenants: slugs of `config/demo`.
        speed: how many times as fast time runs.
        port: 0 takes any that is free.
        settings: environment variables without OVERSTAP_, such as `embedded__move_time="1s"`.
    """
    url = database_url or f"sqlite:///{folder / 'console.db'}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERSTAP_")}
    environment |= {f"OVERSTAP_{name.upper()}": value for name, value in settings.items()}
    environment.setdefault("OVERSTAP_SIGN_IN__SESSION_SECRET", "a secret of these tests that nobody guesses")
    with open_app(Settings(database_url=url), create=True, upgrade=True, speed=speed) as app:
        made = app.service.import_tenants([read_export(data_path("demo") / slug) for slug in tenants])
        tokens = {str(role): app.tokens.create(str(role), [role], actor="test", reason="test")[1] for role in STAFF}
        tokens["everything"] = app.tokens.create("everything", list(STAFF), actor="test", reason="test")[1]
        for slug, tenant in zip(tenants, made, strict=True):
            tokens[slug] = app.tokens.create(
                slug, [Role.TENANT_ADMIN], actor="test", reason="test", tenant_id=tenant.id, upn=tenant.admins[0].upn
            )[1]
    command = [sys.executable, "-m", "overstap", "--database", url, "up", "--port", str(port)]
    with (folder / "server.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True)
        try:
            address = _address(process, folder / "server.log")
            yield Site(address, url, tokens, {s: t.id for s, t in zip(tenants, made, strict=True)}, process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _address(process: subprocess.Popen[str], log: Path) -> str:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit and process.poll() is None:
        for line in log.read_text(encoding="utf-8").splitlines():
            if line.startswith("Console: "):
                return line.removeprefix("Console: ").rstrip("/")
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text(encoding='utf-8')}")


def live(page: Page) -> None:
    """Wait until the page's socket is there: what is clicked before that is lost."""
    page.wait_for_function("window.did_handshake === true")


__all__ = ["Site", "chromium", "expect", "launched", "live", "site"]
