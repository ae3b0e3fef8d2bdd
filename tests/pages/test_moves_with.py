"""The part of a metric's page that tells which other metrics it moves with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kpi.editions import Edition
from tests.pages.app import open_app, sheets, words


@pytest.fixture(scope="module")
def built(with_pairs: Path) -> Path:
    return with_pairs


def test_moves_with_lists_the_other_metrics_of_the_outcome_the_clearest_first(
    edition: Edition,
) -> None:
    html = sheets(open_app("metric", m="incidents", tab="moves-with"))["moves_with"]

    rows = [words(row) for row in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", html)]
    assert rows[0].startswith("Contacts Business higher in the same week, 0.")
    assert len(rows) == 3
    assert any("too little data" in row for row in rows)
    assert any("no clear association" in row for row in rows)


def test_a_name_in_moves_with_opens_both_together(edition: Edition) -> None:
    html = sheets(open_app("metric", m="contacts", tab="moves-with", period="month"))["moves_with"]

    assert 'href="together?m=incidents&amp;with=contacts&amp;period=month"' in html


def test_quarters_are_told_by_month(edition: Edition) -> None:
    html = sheets(open_app("metric", m="contacts", tab="moves-with", period="quarter"))

    assert "by month" in words(html["moves_with"])
