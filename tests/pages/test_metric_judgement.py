"""A metric's page says how it was judged: margins, changes of meaning, own rows, last year."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from kpi.editions import Edition
from pages.parts import charts, style
from pages.parts.over_time import OverTime, over_time
from tests.pages.app import open_app, sheets, words
from tests.pages.company import DAY, NOON, WEEK, weeks
from tests.published import Home

VOCABULARY = """\
version: 1
calendar: {timezone: Europe/Berlin}
tables:
  answers: {row: one answer, time: at}
outcomes:
  liked: {label: Liked, definition: They say so., owners: {it: Platform, business: Sales}}
metrics:
  liked:
    label: Liked
    definition: Who likes us.
    side: business
    outcome: liked
    owners: {it: Platform, business: Sales}
    value: 100 * count_if(good) / count(good) from answers
    window: 4 weeks
    margin: share
    unit: "%"
    decimals: 0
    good: up
    target: 50
  heard:
    label: Answers
    definition: How many answered.
    side: it
    outcome: liked
    owners: {it: Platform, business: Sales}
    value: count(*) from answers
    decimals: 0
    good: up
    changed: {2025-09-10: "calls <b>count</b> as well as mails and everything else there is"}
  replies:
    label: Replies
    definition: How many replied.
    side: it
    outcome: liked
    owners: {it: Platform, business: Sales}
    value: count(*) from answers
    good: up
    deprecated: heard
"""
# The Wednesday on which calls began to count.
CHANGED = dt.date(2025, 9, 10)


def answers() -> list[dict[str, object]]:
    """Ten answers a week and a few more, thirty more from the change on; half of them good."""
    rows: list[dict[str, object]] = []
    for back, at in weeks(NOON, 70):
        count = 10 + back % 3 + (30 if at.date() >= CHANGED else 0)
        rows += [
            {"id": f"{back}-{number}", "at": at, "good": number % 2 == 0} for number in range(count)
        ]
    return [*rows, {"id": "new", "at": NOON - DAY, "good": True}]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answers")
    home = Home(folder, VOCABULARY)
    home.bring("answers", "answers", answers(), at=NOON, key=("id",), as_of=NOON)
    home.publish(NOON)
    return folder


def course(edition: Edition, metric: str) -> OverTime:
    return over_time(edition, edition.vocabulary.metrics[metric], "week", NOON)


def chart(edition: Edition, metric: str) -> Any:
    return charts.process_chart(course(edition, metric), style.COLOURS["light"])


# --- margin and own rows ------------------------------------------------------------------------


def test_the_margin_stands_beside_the_number_on_the_page_and_on_the_scorecard(
    edition: Edition,
) -> None:
    page = words(sheets(open_app("metric", m="liked"))["numbers"])
    card = words(sheets(open_app())["scorecard"])

    assert page.startswith("Week 10, 2–8 Mar 2026 50 ± 8 %")
    assert "50 ± 8 %" in card


def test_a_windowed_metric_says_that_it_is_judged_on_each_weeks_own_rows(
    edition: Edition,
) -> None:
    app = sheets(open_app("metric", m="liked"))

    assert "Routine range, of each week's own rows" in words(app["numbers"])
    assert "neighbouring weeks share rows" in words(app["reading"])
    assert "on each period's own rows" in words(
        sheets(open_app("metric", m="liked", tab="definition"))["formula"]
    )


def test_the_margin_is_a_band_around_every_complete_week(edition: Edition) -> None:
    band, _, line, *_ = chart(edition, "liked").data
    row = course(edition, "liked").row

    assert band.fill == "toself"
    assert len(band.x) == 2 * len(line.x)
    assert row.margin is not None
    assert max(y for x, y in zip(band.x, band.y, strict=True) if x == line.x[-1]) == pytest.approx(
        line.y[-1] + row.margin
    )


def test_a_windowed_line_has_no_range_that_is_of_other_values(edition: Edition) -> None:
    figure = chart(edition, "liked")

    assert [shape.type for shape in figure.layout.shapes] == []
    assert not any(note.text.startswith("limit") for note in figure.layout.annotations)


# --- a change of meaning ------------------------------------------------------------------------


def test_each_stretch_has_its_own_range_and_the_last_reaches_to_the_shown_week(
    edition: Edition,
) -> None:
    before, after = (s for s in chart(edition, "heard").layout.shapes if s.type == "rect")

    assert before.x1 == after.x0 == dt.datetime(2025, 9, 4, 12)
    assert after.x1 == dt.datetime(2026, 3, 2)
    assert before.y1 < 20 < after.y0


def test_a_change_is_a_line_with_its_words(edition: Edition) -> None:
    figure = chart(edition, "heard")
    (note,) = (n for n in figure.layout.annotations if "changed" in n.text)
    lines = [s for s in figure.layout.shapes if s.type == "line" and s.yref == "paper"]

    assert [line.x0 for line in lines] == [dt.datetime(2025, 9, 4, 12)]
    assert note.text.startswith("<b>changed</b> 10 Sep 2025<br>calls &lt;b&gt;count")


def test_the_range_says_since_when_it_holds(edition: Edition) -> None:
    numbers = words(sheets(open_app("metric", m="heard"))["numbers"])

    assert "from 26 weeks since 10 Sep 2025" in numbers
    assert "Routine no change beyond routine" in numbers


def test_the_change_is_told_to_those_who_do_not_see_the_chart(edition: Edition) -> None:
    (drawn,) = open_app("metric", m="heard").get("plotly_chart")

    assert "Changed 10 Sep 2025: calls <b>count</b> as well as mails" in drawn.proto.alt


# --- comparisons --------------------------------------------------------------------------------


def test_the_number_is_compared_with_the_year_before(edition: Edition) -> None:
    found = course(edition, "heard")
    numbers = sheets(open_app("metric", m="heard"))["numbers"]

    assert found.year_before is not None
    assert found.year_before.against.start == (NOON - 54 * WEEK).date() - DAY
    assert "better than the year before" in words(numbers)
    assert 'title="24 Feb – 2 Mar 2025"' in numbers


def test_a_week_that_has_only_begun_is_compared_with_as_many_days(edition: Edition) -> None:
    reading = words(sheets(open_app("metric", m="heard"))["reading"])

    # Monday is over; on a Monday nobody had answered the week before.
    assert reading.endswith(
        "So far in week 11, after 1 day: 1 , 0 after as many in week 10 (better)"
    )


# --- deprecated ---------------------------------------------------------------------------------


def test_a_deprecated_metric_says_what_to_use_instead(edition: Edition) -> None:
    about = sheets(open_app("metric", m="replies"))["about"]
    listed = words(sheets(open_app("vocabulary"))["vocabulary"])

    assert "deprecated Use Answers instead." in words(about)
    assert 'href="metric?m=heard"' in about
    assert "Replies deprecated" in listed
    assert "Use instead Answers" in listed


def test_a_deprecated_metric_is_neither_listed_nor_offered(edition: Edition) -> None:
    assert "Replies" not in words(sheets(open_app())["scorecard"])
    assert "Replies" not in open_app("metric", m="heard").selectbox[0].options
    assert "Replies" in open_app("metric", m="replies").selectbox[0].options
