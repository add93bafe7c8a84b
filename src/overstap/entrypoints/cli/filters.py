"""The options that say which runs are meant, the same for every command that takes many runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from overstap.bootstrap import App
from overstap.clock import parse_duration, parse_moment
from overstap.domain.run_filter import RunFilter
from overstap.entrypoints.cli.face import find_tenant
from overstap.errors import BadInput


def duration(text: str) -> timedelta:
    """A duration as the command line takes it."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _moment(text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


_FLAGS = ("stuck", "escalated", "overdue", "held")
_NOT = "--no-… takes this back from a saved filter."


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the command line says of the runs that are meant.

    Attributes:
        saved: the name of a saved filter.
        given: fields of a `RunFilter` beside it; None where nothing was said.
    """

    saved: str | None
    given: dict[str, Any]

    def filter(self, app: App) -> RunFilter:
        """The filter itself.

        Raises:
            BadInput: when it names a saved filter, a state or another thing that there is not.
            NotFound: when there is no such tenant.
        """
        self._refuse_what_takes_nothing_back(app)
        wanted = app.search.filter(self.saved, **self.given)
        if wanted.tenant is None:
            return wanted
        return replace(wanted, tenant=find_tenant(app.service, wanted.tenant).id)

    def _refuse_what_takes_nothing_back(self, app: App) -> None:
        """A `--no-held` that came to nothing would be read as: those that nobody holds."""
        for name in [name for name in _FLAGS if self.given[name] is False]:
            if self.saved is None or not getattr(app.search.filter(self.saved), name):
                there = "there is no --filter" if self.saved is None else f"the filter {self.saved} has none"
                raise BadInput(
                    f"--no-{name} takes back the --{name} of a saved filter, and {there}: leave it out. "
                    f"It does not find the runs that are not {name}."
                )


def _options(
    *,
    saved: Annotated[
        str | None, typer.Option("--filter", metavar="NAME", help="A saved filter; options beside it win.")
    ] = None,
    state: Annotated[list[str] | None, typer.Option(metavar="S", help="In this state; again for several.")] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(metavar="S", help="ready, waiting, retrying, stuck or ended; again for several."),
    ] = None,
    tenant: Annotated[str | None, typer.Option(metavar="T", help="Of this tenant, by id or name.")] = None,
    plan: Annotated[str | None, typer.Option(metavar="PLAN", help="To this plan.")] = None,
    workflow: Annotated[str | None, typer.Option(metavar="NAME", help="Carried by this workflow.")] = None,
    version: Annotated[int | None, typer.Option(min=1, metavar="N", help="By this version of a workflow.")] = None,
    stuck: Annotated[
        bool | None,
        typer.Option("--stuck/--no-stuck", help=f"Nothing takes it on, or its step fails again and again; {_NOT}"),
    ] = None,
    escalated: Annotated[
        bool | None,
        typer.Option("--escalated/--no-escalated", help=f"A deadline passed and the work goes on; {_NOT}"),
    ] = None,
    overdue: Annotated[
        bool | None,
        typer.Option("--overdue/--no-overdue", help=f"Its deadline passed and nobody has come to it yet; {_NOT}"),
    ] = None,
    held: Annotated[bool | None, typer.Option("--held/--no-held", help=f"An operator holds it; {_NOT}")] = None,
    error: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Its error has this in it, in large or small letters.")
    ] = None,
    older_than: Annotated[
        timedelta | None, typer.Option(parser=duration, metavar="DURATION", help="Created longer ago, such as 1h30m.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(parser=_moment, metavar="MOMENT", help="Created then or later: 2026-03-02T12:30.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=_moment, metavar="MOMENT", help="Created before then.")
    ] = None,
) -> Chosen:
    several = {"state": tuple(state) if state else None, "status": tuple(status) if status else None}
    exact = {"tenant": tenant, "plan": plan, "workflow": workflow, "version": version, "error": error}
    flags = dict(zip(_FLAGS, (stuck, escalated, overdue, held), strict=True))
    time = {"older_than": older_than, "since": since, "until": until}
    return Chosen(saved, {**several, **exact, **flags, **time})


_PARAMETERS = list(inspect.signature(_options, eval_str=True).parameters.values())
_NAMES = frozenset(one.name for one in _PARAMETERS)


def takes_filter(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which runs are meant.

    The function's parameters are its `Face`, then a `Chosen`, then its own.
    """
    face, _, *own = inspect.signature(function, eval_str=True).parameters.values()
    keyword = inspect.Parameter.KEYWORD_ONLY

    @functools.wraps(function)
    def run(face: Any, **arguments: Any) -> None:
        chosen = _options(**{name: value for name, value in arguments.items() if name in _NAMES})
        function(face, chosen, **{name: value for name, value in arguments.items() if name not in _NAMES})

    parameters = [face, *_PARAMETERS, *(one.replace(kind=keyword) for one in own)]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run
