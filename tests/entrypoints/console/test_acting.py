"""What is done from a page is done once, and kept in one line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from overstap.entrypoints.console.acting import Act, in_one_line
from overstap.language import lazy_gettext


def act(done: list[str], *, is_open: bool) -> Act:
    """An act whose dialog is open or closed, with a page that there is not."""

    async def do(_command: str, perform: Any, reason: str) -> Any:
        return perform(reason)

    there = SimpleNamespace(value=is_open)
    there.close = lambda: setattr(there, "value", False)
    button = SimpleNamespace(disable=lambda: None, enable=lambda: None, props=lambda *_, **__: None)
    visit: Any = SimpleNamespace(do=do, say=str, may=lambda _: True)
    made = Act(visit=visit, command="pause", label=lazy_gettext("Pause"), perform=done.append, then=lambda _: None)
    widgets: dict[str, Any] = {
        "_dialog": there,
        "_go": button,
        "_said": SimpleNamespace(set_content=lambda _: None),
        "_given": SimpleNamespace(value="first\nsecond "),
    }
    for name, one in widgets.items():
        setattr(made, name, one)
    return made


def test_a_second_press_that_comes_after_the_first_was_done_does_nothing() -> None:
    done: list[str] = []
    pressed = act(done, is_open=True)
    for _ in range(2):
        with pytest.raises(StopIteration):  # it ends without waiting for anything; other tests here have a loop
            pressed._perform().send(None)
    assert ["first second"] == done


@pytest.mark.parametrize(("text", "kept"), [(None, ""), (" \n ", ""), (" a\r\nb ", "a b"), ("x" * 3000, "x" * 2000)])
def test_what_is_written_in_several_lines_is_kept_in_one(text: str | None, kept: str) -> None:
    assert kept == in_one_line(text)
