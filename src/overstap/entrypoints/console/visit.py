"""One opened page: who looks, in which language, and the way from a page to the application."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import anyio.to_thread
import nicegui
import structlog
from fastapi import Request

from overstap.app.principals import NotAllowed, NotAuthenticated, Principal
from overstap.bootstrap import App
from overstap.entrypoints.api.access import ACCESS, Access
from overstap.entrypoints.api.call import Call
from overstap.entrypoints.api.door import Gatekeeper
from overstap.entrypoints.api.sign_in import SignIn
from overstap.entrypoints.console.jobs import Jobs
from overstap.entrypoints.console.looks import Looks
from overstap.errors import DatabaseUnavailable, OverstapError
from overstap.language import LOCALES, Language, Message, language, lazy_gettext

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

LANGUAGE_COOKIE = "overstap_language"
THEME_COOKIE = "overstap_theme"
_ENDED = lazy_gettext("Your session has ended; nothing was done. Sign in again.")
_NO_ROLE = lazy_gettext("This takes the role {roles}.")
_AWAY = lazy_gettext("The database does not answer. Try again in a moment.")


@dataclass(frozen=True, slots=True)
class Desk:
    """What all pages of one process share.

    Attributes:
        looks: what several pages show alike.
        jobs: long work that pages have begun.
    """

    app: App
    gate: Gatekeeper
    sign_in: SignIn
    looks: Looks
    jobs: Jobs


def desk() -> Desk:
    """The desk of this process."""
    found: Desk = nicegui.app.state.desk
    return found


@dataclass(frozen=True, slots=True)
class Visit:
    """One opened page.

    Attributes:
        request: that opened it; its query and its path are the page's whole state.
        words: the language that it is shown in.
    """

    request: Request
    call: Call
    words: Language

    @property
    def app(self) -> App:
        """The application."""
        return self.call.app

    @property
    def principal(self) -> Principal:
        """Who looks."""
        return self.call.principal

    @property
    def path(self) -> dict[str, Any]:
        """What the path names, such as `run_id`."""
        return self.request.path_params

    def query(self, name: str) -> str | None:
        """What the query says under a name; None where it says nothing, or nothing but blanks."""
        return (self.request.query_params.get(name) or "").strip() or None

    def say(self, message: Message, **params: Any) -> str:
        """A text in the page's language."""
        return self.words.say(message, **params)

    def tell(self, error: OverstapError) -> str:
        """What an error says to whoever looks; where the database is, and what it said, is in the log."""
        if not isinstance(error, DatabaseUnavailable):
            return str(error)
        log.warning("act_without_database", path=self.request.url.path, error=str(error))
        return self.say(_AWAY)

    def may(self, command: str) -> bool:
        """Whether whoever looks has a role that a command takes; by the name it has in `api.access`."""
        return _allows(ACCESS[command], self.principal)

    async def ask(self, look: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """What the application answers; asked in a thread, for it waits for the database."""
        return await anyio.to_thread.run_sync(lambda: look(*args, **named))

    async def do(self, command: str, act: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Have the application do something, if whoever looks still may.

        Args:
            command: by the name it has in `api.access`.

        Raises:
            NotAuthenticated: when the session has ended meanwhile.
            NotAllowed: when that takes a role that they do not have.
            OverstapError: whatever the application raises.
        """

        def done() -> T:
            self.ensure_in()
            if not self.may(command):
                raise NotAllowed(self.say(_NO_ROLE, roles=" / ".join(sorted(ACCESS[command].roles))))
            return act(*args, **named)

        return await anyio.to_thread.run_sync(done)

    def ensure_in(self) -> None:
        """Go on only if whoever opened the page is still signed in; asks the database, so in a thread.

        Raises:
            NotAuthenticated: when the session has ended.
        """
        if not self.still_in():
            raise NotAuthenticated(self.say(_ENDED))

    def still_in(self) -> bool:
        """Whether whoever opened the page is still signed in, as the same somebody."""
        return desk().gate.still_in(self.request, self.principal)


def admit(request: Request, command: str | None) -> Visit:
    """The visit that a request is.

    Args:
        command: whose roles open the page, by the name it has in `api.access`; None for anybody who is signed in.

    Raises:
        NotAuthenticated: when nobody is signed in.
        NotAllowed: when whoever is has no role that may.
        NotFound: when what the path names does not exist for them.
    """
    call = desk().gate.admit(request, ACCESS["show_me" if command is None else command])
    return Visit(request, call, language(spoken(request, call)))


def spoken(request: Request, call: Call | None = None) -> str:
    """The language of a page: what was chosen, what the browser asks for, the tenant's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LOCALES:
        return chosen
    if call is not None and call.locale is not None:
        return call.locale
    if call is not None and call.principal.tenant_id is not None:
        return call.app.service.tenant(call.principal.tenant_id).locale
    return LOCALES[0] if "nl" in request.headers.get("accept-language", "") else "en"


def theme(request: Request) -> bool | None:
    """Whether a page is dark; None where the browser decides."""
    return {"dark": True, "light": False}.get(request.cookies.get(THEME_COOKIE, ""))


def _allows(access: Access, principal: Principal) -> bool:
    return not access.roles or any(principal.has(role) for role in access.roles)
