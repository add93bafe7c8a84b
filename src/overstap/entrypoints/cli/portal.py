"""`overstap portal open`: where one of a tenant's admins lands who signs in to the portal."""

from __future__ import annotations

from typing import Annotated

import typer

from overstap.domain.locks import PortalPage
from overstap.entrypoints.cli.face import Face, JsonFlag, TenantArgument, command, find_tenant

group = typer.Typer(help="The portal of a tenant's admins.", no_args_is_help=True)


def open_(
    face: Face,
    tenant: TenantArgument,
    acting_upn: Annotated[str, typer.Option("--as", metavar="UPN", help="The tenant's admin who signs in.")],
    page: Annotated[PortalPage, typer.Option(help="The page that is asked for.")] = PortalPage.HOME,
    as_json: JsonFlag = False,
) -> None:
    """Sign in as an admin; while users move the portal is closed, and the run's status page is where one lands."""
    with face.app() as app:
        facts = find_tenant(app.service, tenant)
        active = app.portal.open(facts.id, acting_upn, page)
    if as_json:
        face.json({"page": page.value, "run_id": active and active.run_id})
        return
    face.tell(f"{acting_upn} lands on the page {page.value} of {facts.name}.")
    if active is not None:
        face.tell(f"Run {active.run_id} is in {active.state}: overstap runs watch {active.run_id}")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "open")(open_)
    app.add_typer(group, name="portal")
