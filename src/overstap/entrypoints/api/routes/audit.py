"""The audit: what must always hold, the hash chains, and their export."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import Query
from fastapi.responses import Response, StreamingResponse
from pydantic import Field

from overstap.app.head import Head
from overstap.entrypoints import shapes
from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.routes.params import Body, Moment
from overstap.entrypoints.api.routing import Router
from overstap.entrypoints.shape_types import AuditHead, AuditResult, VerifyResult

router = Router(tags=["audit"])


class Against(Body):
    """A head that was kept elsewhere, and how many breaches are told."""

    head: dict[str, Any] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 20


@router.post("/verify")
def verify_truths(call: Called) -> VerifyResult:
    """Check that everything that must always hold does hold, over the whole database."""
    return shapes.report(call.app.verify())


@router.post("/audit/verify")
def verify_audit(call: Called, body: Against) -> AuditResult:
    """Name the first entry of each chain that was changed, removed, inserted, reordered or cut off."""
    head = None if body.head is None else Head.read(orjson.dumps(body.head), "head")
    return shapes.audit(call.app.auditing.verify(head, limit=body.limit))


@router.post("/audit/checkpoint")
def make_checkpoint(call: Called) -> AuditHead:
    """Bring everything under a checkpoint; keep its head where who changes the database cannot."""
    return shapes.audit_head(call.app.auditing.checkpoint())


@router.get(
    "/audit/export",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}},
)
def export_audit(call: Called, since: Annotated[Moment | None, Query()] = None) -> Response:
    """Every entry and act as JSON lines, each with its hash; the head last."""
    _, lines = call.app.auditing.export(since)
    return StreamingResponse(lines, media_type="application/x-ndjson")
