"""What every command of the command line shares: its two general options, its consoles, and the opened application."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from overstap.app.service import Service
from overstap.bootstrap import App, open_app
from overstap.domain.tenant import BillingFrequency, PaymentMethod, Tenant
from overstap.entrypoints import run_shapes, words
from overstap.entrypoints.run_shape_types import RunWhole
from overstap.errors import BadInput, NotFound
from overstap.language import language
from overstap.logs import configure_logs
from overstap.settings import Settings, load_settings
from overstap.store.runs import StoredRun


def _locale(text: str) -> str:
    try:
        return language(text).locale
    except BadInput as error:
        raise typer.BadParameter(str(error)) from None


DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="sqlite:///FILE or postgresql://… (or OVERSTAP_DATABASE_URL)"),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="a file of settings (or OVERSTAP_CONFIG)")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Plain JSON instead of a table.")]
TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="Its id or exact name.")]
SubscriptionArgument = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Id of the subscription.")]
PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="Id of the new plan, such as e3.")]
SeatsOption = Annotated[
    int | None,
    typer.Option(min=1, max=1_000_000, metavar="N", help="Seats of the new plan; as many as now if left out."),
]
PaymentOption = Annotated[PaymentMethod | None, typer.Option(help="How it is paid; as now if left out.")]
BillingOption = Annotated[BillingFrequency | None, typer.Option(help="How often it is billed; as now if left out.")]
ActingOption = Annotated[
    str | None, typer.Option("--as", metavar="UPN", help="The tenant's admin who acts; you, an operator, if left out.")
]
LocaleOption = Annotated[
    str | None,
    typer.Option(
        "--locale", parser=_locale, metavar="nl|en", help="The language of sentences; the tenant's if left out."
    ),
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept with what was done.")]
KeyOption = Annotated[
    str | None, typer.Option("--key", metavar="KEY", help="The same key again gives the same answer, and does nothing.")
]
JSON_LAST = 1000
"""How many entries and effects of a run JSON has, unless all are asked for."""
NO_REASON = "no reason given"

_WIDE = 200
_GENERAL = "overstap.general"


class Face:
    """What a command is given: settings, the application, and where to write.

    Args:
        database: the URL that the command line names, None for the one of the settings.
        config: the file of settings that the command line names.
    """

    def __init__(self, database: str | None = None, config: Path | None = None) -> None:
        self._config = config
        self._overrides: dict[str, Any] = {} if database is None else {"database_url": database}

    @property
    def out(self) -> Console:
        """Standard output, for people; wide where nobody's window limits it, so that ids stay whole."""
        out = Console(highlight=False, markup=False)
        if not out.is_terminal:
            out.width = _WIDE
        return out

    @functools.cached_property
    def settings(self) -> Settings:
        """The settings, read once.

        Raises:
            BadInput: when they are wrong.
        """
        return load_settings(self._config, **self._overrides)

    def override(self, **settings: Any) -> None:
        """Let settings of the command line win over all others."""
        self._overrides |= settings
        self.__dict__.pop("settings", None)  # they are read once: read them again

    @property
    def names_database(self) -> bool:
        """Whether the command line names a database."""
        return "database_url" in self._overrides

    def app(
        self, *, upgrade: bool = False, speed: float | None = None, create: bool = False, log: TextIO | None = None
    ) -> AbstractContextManager[App]:
        """The application over the database of the settings; closed at the end of the block.

        Args:
            log: what all logs are sent to; None for standard error. Never standard output, which has the answer.

        Raises:
            NotFound: when there is no database, or an empty one (without `create`).
        """
        configure_logs(self.settings.logs, log)
        return open_app(self.settings, upgrade=upgrade, speed=speed, create=create)

    def print(self, renderable: RenderableType) -> None:
        """A table or another picture, for people."""
        words.put(self.out, renderable)

    @staticmethod
    def tell(text: str = "") -> None:
        """One plain line for people, never wrapped or coloured: it can be searched and cut."""
        sys.stdout.write(f"{text}\n")

    def mark(self, text: Text) -> None:
        """One line for people with colour in it where there is any, never wrapped."""
        out = self.out
        if out.is_terminal:
            out.print(text, soft_wrap=True)
        else:
            self.tell(text.plain)

    @staticmethod
    def json(value: Any) -> None:
        """One JSON document, and nothing else, on standard output."""
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def general_options(ctx: typer.Context, database: str | None, config: Path | None) -> None:
    """Remember the general options as they were given before a command."""
    ctx.meta[_GENERAL] = (database, config)


def command(group: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as a command that also takes `--database` and `--config`.

    The function's first parameter is its `Face`; the others are its own arguments and options.
    """

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function, eval_str=True)

        @functools.wraps(function)
        def run(ctx: typer.Context, database: str | None, config: Path | None, **arguments: Any) -> None:
            before = ctx.meta.get(_GENERAL, (None, None))
            face = Face(before[0] if database is None else database, before[1] if config is None else config)
            function(face, **arguments)

        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter("ctx", keyword, annotation=typer.Context),
            *(one.replace(kind=keyword) for one in list(own.parameters.values())[1:]),
            inspect.Parameter("database", keyword, annotation=DatabaseOption, default=None),
            inspect.Parameter("config", keyword, annotation=ConfigOption, default=None),
        ]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        group.command(name)(run)
        return function

    return register


def run_id(text: str) -> str:
    """A run's id as it is stored, however it was typed."""
    return text.strip().upper()


def find_tenant(service: Service, text: str) -> Tenant:
    """The tenant with that id, or with exactly that name.

    Raises:
        NotFound: when there is none.
        BadInput: when several have that name.
    """
    wanted = text.strip().casefold()
    with contextlib.suppress(NotFound):
        return service.tenant(wanted)
    found = [one for one in service.tenants() if one.name.casefold() == wanted]
    if not found:
        raise NotFound(f"There is no tenant {text!r}; `overstap tenants list` shows those there are.")
    if len(found) > 1:
        raise BadInput(f"{len(found)} tenants are called {text!r}; give the id: {', '.join(one.id for one in found)}.")
    return found[0]


def whole(app: App, stored: StoredRun) -> RunWhole:
    """A run as `runs show --json` gives it, with its journal and effects."""
    return run_shapes.run_whole(app.looking.look(stored.run.id, JSON_LAST))
