"""Sessions of people: a signed cookie says who somebody is, and a second token that it is our own pages that ask."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import structlog
from fastapi import Request
from fastapi.responses import Response
from itsdangerous import BadData, Signer, TimestampSigner, URLSafeTimedSerializer

from overstap.app.principals import NotAllowed, Principal, Role
from overstap.app.tokens import Tokens
from overstap.clock import Clock
from overstap.settings import SignInSettings
from overstap.store.kept_answers import KeptAnswers

log = structlog.get_logger(__name__)

CSRF_COOKIE = "overstap_csrf"
CSRF_HEADER = "x-csrf-token"
_ENDED = "session-ended"
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
_OUR_PAGES = frozenset({"same-origin", "none"})


class _ClockedSigner(TimestampSigner):
    """Signs with the time of a clock that is given."""

    def __init__(self, *arguments: Any, clock: Clock, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock.now().timestamp())


class SealedCookie:
    """A cookie with values in it that its browser may read and cannot change, nor keep for longer than it is meant.

    Args:
        purpose: what is sealed for one purpose opens for no other.
        secure: send it over TLS only. Its name then begins with `__Host-`: browsers take it from no other host.
    """

    def __init__(self, purpose: str, secret: str, lifetime: timedelta, clock: Clock, *, secure: bool) -> None:
        self.name = f"{'__Host-' if secure else ''}overstap_{purpose}"
        self._seconds = int(lifetime.total_seconds())
        self._secure = secure
        self._serializer = URLSafeTimedSerializer(
            secret,
            salt=f"overstap.{purpose}",
            signer=_ClockedSigner,
            signer_kwargs={"clock": clock, "digest_method": sha256, "key_derivation": "hmac"},
        )

    def put(self, response: Response, values: Mapping[str, Any]) -> None:
        """Have the browser keep the values."""
        sealed = self._serializer.dumps(dict(values))
        assert isinstance(sealed, str)  # noqa: S101 - what this serializer makes
        self.set(response, self.name, sealed, httponly=True)

    def read(self, request: Request) -> Mapping[str, Any] | None:
        """The values; None where there are none, somebody changed them, or they are too old."""
        sealed = request.cookies.get(self.name)
        if not sealed:
            return None
        try:
            found = self._serializer.loads(sealed, max_age=self._seconds)
        except BadData:
            return None
        return found if isinstance(found, dict) else None

    def remove(self, response: Response) -> None:
        """Have the browser forget the values."""
        response.delete_cookie(self.name, path="/", secure=self._secure, httponly=True, samesite="lax")

    def set(self, response: Response, name: str, value: str, *, httponly: bool) -> None:
        """Set a cookie that lives as long as this one, and goes where it goes."""
        response.set_cookie(
            name, value, self._seconds, path="/", secure=self._secure, httponly=httponly, samesite="lax"
        )


class CookieSessions:
    """Knows people by the signed cookie that signing in gave them.

    A session that was ended is written down, in one table for all servers, until its cookie would have expired.
    A request that changes something has to carry the session's second token in `X-CSRF-Token`, and to come from a page
    of our own, where the browser says where it comes from.

    Args:
        secret: signs; the same on all servers.
        notes: where ended sessions are written down.
        tokens: what some sessions began with; such a session ends with its token.
    """

    def __init__(
        self, settings: SignInSettings, secret: str, notes: KeptAnswers, clock: Clock, tokens: Tokens | None = None
    ) -> None:
        self._lifetime = settings.session_time
        self._notes = notes
        self._tokens = tokens
        self._cookie = SealedCookie("session", secret, self._lifetime, clock, secure=is_secure(settings))
        self._csrf = Signer(secret, salt="overstap.csrf", digest_method=sha256, key_derivation="hmac")
        self._public = _origin(settings.public_url)

    def recognise(self, request: Request) -> Principal | None:
        """Who is signed in.

        Raises:
            NotAllowed: when the request changes something and does not come from our own pages.
        """
        found = self._cookie.read(request)
        if found is None or self._notes.is_spent(_ENDED, str(found["id"])):
            return None
        if request.method not in _HARMLESS:
            self._ensure_ours(request, found)
        if "token" in found and (self._tokens is None or not self._tokens.is_valid(found["token"])):
            return None
        roles = frozenset(role for role in Role if role in found["roles"])
        return Principal(found["name"], roles, f"session:{found['name']}", found.get("tenant"), found.get("upn"))

    def carried_by(self, request: Request) -> bool:
        """Whether a browser comes with the cookie of a session, be it one that is over."""
        return self._cookie.name in request.cookies

    def is_ours(self, request: Request) -> bool:
        """Whether a form was sent by a page of our own, as far as its browser says whose page it was."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if site is not None:
            return site in _OUR_PAGES
        # A form of ours has the origin `null` too: we tell browsers to say nothing of where they come from.
        return origin in {None, "null"} or origin.lower() in self._own(request)

    def begin(
        self,
        request: Request,
        response: Response,
        name: str,
        roles: Collection[Role],
        *,
        tenant_id: str | None = None,
        upn: str | None = None,
        token_id: str | None = None,
    ) -> None:
        """Begin a session; the one that the browser had before ends.

        Args:
            tenant_id, upn: of a tenant's administrator.
            token_id: what it begins with, and ends with at the latest.
        """
        self._end(request)
        session: dict[str, Any] = {"id": secrets.token_urlsafe(16), "name": name, "roles": sorted(roles)}
        given = {"tenant": tenant_id, "upn": upn, "token": token_id}
        session |= {key: value for key, value in given.items() if value is not None}
        self._cookie.put(response, session)
        self._cookie.set(response, CSRF_COOKIE, self._csrf_token(session), httponly=False)

    def end(self, request: Request, response: Response) -> None:
        """End the session: its cookie opens nothing any more, on no server."""
        self._end(request)
        self._cookie.remove(response)
        response.delete_cookie(CSRF_COOKIE, path="/")

    def csrf_token(self, request: Request) -> str | None:
        """What requests of this session that change something send as `X-CSRF-Token`; None without a session."""
        found = self._cookie.read(request)
        return None if found is None else self._csrf_token(found)

    def _csrf_token(self, session: Mapping[str, Any]) -> str:
        return self._csrf.get_signature(session["id"]).decode()

    def _end(self, request: Request) -> None:
        found = self._cookie.read(request)
        if found is not None:
            self._notes.spend(_ENDED, str(found["id"]), keep=self._lifetime)

    def _own(self, request: Request) -> set[str]:
        return {self._public, f"{request.url.scheme}://{request.headers.get('host', '')}".lower()}

    def _ensure_ours(self, request: Request, session: Mapping[str, Any]) -> None:
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "none")
        if site not in _OUR_PAGES or (origin is not None and origin.lower() not in self._own(request)):
            raise NotAllowed("This request comes from a page that is not Overstap's own: it changes nothing here.")
        given = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._csrf_token(session).encode()):
            raise NotAllowed(
                "A request that changes something in a session needs the header X-CSRF-Token: its value is "
                f"`csrf_token` of GET /api/v1/me, and the cookie {CSRF_COOKIE}."
            )


def signing_secret(settings: SignInSettings) -> str:
    """What signs sessions: the secret of the settings, else one that ends with this process."""
    given = settings.session_secret.get_secret_value()
    if not given:
        log.info("sessions_end_with_this_process", why="[sign_in] session_secret is empty")
    return given or secrets.token_urlsafe(32)


def is_secure(settings: SignInSettings) -> bool:
    """Whether browsers reach us over TLS."""
    return urlsplit(settings.public_url).scheme == "https"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
