"""A file for spreadsheets says what the rows say, and runs nothing."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import io

import pytest

from kpi.csv_export import csv_text
from kpi.periods import Calendar

BERLIN = Calendar("Europe/Berlin")


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@sum(a)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_run_stays_a_text(text: str) -> None:
    (_, (found,)) = read(csv_text(["note"], [(text,)], BERLIN))

    assert found == "'" + text


def test_a_hostile_name_of_a_column_stays_a_text() -> None:
    assert read(csv_text(["=evil"], [], BERLIN)) == [["'=evil"]]


def test_numbers_stay_numbers() -> None:
    values = (-5, 2.5, decimal.Decimal("-0.10"), True)

    assert read(csv_text("abcd", [values], BERLIN))[1] == ["-5", "2.5", "-0.10", "true"]


def test_what_is_missing_is_empty() -> None:
    assert read(csv_text(["a", "b"], [(None, "x")], BERLIN))[1] == ["", "x"]


def test_times_have_their_offset_so_that_the_hour_that_comes_twice_is_told_apart() -> None:
    twice = [(dt.datetime(2026, 10, 25, hour, 30),) for hour in (0, 1)]
    rows = read(csv_text(["at"], twice, BERLIN))[1:]

    assert rows == [["2026-10-25T02:30:00+02:00"], ["2026-10-25T02:30:00+01:00"]]


def test_a_moment_that_means_never_is_written_in_utc() -> None:
    never = [(dt.datetime.max,), (dt.datetime.min,)]

    assert read(csv_text(["at"], never, Calendar("Asia/Tokyo")))[1] == [
        "9999-12-31T23:59:59.999999+00:00"
    ]
    assert read(csv_text(["at"], never, Calendar("America/New_York")))[2] == [
        "0001-01-01T00:00:00+00:00"
    ]


def test_days_know_no_zone() -> None:
    assert read(csv_text(["day"], [(dt.date(2026, 1, 1),)], BERLIN))[1] == ["2026-01-01"]


def test_commas_quotes_and_line_breaks_come_back_as_they_were() -> None:
    text = 'a, "b"\nc'

    assert read(csv_text(["note"], [(text,)], BERLIN))[1] == [text]
