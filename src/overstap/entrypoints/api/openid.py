"""The provider that knows people: OpenID Connect's code flow, with PKCE."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from overstap.app.principals import NotAuthenticated
from overstap.clock import Clock
from overstap.errors import ProviderUnavailable
from overstap.settings import SignInSettings

log = structlog.get_logger(__name__)

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those that need the provider's private key: neither none at all nor a shared secret signs for it."""
_LEEWAY_SECONDS = 60
_TIMEOUT_SECONDS = 10
_UNREADABLE = (AuthlibBaseError, ValueError, LookupError, TypeError, AttributeError)
_CODE = re.compile(r"[a-z_]{1,40}")
_SCOPE = "openid profile email"


@dataclass(frozen=True, slots=True)
class _Discovered:
    """What a provider says of itself."""

    metadata: Mapping[str, Any]
    keys: KeySet


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt to sign in is told apart by, all of it random.

    Attributes:
        state: comes back with the browser.
        nonce: comes back in the ID token.
        verifier: shows that whoever brings the code began the attempt (PKCE).
    """

    state: str
    nonce: str
    verifier: str


class OpenId:
    """One provider, which is asked about itself when it is first needed, and again after anything went wrong.

    Args:
        back: where the provider sends people back to.
    """

    def __init__(self, settings: SignInSettings, back: str, clock: Clock) -> None:
        self.issuer = settings.issuer
        self._client_id = settings.client_id
        self._secret = settings.client_secret
        self._back = back
        self._clock = clock
        self._tls = httpx.create_ssl_context()  # once: it reads all certificates of the machine
        self._known: _Discovered | None = None

    def address(self, attempt: Attempt) -> str:
        """Where somebody signs in.

        Raises:
            ProviderUnavailable: when the provider does not answer.
        """
        try:
            client = OAuth2Client(None, self._client_id, scope=_SCOPE, code_challenge_method="S256")
            address, _ = client.create_authorization_url(
                self._discovered().metadata["authorization_endpoint"],
                state=attempt.state,
                code_verifier=attempt.verifier,
                nonce=attempt.nonce,
                redirect_uri=self._back,
            )
        except (httpx.HTTPError, httpx.InvalidURL, JoseError, *_UNREADABLE) as error:
            raise self._away(error) from None
        return str(address)

    def claims(self, code: str, attempt: Attempt) -> Mapping[str, Any]:
        """What the provider says of the person who comes back with a code.

        Raises:
            NotAuthenticated: when the code is none, or the ID token does not hold.
            ProviderUnavailable: when the provider does not answer.
        """
        try:
            token = self._token(code, attempt)
            return self._verified(token, attempt)
        except JoseError as error:
            # Its code names the claim or the check; its description may quote the token.
            claim = getattr(error, "claim", None)
            raise self._refusal(f"its ID token does not hold ({error.error}{f': {claim}' if claim else ''})") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._away(error) from None
        except _UNREADABLE as error:
            raise self._refusal(f"its answer cannot be read ({type(error).__name__})") from None

    def _token(self, code: str, attempt: Attempt) -> Mapping[str, Any]:
        metadata = self._discovered().metadata
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "code_verifier": attempt.verifier,
        }
        secret = self._secret.get_secret_value()
        url, headers, content = ClientAuth(self._client_id, secret, _auth_method(metadata, secret=secret)).prepare(
            "POST",
            metadata["token_endpoint"],
            {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
            urlencode(body),
        )
        answer = httpx.post(url, headers=headers, content=content, timeout=_TIMEOUT_SECONDS, verify=self._tls)
        if answer.is_server_error:
            answer.raise_for_status()
        given = answer.json()
        if not isinstance(given, dict) or "id_token" not in given:
            told = given.get("error") if isinstance(given, dict) else None
            raise self._refusal(f"it gave no ID token for the code ({plain_code(told)})")
        return given

    def _verified(self, token: Mapping[str, Any], attempt: Attempt) -> Mapping[str, Any]:
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        try:
            read = jwt.decode(token["id_token"], self._discovered().keys, registry=registry)
        except InvalidKeyIdError:  # the provider has new keys
            self._known = None
            read = jwt.decode(token["id_token"], self._discovered().keys, registry=registry)
        claims = CodeIDToken(
            read.claims,
            read.header,
            {
                "iss": {"essential": True, "value": self._discovered().metadata["issuer"]},
                "aud": {"essential": True, "value": self._client_id},
                "nonce": {"essential": True, "value": attempt.nonce},
            },
            {"client_id": self._client_id, "nonce": attempt.nonce, "access_token": token.get("access_token")},
        )
        claims.validate(now=int(self._clock.now().timestamp()), leeway=_LEEWAY_SECONDS)
        return dict(claims)

    def _discovered(self) -> _Discovered:
        known = self._known
        if known is None:
            metadata = self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if str(metadata["issuer"]).rstrip("/") != self.issuer.rstrip("/"):
                raise ProviderUnavailable(
                    f"[sign_in] issuer is {self.issuer!r}, and the provider there calls itself {metadata['issuer']!r}: "
                    "set the issuer to its own name for itself."
                )
            known = self._known = _Discovered(metadata, self._keys(metadata["jwks_uri"]))
        return known

    def _keys(self, url: str) -> KeySet:
        """The provider's keys that it signs with."""
        keys = [key for key in self._get(url)["keys"] if key.get("use", "sig") == "sig"]
        return KeySet.import_key_set({"keys": keys})

    def _get(self, url: str) -> dict[str, Any]:
        answer = httpx.get(url, headers={"Accept": "application/json"}, timeout=_TIMEOUT_SECONDS, verify=self._tls)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict):
            raise TypeError("an object was expected")
        return found

    def _away(self, error: Exception) -> ProviderUnavailable:
        self._known = None
        log.warning("sign_in_provider_away", issuer=self.issuer, error=type(error).__name__)
        return ProviderUnavailable(
            f"The sign-in provider {self.issuer} does not answer as it should ({type(error).__name__}). Try again; if "
            "it stays so, somebody has to look at [sign_in] issuer."
        )

    def _refusal(self, why: str) -> NotAuthenticated:
        self._known = None
        log.warning("sign_in_refused", issuer=self.issuer, why=why)
        return NotAuthenticated(f"The sign-in at {self.issuer} cannot be trusted: {why}. Begin again.")


def plain_code(told: object) -> str:
    """A code of OAuth as it may be shown: what has another form is not."""
    return told if isinstance(told, str) and _CODE.fullmatch(told) else "no reason"


def _auth_method(metadata: Mapping[str, Any], *, secret: str) -> str:
    """How the client shows the token endpoint that it is itself, the standard's way unless the provider has none."""
    if not secret:
        return "none"
    taken = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    return "client_secret_basic" if "client_secret_basic" in taken else "client_secret_post"
