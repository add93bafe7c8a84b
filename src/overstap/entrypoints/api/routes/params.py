"""What routes are given: parts of paths, queries and bodies that several of them share."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from overstap.clock import format_duration, parse_duration
from overstap.entrypoints.api.call import Call
from overstap.errors import BadInput

MOST = 2**31 - 1
"""The largest number that a column of the database holds."""

Text = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=2000, description="Why; it is kept with what was done.")]
RunId = Annotated[str, Path(min_length=1, max_length=64, description="Id of the run.")]
TenantId = Annotated[str, Path(min_length=1, max_length=64, description="Id of the tenant.")]
SubscriptionId = Annotated[str, Path(min_length=1, max_length=64, description="Id of the subscription.")]
PlanId = Annotated[str, Path(min_length=1, max_length=64, description="Id of the plan of a replay.")]
Seq = Annotated[int, Query(ge=0, le=MOST)]
Limit = Annotated[int, Query(ge=1, le=1000, description="Items of the page at most.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]


def _read_duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,6}(ms|s|m|h|d)$", "examples": ["90s", "2h", "14d"]}),
]


def _read_moment(value: Any) -> Any:
    if isinstance(value, int | float) or (isinstance(value, str) and not _DATE.match(value)):
        raise ValueError("a moment is written as 2026-03-02T12:30:00+01:00")
    return value


_DATE = re.compile(r"\d{4}-\d{2}-\d{2}[T ]")
Moment = Annotated[AwareDatetime, BeforeValidator(_read_moment)]
"""A moment with its zone; a bare number is none, whatever it would count."""


class Body(BaseModel):
    """What a request says; nothing in it that nobody reads."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Reasoned(Body):
    """An act, and why."""

    reason: Reason


def limited(call: Call, limit: int) -> int:
    """The size of a page, within what the settings allow.

    Raises:
        BadInput: when it is more.
    """
    most = call.app.settings.api.page_limit
    if limit > most:
        raise BadInput(f"limit: a page has at most {most} items here, not {limit}; `next` of its answer goes on.")
    return limit
