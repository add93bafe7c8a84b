"""What surrounds the pages of a tenant's admins: their own ways, whose pages these are, and the lock of the portal.

A page of theirs begins with `enter`, which leads admins to the status page while a change closes it (R15, R38), and
puts its content into `surroundings`:

    entered = await enter(visit, PortalPage.SUBSCRIPTIONS)
    with surroundings(visit, entered, visit.say(TITLE)):
        show(...)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import htpy as h
from nicegui import ui

from overstap.domain.locks import ActiveRun, PortalPage
from overstap.domain.tenant import Tenant
from overstap.entrypoints.console.frame import Way, frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.pages import Elsewhere
from overstap.entrypoints.console.parts import show
from overstap.entrypoints.console.visit import Visit, desk
from overstap.errors import TenantLocked
from overstap.language import lazy_gettext

_LICENCES = lazy_gettext("Licences")
_TASKS = lazy_gettext("Tasks")
_STATUS = lazy_gettext("Status")
_WHOSE = lazy_gettext("These are the pages of {tenant}'s administrators; what you do here you do as {who}.")
_CONSOLE = lazy_gettext("{tenant} in the console")
_LOCKED_OUT = lazy_gettext("Its administrators are locked out of this page now; they land on the status of the change.")


@dataclass(frozen=True, slots=True)
class Entered:
    """A tenant's page that somebody was let into.

    Attributes:
        tenant: as it was when the page was opened.
        page: what it belongs to in the portal; None for what no lock closes.
        active: the run that the tenant had under way then.
    """

    tenant: Tenant
    page: PortalPage | None
    active: ActiveRun | None


def home(tenant_id: str) -> str:
    """The path of a tenant's pages."""
    return f"/tenants/{tenant_id}"


def status_path(tenant_id: str, run_id: str | None = None) -> str:
    """The path of *Veranderen van abonnement: status*; without a run, of the one under way, or all there were."""
    return f"{home(tenant_id)}/status" + (f"/{run_id}" if run_id else "")


async def enter(visit: Visit, page: PortalPage | None) -> Entered:
    """Let whoever looks into a page of the tenant that its path names.

    Args:
        page: what it belongs to in the portal; None for what no lock closes.

    Raises:
        NotFound: when the tenant does not exist for them.
        Elsewhere: when a change closes the page to them; leads to its status (rules.md R15, R38).
        Refused: when they are none of the tenant's admins any more.
    """
    return await visit.ask(_enter, visit, page)


def _enter(visit: Visit, page: PortalPage | None) -> Entered:
    tenant = visit.call.tenant(visit.path["tenant_id"])
    upn = visit.principal.upn
    if page is None or upn is None:
        active, _ = visit.app.portal.locks(tenant.id)
        return Entered(tenant, page, active)
    try:
        return Entered(tenant, page, visit.app.portal.open(tenant.id, upn, page))
    except TenantLocked as locked:
        raise Elsewhere(status_path(tenant.id, locked.run_id)) from None


@contextmanager
def surroundings(visit: Visit, entered: Entered, heading: str, *, lead: h.Node = None) -> Iterator[None]:
    """The surroundings of a tenant's page; what is built within the block is its content.

    Admins whose page is closed while they look at it are led to the status; the staff are told that they would be.

    Args:
        heading: the page's first heading.
        lead: what stands beside it, before the tenant's name.
    """
    tenant, page, staff = entered.tenant, entered.page, visit.principal.tenant_id is None
    ways = (
        Way(f"{home(tenant.id)}/licences", _LICENCES, "list_licences"),
        Way(f"{home(tenant.id)}/tasks", _TASKS, "list_tasks"),
        Way(status_path(tenant.id), _STATUS, "show_plan_change"),
    )

    def closed() -> ActiveRun | None:
        return None if page is None else visit.app.portal.closed(tenant.id, page)

    def spots(by: ActiveRun | None) -> dict[str, h.Node]:
        return {"locked-out": h.p[visit.say(_LOCKED_OUT)] if by is not None else None}

    def follow(by: ActiveRun | None) -> None:
        if by is not None and not staff:
            live.timer.deactivate()
            ui.navigate.to(status_path(tenant.id, by.run_id))

    with frame(visit, heading, lead=[lead, h.span(".whose")[tenant.name]], ways=ways):
        if staff:
            who = visit.principal.name
            show(
                h.aside(".note.plain.unprinted")[
                    h.p[
                        visit.say(_WHOSE, tenant=tenant.name, who=who),
                        " ",
                        h.a(href=f"/console/tenants/{tenant.id}")[visit.say(_CONSOLE, tenant=tenant.name)],
                    ],
                    spot("locked-out", tag=h.div),
                ]
            )
        yield
    if page is not None:
        live = Live(visit, lambda: desk().looks.look(("closed", tenant.id, page), closed), spots, then=follow)
        live.knows({} if staff else {"locked-out": None})
