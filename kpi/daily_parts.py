"""Keeps the parts that add up: of every aggregate by local day, undivided and by dimensions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
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
        days = keeper.touched_days(self.table, self.times) if before else None
        if days is not None and not days:
            self._tell(keeper)
            return None
        columns = self._columns(keeper)
        words = _words_of(before) if before else self._divided_by(keeper)
        connection = keeper.connection
        _NewParts(self, keeper, columns, words, days).compute()
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
        rows = f"{view(self.table)} as {ROW}"
        words, facts = self.words, keeper.count(self.table)
        if not words or not facts:
            return ()
        fields = {word: f"{ROW}.{quoted(word)}" for word in words}
        distinct = ", ".join(f"approx_count_distinct({field})" for field in fields.values())
        (counts,) = keeper.ask(self.table, f"select {distinct} from {rows}")
        many = dict(zip(words, counts, strict=True))
        day = f"cast({ROW}.{quoted(self.time)} as date)"
        while words:
            key = ", ".join([day, *(fields[word] for word in words)])
            ((estimate,),) = keeper.ask(
                self.table, f"select approx_count_distinct(hash({key})) from {rows}"
            )
            if keeper.is_worth(self.table, estimate):
                return words
            widest = max(words, key=lambda word: many[word])
            words = tuple(word for word in words if word != widest)
        return ()


class _NewParts:
    """The parts of one axis, of some days or of all (None), by day and words, while computed."""

    def __init__(
        self,
        axis: DayAxis,
        keeper: Keeper,
        columns: dict[str, Column],
        words: tuple[str, ...],
        days: set[dt.date] | None,
    ) -> None:
        self.axis = axis
        self.keeper = keeper
        self.columns = columns
        self.words = words
        self.days = days
        self.parameters: dict[str, Any] = {}

    def compute(self) -> None:
        """Makes the table of new parts."""
        keeper = self.keeper
        keeper.connection.execute("create or replace temp table touched_days (day date)")
        if self.days is not None:
            every = ", ".join(f"(date '{day}')" for day in self.days)
            keeper.connection.execute(f"insert into {_TOUCHED} values {every}")
        level = self.axis.level
        if level is None or level.end is None:
            self._make("new_parts", self._opened())
            return
        self._make("opened_parts", self._opened())
        self._make("closed_parts", self._closed(level.end))
        summed = ", ".join(_summed(sql, column) for sql, column in self.columns.items())
        both = "from opened_parts union all from closed_parts"
        keeper.connection.execute(
            f"create or replace temp table new_parts as "
            f"select {self._keys()}, {summed} from ({both}) group by all"
        )
        keeper.connection.execute("drop table opened_parts; drop table closed_parts")

    def _make(self, name: str, select: str) -> None:
        """Makes a table of the parts that are selected."""
        types = self.keeper.facts[self.axis.table].columns
        kinds = {DAY: "DATE"} | {word: types[word] for word in self.words}
        kinds |= {column.name: column.type for column in self.columns.values()}
        with self.keeper.rows(self.axis.table, select, self.parameters, kinds) as (rows, given):
            self.keeper.connection.execute(
                f"create or replace temp table {name} as from {rows}", given or None
            )
        self.parameters = {}

    def _keys(self) -> str:
        return ", ".join(quoted(name) for name in (DAY, *self.words))

    def _opened(self) -> str:
        """The parts of the rows by the day of their time."""
        return self._grouped(self._day(self.axis.time, self._between()), (self.axis.time,))

    def _closed(self, end: str) -> str:
        """What is taken away again: rows by the day on which they close, once they are open."""
        times = tuple(dict.fromkeys((self.axis.time, end)))
        # Where one of them was touched, the other may lie anywhere.
        each = ", ".join(self._day(time, (FIRST_DAY, LAST_DAY)) for time in times)
        names = [quoted(column.name) for column in self.columns.values()]
        taken = ", ".join(f"-{name} as {name}" for name in names)
        return f"select {self._keys()}, {taken} from ({self._grouped(f'greatest({each})', times)})"

    def _day(self, time: str, between: tuple[dt.date, dt.date]) -> str:
        field = f"{ROW}.{quoted(time)}"
        return self.keeper.day_of(self.axis.table, time, field, between, self.parameters)

    def _grouped(self, day: str, times: tuple[str, ...]) -> str:
        """The parts by this day of the rows in which all these times are known."""
        table, keeper = self.axis.table, self.keeper
        fields = {time: f"{ROW}.{quoted(time)}" for time in times}
        wheres = [f"{f} < {keeper.bound(table, time, LAST_DAY)}" for time, f in fields.items()]
        touched = ""
        if self.days is not None:
            either = (keeper.within(table, time, f, self.days) for time, f in fields.items())
            wheres.append(f"({' or '.join(either)})")
            every = ", ".join(f"date '{day}'" for day in sorted(self.days))
            touched = f" where _counted_on in ({every})"
        selected = [f"_counted_on as {quoted(DAY)}"]
        selected += [f"{ROW}.{quoted(word)} as {quoted(word)}" for word in self.words]
        selected += [f"{sql} as {quoted(column.name)}" for sql, column in self.columns.items()]
        rows = f"(select *, {day} as _counted_on from {view(table)} as {ROW} "
        rows += f"where {' and '.join(wheres)}) as {ROW}"
        return f"select {', '.join(selected)} from {rows}{touched} group by all"

    def _between(self) -> tuple[dt.date, dt.date]:
        """The days within which the clocks must be known."""
        if self.days is None:
            return self.keeper.span(self.axis.table, self.axis.time) or (FIRST_DAY, FIRST_DAY)
        stretches = stretches_of(self.days)
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
