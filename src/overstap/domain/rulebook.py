"""Which rule of rules.md each finding belongs to, in the order in which the rules are numbered."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RULE_OF: Mapping[str, str] = MappingProxyType(
    {
        "too_many_users": "R2",
        "not_an_admin": "R3",
        "role_too_low": "R3",
        "trial": "R4",
        "same_plan": "R5",
        "pair_not_listed": "R5",
        "source_not_listed": "R5",
        "pair_closed": "R5",
        "not_active": "R6",
        "not_provisioned": "R6",
        "service_unhealthy": "R7",
        "licence_conflict": "R8",
        "source_payment": "R10",
        "chosen_payment": "R10",
        "legacy_too_many_users": "R11",
        "over_seat_limit": "R11",
        "custom_domain": "R12",
        "public_website": "R20",
        "fewer_seats": "R29",
        "credit_check_by_invoice": "R33",
        "credit_check_by_cost": "R33",
        "credit_check_pending": "R35",
        "commerce_lock_ahead": "R35",
        "change_under_way": "R40",
        "manual_way": "R47",
        "no_way_back": "R48",
        "acknowledgement_missing": "R48",
        "domains_come_off": "R49",
        "backup_advised": "R50",
    }
)
"""By the finding's code; a test holds it to what the rules say of themselves."""
