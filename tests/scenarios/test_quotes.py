"""Quotes of several changes at once, as the page shows them on which a plan is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from overstap.domain.change import PlanChange
from overstap.store.past import Past
from overstap.testing import sample_tenant

if TYPE_CHECKING:
    from tests.scenarios.conftest import World


def test_quotes_of_one_tenant_ask_once_for_what_they_have_in_common(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.app.provider.import_tenants([sample_tenant("acme")], world.clock.now())
    changes = [PlanChange("acme", "acme-e1", plan) for plan in ("e3", "e4")]
    each = [world.app.questions.quote(one) for one in changes]
    asked, times = [], Past.times

    def counted(self: Past, workflow: str, kind: str, **named: Any) -> Any:
        asked.append((workflow, kind))
        return times(self, workflow, kind, **named)

    monkeypatch.setattr(Past, "times", counted)
    assert each == world.app.questions.quotes("acme", changes)
    assert [("plan_change", "same_family")] == asked
    assert [] == world.app.questions.quotes("acme", [])
