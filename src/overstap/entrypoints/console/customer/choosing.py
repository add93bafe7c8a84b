"""The page *Een nieuw abonnement kiezen*: only plans that the subscription may change to (rules.md R24)."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from overstap.domain.catalog import ChangeKind, Plan
from overstap.domain.change import PlanChange, Route
from overstap.domain.locks import PortalPage
from overstap.domain.options import Options
from overstap.domain.quote import Quote
from overstap.domain.tenant import PaymentMethod
from overstap.domain.wizard import NO_OPTIONS
from overstap.entrypoints.console.customer import addresses, told
from overstap.entrypoints.console.customer.order import Impossible, subscription
from overstap.entrypoints.console.customer.surroundings import Entered, enter, home, surroundings
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import link_button, note, problem, show
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext, lazy_ngettext

_TITLE = lazy_gettext("Choose a new plan")
_BY_HAND_TITLE = lazy_gettext("Choose a new plan, changed to manually")
_FROM = lazy_ngettext(
    "You have {plan} with {count} licence.", "You have {plan} with {count} licences.",
)  # fmt: skip
_PLANS = lazy_gettext("Plans that you may change to")
_NEXT = lazy_gettext("Next")
_BACK = lazy_gettext("Back to the licences")
_PER_SEAT = lazy_gettext("{price} per user and month")
_TOTAL = lazy_ngettext("{total} per month for {count} licence", "{total} per month for {count} licences")
_NOW = lazy_gettext("now {total}")
_HIDDEN = lazy_gettext("Not offered at present")
_MANUALLY = lazy_gettext("Change manually to a plan that is not offered here")
_ORDER = lazy_gettext(
    "Changing manually is, in this order: buying the new plan, reassigning the licences, and then cancelling the old "
    "subscription. People are asked to do some of it, and support helps."
)
_BACKS: dict[ChangeKind | None, Message] = {
    ChangeKind.OTHER_FAMILY: lazy_gettext("Another family: there is no way back to your old plan."),
    ChangeKind.SAME_FAMILY: lazy_gettext("The same family: the way back is manual, with billing support."),
    ChangeKind.FROM_STANDALONE: lazy_gettext("From a standalone plan: the way back is manual, with billing support."),
    None: lazy_gettext("Ask billing support whether there is a way back."),
}
_LISTED_BACK = lazy_gettext("You can change back with the wizard.")


@page("/tenants/{tenant_id}/choose", _TITLE, "make_quote")
async def choose(visit: Visit) -> None:
    """The plans to choose from, each with what it costs and whether there is a way back."""
    entered, say = await enter(visit, PortalPage.SUBSCRIPTIONS), visit.say
    back = link_button(say(_BACK), addresses.licences(entered.tenant.id))
    try:
        held = subscription(visit, entered)
    except Impossible as error:
        with surroundings(visit, entered, say(_TITLE)):
            show(problem(str(error), back))
        return
    manual = visit.query("way") == "manual"

    def look() -> tuple[Options, list[tuple[Plan, Quote]]]:
        found = visit.app.questions.options(entered.tenant.id, visit.call.acting(None))
        one = next(one for one in found if one.subscription.id == held.id)
        offered = [plan for plan in one.by_hand if plan not in one.plans] if manual else one.plans
        changes = [_change(visit, entered, one, plan, manual=manual) for plan in offered]
        return one, list(zip(offered, visit.app.questions.quotes(entered.tenant.id, changes), strict=True))

    one, offered = await visit.ask(look)
    back = link_button(say(_BACK), addresses.licences(entered.tenant.id, held.id))
    with surroundings(visit, entered, say(_BY_HAND_TITLE if manual else _TITLE)):
        show(h.p[say(_FROM, plan=told.plan_name(visit, held), count=held.seats)])
        if not offered:
            show(h.p(".strong")[say(NO_OPTIONS)], told.findings(visit, entered.tenant.id, one.reasons))
            show(h.div(".buttons")[back])
            return
        if manual:
            show(note(h.p[say(_ORDER)], "warn"))
        show(_form(visit, entered, one, offered, manual=manual))
        if not manual:
            _hidden(visit, entered, one)


def _change(visit: Visit, entered: Entered, one: Options, plan: Plan, *, manual: bool) -> PlanChange:
    return PlanChange(
        entered.tenant.id,
        one.subscription.id,
        plan.id,
        payment_method=_payment(one) if manual else None,
        acting_upn=visit.call.acting(None),
        route=Route.MANUAL if manual else Route.WIZARD,
    )


def _payment(one: Options) -> PaymentMethod | None:
    """What the manual way begins with where it cannot go on as it is paid now (rules.md R10)."""
    paid = one.subscription.payment_method
    return None if paid in {PaymentMethod.CARD, PaymentMethod.INVOICE} else PaymentMethod.CARD


def _form(
    visit: Visit, entered: Entered, one: Options, offered: Sequence[tuple[Plan, Quote]], *, manual: bool
) -> h.Element:
    say, chosen = visit.say, visit.query("target")
    payment = _payment(one) if manual else None
    return h.form(method="get", action=f"{home(entered.tenant.id)}/prepare", class_="choosing")[
        h.input(type="hidden", name="subscription", value=one.subscription.id),
        h.input(type="hidden", name="way", value="manual") if manual else None,
        h.input(type="hidden", name="payment", value=str(payment)) if payment else None,
        h.fieldset(".offers")[
            h.legend(".unseen")[say(_PLANS)],
            (_card(visit, one, plan, offer, chosen=chosen == plan.id) for plan, offer in offered),
        ],
        h.div(".buttons")[
            link_button(say(_BACK), addresses.licences(entered.tenant.id, one.subscription.id)),
            h.button(".button.main", type="submit")[say(_NEXT)],
        ],
    ]


def _card(visit: Visit, one: Options, plan: Plan, offer: Quote, *, chosen: bool) -> h.Element:
    say, described = visit.say, f"about-{plan.id}"
    seats = offer.new.seats
    final = offer.kind is ChangeKind.OTHER_FAMILY
    returns = not final and one.source is not None and visit.app.catalog.pair(plan.id, one.source.id) is not None
    total = say(_TOTAL, total=told.money(visit, offer.new.monthly_cents), count=seats)
    now = say(_NOW, total=told.money(visit, offer.old.monthly_cents))
    return h.label(".offer")[
        h.input(
            type="radio",
            name="target",
            value=plan.id,
            required=True,
            checked=chosen,
            aria_labelledby=f"name-{plan.id}",
            aria_describedby=described,
        ),
        h.span(".body")[
            h.span(".strong", id=f"name-{plan.id}")[told.named(visit, plan.id)],
            h.span(".about", id=described)[
                h.span(".faint")[told.family(visit, plan.id)],
                h.span[say(_PER_SEAT, price=told.money(visit, plan.monthly_cents))],
                h.span[f"{total} ({now})"],
                h.span(".warned" if final else ".faint")[say(_LISTED_BACK if returns else _BACKS[offer.kind])],
            ],
        ],
    ]  # fmt: skip


def _hidden(visit: Visit, entered: Entered, one: Options) -> None:
    """Listed plans that are not offered at present, each with why (rules.md R13), and the manual way (R47)."""
    say = visit.say
    if one.hidden:
        show(
            h.section(".card")[
                h.h2[say(_HIDDEN)],
                (
                    [
                        h.h3[told.named(visit, plan.id)],
                        told.findings(visit, entered.tenant.id, stops),
                    ]
                    for plan, stops in one.hidden
                ),
            ]
        )
    if any(plan not in one.plans for plan in one.by_hand):
        href = addresses.choose(entered.tenant.id, one.subscription.id, way="manual")
        show(h.p(".hint")[h.a(href=href)[say(_MANUALLY)]])
