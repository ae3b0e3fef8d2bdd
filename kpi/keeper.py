"""What keeping rollups needs to know: the facts, which days were touched, and the limits."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kpi import lake_tables
from kpi.expression import quoted
from kpi.parsing import literal
from kpi.period_rows import local_day
from kpi.periods import DAY, FIRST_DAY, LAST_DAY, Calendar
from kpi.questions import Facts
from kpi.reader import tuples
from kpi.rollups import BEFORE, SCHEMA, Column
from kpi.rollups import DAY as DAY_COLUMN
from kpi.stretches import Stretch, at_most, of_days
from kpi.touched import Touched
from kpi.vocabulary import Vocabulary

if TYPE_CHECKING:
    import duckdb

_INSTANT = dt.timedelta(microseconds=1)
# As many stretches of days are looked for one by one, with what lies between them.
_STRETCHES = 30
_FETCHED = "fetched_rows"


@dataclass(frozen=True)
class Limits:
    """What is worth keeping.

    Rows that are kept must be fewer than one for every `facts_each` facts, or than `few`. Exact
    answers are kept of tables with at least `many` facts: of fewer, asking costs nothing. A
    statement that computes them reads at most `at_once` rows (a median holds all it is taken of: 16
    bytes each), and all of them together at most `readings` for each fact, or `few_readings`: a
    fact that lies in many windows is read for each. Facts that lie elsewhere cannot be asked for a
    page: of them `few_elsewhere` rows are kept however few facts there are, they are read as often
    as is needed, and `at_once_elsewhere` by one statement.
    """

    facts_each: int = 5
    few: int = 1_000
    few_elsewhere: int = 1_000_000
    many: int = 50_000
    at_once: int = 10_000_000
    readings: int = 6
    few_readings: int = 20_000_000
    at_once_elsewhere: int = 1_000_000_000


@dataclass(frozen=True)
class Keeper:
    """A working database with the definitions to keep rollups by."""

    connection: duckdb.DuckDBPyConnection
    vocabulary: Vocabulary
    facts: Mapping[str, Facts]
    touched: Touched
    limits: Limits
    # The undivided daily parts that are up to date, by table and time.
    by_day: dict[tuple[str, str], str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def count(self, table: str) -> int:
        """How many facts a table has."""
        if table not in self._counts:
            if self.is_elsewhere(table):
                self._counts[table] = lake_tables.count(self.connection, table)
            else:
                rows = self.connection.execute(f"select count(*) from {view(table)}")
                self._counts[table] = int(rows.fetchall()[0][0])
        return self._counts[table]

    def ask(self, table: str, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a statement over a fact table, wherever it lies."""
        reader = self.facts[table].reader
        if reader is None:
            return self.connection.execute(sql).fetchall()
        return tuples(reader.fetch(table, sql, {}))

    @contextlib.contextmanager
    def rows(
        self, table: str, sql: str, parameters: Mapping[str, Any], kinds: Mapping[str, str]
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """A statement's rows over a fact table, wherever it lies: what stands after FROM, and with
        which parameters.

        `kinds` are the columns of the statement with the DuckDB types that they get.
        """
        reader = self.facts[table].reader
        if reader is None:
            yield f"({sql})", parameters
            return
        self.connection.register(_FETCHED, reader.fetch(table, sql, parameters))
        columns = ", ".join(
            f"cast({quoted(column)} as {kind}) as {quoted(column)}"
            for column, kind in kinds.items()
        )
        try:
            yield f"(select {columns} from {_FETCHED})", {}
        finally:
            self.connection.unregister(_FETCHED)

    def is_elsewhere(self, table: str) -> bool:
        """Whether a table's facts lie in a lake."""
        return self.facts[table].reader is not None

    def is_worth(self, table: str, rows: int, few: int = 0) -> bool:
        """Whether so many rows may be kept of a table's facts; a few always may."""
        few = self.limits.few_elsewhere if self.is_elsewhere(table) else few
        return rows <= max(few, self.count(table) // self.limits.facts_each)

    def is_worth_answers(self, table: str) -> bool:
        """Whether exact answers are kept of a table: not of few facts, which are asked at once."""
        return self.is_elsewhere(table) or self.count(table) >= self.limits.many

    def on_days(self, table: str, column: str) -> bool:
        """Whether a time is a local day already, rather than an instant in UTC."""
        return self.facts[table].columns.get(column) == "DATE"

    def touched_days(self, table: str, columns: Iterable[str]) -> set[dt.date]:
        """The local days that touched rows have or had, `BEFORE` for those before the calendar."""
        found: set[dt.date] = set()
        for column in columns:
            days = self.touched.days(table, column)
            found |= local_days(self.vocabulary.calendar, days, on_days=self.on_days(table, column))
        return {day if day >= FIRST_DAY else BEFORE for day in found if day < LAST_DAY}

    def bound(self, table: str, column: str, day: dt.date) -> str:
        """The beginning of a local day as a column has it."""
        if self.on_days(table, column):
            return f"date '{day}'"
        return f"timestamp {literal(self.vocabulary.calendar.midnight(day))}"

    def day_of(
        self,
        table: str,
        column: str,
        field: str,
        days: tuple[dt.date, dt.date],
        parameters: dict[str, Any],
    ) -> str:
        """The local day of a field within [first, end), or `BEFORE`, as SQL."""
        first = self.bound(table, column, FIRST_DAY)
        day = field
        if not self.on_days(table, column):
            day = local_day(self.vocabulary.calendar, field, days, parameters, f"{column}_clock")
        return f"case when {field} < {first} then date '{BEFORE}' else {day} end"

    def within(self, table: str, column: str, field: str, days: Collection[dt.date]) -> str:
        """The condition that a field lies in the stretches that these days make up."""
        stretches = [
            f"({field} >= {self.bound(table, column, low)} "
            f"and {field} < {self.bound(table, column, high)})"
            for low, high in stretches_of(days)
        ]
        if BEFORE in days:
            stretches.append(f"{field} < {self.bound(table, column, FIRST_DAY)}")
        return f"({' or '.join(stretches)})"

    def span(self, table: str, column: str) -> tuple[dt.date, dt.date] | None:
        """The first local day within the calendar that a column has, and the one after the last."""
        if (table, column) in self.by_day:
            name = kept(self.by_day[table, column])
            ((first, last),) = self.connection.execute(
                f"select min({DAY_COLUMN}), max({DAY_COLUMN}) from {name} "
                f"where {DAY_COLUMN} > date '{BEFORE}'"
            ).fetchall()
            return (first, last + DAY) if first is not None else None
        if self.is_elsewhere(table):
            return self._span_elsewhere(table, column)
        field = quoted(column)
        low, high = (self.bound(table, column, day) for day in (FIRST_DAY, LAST_DAY))
        ((first, last),) = self.connection.execute(
            f"select min({field}), max({field}) from {view(table)} "
            f"where {field} >= {low} and {field} < {high}"
        ).fetchall()
        if first is None:
            return None
        if isinstance(first, dt.datetime):
            calendar = self.vocabulary.calendar
            first, last = calendar.local_day(first), calendar.local_day(last)
        return first, last + DAY

    def _span_elsewhere(self, table: str, column: str) -> tuple[dt.date, dt.date] | None:
        """The same of a table in a lake, or a day more at both ends; no engine is asked."""
        known = lake_tables.days(self.connection, table, column)
        days = {day for day in known if FIRST_DAY <= day < LAST_DAY}
        if not days:
            return None
        if self.on_days(table, column):
            return min(days), max(days) + DAY
        return max(min(days) - DAY, FIRST_DAY), min(max(days) + 2 * DAY, LAST_DAY)

    def has_earlier(self, table: str, column: str) -> bool:
        """Whether a row lies before the calendar; or may do so, where it lies elsewhere."""
        if self.is_elsewhere(table):
            return any(day <= FIRST_DAY for day in lake_tables.days(self.connection, table, column))
        earlier = f"{quoted(column)} < {self.bound(table, column, FIRST_DAY)}"
        found = self.connection.execute(f"select 1 from {view(table)} where {earlier} limit 1")
        return bool(found.fetchall())

    def columns(
        self, owner: str, wanted: Iterable[str], rows: str, prefix: str
    ) -> dict[str, Column]:
        """A column for each aggregate over these rows (what stands after FROM), by its SQL."""
        every = list(dict.fromkeys(wanted))
        described = self.connection.execute(f"describe select {', '.join(every)} from {rows}")
        kinds = [kind for _, kind, *_ in described.fetchall()]
        return {
            sql: Column(f"{prefix}{digest(owner, sql)[:12]}", kind)
            for sql, kind in zip(every, kinds, strict=True)
        }


def local_days(calendar: Calendar, days: Iterable[dt.date], *, on_days: bool) -> set[dt.date]:
    """The local days on which any moment of these days of UTC can be; local ones stay."""
    if on_days:
        return set(days)
    begins = [dt.datetime.combine(day, dt.time()) for day in days]
    return {calendar.local_day(m) for b in begins for m in (b, b + DAY - _INSTANT)}


def stretches_of(days: Iterable[dt.date]) -> list[Stretch]:
    """The stretches that days within the calendar make up, or a few that hold them."""
    return at_most(of_days(day for day in days if day != BEFORE), _STRETCHES)


def digest(*told: object) -> str:
    """A text that differs where any of this does."""
    return hashlib.sha256(repr(told).encode()).hexdigest()


def view(table: str) -> str:
    """A fact table's rows as metrics read them."""
    return f"main.{quoted(table)}"


def kept(name: str) -> str:
    """A table of kept rows."""
    return f"{SCHEMA}.{quoted(name)}"
