"""A metric whose rows stand for a month each, on the pages that show weeks."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kpi.editions import Edition
from pages.parts import frame
from tests.pages.app import open_app, sheets
from tests.pages.company import NOON
from tests.published import Home

_VOCABULARY = """\
version: 1
tables:
  budget: {row: one cost centre for one month, time: month, grain: month}
outcomes:
  worth: {label: Every euro works, definition: d, owners: {it: Platform, business: Finance}}
metrics:
  spent:
    label: Budget spent
    definition: What was spent.
    side: business
    outcome: worth
    owners: {it: Platform, business: Finance}
    value: sum(amount) from budget
    good: down
"""


@pytest.fixture
def edition(home: Path) -> Edition:
    published = Home(home, _VOCABULARY)
    published.declare("books", "budget")
    months = [dt.date(2025, number, 1) for number in range(1, 13)] + [
        dt.date(2026, n, 1) for n in (1, 2)
    ]
    rows = [{"month": month, "amount": 100 + n} for n, month in enumerate(months)]
    published.bring("books", "budget", rows, at=NOON, key=("month",))
    return published.publish(NOON)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "now", lambda: NOON)


def test_the_weekly_scorecard_says_that_it_has_numbers_only_by_month(edition: Edition) -> None:
    assert "Has numbers only by month" in sheets(open_app("scorecard"))["scorecard"]


def test_its_own_page_opens_by_month(edition: Edition) -> None:
    assert ">113" in sheets(open_app("metric", m="spent"))["numbers"]
