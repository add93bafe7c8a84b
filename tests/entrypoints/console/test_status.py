"""*Veranderen van abonnement: status*: what an admin sees of a change, and lands on while it closes the portal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from browsing import Site, expect, live, site
from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path
from overstap.workflow.pauses import Scope

TO = {
    "northwind-dental": "e3",
    "molenaar-techniek": "e1",
    "kapper-anna": "small-business-premium",
    "stichting-het-anker": "e1",
    "harbour-logistics": "e4",
}
WHO = {"reason": "the test says so", "actor": "operator:test"}
SPEED = 1200.0
"""Three seconds are an hour."""


@dataclass(frozen=True)
class Customers:
    """A server, an application over the same database, and the changes of its tenants.

    Molenaar Techniek waits for its credit, that of Stichting Het Anker is declined, Kapper Anna's change is completed,
    and that of Harbour Logistics does not get on.
    """

    site: Site
    app: App
    runs: dict[str, str]

    def order(self, slug: str) -> str:
        tenant = self.app.service.tenant(self.site.tenants[slug])
        upn = tenant.admins[0].upn
        change = PlanChange(tenant.id, tenant.subscriptions[0].id, TO[slug], acting_upn=upn, acknowledged=True)
        self.runs[slug] = self.app.service.submit(change, actor=f"admin:{upn}")[0].run.id
        return self.path(slug)

    def path(self, slug: str) -> str:
        return f"/tenants/{self.site.tenants[slug]}/status/{self.runs[slug]}"

    def licences(self, slug: str) -> str:
        return f"{self.site.url}/tenants/{self.site.tenants[slug]}/licences"

    def signal(self, slug: str, event: str) -> None:
        self.app.service.signal(self.runs[slug], event, reason="the test says so")

    def open(self, context: BrowserContext, slug: str, *, who: str | None = None) -> Page:
        """The status page of a tenant's change, and its socket."""
        page = self.site.sign_in(context, who or slug, self.path(slug))
        live(page)
        return page


def id_of(slug: str) -> str:
    return read_export(data_path("demo") / slug).id


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customers]:
    fails = [{"operation": "move_users", "kind": "fails", "tenant": id_of(one)} for one in TO if one[0] in "hm"]
    undecided = {id_of("molenaar-techniek"): {"credit_answers": "never"}}
    settings = {"move_chunk": "8", "move_time": "5m", "credit_delay": "5m"}
    settings |= {"faults": json.dumps(fails), "tenants": json.dumps(undecided)}
    folder = tmp_path_factory.mktemp("status")
    with (
        site(folder, *TO, speed=SPEED, **{f"embedded__{name}": value for name, value in settings.items()}) as made,
        open_app(Settings(database_url=made.database_url)) as app,
    ):
        customers = Customers(made, app, {})
        for slug in list(TO)[1:]:
            customers.order(slug)
        yield customers


def headline(page: Page) -> Locator:
    return page.locator("[data-live=headline]")


def part(page: Page, heading: str) -> Locator:
    return page.locator("section.card", has=page.get_by_role("heading", name=heading))


@pytest.mark.rule("R15", "R17", "R18", "R28", "R35", "R37", "R38")
def test_two_windows_see_the_approved_credit_within_two_seconds(there: Customers, context: BrowserContext) -> None:
    first = there.open(context, "molenaar-techniek")
    second = context.new_page()
    second.goto(first.url)
    live(second)
    licences = context.new_page()
    licences.goto(there.licences("molenaar-techniek"))
    live(licences)
    expect(licences).to_have_url(there.licences("molenaar-techniek"))  # R37
    for page in (first, second):
        expect(headline(page)).to_have_text("The credit of your organisation is being checked.")
        expect(part(page, "What is locked now")).to_contain_text("You cannot add new subscriptions or change other")
        expect(part(page, "What is locked now")).not_to_contain_text("portal")
        expect(page.locator("[data-live=progress]")).to_contain_text("13 days")

    second.get_by_role("button", name="Call off the change").click()
    dialog = second.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("we thought better of it")
    there.signal("molenaar-techniek", "credit_approved")
    expect(headline(first)).to_have_text("Your users are being moved to Office 365 Enterprise E1.")
    expect(headline(second)).to_have_text("Your users are being moved to Office 365 Enterprise E1.", timeout=2000)
    dialog.get_by_role("button", name="Call off the change").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The change has gone on meanwhile")
    dialog.get_by_role("button", name="Cancel").click()
    locked = part(second, "What is locked now")
    expect(locked).to_contain_text("Administrators cannot use the Office 365 portal")
    expect(locked).to_contain_text("can cause an error")
    expect(part(second, "What is billed now")).to_contain_text("Neither of the two")
    expect(second.get_by_role("button", name="Call off the change")).to_be_hidden()

    expect(licences).to_have_url(there.site.url + there.path("molenaar-techniek"))  # R15

    # R38: whoever signs in now lands here.
    landed = context.browser.new_context(locale="en-GB").new_page()  # type: ignore[union-attr]
    landed = there.site.sign_in(landed.context, "molenaar-techniek")
    expect(landed).to_have_url(there.site.url + there.path("molenaar-techniek"))
    landed.context.close()


@pytest.mark.rule("R19", "R21")
def test_a_page_that_is_opened_again_during_the_migration_goes_on(there: Customers, context: BrowserContext) -> None:
    there.app.operators.pause(Scope.STEP, "reassign_licences", **WHO)
    there.order("northwind-dental")
    page = there.open(context, "northwind-dental")
    expect(page.get_by_text("You can close this page and come back later")).to_be_visible()
    expect(headline(page)).to_have_text("The licences are being reassigned.")
    page.close()

    again = context.new_page()
    again.goto(f"{there.site.url}/tenants/{there.site.tenants['northwind-dental']}/status")
    live(again)
    expect(again).to_have_url(there.site.url + there.path("northwind-dental"))
    expect(again.get_by_text("24 of 24 users moved")).to_be_visible()
    there.app.operators.resume(Scope.STEP, "reassign_licences", **WHO)
    expect(headline(again)).to_have_text("Your plan has been changed to Office 365 Enterprise E3.")
    expect(part(again, "What is billed now")).to_contain_text("Office 365 Enterprise E3 is billed.")
    expect(part(again, "What is locked now")).to_contain_text("Nothing is locked")
    expect(again.get_by_role("link", name="To the licences")).to_be_visible()


@pytest.mark.rule("R32")
def test_a_change_that_takes_an_hour_says_that_support_was_called(there: Customers, context: BrowserContext) -> None:
    page = there.open(context, "harbour-logistics")
    note = page.locator(".note", has_text="Support has been called")
    expect(note).to_contain_text("takes longer than an hour")
    expect(note.locator("time").last).to_contain_text("ago")
    expect(page.locator("[data-live=notes]")).to_contain_text("tried again by itself")


@pytest.mark.rule("R39")
def test_a_declined_credit_says_what_it_means_and_what_to_do(there: Customers, context: BrowserContext) -> None:
    page = there.open(context, "stichting-het-anker")
    expect(headline(page)).to_have_text("Your plan could not be changed. You still have Exchange Online Kiosk.")
    expect(page.get_by_text("The credit of your organisation was not approved.")).to_be_visible()
    expect(page.get_by_text("Order again with another payment method")).to_be_visible()
    expect(page.get_by_text("Exchange Online Kiosk is billed as before, and nothing is locked")).to_be_visible()


def test_the_change_of_another_tenant_does_not_exist(there: Customers, context: BrowserContext) -> None:
    page = there.open(context, "kapper-anna")
    others = there.path("harbour-logistics")
    mixed = f"/tenants/{there.site.tenants['kapper-anna']}/status/{there.runs['harbour-logistics']}"
    for path in (others, mixed):
        answer = page.goto(there.site.url + path)
        assert answer is not None
        assert 404 == answer.status


def test_the_staff_see_whose_page_it_is_and_no_change_under_anothers_name(
    there: Customers, context: BrowserContext
) -> None:
    page = there.open(context, "kapper-anna", who="viewer")
    expect(page.get_by_text("These are the pages of Kapper Anna's administrators")).to_be_visible()
    mixed = f"/tenants/{there.site.tenants['kapper-anna']}/status/{there.runs['harbour-logistics']}"
    answer = page.goto(there.site.url + mixed)
    assert answer is not None
    assert 404 == answer.status
    # They are let in where admins are not.
    page.goto(f"{there.site.url}/tenants/{there.site.tenants['harbour-logistics']}")
    expect(page).to_have_url(there.licences("harbour-logistics"))
    expect(page.get_by_text("Its administrators are locked out of this page now")).to_be_visible()


def test_the_page_fits_a_phone_and_prints_without_buttons(there: Customers, browser: Browser) -> None:
    phone = browser.new_context(locale="nl-NL", viewport={"width": 390, "height": 800})
    phone.set_default_timeout(30_000)
    page = there.open(phone, "harbour-logistics")
    expect(page.get_by_role("heading", level=1)).to_have_text("Veranderen van abonnement: status")
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    expect(page.get_by_role("button", name="Afdrukken")).to_be_visible()

    page.emulate_media(media="print")
    expect(page.get_by_role("button")).to_have_count(0)
    expect(headline(page)).to_be_visible()
    phone.close()


def test_an_admin_calls_off_a_change_with_the_keyboard_and_finds_it_among_the_others(
    there: Customers, context: BrowserContext
) -> None:
    slug = "stichting-het-anker"
    there.app.operators.pause(Scope.STEP, "request_credit", **WHO)
    declined = there.path(slug)
    there.order(slug)
    page = there.open(context, slug)
    button = page.get_by_role("button", name="Call off the change")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The order is withdrawn")
    dialog.get_by_label("Reason").fill("we thought better of it")
    dialog.get_by_role("button", name="Call off the change").press("Enter")
    expect(headline(page)).to_contain_text("The change was called off.")
    expect(page.get_by_text("called it off: we thought better of it")).to_be_visible()
    expect(button).to_be_hidden()

    page.get_by_role("link", name="All changes").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr").first).to_contain_text("called off")
    page.locator("tbody tr a").last.click()
    expect(page).to_have_url(there.site.url + declined)
