"""What each subscription of a tenant may change to: the column *Abonnementsopties* (rules.md R13, R23, R36)."""

from __future__ import annotations

from dataclasses import dataclass

from overstap.domain import links
from overstap.domain.case import Limits, make_case
from overstap.domain.catalog import Catalog, Plan
from overstap.domain.change import PlanChange, Route
from overstap.domain.eligibility import Eligibility, judge
from overstap.domain.findings import Finding
from overstap.domain.locks import ActiveRun
from overstap.domain.tenant import PaymentMethod, Subscription, Tenant


@dataclass(frozen=True, slots=True)
class Options:
    """What one subscription may change to.

    Attributes:
        source: its plan, None when the catalog does not know it.
        plans: the plans that the wizard offers (rules.md R24).
        hidden: listed plans that are not offered at present, each with what stops it (rules.md R13).
        reasons: everything that hides a plan, each thing once, in the order of the rules (rules.md R40).
        by_hand: the plans to which the manual way is open (rules.md R47).
    """

    subscription: Subscription
    source: Plan | None
    plans: tuple[Plan, ...]
    hidden: tuple[tuple[Plan, tuple[Finding, ...]], ...]
    reasons: tuple[Finding, ...]
    by_hand: tuple[Plan, ...]

    @property
    def manual(self) -> bool:
        """Whether the manual way to some plan is open (rules.md R47)."""
        return bool(self.by_hand)

    @property
    def href(self) -> str | None:
        """Where the link *Veranderen van abonnement* leads (rules.md R23); None for *Geen opties*."""
        return links.choose(self.subscription.id) if self.plans else None


def options(
    tenant: Tenant, catalog: Catalog, limits: Limits, active: ActiveRun | None, acting_upn: str | None = None
) -> list[Options]:
    """The options of each subscription of a tenant, in its order.

    Args:
        active: the tenant's run that is under way: none of its subscriptions has options then (rules.md R36).
        acting_upn: the admin who looks; None asks for no role (rules.md R3).
    """

    def ask(held: Subscription, plan: Plan, route: Route) -> Eligibility:
        # Which payment the manual way takes is chosen later; what the source is paid by does not close it (R10).
        payment = PaymentMethod.CARD if route is Route.MANUAL else None
        change = PlanChange(tenant.id, held.id, plan.id, payment_method=payment, acting_upn=acting_upn, route=route)
        return judge(make_case(tenant, change, catalog, limits, active))

    def of(held: Subscription) -> Options:
        source = catalog.plan(held.plan) if held.plan else None
        others = [plan for plan in catalog.plans.values() if plan != source]
        listed = [plan for plan in others if source and catalog.pair(source.id, plan.id)]
        answers = {plan.id: ask(held, plan, Route.WIZARD) for plan in listed or others[:1]}
        reasons = {_same(finding): finding for answer in answers.values() for finding in answer.blockers}
        return Options(
            subscription=held,
            source=source,
            plans=tuple(plan for plan in listed if answers[plan.id].allowed),
            hidden=tuple((plan, answers[plan.id].blockers) for plan in listed if not answers[plan.id].allowed),
            reasons=tuple(reasons.values()),
            by_hand=tuple(plan for plan in others if ask(held, plan, Route.MANUAL).allowed),
        )

    return [of(held) for held in tenant.subscriptions]


def _same(finding: Finding) -> tuple[str, str]:
    return finding.code, repr(sorted(finding.params.items()))
