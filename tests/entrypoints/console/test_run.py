"""The page of a run, and the tasks: what operators see and do there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import BrowserContext, Page

from browsing import Site, expect, live, site
from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange, Route
from overstap.domain.tenant import PaymentMethod
from overstap.settings import Settings

KAPPER, BAKKERIJ, ADVOCATEN = "kapper-anna", "bakkerij-de-vries", "van-dijk-advocaten"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    settings = {"embedded__credit_answers": "never"}
    with site(tmp_path_factory.mktemp("run"), KAPPER, BAKKERIJ, ADVOCATEN, **settings) as made:
        yield made


@pytest.fixture(scope="module")
def app(there: Site) -> Iterator[App]:
    with open_app(Settings(database_url=there.database_url)) as opened:
        yield opened


def ordered(app: App, tenant_id: str, target: str, route: Route = Route.WIZARD) -> str:
    """A run of a tenant; the one that is under way, where there is one."""
    source = app.service.tenant(tenant_id).subscriptions[0]
    change = PlanChange(tenant_id=tenant_id, subscription_id=source.id, target_plan=target, route=route)
    change = replace(change, acknowledged=True, payment_method=PaymentMethod.INVOICE)
    active = app.runs.active_run(tenant_id)
    return active.run_id if active else app.service.submit(change)[0].run.id


@pytest.fixture
def waiting(there: Site, app: App) -> str:
    """A run that waits for the credit bureau."""
    return ordered(app, there.tenants[KAPPER], "small-business-premium")


def opened(there: Site, context: BrowserContext, run: str, who: str = "operator") -> Page:
    page = there.sign_in(context, who, f"/console/runs/{run}")
    live(page)
    expect(page.locator('[data-live="chips"]')).to_contain_text("credit_check")
    return page


def act(page: Page, name: str, reason: str) -> None:
    page.locator(".acts").get_by_role("button", name=name).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".preview li").first).to_be_visible()
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=name).click()


def test_an_act_is_previewed_done_with_its_reason_and_shown(
    there: Site, context: BrowserContext, waiting: str, app: App
) -> None:
    page = opened(there, context, waiting)
    page.locator(".acts").get_by_role("button", name="Hold").click()
    expect(page.get_by_role("dialog")).to_contain_text("It stays in credit_check.")
    expect(page.get_by_role("dialog")).to_contain_text("This can be undone: release it.")
    page.get_by_role("dialog").get_by_role("button", name="Hold").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("reason")
    page.get_by_role("dialog").get_by_label("Reason").fill("the bank called")
    page.get_by_role("dialog").get_by_role("button", name="Hold").click()

    expect(page.locator(".journal")).to_contain_text("held it back: the bank called")
    expect(page.locator('[data-live="chips"]')).to_contain_text("is held")
    entry = app.service.journal(waiting)[-1]
    assert ("operator:operator", "the bank called") == (entry.actor, entry.data["reason"])

    live(page)
    act(page, "Release", "all is well")
    expect(page.locator(".journal")).to_contain_text("let it go on: all is well")


def test_nothing_is_done_to_a_run_that_changed_meanwhile(there: Site, context: BrowserContext, app: App) -> None:
    run = ordered(app, there.tenants[BAKKERIJ], "e3")
    page = opened(there, context, run)
    page.locator(".acts").get_by_role("button", name="Approve credit").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("from credit_check to migrating")
    dialog.get_by_label("Reason").fill("the bureau said so")
    app.operators.fail(run, reason="enough", actor="operator:ann")
    dialog.get_by_role("button", name="Approve credit").click()

    expect(dialog.get_by_role("alert").first).to_be_visible()
    expect(dialog).not_to_contain_text("from credit_check to migrating")
    assert all(entry.event != "credit_approved" for entry in app.service.journal(run))
    assert [] == app.service.pending_signals(run)


def test_what_changes_is_shown_without_moving_what_is_read(
    there: Site, context: BrowserContext, waiting: str, app: App
) -> None:
    page = opened(there, context, waiting)
    many = page.locator(".journal > li").count()
    expect(page.locator(".news").first).to_be_hidden()
    app.operators.hold(waiting, reason="for a while", actor="operator:ann")

    expect(page.locator('[data-live="chips"]')).to_contain_text("is held", timeout=5000)
    expect(page.locator('[data-live="why-why"]')).to_contain_text("An operator holds it back: for a while")
    expect(page.locator(".acts").get_by_role("button", name="Release")).to_be_visible()
    expect(page.locator(".acts").get_by_role("button", name="Hold")).to_have_count(0)
    expect(page.locator(".news").first).to_contain_text("new entry")
    assert many == page.locator(".journal > li").count()
    app.operators.release(waiting, reason="done", actor="operator:ann")


def test_a_viewer_sees_everything_and_no_act(there: Site, context: BrowserContext, waiting: str) -> None:
    page = opened(there, context, waiting, "viewer")
    expect(page.locator(".chart svg .state.here")).to_have_count(1)
    expect(page.locator(".acts button")).to_have_count(0)
    expect(page.get_by_role("link", name="Plan a replay from here")).to_have_count(0)


def test_the_past_is_shown_as_it_was_and_nothing_can_be_done_there(
    there: Site, context: BrowserContext, waiting: str
) -> None:
    page = opened(there, context, waiting)
    slider = page.locator("#seq")
    slider.focus()
    slider.press("Home")

    page.wait_for_url(re.compile(r"seq=1$"))
    expect(page.locator(".note.warn")).to_contain_text("how the run was after entry #1")
    expect(page.locator(".chart svg .state.here")).to_contain_text("submitted")
    expect(page.locator(".journal > li")).to_have_count(1)
    expect(page.locator(".acts")).to_have_count(0)
    page.get_by_role("link", name="To the run as it is now").click()
    page.wait_for_url(f"{there.url}/console/runs/{waiting}")


def test_two_entries_that_there_are_can_be_compared(there: Site, context: BrowserContext, waiting: str) -> None:
    page = opened(there, context, waiting)
    page.goto(f"{there.url}/console/runs/{waiting}?from=1&to=3")
    row = page.locator("#changes tbody tr", has_text="state").first
    expect(row).to_contain_text("submitted")
    page.goto(f"{there.url}/console/runs/{waiting}?from=3&to=1")
    expect(page.locator("#changes").get_by_role("alert")).to_contain_text("comes after")
    page.goto(f"{there.url}/console/runs/{waiting}?seq=nine")
    expect(page.get_by_role("alert")).to_contain_text("no number of a journal entry")


def test_an_admin_does_their_task_and_the_staff_see_it_done(there: Site, context: BrowserContext, app: App) -> None:
    tenant = there.tenants[ADVOCATEN]
    run = ordered(app, tenant, "e3", Route.MANUAL)
    staff = there.sign_in(context, "viewer", "/console/tasks")
    link = staff.get_by_role("link", name="Prepare the removal of the custom domain")
    while not link.count():  # until the worker has come so far
        staff.reload()
    live(staff)
    link.click()
    expect(staff.locator(".todo li").first).to_be_visible()
    expect(staff.get_by_role("button", name="It is done")).to_have_count(0)

    other = context.browser.new_context(locale="en-GB") if context.browser else context
    admin = there.sign_in(other, ADVOCATEN, f"/tenants/{tenant}/tasks?whose=mine")
    admin.get_by_role("link", name="Prepare the removal of the custom domain").click()
    live(admin)
    admin.get_by_role("button", name="It is done").click()
    dialog = admin.get_by_role("dialog")
    expect(dialog).to_contain_text("It is noted in your name")
    dialog.get_by_role("button", name="It is done").click()
    expect(dialog.get_by_role("alert")).to_have_text("The note is missing: write what there is to know about it.")
    dialog.get_by_label("Note").fill("all addresses\nare changed")
    task = admin.url
    dialog.get_by_role("button", name="It is done").click()

    expect(staff.locator('[data-live="over"]')).to_contain_text("This is over", timeout=5000)
    assert any("all addresses are changed" == entry.data.get("reason") for entry in app.service.journal(run))
    admin.goto(task)
    expect(admin.locator(".note")).to_contain_text("This is over: somebody has answered it")
    admin.goto(f"{there.url}/tenants/{there.tenants[KAPPER]}/tasks")
    expect(admin.get_by_role("alert")).to_contain_text("Look whether the address was copied as a whole")
    for path in ("/console/tasks", f"/console/runs/{run}"):
        admin.goto(f"{there.url}{path}")
        expect(admin.get_by_role("alert")).to_contain_text("This takes the role viewer")
    other.close()
