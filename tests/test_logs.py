"""Logs: JSON lines outside a terminal, colour in one, libraries through the same renderer."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from overstap.logs import configure_logs
from overstap.settings import LogSettings


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("overstap")
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_outside_a_terminal_each_line_is_json_with_level_name_and_what_is_bound() -> None:
    stream = io.StringIO()
    configure_logs(LogSettings(), stream)
    structlog.contextvars.bind_contextvars(tenant="t1")
    structlog.get_logger("overstap.app").info("claimed", run="r1", until=datetime(2026, 1, 2, tzinfo=UTC))
    [line] = lines(stream)
    moment = datetime.fromisoformat(str(line.pop("timestamp")))
    assert UTC.utcoffset(None) == moment.utcoffset()
    expected = {
        "event": "claimed",
        "level": "info",
        "logger": "overstap.app",
        "run": "r1",
        "tenant": "t1",
        "until": "2026-01-02 00:00:00+00:00",
    }
    assert expected == line


@pytest.mark.parametrize(
    ("form", "stream", "starts_with"),
    [
        ("auto", io.StringIO, "{"),
        ("auto", Terminal, "\x1b["),
        ("json", Terminal, "{"),
        ("console", io.StringIO, "2"),
    ],
)
def test_the_format_follows_the_stream_unless_it_is_set(form: str, stream: type[io.StringIO], starts_with: str) -> None:
    out = stream()
    configure_logs(LogSettings.model_validate({"format": form}), out)
    structlog.get_logger("overstap.app").info("claimed")
    assert out.getvalue().startswith(starts_with)


def test_libraries_speak_from_warning_on_through_the_same_renderer() -> None:
    stream = io.StringIO()
    configure_logs(LogSettings(level="debug"), stream)
    logging.getLogger("apscheduler").info("not this")
    logging.getLogger("apscheduler").warning("missed by %s", "2s")
    assert [("missed by 2s", "apscheduler")] == [(line["event"], line["logger"]) for line in lines(stream)]


@pytest.mark.parametrize(("level", "heard"), [("debug", 3), ("info", 2), ("warning", 1), ("error", 0)])
def test_overstap_speaks_from_its_level_on(level: str, heard: int) -> None:
    stream = io.StringIO()
    configure_logs(LogSettings.model_validate({"level": level}), stream)
    log = structlog.get_logger("overstap.app")
    log.debug("a")
    log.info("b")
    log.warning("c")
    assert heard == len(lines(stream))


def test_an_exception_is_told_without_local_variables() -> None:
    stream = io.StringIO()
    configure_logs(LogSettings(), stream)
    secret = "value-" * 3
    try:
        raise ValueError(len(secret))
    except ValueError:
        structlog.get_logger("overstap.app").exception("broken")
    assert ("broken", False) == (lines(stream)[0]["event"], secret in stream.getvalue())
    assert "ValueError" in stream.getvalue()


def test_configuring_again_replaces_what_was_before() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logs(LogSettings(), first)
    configure_logs(LogSettings(), second)
    structlog.get_logger("overstap.app").info("once")
    assert ("", 1) == (first.getvalue(), len(lines(second)))
