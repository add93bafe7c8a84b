"""How given data is checked against a model, and how each problem is told: file, place, what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from overstap.errors import BadInput

M = TypeVar("M", bound=BaseModel)

_OF_KEY = "[key]"  # pydantic's last step when a key is wrong, not its value
_UNSTORABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters, and halves of surrogate pairs
_SHOWN = 10
_LONGEST = 40
_EXPECTED = {
    "bool_type": "true or false",
    "datetime_from_date_parsing": "a moment such as 2014-05-01T09:30:00Z",
    "datetime_parsing": "a moment such as 2014-05-01T09:30:00Z",
    "datetime_type": "a moment such as 2014-05-01T09:30:00Z",
    "dict_type": "an object",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "an object",
    "string_too_short": "a text that is not empty",
    "string_type": "a text",
    "string_unicode": "a text of valid characters",
    "timezone_aware": "a moment with its time zone, such as 2014-05-01T09:30:00Z",
    "tuple_type": "a list",
}


def expected(words: str) -> PydanticCustomError:
    """The error by which a validator says what it expected, e.g. `a GUID`; `read_model` writes the rest."""
    return PydanticCustomError("expected", "{words}", {"words": words})


def _guid(value: object) -> str:
    try:
        return str(UUID(value)) if isinstance(value, str) and len(value) == len(str(UUID(int=0))) else _no_guid()
    except ValueError:
        return _no_guid()


def _no_guid() -> str:
    raise expected("a GUID")


def _text_of_moment(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise expected(_EXPECTED["datetime_type"])
    return value


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _printable(value: str) -> str:
    if _UNSTORABLE.search(value):
        raise expected("a text without control characters")
    return value


def one_line(text: str, what: str) -> str:
    """A text that somebody gave, as it can be kept and shown to others: one line, something in it, no blanks around it.

    Args:
        what: how messages name it, e.g. `The reason`.

    Raises:
        BadInput: when it is empty, or has control characters, which a terminal would obey.
    """
    line = text.strip()
    if not line:
        raise BadInput(f"{what} is empty: write something that is not a space.")
    if _UNSTORABLE.search(line):
        raise BadInput(f"{what} has control characters, such as a line break: write it in one plain line.")
    return line


TextOrNothing = Annotated[StrictStr, AfterValidator(_printable)]
"""A line of text, maybe empty."""

Text = Annotated[StrictStr, Field(min_length=1), AfterValidator(_printable)]
"""A line of text that is not empty."""

Guid = Annotated[str, BeforeValidator(_guid)]
"""A GUID, kept in lower case."""

Count = Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]
"""How many of something; never below zero."""

Moment = Annotated[AwareDatetime, BeforeValidator(_text_of_moment), AfterValidator(_in_utc)]
"""A moment with its time zone, kept in UTC."""


def read_model(model: type[M], data: object, file: str, root: str = "") -> M:
    """Check data against a model.

    Args:
        model: what is expected.
        data: plain values as a JSON or TOML reader gives them.
        file: how the messages name the file.
        root: what every place starts with: `$` for JSON paths, nothing for TOML.

    Raises:
        BadInput: with one line for each of the first ten problems: `file: place: expected …, found …`.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        lines = [f"{file}: {place(root, problem['loc'])}: {_reason(problem, model)}" for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            lines.append(f"{file}: and {len(problems) - _SHOWN} more")
        raise BadInput("\n".join(lines)) from None


def place(root: str, steps: Sequence[int | str]) -> str:
    """Write a place in a document as a path, e.g. `$.value[3].skuId` or `pairs[3].to`."""
    path = root
    for step in steps:
        if step == _OF_KEY:
            continue
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.replace("_", "a").isalnum():
            path += f".{step}" if path else step
        else:
            path += f"[{step!r}]"
    return path or "the whole file"


def show(value: object) -> str:
    """Write a value that was found, shortened, in the words of JSON and TOML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _reason(problem: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return f"is not known here; known are {', '.join(_keys_beside(problem['loc'], model))}"
    if kind == "value_error":
        return str(context["error"])
    words = _EXPECTED.get(kind) or _expected_of(kind, context) or problem["msg"]
    return f"expected {words}, found {show(problem['input'])}"


def _expected_of(kind: str, context: Mapping[str, Any]) -> str | None:
    match kind:
        case "expected":
            return str(context["words"])
        case "enum" | "literal_error":
            return f"one of {context['expected']}"
        case "greater_than_equal":
            return f"a number from {context['ge']} on"
        case "less_than_equal":
            return f"a number up to {context['le']}"
    return None


def _keys_beside(steps: Sequence[int | str], model: type[BaseModel]) -> list[str]:
    """The keys that the object may have in which an unknown one was found."""
    here: Any = model
    for step in steps[:-1]:
        if isinstance(step, str) and _is_model(here):
            names = {(field.alias or name): field.annotation for name, field in here.model_fields.items()}
            here = names.get(step, here)
        here = _innermost(here)
    return sorted(field.alias or name for name, field in here.model_fields.items()) if _is_model(here) else []


def _innermost(annotation: Any) -> Any:
    if _is_model(annotation):
        return annotation
    inner = [found for part in getattr(annotation, "__args__", ()) if _is_model(found := _innermost(part))]
    return inner[0] if inner else annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
