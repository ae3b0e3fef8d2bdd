"""A scorecard that is taken away says what the screen says, unrounded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from kpi.editions import Edition
from kpi.export import Export
from kpi.scorecard import Scorecard, period_at, scorecard
from kpi.scorecard_export import COLUMNS, scorecard_export
from kpi.so_far import scorecard_so_far
from tests.pages.company import DAY, NOON, VOCABULARY, WEEK, company
from tests.published import Home


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """The company in which every state of a row occurs."""
    return company(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def card(edition: Edition) -> Scorecard:
    return scorecard(edition, now=NOON)


def taken(edition: Edition, card: Scorecard, **filtered: Any) -> Export:
    """All its rows, or those that need attention."""
    attention = filtered.get("attention", False)
    return scorecard_export(edition, card, lambda row: row.needs_attention or not attention)


def said(export: Export, metric: str) -> dict[str, Any]:
    """The row of a metric by its columns."""
    (row,) = [row for row in export.rows if row[COLUMNS.index("metric")] == metric]
    return dict(zip(COLUMNS, row, strict=True))


def test_every_row_of_the_screen_is_there_in_its_order(edition: Edition, card: Scorecard) -> None:
    names = [row[2] for row in taken(edition, card).rows]

    assert names == [row.metric.name for row in card.rows]


def test_a_filter_leaves_the_rows_that_the_screen_leaves(edition: Edition, card: Scorecard) -> None:
    names = [row[2] for row in taken(edition, card, attention=True).rows]

    assert names == [row.metric.name for row in card.rows if row.needs_attention]


def test_a_row_says_whose_it_is_and_how_it_stands(edition: Edition, card: Scorecard) -> None:
    row = said(taken(edition, card), "incidents")

    assert (row["outcome"], row["side"], row["label"]) == (
        "Customers can rely on us",
        "it",
        "Customer-facing incidents",
    )
    assert (row["owner_business"], row["owner_it"]) == ("Customer care", "Platform")
    assert (row["grain"], row["period"]) == ("week", dt.date(2026, 3, 2))
    assert (row["value"], row["target"], row["status"], row["n"]) == (9, 3, "off target", 9)
    assert (row["change"], row["verdict"]) == (6, "worse")
    assert row["signal"] == "Worse: above its range"
    assert (row["complete"], row["edition"]) == (True, 1)


def test_values_are_not_rounded(edition: Edition, card: Scorecard) -> None:
    by_name = {row.metric.name: row.value for row in card.rows}

    for metric, value in by_name.items():
        assert said(taken(edition, card), metric)["value"] == value


def test_unknown_is_empty_and_not_zero(edition: Edition, card: Scorecard) -> None:
    row = said(taken(edition, card), "idea")

    assert (row["value"], row["status"], row["n"], row["complete"]) == (None, "no data", 0, False)
    assert row["fresh_until"] is None


def test_a_late_row_names_its_own_period_and_until_when_it_is_fresh(
    edition: Edition, card: Scorecard
) -> None:
    row = said(taken(edition, card), "churn")

    assert row["period"] == dt.date(2026, 2, 23)
    assert (row["freshness"], row["fresh_until"]) == ("late", NOON - 5 * DAY)


def test_a_period_that_is_not_over_says_so_and_of_how_many_days_each_number_is(
    edition: Edition, card: Scorecard
) -> None:
    begun = scorecard_so_far(edition, card)

    export = taken(edition, begun)
    row = said(export, "incidents")

    assert export.title == "Scorecard Week 11 so far, 9–15 Mar 2026, incomplete"
    assert (row["period"], row["days"], row["complete"]) == (dt.date(2026, 3, 9), 1, False)
    assert row["signal"] == "Not judged yet"


def test_days_are_counted_only_where_the_period_is_not_over(
    edition: Edition, card: Scorecard
) -> None:
    assert said(taken(edition, card), "incidents")["days"] is None


def test_an_earlier_period_is_named_in_the_title_and_in_its_rows(edition: Edition) -> None:
    earlier = period_at(edition, "week", "2026-W08")

    export = taken(edition, scorecard(edition, now=NOON, period=earlier))

    assert export.title == "Scorecard Week 8, 16–22 Feb 2026"
    assert said(export, "incidents")["period"] == dt.date(2026, 2, 16)


def test_a_restated_number_names_the_one_before_and_why(tmp_path: Path) -> None:
    company(tmp_path)
    again = Home(tmp_path, VOCABULARY, sample=True)
    again.bring("more", "availability", [{"id": "x", "at": NOON - WEEK, "x": 1.0}], at=NOON)
    edition = again.publish(NOON + DAY)

    row = said(taken(edition, scorecard(edition, now=NOON + DAY)), "uptime")

    assert (row["restated"], row["restated_in"]) == ("data", 2)
    assert row["restated_from"] == pytest.approx(99.95, abs=0.1)


def test_the_file_says_which_edition_it_is_and_what_was_chosen(
    edition: Edition, card: Scorecard
) -> None:
    export = scorecard_export(
        edition, card, lambda row: True, shown="Needs attention", address="http://host/?show=a"
    )

    assert export.about == (
        ("What", "Scorecard Week 10, 2–8 Mar 2026"),
        ("Chosen", "Needs attention"),
        ("Edition", 1),
        ("Published", NOON),
        ("Times are those of", "Europe/Berlin"),
        ("Data", "Sample data"),
        ("Address", "http://host/?show=a"),
    )
