"""The runs page: what it finds, how it says so, how it stays up to date, and what can be done with what is selected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

from browsing import Site, expect, live, site
from overstap.bootstrap import open_app
from overstap.domain.change import PlanChange
from overstap.entrypoints.console.operator.runs import newly
from overstap.settings import Settings
from overstap.testing import sample_tenant

WAITING = ("anton", "bert", "carla", "dora", "edith")
"""Tenants whose changes wait for the credit bureau, in the order they were ordered."""


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("runs")
    url = f"sqlite:///{folder / 'console.db'}"
    with open_app(Settings(database_url=url), create=True, upgrade=True) as app:
        app.service.import_tenants([sample_tenant(one, payment="invoice", users=200) for one in WAITING])
        app.service.import_tenants([sample_tenant("moved"), sample_tenant("late", payment="invoice", users=200)])
    with site(
        folder,
        database_url=url,
        embedded__credit_answers="never",
        embedded__move_time="1h",
        filters__night='{"state":["credit_check"],"plan":"e3"}',
    ) as made:
        order(made, *WAITING, "moved")
        yield made


def order(there: Site, *tenants: str) -> None:
    with open_app(Settings(database_url=there.database_url)) as app:
        for one in tenants:
            app.service.submit(PlanChange(one, f"{one}-e1", "e3"), actor="test")


def tenants(page: Page) -> Sequence[str]:
    return page.locator("table.runs tbody td:nth-child(3)").all_inner_texts()


def runs_page(there: Site, context: BrowserContext, query: str = "", who: str = "operator") -> Page:
    page = there.sign_in(context, who, quote(f"/console/runs?{query}") if query else "/console/runs")
    live(page)
    return page


NAMES = [one.title() for one in WAITING]


def test_what_is_filtered_is_in_the_rows_in_the_form_and_in_words_that_take_it_back(
    there: Site, context: BrowserContext
) -> None:
    page = there.sign_in(context, "viewer", "/console/runs")
    page.goto(f"{there.url}/console/runs?state=credit_check&plan=e3&older_than=1s&since=2026-01-02")
    expect(page.locator(".chosen li")).to_have_count(4)
    expect(page.locator(".chosen")).to_contain_text("in the state credit_check")
    expect(page.locator(".chosen")).to_contain_text("created at 2 Jan 2026, 01:00 or later")
    expect(page.locator("input[data-moment=since]")).to_have_value("2026-01-02T01:00")
    expect(page.locator("select[name=plan]")).to_have_value("e3")
    assert list(reversed(NAMES)) == page.locator("table.runs tbody td:nth-child(2)").all_inner_texts()

    page.get_by_role("link", name="Without this: in the state credit_check").click()
    expect(page.locator("table.runs tbody tr")).to_have_count(6)
    expect(page).to_have_url(re.compile(r"runs\?plan=e3&older_than=1s&since=2026-01-02$"))
    page.get_by_role("link", name="Held").click()
    expect(page.locator(".empty")).to_contain_text("No run is like that")
    page.get_by_role("link", name="night").click()
    expect(page.locator(".chosen")).to_contain_text("by the saved filter “night”")
    expect(page.get_by_text("Five runs match")).to_be_visible()


def test_the_form_asks_for_what_is_given_in_it_and_leaves_out_what_is_not(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context)
    page.locator(".pick summary").first.click()
    page.get_by_label("credit_check").check()
    page.keyboard.press("Escape")
    page.get_by_label("Tenant (id or name)").fill("Bert")
    page.locator(".more summary").first.click()
    page.get_by_label("Created at or after").fill("2026-01-02T01:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?state=credit_check&tenant=Bert&sort=newest&since=2026-01-02T00%3A00%3A00"))
    expect(page.locator("table.runs tbody tr")).to_have_count(1)
    assert ["Bert"] == tenants(page)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("state=lost", "No workflow has a state"),
        ("older_than=long", "is not a duration"),
        ("since=yesterday", "is not a moment"),
        ("stuck=perhaps", "is neither true nor false"),
        ("version=0", "is no number from 1 on"),
        ("tenant=nobody", "There is no tenant with the id or the name"),
        ("filter=day", "No filter is saved as"),
        ("cursor=x", "is no cursor"),
        ("sort=up", "there is no order"),
        ("limit=0", "is no number of runs"),
        ("columns=colour", "there is no column"),
    ],
)
def test_what_the_address_has_wrong_is_said(there: Site, context: BrowserContext, query: str, said: str) -> None:
    answer = context.request.get(
        f"{there.url}/console/runs?{query}", headers={"Authorization": f"Bearer {there.tokens['viewer']}"}
    )
    assert 422 == answer.status
    assert said in answer.text()


def test_what_cannot_be_asked_for_stays_in_the_form(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context, "older_than=long&plan=e5&state=lost&error=quota")
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("older_than: 'long' is not a duration")
    expect(page.get_by_label("Created longer ago than")).to_have_value("long")
    expect(page.get_by_label("To the plan")).to_have_value("e5")
    expect(page.locator("input[name=state][value=lost]")).to_be_checked()
    page.get_by_role("link", name="Without this: older_than=long").click()
    expect(page.get_by_role("alert").filter(visible=True)).to_contain_text("No workflow has a state 'lost'")


def test_pages_follow_each_other_and_back(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context, "state=credit_check&sort=oldest&limit=2")
    assert NAMES[:2] == tenants(page)
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("link", name="First page")).to_be_visible()
    assert NAMES[2:4] == tenants(page)
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("table.runs tbody tr")).to_have_count(1)
    assert NAMES[4:] == tenants(page)
    expect(page.get_by_role("link", name="Next page")).to_have_count(0)
    page.go_back()
    expect(page.locator("table.runs tbody tr")).to_have_count(2)
    assert NAMES[2:4] == tenants(page)
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_role("link", name="First page")).to_have_count(0)
    assert NAMES[:2] == tenants(page)


def test_rows_are_renewed_where_they_stand_and_what_is_new_is_announced(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context, "plan=e3&limit=50")
    page.get_by_label("Select the run of Carla").check()
    before = tenants(page)
    with open_app(Settings(database_url=there.database_url)) as app:
        bert = app.search.page(app.search.filter(tenant="bert"))[0].stored.run.id
        app.operators.hold(bert, reason="a look at it", actor="operator:test")
    order(there, "late")

    expect(page.locator("tr", has_text="Bert")).to_contain_text("Held: a look at it")
    new = page.get_by_role("link", name="One new run · show")
    expect(new).to_be_visible()
    assert before == tenants(page)
    expect(page.get_by_text("Seven runs match")).to_be_visible()

    new.click()
    expect(page.locator("table.runs tbody tr")).to_have_count(7)
    expect(page.get_by_label("Select the run of Carla")).to_be_checked()
    expect(page.locator("#selected-here")).to_have_text("1 run on this page is selected")


def test_what_is_selected_is_said_exactly_and_by_keyboard_alone(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context, "plan=e3&sort=oldest&limit=3")
    page.get_by_label("Select the run of Anton").focus()
    page.keyboard.press("Space")
    expect(page.locator("#selected-here")).to_have_text("1 run on this page is selected")
    page.get_by_label("Select all runs on this page").focus()
    page.keyboard.press("Space")
    expect(page.locator("#selected-here")).to_have_text("3 runs on this page are selected")
    expect(page.locator("#replay")).to_have_attribute("href", re.compile(r"^/console/replays/new\?(run=\w{26}&?){3}$"))

    page.locator("#select-all").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#selected-all")).to_have_text(
        re.compile("All [67] runs that match this filter are selected, on this page and on others")
    )
    expect(page.locator("#selected-here")).to_be_hidden()
    expect(page.get_by_role("button", name="Hold")).to_be_hidden()
    expect(page.locator("#replay")).to_have_attribute("href", "/console/replays/new?plan=e3")
    page.keyboard.press("Enter")
    expect(page.locator("#selection")).to_be_hidden()
    expect(page.get_by_label("Select all runs on this page")).to_be_focused()


def test_one_selected_run_is_as_good_as_several(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context, "sort=oldest&state=credit_check")
    page.get_by_label("Select the run of Carla").check()
    page.get_by_role("button", name="Hold").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("One run will do no steps until it is released")
    expect(dialog).to_contain_text("(Carla)")


def test_the_selected_runs_are_held_and_it_says_which_are_not_and_why(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context, "sort=oldest&state=credit_check")
    with open_app(Settings(database_url=there.database_url)) as app:
        dora = app.search.page(app.search.filter(tenant="dora"))[0].stored.run.id
        app.operators.hold(dora, reason="a look at it", actor="operator:test")
    for one in ("Anton", "Dora", "Edith"):
        page.get_by_label(f"Select the run of {one}").check()
    page.get_by_role("button", name="Hold").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Two runs will do no steps until they are released")
    expect(dialog).to_contain_text("(Dora): it is held already")
    dialog.get_by_role("button", name="Hold").click()
    expect(dialog.get_by_role("alert")).to_contain_text("The reason")
    dialog.get_by_label("Reason").fill("until Monday")
    dialog.get_by_role("button", name="Hold").click()

    expect(page.locator(".outcome")).to_contain_text("Two runs are held.")
    expect(page.locator(".outcome")).to_contain_text(f"Cannot hold run {dora}: it is held already")
    expect(page.locator("tr", has_text="Edith")).to_contain_text("Held: until Monday")
    expect(page.locator("#selected-here")).to_have_text("3 runs on this page are selected")


def test_the_columns_that_were_chosen_are_remembered(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context, "state=credit_check")
    page.locator(".columns summary").click()
    for one in ("From → to", "Status", "Age", "Deadline", "Progress", "Holder", "Why it waits, or how it ended"):
        page.get_by_role("checkbox", name=one, exact=True).uncheck()
    page.get_by_role("checkbox", name="Workflow", exact=True).check()
    page.get_by_role("button", name="Show these columns").click()
    heads = page.locator("table.runs th")
    expect(heads).to_have_text(["", "Run", "Tenant", "State", "Workflow"])
    expect(page).to_have_url(re.compile("state=credit_check&columns=tenant&columns=state&columns=workflow$"))
    page.goto(f"{there.url}/console/runs")
    expect(heads).to_have_text(["", "Run", "Tenant", "State", "Workflow"])


def test_a_viewer_sees_runs_and_nothing_to_do_with_them(there: Site, context: BrowserContext) -> None:
    page = runs_page(there, context, "state=credit_check", who="viewer")
    expect(page.locator("table.runs tbody tr").first).to_be_visible()
    expect(page.locator("table.runs input")).to_have_count(0)
    expect(page.locator("#selection")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_use_the_page(there: Site, context: BrowserContext, theme: str) -> None:
    context.add_cookies([{"name": "overstap_theme", "value": theme, "url": there.url}])
    page = runs_page(there, context, "plan=e3&status=waiting")
    page.get_by_label("Select the run of Carla").check()
    page.locator(".columns summary").click()
    found = Axe().run(page).response["violations"]
    assert [] == [one["id"] for one in found if one["impact"] in {"serious", "critical"}]


@pytest.mark.parametrize(
    ("shown", "fresh", "full", "new"),
    [
        ("", "", False, 0),
        ("", "ab", False, 2),
        ("abc", "abc", True, 0),
        ("abc", "xab", True, 1),
        ("abc", "bcd", True, 0),
        ("abc", "bxc", True, 1),
        ("ab", "abx", False, 1),
        ("abc", "xyz", True, 3),
    ],
)
def test_new_is_what_came_to_be_where_the_page_is(shown: str, fresh: str, full: bool, new: int) -> None:
    assert new == newly(shown, fresh, full=full)
