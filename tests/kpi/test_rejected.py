"""An edition tells which rows could not be read, and which deliveries changed their shape."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kpi.rejected import RejectedRow, drifts, rejections
from tests.published import Home

NOON = dt.datetime(2026, 3, 10, 12)
DAY = dt.timedelta(days=1)
VOCABULARY = """\
version: 1
tables:
  surveys: {row: one answer, time: answered_at}
"""


def answer(number: int, score: str = "9") -> dict[str, object]:
    return {"response_id": f"r{number}", "answered_at": "2026-03-09 10:00:00", "score": score}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, VOCABULARY)


def bring(
    home: Home, *rows: dict[str, object], at: dt.datetime = NOON, source: str = "forms"
) -> None:
    home.bring(source, "surveys", rows, at=at, key=("response_id",))


def test_a_rejected_row_comes_with_its_place_reason_and_text(home: Home) -> None:
    bring(home, answer(1), answer(2, "nine"), answer(3))
    (found,) = rejections(home.publish(NOON))

    assert (found.source, found.at, found.rejected, found.delivered) == ("forms", NOON, 1, 3)
    (row,) = found.rows
    assert isinstance(row, RejectedRow)
    assert (row.into, row.origin) == ("surveys", "forms.csv")
    assert "score" in row.reason
    assert "nine" in row.text


def test_only_the_latest_run_with_rejected_rows_is_told(home: Home) -> None:
    bring(home, answer(1, "one"), answer(2, "two"), at=NOON - DAY)
    bring(home, answer(1, "one"), answer(2), at=NOON)
    (found,) = rejections(home.publish(NOON))

    assert (found.at, found.rejected) == (NOON, 1)


def test_a_good_run_later_does_not_hide_what_was_rejected_before(home: Home) -> None:
    bring(home, answer(1, "one"), at=NOON - DAY)
    bring(home, answer(2), at=NOON)
    (found,) = rejections(home.publish(NOON))

    assert found.at == NOON - DAY


def test_each_source_tells_its_own(home: Home) -> None:
    bring(home, answer(1, "one"), source="a")
    bring(home, answer(2, "two"), source="b")

    found = rejections(home.publish(NOON))

    assert [(r.source, len(r.rows)) for r in found] == [("a", 1), ("b", 1)]


def test_what_was_rejected_more_than_a_week_ago_is_past(home: Home) -> None:
    bring(home, answer(1, "one"), at=NOON - 8 * DAY)

    assert rejections(home.publish(NOON)) == ()


def test_without_rejected_rows_there_is_nothing_to_tell(home: Home) -> None:
    bring(home, answer(1))

    assert rejections(home.publish(NOON)) == ()


def test_a_column_of_another_type_is_told_as_a_changed_shape(home: Home) -> None:
    bring(home, answer(1), at=NOON - DAY)
    bring(home, answer(2) | {"score": 9}, at=NOON)
    (found,) = drifts(home.publish(NOON))

    assert (found.source, found.into, found.at) == ("forms", "surveys", NOON)
    assert "score" in found.what


def test_a_shape_that_stays_is_not_told(home: Home) -> None:
    bring(home, answer(1), at=NOON - DAY)
    bring(home, answer(2), at=NOON)

    assert drifts(home.publish(NOON)) == ()


def test_a_shape_that_changed_long_ago_is_past(home: Home) -> None:
    bring(home, answer(1), at=NOON - 40 * DAY)
    bring(home, answer(2) | {"score": 9}, at=NOON - 39 * DAY)

    assert drifts(home.publish(NOON)) == ()
