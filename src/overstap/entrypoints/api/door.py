"""Who is let in: recognised, allowed, within their rate and their tenant."""

from __future__ import annotations

import math
import re
from typing import Protocol

from babel.core import negotiate_locale
from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from overstap.app.principals import NotAllowed, NotAuthenticated, Principal
from overstap.bootstrap import App
from overstap.clock import SystemClock
from overstap.entrypoints.api.access import Access
from overstap.entrypoints.api.call import Call
from overstap.entrypoints.api.errors import BadRequest, TooMany
from overstap.errors import NotFound
from overstap.language import LOCALES

_ETAG = re.compile(r'(?:W/)?"(\d{1,9})(?:-[0-9a-f]*)?"')
_FAILURES = RateLimitItemPerMinute(60)
"""Tokens that are none, from one address: guessing one takes longer than the sun lasts, but need not be fast either."""
_ATTEMPTS = RateLimitItemPerMinute(60)
"""Attempts to sign in, from one address."""
NOBODY = Principal("nobody", frozenset(), "nobody")


class Sessions(Protocol):
    """Knows people by their browser's session."""

    def recognise(self, request: Request) -> Principal | None:
        """Who is signed in.

        Raises:
            NotAllowed: when the request changes something and does not come from our own pages.
        """


class Gatekeeper:
    """Lets requests in.

    Args:
        sessions: None where only tokens let anybody in.
    """

    def __init__(self, app: App, sessions: Sessions | None = None) -> None:
        self.app = app
        self._sessions = sessions
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        requests = app.settings.api.requests
        self._rate = RateLimitItemPerMinute(requests) if requests else None

    def admit(self, request: Request, access: Access) -> Call:
        """The call that a request is.

        Raises:
            NotAuthenticated: when nobody knows who asks.
            NotAllowed: when they have no role that may.
            NotFound: when what the path names belongs to a tenant that does not exist for them.
            TooMany: when they ask too often.
            BadRequest: when `If-Match` is no ETag of a run.
        """
        principal = self._recognise(request) if access.roles else NOBODY
        if access.roles and not any(principal.has(role) for role in access.roles):
            raise NotAllowed(f"This takes the role {' or '.join(sorted(access.roles))}.")
        if access.roles:
            self._count(self._rate, principal.by, "requests a minute ([api] requests)")
        self._ensure_own(request, principal)
        return Call(
            app=self.app,
            principal=principal,
            locale=_locale(request.headers.get("accept-language")),
            key=_kept_as(principal, request.headers.get("idempotency-key")),
            if_seq=_seq(request.headers.get("if-match")),
        )

    def still_in(self, request: Request, principal: Principal) -> bool:
        """Whether a request that lasts would still be let in, as the same somebody with the same roles."""
        try:
            return self._recognise(request) == principal
        except (NotAuthenticated, NotAllowed, TooMany):
            return False

    def count_attempt(self, request: Request) -> None:
        """Count an attempt to sign in.

        Raises:
            TooMany: when too many came from one address.
        """
        self._count(_ATTEMPTS, f"sign-in:{_address(request)}", "attempts a minute to sign in")

    def _recognise(self, request: Request) -> Principal:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            address = _address(request)
            try:
                return self.app.tokens.recognise(token.strip())
            except NotAuthenticated:
                # Who has a right token is let in all the same: behind a proxy everybody has one address.
                self._count(_FAILURES, f"failures/{address}", "tokens a minute from this address that are none")
                raise
        found = self._sessions.recognise(request) if self._sessions else None
        if found is None:
            raise NotAuthenticated(
                "Say who you are: send `Authorization: Bearer TOKEN` (`overstap tokens create` makes one), or sign in."
            )
        return found

    def _count(self, rate: RateLimitItemPerMinute | None, who: str, what: str) -> None:
        if rate is None or self._limiter.hit(rate, who):
            return
        until = self._limiter.get_window_stats(rate, who).reset_time
        seconds = max(1, math.ceil(until - SystemClock().now().timestamp()))
        raise TooMany(f"These are more than {rate.amount} {what}; go on in {seconds} s.", seconds)

    def _ensure_own(self, request: Request, principal: Principal) -> None:
        if principal.tenant_id is None:
            return
        named = request.path_params
        tenant_id = named.get("tenant_id")
        if tenant_id is not None and not principal.sees(str(tenant_id).strip().lower()):
            # The same words as for one that there is not.
            raise NotFound(f"There is no tenant {tenant_id!r}; `overstap tenants list` shows those that there are.")
        run_id = named.get("run_id") or str(named.get("task_id", "")).rpartition("-")[0]
        if run_id:
            wanted = str(run_id).strip().upper()
            if not principal.sees(self.app.service.run(wanted).run.tenant_id):
                raise NotFound(f"There is no run {wanted!r}; `overstap runs list` shows those there are.")


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _kept_as(principal: Principal, key: str | None) -> str | None:
    """The key apart from everybody else's, for commands that keep it themselves."""
    if key is None:
        return None
    # No blank is in a key: what comes before the last one is whose it is.
    return f"{principal.namespace} {key}"


def _locale(accepted: str | None) -> str | None:
    """The best of our languages by `Accept-Language` (RFC 9110 §12.5.4); None where none of them is asked for."""
    wanted: list[tuple[float, str]] = []
    for part in (accepted or "").split(",")[:20]:
        name, _, weight = part.strip().partition(";")
        number = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight) if weight else None
        quality = float(number[1]) if number else 1.0
        if name and quality > 0:
            wanted.append((-quality, name.strip().replace("-", "_")))
    try:
        return negotiate_locale([name for _, name in sorted(wanted, key=lambda one: one[0])], LOCALES)
    except ValueError:
        return None


def _seq(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    parts = _ETAG.fullmatch(if_match.strip())
    if parts is None:
        raise BadRequest(400, "bad_if_match", f"{if_match!r} is no ETag of a run; send one that GET /runs/ID gave.")
    return int(parts[1])
