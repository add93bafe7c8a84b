"""What the credit bureau says of its own accord: signed messages, each of which counts once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from overstap.app.principals import NotAuthenticated
from overstap.app.service import Service
from overstap.domain.reading import Text
from overstap.errors import BadInput, NotFound
from overstap.store.runs import StoredRun

ACTOR = "credit-bureau"
_EVENTS = {"approved": "credit_approved", "declined": "credit_declined"}
_LONGEST_ID = 200


class CreditDecision(BaseModel):
    """What the bureau has decided of a run's credit check."""

    model_config = ConfigDict(extra="forbid")

    run_id: Text
    decision: Literal["approved", "declined"]
    reason: Text


class CreditDecisions:
    """Takes the bureau's decisions.

    Args:
        secret: by which it signs, `whsec_…`; empty where none are taken.

    Raises:
        BadInput: when the secret is none.
    """

    def __init__(self, secret: SecretStr, service: Service) -> None:
        self._service = service
        self._webhook: Webhook | None = None
        if text := secret.get_secret_value():
            try:
                self._webhook = Webhook(text)
            except Exception:  # noqa: BLE001 - the library lets out what its parts raise; none of it may be shown
                raise BadInput("api.credit_secret is no secret: write whsec_ and then base64.") from None

    def verify(self, headers: Mapping[str, str], body: bytes) -> str:
        """See that a message is the bureau's, and that it is not older than five minutes.

        Returns:
            The message's id, by which a repeat is recognised.

        Raises:
            NotFound: when no decisions are taken.
            NotAuthenticated: when it is not; why is not told to whoever tries.
        """
        if self._webhook is None:
            raise NotFound("Nobody's credit decisions are taken here: [api] credit_secret is empty.")
        message_id = headers.get("webhook-id", "")
        try:
            self._webhook.verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError):  # ValueError: what the library cannot take apart
            raise NotAuthenticated("The signature is not valid, or the message is older than five minutes.") from None
        if not (message_id.isascii() and message_id.isprintable() and len(message_id) <= _LONGEST_ID):
            raise BadInput(f"webhook-id: at most {_LONGEST_ID} visible ASCII characters.")
        return message_id

    def take(self, message_id: str, body: bytes) -> StoredRun:
        """Give a run what was decided of it; the same message again does nothing.

        Raises:
            BadInput: when the message is no decision, or the run's workflow awaits none.
            NotFound: when there is no such run.
            Conflict: when the run does not wait for it any more.
        """
        try:
            given = CreditDecision.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(one) for one in first["loc"]) or "the body"
            raise BadInput(f"{where}: {first['msg']}.") from None
        return self._service.signal(
            given.run_id.strip().upper(),
            _EVENTS[given.decision],
            reason=given.reason,
            actor=ACTOR,
            signal_id=f"credit:{message_id}",
        )
