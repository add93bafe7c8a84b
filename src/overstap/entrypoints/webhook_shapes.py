"""How webhooks and their deliveries look as plain JSON values; moments are ISO 8601 in UTC."""

from __future__ import annotations

from typing_extensions import TypedDict

from overstap.app.posting import Answer
from overstap.entrypoints.shapes import moment
from overstap.store.webhooks import StoredDelivery, StoredWebhook


class WebhookShape(TypedDict):
    """Who is told of journal entries: of all runs, or of those of one tenant; of the kinds named, or of all."""

    id: str
    tenant_id: str | None
    url: str
    kinds: list[str]
    created_at: str | None
    created_by: str
    ended_at: str | None


class WebhookWhole(WebhookShape):
    """A webhook, and how many deliveries there are of each status."""

    deliveries: dict[str, int]


class NewWebhook(WebhookShape):
    """A webhook that was just made, and the secret of its signatures; None where the answer is a repeat."""

    secret: str | None


class DeliveryShape(TypedDict):
    """One journal entry on its way to a webhook: `waiting`, `delivered` or `dead`; its id is the message's."""

    id: str
    run_id: str
    seq: int
    at: str | None
    status: str
    attempts: int
    next_at: str | None
    settled_at: str | None
    answer: str | None


class TriedOut(TypedDict):
    """What a target answered to a test."""

    ok: bool
    status: int | None
    answer: str


def webhook(given: StoredWebhook) -> WebhookShape:
    """A webhook without its secret."""
    return {
        "id": given.id,
        "tenant_id": given.tenant_id,
        "url": given.url,
        "kinds": given.kinds,
        "created_at": moment(given.created_at),
        "created_by": given.created_by,
        "ended_at": moment(given.ended_at),
    }


def webhook_whole(given: StoredWebhook, counts: dict[str, int]) -> WebhookWhole:
    """A webhook, and how its deliveries stand."""
    return {**webhook(given), "deliveries": counts}


def new_webhook(given: StoredWebhook, secret: str) -> NewWebhook:
    """A webhook that was just made, with its secret, which is shown this once."""
    return {**webhook(given), "secret": secret}


def delivery(given: StoredDelivery) -> DeliveryShape:
    """A delivery; `next_at` only while it waits."""
    return {
        "id": given.id,
        "run_id": given.run_id,
        "seq": given.seq,
        "at": moment(given.at),
        "status": given.status,
        "attempts": given.attempts,
        "next_at": moment(given.next_at if given.settled_at is None else None),
        "settled_at": moment(given.settled_at),
        "answer": given.answer,
    }


def tried_out(given: Answer) -> TriedOut:
    """What a target answered to a test."""
    return {"ok": given.taken, "status": given.status, "answer": given.told}
