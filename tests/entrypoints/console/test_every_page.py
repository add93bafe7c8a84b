"""What every page of the console keeps to, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from nicegui import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page

from browsing import PATIENCE, Site, live
from console_stage import PAGES, Known, stage

LANGUAGES = {"en": "en-GB", "nl": "nl"}
PHONE = {"width": 320, "height": 700}
DESKTOP = {"width": 1280, "height": 800}
WIDEST = """(() => {
    const scrolls = (one) => one && (getComputedStyle(one).overflowX !== 'visible' || scrolls(one.parentElement));
    return [...document.querySelectorAll('body *')]
        .filter((one) => one.getBoundingClientRect().right > innerWidth && !scrolls(one.parentElement))
        .slice(-2).map((one) => one.outerHTML.slice(0, 160)).join(' ');
})()"""
REGISTERED_LATE = {"/sign-in", "/{unknown:path}"}
"""By `add_console`, which a process does once."""
WITHOUT_CONTENT = {"/", "/tenants/{tenant_id}", "/tenants/{tenant_id}/status"}
"""They lead on to one of the others."""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Known]]:
    with stage(tmp_path_factory.mktemp("every-page")) as made:
        yield made


class Visitor:
    """A browser of somebody, which writes down what a page should not do."""

    def __init__(self, browser: Browser, there: Site, who: str | None, language: str, scheme: str) -> None:
        self.site = there
        self.problems: list[str] = []
        self.context: BrowserContext = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce", viewport=DESKTOP
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        self.context.add_cookies([{"name": "overstap_language", "value": language, "url": there.url}])
        if who is not None:
            self.context.request.post(f"{there.url}/sign-in", form={"token": there.tokens[who], "to": "/sign-in"})
        self.context.on("request", lambda request: self._ours(request.url))
        self.context.on("console", self._said)
        self.context.on("weberror", lambda error: self.problems.append(f"raises {error.error}"))
        self.page: Page = self.context.new_page()

    def _ours(self, url: str) -> None:
        if not url.startswith((self.site.url, self.site.url.replace("http", "ws"), "data:", "blob:")):
            self.problems.append(f"asks {url}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "/console/nowhere" not in message.location.get("url", ""):
            self.problems.append(f"says {message.text} ({message.location.get('url')})")

    def look(self, path: str, language: str) -> list[str]:
        """What is wrong with a page."""
        self.problems.clear()
        page = self.page
        page.set_viewport_size(DESKTOP)
        page.goto(f"{self.site.url}{path}")
        try:
            live(page)
            page.locator("h1").first.wait_for()
        except Error as error:
            return [f"is no page of ours: {error.message.splitlines()[0]} {page.locator('body').inner_text()[:200]}"]
        titles = page.locator("h1").count()
        if titles != 1:
            self.problems.append(f"has {titles} h1")
        if not page.title().endswith(" · Overstap"):
            self.problems.append(f"is called {page.title()!r}")
        if (spoken := page.locator("html").get_attribute("lang")) != LANGUAGES[language]:
            self.problems.append(f"speaks {spoken}")
        if page.locator(".problem[role=alert]").count() and not path.startswith(("/console/nowhere", "/sign-in")):
            self.problems.append(f"says {page.locator('.problem[role=alert]').first.inner_text()}")
        self.problems += [
            f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:150]} {one['nodes'][0]['failureSummary'][:200]}"
            for one in Axe().run(page).response["violations"]
            if one["impact"] in {"serious", "critical"}
        ]
        page.set_viewport_size(PHONE)
        wide = page.evaluate("document.scrollingElement.scrollWidth")
        if wide > PHONE["width"]:
            self.problems.append(f"is {wide} pixels wide on a phone, because of {page.evaluate(WIDEST)}")
        return list(self.problems)


def test_every_page_is_looked_at() -> None:
    import overstap.entrypoints.console.mount  # noqa: F401 - registers them

    assert PAGES.keys() == set(Client.page_routes.values()) | REGISTERED_LATE


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("nl", "dark")])
def test_every_page_is_accessible_asks_nobody_else_and_fits_a_phone(
    browser: Browser, there: tuple[Site, Known], language: str, scheme: str
) -> None:
    server, addresses = there
    visitors: dict[str | None, Visitor] = {}
    wrong: list[str] = []
    try:
        for path, view in PAGES.items():
            if path in WITHOUT_CONTENT:
                continue
            visitor = visitors.get(view.who) or Visitor(browser, server, view.who, language, scheme)
            visitors[view.who] = visitor
            wrong += [f"{path} {one}" for one in visitor.look(addresses.address(view), language)]
    finally:
        for visitor in visitors.values():
            visitor.context.close()

    assert not wrong, "\n".join(wrong)
