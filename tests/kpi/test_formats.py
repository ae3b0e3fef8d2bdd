"""Numbers and ages look the same on every screen and in the terminal."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi.formats import Formats, age, decimals
from kpi.periods import Calendar, Period, period_of
from tests.kpi.memory import metric

formats = Formats()
UTC = Calendar()
SUNDAYS = Calendar(week_starts=6)
JULY = Calendar(fiscal_year_starts=7)


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (0, 0, "0"),
        (1234567.891, 0, "1,234,568"),
        (1234.5, 2, "1,234.50"),
        (-1234.5, 1, "−1,234.5"),
        (999.999, 2, "1,000.00"),
        (0.05, 2, "0.05"),
        (None, 2, "—"),
    ],
)
def test_a_number_has_separators_decimals_and_a_real_minus(
    value: float | None, places: int, expected: str
) -> None:
    assert formats.number(value, places) == expected


@pytest.mark.parametrize(("value", "places"), [(-0.004, 2), (-0.0, 0), (-0.4, 0), (0.0, 3)])
def test_what_rounds_to_nothing_has_no_sign(value: float, places: int) -> None:
    assert formats.number(value, places).strip("0.") == ""
    assert formats.number(value, places, sign=True).strip("0.") == ""


@pytest.mark.parametrize(("value", "expected"), [(3.2, "+3.2"), (-3.2, "−3.2"), (0, "0.0")])
def test_a_difference_shows_its_sign(value: float, expected: str) -> None:
    assert formats.number(value, 1, sign=True) == expected


@given(st.floats(-1e12, 1e12), st.integers(0, 6))
def test_a_shown_number_is_the_rounded_number(value: float, places: int) -> None:
    shown = formats.number(value, places)

    assert float(shown.replace("−", "-").replace(",", "")) == pytest.approx(
        round(value, places), abs=10**-places / 1000
    )


@pytest.mark.parametrize(
    ("unit", "decimals", "expected"),
    [
        ("EUR", None, "1,235 €"),
        ("USD", 2, "1,234.57 $"),
        ("%", None, "1,234.6 %"),
        ("hours", None, "1,234.6 h"),
        ("minutes", None, "1,235 min"),
        ("days", None, "1,234.6 d"),
        ("days", 0, "1,235 d"),
        ("points", None, "1,235 pts"),
        ("count", None, "1,235"),
        ("", None, "1,234.6"),
        ("ms", 0, "1,235 ms"),
        ("kWh", None, "1,234.6 kWh"),
    ],
)
def test_a_number_stands_with_its_unit_and_the_decimals_that_suit_it(
    unit: str, decimals: int | None, expected: str
) -> None:
    described = {"unit": unit} if decimals is None else {"unit": unit, "decimals": decimals}

    of_a_sum = metric(value="sum(x) from t", **described)

    assert formats.with_unit(of_a_sum, 1234.567) == expected


@pytest.mark.parametrize(
    ("locale", "unit", "amount", "expected"),
    [
        ("en-150", "EUR", 1234.5, "+1,234.5 €"),
        ("en-US", "EUR", 1234.5, "+€1,234.5"),
        ("en-US", "EUR", -1234.5, "−€1,234.5"),
        ("de-DE", "%", 0.04, "0,0 %"),
        ("tr-TR", "%", 4.2, "+%4,2"),
        ("en-150", "minutes", 3, "+3.0 min"),
    ],
)
def test_a_difference_has_its_sign_before_all_of_it(
    locale: str, unit: str, amount: float, expected: str
) -> None:
    of_a_sum = metric(value="sum(x) from t", unit=unit)

    assert Formats(locale=locale).difference(of_a_sum, amount, 1, sign=True) == expected


@pytest.mark.parametrize(
    ("locale", "expected"), [("en-150", "95 %"), ("en-US", "95%"), ("tr-TR", "%95")]
)
def test_a_share_is_told_in_percent(locale: str, expected: str) -> None:
    assert Formats(locale=locale).percent(0.95) == expected


def test_an_unknown_number_has_no_unit() -> None:
    assert formats.with_unit(metric(unit="EUR"), None) == "—"


@pytest.mark.parametrize(("good", "expected"), [("up", "≥ 99.90"), ("down", "≤ 99.90")])
def test_a_target_shows_its_direction(good: str, expected: str) -> None:
    assert formats.target(metric(good=good, unit="%", decimals=2), 99.9) == expected


@pytest.mark.parametrize(
    ("amount", "expected"), [(2, "≥ 2"), (1.714, "≥ 1.7"), (12.857, "≥ 12.9"), (385.7, "≥ 386")]
)
def test_a_small_share_of_a_target_has_a_decimal(amount: float, expected: str) -> None:
    assert formats.target(metric(), amount) == expected
    assert formats.target_figure(metric(), amount) == (expected, "")


def test_no_target_is_a_dash() -> None:
    assert formats.target(metric(), None) == "—"


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (dt.timedelta(seconds=-5), "0 min"),
        (dt.timedelta(seconds=59), "0 min"),
        (dt.timedelta(minutes=59, seconds=59), "59 min"),
        (dt.timedelta(minutes=60), "1 h"),
        (dt.timedelta(hours=47, minutes=59), "47 h"),
        (dt.timedelta(hours=48), "2 d"),
        (dt.timedelta(days=400), "400 d"),
    ],
)
def test_an_age_is_told_in_its_largest_unit(span: dt.timedelta, expected: str) -> None:
    assert age(span) == expected


@pytest.mark.parametrize(
    ("value", "places"),
    [
        ("count(*) from t", 0),
        ("(count_if(x > 1)) from t", 0),
        ("count(distinct x) from t", 0),
        ("count(*) / 7 from t", 1),
        ("sum(x) from t", 1),
    ],
)
def test_a_count_without_a_unit_has_no_decimals(value: str, places: int) -> None:
    assert decimals(metric(value=value)) == places


# --- periods and days --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "grain", "of", "expected"),
    [
        (UTC, "day", "2026-11-02", "Mon 2 Nov 2026"),
        (UTC, "week", "2026-11-21", "Week 47"),
        (UTC, "week", "2027-01-01", "Week 53"),
        (SUNDAYS, "week", "2026-11-21", "Week of 15 Nov"),
        (UTC, "month", "2026-11-21", "Nov 2026"),
        (UTC, "quarter", "2026-11-21", "Q4 2026"),
        (UTC, "year", "2026-11-21", "2026"),
        (JULY, "quarter", "2026-06-30", "FY2025-Q4"),
        (JULY, "quarter", "2026-07-01", "FY2026-Q1"),
        (JULY, "quarter", "2027-01-31", "FY2026-Q3"),
        (JULY, "year", "2027-06-30", "FY2026"),
        (Calendar(fiscal_year_starts=4), "quarter", "2026-04-01", "FY2026-Q1"),
        (Calendar(fiscal_year_starts=4), "quarter", "2027-03-31", "FY2026-Q4"),
        (JULY, "month", "2027-06-30", "Jun 2027"),
    ],
)
def test_a_period_has_a_name(calendar: Calendar, grain: str, of: str, expected: str) -> None:
    assert Formats(calendar).period(period_of(calendar, grain, day(of))) == expected


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-16", "2026-11-17", "16 Nov 2026"),
        ("2026-11-16", "2026-11-23", "16–22 Nov 2026"),
        ("2026-11-30", "2026-12-07", "30 Nov – 6 Dec 2026"),
        ("2026-12-28", "2027-01-04", "28 Dec 2026 – 3 Jan 2027"),
    ],
)
def test_a_period_names_its_days(start: str, end: str, expected: str) -> None:
    assert formats.days(Period("week", day(start), day(end))) == expected
