"""Text that nobody could keep, show or mean is refused where it comes in, and nothing is written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Rows = Callable[[], dict[str, int]]

BAKERY = "fc02e7ee-86ce-5ef3-b6a3-802cdf1b084d"
PLAN = "f67cc92b-6278-5489-881d-f3ad7cd223ef"
NO_RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
RED = "\x1b[31mred"
ORDER = ("submit", BAKERY, PLAN, "small-business-premium")


@pytest.mark.parametrize(
    "arguments",
    [
        (*ORDER, "--as"),
        (*ORDER, "--key"),
        ("eligibility", BAKERY, PLAN, "e3", "--as"),
        ("quote", BAKERY, PLAN, "e3", "--as"),
        ("options", BAKERY, "--as"),
        ("licences", "assign", BAKERY, PLAN),
        ("licences", "assign", BAKERY, PLAN, "somebody", "--reason"),
        ("licences", "unassign", BAKERY, PLAN, "somebody", "--as"),
        ("subscriptions", "cancel", BAKERY, PLAN, "--key"),
        ("subscriptions", "buy", BAKERY, "e3", "--seats", "1", "--reason"),
        ("portal", "open", BAKERY, "--as"),
        ("signal", NO_RUN, "cancel", "--reason"),
        ("tasks", "done", f"{NO_RUN}-2", "--by", "a@b", "--note"),
        ("tasks", "done", f"{NO_RUN}-2", "--note", "done", "--by"),
    ],
    ids=lambda arguments: " ".join(arguments[:2] + arguments[-1:]),
)
@pytest.mark.parametrize(
    ("text", "words"), [("  ", "is empty"), (RED, "has control characters"), ("two\nlines", "has control characters")]
)
def test_a_text_that_is_no_plain_line_is_refused(
    cli: Cli, rows: Rows, arguments: tuple[str, ...], text: str, words: str
) -> None:
    before = rows()

    said = cli(*arguments, text)

    assert (2, "") == (said.code, said.out)
    assert words in said.err
    assert before == rows()


@pytest.mark.parametrize(
    "command",
    [("options", BAKERY), ("eligibility", BAKERY, PLAN, "e3"), ("quote", BAKERY, PLAN, "e3"), ("tasks", "list"),
     ("tasks", "show", f"{NO_RUN}-2"), (*ORDER,)],
    ids=lambda command: " ".join(command[:2]),
)  # fmt: skip
def test_a_language_that_there_is_not_is_a_usage_error_everywhere(cli: Cli, command: tuple[str, ...]) -> None:
    said = cli(*command, "--locale", "fr")

    assert (2, "") == (said.code, said.out)
    assert "choose nl or en" in said.err


@pytest.mark.parametrize("task", ["nonsense", f"{NO_RUN}-", f"{NO_RUN}-{'9' * 5000}", f"{NO_RUN}-\u0663", NO_RUN])
def test_what_cannot_be_a_task_is_not_found(cli: Cli, task: str) -> None:
    said = cli("tasks", "show", task)

    assert (3, "") == (said.code, said.out)
    assert "internal error" not in said.err


def test_an_argument_that_is_no_utf_8_is_a_usage_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "overstap", "tenants", "show", b"\xff"]

    done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=False)

    assert (2, b"") == (done.returncode, done.stdout)
    assert b"argument 3 is no UTF-8 text" in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_refused_order_that_lacks_the_acknowledgement_says_how_to_give_it(cli: Cli) -> None:
    said = cli("submit", BAKERY, PLAN, "e3")

    assert said.code == 1
    assert "overstap submit --acknowledge" in said.err
