"""The overview, the workers and the workflows: what operators see live, and what they pause."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from browsing import Site, expect, live, site
from overstap.bootstrap import open_app
from overstap.domain.change import PlanChange
from overstap.settings import Settings

MOLENAAR, BAKKERIJ = "molenaar-techniek", "bakkerij-de-vries"
CREDIT_CHECK = '[data-live="count-plan_change-1-credit_check"]'


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("overview")
    with site(folder, MOLENAAR, BAKKERIJ, embedded__credit_answers="never", worker__heartbeat="300ms") as made:
        yield made


def order(there: Site, slug: str, target: str) -> str:
    with open_app(Settings(database_url=there.database_url)) as app:
        tenant = app.service.tenant(there.tenants[slug])
        stored, _ = app.service.submit(PlanChange(tenant.id, tenant.subscriptions[0].id, target))
        return stored.run.id


def opened(there: Site, context: BrowserContext, path: str = "/console", who: str = "everything") -> Page:
    page = there.sign_in(context, who, path)
    live(page)
    return page


def test_a_run_that_comes_to_a_state_shows_in_the_chart_and_in_the_table(there: Site, context: BrowserContext) -> None:
    page = opened(there, context)
    in_chart = page.locator(f".chart {CREDIT_CHECK}")
    expect(in_chart).to_have_text("0")
    page.evaluate("window.same = true")

    run_id = order(there, MOLENAAR, "e1")  # by invoice: its credit is checked, and nobody answers
    expect(in_chart).to_have_text("1")
    workflow = page.locator(".workflow", has_text="plan_change, version 1")
    expect(workflow.locator("> summary")).to_contain_text("One active run")
    workflow.locator(".as-table > summary").click()
    row = workflow.locator("tr", has_text="credit_check")
    expect(row.locator("td").nth(1)).to_have_text("1")
    expect(row.locator("td").nth(2).locator("a")).to_have_attribute("href", f"/console/runs/{run_id}")
    assert page.evaluate("window.same"), "the page was not loaded anew"

    workflow.locator(".chart a", has_text="credit_check").click()
    expect(page).to_have_url(f"{there.url}/console/runs?workflow=plan_change&version=1&state=credit_check")


def test_the_window_of_the_charts_is_in_the_address(there: Site, context: BrowserContext) -> None:
    page = opened(there, context)
    expect(page.locator(".trend svg")).to_have_count(2)
    page.get_by_role("link", name="6 hours").click()
    expect(page).to_have_url(f"{there.url}/console?window=6h#trend")
    expect(page.get_by_text("Runs per 5 minutes")).to_be_visible()
    page.goto(f"{there.url}/console?window=7h")
    expect(page.get_by_role("alert")).to_contain_text("'7h' is none of 1h, 6h, 24h")


def test_a_pause_says_what_it_stops_takes_a_reason_and_is_lifted(there: Site, context: BrowserContext) -> None:
    page, other = opened(there, context), context.new_page()
    other.goto(f"{there.url}/console")
    live(other)
    page.bring_to_front()
    page.get_by_role("button", name="Pause", exact=True).click()
    dialog = page.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name="Pause", exact=True)
    confirm.click()
    expect(dialog.get_by_role("alert")).to_contain_text("The reason is missing")
    dialog.get_by_label("Reason").fill("The bureau is away")
    confirm.click()
    expect(dialog.get_by_role("alert")).to_have_text("Choose what to pause.")

    dialog.get_by_label("What").click()
    page.keyboard.type("request_credit")
    page.get_by_role("option", name="the step request_credit").click()
    expect(dialog.get_by_text("Steps: request_credit")).to_be_visible()
    confirm.click()
    for one in (page, other):
        expect(one.locator(".pause")).to_contain_text("the step request_credit")
        expect(one.locator(".pause")).to_contain_text("The bureau is away")

    live(page)
    page.get_by_role("button", name="Lift the pause").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("It is back")
    page.get_by_role("dialog").get_by_role("button", name="Lift the pause").click()
    expect(page.get_by_text("Nothing is paused.")).to_be_visible()
    expect(other.locator(".pause .chip")).to_have_text("lifted")


def test_a_viewer_sees_how_everything_stands_and_nothing_to_do(there: Site, context: BrowserContext) -> None:
    page = opened(there, context, who="viewer")
    expect(page.locator(".figure", has_text="workers alive").locator("b")).to_have_text("1")
    expect(page.get_by_role("heading", name="What is paused")).to_be_visible()
    assert page.get_by_role("button", name="Pause", exact=True).count() == 0


def test_who_works_is_told_with_its_host_and_what_it_holds(there: Site, context: BrowserContext) -> None:
    page = opened(there, context, "/console/workers", "viewer")
    row = page.locator("tbody tr").first
    expect(row).to_contain_text(f"process {there.process.pid}")
    expect(row.locator(".chip")).to_have_text("alive")


def test_a_workflow_tells_what_is_done_in_each_state(there: Site, context: BrowserContext) -> None:
    page = opened(there, context, "/console/workflows/plan_change/1", "viewer")
    row = page.locator("tbody tr", has_text="migration_overdue")
    expect(row).to_contain_text("move_users")
    expect(row).to_contain_text("1 hour")
    expect(row).to_contain_text("migration_overdue → escalated deadline")
    answer = page.goto(f"{there.url}/console/workflows/plan_change/99")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("alert")).to_contain_text("There is no workflow plan_change v99")
