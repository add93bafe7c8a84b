"""Webhooks: who is told of journal entries, and what the credit bureau tells us."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from typing_extensions import TypedDict

from overstap.app.credit_decisions import CreditDecision
from overstap.app.targets import LONGEST_URL
from overstap.app.webhooks import MOST_REPLAYED
from overstap.bootstrap import App
from overstap.entrypoints import webhook_shapes
from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.errors import KeyReused
from overstap.entrypoints.api.problems import MEDIA_TYPE, Problem, of_error
from overstap.entrypoints.api.routes.params import Cursor, Limit, Reason, Reasoned, Text, limited
from overstap.entrypoints.api.routing import JsonAnswer, Router
from overstap.entrypoints.webhook_shapes import DeliveryShape, NewWebhook, TriedOut, WebhookShape, WebhookWhole
from overstap.errors import OverstapError
from overstap.store.kept_answers import KeptAnswer
from overstap.store.webhooks import DeliveryStatus
from overstap.workflow.run import Kind

router = Router(tags=["webhooks"])

WebhookId = Annotated[str, Path(min_length=1, max_length=64, description="Id of the webhook.")]
Status = Annotated[DeliveryStatus | None, Query(description="Only those of this status.")]
Ended = Annotated[bool, Query(description="Also those that have ended.")]
_CREDIT = "credit"
_SIGNED = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": CreditDecision.model_json_schema()}},
    },
    "parameters": [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": told}
        for name, told in (
            ("webhook-id", "By which a repeat is recognised."),
            ("webhook-timestamp", "When it was sent, in seconds since 1970."),
            ("webhook-signature", "As Standard Webhooks says, by the secret in [api] credit_secret."),
        )
    ],
    "security": [],
}
_UNAUTHORIZED: dict[int | str, dict[str, Any]] = {
    int(HTTPStatus.UNAUTHORIZED): {
        "description": HTTPStatus.UNAUTHORIZED.phrase,
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
    }
}


class WebhookWish(Reasoned):
    """A webhook to be made."""

    url: Annotated[str, Field(min_length=1, max_length=LONGEST_URL, description="https://… or http://…")]
    tenant_id: Annotated[Text | None, Field(description="Of whose runs alone it tells; of all if left out.")] = None
    kinds: Annotated[tuple[Kind, ...], Field(max_length=len(Kind), description="Of entries; none for all.")] = ()


class ReplayWish(Reasoned):
    """Deliveries to be made again; all that are dead if none are named."""

    deliveries: Annotated[list[Text] | None, Field(min_length=1, max_length=MOST_REPLAYED)] = None


class WebhookPage(TypedDict):
    """All webhooks that exist for whoever asks, the newest first."""

    items: list[WebhookShape]


class DeliveryPage(TypedDict):
    """Deliveries, the newest first; `next` is the cursor of those behind them."""

    items: list[DeliveryShape]
    next: str | None


class Replayed(TypedDict):
    """How many deliveries are to be made again."""

    replayed: int


class Taken(TypedDict):
    """The run that a credit decision was given to."""

    run_id: str


@router.get("/webhooks")
def list_webhooks(call: Called, ended: Ended = False) -> WebhookPage:
    """The webhooks, the newest first, without their secrets."""
    found = call.app.webhooks.all(call.principal.tenant_id, ended=ended)
    return {"items": [webhook_shapes.webhook(one) for one in found]}


@router.post("/webhooks", status_code=201)
def create_webhook(call: Called, body: WebhookWish) -> NewWebhook:
    """Make a webhook; the secret of its signatures is shown this once."""
    tenant_id = call.principal.tenant_id if body.tenant_id is None else call.tenant(body.tenant_id).id
    made, secret = call.app.webhooks.create(
        body.url, kinds=[str(one) for one in body.kinds], tenant_id=tenant_id, actor=call.actor, reason=body.reason
    )
    return webhook_shapes.new_webhook(made, secret)


@router.get("/webhooks/{webhook_id}")
def show_webhook(call: Called, webhook_id: WebhookId) -> WebhookWhole:
    """One webhook, and how its deliveries stand."""
    found = call.app.webhooks.get(webhook_id, call.principal.tenant_id)
    return webhook_shapes.webhook_whole(found, call.app.webhooks.counts(found))


@router.delete("/webhooks/{webhook_id}")
def end_webhook(call: Called, webhook_id: WebhookId, reason: Annotated[Reason, Query()]) -> WebhookShape:
    """Tell a webhook nothing any more; what waits for it is dead."""
    ended = call.app.webhooks.end(webhook_id, actor=call.actor, reason=reason, tenant_id=call.principal.tenant_id)
    return webhook_shapes.webhook(ended)


@router.get("/webhooks/{webhook_id}/deliveries")
def list_deliveries(
    call: Called, webhook_id: WebhookId, status: Status = None, cursor: Cursor = None, limit: Limit = 50
) -> DeliveryPage:
    """What became of each delivery of a webhook, the newest first."""
    size = limited(call, limit)
    found = call.app.webhooks.deliveries(
        webhook_id, status=status, before=cursor, limit=size, tenant_id=call.principal.tenant_id
    )
    items = [webhook_shapes.delivery(one) for one in found]
    return {"items": items, "next": found[-1].id if len(found) == size else None}


@router.post("/webhooks/{webhook_id}/replay", status_code=202)
def replay_deliveries(call: Called, webhook_id: WebhookId, body: ReplayWish) -> Replayed:
    """Deliver again from the first attempt on: the deliveries named, or all that are dead."""
    count = call.app.webhooks.replay(
        webhook_id, body.deliveries, actor=call.actor, reason=body.reason, tenant_id=call.principal.tenant_id
    )
    return {"replayed": count}


@router.post("/webhooks/{webhook_id}/test", response_model=TriedOut)
async def test_webhook(call: Called, webhook_id: WebhookId) -> Response:
    """Send a message of the type `ping` to a webhook, once, and see what its target answers."""
    found = await run_in_threadpool(call.app.webhooks.get, webhook_id, call.principal.tenant_id)
    return JsonAnswer(webhook_shapes.tried_out(await call.app.webhooks.ping(found)))


@router.post(
    "/webhooks/in/credit-decisions",
    status_code=202,
    response_model=Taken,
    responses=_UNAUTHORIZED,
    openapi_extra=_SIGNED,
)
async def take_credit_decision(call: Called, request: Request) -> Response:
    """What the credit bureau has decided of a run's credit check, signed as Standard Webhooks says."""
    return await run_in_threadpool(_take, call.app, request, dict(request.headers), await request.body())


def _take(app: App, request: Request, headers: Mapping[str, str], body: bytes) -> Response:
    """Take a decision, or give the answer again that its message got before."""
    message_id, digest = app.credit_decisions.verify(headers, body), sha256(body).hexdigest()
    # Whoever gets here first or at once with others does the same thing once: the signal has the message's id.
    kept = app.kept_answers.begin(_CREDIT, message_id, digest, repeatable=True)
    if kept is None:
        response = _decided(app, request, message_id, body)
        if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return response
        told = [["content-type", response.headers["content-type"]]]
        answer = KeptAnswer(digest, response.status_code, told, bytes(response.body))
        kept = app.kept_answers.keep(_CREDIT, message_id, answer)
    if kept.request != digest:
        raise KeyReused(f"The message {message_id!r} was another one before; each has an id of its own.")
    return Response(kept.body, kept.status or HTTPStatus.ACCEPTED, dict(kept.headers))


def _decided(app: App, request: Request, message_id: str, body: bytes) -> Response:
    try:
        stored = app.credit_decisions.take(message_id, body)
    except OverstapError as error:
        return of_error(request, error)
    return JsonAnswer(Taken(run_id=stored.run.id), HTTPStatus.ACCEPTED)
