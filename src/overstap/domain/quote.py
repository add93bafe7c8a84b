"""What a change would cost, take, lock and lose: told before it is ordered."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby
from operator import itemgetter

from overstap.domain.case import Case, Name
from overstap.domain.catalog import ChangeKind
from overstap.domain.change import Route
from overstap.domain.credit import CreditReason, monthly_cost
from overstap.domain.eligibility import Eligibility
from overstap.domain.locks import CREDIT_CHECK
from overstap.domain.tenant import BillingFrequency

USUAL = timedelta(minutes=10)
"""How long a change takes at the most, usually, where nothing was measured yet (rules.md R30)."""
USUAL_LICENCES = timedelta(minutes=1)
"""How long reassigning the licences takes at the most, usually (rules.md R31)."""
_MONTHS = {BillingFrequency.MONTHLY: 1, BillingFrequency.ANNUAL: 12}


class OldBilling(StrEnum):
    """With what the old subscription is billed no longer."""

    ORDER = "order"
    """The order, as the document has it (rules.md R18)."""
    PURCHASE = "purchase"
    """The purchase of the new plan, which on the manual way follows on what people do (rules.md R46)."""
    COMPLETION = "completion"
    """The completion, where the configuration keeps it on until then (rules.md R19)."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a subscription costs.

    Attributes:
        monthly_cents, billed_cents: per month, and per bill, in cents of the catalog's currency; None when the catalog
            does not know the plan.
    """

    plan: Name
    seats: int
    billing_frequency: BillingFrequency
    monthly_cents: int | None

    @property
    def billed_cents(self) -> int | None:
        """The amount of one bill."""
        return None if self.monthly_cents is None else self.monthly_cents * _MONTHS[self.billing_frequency]


@dataclass(frozen=True, slots=True)
class Expected:
    """How long the migration takes, from its start until the new subscription is billed and the old one closed.

    Attributes:
        median, ninetieth: of those that were measured, else the document's usual time.
        measured: how many changes of the same kind they were measured from; 0 for none.
        licences: the most that reassigning the licences usually takes of it (rules.md R31).
    """

    median: timedelta
    ninetieth: timedelta
    measured: int
    licences: timedelta = USUAL_LICENCES

    @classmethod
    def of(cls, times: Sequence[timedelta]) -> Expected:
        """The median and the 90th percentile of measured times; the usual ten minutes when there are none (R30)."""
        if not times:
            return cls(USUAL, USUAL, 0)
        seconds = sorted(time.total_seconds() for time in times)
        tenths = statistics.quantiles(seconds, n=10, method="inclusive") if len(seconds) > 1 else seconds * 9
        return cls(timedelta(seconds=statistics.median(seconds)), timedelta(seconds=tenths[8]), len(seconds))


@dataclass(frozen=True, slots=True)
class LockAhead:
    """What will be locked in some states of the change that follow each other.

    Attributes:
        lasts: how long that is expected to take: a credit check at the most, a migration in nine of ten cases.
    """

    states: tuple[str, ...]
    locks: frozenset[str]
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class Quote:
    """Everything that a customer should know before ordering.

    Attributes:
        eligibility: whether it is allowed, with all findings: what cannot be undone (R48), what is lost or has to be
            done before (R20, R49, R50).
        kind: which kind of change it is (R1), None when the source's plan is not known.
        credit: why the credit bureau will be asked (R33), None when it will not.
        credit_window: how long that may take (R34).
        old_billing: with what the old subscription is billed no longer (R18, R19).
        old_billing_ends: when that is; None where nobody knows yet.
        new_billing_begins: the earliest and the latest moment that is expected (R19); None where people decide it.
        locks: in the order in which they come (R15, R17, R35).
    """

    eligibility: Eligibility
    kind: ChangeKind | None
    old: Price
    new: Price
    currency: str
    credit: CreditReason | None
    credit_window: timedelta
    old_billing: OldBilling
    old_billing_ends: datetime | None
    new_billing_begins: tuple[datetime, datetime] | None
    locks: tuple[LockAhead, ...]
    expected: Expected


def quote(
    case: Case,
    eligibility: Eligibility,
    now: datetime,
    times: Sequence[timedelta],
    locks: Iterable[tuple[str, frozenset[str]]],
    *,
    keep_old_billing: bool,
) -> Quote:
    """Work out what a change would mean.

    Args:
        eligibility: what the rules say of it; its route is the way that the quote is for.
        times: how long the migrations of earlier changes of the same kind and way took.
        locks: the states that a change goes through when all goes well, each with what it locks.
        keep_old_billing: the old subscription is billed until the new one is (R19).
    """
    expected, credit = Expected.of(times), case.credit_reason
    wait = case.limits.credit_window if credit else timedelta(0)
    manual = eligibility.route is Route.MANUAL
    ends = OldBilling.PURCHASE if manual else OldBilling.ORDER
    source, held = case.source, case.subscription
    return Quote(
        eligibility=eligibility,
        kind=case.kind,
        old=Price(
            case.source_name,
            held.seats,
            held.billing_frequency,
            monthly_cost(source, held.seats) if source else None,
        ),
        new=Price(
            case.target_name,
            case.seats,
            case.change.billing_frequency or held.billing_frequency,
            case.monthly_cents,
        ),
        currency=case.catalog.currency,
        credit=credit,
        credit_window=case.limits.credit_window,
        old_billing=OldBilling.COMPLETION if keep_old_billing else ends,
        old_billing_ends=None if keep_old_billing or manual else now,
        new_billing_begins=None if manual else (now + expected.median, now + wait + expected.ninetieth),
        locks=tuple(_ahead(locks, wait, expected)),
        expected=expected,
    )


def _ahead(locks: Iterable[tuple[str, frozenset[str]]], wait: timedelta, expected: Expected) -> Iterator[LockAhead]:
    """The locks that come, states with the same ones together; a credit check only where there is one to wait for."""
    come = [(state, held) for state, held in locks if held and (wait or state != CREDIT_CHECK)]
    for held, states in groupby(come, key=itemgetter(1)):
        names = tuple(state for state, _ in states)
        yield LockAhead(names, held, wait if CREDIT_CHECK in names else expected.ninetieth)
