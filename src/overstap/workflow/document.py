"""Reads one YAML file into plain values and remembers the line of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Any

import yaml

from overstap.workflow.spec import Path, Problem, WorkflowError

_PLAIN = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:null")
_BOOL = "tag:yaml.org,2002:bool"


class _Loader(yaml.SafeLoader):
    """YAML without its surprises: `on` and `off` are words, dates are words, there are no aliases."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own name for it
        first: [(tag, form) for tag, form in forms if tag in _PLAIN or (tag == _BOOL and first in "tTfF")]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it out
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed; write it out", mark)
        return super().compose_node(parent, index)


class Document:
    """A YAML file as plain values.

    Attributes:
        path: the file.
        content: its bytes.
        data: mappings, lists and scalars.
        problems: what is wrong with it as YAML: keys given twice, keys that are no text.
    """

    def __init__(self, path: FilePath, content: bytes) -> None:
        self.path = path
        self.content = content
        self.problems: list[Problem] = []
        self._lines: dict[Path, int] = {(): 1}
        try:
            loader = _Loader(content.decode("utf-8-sig"))
            try:
                root = loader.get_single_node()
                self.data: Any = self._read(loader, root, ()) if root is not None else None
            finally:
                loader.dispose()
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise WorkflowError([f"{path}:{line}: this is not UTF-8 text"]) from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
            raise WorkflowError([f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {reason}"]) from None
        except RecursionError:
            raise WorkflowError([f"{path}:1: not usable: it is nested too deeply"]) from None

    def line(self, at: Path) -> int:
        """The line of a place, counted from 1; of its nearest parent when the file does not have it."""
        while at not in self._lines:
            at = at[:-1]
        return self._lines[at]

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Stop when there are problems.

        Raises:
            WorkflowError: with all of them, by line.
        """
        found = sorted({(self.line(problem.at), problem.reason) for problem in problems})
        if found:
            raise WorkflowError(f"{self.path}:{line}: {reason}" for line, reason in found)

    def _read(self, loader: _Loader, node: yaml.Node, at: Path) -> Any:
        self._lines.setdefault(at, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return dict(self._entries(loader, node, at))
        if isinstance(node, yaml.SequenceNode):
            return [self._read(loader, item, (*at, index)) for index, item in enumerate(node.value)]
        try:
            return loader.construct_object(node)
        except (ValueError, KeyError, TypeError, AttributeError):  # what PyYAML raises for `!!int many`
            self.problems.append(Problem(at, f"{node.value!r} cannot be read as {node.tag.rsplit(':')[-1]}"))
            return None

    def _entries(self, loader: _Loader, node: yaml.MappingNode, at: Path) -> Iterable[tuple[str, Any]]:
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else "(a list or mapping)"
            if key_node.tag != "tag:yaml.org,2002:str":
                place = (*at, str(key))
                self._lines.setdefault(place, line)
                self.problems.append(Problem(place, f"the key {key!r} is not text; put it in quotes"))
                continue
            place = (*at, key)
            if key in seen:
                again = (*at, key, "(again)")
                self._lines[again] = line
                self.problems.append(Problem(again, f"the key {key!r} is given twice; line {seen[key]} has it too"))
                continue
            seen[key] = line
            self._lines[place] = line
            yield key, self._read(loader, value_node, place)


def read_document(path: FilePath) -> Document:
    """Read a YAML file.

    Raises:
        WorkflowError: when there is no such file, or it is not YAML.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WorkflowError([f"{path}:1: the file cannot be read: {error.strerror}"]) from None
    return Document(path, content)


def as_mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is a mapping, else an empty one; for looking on after a problem was noted."""
    return value if isinstance(value, Mapping) else {}
