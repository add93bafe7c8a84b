"""Tenants, rules, catalog, audit, tokens and webhooks: what they show, of whom, and what their addresses hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page

from browsing import Site, expect, live, site
from overstap.bootstrap import open_app
from overstap.domain.change import PlanChange
from overstap.settings import Settings

BAKERY, GARDEN = "bakkerij-de-vries", "tuincentrum-groen"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("office"), BAKERY, GARDEN, "molenaar-techniek") as made:
        yield made


def submit(there: Site, slug: str, target: str) -> str:
    with open_app(Settings(database_url=there.database_url)) as app:
        tenant = app.service.tenant(there.tenants[slug])
        change = PlanChange(tenant.id, tenant.subscriptions[0].id, target, acknowledged=True)
        return app.service.submit(change)[0].run.id


def opened(there: Site, context: BrowserContext, who: str, path: str) -> Page:
    page = there.sign_in(context, who, "/console/catalog")
    page.goto(there.url + path)
    return page


def act(page: Page, name: str) -> None:
    live(page)
    page.get_by_role("button", name=name).click()
    page.get_by_role("dialog").get_by_role("button", name=name).click()


def test_a_tenant_is_found_by_a_part_of_its_domain_and_shows_what_it_has(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "viewer", "/console/tenants")
    page.get_by_role("searchbox").fill("TUINCENTRUMGROEN.on")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(f"{there.url}/console/tenants?q=TUINCENTRUMGROEN.on")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("licence conflict")

    page.get_by_role("link", name="Tuincentrum Groen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Tuincentrum Groen")
    expect(page.get_by_role("link", name="Licences as its admins see them")).to_have_attribute(
        "href", f"/tenants/{there.tenants[GARDEN]}/licences"
    )


def test_what_a_tenant_has_under_way_appears_while_its_page_is_open(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "viewer", f"/console/tenants/{there.tenants['molenaar-techniek']}")
    live(page)
    expect(page.get_by_text("has had no change yet")).to_be_visible()
    run_id = submit(there, "molenaar-techniek", "e3")

    expect(page.locator("[data-live=active]")).to_contain_text(run_id)
    expect(page.locator("[data-live=locks]")).to_contain_text("commerce locked")
    expect(page.locator("[data-live=newer]")).to_contain_text("One new run since this page was opened.")


def test_an_address_holds_only_the_facts_that_differ(there: Site, context: BrowserContext) -> None:
    page = opened(there, context, "viewer", f"/console/rules?tenant={there.tenants[BAKERY]}&target=e3")
    expect(page.locator(".verdict .note")).to_have_text("Allowed.")
    page.get_by_label("Trial").select_option("yes")
    page.locator("select[name=health]").first.select_option(label="not available")
    page.get_by_role("button", name="Ask the rules").click()

    expect(page.locator(".verdict .note")).to_have_text("Not allowed.")
    assert {"tenant", "subscription", "target", "trial", "health"} == {
        one.partition("=")[0] for one in page.url.partition("?")[2].split("&")
    }
    expect(page.locator(".findings .new code")).to_have_text(["trial", "service_unhealthy"])
    expect(page.get_by_text("With the real facts: Allowed.")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Trial")).to_have_value("yes")
    page.get_by_role("link", name="Back to the real facts").click()
    expect(page.locator(".verdict .note")).to_have_text("Allowed.")


def test_what_is_supposed_away_is_told_as_gone_in_the_language_of_the_page(
    there: Site, context: BrowserContext
) -> None:
    page = opened(there, context, "viewer", f"/console/rules?tenant={there.tenants[GARDEN]}&bought=20")
    page.get_by_role("button", name="Nederlands").click()
    expect(page.locator(".verdict .gone li")).to_contain_text("Licentieconflict: twee gebruikers")
    expect(page.locator(".verdict > .note")).to_have_text("Toegestaan.")


def test_a_fact_that_cannot_be_is_said_in_its_place(there: Site, context: BrowserContext) -> None:
    page = opened(there, context, "viewer", f"/console/rules?tenant={there.tenants[BAKERY]}&bought=many")
    expect(page.get_by_role("alert")).to_contain_text("bought: expected a whole number from 0 to 1000000, found 'many'")


def test_a_name_leads_to_the_tenant_whose_it_is(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "viewer", "/console/rules")
    page.get_by_role("searchbox").fill("de vries")
    page.get_by_role("button", name="Look it up").click()
    expect(page).to_have_url(f"{there.url}/console/rules?tenant={there.tenants[BAKERY]}")


def test_the_matrix_has_each_pair_of_the_catalog(there: Site, context: BrowserContext) -> None:
    page = opened(there, context, "viewer", "/console/catalog?view=matrix")
    expect(page.locator(".matrix tbody tr")).to_have_count(19)
    expect(page.locator(".matrix thead th[scope=col]")).to_have_count(1 + 22)
    expect(page.locator(".matrix td.open")).to_have_count(55)


def test_who_may_only_look_is_told_which_role_the_audit_takes(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "viewer", "/console/audit")
    expect(page.locator(".note")).to_contain_text("take the role platform")
    expect(page.locator(".page").get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("link", name="Tokens")).to_have_count(0)
    page.goto(f"{there.url}/console/tokens")
    expect(page.get_by_role("alert")).to_contain_text("This takes the role platform")


def test_the_platforms_people_check_the_database_and_see_what_was_done(there: Site, context: BrowserContext) -> None:
    page = opened(there, context, "platform", "/console/audit?q=everything")
    act(page, "Check what must hold")
    expect(page.locator("[data-live=truths]")).to_contain_text("Everything holds.")
    act(page, "Check the record")
    expect(page.locator("[data-live=chains]")).to_contain_text("Everything holds.")
    page.reload()
    expect(page.locator("[data-live=truths]")).to_contain_text("operator:platform")
    expect(page.locator("#acts tbody tr")).to_have_count(1)
    expect(page.locator("#acts tbody tr")).to_contain_text("token created")


def test_a_token_is_shown_once_opens_the_console_and_is_revoked(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "platform", "/console/tokens")
    live(page)
    page.get_by_role("button", name="Make a token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("nightly")
    dialog.get_by_role("checkbox", name="viewer").click()
    dialog.get_by_label("Reason").fill("to look at night")
    dialog.get_by_role("button", name="Make a token").click()
    secret = page.locator(".secret").inner_text()
    assert secret.startswith("ovs_")

    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="nightly").click()
    live(page)
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("no more")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator(".card .chip")).to_have_text("revoked")
    expect(page.locator("body")).not_to_contain_text(secret)
