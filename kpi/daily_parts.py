"""Keeps the parts that add up: of every aggregate by local day, undivided and by dimensions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kpi.expression import ROW, quoted
from kpi.keeper import Keeper, digest, kept, stretches_of, view
from kpi.periods import FIRST_DAY, LAST_DAY
from kpi.reach import AsOf
from kpi.rollups import DAY, Column, DailyParts, Rollup

if TYPE_CHECKING:
    import duckdb

# The undivided parts of all fact tables stand together, so that one statement reads them all.
BY_DAY = "by day"
# In memory a day that was touched costs nothing.
_TOUCHED = "temp.main.touched_days"
_PARTS = "temp.main.new_parts"


@dataclass(frozen=True)
class DayAxis:
    """A fact table on one of its times, or as what is open on each day, with the parts wanted.

    `parts` are SQL over the rows; `words` the dimensions and keys to divide them by.
    """

    table: str
    time: str
    level: AsOf | None
    parts: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the table of divided parts."""
        if self.level is None:
            return f"{self.table} by {self.time}"
        return f"{self.table} open from {self.level.start} to {self.level.end}"

    @property
    def times(self) -> tuple[str, ...]:
        """The columns that decide on which day a row counts."""
        if self.level is None or self.level.end is None:
            return (self.time,)
        return tuple(dict.fromkeys((self.time, self.level.end)))

    def meaning(self, keeper: Keeper) -> str:
        """A text that differs where any number does that is kept."""
        columns = keeper.facts[self.table].columns
        kinds = tuple(columns.get(name) for name in (*self.times, *self.words))
        kinds += tuple(c.type for c in self._columns(keeper).values())
        return digest(self, kinds, keeper.vocabulary.calendar.timezone, keeper.limits)

    def bring_up(self, keeper: Keeper, before: Sequence[Rollup]) -> list[Rollup] | None:
        """Computes the days that were touched, or all where there is nothing `before`.

        None where nothing was touched.
        """
        columns = self._columns(keeper)
        days = keeper.touched_days(self.table, self.times) if before else None
        if days is not None and not days:
            self._tell(keeper)
            return None
        words = _words_of(before) if before else self._divided_by(keeper)
        self._compute(keeper, columns, words, days)
        connection = keeper.connection
        if words:
            _put(connection, self.name, days, f"select * from {_PARTS}")
        summed = ", ".join(_summed(sql, column) for sql, column in columns.items())
        together = f"select {quoted(DAY)}, {summed} from {_PARTS} group by all"
        _put(connection, _undivided(self.name), days, together)
        connection.execute(f"drop table {_PARTS}")
        self._tell(keeper)
        found: list[Rollup] = [self._told(BY_DAY, (), columns)]
        return [*found, self._told(self.name, words, columns)] if words else found

    def _tell(self, keeper: Keeper) -> None:
        """From now on these parts tell which days there are."""
        if self.level is None:
            keeper.by_day[self.table, self.time] = _undivided(self.name)

    def _told(self, name: str, words: tuple[str, ...], columns: dict[str, Column]) -> DailyParts:
        return DailyParts(name, self.table, self.time, self.level, words, columns)

    def _columns(self, keeper: Keeper) -> dict[str, Column]:
        return keeper.columns(self.name, self.parts, f"{view(self.table)} as {ROW}", "_p")

    def _divided_by(self, keeper: Keeper) -> tuple[str, ...]:
        """As many dimensions as leave well fewer rows than there are facts."""
        connection, rows = keeper.connection, f"{view(self.table)} as {ROW}"
        words, facts = self.words, keeper.count(self.table)
        if not words or not facts:
            return ()
        fields = {word: f"{ROW}.{quoted(word)}" for word in words}
        distinct = ", ".join(f"approx_count_distinct({field})" for field in fields.values())
        (counts,) = connection.execute(f"select {distinct} from {rows}").fetchall()
        many = dict(zip(words, counts, strict=True))
        day = f"cast({ROW}.{quoted(self.time)} as date)"
        while words:
            key = ", ".join([day, *(fields[word] for word in words)])
            ((estimate,),) = connection.execute(
                f"select approx_count_distinct(hash({key})) from {rows}"
            ).fetchall()
            if estimate * keeper.limits.facts_each <= facts:
                return words
            widest = max(words, key=lambda word: many[word])
            words = tuple(word for word in words if word != widest)
        return ()

    def _compute(
        self,
        keeper: Keeper,
        columns: dict[str, Column],
        words: tuple[str, ...],
        days: set[dt.date] | None,
    ) -> None:
        """Makes the table of new parts, by day and words."""
        connection = keeper.connection
        connection.execute("create or replace temp table touched_days (day date)")
        if days is not None:
            every = ", ".join(f"(date '{day}')" for day in days)
            connection.execute(f"insert into {_TOUCHED} values {every}")
        parameters: dict[str, Any] = {}
        select = self._opened(keeper, columns, words, days, parameters)
        if self.level is not None and self.level.end is not None:
            closed = self._closed(keeper, columns, words, days, parameters)
            by = ", ".join(quoted(name) for name in (DAY, *words))
            summed = ", ".join(_summed(sql, column) for sql, column in columns.items())
            select = f"select {by}, {summed} from ({select} union all {closed}) group by all"
        made = f"create or replace temp table new_parts as {select}"
        connection.execute(made, parameters or None)

    def _opened(
        self,
        keeper: Keeper,
        columns: dict[str, Column],
        words: tuple[str, ...],
        days: set[dt.date] | None,
        parameters: dict[str, Any],
    ) -> str:
        """The parts of the rows by the day of their time."""
        field = f"{ROW}.{quoted(self.time)}"
        between = self._between(keeper, self.time, days)
        day = keeper.day_of(self.table, self.time, field, between, parameters)
        wheres = [f"{field} < {keeper.bound(self.table, self.time, LAST_DAY)}"]
        if days is not None:
            wheres.append(keeper.within(self.table, self.time, field, days))
        return self._grouped(day, columns, words, wheres, days)

    def _closed(
        self,
        keeper: Keeper,
        columns: dict[str, Column],
        words: tuple[str, ...],
        days: set[dt.date] | None,
        parameters: dict[str, Any],
    ) -> str:
        """What is taken away again: rows by the day on which they close, once they are open."""
        assert self.level is not None and self.level.end is not None
        end = self.level.end
        fields = {column: f"{ROW}.{quoted(column)}" for column in (self.time, end)}
        # The other time may lie anywhere.
        each = [
            keeper.day_of(self.table, column, field, (FIRST_DAY, LAST_DAY), parameters)
            for column, field in fields.items()
        ]
        wheres = [
            f"{field} < {keeper.bound(self.table, column, LAST_DAY)}"
            for column, field in fields.items()
        ]
        if days is not None:
            either = (keeper.within(self.table, c, f, days) for c, f in fields.items())
            wheres.append(f"({' or '.join(either)})")
        grouped = self._grouped(f"greatest({', '.join(each)})", columns, words, wheres, days)
        taken = ", ".join(f"-{quoted(column.name)}" for column in columns.values())
        by = ", ".join(quoted(name) for name in (DAY, *words))
        return f"select {by}, {taken} from ({grouped})"

    def _grouped(
        self,
        day: str,
        columns: dict[str, Column],
        words: tuple[str, ...],
        wheres: list[str],
        days: set[dt.date] | None,
    ) -> str:
        selected = [f"_counted_on as {quoted(DAY)}"]
        selected += [f"{ROW}.{quoted(word)} as {quoted(word)}" for word in words]
        selected += [f"{sql} as {quoted(column.name)}" for sql, column in columns.items()]
        rows = f"(select *, {day} as _counted_on from {view(self.table)} as {ROW} "
        rows += f"where {' and '.join(wheres)}) as {ROW}"
        touched = f" where _counted_on in (select day from {_TOUCHED})" if days is not None else ""
        return f"select {', '.join(selected)} from {rows}{touched} group by all"

    def _between(
        self, keeper: Keeper, column: str, days: Collection[dt.date] | None
    ) -> tuple[dt.date, dt.date]:
        """The days within which the clocks must be known."""
        if days is None:
            return keeper.span(self.table, column) or (FIRST_DAY, FIRST_DAY)
        stretches = stretches_of(days)
        return (stretches[0][0], stretches[-1][1]) if stretches else (FIRST_DAY, FIRST_DAY)


def stand_together(connection: duckdb.DuckDBPyConnection) -> None:
    """Puts the undivided parts of all axes into one table; each fills its own columns."""
    axes = connection.execute(
        "select distinct axis from kpi.rollups where json_extract_string(told, 'name') = ? "
        "order by axis",
        (BY_DAY,),
    ).fetchall()
    if not axes:
        connection.execute(f"drop table if exists {kept(BY_DAY)}")
        return
    each = (f"select * from {kept(_undivided(axis))}" for (axis,) in axes)
    every = " union all by name ".join(each)
    connection.execute(f"create or replace table {kept(BY_DAY)} as {every} order by {quoted(DAY)}")


def is_private(name: str) -> bool:
    """Whether a table of kept rows is only there to be put together with others."""
    return name.endswith(_undivided(""))


def drop(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Drops what is kept of an axis."""
    connection.execute(f"drop table if exists {kept(name)}")
    connection.execute(f"drop table if exists {kept(_undivided(name))}")


def _words_of(before: Sequence[Rollup]) -> tuple[str, ...]:
    """What the parts are divided by since they were computed anew."""
    return next((r.dimensions for r in before if isinstance(r, DailyParts) and r.dimensions), ())


def _put(
    connection: duckdb.DuckDBPyConnection, name: str, days: set[dt.date] | None, select: str
) -> None:
    """Puts new parts in the place of those of the same days, or of all."""
    if days is None:
        connection.execute(f"create or replace table {kept(name)} as {select}")
        return
    connection.execute(
        f"delete from {kept(name)} where {quoted(DAY)} in (select day from {_TOUCHED})"
    )
    connection.execute(f"insert into {kept(name)} by name {select}")


def _undivided(name: str) -> str:
    return f"{name}, undivided"


def _summed(sql: str, column: Column) -> str:
    """The parts of several keys as one."""
    field, kind = quoted(column.name), sql.partition("(")[0].lower()
    if kind in ("min", "max"):
        return f"{kind}({field}) as {field}"
    return f"cast(sum({field}) as {column.type}) as {field}"
