"""What may be asked before anything is ordered: eligibility, options, a quote. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache

from overstap.app.service import WORKFLOWS
from overstap.clock import Clock
from overstap.domain.case import Case, Limits, make_case
from overstap.domain.catalog import Catalog
from overstap.domain.change import PlanChange, Route
from overstap.domain.eligibility import Eligibility, check, judge
from overstap.domain.options import Options, options
from overstap.domain.ports import Provider
from overstap.domain.quote import Quote, quote
from overstap.domain.supposing import Compared, Supposed, suppose
from overstap.store.past import Past
from overstap.store.runs import Runs
from overstap.workflow.files import Library

_ON_THE_WAY = ("credit_check", "migrating", "licenses_reassigned")
"""The states that a change goes through when all goes well and that may lock something (rules.md J5)."""


class Questions:
    """Answers from the facts as they are now.

    Args:
        keep_old_billing: the old subscription is billed until the new one is (rules.md R19).
    """

    def __init__(
        self,
        runs: Runs,
        past: Past,
        provider: Provider,
        catalog: Catalog,
        library: Library,
        limits: Limits,
        clock: Clock,
        *,
        keep_old_billing: bool,
    ) -> None:
        self._runs = runs
        self._past = past
        self._provider = provider
        self._catalog = catalog
        self._library = library
        self._limits = limits
        self._clock = clock
        self._keep_old_billing = keep_old_billing

    def eligibility(self, change: PlanChange) -> Eligibility:
        """Whether a change is allowed, which way, and everything that the rules say about it.

        Raises:
            NotFound: when there is no such tenant, subscription or plan.
        """
        tenant = self._provider.tenant(change.tenant_id)
        return check(tenant, change, self._catalog, self._limits, self._runs.active_run(tenant.id))

    def what_if(self, change: PlanChange, supposed: Supposed) -> Compared:
        """What the rules would say of a change if some facts were others, beside what they say now.

        Raises:
            NotFound: when there is no such tenant, subscription or plan.
            BadInput: when something is supposed of what the tenant does not have.
        """
        tenant, active = self._provider.tenant(change.tenant_id), self._runs.active_run(change.tenant_id)
        other, run = suppose(tenant, change, supposed, active, self._clock.now() + self._limits.credit_window)
        return Compared(
            tenant,
            active,
            check(tenant, change, self._catalog, self._limits, active),
            check(other, change, self._catalog, self._limits, run),
        )

    def options(self, tenant_id: str, acting_upn: str | None = None) -> list[Options]:
        """What each subscription of a tenant may change to (rules.md R13, R23, R36, R40, R47).

        Raises:
            NotFound: when there is no such tenant.
        """
        tenant = self._provider.tenant(tenant_id)
        return options(tenant, self._catalog, self._limits, self._runs.active_run(tenant_id), acting_upn)

    def quote(self, change: PlanChange) -> Quote:
        """What a change would cost, take, lock and lose; it goes the way that is open.

        Raises:
            NotFound: when there is no such tenant, subscription or plan.
        """
        return self.quotes(change.tenant_id, [change])[0]

    def quotes(self, tenant_id: str, changes: Sequence[PlanChange]) -> list[Quote]:
        """The quotes of several changes of one tenant; what they have in common is asked for once.

        Raises:
            NotFound: when there is no such tenant, subscription or plan.
        """
        tenant, active = self._provider.tenant(tenant_id), self._runs.active_run(tenant_id)
        times = cache(self._times)
        return [self._quote(make_case(tenant, one, self._catalog, self._limits, active), times) for one in changes]

    def _times(self, workflow: str, kind: str) -> list[timedelta]:
        return self._past.times(workflow, kind, entered="migrating", left="licenses_reassigned")

    def _quote(self, case: Case, times: Callable[[str, str], list[timedelta]]) -> Quote:
        answer = judge(case)
        workflow = WORKFLOWS[Route.MANUAL if answer.route is Route.MANUAL else Route.WIZARD]
        states = self._library.latest(workflow).states
        return quote(
            case,
            answer,
            self._clock.now(),
            times(workflow, str(case.kind)),
            [(name, states[name].locks) for name in _ON_THE_WAY if name in states],
            keep_old_billing=self._keep_old_billing,
        )
