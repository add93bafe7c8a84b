"""The wizard *Checkout*: where its reader is, and what every page of it shows alike (rules.md R25)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import htpy as h

from overstap.domain.findings import Finding
from overstap.domain.locks import PortalPage
from overstap.domain.wizard import CHECKOUT
from overstap.entrypoints.console.customer import addresses, told
from overstap.entrypoints.console.customer.order import Impossible, Order
from overstap.entrypoints.console.customer.surroundings import enter, surroundings
from overstap.entrypoints.console.parts import link_button, problem, show
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext

NEXT = lazy_gettext("Next")
PREVIOUS = lazy_gettext("Previous")
_STEPS = lazy_gettext("Steps of the order")
_BACK = lazy_gettext("Back to the licences")
_AGAIN = lazy_gettext("Choose a plan again")
_STOPPED = lazy_gettext("This order is not possible as it stands.")

Build = Callable[[Visit, Order], Awaitable[None]]


def rail(visit: Visit, current: str, order: Order | None) -> h.Element:
    """The steps: those that were done are links, with the order as it is."""
    names = [one.name for one in CHECKOUT]
    here = names.index(current)

    def step(number: int) -> h.Element:
        title = visit.say(CHECKOUT[number].title)
        inside = h.a(href=order.at(names[number]))[title] if order and number < here else h.span[title]
        return h.li(aria_current="step" if number == here else None, class_="done" if number < here else None)[inside]

    return h.nav(aria_label=visit.say(_STEPS))[h.ol(".rail")[(step(number) for number in range(len(CHECKOUT)))]]


async def step(visit: Visit, name: str, title: Message, build: Build) -> None:
    """One page of the checkout, or why its address leads nowhere, with a way back."""
    entered = await enter(visit, PortalPage.SUBSCRIPTIONS)
    try:
        order = Order.of(visit, entered)
    except Impossible as error:
        back = _way_back(visit, entered.tenant.id)
        with surroundings(visit, entered, visit.say(title)):
            show(problem(str(error), h.div(".buttons")[back]))
        return
    with surroundings(visit, entered, visit.say(title)):
        show(rail(visit, name, order))
        await build(visit, order)


def _way_back(visit: Visit, tenant_id: str) -> h.Element:
    held = visit.query("subscription")
    if held is None:
        return link_button(visit.say(_BACK), addresses.licences(tenant_id))
    return link_button(visit.say(_AGAIN), addresses.choose(tenant_id, held.lower()))


def stopped(visit: Visit, order: Order, stops: Sequence[Finding]) -> h.Node:
    """Why an order cannot go on, all of it, with a way back."""
    way = "manual" if order.manual else None
    return h.section(".stopped", role="alert")[
        h.p(".strong")[visit.say(_STOPPED)],
        told.findings(visit, order.tenant_id, stops),
        h.div(".buttons")[
            link_button(visit.say(_AGAIN), addresses.choose(order.tenant_id, order.held.id, way=way)),
            link_button(visit.say(_BACK), addresses.licences(order.tenant_id, order.held.id)),
        ],
    ]


def onwards(visit: Visit, back: str, forth: str | None) -> h.Element:
    """*Vorige* and *Volgende*; the latter only where the order can go on."""
    return h.div(".buttons")[
        link_button(visit.say(PREVIOUS), back),
        link_button(visit.say(NEXT), forth, main=True) if forth else None,
    ]
