"""The next pull begins early enough to miss nothing, and no earlier than it must."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.databases.cursor import Cursor, Kind, lower_bound, state_after, upper_bound

NOON = dt.datetime(2026, 11, 21, 12)
TEN_MINUTES = dt.timedelta(minutes=10)


def _cursor(kind: Kind, zone: str = "UTC", sample: str = "") -> Cursor:
    return Cursor("updated_at", kind, kind, ZoneInfo(zone), sample)


def _state(cursor: Cursor, last: str | None, now: dt.datetime = NOON) -> dict[str, Any]:
    return state_after(cursor, {}, last, now, TEN_MINUTES)


@pytest.mark.parametrize(
    ("kind", "last", "since"),
    [
        ("zoned", "2026-11-21 11:00:00.123456+00:00", "2026-11-21 10:50:00.123456+00:00"),
        ("zoned", "2026-11-21 13:00:00+02:00", "2026-11-21 10:50:00+00:00"),
        ("naive", "2026-11-21 11:00:00.000001", "2026-11-21 10:50:00.000001"),
        ("date", "2026-11-21", "2026-11-20"),
        ("written", "2026-11-21T11:00:00.5Z", "2026-11-21T10:50:00"),
        ("written", "2026-11-21T11:00:00+02:00", "2026-11-21T10:50:00"),
        ("written", "2026-11-21 11:00", "2026-11-21 10:50"),
        ("written", "2026-11-21", "2026-11-20"),
    ],
)
def test_the_next_pull_begins_the_look_back_before_the_last_row(
    kind: Kind, last: str, since: str
) -> None:
    cursor = _cursor(kind)

    assert lower_bound(cursor, _state(cursor, last), None, TEN_MINUTES) == since


@pytest.mark.parametrize("kind", ["zoned", "naive", "date", "written", "plain"])
def test_the_first_pull_begins_with_everything(kind: Kind) -> None:
    assert lower_bound(_cursor(kind), {}, None, TEN_MINUTES) is None


@pytest.mark.parametrize(
    ("kind", "since"),
    [
        ("zoned", "2026-01-31 23:00:00+00:00"),
        ("naive", "2026-02-01 00:00:00"),
        ("date", "2026-02-01"),
        ("written", "2026-02-01"),
    ],
)
def test_a_start_is_midnight_where_the_source_is(kind: Kind, since: str) -> None:
    cursor = _cursor(kind, "Europe/Berlin")

    assert lower_bound(cursor, {}, dt.date(2026, 2, 1), TEN_MINUTES) == since


@pytest.mark.parametrize(
    ("kind", "last", "kept"),
    [
        ("zoned", "2099-01-01 00:00:00+00:00", "2026-11-21 12:00:00+00:00"),
        ("naive", "2099-01-01 00:00:00", "2026-11-21 13:00:00"),
        ("date", "2099-01-01", "2026-11-21"),
        ("written", "2099-01-01 00:00:00", "2026-11-21 13:00:00"),
        ("written", "2099-01-01T00:00:00.000Z", "2026-11-21T12:00:00Z"),
        ("naive", "12026-01-01 00:00:00", "2026-11-21 13:00:00"),
    ],
)
def test_a_time_to_come_is_kept_as_the_start_of_the_pull(kind: Kind, last: str, kept: str) -> None:
    assert _state(_cursor(kind, "Europe/Berlin"), last)["value"] == kept


def test_rows_of_the_look_back_do_not_move_the_state_back() -> None:
    cursor = _cursor("zoned")
    before = _state(cursor, "2026-11-21 11:00:00+00:00")

    after = state_after(cursor, before, "2026-11-21 10:55:00+00:00", NOON, TEN_MINUTES)

    assert after["value"] == "2026-11-21 11:00:00+00:00"


def test_a_pull_without_rows_keeps_what_is_known() -> None:
    cursor = _cursor("naive")
    before = _state(cursor, "2026-11-21 11:00:00")

    after = state_after(cursor, before, None, NOON, TEN_MINUTES)

    assert after["value"] == "2026-11-21 11:00:00"


def test_an_autumn_clock_put_back_hides_no_row() -> None:
    cursor = _cursor("naive", "Europe/Berlin")
    # 02:59 came first in summer time; half an hour later the clock shows 02:29.
    state = _state(cursor, "2026-10-25 02:59:00", now=dt.datetime(2026, 10, 25, 1))

    since = lower_bound(cursor, state, None, TEN_MINUTES)

    assert since == "2026-10-25 01:49:00"


def test_a_time_at_the_beginning_of_the_calendar_means_everything() -> None:
    cursor = _cursor("naive")

    assert lower_bound(cursor, _state(cursor, "0001-01-01 00:00:00"), None, TEN_MINUTES) is None


def _pulls(*pulls: tuple[int, str], lookback: dt.timedelta = TEN_MINUTES) -> list[str | None]:
    """The lower bounds of pulls at a minute each that end at a number."""
    cursor, state, bounds = _cursor("plain"), dict[str, Any](), []
    for minute, last in pulls:
        bounds.append(lower_bound(cursor, state, None, lookback))
        state = state_after(cursor, state, last, NOON + dt.timedelta(minutes=minute), lookback)
    bounds.append(lower_bound(cursor, state, None, lookback))
    return bounds


def test_a_number_goes_back_to_where_it_stood_the_look_back_before_the_last_pull() -> None:
    assert _pulls((0, "100"), (15, "200"), (30, "300")) == [None, None, "100", "200"]


def test_a_number_is_read_from_the_start_as_long_as_no_pull_is_old_enough() -> None:
    assert _pulls((0, "100"), (1, "101"), (9, "109"), (10, "110")) == [None] * 4 + ["100"]


def test_a_number_without_look_back_goes_on_from_the_last_row() -> None:
    pulls = _pulls((0, "100"), (1, "101"), lookback=dt.timedelta(0))

    assert pulls == [None, "100", "101"]


def test_frequent_pulls_keep_few_marks() -> None:
    cursor, state = _cursor("plain"), dict[str, Any]()
    for second in range(2000):
        now = NOON + dt.timedelta(seconds=second)
        state = state_after(cursor, state, str(second), now, TEN_MINUTES)

    assert len(state["earlier"]) < 25


@pytest.mark.parametrize(
    ("kind", "sample", "until"),
    [
        ("zoned", "", "2026-11-21 12:00:00+00:00"),
        ("naive", "", "2026-11-21 13:00:00"),
        ("date", "", "2026-11-21"),
        ("written", "2026-01-01T10:00:00Z", "2026-11-21T12:00:00Z"),
        ("written", "2026-01-01 10:00:00", "2026-11-21 13:00:00"),
    ],
)
def test_until_is_the_start_of_the_pull(kind: Kind, sample: str, until: str) -> None:
    assert upper_bound(_cursor(kind, "Europe/Berlin", sample), NOON) == until
