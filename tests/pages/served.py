"""The real dashboard for tests: served from a home folder, opened in Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.pages.app import ROOT
from tests.programs import program


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The address of a dashboard that shows this home folder."""
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
            yield f"http://127.0.0.1:{port}"
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


def settled(page: Page) -> None:
    """Waits until the page's script has run and its sheets are drawn."""
    expect(page.locator(".about").first).to_be_visible(timeout=30_000)
    expect(page.get_by_test_id("stApp")).to_have_attribute(
        "data-test-script-state", "notRunning", timeout=30_000
    )


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
