"""Pages that are open while something ends: the session, the server, the database. Each says so, and recovers."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Page

from browsing import PATIENCE, Site, expect, live, site
from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange
from overstap.domain.tenant import PaymentMethod
from overstap.settings import Settings

SLUG = "bakkerij-de-vries"
OTHER_SECRET = "another secret of these tests that nobody guesses"


@dataclass
class Server:
    """A server that can be stopped and started on the same port, over the same database.

    Attributes:
        path: of the status page of a change that waits for its credit for two weeks.
    """

    site: Site
    folder: Path
    path: str
    process: subprocess.Popen[str]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)

    def start(self, **settings: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERSTAP_")}
        environment["OVERSTAP_SIGN_IN__SESSION_SECRET"] = "a secret of these tests that nobody guesses"
        environment |= {f"OVERSTAP_{name.upper()}": value for name, value in settings.items()}
        port = self.site.url.rpartition(":")[2]
        command = [sys.executable, "-m", "overstap", "--database", self.site.database_url, "up", "--port", port]
        with (self.folder / "again.log").open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, text=True)

    def app(self) -> App:
        """The application over the same database."""
        return open_app(Settings(database_url=self.site.database_url))

    def call_off(self) -> None:
        with self.app() as app:
            app.service.signal(self.path.rpartition("/")[2], "cancel", reason="test")

    def open(self, context: BrowserContext, who: str = SLUG) -> Page:
        page = self.site.sign_in(context, who, self.path)
        live(page)
        return page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("open")
    with site(folder, SLUG, embedded__credit_answers="never") as made:
        with open_app(Settings(database_url=made.database_url)) as app:
            tenant = app.service.tenant(made.tenants[SLUG])
            change = PlanChange(
                tenant.id, tenant.subscriptions[0].id, "small-business-premium", payment_method=PaymentMethod.INVOICE
            )
            run_id = app.service.submit(change)[0].run.id
        server = Server(made, folder, f"/tenants/{tenant.id}/status/{run_id}", made.process)
        yield server
        server.stop()


def test_a_page_says_that_the_database_does_not_answer_until_it_does(server: Server, context: BrowserContext) -> None:
    page = server.open(context, "viewer")
    strip = page.get_by_text("The database does not answer. What you see is as it was")
    expect(strip).to_be_hidden()
    with closing(sqlite3.connect(server.site.database_url.removeprefix("sqlite:///"), timeout=PATIENCE)) as database:
        database.execute("ALTER TABLE kept_answer RENAME TO gone")
        try:
            expect(strip).to_be_visible()
            expect(page.locator("#ended")).to_be_hidden()
            new = context.new_page()
            new.goto(server.site.url + server.path)
            expect(new.get_by_role("heading", level=1)).to_have_text("The database does not answer")
            expect(new.get_by_role("alert")).not_to_contain_text("console.db")
        finally:
            database.execute("ALTER TABLE gone RENAME TO kept_answer")
    expect(strip).to_be_hidden()
    expect(new.get_by_role("heading", level=1)).to_have_text("Change plan: status", timeout=15_000)


def test_what_is_done_in_a_session_that_has_ended_is_refused_in_place(server: Server, context: BrowserContext) -> None:
    page = server.open(context, "operator")
    page.get_by_role("button", name="Call off the change").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("too late")
    with server.app() as app:
        (token,) = (one for one in app.tokens.all() if one.name == "operator")
        app.tokens.revoke(token.id, actor="test", reason="test")
    dialog.get_by_role("button", name="Call off the change").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Your session has ended; nothing was done")
    expect(page.locator("#ended")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="Sign in again").click()
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
    page.locator("input[name=token]").fill(server.site.tokens["viewer"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(server.site.url + server.path)
    expect(page.locator("[data-live=headline]")).to_have_text("The credit of your organisation is being checked.")


def test_a_page_whose_session_has_ended_shows_nothing_new(server: Server, context: BrowserContext) -> None:
    page, run_id = server.open(context, "platform"), server.path.rpartition("/")[2]
    with server.app() as app:
        (token,) = (one for one in app.tokens.all() if one.name == "platform")
        app.tokens.revoke(token.id, actor="test", reason="test")
        expect(page.locator("#ended")).to_be_visible()
        before = page.locator("[data-live=notes]").inner_html()
        app.operators.hold(run_id, reason="a look at it", actor="operator:test")
        page.wait_for_timeout(2500)
        assert before == page.locator("[data-live=notes]").inner_html()
        app.operators.release(run_id, reason="seen", actor="operator:test")


def test_a_page_comes_back_by_itself_when_the_server_does(server: Server, context: BrowserContext) -> None:
    page = server.open(context)
    page.get_by_role("button", name="Nederlands").click()
    live(page)
    expect(page.locator("[data-live=headline]")).to_have_text("Het krediet van uw organisatie wordt gecontroleerd.")
    server.stop()
    lost = page.locator("#popup")
    expect(lost).to_be_visible()
    expect(lost).to_contain_text("De server antwoordt niet. Wat u ziet, is zoals het was", use_inner_text=False)

    server.start()
    expect(lost).to_be_hidden(timeout=PATIENCE * 1000)
    live(page)
    expect(page).to_have_url(server.site.url + server.path)
    server.call_off()
    expect(page.locator("[data-live=headline]")).to_contain_text("De overstap is afgebroken.")


def test_after_a_start_with_another_secret_the_page_leads_to_sign_in_and_back(
    server: Server, context: BrowserContext
) -> None:
    page = server.open(context)
    server.stop()
    server.start(sign_in__session_secret=OTHER_SECRET)
    page.wait_for_url(f"{server.site.url}/sign-in?why=ended&to={quote(server.path)}")
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
    page.locator("input[name=token]").fill(server.site.tokens[SLUG])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(server.site.url + server.path)
