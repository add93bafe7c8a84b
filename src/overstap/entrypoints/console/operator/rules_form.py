"""The form of the what-if: the order, and each fact as it is or as it is supposed to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import htpy as h

from overstap.domain.case import plan_name
from overstap.domain.catalog import Catalog
from overstap.domain.change import Route
from overstap.domain.sentences import STATES
from overstap.domain.supposing import NOTHING
from overstap.domain.tenant import BillingFrequency, PaymentMethod
from overstap.entrypoints.console.operator.suppositions import HEALTH, MOST, NO, ROLES, STATUSES, YES, Asked
from overstap.entrypoints.console.parts import address
from overstap.language import Language, Message, lazy_gettext

Options = Sequence[tuple[str, str]]

_YES_NO: Mapping[str, Message] = {YES: lazy_gettext("yes"), NO: lazy_gettext("no")}
PAID_WORDS: Mapping[str, Message] = {
    PaymentMethod.CARD: lazy_gettext("card"),
    PaymentMethod.INVOICE: lazy_gettext("invoice"),
    PaymentMethod.PREPAID: lazy_gettext("prepaid card"),
    PaymentMethod.PRODUCT_KEY: lazy_gettext("product key"),
}
_BILLED: Mapping[str, Message] = {
    BillingFrequency.MONTHLY: lazy_gettext("monthly"),
    BillingFrequency.ANNUAL: lazy_gettext("annually"),
}
_WAYS: Mapping[str, Message] = {
    Route.WIZARD: lazy_gettext("with the wizard"),
    Route.MANUAL: lazy_gettext("manually"),
}
STATUS_WORDS: Mapping[str, Message] = {
    "Enabled": lazy_gettext("active"),
    "Warning": lazy_gettext("active, in its grace period"),
    "Suspended": lazy_gettext("suspended"),
    "LockedOut": lazy_gettext("locked out"),
    "Deleted": lazy_gettext("deleted"),
}
ROLE_WORDS: Mapping[str, Message] = {
    "global_admin": lazy_gettext("global administrator"),
    "admin": lazy_gettext("administrator"),
    NOTHING: lazy_gettext("no administrator"),
}
HEALTH_WORDS: Mapping[str, Message] = {
    "serviceOperational": lazy_gettext("healthy"),
    "serviceDegradation": lazy_gettext("degraded"),
    "serviceInterruption": lazy_gettext("not available"),
    "restoringService": lazy_gettext("being restored"),
    "investigating": lazy_gettext("being investigated"),
}
_LABELS: Mapping[str, Message] = {
    "plan": lazy_gettext("Plan of the subscription"),
    "bought": lazy_gettext("Licences bought"),
    "assigned": lazy_gettext("Users who hold a licence"),
    "status": lazy_gettext("Status of the subscription"),
    "trial": lazy_gettext("Trial"),
    "provisioned": lazy_gettext("Fully provisioned"),
    "paid": lazy_gettext("Paid by"),
    "legacy": lazy_gettext("Before the service upgrade"),
    "domain": lazy_gettext("Custom domain"),
    "active": lazy_gettext("Change under way"),
    "role": lazy_gettext("Role of who orders"),
}
_REALLY = lazy_gettext("really: {value}")
_AS_NOW = lazy_gettext("as now: {value}")
_OPERATOR = lazy_gettext("an operator")
_NOT_ASKED = lazy_gettext("not asked yet")


def form(words: Language, asked: Asked, catalog: Catalog) -> h.Element:
    """The order and the facts; sending it asks the rules again."""
    return h.form(".supposing", method="get", action="/console/rules")[
        h.input(type="hidden", name="tenant", value=asked.tenant.id),
        h.input(type="hidden", name="subscription", value=asked.held.id),
        h.fieldset(".card")[
            h.legend[words.say(lazy_gettext("Order"))], h.div(".filters")[_order(words, asked, catalog)]
        ],
        h.fieldset(".card")[
            h.legend[words.say(lazy_gettext("Facts"))],
            h.p(".hint")[words.say(lazy_gettext("Change any of them: nothing is kept, and only the verdict changes."))],
            h.div(".filters")[
                (_fact(words, asked, name, catalog) for name in asked.real),
                (_service(words, asked, service) for service in asked.health),
            ],
        ],
        h.div(".buttons")[
            h.button(".button.main", type="submit")[words.say(lazy_gettext("Ask the rules"))],
            h.a(".button", href=address("/console/rules", **asked.query(supposing=False)))[
                words.say(lazy_gettext("Back to the real facts"))
            ]
            if asked.supposes
            else None,
        ],
    ]


def _order(words: Language, asked: Asked, catalog: Catalog) -> Iterable[h.Node]:
    say, change, held = words.say, asked.change, asked.held
    yield _field(
        say(lazy_gettext("To")),
        h.select(name="target")[
            (
                h.optgroup(label=words.tell({"nl": family.name_nl, "en": family.name_en}))[
                    _options(_plans(words, catalog, family.id), change.target_plan)
                ]
                for family in catalog.families
            )
        ],
    )
    yield _field(say(lazy_gettext("Way")), h.select(name="way")[_options(_said(words, _WAYS), change.route)])
    yield _field(
        say(lazy_gettext("Licences")),
        h.input(
            type="number",
            name="seats",
            min="1",
            max=str(MOST),
            value=change.seats,
            placeholder=say(_AS_NOW, value=held.seats),
        ),
    )
    yield _field(
        say(lazy_gettext("Payment")),
        h.select(name="payment")[
            h.option(value="")[say(_AS_NOW, value=PAID_WORDS[held.payment_method])],
            _options(_said(words, PAID_WORDS), change.payment_method),
        ],
    )
    yield _field(
        say(lazy_gettext("Billing")),
        h.select(name="frequency")[
            h.option(value="")[say(_AS_NOW, value=_BILLED[held.billing_frequency])],
            _options(_said(words, _BILLED), change.billing_frequency),
        ],
    )
    people = [(one.upn, f"{one.upn} ({say(ROLE_WORDS[one.role])})") for one in asked.tenant.admins]
    if change.acting_upn and change.acting_upn not in {upn for upn, _ in people}:
        people.append((change.acting_upn, change.acting_upn))
    yield _field(
        say(lazy_gettext("Ordered by")),
        h.select(name="acting")[h.option(value="")[say(_OPERATOR)], _options(people, change.acting_upn)],
    )
    chosen = None if change.acknowledged is None else (YES if change.acknowledged else NO)
    yield _field(
        say(lazy_gettext("No way back acknowledged")),
        h.select(name="acknowledged")[h.option(value="")[say(_NOT_ASKED)], _options(_said(words, _YES_NO), chosen)],
    )


def _fact(words: Language, asked: Asked, name: str, catalog: Catalog) -> h.Element:
    shown, real = asked.shown(name), asked.real[name]
    if name in {"bought", "assigned"}:
        control = h.input(type="number", name=name, min="0", max=str(MOST), required=True, value=shown)
        return _field(words.say(_LABELS[name]), control, _really(words, shown != real, words.tell(int(real))))
    options = _choices(words, name, catalog)
    if real not in dict(options):
        options = [(real, asked.held.sku_part_number if name == "plan" else real), *options]
    chooser = h.select(name=name)[_options(options, shown)]
    return _field(words.say(_LABELS[name]), chooser, _really(words, shown != real, dict(options)[real]))


def _service(words: Language, asked: Asked, service: str) -> h.Element:
    real = asked.health[service]
    shown = asked.ill.get(service, real)
    known = {one.casefold(): one for one in HEALTH}
    # Providers mix the letters' case; whatever else there is can be chosen too.
    names = {known.get(one.casefold(), one): one for one in (real, shown)}
    options = [
        (f"{service}:{names.get(one, one)}", words.say(HEALTH_WORDS[one]) if one in HEALTH_WORDS else one)
        for one in dict.fromkeys([*HEALTH, *names])
    ]
    control = h.select(name="health")[_options(options, f"{service}:{shown}")]
    return _field(service, control, _really(words, shown != real, dict(options)[f"{service}:{real}"]))


def _choices(words: Language, name: str, catalog: Catalog) -> list[tuple[str, str]]:
    match name:
        case "plan":
            return _plans(words, catalog)
        case "status":
            return [(one, words.say(STATUS_WORDS[one])) for one in STATUSES]
        case "paid":
            return _said(words, PAID_WORDS)
        case "role":
            return [(one, words.say(ROLE_WORDS[one])) for one in ROLES]
        case "active":
            return [(NOTHING, words.say(lazy_gettext("none"))), *_said(words, STATES)]
    return _said(words, _YES_NO)


def _plans(words: Language, catalog: Catalog, family: str | None = None) -> list[tuple[str, str]]:
    plans = [one for one in catalog.plans.values() if family in (None, one.family)]
    return [(one.id, words.tell(plan_name(one))) for one in plans]


def _said(words: Language, known: Mapping[str, Message]) -> list[tuple[str, str]]:
    return [(str(value), words.say(message)) for value, message in known.items()]


def _options(options: Options, chosen: str | None) -> Iterable[h.Element]:
    return [h.option(value=value, selected=value == chosen)[text] for value, text in options]


def _really(words: Language, differs: bool, value: str) -> str | None:
    return words.say(_REALLY, value=value) if differs else None


def _field(label: str, control: h.Node, really: str | None = None) -> h.Element:
    return h.label(".field.supposed" if really else ".field")[
        h.span[label], control, h.span(".really")[really] if really else None
    ]
