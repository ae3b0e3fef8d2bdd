"""Weeks and months: the chart of six and twelve, its table, and what there is to date."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kpi.answers import ask
from kpi.comparisons import year_before
from kpi.editions import Edition
from kpi.questions import Question
from pages.parts import style
from pages.parts.weeks_and_months import WeeksAndMonths, weeks_and_months, width
from pages.parts.weeks_and_months_chart import six_twelve
from tests.pages.app import open_app, sheets, words
from tests.pages.company import NOON


@pytest.fixture(scope="module")
def built(with_branches: Path) -> Path:
    return with_branches


def found(edition: Edition, metric: str) -> WeeksAndMonths:
    return weeks_and_months(edition, edition.vocabulary.metrics[metric], NOON)


def table(metric: str) -> list[list[str]]:
    html = sheets(open_app("metric", m=metric, tab="weeks-and-months"))["six_twelve_numbers"]
    rows = re.findall(r"<tr.*?>(.*?)</tr>", html, re.S)
    return [[words(c) for c in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)] for row in rows]


def test_there_are_six_complete_weeks_and_the_one_that_has_begun(edition: Edition) -> None:
    columns = found(edition, "returned").weeks

    assert [c.moment.complete for c in columns] == [True] * 6 + [False]
    assert columns[-1].moment.period.start == dt.date(2026, 3, 9)


def test_what_is_not_over_is_neither_judged_nor_compared(edition: Edition) -> None:
    begun = found(edition, "returned").weeks[-1]

    assert (begun.before, begun.change, begun.status) == (None, None, None)


@pytest.mark.parametrize(
    ("value", "wide"), [(12, "narrow"), (145_583, "medium"), (12_345_678, "wide")]
)
def test_the_table_is_so_wide_that_no_number_breaks(
    edition: Edition, value: int, wide: str
) -> None:
    shown = found(edition, "sales")
    (column, *_) = shown.weeks
    one = replace(column, moment=replace(column.moment, value=value, target=None), before=None)

    assert width(replace(shown, weeks=(one,), months=())) == wide


def test_each_number_is_the_metrics_own_answer(edition: Edition) -> None:
    columns = found(edition, "takings").columns

    assert len(columns) > 12
    for column in columns:
        period = column.moment.period
        asked = Question(("takings",), period.grain, start=period.start, end=period.end)
        assert column.moment.value == ask(edition, asked).cells[0].value


def test_the_year_before_is_shown_where_it_was_wholly_told_of(edition: Edition) -> None:
    months = found(edition, "sales").months

    # The first sale was in June 2025: of no month is the one a year before known.
    assert {c.before for c in months} == {None}
    before = year_before(edition.vocabulary.calendar, months[0].moment.period)
    assert before.start.year == months[0].moment.period.start.year - 1


def test_the_columns_of_the_table_are_the_points_of_the_chart(edition: Edition) -> None:
    shown = found(edition, "returned")
    head, *rows = table("returned")
    figure = six_twelve(shown, style.COLOURS["light"])

    columns = len(shown.weeks) + 1 + len(shown.months)
    assert {len(row) for row in (head, *rows)} == {columns + 1}
    assert figure.layout.xaxis.domain == (0, len(shown.weeks) / columns)
    assert figure.layout.xaxis2.domain == ((len(shown.weeks) + 1) / columns, 1)
    assert figure.layout.xaxis.range == (-0.5, len(shown.weeks) - 0.5)


def test_a_ratio_has_one_scale_and_a_flow_one_for_weeks_and_one_for_months(
    edition: Edition,
) -> None:
    colours = style.COLOURS["light"]
    ratio = six_twelve(found(edition, "returned"), colours).layout
    flow = six_twelve(found(edition, "sales"), colours).layout

    assert ratio.yaxis.range == ratio.yaxis2.range
    assert flow.yaxis.range[1] < flow.yaxis2.range[1] / 2
    assert flow.yaxis2.showticklabels
    assert (
        "each on their own scale"
        in sheets(open_app("metric", m="sales", tab="weeks-and-months"))["six_twelve"]
    )


def test_a_status_is_told_in_words_too(edition: Edition) -> None:
    (row,) = [row for row in table("returned") if row[0] == "Status"]

    assert row[6] == "Off target"


def test_the_week_is_held_against_the_one_before(edition: Edition) -> None:
    html = sheets(open_app("metric", m="returned", tab="weeks-and-months"))["to_date"]

    assert "Week on week week 10 against week 9 75.0 % 10.0 65.0 worse" in words(html)


def test_what_cannot_be_compared_to_date_says_so(edition: Edition) -> None:
    html = sheets(open_app("metric", m="returned", tab="weeks-and-months"))["to_date"]

    assert "Year to date not comparable:" in words(html)


def test_a_metric_without_rows_says_so(edition: Edition) -> None:
    app = open_app("metric", m="wishes", tab="weeks-and-months")

    assert "No period has a known value yet." in sheets(app)["six_twelve"]
    assert not app.get("plotly_chart")


def test_the_chart_is_told_in_a_sentence(edition: Edition) -> None:
    (chart,) = open_app("metric", m="returned", tab="weeks-and-months").get("plotly_chart")

    assert chart.proto.alt.startswith(
        "Share returned, with the year before. 6 complete weeks, between 10.0 and 75.0 %."
    )
