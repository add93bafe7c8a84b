"""How people sign in: at a provider of OpenID Connect, or by the one-time link that a first local start prints."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import structlog
from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from overstap.app.principals import STAFF, NotAllowed, NotAuthenticated, Role
from overstap.bootstrap import App
from overstap.clock import Clock, SystemClock
from overstap.domain.reading import one_line
from overstap.domain.tenant import Tenant
from overstap.entrypoints.api.openid import Attempt, OpenId, plain_code
from overstap.entrypoints.api.sessions import CookieSessions, SealedCookie, is_secure, signing_secret
from overstap.errors import BadInput, NotFound
from overstap.settings import SignInSettings

log = structlog.get_logger(__name__)

BACK = "/api/v1/sign-in/back"
"""Where a provider sends people back to, under `[sign_in] public_url`."""
_ATTEMPT_TIME = timedelta(minutes=10)
_USED = "sign-in-state"
_LONGEST_NAME = 200
_AGAIN = "Begin again at /api/v1/sign-in."


@dataclass(frozen=True, slots=True)
class _Begun:
    """An attempt as its browser carries it."""

    attempt: Attempt
    to: str


class SignIn:
    """The ways in for people, and the sessions that they lead to.

    Args:
        terminal: the name of whoever started this server; the one-time link signs in as them.
        clock: sessions live by the machine's time, whatever the speed of a rehearsal.
    """

    def __init__(self, app: App, terminal: str, clock: Clock | None = None) -> None:
        settings, clock = app.settings.sign_in, clock or SystemClock()
        secret = signing_secret(settings)
        self.sessions = CookieSessions(settings, secret, app.kept_answers, clock, app.tokens)
        self._settings = settings
        self._terminal = terminal
        self._tokens = app.tokens
        self._service = app.service
        self._notes = app.kept_answers
        self._cookie = SealedCookie("sign_in", secret, _ATTEMPT_TIME, clock, secure=is_secure(settings))
        back = f"{settings.public_url.rstrip('/')}{BACK}"
        self._provider = OpenId(settings, back, clock) if settings.issuer else None

    def start(self, to: str) -> Response:
        """Send somebody to the provider.

        Args:
            to: the path that they want to come to once they are signed in.

        Raises:
            NotFound: when there is no provider.
            ProviderUnavailable: when it does not answer.
        """
        provider = self._ensure_provider()
        attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
        response = RedirectResponse(provider.address(attempt), 303)
        self._cookie.put(response, {**asdict(attempt), "to": to})
        return response

    def finish(self, request: Request, state: str | None, code: str | None, error: str | None) -> Response:
        """Begin the session of somebody whom the provider sent back.

        Args:
            error: why it did not sign them in.

        Raises:
            NotAuthenticated: when this browser began no such attempt, ended it before, or the provider does not know
                them.
            NotAllowed: when they have no role here, and are the administrator of no tenant here.
            NotFound: when there is no provider.
            ProviderUnavailable: when it does not answer.
        """
        provider = self._ensure_provider()
        begun = self._begun(request, state)
        if error is not None or not code:
            raise NotAuthenticated(f"{provider.issuer} did not sign you in ({plain_code(error)}). {_AGAIN}")
        claims = provider.claims(code, begun.attempt)
        name = name_of(claims)
        roles = roles_of(self._settings, claims)
        tenant_id = upn = None
        if not roles:
            tenant_id, upn = self._administrator(name, claims)
            name, roles = upn, frozenset({Role.TENANT_ADMIN})
        response = RedirectResponse(begun.to, 303)
        self._cookie.remove(response)
        self.sessions.begin(request, response, name, roles, tenant_id=tenant_id, upn=upn)
        log.info("signed_in", name=name, roles=sorted(roles), tenant_id=tenant_id, by="openid")
        return response

    def by_link(self, request: Request, secret: str, to: str) -> Response:
        """Begin the session of whoever opens a one-time link, as who started the server, with all of the staff's roles.

        Raises:
            NotAuthenticated: when the link is none, was used, or is too old.
        """
        self._tokens.use_link(secret)
        response = RedirectResponse(to, 303)
        self.sessions.begin(request, response, self._terminal, STAFF)
        log.info("signed_in", name=self._terminal, roles=sorted(STAFF), by="link")
        return response

    def by_token(self, request: Request, response: Response, text: str) -> None:
        """Begin the session of whoever comes with a token; it ends with the token at the latest.

        Raises:
            NotAuthenticated: when it is none, or not valid.
        """
        found = self._tokens.recognise(text)
        token_id = found.by.removeprefix("token:")
        self.sessions.begin(
            request, response, found.name, found.roles, tenant_id=found.tenant_id, upn=found.upn, token_id=token_id
        )
        log.info("signed_in", name=found.name, roles=sorted(found.roles), by="token")

    def _administrator(self, name: str, claims: Mapping[str, Any]) -> tuple[str, str]:
        """Whose administrator somebody is who has no role of the staff: the tenant's id, and their UPN there.

        Raises:
            NotAllowed: when they are none.
        """
        settings = self._settings
        log_refusal = log.bind(name=name, claim=settings.roles_claim)
        no_role = (
            f"You are {name}, but have no role here: the claim {settings.roles_claim!r} of your ID token has none of "
            "the values that [sign_in] gives a role for"
        )
        if not settings.tenant_claim:
            log_refusal.warning("sign_in_without_role")
            raise NotAllowed(f"{no_role}. Whoever runs the provider can give you one.")
        named = _claim(claims, settings.tenant_claim)
        found = self._tenant(named) if isinstance(named, str) else None
        names = {one.casefold() for one in names_of(claims)}
        upn = next((one.upn for one in found.admins if one.upn.casefold() in names), None) if found else None
        if found is None or upn is None:
            log_refusal.warning("sign_in_without_role", tenant_claim=settings.tenant_claim)
            # The same words whether there is no such tenant, or they are none of its administrators.
            raise NotAllowed(
                f"{no_role}, and you are no administrator of the organisation in its claim {settings.tenant_claim!r}. "
                "Sign in with the account of an administrator of your organisation, or call support."
            )
        return found.id, upn

    def _tenant(self, named: str) -> Tenant | None:
        try:
            return self._service.tenant(named.strip().lower())
        except NotFound:
            return None

    def _begun(self, request: Request, state: str | None) -> _Begun:
        """The attempt that a browser comes back from; it ends here.

        Raises:
            NotAuthenticated: when there is none.
        """
        found = self._cookie.read(request)
        if found is None or not hmac.compare_digest(str(found["state"]).encode(), (state or "").encode()):
            raise NotAuthenticated(f"This browser began no such sign-in within the last 10 minutes. {_AGAIN}")
        if not self._notes.spend(_USED, str(found["state"]), keep=_ATTEMPT_TIME):
            raise NotAuthenticated(f"This sign-in was ended before. {_AGAIN}")
        return _Begun(Attempt(found["state"], found["nonce"], found["verifier"]), found["to"])

    def _ensure_provider(self) -> OpenId:
        if self._provider is None:
            raise NotFound("People cannot sign in here: [sign_in] names no issuer. Programs send a token.")
        return self._provider


def name_of(claims: Mapping[str, Any]) -> str:
    """What journals call a person: the name they sign in with, else their address, else the provider's id.

    An address that the provider says it has not verified counts for nothing.

    Raises:
        NotAuthenticated: when that is nothing that can be written down.
    """
    address = None if claims.get("email_verified") is False else claims.get("email")
    found = next((one for one in (claims.get("preferred_username"), address, claims.get("sub")) if one), "")
    try:
        return one_line(str(found), "The name")[:_LONGEST_NAME]
    except BadInput as error:
        raise NotAuthenticated(f"The provider's ID token has no name that can be kept: {error}") from None


def names_of(claims: Mapping[str, Any]) -> list[str]:
    """The names that a person may be known by as an administrator: an address only where the provider verified it."""
    address = claims.get("email") if claims.get("email_verified") is True else None
    return [one for one in (claims.get("preferred_username"), address) if isinstance(one, str) and one]


def roles_of(settings: SignInSettings, claims: Mapping[str, Any]) -> frozenset[Role]:
    """The roles that the claim of the settings gives."""
    found = _claim(claims, settings.roles_claim)
    values = {found} if isinstance(found, str) else set()
    if isinstance(found, Sequence):
        values |= {one for one in found if isinstance(one, str)}
    given = {
        Role.VIEWER: settings.viewers,
        Role.OPERATOR: settings.operators,
        Role.APPROVER: settings.approvers,
        Role.PLATFORM: settings.platform,
    }
    return frozenset(role for role, names in given.items() if values.intersection(names))


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name; dots lead into claims, such as `realm_access.roles`, unless they are part of a name."""
    if name in claims:
        return claims[name]
    for end in (place for place, letter in enumerate(name) if letter == "."):
        inner = claims.get(name[:end])
        if isinstance(inner, Mapping) and (found := _claim(inner, name[end + 1 :])) is not None:
            return found
    return None
