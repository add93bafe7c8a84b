"""Where each of the console's pages is looked at, on a database in which there is something to see on it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from browsing import PATIENCE, Site, site
from overstap.app.replaying import Wish
from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange, Route
from overstap.domain.tenant import ACTIVE
from overstap.settings import Settings, WebhookSettings
from overstap.workflow.replay import DeadlinePolicy

STAFF = "everything"
_ORDER = "subscription={van-dijk-advocaten.subscription}&target=e3"


class View(NamedTuple):
    """A page as somebody sees it.

    Attributes:
        who: of `Site.tokens`; None for who is not signed in.
        at: its address, with the names of `Known` in it.
    """

    who: str | None
    at: str


PAGES: Mapping[str, View] = {
    "/sign-in": View(None, "/sign-in?why=ended"),
    "/": View(STAFF, "/"),
    "/console": View(STAFF, "/console"),
    "/console/runs": View(STAFF, "/console/runs"),
    "/console/runs/{run_id}": View(STAFF, "/console/runs/{northwind-dental.run}"),
    "/console/replays": View(STAFF, "/console/replays"),
    "/console/replays/new": View(STAFF, "/console/replays/new?run={northwind-dental.run}"),
    "/console/replays/{plan_id}": View(STAFF, "/console/replays/{plan}"),
    "/console/tasks": View(STAFF, "/console/tasks"),
    "/console/tasks/{task_id}": View(STAFF, "/console/tasks/{task}"),
    "/console/tenants": View(STAFF, "/console/tenants"),
    "/console/tenants/{tenant_id}": View(STAFF, "/console/tenants/{northwind-dental}"),
    "/console/workers": View(STAFF, "/console/workers"),
    "/console/workflows/{workflow}/{version}": View(STAFF, "/console/workflows/plan_change/1"),
    "/console/rules": View(
        STAFF,
        "/console/rules?tenant={tuincentrum-groen}&subscription={tuincentrum-groen.subscription}&target=e3",
    ),
    "/console/catalog": View(STAFF, "/console/catalog"),
    "/console/audit": View(STAFF, "/console/audit"),
    "/console/tokens": View(STAFF, "/console/tokens"),
    "/console/webhooks": View(STAFF, "/console/webhooks"),
    "/console/webhooks/{webhook_id}": View(STAFF, "/console/webhooks/{webhook}"),
    "/tenants/{tenant_id}": View("van-dijk-advocaten", "/tenants/{van-dijk-advocaten}"),
    "/tenants/{tenant_id}/licences": View(
        "van-dijk-advocaten",
        "/tenants/{van-dijk-advocaten}/licences?subscription={van-dijk-advocaten.subscription}",
    ),
    "/tenants/{tenant_id}/licences/{subscription_id}": View(
        "van-dijk-advocaten", "/tenants/{van-dijk-advocaten}/licences/{van-dijk-advocaten.subscription}"
    ),
    "/tenants/{tenant_id}/licences/{subscription_id}/conflict": View(
        "tuincentrum-groen", "/tenants/{tuincentrum-groen}/licences/{tuincentrum-groen.subscription}/conflict"
    ),
    "/tenants/{tenant_id}/buy": View("van-dijk-advocaten", "/tenants/{van-dijk-advocaten}/buy"),
    "/tenants/{tenant_id}/choose": View(
        "van-dijk-advocaten",
        "/tenants/{van-dijk-advocaten}/choose?subscription={van-dijk-advocaten.subscription}",
    ),
    "/tenants/{tenant_id}/prepare": View("van-dijk-advocaten", "/tenants/{van-dijk-advocaten}/prepare?" + _ORDER),
    "/tenants/{tenant_id}/review": View("van-dijk-advocaten", "/tenants/{van-dijk-advocaten}/review?" + _ORDER),
    "/tenants/{tenant_id}/payment": View("van-dijk-advocaten", "/tenants/{van-dijk-advocaten}/payment?" + _ORDER),
    "/tenants/{tenant_id}/done/{run_id}": View(
        "molenaar-techniek", "/tenants/{molenaar-techniek}/done/{molenaar-techniek.run}"
    ),
    "/tenants/{tenant_id}/status": View("northwind-dental", "/tenants/{northwind-dental}/status"),
    "/tenants/{tenant_id}/status/{run_id}": View(
        "northwind-dental", "/tenants/{northwind-dental}/status/{northwind-dental.run}"
    ),
    "/tenants/{tenant_id}/support": View("tuincentrum-groen", "/tenants/{tuincentrum-groen}/support"),
    "/tenants/{tenant_id}/tasks": View("kapper-anna", "/tenants/{kapper-anna}/tasks"),
    "/tenants/{tenant_id}/tasks/{task_id}": View("kapper-anna", "/tenants/{kapper-anna}/tasks/{task}"),
    "/{unknown:path}": View(STAFF, "/console/nowhere"),
}
"""Each page by the path under which it is registered."""

ORDERS = {"northwind-dental": "e4", "molenaar-techniek": "e3", "bakkerij-de-vries": "small-business-premium"}
MANUAL = {"kapper-anna": "midsize"}
OTHERS = ("tuincentrum-groen", "van-dijk-advocaten")
_TRIES = 5


@dataclass(frozen=True)
class Tenant:
    """A tenant as addresses name it; formatted it is its id."""

    id: str
    subscription: str
    run: str | None

    def __format__(self, spec: str) -> str:
        return self.id


class Known(dict[str, object]):
    """What addresses name: tenants by their slug, `plan` of a replay, `task`, `webhook`."""

    def address(self, view: View) -> str:
        """The address of a view."""
        return view.at.format_map(self)


def known(app: App, tenants: Mapping[str, str]) -> Known:
    """What addresses name, on a database in which Northwind Dental's run is stuck and Kapper Anna has a task.

    Args:
        tenants: id by slug.
    """
    latest: dict[str, str] = {}
    for listed in app.search.page(limit=100):
        latest.setdefault(listed.stored.run.tenant_id, listed.stored.run.id)
    found = Known()
    for slug, tenant_id in tenants.items():
        held = next(one for one in app.service.tenant(tenant_id).subscriptions if one.plan and one.status in ACTIVE)
        found[slug] = Tenant(tenant_id, held.id, latest.get(tenant_id))
    stuck = latest[tenants["northwind-dental"]]
    found["plan"] = _plan(app, stuck)
    hook, _ = app.webhooks.create("http://127.0.0.1:9/hook", kinds=["migrated"], actor="operator:ada", reason="to see")
    found["webhook"] = hook.id
    found["task"] = app.tasks.open(tenants["kapper-anna"])[0].id
    return found


def settings_for(database_url: str) -> Settings:
    """Settings under which `known` may make a webhook of this machine's."""
    return Settings(database_url=database_url, webhooks=WebhookSettings(private=True))


@contextmanager
def stage(folder: Path) -> Iterator[tuple[Site, Known]]:
    """A server with a worker: one run is stuck, one waits for its credit check, one for somebody, one is completed."""
    faults = (
        '[{"operation": "move_users", "tenant": "959c02a4-2607-59a4-b981-031904ced410", "kind": "fails", "after": 1}]'
    )
    slugs = [*ORDERS, *MANUAL, *OTHERS]
    with site(folder, *slugs, speed=60, embedded__faults=faults, embedded__move_time="1s") as there:
        with open_app(settings_for(there.database_url)) as app:
            runs = {slug: _order(app, there.tenants[slug], plan) for slug, plan in ORDERS.items()}
            runs |= {slug: _order(app, there.tenants[slug], plan, Route.MANUAL) for slug, plan in MANUAL.items()}
            limit = time.monotonic() + PATIENCE
            while not _ready(app, runs):
                assert time.monotonic() < limit, {slug: app.service.run(one) for slug, one in runs.items()}
                time.sleep(0.05)
            addresses = known(app, there.tenants)
        yield there, addresses


def _plan(app: App, run_id: str) -> str:
    """The id of a plan that will replay a run; a run that a worker has in its hands at that moment would be skipped."""
    limit = time.monotonic() + PATIENCE
    while True:
        plan, items = app.replays.plan([run_id], Wish(DeadlinePolicy.parse("reset")), actor="operator:ada")
        if any(item.will_run for item in items):
            return plan.id
        assert time.monotonic() < limit, items
        time.sleep(0.2)


def _order(app: App, tenant_id: str, plan: str, route: Route = Route.WIZARD) -> str:
    tenant = app.service.tenant(tenant_id)
    change = PlanChange(tenant_id, tenant.subscriptions[0].id, plan, route=route, acknowledged=True)
    return app.service.submit(change, actor="operator:ada")[0].run.id


def _ready(app: App, runs: Mapping[str, str]) -> bool:
    found = {slug: app.service.run(one).run for slug, one in runs.items()}
    return (
        found["northwind-dental"].attempt >= _TRIES
        and found["molenaar-techniek"].state == "credit_check"
        and found["bakkerij-de-vries"].state == "completed"
        and bool(app.tasks.open(found["kapper-anna"].tenant_id))
    )
