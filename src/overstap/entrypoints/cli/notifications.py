"""`overstap notifications …`: what operators were told, what waits, and whether each way to them works."""

from __future__ import annotations

from typing import Annotated

import typer

from overstap.app import telling
from overstap.entrypoints import notice_shapes, words
from overstap.entrypoints.cli.face import Face, JsonFlag, command
from overstap.errors import Refused

group = typer.Typer(
    help="Notifications: who is told of escalations, expiries, parked runs and failed compensations.",
    no_args_is_help=True,
)

LimitOption = Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="At most so many of each.")]


def list_(face: Face, limit: LimitOption = 50, as_json: JsonFlag = False) -> None:
    """List the newest messages, and what no message tells of yet."""
    with face.app() as app:
        found = notice_shapes.Overview(
            channels=len(face.settings.notifications.urls),
            messages=app.notices.messages(limit),
            waiting=app.notices.waiting(limit),
            counts=app.notices.counts(),
        )
    if as_json:
        face.json(notice_shapes.overview(found))
        return
    if found.messages:
        table = words.table("message", "topic", "runs #", "made", "state", "sent", "tries #", "next try", "error")
        for one in found.messages:
            table.add_row(
                one.id,
                one.topic.value,
                str(one.runs),
                words.when(one.created_at),
                notice_shapes.message_state(one),
                words.when(one.sent_at),
                str(one.attempts),
                "" if one.sent_at else words.when(one.next_try_at),
                one.error or "",
            )
        face.print(table)
    if found.waiting:
        face.tell(f"{sum(found.counts.values())} to be told with the next message of their topic:")
        table = words.table("run", "topic", "since", "tenant", "state now")
        for each in found.waiting:
            notice = each.notice
            table.add_row(
                notice.run_id, notice.topic.value, words.when(notice.at), each.tenant_id or "?", each.state or "?"
            )
        face.print(table)
    if not (found.messages or found.waiting):
        face.tell("There was nothing to tell.")
    if not found.channels:
        face.tell("Nobody is told: there is no URL. Set notifications.urls; config/overstap.toml shows how.")


def send_tests(face: Face, as_json: JsonFlag = False) -> None:
    """Send a test to each URL of the settings; fails (1) when one of them does not get it."""
    _refuse_without_urls(face)
    results = telling.send_tests(face.settings.notifications)
    if as_json:
        face.json(notice_shapes.tests(results))
    else:
        for channel, error in results:
            face.tell(f"{channel.label}: {error or 'sent'}")
    if any(error is not None for _, error in results):
        raise typer.Exit(1)


def send(face: Face, as_json: JsonFlag = False) -> None:
    """Send what is due, and what failed before, now; fails (1) when a message does not get everywhere."""
    _refuse_without_urls(face)
    with face.app() as app:
        told = app.teller.tell(at_once=True)
    if as_json:
        face.json(notice_shapes.told(told))
    else:
        for one in told.sent:
            face.tell(f"{one.id}: sent: {one.title}")
        for one, error in told.failed:
            face.tell(f"{one.id}: failed: {error}")
        if not (told.sent or told.failed):
            face.tell("There is nothing to send now.")
    if told.failed:
        raise typer.Exit(1)


def _refuse_without_urls(face: Face) -> None:
    if not face.settings.notifications.urls:
        raise Refused("There is nobody to tell: set notifications.urls; config/overstap.toml shows how.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "list")(list_)
    command(group, "test")(send_tests)
    command(group, "send")(send)
    app.add_typer(group, name="notifications")
