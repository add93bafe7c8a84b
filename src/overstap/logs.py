"""Structured logs: JSON for machines, colour in a terminal; libraries speak through the same renderer."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from overstap.settings import LogSettings

_HANDLER = "overstap"


def configure_logs(logs: LogSettings, stream: TextIO | None = None) -> None:
    """Send all logs to one stream; calling it again replaces what it did before.

    Args:
        logs: Overstap's own level (libraries speak from `warning` on), and the format.
        stream: None for standard error. With the format `auto` a terminal gets colour, anything else JSON lines.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        # The one reading of the time outside clock.py: a line tells when it was written, whatever the clock's speed.
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.name = _HANDLER
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(logs, stream)],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.name == _HANDLER]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("overstap").setLevel(logs.level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def request_id() -> str | None:
    """The id of the request over HTTP that is being answered, as its log lines carry it; None outside of one."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def _renderers(logs: LogSettings, stream: TextIO) -> list[Processor]:
    if logs.format == "console" or (logs.format == "auto" and stream.isatty()):
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=plain)]
    # Without local variables: they may hold what must not be in a log.
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(tracebacks),
        structlog.processors.JSONRenderer(default=str),
    ]
