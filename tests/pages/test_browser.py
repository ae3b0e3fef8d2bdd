"""What only a browser shows: layout, the console, requests, clicks and the keyboard."""

from __future__ import annotations

import datetime as dt
import re
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.pages.addresses import SIZES
from tests.pages.company import company
from tests.pages.served import Noise, opened, overflow, served

pytestmark = pytest.mark.browser

PAGES = ("/", "/metric?m=uptime", "/vocabulary", "/sources")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that serves the company as of today."""
    home = tmp_path_factory.mktemp("home")
    company(home, dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0))
    with served(home) as found:
        yield found


@pytest.fixture
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """A window of the size that the scorecard is made for."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    context.close()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_opens_quietly_and_within_its_width(
    browser: Browser, address: str, path: str, size: str, theme: str
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
    )
    noise = Noise(context)

    page = opened(context, address + path)

    page.wait_for_timeout(500)
    assert noise.said == []
    assert noise.abroad == []
    assert overflow(page) == 0
    ground = page.get_by_test_id("stApp").evaluate("e => getComputedStyle(e).backgroundColor")
    assert ground == ("rgb(18, 22, 28)" if theme == "dark" else "rgb(255, 255, 255)")
    context.close()


@pytest.mark.parametrize("path", ["/sorces", "/metric2?m=uptime", "/nowhere/"])
def test_a_page_that_is_not_there_leads_to_the_scorecard_which_says_so(
    desktop: BrowserContext, address: str, path: str
) -> None:
    page = opened(desktop, address + path)

    expect(page.get_by_text("There is no page")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("way", ["br", "gzip"])
def test_large_files_are_sent_packed(address: str, way: str) -> None:
    with urllib.request.urlopen(address) as answer:
        script = re.search(r'src="\./(static/js/index[^"]+)"', answer.read().decode())
    assert script is not None
    request = urllib.request.Request(f"{address}/{script[1]}", headers={"Accept-Encoding": way})

    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Encoding"] == way


def test_the_scorecard_and_its_legend_fit_on_one_screen(
    desktop: BrowserContext, address: str
) -> None:
    page = opened(desktop, address)

    legend = page.locator(".legend").bounding_box()
    assert legend is not None
    assert legend["y"] + legend["height"] <= 900


def test_a_click_on_a_name_opens_its_metric(desktop: BrowserContext, address: str) -> None:
    page = opened(desktop, address)

    page.locator(".row").get_by_role("link", name="Service availability").click()

    page.wait_for_url(re.compile(r"/metric\?m=uptime$"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Service availability")


def test_enter_on_a_name_opens_its_metric(desktop: BrowserContext, address: str) -> None:
    page = opened(desktop, address + "/?period=month")
    name = page.locator(".row").get_by_role("link", name="Service availability")
    name.focus()

    page.keyboard.press("Enter")

    page.wait_for_url(re.compile(r"/metric\?m=uptime&period=month$"))


def test_names_are_reached_by_the_tabulator_and_show_where_it_is(
    desktop: BrowserContext, address: str
) -> None:
    page = opened(desktop, address)
    page.get_by_role("radio", name="Needs attention").focus()
    focused = "(d => (d.activeElement.shadowRoot ?? d).activeElement)(document)"

    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate(f"{focused}.textContent") == "Heard from customers first":
            break

    assert page.evaluate(f"{focused}.textContent") == "Heard from customers first"
    outline = page.evaluate(f"getComputedStyle({focused}).outline")
    assert outline.endswith("solid 2px")


def test_back_restores_the_choice_before(desktop: BrowserContext, address: str) -> None:
    page = opened(desktop, address)
    page.get_by_role("radio", name="Month", exact=True).click()
    page.wait_for_url(re.compile(r"period=month"))
    expect(page.locator(".heads")).to_contain_text("24 months")

    page.go_back()

    expect(page.locator(".heads")).to_contain_text("26 weeks")


def test_a_name_opened_in_a_new_tab_has_its_own_address(
    desktop: BrowserContext, address: str
) -> None:
    page = opened(desktop, address)
    name = page.locator(".row").get_by_role("link", name="Service availability")

    with desktop.expect_page() as news:
        name.click(modifiers=["ControlOrMeta"])

    assert news.value.url == f"{address}/metric?m=uptime"


def test_names_are_large_enough_for_a_thumb(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = opened(context, address)

    heights = [
        name.evaluate("e => e.parentElement.getBoundingClientRect().height")
        for name in page.locator(".row a.name").all()
    ]

    assert min(heights) >= 24
    context.close()
