"""The envelope around the chart: which keys a workflow file may have, and what they may hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from overstap.clock import format_duration, parse_duration
from overstap.workflow.spec import Chart, Deadline, Path, Problem, RetryPolicy, StateSpec


def _duration(value: object) -> timedelta:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a duration; write it like 250ms, 2s, 1h30m or 14d")  # noqa: TRY004 - pydantic
    duration = parse_duration(value)
    if duration <= timedelta(0):
        raise ValueError(f"{value!r} is too short; a duration is above 0")
    return duration


Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", strict=True)]
Span = Annotated[timedelta, BeforeValidator(_duration)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Retry(_Part):
    first: Span = timedelta(seconds=2)
    factor: float = Field(default=2.0, ge=1, strict=True, allow_inf_nan=False)
    most: Span = timedelta(minutes=5)
    jitter: float = Field(default=0.2, ge=0, le=1, strict=True)
    attempts: int | None = Field(default=None, ge=1, strict=True)

    @model_validator(mode="after")
    def _grows(self) -> _Retry:
        if self.most < self.first:
            shown = f"{format_duration(self.most)}) is shorter than the first ({format_duration(self.first)})"
            raise ValueError(f"the longest wait (most: {shown}")
        return self


class _Deadline(_Part):
    after: Span
    event: Word
    fixed: bool = Field(default=False, strict=True)


class _State(_Part):
    steps: list[Word] = []
    on_done: Word | None = None
    on_stop: Word | None = None
    signals: list[Word] = Field(default=[], alias="await")
    deadline: _Deadline | None = None
    retry: _Retry = _Retry()
    locks: list[Word] = []


class Envelope(_Part):
    """A whole workflow file; the chart is checked by its own schema."""

    workflow: Word
    version: int = Field(ge=1, strict=True)
    description: str = ""
    chart: dict[str, Any]
    states: dict[str, _State]

    def specs(self, chart: Chart) -> dict[str, StateSpec]:
        """What is done in each state of the chart, in its order."""
        return {name: _spec(name, self.states.get(name, _State()), name in chart.finals) for name in chart.moves}


def _spec(name: str, state: _State, final: bool) -> StateSpec:  # noqa: FBT001 - private
    return StateSpec(
        name=name,
        steps=tuple(state.steps),
        on_done=state.on_done,
        on_stop=state.on_stop,
        signals=frozenset(state.signals),
        deadline=Deadline(**dict(state.deadline)) if state.deadline else None,
        retry=RetryPolicy(**{key: getattr(state.retry, key) for key in _Retry.model_fields}),
        locks=frozenset(state.locks),
        final=final,
    )


def read_envelope(data: Any) -> tuple[Envelope | None, list[Problem]]:
    """Read a document as a workflow file.

    Returns:
        The envelope (None when something is wrong) and what is wrong with it.
    """
    try:
        return Envelope.model_validate(data), []
    except ValidationError as error:
        return None, [_problem(details) for details in error.errors()]


def _problem(details: Mapping[str, Any]) -> Problem:
    at: Path = details["loc"]
    key = at[-1] if at else ""
    match details["type"]:
        case "extra_forbidden":
            return Problem(at, f"unknown key {key!r}; allowed here: {', '.join(_allowed(at[:-1]))}")
        case "missing":
            return Problem(at, f"the key {key!r} is missing")
        case "model_type" | "model_attributes_type" | "dict_type":
            allowed = ", ".join(_allowed(at))
            return Problem(at, f"a mapping is expected here{f', with the keys {allowed}' if allowed else ''}")
        case "string_pattern_mismatch":
            shown = f"{details['input']!r} is not a name"
            return Problem(at, f"{shown}; write lower-case letters, digits and underscores, a letter first")
        case "value_error":
            return Problem(at, str(details["ctx"]["error"]))
        case _:
            return Problem(at, f"{key}: {details['msg'][0].lower()}{details['msg'][1:]}, not {details['input']!r}")


def _allowed(at: Path) -> list[str]:
    model: type[BaseModel] | None = None
    match at:
        case ():
            model = Envelope
        case ("states", _):
            model = _State
        case ("states", _, "deadline"):
            model = _Deadline
        case ("states", _, "retry"):
            model = _Retry
    return [field.alias or name for name, field in model.model_fields.items()] if model else []
