"""Texts from outside stay texts on every page: nothing runs, nothing is fetched, nothing torn."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page

from tests.pages.addresses import METRIC_TABS, SIZES
from tests.pages.hostile import EVIL, hostile
from tests.pages.served import Noise, overflow, served, settled

pytestmark = pytest.mark.browser

ADDRESSES = (
    "/",
    "/?view=list",
    *(f"/metric?m=evil_joint&tab={tab}" for tab in METRIC_TABS),
    *(f"/metric?m=unbroken_it&tab={tab}" for tab in METRIC_TABS),
    f"/metric?m={quote(EVIL)}",
    f"/metric?m=evil_it&tab=breakdown&by={quote(EVIL)}",
    f"/metric?m=evil_it&tab=rows&where-by_evil={quote(EVIL)}",
    "/vocabulary?open=evil_joint",
    "/vocabulary?open=unbroken_joint",
    f"/vocabulary?q={quote(EVIL[:90])}",
    "/sources",
    "/sources?show=attention",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard of the hostile company."""
    home = tmp_path_factory.mktemp("hostile")
    hostile(home, dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0))
    with served(home) as found:
        yield found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A window in which nothing is said and nothing is asked of another host."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
    noise = Noise(context)
    yield context.new_page()
    context.close()
    assert noise.said == []
    assert noise.abroad == []


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_hostile_text_stays_a_text(page: Page, path: str) -> None:
    page.goto(path)
    settled(page)
    page.wait_for_timeout(400)

    made = {
        kind: page.locator(kind).count()
        for kind in (
            "img[src=x]",
            "svg[onload]",
            "a[href^='http'][href*='evil.example']",
            "img[src*='evil.example']",
            ".katex",
        )
    }
    assert made == dict.fromkeys(made, 0)
    assert page.evaluate("window.hacked") is None
    assert page.title().endswith("KPI dashboard")
    torn = {}
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(200)
        torn[size] = overflow(page)
    assert torn == dict.fromkeys(SIZES, 0)


def test_a_hostile_label_is_read_as_it_was_written(page: Page) -> None:
    page.goto("/metric?m=evil_joint")
    settled(page)

    shown = page.get_by_role("heading", level=1).inner_text()
    assert "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>" in shown
    assert "**bold** `code` $\\alpha$ :material/home: :red[red]" in shown
    assert "\u202e" not in shown


def test_a_list_of_hostile_choices_opens_as_texts(page: Page) -> None:
    page.goto("/metric?m=evil_joint&tab=rows")
    settled(page)

    page.get_by_role("combobox").first.click()
    page.wait_for_timeout(400)

    options = page.get_by_role("option")
    assert options.count() >= 3
    assert "<script>" in options.first.inner_text()
    assert page.evaluate("window.hacked") is None
    assert overflow(page) == 0
