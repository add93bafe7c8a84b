"""Replays in the console: planned, approved by a second person, run, and seen to pass; and who may do none of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page
from tests.entrypoints.console.stuck_stage import stuck_database

from browsing import PATIENCE, Site, expect, live, site

NEW = "/console/replays/new"
HOW = "deadline=reset&resolve=true"


@pytest.fixture(scope="module")
def stuck(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> tuple[str, dict[str, str]]:
    return stuck_database(tmp_path_factory.mktemp("stuck"), sqlite_template)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory, stuck: tuple[str, Mapping[str, str]]) -> Iterator[Site]:
    """A server whose provider is well again, where plans of more than one run need a second person."""
    with site(tmp_path_factory.mktemp("replays"), database_url=stuck[0], replay__approve_runs="1") as made:
        yield made


def other(context: BrowserContext) -> BrowserContext:
    """Another browser: a session of its own."""
    assert context.browser is not None
    made = context.browser.new_context(locale="en-GB", reduced_motion="reduce")
    made.set_default_timeout(PATIENCE * 1000)
    return made


def act(page: Page, name: str, reason: str | None = None) -> None:
    live(page)
    page.locator("#main").get_by_role("button", name=name, exact=True).click()
    dialog = page.get_by_role("dialog")
    if reason is not None:
        dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=name, exact=True).click()


def make_plan(page: Page, there: Site, which: str) -> str:
    """A plan; the path of its page, on which the browser is afterwards."""
    page.goto(f"{there.url}{NEW}?{which}&{HOW}")
    act(page, "Make the plan")
    page.wait_for_url(lambda url: "/replays/0" in url)
    return page.url.removeprefix(there.url)


def counted(page: Page, verdict: str) -> str:
    return page.locator(f'[data-live="count-{verdict}"]').inner_text()


def test_an_operator_finds_stuck_runs_plans_gets_approval_replays_and_sees_them_pass(
    there: Site, context: BrowserContext
) -> None:
    operator = there.sign_in(context, "operator", "/console/replays")
    expect(operator.get_by_text("No plans yet")).to_be_visible()
    operator.get_by_role("link", name="Make a plan").click()
    operator.get_by_label("To the plan").select_option("e4")
    operator.get_by_role("checkbox", name="Stuck", exact=True).check()
    operator.get_by_label("Their deadlines").select_option("reset")
    operator.get_by_label("Look unknown effects up").check()
    operator.get_by_role("button", name="Show what matches").click()
    expect(operator.get_by_role("heading", name="Two runs match now")).to_be_visible()
    act(operator, "Make the plan")
    operator.wait_for_url(lambda url: "/replays/0" in url)
    expect(operator.get_by_text("You made this plan, so somebody else has to approve it.")).to_be_visible()
    expect(operator.get_by_role("button", name="Run the plan")).to_be_hidden()
    live(operator)

    second = other(context)
    approver = there.sign_in(second, "approver", operator.url.removeprefix(there.url))
    expect(approver.get_by_text("It replays more than one run, so a second person approves it.")).to_be_visible()
    act(approver, "Approve", "looks right")
    expect(approver.locator('[data-live="state"]')).to_have_text("approved")

    expect(operator.locator('[data-live="approved"]')).to_contain_text("operator:approver", timeout=3000)
    act(operator, "Run the plan", "the provider is back")
    expect(operator.get_by_text("Passed: each run got beyond the step that it stuck on.")).to_be_visible()
    assert "2" == counted(operator, "passed")
    expect(approver.get_by_text("Passed: each run got beyond the step that it stuck on.")).to_be_visible(timeout=3000)
    second.close()


def test_a_viewer_sees_no_act_and_is_refused_when_the_request_is_forged(
    there: Site, context: BrowserContext, stuck: tuple[str, Mapping[str, str]]
) -> None:
    operator = there.sign_in(context, "operator", "/console/replays")
    path = make_plan(operator, there, f"run={stuck[1]['bakkerij-de-vries']}")
    live(operator)
    run = operator.locator("#main").get_by_role("button", name="Run the plan", exact=True)
    expect(run).to_be_visible()

    session = other(context)
    viewer = there.sign_in(session, "viewer", path)
    live(viewer)
    expect(viewer.locator('[data-live="state"]')).to_have_text("open")
    assert [] == viewer.locator("#main button:visible").all_inner_texts()[:-1]  # printing is all there is
    viewer.goto(f"{there.url}{NEW}")
    expect(viewer.get_by_role("alert")).to_contain_text("This takes the role operator.")

    cookies = {str(one.get("name")): str(one.get("value")) for one in session.cookies()}
    plan_id = path.rpartition("/")[2]
    for what in ("run", "approve", "rehearse"):
        forged = session.request.post(
            f"{there.url}/api/v1/replays/{plan_id}/{what}",
            headers={
                "X-CSRF-Token": cookies["overstap_csrf"],
                "Origin": there.url,
                "Idempotency-Key": f"forged-{what}",
            },
            data={"reason": "forged"},
        )
        assert 403 == forged.status, forged.text()

    viewer.goto(f"{there.url}{path}")
    live(viewer)
    run.click()
    operator.get_by_role("dialog").get_by_label("Reason").fill("not yet: I am only looking")
    clicks = clicks_of(operator, "Run the plan")
    assert 2 == len(clicks)  # that which opens the dialog, and that which does it
    for click in [*clicks, {**clicks[0], "client_id": "nobody", "listener_id": "made-up"}]:
        viewer.evaluate("(event) => window.socket.emitWithAck('event', event)", click)
    asked = session.request.get(f"{there.url}/api/v1/replays/{plan_id}").json()
    assert asked["executed"] is None
    operator.reload()
    expect(operator.locator('[data-live="state"]')).to_have_text("open")
    session.close()


def clicks_of(page: Page, label: str) -> list[dict[str, object]]:
    """What the browser of a page would send when its buttons with a label are pressed."""
    return page.evaluate(
        """(label) => Object.entries(mounted_app.elements)
          .filter(([, one]) => one.props?.label === label)
          .map(([id, one]) => ({
            id: Number(id), client_id: window.clientId, args: [],
            listener_id: one.events.find((event) => event.type === "click").listener_id,
          }))""",
        label,
    )


def test_a_replay_can_be_done_by_keyboard_alone(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "operator", "/console/replays")
    live(page)
    go_to(page, "Make a plan")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{NEW}")
    live(page)
    go_to(page, "To the plan")
    page.keyboard.type("e3")
    go_to(page, "Their deadlines")
    page.keyboard.type("begin")
    go_to(page, "Look unknown effects up at the provider")
    page.keyboard.press("Space")
    go_to(page, "Show what matches")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="One run matches now")).to_be_visible()
    live(page)
    press(page, "Make the plan")
    go_to(page, "Make the plan")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/replays/0" in url)
    live(page)
    press(page, "Run the plan")
    go_to(page, "Reason")
    page.keyboard.type("the provider is back")
    go_to(page, "Run the plan")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Passed: each run got beyond the step that it stuck on.")).to_be_visible()


def press(page: Page, name: str) -> None:
    """Open the dialog of an act."""
    go_to(page, name)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()


def go_to(page: Page, name: str) -> None:
    """Press Tab until what has that name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        told = page.evaluate(
            """() => {
              const here = document.activeElement;
              const label = here.labels?.[0]?.querySelector("span, .q-field__label") ?? here.labels?.[0];
              return (here.ariaLabel ?? label?.textContent ?? here.textContent).trim();
            }"""
        )
        if told == name:
            return
    raise AssertionError(f"Tab does not lead to {name!r}")


def test_a_plan_that_names_no_runs_is_refused_with_what_to_do(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "operator", NEW)
    expect(page.get_by_text("Say which runs")).to_be_visible()
    expect(page.get_by_role("button", name="Make the plan")).to_have_count(0)
    page.goto(f"{there.url}{NEW}?stuck=true")
    expect(page.get_by_text("Say what becomes of their deadlines; then the plan can be made.")).to_be_visible()
    page.goto(f"{there.url}{NEW}?stuck=true&deadline=extend&longer=soon")
    expect(page.get_by_role("alert")).to_contain_text("--deadline extend:soon")


def test_what_was_shown_goes_away_when_the_form_asks_for_else(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "operator", "/console/replays")
    page.goto(f"{there.url}{NEW}?tenant=Northwind%20Dental&{HOW}")
    expect(page.get_by_role("button", name="Make the plan")).to_have_count(0)
    page.get_by_label("Their deadlines").select_option("keep")
    expect(page.get_by_text("You have changed something above.")).to_be_visible()
    expect(page.get_by_role("button", name="Make the plan")).to_be_hidden()


def test_five_hundred_runs_may_be_named_and_those_that_are_not_there_are_told(
    there: Site, context: BrowserContext
) -> None:
    page = there.sign_in(context, "operator", NEW)
    ids = "&".join(f"run=01M8B3WVHX0000000000000{number:03}" for number in range(500))
    page.goto(f"{there.url}{NEW}?{ids}&{HOW}")
    expect(page.get_by_text("500 runs were chosen by name.")).to_be_visible()
    expect(page.get_by_role("heading", name="500 runs match now")).to_be_visible()
    act(page, "Make the plan")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("There is no run '01M8B3WVHX0")


def test_a_rehearsal_touches_nothing_and_is_found_again_after_a_reload(
    there: Site, context: BrowserContext, stuck: tuple[str, Mapping[str, str]]
) -> None:
    page = there.sign_in(context, "operator", "/console/replays")
    path = make_plan(page, there, f"run={stuck[1]['bakkerij-de-vries']}")
    act(page, "Rehearse")
    expect(page.get_by_role("heading", name="Rehearsal")).to_be_visible()
    page.reload()
    told = page.get_by_text("1 of 1 runs would get beyond the step that they stick on.")
    expect(told).to_be_visible()
    expect(page.locator('[data-live="rehearsal"]')).to_contain_text("operator:operator")
    row = page.get_by_role("region", name="Rehearsal").get_by_role("row", name="Bakkerij De Vries")
    expect(row).to_contain_text("migratingmove_userscompletedwould pass")
    expect(page.locator('[data-live="state"]')).to_have_text("open")

    page.goto(f"{there.url}{path}?verdict=skipped")
    expect(page.get_by_text("No run of the plan is like that")).to_be_visible()
    assert ("1", "0") == (counted(page, "will_run"), counted(page, "skipped"))


def test_who_runs_a_plan_that_was_run_meanwhile_sees_the_receipt_of_the_first(
    there: Site, context: BrowserContext, stuck: tuple[str, Mapping[str, str]]
) -> None:
    late = there.sign_in(context, "operator", "/console/replays")
    path = make_plan(late, there, f"run={stuck[1]['bakkerij-de-vries']}")
    live(late)
    late.locator("#main").get_by_role("button", name="Run the plan", exact=True).click()
    dialog = late.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("too late")

    second = other(context)
    first = there.sign_in(second, "everything", path)
    act(first, "Run the plan", "the provider is back")
    expect(first.locator('[data-live="executed"]')).to_contain_text("operator:everything")
    dialog.get_by_role("button", name="Run the plan", exact=True).click()
    expect(late.get_by_text("This plan was run before: nothing is done again.")).to_be_visible()
    expect(late.locator('[data-live="executed"]')).to_contain_text("the provider is back")
    second.close()
