"""What can be set of the HTTP API, of how people sign in to it, and of webhooks."""

from __future__ import annotations

from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from overstap.settings.kinds import Duration, PositiveDuration, Section, Several

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SECRET_LENGTH = 32


class ApiSettings(Section):
    """How the API listens, and what it takes; its durations are machine time.

    Attributes:
        host, port: where it listens; another host than loopback needs a way to sign in.
        body_limit: bytes of a request's body.
        page_limit: items of a page at most.
        requests: per minute and token, 0 for any number.
        header_time, body_time: within which a client has to send the head and each part of the body of a request; the
            whole body within six times as long.
        idempotency_time: how long the answer to an idempotency key is kept.
        stream_limit: live streams at one time.
        credit_secret: by which the credit bureau signs its decisions (`whsec_…`); empty takes none.
    """

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8400, ge=0, le=65535)
    body_limit: int = Field(default=1_048_576, ge=1024)
    page_limit: int = Field(default=200, ge=1, le=1000)
    requests: int = Field(default=1200, ge=0)
    header_time: PositiveDuration = timedelta(seconds=10)
    body_time: PositiveDuration = timedelta(seconds=10)
    idempotency_time: PositiveDuration = timedelta(days=2)
    stream_limit: int = Field(default=100, ge=1)
    credit_secret: SecretStr = SecretStr("")


class SignInSettings(Section):
    """How people sign in: with OpenID Connect, where `issuer` names a provider.

    Attributes:
        issuer: the provider's URL; its `/.well-known/openid-configuration` tells the rest.
        public_url: of this API as browsers reach it; the provider sends people back to it.
        roles_claim: the claim of the ID token that lists what somebody is.
        viewers, operators, approvers, platform: values of that claim that give a role.
        tenant_claim: the claim that names the tenant whose administrator somebody without such a role may be; empty
            lets none of them in.
        session_secret: signs the session's cookie; empty makes one anew at each start, which ends all sessions.
        session_time: how long somebody stays signed in.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    public_url: str = Field(default="http://127.0.0.1:8400", min_length=1)
    roles_claim: str = Field(default="roles", min_length=1)
    viewers: Several = ("overstap-viewer",)
    operators: Several = ("overstap-operator",)
    approvers: Several = ("overstap-approver",)
    platform: Several = ("overstap-platform",)
    tenant_claim: str = ""
    session_secret: SecretStr = SecretStr("")
    session_time: PositiveDuration = timedelta(hours=8)

    @field_validator("issuer", "public_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError(f"{value!r} is no address; write one like https://login.example.com/realms/ours")
        return value

    @field_validator("issuer")
    @classmethod
    def _a_provider_that_nobody_can_play(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ValueError(f"{value} has to begin with https:// (http is for a provider on this machine, for tests)")
        return value

    @field_validator("session_secret")
    @classmethod
    def _nobody_guesses_it(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < _SECRET_LENGTH:
            raise ValueError(f"a session_secret has {_SECRET_LENGTH} characters or more, so that nobody guesses it")
        return value

    @model_validator(mode="after")
    def _a_provider_knows_us(self) -> Self:
        if self.issuer and not self.client_id:
            raise ValueError(f"the provider {self.issuer} needs a client_id, by which it knows Overstap")
        return self


class WebhookSettings(Section):
    """How webhooks are delivered; durations are machine time.

    Attributes:
        private: whether targets on private and loopback addresses are allowed.
        timeout: for one delivery.
        first, most: until the first repeat, and between two at the most; each is twice the one before.
        attempts: until a delivery is dead.
        keep: how long deliveries that are over, and the feed that streams resume from, are kept.
    """

    private: bool = False
    timeout: PositiveDuration = timedelta(seconds=10)
    first: Duration = timedelta(seconds=5)
    most: Duration = timedelta(hours=1)
    attempts: int = Field(default=15, ge=1)
    keep: PositiveDuration = timedelta(days=7)
