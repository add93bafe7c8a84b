"""What happens, as it happens: the journals' entries as server-sent events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.problems import MEDIA_TYPE, Problem
from overstap.entrypoints.api.routes.params import RunId
from overstap.entrypoints.api.routes.runs import One, known
from overstap.entrypoints.api.routing import Router
from overstap.entrypoints.api.streams import EventStream, Wanted, begin_at
from overstap.workflow.run import Kind

router = Router(tags=["events"])

LastEventId = Annotated[str | None, Header(max_length=200, description="Go on behind the event with this id.")]
_PROBLEM = {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of events: `id` is the place to go on from, `event` the kind of the entry, `data` the "
        "entry as JSON, with its `run_id` and `tenant_id`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    410: {"description": "The Last-Event-ID is too old, or none of this server's.", "content": {MEDIA_TYPE: _PROBLEM}},
}


@router.get("/events", responses=_ANSWERS, response_class=StreamingResponse)
async def stream_events(
    call: Called,
    request: Request,
    kind: Annotated[list[Kind] | None, Query(max_length=50, description="Only entries of these kinds.")] = None,
    tenant: One = None,
    last_event_id: LastEventId = None,
) -> EventStream:
    """Every journal entry from now on, or from behind `Last-Event-ID` on, each once and in the order of its run.

    Open the stream first and read the runs then: so nothing is missed between the two. A tenant's token sees its own.
    """
    own = call.principal.tenant_id
    if tenant is not None:
        own = (await run_in_threadpool(call.tenant, tenant)).id
    after = await begin_at(call, last_event_id)
    return EventStream(request, call, after, Wanted(tenant_id=own, kinds=frozenset(kind or ())))


@router.get("/runs/{run_id}/events", responses=_ANSWERS, response_class=StreamingResponse)
async def stream_run(call: Called, request: Request, run_id: RunId, last_event_id: LastEventId = None) -> EventStream:
    """The journal entries of a run from now on, or from behind `Last-Event-ID` on, to its end.

    The last event is an `end` with where the run ended; a browser has to close its `EventSource` then. Open the stream
    first and read the run then: so nothing is missed between the two.
    """
    stored = await run_in_threadpool(call.app.service.run, known(run_id))
    after = await begin_at(call, last_event_id)
    return EventStream(request, call, after, Wanted(stored.run.tenant_id, stored.run.id))
