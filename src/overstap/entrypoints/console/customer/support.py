"""*Ondersteuningsoverzicht*: service status, domains, administrators, and whom to call (rules.md R41, R42, R51)."""

from __future__ import annotations

import htpy as h

from overstap.domain.locks import PortalPage
from overstap.domain.roles import SMALL_BUSINESS
from overstap.domain.sentences import spoken
from overstap.domain.tenant import AdminRole, ServiceHealth
from overstap.entrypoints.console.customer import addresses
from overstap.entrypoints.console.customer.surroundings import enter, surroundings
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import chip, empty, link_button, show, table
from overstap.entrypoints.console.visit import Visit
from overstap.language import lazy_gettext

_TITLE = lazy_gettext("Support overview")
_WHERE = lazy_gettext("Admin > Office 365 > Support")
_WHERE_SMALL = lazy_gettext("Admin > Get help and online support")
_HEALTH = lazy_gettext("Current service status")
_SERVICE, _STATE = lazy_gettext("Service"), lazy_gettext("State")
_AVAILABLE = lazy_gettext("available")
_DOMAINS = lazy_gettext("Domains")
_DOMAIN, _KIND = lazy_gettext("Domain"), lazy_gettext("Kind")
_CUSTOM, _INITIAL = lazy_gettext("custom"), lazy_gettext("initial")
_ADMINS = lazy_gettext("Administrators")
_ADMIN, _ROLE = lazy_gettext("Administrator"), lazy_gettext("Role")
_ROLES = {
    AdminRole.GLOBAL_ADMIN: lazy_gettext("global administrator"),
    AdminRole.ADMIN: lazy_gettext("administrator"),
}
_PHONE = lazy_gettext("Billing support")
_CALL = lazy_gettext(
    "For billing and subscriptions, and for whatever the wizard does not do, call support for problems with billing "
    "and subscriptions. Have the name of your organisation at hand: {tenant}."
)
_BACK = lazy_gettext("Back to the licences")
_NONE, _NONE_HINT = lazy_gettext("Nothing is known here"), lazy_gettext("It comes with the next import.")


@page("/tenants/{tenant_id}/support", _TITLE, "show_tenant")
async def support(visit: Visit) -> None:
    """What a refusal sends its reader to: what is not healthy, and who can help."""
    entered, say = await enter(visit, PortalPage.HOME), visit.say
    tenant = entered.tenant
    families = {visit.app.catalog.family_of(held.plan) for held in tenant.subscriptions}
    where = say(_WHERE_SMALL if families == {SMALL_BUSINESS} else _WHERE)
    services = sorted(tenant.services, key=lambda one: (one.healthy, one.service))
    domains = [[one.name, chip(say(_CUSTOM if one.custom else _INITIAL))] for one in tenant.domains]
    admins = [[one.upn, say(_ROLES[one.role])] for one in tenant.admins]
    with surroundings(visit, entered, say(_TITLE), lead=h.span(".faint.where")[where]):
        rows = [[one.service, _health(visit, one)] for one in services]
        nothing = empty(say(_NONE), say(_NONE_HINT))
        show(
            h.h2("#health")[say(_HEALTH)],
            table(say(_HEALTH), [say(_SERVICE), say(_STATE)], rows) if rows else nothing,
        )
        show(
            h.h2("#domains")[say(_DOMAINS)],
            table(say(_DOMAINS), [say(_DOMAIN), say(_KIND)], domains) if domains else nothing,
        )
        show(
            h.h2("#admins")[say(_ADMINS)],
            table(say(_ADMINS), [say(_ADMIN), say(_ROLE)], admins) if admins else nothing,
        )
        show(h.h2("#phone")[say(_PHONE)], h.p[say(_CALL, tenant=tenant.title)])
        show(h.div(".buttons")[link_button(say(_BACK), addresses.licences(tenant.id))])


def _health(visit: Visit, service: ServiceHealth) -> h.Element:
    if service.healthy:
        return chip(visit.say(_AVAILABLE), "good")
    return chip(visit.words.tell(spoken({"status": service.status})["status"]), "bad")
