"""`overstap worker` and `overstap up`: the process that carries runs on."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from types import FrameType
from typing import Annotated, Any, Protocol, Self

import structlog
import typer

from overstap.bootstrap import App
from overstap.clock import format_duration
from overstap.entrypoints import run_shapes
from overstap.entrypoints.cli.face import Face, command
from overstap.entrypoints.cli.filters import duration
from overstap.entrypoints.cli.processes import INTERRUPTED, Supervisor
from overstap.entrypoints.cli.serving import HostOption, PortOption, listen_at, served
from overstap.entrypoints.prometheus import Exposition, exposed

log = structlog.get_logger(__name__)

UntilIdleFlag = Annotated[
    bool, typer.Option("--until-idle", help="End when nothing is due and nothing is held; parked runs may be left.")
]
GraceOption = Annotated[
    timedelta | None,
    typer.Option(parser=duration, metavar="DURATION", help="How long steps may go on after SIGTERM, such as 20s."),
]
ThreadsOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Steps that may be done at once.")]
BatchOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Runs that may be held at once.")]
ProcessesOption = Annotated[int | None, typer.Option(min=1, metavar="N", help="Worker processes under this one.")]
MetricsHostOption = Annotated[str | None, typer.Option(metavar="HOST", help="Where metrics are shown, to everybody.")]
MetricsPortOption = Annotated[
    int | None,
    typer.Option(min=1, max=65535, metavar="N", help="Show metrics to Prometheus; other processes on N+1…"),
]


class Stoppable(Protocol):
    """What runs until it is told to stop."""

    def stop(self) -> None:
        """Stop in order; from any thread, or a signal."""


class StopSwitch:
    """Turns SIGTERM and SIGINT into an orderly stop, and a second one into an end at once.

    It works from the beginning of its block on: a signal that comes before there is a worker stops it as soon as it is
    there.
    """

    def __init__(self) -> None:
        self._asked = False
        self._guarded: Stoppable | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def guard(self, guarded: Stoppable) -> None:
        """Stop this worker, or this server, when asked."""
        self._guarded = guarded
        if self._asked:
            guarded.stop()

    def ask(self) -> None:
        """Have it stop in order; from any thread, and however often."""
        self._asked = True
        if self._guarded is not None:
            self._guarded.stop()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            os._exit(INTERRUPTED)
        self.ask()


def worker(
    face: Face,
    until_idle: UntilIdleFlag = False,
    grace: GraceOption = None,
    threads: ThreadsOption = None,
    batch: BatchOption = None,
    processes: ProcessesOption = None,
    metrics_host: MetricsHostOption = None,
    metrics_port: MetricsPortOption = None,
) -> None:
    """Carry runs on until SIGTERM; as many workers as you like, on any host that reaches the database."""
    _set(
        face,
        grace=grace,
        threads=threads,
        batch=batch,
        processes=processes,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
    )
    settings = face.settings
    if settings.worker.processes > 1:
        with face.app(create=True):
            pass  # what is wrong with the database or the settings is said once, not by each process
        raise typer.Exit(Supervisor(settings, until_idle=until_idle).run())
    with StopSwitch() as switch, face.app(create=True) as app:
        work(app, switch, until_idle=until_idle)


def up(
    face: Face,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1_000_000,
            metavar="N",
            help="A rehearsal: time runs N times as fast. Only on a fresh database.",
        ),
    ] = None,
    until_idle: UntilIdleFlag = False,
    grace: GraceOption = None,
    threads: ThreadsOption = None,
    batch: BatchOption = None,
    host: HostOption = None,
    port: PortOption = None,
    api: Annotated[bool, typer.Option("--api/--no-api", help="Whether the HTTP API is there too.")] = True,
) -> None:
    """Everything in one process, in the foreground: makes or upgrades the database, then works until Ctrl-C."""
    _set(face, grace=grace, threads=threads, batch=batch)
    listen_at(face, host, port)
    with StopSwitch() as switch, face.app(upgrade=True, speed=speed, create=True) as app:
        face.tell(f"Database: {app.database.describe()}")
        face.tell("Order: overstap tenants import PATH…, then overstap submit TENANT SUBSCRIPTION PLAN")
        pace = app.clock.speed
        if pace != 1:
            hour = format_duration(app.clock.shrink(timedelta(hours=1)))
            face.tell(f"Rehearsal: time runs {pace:g} times as fast; an hour passes in {hour}.")
        sys.stdout.flush()
        with served(face, app) if api and not until_idle else nullcontext(), app.delivering(run_shapes.entry):
            work(app, switch, until_idle=until_idle)


def serve(face: Face, host: HostOption = None, port: PortOption = None) -> None:
    """The HTTP API alone, until SIGTERM; workers run elsewhere over the same database."""
    listen_at(face, host, port)
    with (
        StopSwitch() as switch,
        face.app() as app,
        served(face, app) as server,
        app.delivering(run_shapes.entry),
        app.sweeping(),
    ):
        switch.guard(server)
        server.ended.wait()


def _set(face: Face, **given: object) -> None:
    """What the command line says of the worker wins over the settings."""
    face.override(worker={name: value for name, value in given.items() if value is not None})


def work(app: App, switch: StopSwitch, *, until_idle: bool) -> None:
    """Be a worker, and tell operators meanwhile, until the switch or `until_idle` ends it."""
    made = app.worker()
    switch.guard(made)
    with app.telling(), app.sweeping(), _metrics(app):
        made.run(until_idle=until_idle)
    if made.in_flight:
        # Its threads are still in a step; waiting for them would break the promise of --grace.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)


@contextmanager
def _metrics(app: App) -> Iterator[None]:
    """What the process measures of itself is shown for as long as the block lasts, where the settings say."""
    host, port = app.settings.worker.metrics_host, app.settings.worker.metrics_port
    with exposed(Exposition(app.figures), host, port) if port else nullcontext(port) as taken:
        if port:
            log.info("metrics_shown", host=host, port=taken)
        yield


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "worker")(worker)
    command(app, "up")(up)
    command(app, "serve")(serve)
