"""Kinds of values that settings have, read with errors that say how to write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from overstap.clock import parse_duration, parse_moment


class Section(BaseModel):
    """A section of settings: read once, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _duration(value: Any) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        return parse_duration(value)
    raise ValueError("write a duration as text, like 250ms, 2s, 1h30m or 14d")


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


def _moment(value: Any) -> Any:
    return parse_moment(value) if isinstance(value, str) else value


def _in_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def _one_is_several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _urls(value: Any) -> Any:
    # Said here and not by pydantic, which would show what it found: the URLs have passwords in them.
    if not isinstance(value, list | tuple) or not all(isinstance(one, str | SecretStr) and one for one in value):
        raise ValueError('write a list of URLs, like ["mailto://…", "slack://…"]')
    return value


def _interval(value: Any) -> Any:
    if value is None or value == "" or isinstance(value, timedelta):
        return value or None
    parts = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None or not int(parts[1]):
        raise ValueError("write a rate as text, like 10/s, 600/m or 10000/10m")
    per = parse_duration(parts[2] if parts[2][0].isdigit() else f"1{parts[2]}")
    # Rounded up: what is a microsecond too short would be a call too many some day.
    return max(timedelta(microseconds=1), -(-per // int(parts[1])))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # each is raised for some of the names that are none
        raise ValueError(f"{name!r} is no time zone; write one like UTC or Europe/Amsterdam") from None
    return name


_RATE = re.compile(r"(\d{1,9})\s*/\s*((?:\d+(?:\.\d+)?)?(?:ms|s|m|h|d).*)")

Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[timedelta, Field(gt=timedelta(0)), BeforeValidator(_duration)]
Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_in_utc)]
Interval = Annotated[timedelta | None, BeforeValidator(_interval)]
"""A rate such as `10/s`, as the time between two; None for any rate."""
Several = Annotated[tuple[str, ...], BeforeValidator(_one_is_several)]
ShippedPath = Annotated[Path | None, BeforeValidator(_empty_is_none)]
Urls = Annotated[tuple[SecretStr, ...], BeforeValidator(_urls)]
Zone = Annotated[str, AfterValidator(_zone)]
