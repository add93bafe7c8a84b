"""Newer versions of the shipped workflow files, made up by changing what they say."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from overstap.settings import data_path

Document = dict[str, Any]
Change = Callable[[Document], None]


def with_shipped(folder: Path) -> Path:
    """A folder with the workflow files that come along, to the last byte."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in data_path("workflows").glob("*.v1.yaml"):
        shutil.copy(file, folder)
    return folder


def write_newer(folder: Path, *changes: Change, name: str = "plan_change", version: int = 2) -> Path:
    """A newer version of a shipped file beside it."""
    document = yaml.safe_load((data_path("workflows") / f"{name}.v1.yaml").read_text(encoding="utf-8"))
    document["version"] = version
    for change in changes:
        change(document)
    path = folder / f"{name}.v{version}.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def renamed(old: str, new: str) -> Change:
    """A state with another name."""

    def change(document: Document) -> None:
        for states in (document["chart"]["states"], document["states"]):
            items = [(new if name == old else name, spec) for name, spec in states.items()]
            states.clear()
            states.update(items)
        for spec in document["chart"]["states"].values():
            for move in spec.get("transitions", ()):
                move["target"] = new if move["target"] == old else move["target"]

    return change


def steps(state: str, *names: str) -> Change:
    """A state with these steps."""
    return put(state, steps=list(names))


def put(state: str, **values: Any) -> Change:
    """A state whose entry says something else; None leaves a key out."""

    def change(document: Document) -> None:
        spec = document["states"][state]
        spec.update(values)
        for key in [key for key, value in values.items() if value is None]:
            del spec[key]

    return change


def without_move(state: str, event: str) -> Change:
    """A state that an event does not lead out of."""

    def change(document: Document) -> None:
        spec = document["chart"]["states"][state]
        spec["transitions"] = [move for move in spec["transitions"] if move["event"] != event]

    return change


def turned(state: str, event: str, target: str) -> Change:
    """A state that an event leads to another one from."""

    def change(document: Document) -> None:
        for move in document["chart"]["states"][state]["transitions"]:
            move["target"] = target if move["event"] == event else move["target"]

    return change


def without_state(state: str, *, instead: str) -> Change:
    """No such state: what led there leads to another one."""

    def change(document: Document) -> None:
        del document["chart"]["states"][state], document["states"][state]
        for name in document["chart"]["states"]:
            for move in document["chart"]["states"][name].get("transitions", ()):
                move["target"] = instead if move["target"] == state else move["target"]

    return change
