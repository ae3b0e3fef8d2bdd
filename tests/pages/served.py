"""The real dashboard for tests: served from a home folder, opened in Chromium, and listened to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.pages.app import ROOT
from tests.programs import program

# A slow machine shows the same, only later.
expect.set_options(timeout=30_000)


@dataclass(frozen=True)
class Served:
    """A running dashboard: where it is, and its process."""

    address: str
    process: int


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of a dashboard that shows this home folder."""
    with serving(home) as dashboard:
        yield dashboard.address


@contextmanager
def serving(home: Path) -> Iterator[Served]:
    """A dashboard that shows this home folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.port", str(port), "--server.headless", "true"]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", *options]
    said = home / "server.log"
    with said.open("wb") as log:
        environment = {**os.environ, "KPI_HOME": str(home)}
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}", server, said)
            yield Served(f"http://127.0.0.1:{port}", server.pid)
        finally:
            server.terminate()
            server.wait(20)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium as the system has it."""
    path = program("chromium", "google-chrome", "Google Chrome", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(context: BrowserContext, address: str) -> Page:
    """A new page of a window that has drawn what its script sent."""
    page = context.new_page()
    page.goto(address)
    settled(page)
    return page


def settled(page: Page) -> None:
    """Waits until the page's script has run and its sheets are drawn."""
    # A state has no line of its own about what is counted: there is nothing to count.
    expect(page.locator(".about, .state").first).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


class Noise:
    """What a window says in its console, and what it asks of other hosts: both are to be empty."""

    def __init__(self, context: BrowserContext) -> None:
        self.said: list[str] = []
        self.abroad: list[str] = []
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.said.append(str(error.error)))
        context.on("request", lambda request: self._ask(request.url))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.text} {message.location.get('url', '')}")

    def _ask(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.abroad.append(url)


def overflow(page: Page) -> int:
    """How many pixels a page is too wide for its window."""
    main = page.get_by_test_id("stMain")
    inside = main.evaluate("element => element.scrollWidth - element.clientWidth")
    return max(inside, page.evaluate("document.documentElement.scrollWidth - innerWidth"), 0)


def _wait_until_healthy(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        if server.poll() is not None:
            pytest.fail(f"the dashboard ended at once: {log.read_text()}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5):
                return
        except OSError:  # nobody listens yet, or a busy machine has not answered in time
            time.sleep(0.25)
    pytest.fail(f"the dashboard did not start: {log.read_text()}")
