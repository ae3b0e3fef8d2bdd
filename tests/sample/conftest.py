"""One writing of the sample, shared by the tests that only read it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from sample.company import Company, company, write
from sample.timeline import timeline
from tests.sample import exports

UNTIL = dt.datetime(2026, 11, 21, 12)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with the sample's exports, written as of Saturday 21 November 2026."""
    folder = tmp_path_factory.mktemp("home")
    write(folder / "data" / "sample", UNTIL)
    return folder


@pytest.fixture(scope="session")
def facts() -> Company:
    """The facts that those exports were written from."""
    return company(timeline(UNTIL), seed=20)


@pytest.fixture(scope="session")
def incidents(home: Path) -> pd.DataFrame:
    return exports.table(home, "incidents")


@pytest.fixture(scope="session")
def deployments(home: Path) -> pd.DataFrame:
    return exports.table(home, "deployments")


@pytest.fixture(scope="session")
def orders(home: Path) -> pd.DataFrame:
    return exports.table(home, "orders")
