"""Takes the pictures of README.md and docs/console.md: plays the demo, and looks at its pages; `make screenshots`."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from browsing import PATIENCE, launched, live
from chromium import chromium
from console_stage import PAGES, STAFF, Known, View, known, settings_for
from overstap.app.principals import STAFF as STAFF_ROLES
from overstap.app.principals import Role
from overstap.bootstrap import open_app
from overstap.entrypoints.demo.script import read_script
from overstap.settings import data_path

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
DESKTOP, PHONE = (1280, 800), (390, 844)
_STUCK = 5
_LIMIT = 240.0
"""Seconds for the demo, until everything is there to be seen."""


class Picture(NamedTuple):
    """A picture to take; its name is that of its file, behind which comes the language.

    Attributes:
        page: of `PAGES`, or a view of its own.
        size: of the window, in pixels.
    """

    name: str
    page: str | View
    languages: tuple[str, ...] = ("en", "nl")
    dark: bool = False
    size: tuple[int, int] = DESKTOP


PICTURES = (
    Picture("overview", "/console"),
    Picture("overview-dark", "/console", ("en",), dark=True),
    Picture("runs", "/console/runs"),
    Picture("run", "/console/runs/{run_id}"),
    Picture("run-dark", "/console/runs/{run_id}", ("nl",), dark=True),
    Picture("replay", "/console/replays/{plan_id}"),
    Picture("task", "/console/tasks/{task_id}", ("en",)),
    Picture("rules", "/console/rules"),
    Picture("tenant", "/console/tenants/{tenant_id}", ("en",)),
    Picture("workers", "/console/workers", ("en",)),
    Picture("catalog", "/console/catalog", ("nl",)),
    Picture("audit", "/console/audit", ("en",)),
    Picture("licences", "/tenants/{tenant_id}/licences"),
    Picture("no-options", View("brightpath-schools", "/tenants/{brightpath-schools}/licences")),
    Picture("conflict", "/tenants/{tenant_id}/licences/{subscription_id}/conflict", ("nl",)),
    Picture("choose", "/tenants/{tenant_id}/choose"),
    Picture("review", "/tenants/{tenant_id}/review"),
    Picture("review-phone", "/tenants/{tenant_id}/review", ("nl",), size=PHONE),
    Picture("status", "/tenants/{tenant_id}/status/{run_id}"),
    Picture("status-phone", "/tenants/{tenant_id}/status/{run_id}", dark=True, size=PHONE),
)


class Demo(NamedTuple):
    """The demo once its play is over, while its console stays."""

    url: str
    tokens: dict[str, str]
    known: Known


@contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    """Play the demo, and stay until it has everything that pictures show."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERSTAP_")}
    command = [sys.executable, "-m", "overstap", "demo", "--stay", "--plain", "--database-dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            url = ""
            for line in process.stdout:
                if line.startswith("Console:"):
                    url = line.split()[1].split("/api/")[0]
                if line.startswith("The console stays"):
                    break
            yield _ready(url, f"sqlite:///{folder / 'demo.db'}")
        finally:
            process.send_signal(signal.SIGINT)
            process.stdout.close() if process.stdout else None
            process.wait(PATIENCE)


def _ready(url: str, database_url: str) -> Demo:
    script = read_script(data_path("demo"))
    tenants = {order.tenant: tenant.id for order, tenant in [*script.orders, *script.encore]}
    who = {"actor": "operator:ada", "reason": "pictures"}
    with open_app(settings_for(database_url)) as app:
        limit = time.monotonic() + _LIMIT
        while not any(listed.stored.run.attempt >= _STUCK for listed in app.search.page(limit=10)):
            if time.monotonic() > limit:
                raise SystemExit("The demo has no run that is stuck.")
            time.sleep(0.2)
        tokens = {STAFF: app.tokens.create("ada", list(STAFF_ROLES), **who)[1]}
        for slug, tenant_id in tenants.items():
            upn = app.service.tenant(tenant_id).admins[0].upn
            tokens[slug] = app.tokens.create(slug, [Role.TENANT_ADMIN], **who, tenant_id=tenant_id, upn=upn)[1]
        return Demo(url, tokens, known(app, tenants))


def take(browser: Browser, played: Demo, picture: Picture, language: str) -> None:
    """Take a picture in a language."""
    view = PAGES[picture.page] if isinstance(picture.page, str) else picture.page
    context: BrowserContext = browser.new_context(
        viewport={"width": picture.size[0], "height": picture.size[1]},
        color_scheme="dark" if picture.dark else "light",
        locale={"nl": "nl-NL", "en": "en-GB"}[language],
        timezone_id="Europe/Amsterdam",
        reduced_motion="reduce",
    )
    context.add_cookies([{"name": "overstap_language", "value": language, "url": played.url}])
    if view.who is not None:
        form = {"token": played.tokens[view.who], "to": "/sign-in"}
        context.request.post(f"{played.url}/sign-in", form=form)
    page: Page = context.new_page()
    page.goto(played.url + played.known.address(view))
    live(page)
    page.locator("h1").first.wait_for()
    page.wait_for_timeout(2500)  # for what comes with the first looks of a page that stays up to date
    page.screenshot(path=FOLDER / f"{picture.name}-{language}.png")
    context.close()


def main() -> None:
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="of pictures; all if none is named")
    names = set(parser.parse_args().names)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder)) as played, sync_playwright() as playwright:
        browser = launched(playwright, chromium())
        for picture in PICTURES:
            for language in picture.languages if not names or picture.name in names else ():
                take(browser, played, picture, language)
                sys.stdout.write(f"{picture.name}-{language}.png\n")
        browser.close()


if __name__ == "__main__":
    main()
