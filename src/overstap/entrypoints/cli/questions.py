"""`eligibility`, `options` and `quote`: what may be asked before anything is ordered, in the customer's language."""

from __future__ import annotations

import typer

from overstap.bootstrap import App
from overstap.domain.change import PlanChange
from overstap.domain.tenant import BillingFrequency, PaymentMethod, Tenant
from overstap.entrypoints import answers
from overstap.entrypoints.cli import customer
from overstap.entrypoints.cli.face import (
    ActingOption,
    BillingOption,
    Face,
    JsonFlag,
    LocaleOption,
    PaymentOption,
    PlanArgument,
    SeatsOption,
    SubscriptionArgument,
    TenantArgument,
    command,
    find_tenant,
)
from overstap.language import Language, language


def eligibility(
    face: Face,
    tenant: TenantArgument,
    subscription: SubscriptionArgument,
    plan: PlanArgument,
    seats: SeatsOption = None,
    payment: PaymentOption = None,
    acting_upn: ActingOption = None,
    locale: LocaleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask whether a change is allowed, which way, and why not: exit code 0 when it is, 1 when not."""
    with face.app() as app:
        facts, words = _reader(app, tenant, locale)
        change = _change(facts, subscription, plan, seats=seats, payment=payment, acting_upn=acting_upn)
        answer = app.questions.eligibility(change)
        if as_json:
            face.json(answers.eligibility(answer, words))
        else:
            target = app.catalog.plan(change.target_plan)
            customer.tell_eligibility(face, facts, target, answer, words)
    if not answer.allowed:
        raise typer.Exit(1)


def options(
    face: Face,
    tenant: TenantArgument,
    acting_upn: ActingOption = None,
    locale: LocaleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what each subscription of a tenant may change to, or why there are no options."""
    with face.app() as app:
        facts, words = _reader(app, tenant, locale)
        found = app.questions.options(facts.id, acting_upn)
    if as_json:
        face.json([answers.options(one, words) for one in found])
    else:
        customer.tell_options(face, facts, found, words)


def quote(
    face: Face,
    tenant: TenantArgument,
    subscription: SubscriptionArgument,
    plan: PlanArgument,
    seats: SeatsOption = None,
    payment: PaymentOption = None,
    billing: BillingOption = None,
    acting_upn: ActingOption = None,
    locale: LocaleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a change would cost, how long it takes, what it locks, and what cannot be undone."""
    with face.app() as app:
        facts, words = _reader(app, tenant, locale)
        change = _change(
            facts, subscription, plan, seats=seats, payment=payment, billing=billing, acting_upn=acting_upn
        )
        offer = app.questions.quote(change)
    if as_json:
        face.json(answers.quote(change, offer, words))
    else:
        customer.tell_quote(face, facts, offer, words)


def _reader(app: App, tenant: str, locale: str | None) -> tuple[Tenant, Language]:
    """The tenant that is meant, and the language to answer in: its own where none is asked for."""
    words = None if locale is None else language(locale)
    facts = find_tenant(app.service, tenant)
    return facts, words or language(facts.locale)


def _change(
    tenant: Tenant,
    subscription: str,
    plan: str,
    *,
    seats: int | None,
    payment: PaymentMethod | None,
    billing: BillingFrequency | None = None,
    acting_upn: str | None,
) -> PlanChange:
    return PlanChange(
        tenant_id=tenant.id,
        subscription_id=subscription.strip().lower(),
        target_plan=plan.strip().lower(),
        seats=seats,
        payment_method=payment,
        billing_frequency=billing,
        acting_upn=acting_upn,
    )


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "eligibility")(eligibility)
    command(app, "options")(options)
    command(app, "quote")(quote)
