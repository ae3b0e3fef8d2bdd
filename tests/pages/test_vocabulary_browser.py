"""The vocabulary's page in a browser: an entry is tried by keyboard, on a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.branches import branches
from tests.pages.company import NOON
from tests.pages.served import chromium, served, settled

pytestmark = pytest.mark.browser

WRONG = """\
gifts:
  label: Gifts
  definition: What was given away.
  side: business
  outcome: grow
  owners: {it: Platform, business: Sales}
  value: sum(amont) from sales where kind = 'gift'
  unti: EUR
  good: up
"""
GOOD = WRONG.replace("amont", "amount").replace("unti", "unit")
SIZES = {"desk": (1440, 900), "tablet": (834, 1112), "phone": (390, 844)}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the company with branches."""
    folder = tmp_path_factory.mktemp("home")
    branches(folder, NOON)
    return folder


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The address of a dashboard that serves it."""
    with served(home) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def opened(browser: Browser, url: str, size: str = "desk", theme: str = "light") -> Page:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(url)
    settled(page)
    return page


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_trial_fits_its_screen_and_stands_beside_or_above_the_list(
    browser: Browser, address: str, size: str, theme: str
) -> None:
    page = opened(browser, f"{address}/vocabulary?try=sales", size, theme)

    expect(page.get_by_text("It holds.")).to_be_visible()
    main = page.get_by_test_id("stMain")
    field, found = page.locator("textarea").bounding_box(), page.locator(".entries").bounding_box()
    assert main.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
    assert field is not None and found is not None
    if size == "desk":
        assert field["x"] >= found["x"] + found["width"]
    else:
        assert field["y"] + field["height"] <= found["y"]
        assert field["y"] + 100 < SIZES[size][1]
    page.context.close()


def test_an_entry_is_tried_and_mended_by_keyboard_alone(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}/vocabulary")
    page.get_by_role("link", name="Try an entry").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"try=1"))
    settled(page)

    field = page.locator("textarea")
    field.focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(WRONG)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_text("2 mistakes")).to_be_visible()
    expect(page.locator("mark", has_text="amont")).to_be_visible()
    expect(page.get_by_text("Line 8, column 3")).to_be_visible()
    field.focus()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(GOOD)
    page.keyboard.press("ControlOrMeta+Enter")
    expect(page.get_by_text("It holds.")).to_be_visible()
    assert "gifts" not in page.url
    page.context.close()


def test_closing_a_trial_leaves_the_search_and_back_opens_it_again(
    browser: Browser, address: str
) -> None:
    page = opened(browser, f"{address}/vocabulary?q=sales&try=1")

    page.get_by_role("link", name="Close the trial").first.click()

    page.wait_for_url(re.compile(r"/vocabulary\?q=sales$"))
    expect(page.locator("textarea")).to_have_count(0)
    page.go_back()
    expect(page.locator("textarea")).to_be_visible()
    page.context.close()


def test_nothing_of_a_trial_reaches_the_servers_log_or_another_visitor(
    browser: Browser, home: Path, address: str
) -> None:
    page = opened(browser, f"{address}/vocabulary?try=1")
    page.locator("textarea").fill(WRONG.replace("Gifts", "Sunflowers"))
    page.get_by_role("button", name="Check the entry").click()
    expect(page.get_by_text("2 mistakes")).to_be_visible()

    other = opened(browser, f"{address}/vocabulary?try=1")

    assert "Sunflowers" not in other.content() + other.locator("textarea").input_value()
    log = (home / "server.log").read_text()
    assert "Sunflowers" not in log
    assert "amont" not in log
    page.context.close()
    other.context.close()


def test_what_changed_is_reached_on_a_phone(browser: Browser, address: str) -> None:
    page = opened(browser, f"{address}/vocabulary", "phone")

    page.get_by_role("radio", name="What changed").click()

    page.wait_for_url(re.compile(r"show=changes"))
    expect(page.get_by_text("No definition has changed")).to_be_visible()
    page.context.close()
