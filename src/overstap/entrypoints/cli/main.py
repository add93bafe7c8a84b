"""The command `overstap` as a whole, and the one place where errors become exit codes.

0 done · 1 refused or failed · 2 usage · 3 not found · 4 conflict
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from overstap import __version__
from overstap.entrypoints.cli import (
    acting,
    audit,
    catalog,
    daemon,
    database,
    finding,
    licences,
    notifications,
    orders,
    pausing,
    portal,
    questions,
    rehearsal,
    replay,
    runs,
    subscriptions,
    tasks,
    tenants,
    tokens,
    webhooks,
    workflow,
)
from overstap.entrypoints.cli.face import ConfigOption, DatabaseOption, Face, general_options
from overstap.errors import OverstapError

_USAGE = 2

app = typer.Typer(
    name="overstap",
    help="Changes a customer's subscription plan, durably.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        Face.tell(f"overstap {__version__}")
        raise typer.Exit


@app.callback()
def _general(
    ctx: typer.Context,
    database_url: DatabaseOption = None,
    config: ConfigOption = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    general_options(ctx, database_url, config)


@app.command("version")
def _show_version() -> None:
    """Show the version."""
    _version(asked=True)


questions.add_to(app)
orders.add_to(app)
finding.add_to(app)
runs.add_to(app)
acting.add_to(app, runs.group)
pausing.add_to(app)
tasks.add_to(app)
notifications.add_to(app)
webhooks.add_to(app)
tenants.add_to(app)
licences.add_to(app)
subscriptions.add_to(app)
portal.add_to(app)
catalog.add_to(app)
workflow.add_to(app)
audit.add_to(app)
tokens.add_to(app)
daemon.add_to(app)
database.add_to(app)
replay.add_to(app)
rehearsal.add_to(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    sys.exit(run(arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Returns:
        The exit code.
    """
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an arrow that the terminal cannot show must not end a command
    try:
        code = _invoke(arguments, as_json=as_json) if _readable(arguments, as_json=as_json) else _USAGE
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has gone, as `head` does; nothing can be told any more, the end of the process must not try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _readable(arguments: Sequence[str], *, as_json: bool) -> bool:
    """Whether all arguments are text: what is not UTF-8 could neither be kept nor shown."""
    for number, argument in enumerate(arguments, start=1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            text = f"argument {number} is no UTF-8 text: {argument!r}"
            sys.stderr.write(f"error: {text}\n")
            if as_json:
                Face.json({"error": {"code": "usage", "message": text}})
            return False
    return True


def _invoke(arguments: Sequence[str], *, as_json: bool) -> int:
    return in_words(lambda: app(args=list(arguments), prog_name="overstap", standalone_mode=False), as_json=as_json)


def in_words(call: Callable[[], object], *, as_json: bool = False) -> int:
    """Do something, and say in a sentence what it raised.

    Returns:
        The exit code: what the call answers, 0 where that is no number.
    """
    try:
        code = call()
    except OverstapError as error:
        _report(error, as_json=as_json)
        return error.exit_code
    except typer.TyperException as error:
        return _usage(error, as_json=as_json)
    except typer.Abort:
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        if os.environ.get("OVERSTAP_DEBUG"):
            raise
        text = f"internal error {type(error).__name__}: {' '.join(str(error).split())}"
        sys.stderr.write(f"error: {text}; set OVERSTAP_DEBUG=1 for the traceback\n")
        if as_json:
            Face.json({"error": {"code": "internal_error", "message": text}})
        return 1
    return code if isinstance(code, int) else 0


def _report(error: OverstapError, *, as_json: bool) -> None:
    sys.stderr.write(f"error: {error}\n")
    for hint in getattr(error, "__notes__", ()):
        sys.stderr.write(f"{hint}\n")
    if as_json:
        code = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
        Face.json({"error": {"code": code, "message": str(error), **error.evidence}})


def _usage(error: typer.TyperException, *, as_json: bool) -> int:
    """Say what was wrong with the command line itself."""
    message = error.format_message()
    ctx = getattr(error, "ctx", None)
    if not message:  # a group without its command: the help is on the screen already
        return error.exit_code
    sys.stderr.write(f"error: {message}\n")
    if ctx is not None:
        sys.stderr.write(f"{ctx.get_usage()}\n`{ctx.command_path} --help` tells more.\n")
    if as_json:
        Face.json({"error": {"code": "usage", "message": message}})
    return error.exit_code
