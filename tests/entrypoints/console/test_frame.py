"""What surrounds every page: signing in and out, languages, themes, addresses that lead nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from playwright.sync_api import BrowserContext

from browsing import Site, expect, live, site


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("frame"), "bakkerij-de-vries") as made:
        yield made


def test_who_is_not_signed_in_is_led_to_sign_in_and_back(there: Site, context: BrowserContext) -> None:
    page = context.new_page()
    page.goto(f"{there.url}/console?of=something")
    expect(page).to_have_url(f"{there.url}/sign-in?to=/console%3Fof%3Dsomething")
    page.locator("input[name=token]").fill("ovs_nonsense")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("That is no token")

    page.locator("input[name=token]").fill(there.tokens["viewer"])
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{there.url}/console?of=something")


@pytest.mark.parametrize(
    "sent", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
)
def test_nobody_is_signed_in_by_another_sites_form(there: Site, context: BrowserContext, sent: dict[str, str]) -> None:
    form = {"token": there.tokens["viewer"], "to": "/console"}
    answer = context.request.post(f"{there.url}/sign-in", form=form, headers=sent, max_redirects=0)
    assert 303 == answer.status
    assert "/sign-in?to=/console&why=foreign" == unquote(answer.headers["location"])
    assert [] == context.cookies()


def test_the_page_speaks_the_language_that_was_chosen(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "viewer", "/console")
    expect(page.locator("html")).to_have_attribute("lang", "en-GB")
    page.get_by_role("button", name="Nederlands").click()
    expect(page.locator("html")).to_have_attribute("lang", "nl")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overzicht")


def test_the_theme_that_was_chosen_stays(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "viewer", "/console")
    expect(page.locator("body.body--light")).to_have_count(1)
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("body.body--dark")).to_have_count(1)
    page.goto(f"{there.url}/console")
    expect(page.locator("body.body--dark")).to_have_count(1)


def test_a_page_that_stays_open_says_that_its_session_has_ended(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "viewer", "/console")
    live(page)
    other = context.new_page()
    other.goto(f"{there.url}/console")
    other.get_by_role("button", name="Sign out").click()
    expect(other).to_have_url(f"{there.url}/sign-in?why=out")

    expect(page.locator("#ended")).to_be_visible()
    page.locator("#again").click()
    expect(page.get_by_role("alert")).to_contain_text("Your session has ended")


def test_an_address_without_a_page_says_so(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "viewer", "/console")
    answer = page.goto(f"{there.url}/console/nowhere")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("alert")).to_contain_text("There is no page /console/nowhere")


def test_a_page_for_others_says_so(there: Site, context: BrowserContext) -> None:
    page = there.sign_in(context, "bakkerij-de-vries", "/console")
    expect(page.get_by_role("alert")).to_contain_text("This takes the role viewer")


def test_who_has_a_right_token_comes_in_however_many_wrong_ones_come_from_their_address(
    there: Site, context: BrowserContext
) -> None:
    def sent(token: str) -> str:
        answer = context.request.post(f"{there.url}/sign-in", form={"token": token, "to": "/console"}, max_redirects=0)
        return answer.headers["location"]

    assert "why=often" in [sent("ovs_nonsense") for _ in range(61)][-1]
    assert "/console" == sent(there.tokens["viewer"])
