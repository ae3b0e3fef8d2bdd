"""What only a browser shows of exports: real downloads, the keyboard, and pages on paper."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pypdf
import pytest
from playwright.sync_api import Browser, Page, expect

from kpi.publishing import note_refusal
from kpi.refusal import Refusal, refusal_file
from tests.pages.company import company
from tests.pages.served import chromium, served, settled

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the company as of today."""
    folder = tmp_path_factory.mktemp("home")
    company(folder, dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0))
    return folder


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """The address of a dashboard that serves the company."""
    with served(home) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=DESKTOP, accept_downloads=True)
    yield context.new_page()
    context.close()


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    settled(page)
    return page


def taken(page: Page, kind: str, folder: Path) -> Path:
    """What the export menu hands over, under the name that it suggests."""
    page.get_by_role("button", name="Export", exact=True).click()
    with page.expect_download(timeout=60_000) as begun:
        page.get_by_role("button", name=kind, exact=True).click()
    file = folder / begun.value.suggested_filename
    begun.value.save_as(file)
    return file


def names(page: Page) -> list[str]:
    """The metrics that the page lists."""
    return page.locator(".row a.name").all_inner_texts()


def printed(page: Page, file: Path) -> pypdf.PdfReader:
    """The page as a printer gets it."""
    page.pdf(path=str(file), prefer_css_page_size=True)
    return pypdf.PdfReader(file)


def test_the_csv_of_the_scorecard_has_the_rows_of_the_page(
    page: Page, address: str, tmp_path: Path
) -> None:
    opened(page, f"{address}/?show=attention")

    file = taken(page, "CSV", tmp_path)

    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    assert file.name == "scorecard-week-edition-1.csv"
    assert sorted(row["label"] for row in rows) == sorted(names(page))
    assert rows


def test_the_workbook_of_the_scorecard_has_the_rows_of_the_page_and_says_what_it_is(
    page: Page, address: str, tmp_path: Path
) -> None:
    opened(page, f"{address}/?show=attention&period=month")

    file = taken(page, "Excel", tmp_path)

    book = openpyxl.load_workbook(file)
    _, *rows = book.worksheets[0].iter_rows(values_only=True)
    about = dict(book["About"].iter_rows(values_only=True))
    assert file.name == "scorecard-month-edition-1.xlsx"
    assert sorted(str(row[3]) for row in rows) == sorted(names(page))
    assert about["Chosen"] == "Needs attention"
    assert about["Address"] == f"{address}/?show=attention&period=month"


def test_the_pdf_of_the_scorecard_has_the_rows_of_the_page(
    page: Page, address: str, tmp_path: Path
) -> None:
    opened(page, f"{address}/?show=attention")

    file = taken(page, "PDF", tmp_path)

    (paper,) = pypdf.PdfReader(file).pages
    text = paper.extract_text()
    assert file.name == "scorecard-week-edition-1.pdf"
    assert [name for name in names(page) if name not in text] == []
    assert "Needs attention" in text


def test_a_file_is_reached_by_the_keyboard_alone(page: Page, address: str) -> None:
    opened(page, address)
    page.get_by_role("button", name="Export", exact=True).focus()

    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="CSV", exact=True)).to_be_visible()
    with page.expect_download(timeout=60_000) as begun:
        page.get_by_role("button", name="CSV", exact=True).focus()
        page.keyboard.press("Enter")

    assert begun.value.suggested_filename.endswith(".csv")


def test_print_is_the_browsers_own(page: Page, address: str) -> None:
    page.add_init_script("window.print = () => { window.asked = true; }")
    opened(page, address)
    page.get_by_role("button", name="Export", exact=True).click()

    page.get_by_role("button", name="Print", exact=True).click()

    page.wait_for_function("window.asked === true")


def test_a_phone_has_no_export(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = opened(context.new_page(), address)

    expect(page.get_by_role("button", name="Export", exact=True)).to_be_hidden()
    context.close()


@pytest.mark.parametrize("view", ["sides", "list"])
def test_the_scorecard_is_printed_on_one_page_without_its_controls(
    page: Page, address: str, tmp_path: Path, view: str
) -> None:
    opened(page, f"{address}/?view={view}")
    listed = page.locator("a.name").all_inner_texts()
    statuses = page.locator(".row .said .word, .list .with > .word").all_inner_texts()

    (paper,) = printed(page, tmp_path / "page.pdf").pages

    text = paper.extract_text()
    assert paper.mediabox.width > paper.mediabox.height
    assert [name for name in listed if name not in text] == []
    assert statuses
    assert [word for word in statuses if word not in text] == []
    assert text.count("Edition 1 · ") == 2
    assert "1 of 1" in text
    for control in ("Side by side", "Export", "Vocabulary", "Needs attention"):
        assert control not in text


def test_a_period_that_is_not_over_is_taken_and_printed_as_such(
    page: Page, address: str, tmp_path: Path
) -> None:
    opened(page, f"{address}/?period=week-so-far")

    file = taken(page, "CSV", tmp_path)
    text = printed(page, tmp_path / "page.pdf").pages[0].extract_text()

    with file.open(encoding="utf-8", newline="") as written:
        rows = list(csv.DictReader(written))
    assert file.name == "scorecard-week-so-far-edition-1.csv"
    assert {row["complete"] for row in rows} == {"false"}
    assert "incomplete" in text
    assert "‹" not in text


def test_paper_has_no_way_to_other_periods_to_a_trial_or_to_a_picture(
    page: Page, address: str, tmp_path: Path
) -> None:
    opened(page, f"{address}/vocabulary?try=1")
    vocabulary = "".join(p.extract_text() for p in printed(page, tmp_path / "1.pdf").pages)
    opened(page, f"{address}/metric?m=uptime")
    expect(page.get_by_role("button", name="SVG")).to_be_visible()
    metric = "".join(p.extract_text() for p in printed(page, tmp_path / "2.pdf").pages)

    for control in ("Close the trial", "Try an entry", "Check the entry"):
        assert control not in vocabulary
    assert "Service availability" in metric
    assert "Save the chart" not in metric


def test_that_newer_words_were_refused_is_printed(
    page: Page, address: str, home: Path, tmp_path: Path
) -> None:
    note_refusal(home, Refusal(dt.datetime(2026, 3, 10), {"metrics.yaml": 2}))
    opened(page, address)

    text = printed(page, tmp_path / "page.pdf").pages[0].extract_text()

    refusal_file(home).unlink()
    assert "The vocabulary on disk has 2 mistakes" in text


def test_a_long_page_is_printed_to_its_end(page: Page, address: str, tmp_path: Path) -> None:
    opened(page, f"{address}/vocabulary")
    last = page.locator(".glossary tbody tr").last.locator("td").first.inner_text()

    pages = printed(page, tmp_path / "page.pdf").pages

    assert len(pages) >= 1
    assert last in pages[-1].extract_text()


def test_paper_is_light_whatever_the_theme(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport=DESKTOP, color_scheme="dark")
    page = opened(context.new_page(), address)
    colour = "e => getComputedStyle(e).color"
    name = page.locator(".row a.name").first
    title = page.locator("h1")
    dark = name.evaluate(colour)

    page.emulate_media(media="print")

    assert dark == "rgb(232, 236, 241)"
    assert name.evaluate(colour) == "rgb(23, 32, 43)"
    assert title.evaluate(colour) == "rgb(23, 32, 43)"
    context.close()


def test_a_chart_of_a_dark_screen_has_no_ground_of_its_own_on_paper(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(viewport=DESKTOP, color_scheme="dark")
    page = opened(context.new_page(), f"{address}/metric?m=uptime")
    drawing = page.locator(".js-plotly-plot .main-svg").first
    expect(drawing).to_be_visible()

    page.emulate_media(media="print")

    ground = "e => getComputedStyle(e).backgroundColor"
    assert drawing.evaluate(ground) == "rgba(0, 0, 0, 0)"
    context.close()


def test_a_chart_wider_than_the_paper_is_scaled_and_not_cut(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 1920, "height": 1000})
    page = opened(context.new_page(), f"{address}/metric?m=uptime")
    drawing = page.locator(".js-plotly-plot .main-svg").first
    expect(drawing).to_be_visible()
    page.wait_for_function(
        "document.querySelector('.js-plotly-plot .main-svg').getBoundingClientRect().width > 1500"
    )

    page.set_viewport_size({"width": 1047, "height": 700})
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")

    box = page.locator(".stPlotlyChart").bounding_box()
    drawn = drawing.bounding_box()
    assert box is not None
    assert drawn is not None
    assert drawn["width"] <= box["width"] + 1
    assert drawing.get_attribute("viewBox") is not None
    context.close()
