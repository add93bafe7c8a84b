"""`overstap webhooks …`: who is told of journal entries over HTTP, and what became of each delivery."""

from __future__ import annotations

from typing import Annotated

import typer

from overstap.entrypoints import webhook_shapes, words
from overstap.entrypoints.cli.acting import ReasonArgument
from overstap.entrypoints.cli.face import Face, JsonFlag, command, find_tenant
from overstap.entrypoints.cli.orders import operator
from overstap.store.webhooks import DeliveryStatus
from overstap.workflow.run import Kind

group = typer.Typer(help="Webhooks: who is told of journal entries over HTTP.", no_args_is_help=True)

WebhookArgument = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id.")]
TenantOption = Annotated[
    str | None, typer.Option("--tenant", metavar="TENANT", help="Only of its runs; by id or name.")
]
KindsOption = Annotated[
    list[Kind] | None,
    typer.Option("--kind", metavar="KIND", help="Only entries of that kind; give it again for more. All if left out."),
]
DeliveriesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="DELIVERY…", help="Which ones, by id; all that are dead if left out.")
]
StatusOption = Annotated[
    DeliveryStatus | None, typer.Option("--status", metavar="STATUS", help="Only waiting, delivered or dead ones.")
]
LimitOption = Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="At most so many.")]
BeforeOption = Annotated[
    str | None, typer.Option("--before", metavar="DELIVERY", help="Go on behind that one, by its id.")
]
EndedFlag = Annotated[bool, typer.Option("--ended", help="Also those that have ended.")]


def create(
    face: Face,
    url: Annotated[str, typer.Argument(metavar="URL", help="https://HOST/PATH; where it is told.")],
    reason: ReasonArgument,
    tenant: TenantOption = None,
    kind: KindsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a webhook; the secret of its signatures is shown this once."""
    with face.app() as app:
        tenant_id = None if tenant is None else find_tenant(app.service, tenant).id
        kinds = [str(one) for one in kind or ()]
        made, secret = app.webhooks.create(url, kinds=kinds, tenant_id=tenant_id, actor=operator(), reason=reason)
    if as_json:
        face.json(webhook_shapes.new_webhook(made, secret))
        return
    face.tell(f"Webhook {made.id}: {made.url}")
    face.tell(f"Secret: {secret}")
    face.tell("Keep it where messages are received: it verifies them (standardwebhooks.com), and is not shown again.")
    face.tell(f"Try it: overstap webhooks test {made.id}")


def list_(face: Face, tenant: TenantOption = None, ended: EndedFlag = False, as_json: JsonFlag = False) -> None:
    """List the webhooks, the newest first."""
    with face.app() as app:
        tenant_id = None if tenant is None else find_tenant(app.service, tenant).id
        found = app.webhooks.all(tenant_id, ended=ended)
    if as_json:
        face.json([webhook_shapes.webhook(one) for one in found])
        return
    if not found:
        face.tell("There is no webhook.")
        return
    table = words.table("webhook", "tells of", "kinds", "to", "since", "by", "ended")
    for one in found:
        table.add_row(
            one.id,
            one.tenant_id or "all tenants",
            ", ".join(one.kinds) or "all",
            one.url,
            words.when(one.created_at),
            one.created_by,
            words.when(one.ended_at),
        )
    face.print(table)


def show(face: Face, webhook: WebhookArgument, as_json: JsonFlag = False) -> None:
    """One webhook, and how its deliveries stand."""
    with face.app() as app:
        found = app.webhooks.get(webhook)
        counts = app.webhooks.counts(found)
    if as_json:
        face.json(webhook_shapes.webhook_whole(found, counts))
        return
    face.tell(f"Webhook {found.id}: {found.url}")
    face.tell(f"Tells of {found.tenant_id or 'all tenants'}, kinds: {', '.join(found.kinds) or 'all'}")
    face.tell(f"Made {words.when(found.created_at)} by {found.created_by}")
    if found.ended_at is not None:
        face.tell(f"Ended {words.when(found.ended_at)}")
    face.tell("Deliveries: " + ", ".join(f"{count} {status}" for status, count in counts.items()))


def end(face: Face, webhook: WebhookArgument, reason: ReasonArgument) -> None:
    """Tell a webhook nothing any more; what waits for it is dead."""
    with face.app() as app:
        ended = app.webhooks.end(webhook, actor=operator(), reason=reason)
    face.tell(f"Webhook {ended.id} has ended: nothing is delivered to {ended.url} any more.")


def deliveries(
    face: Face,
    webhook: WebhookArgument,
    status: StatusOption = None,
    before: BeforeOption = None,
    limit: LimitOption = 50,
    as_json: JsonFlag = False,
) -> None:
    """List deliveries of a webhook, the newest first."""
    with face.app() as app:
        found = app.webhooks.deliveries(webhook, status=status, before=before, limit=limit)
    if as_json:
        face.json([webhook_shapes.delivery(one) for one in found])
        return
    if not found:
        face.tell("There is no such delivery.")
        return
    table = words.table("delivery", "run", "entry #", "happened", "status", "tries #", "next try", "over", "answer")
    for one in found:
        waits = one.settled_at is None
        table.add_row(
            one.id,
            one.run_id,
            str(one.seq),
            words.when(one.at),
            one.status,
            str(one.attempts),
            words.when(one.next_at) if waits else "",
            words.when(one.settled_at),
            one.answer or "",
        )
    face.print(table)


def replay(face: Face, webhook: WebhookArgument, reason: ReasonArgument, which: DeliveriesArgument = None) -> None:
    """Deliver again from the first try on: the deliveries named, or all that are dead."""
    with face.app() as app:
        count = app.webhooks.replay(webhook, which or None, actor=operator(), reason=reason)
    face.tell(f"{count} {'delivery' if count == 1 else 'deliveries'} to be made again, as soon as a server runs.")


def send_test(face: Face, webhook: WebhookArgument, as_json: JsonFlag = False) -> None:
    """Send a message of the type ping, once; fails (1) when the target does not take it."""
    with face.app() as app:
        answer = app.webhooks.test(webhook)
    if as_json:
        face.json(webhook_shapes.tried_out(answer))
    else:
        face.tell(f"{'Taken' if answer.taken else 'Not taken'}: {answer.told}")
    if not answer.taken:
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "create")(create)
    command(group, "list")(list_)
    command(group, "show")(show)
    command(group, "end")(end)
    command(group, "deliveries")(deliveries)
    command(group, "replay")(replay)
    command(group, "test")(send_test)
    app.add_typer(group, name="webhooks")
