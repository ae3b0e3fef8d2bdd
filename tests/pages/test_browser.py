"""What only a browser shows: layout, the console, requests, clicks and the keyboard."""

from __future__ import annotations

import datetime as dt
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.pages.app import ROOT
from tests.pages.company import company
from tests.programs import program

pytestmark = pytest.mark.browser

PAGES = ("/", "/metric?m=uptime", "/vocabulary", "/sources")
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard that serves the company as of today."""
    home = tmp_path_factory.mktemp("home")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
    company(home, now)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.port", str(port), "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", *options]
    log = (home / "server.log").open("wb")
    server = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "KPI_HOME": str(home)}, stdout=log, stderr=log
    )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}", server, home / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
        log.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it."""
    path = program("chromium", "google-chrome", "Google Chrome", package="chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def desktop(browser: Browser) -> Iterator[BrowserContext]:
    """A window of the size that the scorecard is made for."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    yield context
    context.close()


def opened(context: BrowserContext, address: str) -> Page:
    """A page that has drawn what its script sent."""
    page = context.new_page()
    page.goto(address)
    settled(page)
    return page


def settled(page: Page) -> None:
    """Waits until the page's script has run and its sheets are drawn."""
    expect(page.locator(".about").first).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stApp")).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=30_000
    )


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_page_opens_quietly_and_within_its_width(
    browser: Browser, address: str, path: str, size: str, theme: str
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
    )
    said: list[str] = []
    asked: list[str] = []
    context.on("console", lambda message: said.append(message.text) if _ours(message) else None)
    context.on("weberror", lambda error: said.append(str(error.error)))
    context.on("request", lambda request: asked.append(request.url))

    page = opened(context, address + path)

    page.wait_for_timeout(500)
    main = page.get_by_test_id("stMain")
    assert said == []
    assert [url for url in asked if not _stays_here(url, address)] == []
    assert main.evaluate("element => element.scrollWidth - element.clientWidth") <= 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
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


def test_large_files_are_sent_packed(address: str) -> None:
    with urllib.request.urlopen(address) as answer:
        script = re.search(r'src="\./(static/js/index[^"]+)"', answer.read().decode())
    assert script is not None
    request = urllib.request.Request(f"{address}/{script[1]}", headers={"Accept-Encoding": "gzip"})

    with urllib.request.urlopen(request) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"


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
    page.get_by_role("radio", name="Month").click()
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


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        if server.poll() is not None:
            pytest.fail(f"the dashboard ended at once: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except (URLError, ConnectionError):
            time.sleep(0.25)
    pytest.fail(f"the dashboard did not start: {log.read_text()}")


def _ours(message: object) -> bool:
    # A deep link makes Streamlit look for its own files beside the page first, in vain.
    kind, text, location = message.type, message.text, message.location  # type: ignore[attr-defined]
    probe = "404" in text and "/_stcore/" in location.get("url", "")
    return kind in ("error", "warning") and not probe


def _stays_here(url: str, address: str) -> bool:
    here = address.removeprefix("http")
    return url.startswith((f"http{here}", f"ws{here}", "data:", "blob:"))
