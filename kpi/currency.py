"""Brings money into the reporting currency, each entry at the rate of its own day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.contract import SourceError
from kpi import touched
from kpi.fact_tables import columns_of, name_of
from kpi.parsing import literal, quoted
from kpi.periods import DAY, Calendar
from kpi.stretches import at_most, of_days
from kpi.touched import Touched

if TYPE_CHECKING:
    import duckdb

# Banks publish no rate on a weekend or a holiday, and the one before holds; after so many days
# without any it is the source of rates that is silent.
_HOLDS = 7
# As many stretches of touched days are looked for one by one, with what lies between them.
_STRETCHES = 30


@dataclass(frozen=True)
class _Money:
    """Where a fact table keeps an amount as it came, and where in the reporting currency."""

    amount: str
    minor: str
    time: str


_MONEY = {
    "payments": _Money("amount", "amount_minor", "occurred_at"),
    "subscriptions": _Money("monthly", "monthly_minor", "started_at"),
}


@dataclass(frozen=True)
class Gap:
    """Entries of a table that no rate brings into the reporting currency.

    `currency` is None where the entries themselves name none; the days are local.
    """

    table: str
    currency: str | None
    into: str
    entries: int
    first: dt.date
    last: dt.date

    def __str__(self) -> str:
        one = self.entries == 1
        many = f"{self.entries:,} entr{'y' if one else 'ies'}"
        days = f"on {self.first}"
        if self.last != self.first:
            days = f"between {self.first} and {self.last}"
        if self.currency is None:
            what, fix = "name" + "s" * one + " no currency or no exponent", "Mend the source."
        else:
            what = f"{'has' if one else 'have'} no rate from {self.currency} into {self.into}"
            fix = "Bring it into fx_rates (`python -m kpi source add ecb`)."
        told = f"{self.table} counts as told up to there only"
        return f"{self.table}: {many} {days} {what}; {told}. {fix}"


# What amounts were last computed for: entries and rates that were not touched since keep theirs.
TABLE = """
create table if not exists kpi.converted (fact_table varchar, currency varchar, calendar varchar);
"""


def convert(
    connection: duckdb.DuckDBPyConnection, into: str, calendar: Calendar
) -> tuple[Gap, ...]:
    """Computes the amounts in the reporting currency that touched entries and rates leave open.

    Returns the gaps.

    An entry is worth minor units / 10^exponent in its own currency, at the latest rate of
    `fx_rates` up to its local day that is no more than a week old; between two currencies that both
    have a rate from one base, by way of that base. Without a rate the amount is unknown. Amounts
    that arrive without minor units are in the reporting currency already.
    """
    noted = touched.Touched(connection)
    to_convert = {t: money for t, money in _MONEY.items() if _has_entries(connection, t, money)}
    if not to_convert:
        return ()
    _write_rates(connection, into)
    found = []
    for table, money in to_convert.items():
        fact, amount, minor = name_of(table), quoted(money.amount), quoted(money.minor)
        about = (table, into, calendar.timezone)
        known = connection.execute("from kpi.converted where fact_table = ?", (table,)).fetchall()
        due = _due(noted, table, money) if known == [about] else "true"
        connection.execute(
            f"create or replace temp table converted as "
            f"{_converted(table, money, into, calendar, due)}"
        )
        other = f"f.rowid = c.entry and f.{amount} is distinct from c.amount"
        changed = f"(select f.* from {fact} f, temp.main.converted c where {other})"
        touched.note_rows(connection, table, columns_of(connection, table), changed)
        connection.execute(
            f"update {fact} f set {amount} = c.amount from temp.main.converted c where {other}"
        )
        gaps = connection.execute(
            f"select c.currency, count(*), min(c.day), max(c.day) from temp.main.converted c "
            f"join {fact} f on f.rowid = c.entry "
            f"where c.amount is null and f.{minor} is not null and f._deleted_at is null "
            "group by all order by all"
        ).fetchall()
        found += [Gap(table, currency, into, *rest) for currency, *rest in gaps]
        connection.execute("delete from kpi.converted where fact_table = ?", (table,))
        connection.execute("insert into kpi.converted values (?, ?, ?)", about)
    connection.execute("drop table temp.main.converted")
    connection.execute("drop table temp.main.worth")
    return tuple(found)


def refuse_elsewhere(table: str, columns: Mapping[str, str]) -> None:
    """Raises SourceError for a table whose amounts would have to be converted where it lies."""
    money = _MONEY.get(table)
    if money is not None and money.minor in columns:
        what = f"The amounts of {table} are in several currencies ('{money.minor}')."
        raise SourceError(what, "They are converted where they land: leave none of it in a lake.")


def unknown_from(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str]
) -> dt.datetime | None:
    """The moment (naive UTC) of the first entry of a table whose amount is not known."""
    money = _MONEY.get(table)
    if money is None or money.minor not in columns:
        return None
    ((first,),) = connection.execute(
        f"select min({quoted(money.time)}) from main.{quoted(table)} "
        f"where {quoted(money.minor)} is not null and {quoted(money.amount)} is null"
    ).fetchall()
    moment: dt.datetime | None = first
    return moment


def _due(noted: Touched, table: str, money: _Money) -> str:
    """The condition that an entry's amount may be another one than before, as SQL.

    What has none is tried again: that also finds every gap.
    """
    rates = noted.days("fx_rates", "day")
    if noted.all(table) or noted.all("fx_rates") or (noted.any("fx_rates") and not rates):
        return "true"
    amount, time = quoted(money.amount), quoted(money.time)
    due = [f"{amount} is null", f"{time} is null"]
    # A day of UTC before, where local days begin earlier.
    due += [f"{time} >= date '{min(rates) - DAY}'"] if rates else []
    days = at_most(of_days(noted.days(table, money.time)), _STRETCHES)
    due += [f"({time} >= date '{first}' and {time} < date '{end}')" for first, end in days]
    return f"({' or '.join(due)})"


def _has_entries(connection: duckdb.DuckDBPyConnection, table: str, money: _Money) -> bool:
    """Whether a table has anything to convert: most homes have no money in minor units."""
    any_entry = f"select 1 from {name_of(table)} where {quoted(money.minor)} is not null limit 1"
    return bool(connection.execute(any_entry).fetchall())


def _write_rates(connection: duckdb.DuckDBPyConnection, into: str) -> None:
    """What one unit of each currency was worth on each day, in the reporting currency."""
    connection.execute(
        f"""
        create or replace temp table worth as
        with rate as (
            select day, upper(base) as base, upper(currency) as currency,
                cast(rate as double) as rate
            from main.fx_rates where rate > 0
            union all select distinct day, upper(base), upper(base), 1.0 from main.fx_rates
        )
        select own.currency, own.day, min(target.rate / own.rate) as value
        from rate own join rate target on target.day = own.day and target.base = own.base
        where target.currency = {literal(into)} and own.currency <> target.currency
        group by all
        """
    )


def _converted(table: str, money: _Money, into: str, calendar: Calendar, due: str) -> str:
    """Each entry with minor units: its row, local day, currency and amount, where that is known.

    `due` is the condition that entries fulfil.
    """
    zone = literal(calendar.timezone)
    units = " ".join(f"when {n} then {1 / 10**n:.{max(n, 1)}f}" for n in range(5))
    return f"""
        with entry as (
            select rowid as entry, upper(nullif(trim(currency), '')) as currency,
                cast(timezone({zone}, timezone('UTC', {quoted(money.time)})) as date) as day,
                cast({quoted(money.minor)} as decimal(24, 4)) * case exponent {units} end as own
            from {name_of(table)} where {quoted(money.minor)} is not null and {due}
        )
        select e.entry, e.day, case when e.own is not null then e.currency end as currency,
            case
                when e.currency = {literal(into)} then cast(e.own as decimal(18, 2))
                when date_diff('day', w.day, e.day) <= {_HOLDS}
                    then cast(cast(e.own as double) * w.value as decimal(18, 2))
            end as amount
        from entry e asof left join temp.main.worth w
            on e.currency = w.currency and e.day >= w.day
    """
