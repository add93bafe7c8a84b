"""A browser for all tests of a process, and a context of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fasteners import InterProcessLock
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from browsing import PATIENCE, chromium, launched


@pytest.fixture(scope="session")
def browser(shared_folder: object) -> Iterator[Browser]:
    with InterProcessLock(f"{shared_folder}/chromium.lock"):
        try:
            executable = chromium()
        except RuntimeError as error:
            pytest.fail(str(error), pytrace=False)
    with sync_playwright() as playwright:
        made = launched(playwright, executable)
        yield made
        made.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="en-GB", timezone_id="Europe/Amsterdam", reduced_motion="reduce")
    made.set_default_timeout(PATIENCE * 1000)
    yield made
    made.close()
