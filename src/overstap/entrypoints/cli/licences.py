"""`overstap licences …`: who holds a licence, and giving or taking one from outside a plan change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.face import (
    NO_REASON,
    ActingOption,
    Face,
    JsonFlag,
    KeyOption,
    ReasonOption,
    SubscriptionArgument,
    TenantArgument,
    command,
    find_tenant,
)
from overstap.entrypoints.cli.orders import asked_by

group = typer.Typer(help="Licences: who holds them, give them, take them.", no_args_is_help=True)

UsersArgument = Annotated[list[str], typer.Argument(metavar="USER", help="Users, each by id or UPN.")]


def assign(
    face: Face,
    tenant: TenantArgument,
    subscription: SubscriptionArgument,
    users: UsersArgument,
    reason: ReasonOption = NO_REASON,
    acting_upn: ActingOption = None,
    key: KeyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Give users a licence, all of them or none; refused while a run moves the tenant's users."""
    with face.app() as app:
        found, by = find_tenant(app.service, tenant), asked_by(acting_upn, reason, key)
        done = app.portal.assign(found.id, subscription.strip().lower(), users, by)
    _tell(face, done, "given a licence", "had one already", as_json=as_json)


def unassign(
    face: Face,
    tenant: TenantArgument,
    subscription: SubscriptionArgument,
    users: UsersArgument,
    reason: ReasonOption = NO_REASON,
    acting_upn: ActingOption = None,
    key: KeyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take the licence of users, of all of them or of none; refused while a run moves the tenant's users."""
    with face.app() as app:
        found, by = find_tenant(app.service, tenant), asked_by(acting_upn, reason, key)
        done = app.portal.unassign(found.id, subscription.strip().lower(), users, by)
    _tell(face, done, "without it now", "had none", as_json=as_json)


def list_(face: Face, tenant: TenantArgument, as_json: JsonFlag = False) -> None:
    """List a tenant's subscriptions with their seats, and who holds the licences."""
    with face.app() as app:
        facts = find_tenant(app.service, tenant)
        held = app.portal.licences(facts.id)
        active, locks = app.portal.locks(facts.id)
    if as_json:
        face.json([shapes.licences(one) for one in held])
        return
    table = words.table("subscription", "plan", "seats#", "assigned#", "free#", "users")
    for one in held:
        of = one.subscription
        table.add_row(
            of.id,
            of.plan or of.sku_part_number,
            str(of.seats),
            str(of.assigned),
            str(one.free),
            "\n".join(user.upn for user in one.users),
        )
    face.print(table)
    if active is not None and locks:
        face.tell(f"Run {active.run_id} is in {active.state} and locks: {', '.join(sorted(locks))}.")


def _tell(face: Face, done: Mapping[str, Any], now: str, before: str, *, as_json: bool) -> None:
    if as_json:
        face.json({name: done[name] for name in ("subscription_id", "changed", "unchanged")})
        return
    face.tell(f"{done['subscription_id']}: {_users(done['changed'])} {now}, {_users(done['unchanged'])} {before}.")


def _users(ids: Sequence[str]) -> str:
    return f"{len(ids)} user{'' if len(ids) == 1 else 's'}"


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "assign")(assign)
    command(group, "unassign")(unassign)
    command(group, "list")(list_)
    app.add_typer(group, name="licences")
