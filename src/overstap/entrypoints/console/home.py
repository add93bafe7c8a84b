"""The first page, which leads everybody to theirs, and the last one, for what there is not."""

from __future__ import annotations

from http import HTTPStatus

from fastapi.responses import RedirectResponse, Response

from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.visit import Visit
from overstap.errors import NotFound
from overstap.language import lazy_gettext


@page("/", lazy_gettext("Start"))
async def home(visit: Visit) -> Response:
    """Lead the staff to the console, and admins to their tenant."""
    tenant_id = visit.principal.tenant_id
    return RedirectResponse("/console" if tenant_id is None else f"/tenants/{tenant_id}", HTTPStatus.SEE_OTHER)


def register_last() -> None:
    """Register the page for addresses that no other page has; after all of those."""
    page("/{unknown:path}", lazy_gettext("There is no such page"))(_nothing)


async def _nothing(visit: Visit) -> None:
    raise NotFound(f"There is no page {visit.request.url.path}; look whether the address was copied as a whole.")
