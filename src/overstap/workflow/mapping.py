"""What an operator says about states and steps that have another name or place in a newer version: `OLD=NEW`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from overstap.errors import BadInput
from overstap.workflow.definition import Definition


class Place(NamedTuple):
    """A state, or one step in it."""

    state: str
    step: str | None = None

    def __str__(self) -> str:
        return self.state if self.step is None else f"{self.state}/{self.step}"


def read_mapping(texts: Sequence[str], olds: Iterable[Definition], new: Definition) -> Mapping[Place, Place]:
    """Read maps such as `credit_check=bureau_check` or `migrating/move_users=moving/move_users`.

    Args:
        olds: the older versions that are here; a map's left side is of at least one of them.

    Raises:
        BadInput: when a map cannot be read, names what does not exist, or two speak of the same place.
    """
    olds = list(olds)
    mapping: dict[Place, Place] = {}
    for text in texts:
        left, right = _read(text)
        if left in mapping:
            raise BadInput(f"--map {text}: {left} is mapped twice, to {mapping[left]} and to {right}; give one.")
        if olds and not any(_has(old, left) for old in olds):
            known = _known(left, olds)
            raise BadInput(f"--map {text}: no older version of {new.name} has {_named(left)}; {known}.")
        if not _has(new, right):
            raise BadInput(f"--map {text}: {new.name} v{new.version} has no {_named(right)}; {_known(right, [new])}.")
        if new.states[right.state].final:
            raise BadInput(
                f"--map {text}: {right.state} is an end, and a run comes to its end by its own work, by no map."
            )
        mapping[left] = right
    return mapping


def _read(text: str) -> tuple[Place, Place]:
    sides = [side.strip() for side in text.split("=")]
    parts = [[part.strip() for part in side.split("/")] for side in sides]
    # A step alone on one side would not say what becomes of the others of its state.
    if len(parts) != 2 or len(parts[0]) != len(parts[1]) or len(parts[0]) > 2 or not all(map(all, parts)):  # noqa: PLR2004
        raise BadInput(
            f"--map {text}: write OLD=NEW with a state on each side, or OLD/STEP=NEW/STEP with a step in each."
        )
    return Place(*parts[0]), Place(*parts[1])


def _has(definition: Definition, place: Place) -> bool:
    spec = definition.states.get(place.state)
    return spec is not None and (place.step is None or place.step in spec.steps)


def _named(place: Place) -> str:
    return f"state {place.state}" if place.step is None else f"step {place.step} in a state {place.state}"


def _known(place: Place, definitions: Iterable[Definition]) -> str:
    specs = [one.states[place.state] for one in definitions if place.state in one.states]
    if specs and place.step is not None:
        steps = sorted({step for spec in specs for step in spec.steps})
        return f"the steps there are {', '.join(steps) or 'none'}"
    names = sorted({name for one in definitions for name, spec in one.states.items() if not spec.final})
    return f"states are {', '.join(names)}"
