"""The scorecard of a period that is not over says so everywhere, and judges no more than it can."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.pages.app import open_app, sheets, words
from tests.pages.app import row as week_row
from tests.pages.company import NOON, VOCABULARY, fill
from tests.published import Home


def row(html: str, metric: str) -> str:
    """The HTML of one metric's row, whatever the grain."""
    return week_row(html.replace("&amp;period=month", ""), metric)


@pytest.mark.parametrize(
    ("period", "said"),
    [
        ("week-so-far", "Week 11 so far, 9–15 Mar 2026 · incomplete ·"),
        ("month-so-far", "Mar 2026 so far · incomplete ·"),
        ("quarter-so-far", "Q1 2026 so far, 1 Jan – 31 Mar 2026 · incomplete ·"),
    ],
)
def test_the_count_line_says_that_the_period_is_not_over(
    published: Path, period: str, said: str
) -> None:
    app = open_app(period=period)

    about = words(sheets(app)["about"])
    assert about.startswith(said)
    assert f"signals are judged when the {period.partition('-')[0]} is over" in about
    assert app.segmented_control(key="choice_period").value == period


def test_every_number_says_of_how_many_days_it_is(published: Path) -> None:
    for view in ("sides", "list"):
        html = sheets(open_app(period="month-so-far", view=view))["scorecard"]

        assert "9 of 31 days 9" in words(row(html, "incidents"))
        # Its source went quiet on the 5th, at noon, and had told of nobody by then.
        churn = words(row(html, "churn"))
        assert "4 of 31 days —" in churn and "Unknown so far" in churn
        assert "of 31 days" not in words(row(html, "idea"))


def test_a_count_so_far_stands_beside_the_share_of_its_target(published: Path) -> None:
    html = sheets(open_app(period="month-so-far"))["scorecard"]

    # Three a week are 27 in 63 days; nine days bear 3.9 of them.
    assert "≤ 3.9 · Off target" in words(row(html, "incidents"))


def test_a_change_says_which_days_it_is_against(published: Path) -> None:
    html = row(sheets(open_app(period="month-so-far"))["scorecard"], "incidents")

    # The first nine days of February had one Wednesday, and two incidents on it.
    assert 'title="against the first 9 days of Feb"' in html
    assert "up" in html and words(html).count("7 worse") == 1


def test_nothing_signals_and_the_row_says_why(published: Path) -> None:
    html = sheets(open_app(period="month-so-far"))["scorecard"]

    # The dots that are drawn are those of the months before.
    assert "Worse:" not in words(html) and "Better:" not in words(html)
    assert "Not judged yet" in words(row(html, "incidents"))
    assert "Worth a question: what the last complete month says." in words(html)


def test_the_legend_explains_the_days_only_where_there_are_any(published: Path) -> None:
    key = "2 of 7 days: incomplete"

    assert key in sheets(open_app(period="week-so-far"))["scorecard"]
    assert key not in sheets(open_app(period="week"))["scorecard"]


def test_before_the_first_whole_day_every_number_is_missing_and_says_why(home: Path) -> None:
    monday = NOON - dt.timedelta(days=1)
    early = Home(home, VOCABULARY, sample=True)
    fill(early, monday)
    early.publish(monday)

    html = sheets(open_app(period="week-so-far"))["scorecard"]

    assert "No whole day told of yet" in words(row(html, "incidents"))
    assert "No data" in words(row(html, "incidents"))


def test_a_row_leads_to_the_metric_by_the_same_grain(published: Path) -> None:
    html = sheets(open_app(period="month-so-far"))["scorecard"]

    assert 'href="metric?m=uptime&amp;period=month"' in html


def test_a_filter_that_finds_nothing_leads_back_to_the_same_period(home: Path) -> None:
    calm = Home(home, VOCABULARY[: VOCABULARY.index("  incidents:\n    label")])
    calm.publish(NOON)

    html = sheets(open_app(period="week-so-far", show="attention"))["scorecard"]

    assert 'href="./?period=week-so-far&amp;view=sides"' in html
