"""The API on a port of its own, and browsers before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from openid_provider import CLIENT_ID, CLIENT_SECRET, Provider
from overstap.bootstrap import App, open_app
from overstap.clock import Clock
from overstap.entrypoints.api import make_api
from overstap.entrypoints.api.server import Server, ServingThread, listen, url_of
from overstap.entrypoints.api.sign_in import SignIn
from overstap.settings import Settings, SignInSettings

ME = "/api/v1/me"
SIGN_IN = "/api/v1/sign-in"
SIGN_OUT = "/api/v1/sign-out"
SESSION = "overstap_session"
TLS = httpx.create_ssl_context()
"""Made once: it is slow to make, and nothing here uses it."""


@dataclass(frozen=True)
class Stage:
    app: App
    url: str
    api: FastAPI

    def begin_anew(self) -> None:
        """Forget how often somebody tried to sign in, and what the provider said of itself."""
        self.api.state.gate._limiter.storage.reset()
        if self.api.state.sign_in._provider is not None:
            self.api.state.sign_in._provider._known = None

    def browser(self) -> httpx.Client:
        """A browser without cookies, which follows no redirects."""
        return httpx.Client(base_url=self.url, verify=TLS)

    def link(self) -> str:
        return f"{SIGN_IN}/{self.app.tokens.make_link()}"

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        """A browser that came in by a one-time link."""
        with self.browser() as browser:
            assert browser.get(self.link()).status_code == 303
            yield browser


@contextmanager
def staged(
    database_url: str, provider: Provider | None = None, clock: Clock | None = None, **sign_in: Any
) -> Iterator[Stage]:
    """The API over a database that has its schema.

    Args:
        provider: where people sign in; None for nowhere.
        clock: that sessions live by.
        sign_in: other settings of `[sign_in]`.
    """
    listening = listen("127.0.0.1", 0)
    given: dict[str, Any] = {"public_url": url_of(listening)}
    if provider is not None:
        given |= {"issuer": provider.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    settings = Settings(database_url=database_url, sign_in=SignInSettings(**{**given, **sign_in}))
    with listening, open_app(settings) as app:
        api = make_api(app, SignIn(app, "terminal", clock))
        with ServingThread(Server(api, timedelta(seconds=10)), listening):
            yield Stage(app, url_of(listening), api)


def go_and_come_back(browser: httpx.Client, start: str = SIGN_IN) -> httpx.Response:
    """Sign in at the provider; answers what Overstap says at the end."""
    return browser.get(way_back(browser, start))


def way_back(browser: httpx.Client, start: str = SIGN_IN) -> str:
    """Sign in at the provider; answers where it sends the browser back to."""
    sent = browser.get(start)
    assert sent.status_code == 303, sent.text
    return fetch(sent.headers["location"]).headers["location"]


def fetch(url: str, **given: Any) -> httpx.Response:
    """What a browser gets that was never here before."""
    return httpx.get(url, verify=TLS, **given)
