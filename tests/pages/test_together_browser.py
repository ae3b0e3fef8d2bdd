"""What only a browser shows of two metrics together: quiet, within its width, by keyboard."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.pages.pairs import pairs
from tests.pages.served import chromium, served, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that shows the pairs as of today."""
    home = tmp_path_factory.mktemp("pairs")
    pairs(home, dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0))
    with served(home) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize("width", [1440, 834, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_two_metrics_open_quietly_and_within_the_width(
    browser: Browser, address: str, width: int, theme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
    )
    said: list[str] = []
    asked: list[str] = []
    # Streamlit itself looks for its health address below a page's own, and does not find it.
    context.on(
        "console",
        lambda m: said.append(m.text) if m.type == "error" and "404" not in m.text else None,
    )
    context.on("weberror", lambda error: said.append(str(error.error)))
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()

    page.goto(f"{address}/together?cost=orders&severity=sev2&service=%3DCheckout")
    settled(page)
    expect(page.locator(".js-plotly-plot")).to_have_count(3)
    page.wait_for_timeout(500)

    main = page.get_by_test_id("stMain")
    local = (address, address.replace("http", "ws", 1), "data:", "blob:")
    assert said == []
    assert [url for url in asked if not url.startswith(local)] == []
    assert main.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
    context.close()


def test_a_service_of_the_parts_is_chosen_by_a_click(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
    page = context.new_page()
    page.goto("/together?cost=orders&severity=sev2")
    settled(page)

    page.locator(".hit").get_by_role("link", name="Checkout").click()

    page.wait_for_url("**service=%3DCheckout**")
    expect(page.locator(".hit")).to_have_count(0)
    context.close()


def test_moves_with_leads_to_both_together(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
    page = context.new_page()
    page.goto("/metric?m=contacts&tab=moves-with")
    settled(page)

    page.locator(".relations").get_by_role("link", name="Incidents").click()

    page.wait_for_url("**/together?m=incidents&with=contacts")
    expect(page.locator(".finding").first).to_contain_text("Incidents")
    context.close()
