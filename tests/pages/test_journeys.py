"""The four people whom the dashboard is for walk their way through the sample company."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.addresses import SIZES
from tests.pages.served import Noise, settled

pytestmark = pytest.mark.browser


@pytest.fixture(params=[f"{theme} {size}" for size in SIZES for theme in ("light", "dark")])
def page(browser: Browser, dashboard: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A window of one size and theme, in which nothing goes wrong and nothing leaves the house."""
    theme, size = request.param.split()
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        base_url=dashboard,
    )
    noise = Noise(context)
    yield context.new_page()
    context.close()
    assert noise.said == []
    assert noise.abroad == []


def visit(page: Page, path: str) -> None:
    page.goto(path)
    settled(page)


def heading(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def test_an_executive_reads_the_count_and_opens_the_first_question(page: Page) -> None:
    visit(page, "/")
    counted = page.locator(".about").inner_text()
    said = re.search(r"(\d+) of (\d+) on target", counted)
    first = page.locator(".questions a").first
    name = first.inner_text()

    assert said is not None
    assert page.locator(".row").count() == int(said[2])
    first.click()
    page.wait_for_url("**/metric?m=*")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.locator(".four")).to_be_visible()
    page.go_back()
    expect(page.locator(".about")).to_contain_text(said[0])
    page.go_forward()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.reload()
    settled(page)
    assert heading(page) == name


def test_a_team_finds_the_same_number_its_reason_and_the_rows_behind_it(page: Page) -> None:
    visit(page, "/")
    row = page.locator(".row").filter(has=page.locator('a[href="metric?m=uptime"]'))
    number = row.locator(".number").inner_text()
    visit(page, "/metric")

    chosen = page.get_by_role("combobox").first
    chosen.fill("Service avail")
    chosen.press("Enter")
    page.wait_for_url("**/metric?m=uptime")
    expect(page.locator(".four .big").first).to_contain_text(number)
    expect(page.locator(".about")).to_contain_text("Sales (business) and Platform (IT)")
    expect(page.locator(".four")).to_contain_text("Signal")
    page.get_by_role("tab", name="Why did it change").click()
    expect(page.locator("table.split tfoot")).to_contain_text(number)
    page.get_by_role("tab", name="Rows").click()
    expect(page.locator("p", has_text="behind")).to_contain_text(f"behind {number}")
    page.go_back()
    expect(page.locator("table.split")).to_be_visible()
    page.reload()
    expect(page.locator("table.split tfoot")).to_contain_text(number)


def test_an_analyst_finds_a_metric_by_another_word_and_reads_what_it_means(page: Page) -> None:
    visit(page, "/vocabulary")
    page.get_by_label("Search").fill("MTTR")
    page.wait_for_url("**/vocabulary?q=MTTR")
    expect(page.locator(".entry")).to_have_count(1)

    page.locator(".entry summary").click()
    expect(page.locator(".opened")).to_contain_text("time_to_restore")
    page.get_by_role("link", name="Where it comes from").click()
    page.wait_for_url("**/metric?m=time_to_restore&tab=definition")
    expect(page.locator(".value-text")).to_contain_text("median")
    expect(page.get_by_role("heading", level=1)).to_have_text("Time to restore")
    page.reload()
    expect(page.locator(".value-text")).to_contain_text("median")


def test_an_analyst_tries_a_change_and_sees_every_mistake_and_then_the_number(page: Page) -> None:
    visit(page, "/vocabulary?q=MTTR")
    page.locator(".entry summary").click()
    page.get_by_role("link", name="Try a change").click()
    page.wait_for_url("**try=time_to_restore*")
    entry = page.get_by_role("textbox", name="The entry to try")
    expect(entry).to_have_value(re.compile("^time_to_restore:"))
    right = entry.input_value()

    entry.fill(right.replace("severity in", "severty in").replace("good: down", "good: downn"))
    page.get_by_role("button", name="Check the entry").click()
    expect(page.locator(".mistake")).to_have_count(2)
    entry.fill(right)
    page.get_by_role("button", name="Check the entry").click()
    expect(page.locator(".try-number")).to_contain_text("min")


def test_back_from_a_metric_finds_the_search_as_it_was(page: Page) -> None:
    visit(page, "/vocabulary?q=MTTR")
    page.locator(".entry summary").click()
    page.get_by_role("link", name="Where it comes from").click()
    page.wait_for_url("**/metric?m=time_to_restore&tab=definition")
    expect(page.locator(".value-text")).to_contain_text("median")

    page.go_back()

    expect(page.get_by_label("Search")).to_have_value("MTTR")


def test_an_operator_sees_what_was_rejected_why_and_what_depends_on_it(page: Page) -> None:
    visit(page, "/sources")

    source = page.get_by_role("listitem").filter(has_text="answers")
    expect(source.locator(".refused")).to_contain_text("4")
    refused = page.locator("table.rejected").first.locator("tbody tr")
    expect(refused).to_have_count(4)
    assert all(reason.inner_text() for reason in refused.locator(".reason").all())
    source.locator(".uses").get_by_role("link", name="Net promoter score").click()
    page.wait_for_url("**/metric?m=nps")
    expect(page.get_by_role("heading", level=1)).to_have_text("Net promoter score")
    page.go_back()
    expect(page.locator(".sources")).to_be_visible()
    page.reload()
    expect(page.locator("table.rejected").first).to_be_visible()
