"""The commands of docs/operating.md, as somebody would copy them from it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "operating.md"
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(overstap [^`]+)`")


def sections() -> dict[str, str]:
    """The text under each heading."""
    _, *parts = _SECTION.split(PAGE.read_text(encoding="utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def steps(section: str) -> list[list[str]]:
    """The commands of a section's blocks, in their order, without `overstap`."""
    lines = [line for block in _FENCE.findall(sections()[section]) for line in block.splitlines()]
    return [arguments(line) for line in lines if line.strip()]


def mentioned() -> list[str]:
    """Every command of the page: those of the blocks, and those in its sentences."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = [line.strip() for block in _FENCE.findall(text) for line in block.splitlines() if line.strip()]
    return sorted({shlex.join(["overstap", *arguments(line)]) for line in [*blocks, *_INLINE.findall(text)]})


def arguments(line: str) -> list[str]:
    """What a line gives to `overstap`."""
    program, *rest = shlex.split(line, comments=True)
    assert program == "overstap", line
    return rest
