"""What the overview shows first, over whole changes in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.scenarios.conftest import START

from overstap.app.overview import Concern, Overview
from overstap.app.trends import Window
from overstap.bootstrap import App
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.errors import BadInput
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.testing import Driver, sample_tenant
from overstap.workflow.pauses import Scope

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LATE = {"operation": "move_users", "kind": "fails", "tenant": "late"}
CREDIT = {"credit_answers": "never", "faults": [LATE]}


@pytest.fixture
def night(database_url: str) -> tuple[App, VirtualClock, Driver]:
    """`late` fails in its migration, `poor` waits for credit that nobody gives, `well` completes."""
    settings = Settings(database_url=database_url, embedded=CREDIT)  # type: ignore[arg-type]
    clock = VirtualClock(START)
    app = App(settings, Database(settings.database_url), clock=clock)
    app.service.import_tenants(
        [sample_tenant("poor", payment="invoice", users=200), *(sample_tenant(name) for name in ("late", "well"))]
    )
    for name in ("poor", "late", "well"):
        app.service.submit(PlanChange(name, f"{name}-e1", "e3"))
    return app, clock, Driver(app.engine, clock)


def names(concerns: Sequence[Concern]) -> list[str]:
    return [one.run.tenant_id for one in concerns]


def anew(app: App) -> Overview:
    """An overview that has not looked yet."""
    seen = app.overview
    seen._good_until = 0.0
    return seen


def test_runs_are_shown_first_as_soon_as_somebody_should_look_at_them(
    night: tuple[App, VirtualClock, Driver],
) -> None:
    app, clock, driver = night
    with app:
        driver.run_for(30 * MINUTE)
        found = anew(app).concerns()
        assert (names(found.stuck), names(found.escalated), names(found.expiring)) == (["late"], [], [])

        driver.run_for(20 * MINUTE)  # ten minutes of its hour are left
        assert names(anew(app).concerns().expiring) == ["late"]

        driver.run_for(20 * MINUTE)
        found = anew(app).concerns()
        assert (names(found.escalated), names(found.expiring)) == (["late"], [])

        clock.advance(11 * 24 * HOUR)  # three of the fourteen days are left
        assert names(anew(app).concerns().expiring) == ["poor"]
        clock.advance(4 * 24 * HOUR)  # nobody has worked since
        found = anew(app).concerns()
        assert (names(found.overdue), names(found.expiring)) == (["poor"], [])


def test_the_last_hour_tells_what_was_submitted_and_how_long_the_completed_took(
    night: tuple[App, VirtualClock, Driver],
) -> None:
    app, _, driver = night
    with app:
        driver.run_for(50 * MINUTE)
        whole = app.overview.trends.look(Window.HOUR).whole
        run = next(one.stored.run for one in app.search.page() if one.stored.run.tenant_id == "well")
        assert run.ended_at is not None
        assert (whole.submitted, whole.ended) == (3, 1)
        assert whole.median == run.ended_at - run.created_at


def test_a_pause_tells_beforehand_what_it_would_stop(night: tuple[App, VirtualClock, Driver]) -> None:
    app, _, _ = night
    with app:
        stopped = app.operators.stopped_by(Scope.STEP, "request_credit")
        assert stopped == {
            ("manual_change", 1, "credit_check"): ["request_credit"],
            ("plan_change", 1, "credit_check"): ["request_credit"],
        }
        assert set(app.operators.stopped_by(Scope.WORKFLOW, "plan_change")) == {
            ("plan_change", 1, state) for state, spec in app.library.latest("plan_change").states.items() if spec.steps
        }
        with pytest.raises(BadInput, match="no step 'nonsense'"):
            app.operators.stopped_by(Scope.STEP, "nonsense")
