"""One request as the functions behind the routes see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from overstap.app.principals import Principal
from overstap.bootstrap import App
from overstap.domain.tenant import Tenant
from overstap.errors import BadInput
from overstap.language import Language, language


@dataclass(frozen=True, slots=True)
class Call:
    """Who asks, in which language, and on which conditions.

    Attributes:
        locale: the language that `Accept-Language` asks for; None takes the tenant's.
        key: the idempotency key as it is kept, apart from everybody else's.
        if_seq: the journal's length that the run must still have (`If-Match`); None for any.
    """

    app: App
    principal: Principal
    locale: str | None = None
    key: str | None = None
    if_seq: int | None = None

    @property
    def actor(self) -> str:
        """As journals name who asks."""
        return self.principal.actor

    def tenant(self, tenant_id: str) -> Tenant:
        """A tenant that exists for whoever asks.

        Raises:
            NotFound: when there is none.
        """
        wanted = tenant_id.strip().lower()
        return self.app.service.tenant(wanted if self.principal.sees(wanted) else f"{wanted} ")

    def spoken(self, tenant: Tenant | None = None) -> Language:
        """The language to answer in: what was asked for, else the tenant's, else English."""
        return language(self.locale or (tenant.locale if tenant else "en"))

    def acting(self, upn: str | None) -> str | None:
        """The administrator in whose name something is done.

        Raises:
            BadInput: when a tenant's token names another one than its own.
        """
        own = self.principal.upn
        if own is not None and upn is not None and upn.casefold() != own.casefold():
            raise BadInput(f"This token acts in the name of {own}; leave acting_upn out.")
        return upn if own is None else own


def _call(request: Request) -> Call:
    found: Call = request.state.call
    return found


Called = Annotated[Call, Depends(_call)]
"""What a route's function declares to be given the `Call`."""
