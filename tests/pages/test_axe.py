"""Everybody can read every page: axe-core finds nothing, in both themes and on every screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kpi.editions import pointer_file
from tests.pages.addresses import ADDRESSES, SIZES
from tests.pages.axe import violations
from tests.pages.served import settled

pytestmark = pytest.mark.browser

# Contrast differs by theme and layout by size, so that not every pair of them tells more.
LOOKS = (("light", "desktop"), ("dark", "desktop"), ("light", "tablet"), ("dark", "phone"))


@pytest.fixture(scope="module")
def page(browser: Browser, dashboard: str) -> Iterator[Page]:
    context = browser.new_context(base_url=dashboard)
    yield context.new_page()
    context.close()


def broken(page: Page) -> list[str]:
    """What is wrong with a page as it stands, in every look."""
    found = []
    for theme, size in LOOKS:
        width, height = SIZES[size]
        page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        page.set_viewport_size({"width": width, "height": height})
        ground = "rgb(18, 22, 28)" if theme == "dark" else "rgb(255, 255, 255)"
        expect(page.get_by_test_id("stApp")).to_have_css("background-color", ground)
        page.wait_for_timeout(150)  # what fades from one theme to the other has no contrast yet
        found += [f"{theme} {size}: {v.rule} at {v.place}: {v.why}" for v in violations(page)]
    return found


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_page_breaks_no_rule(page: Page, name: str) -> None:
    page.goto(ADDRESSES[name])
    settled(page)

    assert broken(page) == []


@contextmanager
def pointing_at(home: Path, text: str | None) -> Iterator[None]:
    """The current edition is another, or none, for a while."""
    pointer = pointer_file(home)
    before = pointer.read_text()
    if text is None:
        pointer.unlink()
    else:
        pointer.write_text(text)
    try:
        yield
    finally:
        pointer.write_text(before)


@pytest.mark.parametrize(
    ("text", "said"), [(None, "No numbers yet"), ("{", "The current numbers are missing")]
)
def test_a_dashboard_without_numbers_breaks_no_rule(
    page: Page, sample: Path, text: str | None, said: str
) -> None:
    with pointing_at(sample, text):
        page.goto("/")
        settled(page)

        expect(page.get_by_role("heading", level=1)).to_have_text(said)
        assert broken(page) == []


def test_what_is_wrong_inside_a_sheet_is_found(page: Page) -> None:
    page.goto("/sources")
    settled(page)
    sheet = page.locator(".sheet").last

    sheet.evaluate("e => e.insertAdjacentHTML('beforeend', '<img src=\"data:image/gif;base64,\">')")

    assert [v.rule for v in violations(page)] == ["image-alt"]
