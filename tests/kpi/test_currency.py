"""Money is brought into the reporting currency at the rate of its own day, or is not known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi import currency, touched
from kpi.answers import ask
from kpi.compiler import Question
from kpi.currency import convert
from kpi.periods import Calendar
from kpi.warehouse import Warehouse
from tests.published import Home
from tests.working_database import working_database

BERLIN = Calendar("Europe/Berlin")
FRIDAY, SATURDAY, MONDAY = (dt.date(2026, 3, day) for day in (6, 7, 9))
VOCABULARY = """\
version: 1
calendar: {timezone: Europe/Berlin}
currency: EUR
dimensions: {}
tables:
  payments: {row: one ledger entry, time: occurred_at}
outcomes:
  sold: {label: We sell, definition: They buy., owners: {it: Platform, business: Sales}}
metrics:
  revenue:
    label: Revenue
    definition: What was paid.
    side: business
    outcome: sold
    owners: {it: Platform, business: Sales}
    value: sum(amount) from payments
    empty: 0
    good: up
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with Warehouse(working_database(tmp_path / "warehouse.duckdb")) as warehouse:
        rates(warehouse.connection, (FRIDAY, "EUR", "USD", "1.25"), (FRIDAY, "EUR", "JPY", "160"))
        yield warehouse.connection


def rates(connection: duckdb.DuckDBPyConnection, *rows: tuple[Any, ...]) -> None:
    for row in rows:
        connection.execute(
            "insert into facts.fx_rates (day, base, currency, rate) values (?, ?, ?, ?)", row
        )


def entry(
    connection: duckdb.DuckDBPyConnection,
    minor: int | None,
    currency: str | None,
    exponent: int | None = 2,
    at: str = "2026-03-06 12:00",
    amount: str | None = None,
) -> None:
    connection.execute(
        "insert into facts.payments (entry_id, occurred_at, amount_minor, currency, exponent, "
        "amount) values (uuid()::varchar, ?, ?, ?, ?, ?)",
        (at, minor, currency, exponent, amount),
    )


def amounts(connection: duckdb.DuckDBPyConnection) -> list[str | None]:
    rows = connection.execute("select amount from facts.payments order by rowid").fetchall()
    return [None if row[0] is None else str(row[0]) for row in rows]


def test_the_reporting_currency_itself_needs_no_rate(ledger: duckdb.DuckDBPyConnection) -> None:
    entry(ledger, 1055, "EUR")

    assert convert(ledger, "EUR", BERLIN) == ()
    assert amounts(ledger) == ["10.55"]


def test_minor_units_follow_the_exponent_of_the_entry(ledger: duckdb.DuckDBPyConnection) -> None:
    entry(ledger, 1600, "JPY", 0)
    entry(ledger, 1600, "JPY", 2)

    convert(ledger, "EUR", BERLIN)

    assert amounts(ledger) == ["10.00", "0.10"]


def test_each_entry_takes_the_rate_of_its_own_local_day(ledger: duckdb.DuckDBPyConnection) -> None:
    rates(ledger, (MONDAY, "EUR", "USD", "1.60"))
    # Monday in Berlin begins at 23:00 UTC of the day before.
    entry(ledger, 1000, "USD", at="2026-03-08 22:59")
    entry(ledger, 1000, "USD", at="2026-03-08 23:00")

    convert(ledger, "EUR", BERLIN)

    assert amounts(ledger) == ["8.00", "6.25"]


def test_two_currencies_meet_by_way_of_the_base_of_their_rates(
    ledger: duckdb.DuckDBPyConnection,
) -> None:
    entry(ledger, 1600, "JPY", 0)

    convert(ledger, "USD", BERLIN)

    assert amounts(ledger) == ["12.50"]


def test_the_rate_of_a_friday_holds_over_a_weekend_but_not_for_ever(
    ledger: duckdb.DuckDBPyConnection,
) -> None:
    entry(ledger, 1000, "USD", at="2026-03-08 12:00")
    entry(ledger, 1000, "USD", at="2026-03-13 12:00")
    entry(ledger, 1000, "USD", at="2026-03-14 12:00")

    (gap,) = convert(ledger, "EUR", BERLIN)

    assert amounts(ledger) == ["8.00", "8.00", None]
    assert (gap.currency, gap.entries, gap.first) == ("USD", 1, dt.date(2026, 3, 14))


def test_a_rate_from_later_is_none_for_an_earlier_day(ledger: duckdb.DuckDBPyConnection) -> None:
    entry(ledger, 1000, "USD", at="2026-03-05 12:00")

    convert(ledger, "EUR", BERLIN)

    assert amounts(ledger) == [None]


def test_a_missing_rate_is_told_with_currency_days_and_what_to_do(
    ledger: duckdb.DuckDBPyConnection,
) -> None:
    entry(ledger, 500, "CHF", at="2026-03-06 12:00")
    entry(ledger, 500, "CHF", at="2026-03-10 12:00")

    (gap,) = convert(ledger, "EUR", BERLIN)

    assert str(gap) == (
        "payments: 2 entries between 2026-03-06 and 2026-03-10 have no rate from CHF into EUR; "
        "payments counts as told up to there only. "
        "Bring it into fx_rates (`python -m kpi source add ecb`)."
    )


@pytest.mark.parametrize(("currency", "exponent"), [(None, 2), ("", 2), ("EUR", None), ("EUR", 9)])
def test_an_entry_without_currency_or_exponent_is_worth_nothing_that_is_known(
    ledger: duckdb.DuckDBPyConnection, currency: str | None, exponent: int | None
) -> None:
    entry(ledger, 500, currency, exponent)

    (gap,) = convert(ledger, "EUR", BERLIN)

    assert amounts(ledger) == [None]
    assert "names no currency or no exponent" in str(gap)


def test_an_amount_that_came_without_minor_units_stays(ledger: duckdb.DuckDBPyConnection) -> None:
    entry(ledger, None, "USD", None, amount="7.50")

    assert convert(ledger, "EUR", BERLIN) == ()
    assert amounts(ledger) == ["7.50"]


def test_a_rate_that_is_corrected_changes_what_it_had_made(
    ledger: duckdb.DuckDBPyConnection,
) -> None:
    entry(ledger, 1000, "USD")
    convert(ledger, "EUR", BERLIN)
    ledger.execute("update facts.fx_rates set rate = 2 where currency = 'USD'")

    convert(ledger, "EUR", BERLIN)

    assert amounts(ledger) == ["5.00"]


@pytest.fixture(scope="module")
def tables() -> Iterator[duckdb.DuckDBPyConnection]:
    """Tables without a rate and without an entry."""
    with duckdb.connect() as connection:
        connection.execute(f"create schema facts; create schema kpi; {touched.TABLE}")
        connection.execute(currency.TABLE)
        connection.execute(
            "create table facts.fx_rates (day date, base varchar, currency varchar, "
            "rate decimal(18,8)); create view main.fx_rates as from facts.fx_rates"
        )
        for table, amount, minor, time in (
            ("payments", "amount", "amount_minor", "occurred_at"),
            ("subscriptions", "monthly", "monthly_minor", "started_at"),
        ):
            connection.execute(
                f"create table facts.{table} (entry_id varchar, {time} timestamp, {minor} bigint, "
                f"currency varchar, exponent smallint, {amount} decimal(18,2), "
                "_deleted_at timestamp)"
            )
        yield connection


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-(10**9), 10**9), st.sampled_from([1, 2, 3])), max_size=20)
)
def test_amounts_are_rounded_once_and_exactly(
    tables: duckdb.DuckDBPyConnection, rows: list[tuple[int, int]]
) -> None:
    tables.execute("delete from facts.payments")
    for minor, exponent in rows:
        entry(tables, minor, "EUR", exponent)

    convert(tables, "EUR", BERLIN)

    exact = [Decimal(minor).scaleb(-exponent) for minor, exponent in rows]
    cent = Decimal("0.01")
    assert amounts(tables) == [str(e.quantize(cent, ROUND_HALF_UP)) for e in exact]


def test_what_no_rate_converts_keeps_its_period_from_counting_as_complete(tmp_path: Path) -> None:
    home = Home(tmp_path, VOCABULARY)
    row = {"currency": "EUR", "exponent": 2}
    early, late = dt.datetime(2026, 2, 1), dt.datetime(2026, 3, 4)
    home.bring(
        "ledger",
        "payments",
        [
            {"entry_id": "a", "occurred_at": early, "amount_minor": 500, **row},
            {"entry_id": "b", "occurred_at": late, "amount_minor": 700, **row, "currency": "CHF"},
        ],
        key=("entry_id",),
        at=dt.datetime(2026, 4, 2),
    )

    edition = home.publish(dt.datetime(2026, 4, 2))

    answer = ask(edition, Question(("revenue",), start=early.date(), end=dt.date(2026, 4, 1)))
    assert [(cell.value, cell.complete) for cell in answer.cells] == [(5, True), (0, False)]


DAYS = st.integers(0, 12)
happenings = st.one_of(
    st.tuples(st.just("rate"), DAYS, st.sampled_from(["1.25", "1.6", None])),
    st.tuples(st.just("entry"), DAYS, st.sampled_from(["USD", "EUR", "CHF", None])),
    st.tuples(st.just("moved"), DAYS, DAYS),
)


def happen(connection: duckdb.DuckDBPyConnection, what: tuple[str, int, Any]) -> None:
    """A rate of a day comes, changes or goes; an entry comes; entries move to another day."""
    kind, number, value = what
    day = FRIDAY + dt.timedelta(days=number)
    if kind == "rate":
        where = f"facts.fx_rates where day = '{day}' and currency = 'USD'"
        touched.note_rows(connection, "fx_rates", {"day": "DATE"}, f"(select * from {where})")
        connection.execute(f"delete from {where}")
        if value is not None:
            rates(connection, (day, "EUR", "USD", value))
        touched.note_rows(connection, "fx_rates", {"day": "DATE"}, f"(select * from {where})")
        return
    time, rows = {"occurred_at": "TIMESTAMP"}, "(select * from facts.payments)"
    touched.note_rows(connection, "payments", time, rows)
    if kind == "entry":
        entry(connection, 1000, value, at=f"{day} 23:30")
    else:
        later = FRIDAY + dt.timedelta(days=value)
        connection.execute(
            f"update facts.payments set occurred_at = '{later} 12:00' "
            f"where cast(occurred_at as date) = '{day}'"
        )
    touched.note_rows(connection, "payments", time, rows)


@settings(max_examples=40, deadline=None)
@given(every=st.lists(st.lists(happenings, min_size=1, max_size=4), min_size=1, max_size=4))
def test_what_is_computed_of_touched_entries_is_what_all_would_be(
    tables: duckdb.DuckDBPyConnection, every: list[list[tuple[str, int, Any]]]
) -> None:
    tables.execute(
        "delete from facts.payments; delete from facts.fx_rates; delete from kpi.converted; "
        "delete from kpi.touched"
    )
    for together in every:
        for what in together:
            happen(tables, what)
        gaps = convert(tables, "EUR", BERLIN)
        found = amounts(tables)
        touched.forget(tables)

        tables.execute("delete from kpi.converted")

        assert convert(tables, "EUR", BERLIN) == gaps
        assert amounts(tables) == found
        touched.forget(tables)
