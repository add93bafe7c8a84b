"""The customer's pages up to the order, in a browser: licences, conflicts, the choice of a plan, the checkout."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from browsing import Site, expect, live, site
from overstap.app.portal import By
from overstap.bootstrap import open_app
from overstap.domain.change import PlanChange
from overstap.domain.tenant import PaymentMethod
from overstap.providers.graph_export import ExportedSubscription
from overstap.settings import Settings
from overstap.testing import sample_tenant

PATIENCE = 20.0
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    limits = {"rules__wizard_users": "30", "rules__legacy_users": "1"}
    slow = {"embedded__tenants": '{"moving": {"move_time": "24h"}}'}
    names = ("bakkerij-de-vries", "northwind-dental", "tuincentrum-groen", "van-dijk-advocaten", "brightpath-schools")
    with site(tmp_path_factory.mktemp("checkout"), *names, speed=20, **limits, **slow) as made:
        yield made


@pytest.fixture
def dutch(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(locale="nl-NL", timezone_id="Europe/Amsterdam", reduced_motion="reduce")
    made.set_default_timeout(PATIENCE * 1000)
    yield made
    made.close()


def path(there: Site, slug: str, rest: str = "licences") -> str:
    return f"/tenants/{there.tenants[slug]}/{rest}"


def asked(there: Site, slug: str, rest: str) -> Any:
    """What the API answers an administrator."""
    headers = {"Authorization": f"Bearer {there.tokens[slug]}"}
    return httpx.get(f"{there.url}/api/v1/{rest}", headers=headers).raise_for_status().json()


def held(there: Site, slug: str, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = asked(there, slug, f"tenants/{there.tenants[slug]}/subscriptions")["items"][number]
    return found


def completes(there: Site, page: Page, slug: str) -> dict[str, Any]:
    """The run whose number *Bestelling voltooien* shows, once it is completed."""
    page.wait_for_url(re.compile("/done/"))
    run_id = page.url.rpartition("/")[2]
    expect(page.locator("dd code")).to_have_text(run_id)
    with httpx.Client(headers={"Authorization": f"Bearer {there.tokens[slug]}"}) as client:
        for _ in range(200):
            run: dict[str, Any] = client.get(f"{there.url}/api/v1/plan-changes/{run_id}").json()
            if run["state"] == "completed":
                break
            page.wait_for_timeout(50)
    assert "completed" == run["state"]
    return run


@pytest.mark.rule("R22", "R23", "R24", "R25", "R26", "R27", "R28", "R29")
def test_an_administrator_changes_plan_in_the_documents_own_words(there: Site, dutch: BrowserContext) -> None:
    page = there.sign_in(dutch, "bakkerij-de-vries", path(there, "bakkerij-de-vries"))
    expect(page.get_by_text("Beheer > Licenties")).to_be_visible()
    page.locator(".deal").get_by_role("link", name="Veranderen van abonnement").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Een nieuw abonnement kiezen")
    page.get_by_role("radio", name="Office 365 Small Business Premium").check()
    page.get_by_role("button", name="Volgende").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Voorbereiden")
    expect(page.get_by_text("Beheerders kunnen de portal niet gebruiken")).to_be_visible()
    page.get_by_role("button", name="Volgende").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Uw bestelling bekijken")
    live(page)
    page.get_by_role("button", name="Bewerken").click()
    dialog = page.get_by_role("dialog", name="Abonnement")
    dialog.get_by_label("Gebruikerslicenties").fill("9")
    dialog.get_by_role("button", name="Winkelwagen bijwerken").click()
    expect(dialog.get_by_role("alert")).to_contain_text("u kunt licenties toevoegen, geen licenties verwijderen")
    expect(dialog.get_by_role("alert")).to_contain_text("bel de ondersteuning voor facturering")
    dialog.get_by_label("Gebruikerslicenties").fill("12")
    dialog.get_by_role("button", name="Winkelwagen bijwerken").click()
    page.wait_for_url(re.compile("seats=12"))
    page.get_by_role("link", name="Volgende").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Betaling")
    page.get_by_role("radio", name="Elk jaar").check()
    page.wait_for_url(re.compile("frequency=annual.*order="))
    expect(page.get_by_text("zodra u uw bestelling hebt ingediend")).to_be_visible()
    live(page)
    page.get_by_role("button", name="Bestelling plaatsen").click()
    run = completes(there, page, "bakkerij-de-vries")

    status = page.get_by_role("main").or_(page.locator("#main")).get_by_role("link", name="Status")
    expect(status).to_have_attribute("href", path(there, "bakkerij-de-vries", f"status/{run['id']}"))
    new = held(there, "bakkerij-de-vries")
    assert ("small-business-premium", 12, "annual") == (new["plan"], new["seats"], new["billing_frequency"])


def go(page: Page, role: str, name: str, key: str = "Enter") -> None:
    """Tab to something and press a key on it."""
    wanted = page.locator("#main").get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]
    wanted.wait_for()
    for _ in range(40):
        if wanted.evaluate("(one) => one === document.activeElement"):
            page.keyboard.press(key)
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to the {role} {name!r}")


@pytest.mark.rule("R24", "R25", "R27")
def test_the_wizard_is_done_in_english_by_keyboard_alone(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "northwind-dental", path(there, "northwind-dental"))
    go(page, "link", "Change plan")
    page.wait_for_url(re.compile("/choose"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Choose a new plan")
    go(page, "radio", "Office 365 Enterprise E3", "Space")
    go(page, "button", "Next")
    page.wait_for_url(re.compile("/prepare"))
    go(page, "button", "Next")
    page.wait_for_url(re.compile("/review"))
    go(page, "link", "Next")
    page.wait_for_url(re.compile("/payment.*order="))
    go(page, "radio", "Every month", "ArrowRight")
    page.wait_for_url(re.compile("frequency=annual.*order="))
    expect(page.get_by_role("radio", name="Every year")).to_be_focused()
    live(page)
    go(page, "button", "Place the order")

    assert "e3" == completes(there, page, "northwind-dental")["target_plan"]


@pytest.mark.rule("R48")
def test_who_places_an_order_that_has_no_way_back_reads_so_where_they_place_it(
    there: Site, context: BrowserContext
) -> None:
    with open_app(Settings(database_url=there.database_url)) as app:
        app.service.import_tenants([sample_tenant("final", plan="midsize")])
    address = f"{there.url}/tenants/final/payment?subscription=final-midsize&target=e3"
    page = there.sign_in(context, "operator", "/console")
    page.goto(f"{address}&acknowledged=true")
    expect(page.locator(".note.warn")).to_contain_text("With this order you acknowledge that there is no way back from")
    expect(page.get_by_role("button", name="Place the order")).to_be_visible()
    page.goto(address)
    expect(page.locator("[data-code=acknowledgement_missing]")).to_be_visible()
    expect(page.get_by_role("button", name="Place the order")).to_have_count(0)


@pytest.mark.rule("R35", "R36", "J3", "J7")
def test_an_order_is_placed_once_however_often_it_is_sent(there: Site, context: BrowserContext) -> None:
    slug = "van-dijk-advocaten"
    query = f"subscription={held(there, slug)['id']}&target=e1"
    page = there.sign_in(context, slug, path(there, slug))
    other = context.new_page()
    for one in (page, other):
        one.goto(f"{there.url}{path(there, slug, 'payment')}?{query}")
        live(one)
    page.get_by_role("button", name="Place the order").dblclick()
    page.wait_for_url(re.compile("/done/"))
    placed = page.url
    page.go_back()
    page.wait_for_url(placed)

    other.get_by_role("button", name="Place the order").click()
    expect(other.locator("[data-code=credit_check_pending]")).to_be_visible()
    expect(other.locator("[data-code=credit_check_pending] time")).to_have_count(1)
    assert 1 == len(asked(there, slug, "runs")["items"])
    page.goto(f"{there.url}{path(there, slug)}")
    expect(page.get_by_role("cell", name="No options").first).to_be_visible()
    expect(page.get_by_role("cell", name="Change plan")).to_have_count(0)
    expect(page.locator("[data-lock=commerce]")).to_be_visible()


@pytest.mark.rule("R8", "R9", "R23")
def test_a_licence_conflict_is_resolved_and_the_change_is_offered(there: Site, dutch: BrowserContext) -> None:
    page = there.sign_in(dutch, "tuincentrum-groen", path(there, "tuincentrum-groen"))
    row = page.get_by_role("row").filter(has_text="Twee gebruikers hebben geldige licenties nodig")
    expect(row.get_by_role("cell", name="Geen opties")).to_be_visible()
    row.get_by_role("link", name="Nu oplossen").click()
    page.wait_for_url(re.compile("/conflict"))
    live(page)
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Licentie intrekken").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Gerrit Groen")
    dialog.get_by_role("button", name="Licentie intrekken").click()
    expect(page.get_by_text("Eén gebruiker heeft een geldige licentie nodig").or_(
        page.get_by_text("Een gebruiker heeft een geldige licentie nodig"))).to_be_visible()  # fmt: skip
    live(page)
    page.get_by_role("button", name="Licenties kopen").click()
    expect(dialog.get_by_label("Hoeveel erbij")).to_have_value("1")
    dialog.get_by_role("button", name="Licenties kopen").click()
    page.locator("#main").get_by_role("link", name="Veranderen van abonnement").click()

    expect(page.get_by_role("radio", name="Office 365 voor ondernemingen E3")).to_be_visible()
    now = held(there, "tuincentrum-groen")
    assert (13, 13) == (now["seats"], now["assigned"])


REASONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "trial": ({"is_trial": True}, ["trial"]),
    "new": ({"provisioned": False}, ["not_provisioned"]),
    "prepaid": ({"payment_method": PaymentMethod.PREPAID}, ["source_payment"]),
    "conflict": ({"seats": 1, "holders": 2}, ["licence_conflict"]),
    "many": ({"holders": 31}, ["too_many_users"]),
    "legacy": ({"sku_part_number": "LITEPACK", "legacy": True, "holders": 2}, ["legacy_too_many_users"]),
    "domain": ({"sku_part_number": "LITEPACK_P2"}, ["custom_domain"]),
    "last": ({"sku_part_number": "ENTERPRISEWITHSCAL"}, ["source_not_listed"]),
    "all": ({"is_trial": True, "provisioned": False, "seats": 1, "holders": 2},
            ["trial", "not_provisioned", "licence_conflict"]),
}  # fmt: skip
"""Of subscriptions: how each differs from a plain E1, and the codes of what is said of it (rules.md R13, R40)."""


@pytest.fixture(scope="module")
def refused(there: Site) -> str:
    """The path of a tenant that has every subscription of `REASONS`."""
    plain = sample_tenant("refused", users=31, domains=["refused.example"])
    subscriptions: list[ExportedSubscription] = []
    assignments: list[tuple[str, str]] = []
    for name, (given, _) in REASONS.items():
        differs = {"seats": 40, **given}
        holders = differs.pop("holders", 0)
        if "sku_part_number" in differs:
            differs["sku_id"] = f"sku of {name}"
        subscriptions.append(replace(plain.subscriptions[0], id=name, graph_id=name, **differs))
        assignments += [(user.id, name) for user in plain.users[:holders]]
    export = replace(plain, subscriptions=tuple(subscriptions), assignments=tuple(assignments))
    with open_app(Settings(database_url=there.database_url)) as app:
        app.service.import_tenants([export])
    return "/tenants/refused"


@pytest.mark.rule("R13", "R36", "R40", "R41", "R42", "R43")
def test_no_options_says_every_reason_at_once_and_where_it_is_resolved(
    there: Site, refused: str, context: BrowserContext
) -> None:
    page = there.sign_in(context, "viewer", f"{refused}/licences")
    said = {}
    for name in REASONS:
        page.goto(f"{there.url}{refused}/licences?subscription={name}")
        expect(page.get_by_role("heading", name="Plan options")).to_be_visible()
        said[name] = page.locator("[data-code]").evaluate_all("(all) => all.map((one) => one.dataset.code)")
        assert page.locator("[data-code]").count() == page.locator("[data-code] a").count()

    wanted = {name: set(codes) for name, (_, codes) in REASONS.items()}
    wanted["legacy"] |= {"custom_domain"}
    assert wanted == {name: set(codes) for name, codes in said.items()}

    page.goto(f"{there.url}{path(there, 'brightpath-schools')}")
    page.locator("[data-code=service_unhealthy] a").click()
    page.wait_for_url(re.compile("/support#health"))
    expect(page.get_by_role("row").filter(has_text="Exchange Online")).to_contain_text("degraded")


@pytest.mark.rule("R15", "R40", "R47", "R48")
def test_what_the_wizard_refuses_is_ordered_the_manual_way_and_leaves_no_other_options(
    there: Site, refused: str, context: BrowserContext
) -> None:
    page = there.sign_in(context, "operator", f"{refused}/licences?subscription=domain")
    page.get_by_role("link", name="Change plan manually").click()
    page.get_by_role("radio", name="Office 365 Enterprise E1").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("link", name="Next").click()
    live(page)
    page.get_by_role("button", name="Place the order").click()
    page.wait_for_url(re.compile("/done/"))

    page.goto(f"{there.url}{refused}/licences?subscription=last")
    expect(page.locator("[data-code=change_under_way]")).to_be_visible()


def test_an_address_that_cannot_be_says_why_and_leads_back(there: Site, context: BrowserContext) -> None:
    slug = "brightpath-schools"
    page = there.sign_in(context, slug, path(there, slug, "review"))
    expect(page.get_by_role("alert")).to_contain_text("names no subscription")
    own = held(there, slug)["id"]
    for query, said in {
        "target=e9": "names no plan",
        "target=e3&seats=many": "asks for many licences",
        "target=e3&payment=shells": "a payment that there is not",
    }.items():
        page.goto(f"{there.url}{path(there, slug, 'review')}?subscription={own}&{query}")
        expect(page.get_by_role("alert")).to_contain_text(said)
        expect(page.get_by_role("alert").get_by_role("link")).to_have_attribute("href", re.compile("/choose"))


@pytest.mark.rule("R17")
def test_licences_are_given_and_taken_until_a_change_moves_them(there: Site, context: BrowserContext) -> None:
    with open_app(Settings(database_url=there.database_url)) as app:
        app.service.import_tenants([sample_tenant("moving", users=4)])
        page = there.sign_in(context, "operator", "/tenants/moving/licences/moving-e1")
        live(page)
        page.get_by_role("button", name="Take the licence back").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("alert")).to_contain_text("Pick at least one user")
        dialog.get_by_role("button", name="Cancel").click()
        page.get_by_role("checkbox", name="User 3").check()
        page.get_by_role("button", name="Take the licence back").click()
        dialog.get_by_label("Reason").fill("on leave")
        dialog.get_by_role("button", name="Take the licence back").click()
        expect(page.get_by_role("list", name="Users without one")).to_contain_text("User 3")

        app.service.submit(PlanChange("moving", "moving-e1", "e3"))
    for _ in range(100):
        page.goto(f"{there.url}/tenants/moving/licences/moving-e1")
        page.get_by_role("heading", name="Users with a licence").wait_for()
        if page.locator("[data-lock=licence]").count():
            break
    expect(page.locator("[data-lock=licence]")).to_contain_text("do not reassign user licences meanwhile")
    expect(page.get_by_role("button", name="Take the licence back")).to_have_count(0)
    expect(page.get_by_role("button", name="Give a licence")).to_have_count(0)


def test_more_licences_than_are_free_are_not_given(there: Site, dutch: BrowserContext) -> None:
    with open_app(Settings(database_url=there.database_url)) as app:
        app.service.import_tenants([sample_tenant("crowded", users=5, seats=4)])
        taken = [f"crowded-{one}" for one in range(3)]
        app.portal.unassign("crowded", "crowded-e1", taken, By("operator:test", "test"))
    page = there.sign_in(dutch, "operator", "/tenants/crowded/licences/crowded-e1")
    live(page)
    for one in range(3):
        page.get_by_role("checkbox", name=f"User {one}").check()
    page.get_by_role("button", name="Licentie toewijzen").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reden").fill("ze beginnen maandag")
    dialog.get_by_role("button", name="Licentie toewijzen").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Er zijn nog maar twee licenties vrij")


def test_no_page_of_the_customer_is_wider_than_a_phone(there: Site, refused: str, browser: Browser) -> None:
    context = browser.new_context(locale="nl-NL", viewport=PHONE, reduced_motion="reduce")  # type: ignore[arg-type]
    page = there.sign_in(context, "everything", f"{refused}/licences?subscription=all")
    wide = {}
    bakery = path(there, "tuincentrum-groen", "")
    order = f"subscription={held(there, 'tuincentrum-groen')['id']}&target=e4"
    for one in (
        f"{refused}/licences?subscription=all",
        f"{refused}/licences/conflict",
        f"{refused}/licences/conflict/conflict",
        f"{refused}/support",
        f"{bakery}choose?{order}",
        f"{bakery}prepare?{order}",
        f"{bakery}review?{order}",
        f"{bakery}payment?{order}",
    ):
        page.goto(there.url + one)
        page.get_by_role("heading", level=1).wait_for()
        wide[one] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    context.close()

    assert set(wide.values()) == {0}, wide
