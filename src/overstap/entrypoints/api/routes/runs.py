"""Runs: found, counted, looked at, explained; as they are and as they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query
from typing_extensions import TypedDict

from overstap.app.finding import By, Sort
from overstap.domain.run_filter import RunFilter
from overstap.entrypoints import run_shapes, shapes
from overstap.entrypoints.api.call import Call, Called
from overstap.entrypoints.api.routes.pages import Items, Page
from overstap.entrypoints.api.routes.params import MOST, Cursor, Duration, Limit, Moment, RunId, Seq, limited
from overstap.entrypoints.api.routing import Answer, Router, problems
from overstap.entrypoints.run_shape_types import RunCompared, RunEffect, RunEntry, RunExplained, RunSignal, RunWhole
from overstap.entrypoints.shape_types import RunSummary
from overstap.errors import BadInput
from overstap.store.runs import StoredRun
from overstap.workflow.run import Status

router = Router(tags=["runs"])

T = TypeVar("T")


class Counted(TypedDict):
    """How many runs there are of each sort."""

    by: By
    counts: dict[str, int]


LAST = 1000
"""Entries and effects of a run that its own page has at most; `/journal` has them all."""
Several = Annotated[list[str] | None, Query(max_length=50)]
One = Annotated[str | None, Query(min_length=1, max_length=200)]


def _chosen(
    saved: Annotated[str | None, Query(alias="filter", max_length=200, description="A filter of the settings.")] = None,
    state: Several = None,
    status: Annotated[list[Status] | None, Query(max_length=10)] = None,
    tenant: One = None,
    plan: One = None,
    workflow: One = None,
    version: Annotated[int | None, Query(ge=1, le=MOST)] = None,
    stuck: bool | None = None,
    escalated: bool | None = None,
    overdue: bool | None = None,
    held: bool | None = None,
    error: One = None,
    older_than: Annotated[Duration | None, Query(description="Created longer ago, such as 1h30m.")] = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> dict[str, Any]:
    several = {"state": tuple(state) if state else None, "status": tuple(map(str, status)) if status else None}
    exact = {"tenant": tenant, "plan": plan, "workflow": workflow, "version": version, "error": error}
    flags = {"stuck": stuck, "escalated": escalated, "overdue": overdue, "held": held}
    time = {"older_than": older_than, "since": _utc(since), "until": _utc(until)}
    return {"name": saved, **several, **exact, **flags, **time}


def _utc(given: datetime | None) -> datetime | None:
    return None if given is None else given.astimezone(UTC)


Chosen = Annotated[dict[str, Any], Depends(_chosen)]


def chosen(call: Call, given: dict[str, Any]) -> RunFilter:
    """The filter that a request asks for, within what exists for whoever asks.

    Raises:
        BadInput: when no run can ever be what it asks for.
        NotFound: when there is no such tenant.
    """
    wanted = call.app.search.filter(**given)
    own = call.principal.tenant_id
    if wanted.tenant is not None:
        return replace(wanted, tenant=call.tenant(wanted.tenant).id)
    return wanted if own is None else replace(wanted, tenant=own)


def known(run_id: str) -> str:
    """A run's id as it is stored, however it was written."""
    return run_id.strip().upper()


def tagged(stored: StoredRun, answer: T) -> Answer[T]:
    """A run's answer with the ETag that `If-Match` takes."""
    return Answer(answer, {"etag": f'"{stored.run.seq}"'})


@router.get("/runs", responses=problems(404))
def list_runs(
    call: Called, given: Chosen, sort: Sort = Sort.NEWEST, cursor: Cursor = None, limit: Limit = 50
) -> Page[RunSummary]:
    """Runs that match, a page at a time."""
    size = limited(call, limit)
    found = call.app.search.page(chosen(call, given), sort=sort, cursor=cursor, limit=size)
    return {
        "items": [shapes.run_summary(one.stored) for one in found],
        "next": found[-1].cursor if len(found) == size else None,
    }


@router.get("/runs/counts", responses=problems(404))
def count_runs(call: Called, given: Chosen, by: By = By.STATE) -> Counted:
    """How many runs match, by what they are."""
    return {"by": by, "counts": call.app.search.count(chosen(call, given), by=by)}


@router.get("/runs/{run_id}")
def show_run(call: Called, run_id: RunId) -> Answer[RunWhole]:
    """Where a run is, how long it was where and why, its last entries, effects and signals."""
    look = call.app.looking.look(known(run_id), LAST)
    return tagged(look.stored, run_shapes.run_whole(look))


@router.get("/runs/{run_id}/journal")
def list_journal(call: Called, run_id: RunId, after: Seq = 0, limit: Limit = 200) -> Page[RunEntry]:
    """The entries of a run's journal, from the one after `after` on."""
    size = limited(call, limit)
    entries = list(islice(call.app.looking.entries(known(run_id), after), size))
    return {
        "items": [run_shapes.entry(one) for one in entries],
        "next": str(entries[-1].seq) if len(entries) == size else None,
    }


@router.get("/runs/{run_id}/effects")
def list_effects(call: Called, run_id: RunId, limit: Limit = 200) -> Items[RunEffect]:
    """The last effects of a run, in the order they were intended."""
    look = call.app.looking.look(known(run_id), limited(call, limit))
    return {"items": run_shapes.run_whole(look)["effects"]}


@router.get("/runs/{run_id}/signals")
def list_signals(call: Called, run_id: RunId) -> Items[RunSignal]:
    """What came to a run from outside, and what became of it."""
    return {"items": run_shapes.run_whole(call.app.looking.look(known(run_id), LAST))["signals"]}


@router.get("/runs/{run_id}/explain")
def explain_run(call: Called, run_id: RunId) -> Answer[RunExplained]:
    """In sentences: why a run is here, what wakes it, who holds it, what comes next and what can be done."""
    found = call.app.looking.explain(known(run_id))
    spoken = call.spoken(call.app.service.tenant(found.stored.run.tenant_id) if call.principal.tenant_id else None)
    return tagged(found.stored, run_shapes.explained(found, spoken))


@router.get("/runs/{run_id}/history")
def show_history(
    call: Called,
    run_id: RunId,
    at: Moment | None = None,
    seq: Annotated[int | None, Query(ge=1, le=MOST)] = None,
    last: Limit = 200,
) -> RunWhole:
    """A run as it was at a moment, or after an entry of its journal."""
    if (at is None) == (seq is None):
        raise BadInput("Say at (a moment with its zone) or seq (an entry of the journal), and not both.")
    moment = None if at is None else at.astimezone(UTC)
    return run_shapes.run_whole(call.app.looking.back(known(run_id), at=moment, seq=seq, last=limited(call, last)))


@router.get("/runs/{run_id}/diff")
def compare_run(
    call: Called,
    run_id: RunId,
    first: Annotated[int | None, Query(alias="from", ge=0, le=MOST)] = None,
    last: Annotated[int | None, Query(alias="to", ge=0, le=MOST)] = None,
) -> RunCompared:
    """What changed in a run between two entries of its journal; 0 is before it existed."""
    return run_shapes.compared(call.app.looking.compare(known(run_id), first, last))
