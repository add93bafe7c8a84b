"""Read the settings from where they are given, and say which place is at fault when one is wrong."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from inspect import isclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from overstap.errors import BadInput
from overstap.settings.model import TOGETHER, Settings, data_path

COMMAND_LINE = "command line"
ENVIRONMENT = "environment"

Location = tuple[int | str, ...]


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Read all settings; what is given here wins over the environment, that over the file, that over the defaults.

    Args:
        config: the file; None takes the one that `OVERSTAP_CONFIG` names, else the one that comes with Overstap.
        overrides: fields of `Settings` as the command line gives them; None means not given.

    Raises:
        BadInput: when a file or a value cannot be read, with all problems: place, key, what was expected.
    """
    file = config or Path(os.environ.get("OVERSTAP_CONFIG") or data_path("settings"))
    # In the order of who wins.
    sources: dict[str, Mapping[str, Any]] = {
        COMMAND_LINE: {key: value for key, value in overrides.items() if value is not None},
        ENVIRONMENT: _read_environment(),
        str(file): _read_file(file),
    }
    merged: dict[str, Any] = {}
    for values in reversed(sources.values()):
        merged = _merge(merged, values)
    try:
        return Settings(**merged)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise BadInput("\n".join(_sentence(problem, sources) for problem in problems)) from None


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{file}: cannot read the settings: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{file}: expected a TOML file in UTF-8: {error}") from None


def _read_environment() -> dict[str, Any]:
    try:
        return EnvSettingsSource(Settings)()
    except SettingsError as error:
        reason = error.__cause__ or error
        raise BadInput(f"{ENVIRONMENT}: {error}: expected JSON or one variable for each field: {reason}") from None


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _sentence(problem: ErrorDetails, sources: Mapping[str, Mapping[str, Any]]) -> str:
    location = problem["loc"]
    fields = problem["ctx"]["fields"] if problem["type"] == TOGETHER else ()
    place = _place(location, sources, fields)
    if problem["type"] == "extra_forbidden":
        section = _model_at(location[:-1])
        return f"{place}: no such setting; allowed here: {', '.join(sorted(section.model_fields))}"
    reason = problem["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    if problem["type"] in {"missing", "value_error", TOGETHER}:
        return f"{place}: {reason}"
    return f"{place}: {reason}, found {problem['input']!r}"


def _place(location: Location, sources: Mapping[str, Mapping[str, Any]], fields: Sequence[str] = ()) -> str:
    """The source of the value (for what is missing: of its section), and the key as that source writes it.

    Args:
        fields: of the section, where several do not go together: the first source that gives one of them is meant.
    """
    for source, values in sources.items():
        for field in fields:
            if _has(values, (*location, field)):
                return f"{source}: {_key(source, (*location, field))}"
    for length in range(len(location), 0, -1):
        for source, values in sources.items():
            if _has(values, location[:length]):
                return f"{source}: {_key(source, location)}"
    return _key("", location)


def _has(values: Any, location: Sequence[int | str]) -> bool:
    for part in location:
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _key(source: str, location: Location) -> str:
    if source == ENVIRONMENT:
        return "OVERSTAP_" + "__".join(str(part).upper() for part in location)
    words = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(words).removeprefix(".")


def _model_at(location: Location) -> type[BaseModel]:
    """The model whose field would be at the end of the location."""
    kind: Any = Settings
    for part in location:
        if isclass(kind) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(part)].annotation
        else:
            kind = next(argument for argument in reversed(get_args(kind)) if argument is not ...)
    model: type[BaseModel] = kind
    return model
