"""The companies of the pages' tests, at their own time, and the browser that opens them."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from kpi.editions import Edition, latest
from kpi.refresh import refresh
from pages.parts import frame
from sample.company import write
from tests.pages.app import ROOT
from tests.pages.branches import branches
from tests.pages.company import NOON, company
from tests.pages.pairs import pairs
from tests.pages.served import chromium, served


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder which the dashboard reads, on a Tuesday at noon."""
    monkeypatch.setenv("KPI_HOME", str(tmp_path))
    monkeypatch.setattr(frame, "now", lambda: NOON)
    return tmp_path


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The company's home folder, built once."""
    folder = tmp_path_factory.mktemp("company")
    company(folder)
    return folder


@pytest.fixture(scope="session")
def with_branches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a company with branches, built once."""
    folder = tmp_path_factory.mktemp("branches")
    branches(folder)
    return folder


@pytest.fixture(scope="session")
def with_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of a company whose metrics move in pairs, built once."""
    folder = tmp_path_factory.mktemp("pairs")
    pairs(folder)
    return folder


@pytest.fixture
def edition(built: Path, monkeypatch: pytest.MonkeyPatch) -> Edition:
    """The edition of the file's company, which the dashboard shows on a Tuesday at noon."""
    monkeypatch.setenv("KPI_HOME", str(built))
    monkeypatch.setattr(frame, "now", lambda: NOON)
    return latest(built)


@pytest.fixture
def published(home: Path, built: Path) -> Path:
    """A home folder with the company's first edition, which a test may change."""
    shutil.copytree(built, home, dirs_exist_ok=True)
    return home


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a file."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with the sample company as of now, written, refreshed and published once."""
    home = tmp_path_factory.mktemp("sample")
    for file in ("metrics.yaml", "sources.yaml"):
        shutil.copy(ROOT / file, home)
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
    write(home / "data" / "sample", now)
    assert refresh(home, now=lambda: now).exit_code == 0
    return home


@pytest.fixture(scope="module")
def dashboard(sample: Path) -> Iterator[str]:
    """The address of a dashboard of the sample company."""
    with served(sample) as address:
        yield address
