"""The workflows of a folder, and the record of which of them are released."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from overstap.errors import NotFound
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.lint import Steps
from overstap.workflow.spec import WorkflowError

RELEASED = "released.toml"
_FILE = re.compile(r"([a-z][a-z0-9_]*)\.v([1-9]\d*)\.yaml")


class Library:
    """Every workflow that this installation knows, by name and version."""

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._by_version = {(each.name, each.version): each for each in definitions}

    def all(self) -> list[Definition]:
        """All of them, by name and version."""
        return [self._by_version[key] for key in sorted(self._by_version)]

    def get(self, name: str, version: int) -> Definition:
        """The workflow a run was pinned to at its submission.

        Raises:
            NotFound: when it is not here; the text names what is.
        """
        try:
            return self._by_version[name, version]
        except KeyError:
            raise NotFound(f"There is no workflow {name} v{version}. {self._known()}") from None

    def locks(self, name: str, version: int, state: str) -> frozenset[str]:
        """What a run in a state of a workflow locks for its tenant.

        Raises:
            NotFound: when the workflow is not here.
        """
        return self.get(name, version).states[state].locks

    def latest(self, name: str) -> Definition:
        """The workflow that a new run of this name follows: the highest version.

        Raises:
            NotFound: when no version is here.
        """
        versions = [version for known, version in self._by_version if known == name]
        if not versions:
            raise NotFound(f"There is no workflow {name}. {self._known()}")
        return self._by_version[name, max(versions)]

    def _known(self) -> str:
        return f"Known are: {', '.join(f'{each.name} v{each.version}' for each in self.all()) or 'none'}."


def load_library(folder: Path, steps: Steps | None) -> Library:
    """Read and check all workflow files of a folder, NAME.vN.yaml each.

    A file that `released.toml` lists never changes again: runs are pinned to its content.

    Args:
        folder: where the files are.
        steps: registered step name -> the events it may emit; None does not check steps.

    Raises:
        WorkflowError: with every problem of every file.
    """
    if not folder.is_dir():
        raise WorkflowError([f"{folder}:1: there is no such folder of workflows"])
    problems: list[str] = []
    definitions: list[Definition] = []
    for path in sorted(file for file in folder.iterdir() if file.suffix in {".yaml", ".yml"}):
        try:
            definitions.append(_load(path, steps))
        except WorkflowError as error:
            problems += error.problems
    try:
        problems += _released(folder, definitions)
    except WorkflowError as error:
        problems += error.problems
    if problems:
        raise WorkflowError(problems)
    return Library(definitions)


def _load(path: Path, steps: Steps | None) -> Definition:
    named = _FILE.fullmatch(path.name)
    if named is None:
        raise WorkflowError([f"{path}:1: a workflow file is named NAME.vN.yaml, like plan_change.v1.yaml"])
    definition = load_definition(path, steps)
    if (definition.name, definition.version) != (named[1], int(named[2])):
        told = f"the file says {definition.name} version {definition.version}"
        expected = f"{definition.name}.v{definition.version}.yaml"
        raise WorkflowError([f"{path}:1: {told}, its name says otherwise; name it {expected} or change what it says"])
    return definition


def _released(folder: Path, definitions: list[Definition]) -> list[str]:
    path = folder / RELEASED
    if not path.exists():
        return []
    try:
        record = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WorkflowError([f"{path}:1: not valid TOML: {error}"]) from None
    problems = []
    digests = {(each.name, f"v{each.version}"): each.digest for each in definitions}
    for name, versions in record.items():
        if not isinstance(versions, dict) or not all(isinstance(digest, str) for digest in versions.values()):
            problems.append(
                f'{path}:1: {name!r} is not of the form `NAME.vN = "DIGEST"`, like `plan_change.v1 = "3f…"`'
            )
            continue
        for version, digest in versions.items():
            file = folder / f"{name}.{version}.yaml"
            if not file.exists():
                problems.append(f"{file}:1: the released file is missing; runs may follow it: put it back")
            elif digests.get((name, version), digest) != digest:
                present = digests[name, version]
                problems.append(
                    f"{file}:1: the released file has changed: its digest is {present}, released was {digest}; "
                    f"put it back, and make the change in a new version"
                )
    return problems
