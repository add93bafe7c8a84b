"""Where a tenant's address leads: to its licences, or to the status of the change that closes them (rules.md R38)."""

from __future__ import annotations

from http import HTTPStatus

from fastapi.responses import RedirectResponse, Response

from overstap.domain.locks import PortalPage
from overstap.entrypoints.console.customer.surroundings import enter, home
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.visit import Visit
from overstap.language import lazy_gettext


@page("/tenants/{tenant_id}", lazy_gettext("Start"), "show_tenant")
async def landing(visit: Visit) -> Response:
    """Lead whoever looks to the licences, and admins to the status while a change closes the portal."""
    entered = await enter(visit, PortalPage.HOME)
    return RedirectResponse(f"{home(entered.tenant.id)}/licences", HTTPStatus.SEE_OTHER)
