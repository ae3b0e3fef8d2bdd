"""What only a browser shows of a metric: links within the page, the chart, downloads, width."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.pages.addresses import METRIC_TABS
from tests.pages.branches import EVIL, branches
from tests.pages.served import overflow, served, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that shows the branches as of today."""
    home = tmp_path_factory.mktemp("branches")
    branches(home, dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0))
    with served(home) as found:
        yield found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of the size that the dashboard is made for."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=address)
    yield context.new_page()
    context.close()


def opened(page: Page, path: str) -> None:
    page.goto(path)
    settled(page)


def test_the_first_visitor_of_a_fresh_dashboard_may_come_by_a_deep_link(page: Page) -> None:
    opened(page, "/metric?m=takings")

    expect(page.get_by_test_id("stTopNavLink").first).to_be_visible()
    expect(page.get_by_test_id("stSidebar")).to_have_count(0)


def test_a_part_opens_its_rows_in_the_next_tab(page: Page) -> None:
    opened(page, "/metric?m=takings&tab=breakdown")

    page.locator(".parts").get_by_role("link", name="North").click()

    expect(page.get_by_role("tab", name="Rows")).to_have_attribute("aria-selected", "true")
    expect(page.locator("p", has_text="behind")).to_contain_text("branch")
    assert "where-branch=North" in page.url


def test_a_tab_is_part_of_the_address_and_of_going_back(page: Page) -> None:
    opened(page, "/metric?m=takings")
    page.get_by_role("tab", name="Definition").click()
    page.wait_for_url(re.compile("tab=definition"))
    expect(page.locator(".lineage")).to_be_visible()

    page.go_back()

    expect(page.get_by_role("tab", name="Week by week")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".js-plotly-plot")).to_be_visible()


def test_the_chart_fills_its_width_and_names_its_lines(page: Page) -> None:
    opened(page, "/metric?m=returned")
    wide = (
        "document.querySelector('.js-plotly-plot .main-svg')?.getBoundingClientRect().width > 1300"
    )

    page.wait_for_function(wide)

    expect(page.locator(".js-plotly-plot")).to_contain_text("average")


@pytest.mark.parametrize("width", [1440, 834, 390])
def test_each_point_stands_above_its_column(browser: Browser, address: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, base_url=address)
    page = context.new_page()
    opened(page, "/metric?m=returned&tab=weeks-and-months")
    page.wait_for_selector(".st-key-six_twelve .scatterlayer .point", state="attached")
    middle = (
        "boxes => boxes.map(e => { const b = e.getBoundingClientRect(); return b.x + b.width/2 })"
    )

    columns = page.locator(".six-twelve thead th[scope=col]").evaluate_all(middle)
    points = page.locator(".st-key-six_twelve .scatterlayer .point").evaluate_all(middle)

    assert points
    assert max(min(abs(point - column) for column in columns) for point in points) < 3
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 834, 390])
@pytest.mark.parametrize("tab", ["breakdown", "weeks-and-months"])
def test_what_compares_periods_fits_in_both_themes(
    browser: Browser, address: str, tab: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, base_url=address
    )
    page = context.new_page()
    opened(page, f"/metric?m=returned&tab={tab}")
    expect(page.locator(".split, .six-twelve")).to_be_visible()

    main = page.get_by_test_id("stMain")
    assert main.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
    context.close()


@pytest.mark.parametrize(("kind", "begins"), [("PNG", b"\x89PNG"), ("SVG", b"<svg")])
@pytest.mark.parametrize("tab", ["over-time", "weeks-and-months"])
def test_a_chart_is_saved_as_a_picture_without_a_foreign_request(
    page: Page, tmp_path: Path, tab: str, kind: str, begins: bytes
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    opened(page, f"/metric?m=returned&tab={tab}")
    page.wait_for_selector(".js-plotly-plot .scatterlayer .point", state="attached")

    with page.expect_download() as begun:
        page.get_by_role("button", name=kind).click()
    begun.value.save_as(tmp_path / "chart")

    said = re.fullmatch(
        r"returned_(by_week|weeks_and_months)_\d{4}-\d\d-\d\d_\d{4}-\d\d-\d\d\.(png|svg)",
        begun.value.suggested_filename,
    )
    assert said and said[2] == kind.lower()
    assert (tmp_path / "chart").read_bytes().startswith(begins)
    ours = (page.url.partition("/metric")[0], "data:", "blob:")
    assert [url for url in asked if not url.startswith(ours)] == []


def test_a_download_holds_exactly_the_rows_that_are_counted(page: Page, tmp_path: Path) -> None:
    opened(page, "/metric?m=sales&tab=rows&period=quarter&where-branch=North")
    counted = page.locator("p", has_text="behind").inner_text()

    with page.expect_download() as begun:
        page.get_by_role("button", name="Download").click()
    begun.value.save_as(tmp_path / "rows.csv")

    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == int(counted.split()[0])
    assert {row["branch"] for row in rows} == {"North"}


def test_pages_of_rows_are_turned(page: Page) -> None:
    opened(page, "/metric?m=sales&tab=rows&period=quarter")
    first = page.locator(".rows tbody tr").first.inner_text()

    page.get_by_role("button", name="Next page").click()

    page.wait_for_url(re.compile("rows-page=2"))
    expect(page.locator(".rows tbody tr").first).not_to_have_text(first)


def test_typing_finds_without_a_key_to_press(page: Page) -> None:
    opened(page, "/vocabulary")

    page.get_by_label("Search").fill("RMA")

    expect(page.locator(".entry")).to_have_count(1)
    page.wait_for_url(re.compile(r"\?q=RMA"))


def test_an_entry_opens_in_place_and_can_be_linked_to(page: Page) -> None:
    opened(page, "/vocabulary")
    page.locator(".entry summary", has_text="Takings").click()

    page.get_by_role("link", name="Link to this entry").click()

    page.wait_for_url(re.compile(r"\?open=takings$"))
    expect(page.locator(".entry[open]")).to_contain_text("What customers paid.")


@pytest.mark.parametrize("width", [390, 834])
@pytest.mark.parametrize(
    "path", [*(f"/metric?m=takings&tab={tab}" for tab in METRIC_TABS), "/vocabulary?open=footfall"]
)
def test_nothing_overflows_sideways_on_a_narrow_screen(
    browser: Browser, address: str, path: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844}, base_url=address)
    page = context.new_page()
    opened(page, path)
    page.wait_for_timeout(500)

    assert overflow(page) == 0
    context.close()


@pytest.mark.parametrize("tab", METRIC_TABS)
def test_a_hostile_text_makes_no_element(page: Page, tab: str) -> None:
    struck: list[str] = []

    def strike(dialog: Dialog) -> None:
        struck.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", strike)

    opened(page, f"/metric?m=footfall&tab={tab}")

    expect(page.get_by_role("heading", level=1)).to_contain_text(EVIL)
    assert page.locator("img[src=x]").count() == 0
    assert struck == []
