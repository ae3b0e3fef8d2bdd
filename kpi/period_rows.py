"""How the rows of a fact table meet the calendar and the periods of a question, as SQL."""

from __future__ import annotations

import datetime as dt
from typing import Any

from kpi.expression import ROW, quoted
from kpi.periods import DAY as ONE_DAY
from kpi.periods import FIRST_DAY, LAST_DAY, Calendar
from kpi.plan import Group, Plan
from kpi.questions import QuestionRefused
from kpi.reach import AsOf, Latest, Own, first_day
from kpi.rollups import DAY, SCHEMA

# A zone changes its clocks twice a year; beyond this many changes the database converts each row.
_MOST_OFFSETS = 40


class PeriodRows:
    """How the rows of a group's fact table meet the periods.

    `source` stands after FROM and `wheres` after WHERE, `period` is the first day of a row's
    period, empty for a total; `steps` are the common table expressions that they need.
    """

    def __init__(self, plan: Plan, index: int, group: Group, parameters: dict[str, Any]) -> None:
        """Adds the values that it compares with to `parameters`, under names with its `index`."""
        self.plan = plan
        self.calendar = plan.vocabulary.calendar
        self.index = index
        self.group = group
        self.parameters = parameters
        self.columns = {DAY: "DATE"} if group.rollup else plan.facts[group.table].columns
        self.periods = list(dict.fromkeys(plan.shifted[group.back]))
        self.steps: list[tuple[str, str]] = []
        self.wheres: list[str] = []
        self.period = ""
        self.source = f"{self._table()} AS {ROW}"
        time = f"{ROW}.{quoted(group.time)}"
        match group.reach:
            case Own():
                self._own(time)
            case AsOf(start, end):
                self._open(f"{ROW}.{quoted(start)}", start, end)
            case Latest(_, carry):
                self._latest(time, carry)
            case _:
                self._framed(time)

    def _table(self) -> str:
        """The rows, with the dimensions that they look up elsewhere."""
        table = self.plan.vocabulary.tables[self.group.table]
        name = f"main.{quoted(table.name)}"
        if self.group.rollup is not None:
            name = f"{SCHEMA}.{quoted(self.group.rollup.name)}"
        wanted = {*self.plan.question.by}
        wanted |= {name.name for c in self.plan.conditions for name in c.columns}
        joins = []
        looked_up = []
        for index, lookup in enumerate(table.lookup):
            words = [word for word in lookup.by if word in wanted]
            for word in words:
                if word in self.columns:
                    what = f"'{word}' is looked up, but it is a column of {table.name} itself, too."
                    raise QuestionRefused(f"{what} Take it from one of the two.")
            if words and lookup.table not in self.plan.facts:
                # Nothing has filled it yet: nobody knows these words.
                looked_up += [f"NULL::VARCHAR AS {quoted(word)}" for word in words]
            elif words:
                on = quoted(lookup.on)
                once = _once(lookup.table, lookup.on, words)
                joins.append(f" LEFT JOIN ({once}) AS l{index} ON l{index}.{on} = r.{on}")
                looked_up += [f"l{index}.{quoted(word)}" for word in words]
        if not looked_up:
            return name
        return f"(SELECT r.*, {', '.join(looked_up)} FROM {name} AS r{''.join(joins)})"

    def _bound(self, column: str, name: str, days: list[dt.date]) -> str:
        """A list of bounds in the column's own terms: local days, or their UTC instants."""
        on_days = self.columns.get(column) == "DATE"
        values = days if on_days else [self.calendar.midnight(day) for day in days]
        return unnested(self.parameters, f"{name}{self.index}", values)

    def _one(self, column: str, name: str, day: dt.date) -> str:
        on_days = self.columns.get(column) == "DATE"
        self.parameters[f"{name}{self.index}"] = day if on_days else self.calendar.midnight(day)
        return f"${name}{self.index}"

    def _own(self, time: str) -> None:
        column = self.group.time
        low = min(period.start for period in self.periods)
        high = max(period.end for period in self.periods)
        self.wheres = [
            f"{time} >= {self._one(column, 'low', low)}",
            f"{time} < {self._one(column, 'high', high)}",
        ]
        if self.plan.total:
            return
        day = time
        if self.columns.get(column) != "DATE":
            day = local_day(self.calendar, time, (low, high), self.parameters, f"clock{self.index}")
        self.period = self._first_day(day, low)
        # What a shifted question leaves out between its periods shall not add keys.
        if self.plan.has_gaps(self.group.back):
            self.parameters[f"own{self.index}"] = [p.start for p in self.periods]
            self.wheres.append(f"list_contains($own{self.index}, {self.period})")

    def _first_day(self, day: str, low: dt.date) -> str:
        """The first day of the period that a day lies in; `low` is that of the first period.

        To count it costs less than to look it up in the calendar, which each table would be joined
        with. When quarters and years begin only the calendar knows.
        """
        match self.plan.question.grain:
            case "day":
                return day
            case "week":
                name = f"week{self.index}"
                self.parameters[name] = low
                return f"${name} + CAST(({day} - ${name}) // 7 * 7 AS INTEGER)"
            case "month" if day == f"{ROW}.{quoted(self.group.time)}":
                return f"{day} - CAST(day({day}) - 1 AS INTEGER)"
            case "month":
                # Worked out before, for it is needed twice.
                self.source = f"(SELECT *, {day} AS _day FROM {self.source}) AS {ROW}"
                return f"{ROW}._day - CAST(day({ROW}._day) - 1 AS INTEGER)"
            case grain:
                self.source += f" JOIN kpi.days AS d ON d.day = {day}"
                return f"d.{quoted(grain)}"

    def _frames(self, *columns: str) -> None:
        name = f"w{self.index}"
        starts = (
            []
            if self.plan.total
            else [unnested(self.parameters, f"{name}_p", [p.start for p in self.periods])]
        )
        self.steps = [(name, f"  SELECT {', '.join([*starts, *columns])}")]
        self.source += f" JOIN {name} AS w ON true"
        self.period = f"w.{name}_p"

    def _framed(self, time: str) -> None:
        """Overlapping reaches: a row belongs to every period whose reach holds it."""
        days = [first_day(self.calendar, self.group.reach, period) for period in self.periods]
        ends = self._bound(self.group.time, "high", [period.end for period in self.periods])
        lows = [day for day in days if day is not None]
        bounds = [self._bound(self.group.time, "low", lows)] if lows else []
        self._frames(*bounds, ends)
        self.wheres = [f"{time} < w.high{self.index}"]
        self.wheres += [f"{time} >= w.low{self.index}"] if lows else []

    def _open(self, start: str, start_column: str, end_column: str | None) -> None:
        ends = [period.end for period in self.periods]
        bounds = [self._bound(start_column, "high", ends)]
        self.wheres = [f"{start} < w.high{self.index}"]
        if end_column is not None:
            # A DATE counts out at its end: the day before the bound is over when the bound begins.
            bounds.append(self._bound(end_column, "until", ends))
            closed = f"{ROW}.{quoted(end_column)}"
            self.wheres.append(f"coalesce({closed}, 'infinity') >= w.until{self.index}")
        self._frames(*bounds)

    def _latest(self, time: str, carry: bool) -> None:
        """Each entity's rows hold from their moment until its next one."""
        assert isinstance(self.group.reach, Latest)
        per, column = quoted(self.group.reach.per), quoted(self.group.time)
        self.source = (
            f"(SELECT *, min({column}) OVER (PARTITION BY {per} ORDER BY {column} "
            f"GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS _until "
            f"FROM {self._table()} AS r WHERE {column} IS NOT NULL) AS {ROW}"
        )
        bounds = [self._bound(self.group.time, "high", [period.end for period in self.periods])]
        self.wheres = [
            f"{time} < w.high{self.index}",
            f"coalesce({ROW}._until, 'infinity') >= w.high{self.index}",
        ]
        if not carry:
            starts = [period.start for period in self.periods]
            bounds.append(self._bound(self.group.time, "low", starts))
            self.wheres.append(f"{time} >= w.low{self.index}")
        self._frames(*bounds)


def local_day(
    calendar: Calendar,
    time: str,
    days: tuple[dt.date, dt.date],
    parameters: dict[str, Any],
    name: str,
) -> str:
    """The local day of an instant within [first, end) local days, as SQL: UTC moved by the offset.

    Within the range the offset changes a few times only; comparing with those instants costs a
    fifth of what a conversion row by row does. They are added to `parameters` under this name.
    """
    offsets = calendar.offsets(*days)
    if len(offsets) > _MOST_OFFSETS:
        zone = calendar.timezone.replace("'", "''")
        return f"CAST(timezone('{zone}', timezone('UTC', {time})) AS DATE)"
    micros = [round(offset.total_seconds()) * 1_000_000 for _, offset in offsets]
    if len(micros) == 1 and micros[0] == 0:
        return f"CAST({time} AS DATE)"
    moved = ""
    for change in range(1, len(offsets)):
        parameters[f"{name}_{change}"] = offsets[change][0]
        moved += f" WHEN {time} < ${name}_{change} THEN {micros[change - 1]}"
    moved = f"CASE{moved} ELSE {micros[-1]} END" if moved else str(micros[-1])
    return f"CAST(make_timestamp(epoch_us({time}) + {moved}) AS DATE)"


def extent(table: str, time: str) -> str:
    """The statement that tells the first and the last moment of a fact table, by this column.

    What lies outside the calendar, or on its first or last day, is left out: 0001-01-01, 1970-01-01
    and 9999-12-31 are how systems write that something never was.
    """
    column = quoted(time)
    return (
        f"SELECT min({column}), max({column}) FROM main.{quoted(table)} "
        f"WHERE {column} >= DATE '{FIRST_DAY + ONE_DAY}' AND {column} < DATE '{LAST_DAY - ONE_DAY}'"
    )


def unnested(parameters: dict[str, Any], name: str, values: list[Any]) -> str:
    """A column given as one list: planned in no time, however long it is."""
    parameters[name] = values
    return f"unnest(${name}) AS {name}"


def _once(table: str, key: str, words: list[str]) -> str:
    """A looked-up table with each key once; the statement fails where a key has several rows."""
    what = f"{table} has a key ({key}) with several rows, so nothing can be looked up by it."
    refuse = "error('" + what.replace("'", "''") + "')"
    found = [
        f"CASE WHEN count(*) > 1 THEN {refuse} ELSE min({quoted(word)}) END AS {quoted(word)}"
        for word in words
    ]
    on = quoted(key)
    return (
        f"SELECT {on}, {', '.join(found)} FROM main.{quoted(table)} "
        f"WHERE {on} IS NOT NULL GROUP BY {on}"
    )
