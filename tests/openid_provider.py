"""A provider of OpenID Connect on loopback, a real HTTP server, which can be told to do everything wrong."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from overstap.clock import SystemClock

CLIENT_ID = "overstap"
CLIENT_SECRET = "client-secret-of-the-tests"
KEY = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "second", "use": "sig", "alg": "RS256"})

Json = dict[str, Any]


def signed(claims: Json, key: Any = KEY, **header: Any) -> str:
    """An ID token."""
    return jwt.encode({"alg": "RS256", "kid": "first", **header}, claims, key)


def unsigned(claims: Json) -> str:
    """An ID token that says itself that nobody signed it."""
    return f"{_part({'alg': 'none', 'kid': 'first'})}.{_part(claims)}."


def signed_with_public_key(claims: Json) -> str:
    """An ID token whose signature everybody can make, who reads the public key as a secret."""
    text = f"{_part({'alg': 'HS256', 'kid': 'first'})}.{_part(claims)}"
    return f"{text}.{_base64(hmac.digest(KEY.as_pem(private=False), text.encode(), 'sha256'))}"


def _part(values: Json) -> str:
    return _base64(json.dumps(values).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass
class Provider:
    """What it says of whoever comes, and how it says it; all of it may be changed between two requests.

    Attributes:
        person: claims of whoever comes, over those of a good token; None takes one away.
        sign: makes the ID token of its claims.
        answer: over the answer of the token endpoint; None takes something away.
        challenge: what the token endpoint expects the verifier to fit; None for the one that was sent.
        takes: the ways in which a client may authenticate, `basic` or `post`.
        issued: all that nobody may find in a log.
    """

    person: Json = field(default_factory=lambda: {"preferred_username": "anna", "roles": ["overstap-operator"]})
    sign: Callable[[Json], str] = signed
    answer: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    challenge: str | None = None
    takes: str = "basic"
    keys: list[RSAKey] = field(default_factory=lambda: [KEY])
    issued: list[str] = field(default_factory=list)
    asked: Json = field(default_factory=dict)
    _codes: dict[str, Json] = field(default_factory=dict)

    def __enter__(self) -> Self:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
                asked = {name: values[0] for name, values in query.items()}
                if path == "/authorize":
                    self.send_response(302)
                    self.send_header("Location", provider.authorize(asked))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                known = {"/.well-known/openid-configuration": provider.discovery, "/keys": provider.key_set}
                self.tell(200, known[path]()) if path in known else self.tell(404, {})

            def do_POST(self) -> None:
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                given = {name: values[0] for name, values in body.items()}
                self.tell(*provider.token(given, self.headers.get("Authorization", "")))

            def tell(self, status: int, what: Json) -> None:
                body = json.dumps(what).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def begin_anew(self) -> None:
        """Do everything right again."""
        self.__init__()  # type: ignore[misc]

    def discovery(self) -> Json:
        methods = {"basic": "client_secret_basic", "post": "client_secret_post"}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "token_endpoint_auth_methods_supported": [methods[self.takes]],
            "id_token_signing_alg_values_supported": ["RS256", "none", "HS256"],
            **self.metadata,
        }

    def key_set(self) -> Json:
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def authorize(self, asked: Json) -> str:
        """Sign whoever comes in at once; answers where they are sent back to."""
        self.asked = asked
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        self.issued += [code, asked["nonce"]]
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, given: Json, authorization: str) -> tuple[int, Json]:
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        client = (
            authorization == f"Basic {basic}"
            if self.takes == "basic"
            else (given.get("client_id"), given.get("client_secret")) == (CLIENT_ID, CLIENT_SECRET)
        )
        if not client:
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(given["code"], None)
        fits = _base64(sha256(given["code_verifier"].encode()).digest())
        if asked is None or fits != (self.challenge or asked["code_challenge"]):
            return 400, {"error": "invalid_grant", "error_description": f"not the verifier: {given['code_verifier']}"}
        now = int(SystemClock().now().timestamp())
        claims = {"iss": self.issuer, "sub": "id-of-anna", "aud": CLIENT_ID, "nonce": asked["nonce"]}
        claims |= {"iat": now, "exp": now + 300, **self.person}
        id_token = self.sign({name: value for name, value in claims.items() if value is not None})
        answer = {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "id_token": id_token,
            **self.answer,
        }
        self.issued += [answer["access_token"], id_token, given["code_verifier"]]
        return 200, {name: value for name, value in answer.items() if value is not None}
