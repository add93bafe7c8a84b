"""May this tenant make this change, and which way? Every rule is asked, and all that they say is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from overstap.domain.blocking import BLOCKING
from overstap.domain.case import Case, Limits, make_case
from overstap.domain.catalog import Catalog
from overstap.domain.change import PlanChange, Route
from overstap.domain.findings import Finding, blockers
from overstap.domain.locks import ActiveRun
from overstap.domain.tenant import Tenant
from overstap.domain.warning import WARNING


@dataclass(frozen=True, slots=True)
class Eligibility:
    """What the rules say about a change.

    Attributes:
        route: the way that is open: the wizard's, the manual one where only that is, or none (rules.md R5, R47).
        findings: the blockers, then the warnings, each in the order of the rules.
    """

    route: Route
    findings: tuple[Finding, ...]

    @property
    def allowed(self) -> bool:
        """Whether the change can go the way that was asked about."""
        return not self.blockers

    @property
    def blockers(self) -> tuple[Finding, ...]:
        """The findings that stop it."""
        return blockers(self.findings)


def check(
    tenant: Tenant, change: PlanChange, catalog: Catalog, limits: Limits, active: ActiveRun | None = None
) -> Eligibility:
    """Ask every rule about a change.

    Args:
        tenant: its facts as they are now.
        change: what is ordered, or asked about; its route says which way.
        active: the tenant's run that is under way; None when there is none, or when it is the one that asks.

    Raises:
        NotFound: when the tenant has no such subscription, or no plan has that id.
    """
    return judge(make_case(tenant, change, catalog, limits, active))


def judge(case: Case) -> Eligibility:
    """Ask every rule about a case; the warnings are asked last, as some depend on the way that is left."""
    stops = tuple(finding for rule in BLOCKING for finding in rule(case))
    if case.change.route is Route.MANUAL:
        stops = tuple(finding for finding in stops if not finding.wizard_only)
    route = _route(case.change.route, stops)
    told = tuple(finding for rule in WARNING for finding in rule(replace(case, route=route)))
    return Eligibility(route, stops + told)


def _route(asked: Route, stops: Sequence[Finding]) -> Route:
    if not stops:
        return asked
    return Route.MANUAL if all(finding.wizard_only for finding in stops) else Route.NONE
