"""`overstap tenants …`: bring tenants in from Microsoft Graph's JSON, and look at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from overstap.domain.tenant import Tenant
from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.face import Face, JsonFlag, command, find_tenant
from overstap.providers.graph_export import read_export

group = typer.Typer(help="Tenants: import them, look at them.", no_args_is_help=True)


def import_(
    face: Face,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Folders, each with one tenant's export.")],
    as_json: JsonFlag = False,
) -> None:
    """Import tenants, all of them or none; importing one again updates it."""
    exports = [read_export(path) for path in paths]
    with face.app(create=True) as app:
        tenants = app.service.import_tenants(exports)
    if as_json:
        face.json([shapes.tenant_summary(tenant) for tenant in tenants])
        return
    face.print(_listing(tenants))
    face.tell(f"{len(tenants)} tenant{'s' if len(tenants) != 1 else ''} imported.")


def list_(face: Face, as_json: JsonFlag = False) -> None:
    """List all tenants."""
    with face.app() as app:
        tenants = app.service.tenants()
    if as_json:
        face.json([shapes.tenant_summary(tenant) for tenant in tenants])
    elif tenants:
        face.print(_listing(tenants))
    else:
        face.tell("No tenants yet; `overstap tenants import PATH…` brings them in.")


def show(
    face: Face,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Its id or exact name.")],
    as_json: JsonFlag = False,
) -> None:
    """Show one tenant: its subscriptions, the health of its services, its domains and admins."""
    with face.app() as app:
        facts = find_tenant(app.service, tenant)
        prices = app.catalog.currency
    if as_json:
        face.json(shapes.tenant(facts))
        return
    face.tell(facts.name)
    face.tell(f"{facts.id}  {facts.users} users  {facts.locale}  credit {facts.credit_limit / 100:,.2f} {prices}/month")
    table = words.table("subscription", "plan", "seats#", "assigned#", "status", "payment", "notes", title="\nPlans")
    for held in facts.subscriptions:
        notes = [
            note
            for note, is_so in (
                ("trial", held.is_trial),
                ("not fully provisioned", not held.provisioned),
                ("before the service upgrade", held.legacy),
                ("licence conflict", held.assigned > held.seats),
            )
            if is_so
        ]
        table.add_row(
            held.id,
            held.plan or Text(f"{held.sku_part_number}, not in the catalog", "dim"),
            str(held.seats),
            str(held.assigned),
            held.status,
            f"{held.payment_method}, {held.billing_frequency}",
            ", ".join(notes),
        )
    face.print(table)
    table = words.table("service", "status", title="\nHealth")
    for service in facts.services:
        table.add_row(service.service, service.status, style=None if service.healthy else "red")
    face.print(table)
    table = words.table("domain", "kind", title="\nDomains")
    for domain in facts.domains:
        kind = ("custom" if domain.custom else "initial") + (", default" if domain.default else "")
        table.add_row(domain.name, kind)
    face.print(table)
    table = words.table("admin", "role", title="\nAdmins")
    for admin in facts.admins:
        table.add_row(admin.upn, str(admin.role))
    face.print(table)


def _listing(tenants: list[Tenant]) -> Table:
    table = words.table("id", "name", "users#", "subscriptions")
    for tenant in tenants:
        plans = ", ".join(f"{held.plan or held.sku_part_number} ({held.seats})" for held in tenant.subscriptions)
        table.add_row(tenant.id, tenant.name, str(tenant.users), plans)
    return table


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "import")(import_)
    command(group, "list")(list_)
    command(group, "show")(show)
    app.add_typer(group, name="tenants")
