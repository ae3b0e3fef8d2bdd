"""What an edition keeps ready, so that questions need not read facts: parts by day, answers."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from kpi.expression import ROW, Aggregate, FactValue, quoted
from kpi.periods import FIRST_DAY, LAST_DAY, Calendar, Period
from kpi.reach import AsOf, Latest, Own, Reach, Span, ToDate, Window, first_day

Query = Callable[[str], list[tuple[Any, ...]]]

SCHEMA = "rollups"
DAY = "_on"
# Rows from before the calendar stand together on one day, which no period holds.
BEFORE = dt.date(1, 1, 1)
# In this place of a dimension stands what is not broken down.
UNDIVIDED = ""


@dataclass(frozen=True)
class Column:
    """A column that is kept, with its DuckDB type."""

    name: str
    type: str


def filtered(sql: str, *conditions: str | None) -> str:
    """An aggregate over the rows that fulfil all of these conditions."""
    given = [condition for condition in conditions if condition]
    if len(given) > 1:
        given = [f"({condition})" for condition in given]
    return f"{sql} FILTER (WHERE {' AND '.join(given)})" if given else sql


def whole(aggregate: Aggregate, condition: str | None) -> str:
    """The aggregate over the rows of a metric with this condition."""
    return filtered(aggregate.sql, condition, aggregate.condition)


def counted(aggregate: Aggregate, condition: str | None) -> str:
    """How many rows the aggregate rests on."""
    return filtered(f"count({aggregate.counted})", condition, aggregate.condition)


def present(condition: str | None) -> str:
    """How many rows a metric with this condition has, whatever it takes from them."""
    return filtered("count(*)", condition)


def parts(aggregate: Aggregate, condition: str | None) -> tuple[str, ...]:
    """The aggregates whose values of each day make up its value of many; none where nothing does.

    A sum and a count add up, an average is a sum and a count, the lowest of all is the lowest of
    the lowest. Of a median or of what is counted once nothing follows for several days.
    """
    if aggregate.kind == "avg":
        argument = aggregate.counted
        return (
            filtered(f"sum({argument})", condition, aggregate.condition),
            counted(aggregate, condition),
        )
    if aggregate.adds_up or aggregate.kind in ("min", "max"):
        return (whole(aggregate, condition),)
    return ()


@dataclass(frozen=True)
class DailyParts:
    """Parts of aggregates over a fact table, by local day of one of its times and by dimensions.

    With `level`, a day has what was opened on it less what was closed: all days up to one add up
    to what is open then. `columns` are those of the parts by their SQL over the facts.
    """

    name: str
    table: str
    time: str
    level: AsOf | None
    dimensions: tuple[str, ...]
    columns: Mapping[str, Column]

    def answers(self, value: FactValue, words: Collection[str]) -> bool:
        """Whether all of a value is here, and can be divided by these columns."""
        needed = [present(value.condition)]
        for aggregate in value.aggregates:
            own = parts(aggregate, value.condition)
            if not own:
                return False
            needed += [*own, counted(aggregate, value.condition)]
        return all(sql in self.columns for sql in needed) and set(words) <= set(self.dimensions)

    def reach(self, asked: Reach) -> Reach:
        """Which days a period takes; a level takes all up to its end."""
        return Window(None) if self.level else asked

    def covers(self, calendar: Calendar, asked: Reach, periods: Sequence[Period]) -> bool:
        """Whether no period begins or ends outside the calendar, where days are not told apart."""
        lows = [first_day(calendar, self.reach(asked), period) for period in periods]
        inside = all(low is None or low >= FIRST_DAY for low in lows)
        return inside and all(period.end <= LAST_DAY for period in periods)

    def value(self, aggregate: Aggregate, condition: str | None) -> str:
        """The aggregate of several days as SQL over the kept rows."""
        summed = [self._summed(sql, aggregate.kind) for sql in parts(aggregate, condition)]
        some = self.counted(aggregate, condition)
        if aggregate.kind == "avg":
            return f"CAST({summed[0]} AS DOUBLE) / nullif({some}, 0)"
        if self.level and not aggregate.is_count:
            # What was opened and closed since adds up to 0, where nothing is open to be summed.
            return f"CASE WHEN {some} > 0 THEN {summed[0]} END"
        return summed[0]

    def counted(self, aggregate: Aggregate, condition: str | None) -> str:
        """How many facts the aggregate of several days rests on."""
        return self._summed(counted(aggregate, condition), "count")

    def present(self, condition: str | None) -> str:
        """Whether several days have any row of a metric with this condition, as SQL."""
        return f"{self._summed(present(condition), 'count')} > 0"

    def _summed(self, part: str, kind: str) -> str:
        column = self.columns[part]
        field = f"{ROW}.{quoted(column.name)}"
        if kind in ("min", "max"):
            return f"{kind}({field})"
        total = f"CAST(sum({field}) AS {column.type})"
        return f"coalesce({total}, 0)" if kind in ("count", "count_if") else total


@dataclass(frozen=True)
class ExactAnswers:
    """The aggregates of whole periods that have no parts: undivided, and by each dimension alone.

    `kept` are pairs of a grain and a dimension. All periods that begin in [since, until) are there
    that have a fact.
    """

    name: str
    table: str
    time: str
    reach: Reach
    kept: frozenset[tuple[str, str]]
    since: dt.date
    until: dt.date
    columns: Mapping[str, Column]

    def answers(
        self,
        value: FactValue,
        grain: str,
        by: Sequence[str],
        periods: Sequence[Period],
        *,
        alone: bool,
    ) -> bool:
        """Whether all of a value is here for these periods.

        Where nobody is asked about facts in a lake it stands `alone`: of later periods nothing is
        known, then.
        """
        needed = [present(value.condition)]
        for aggregate in value.aggregates:
            needed += [whole(aggregate, value.condition), counted(aggregate, value.condition)]
        divided = by[0] if by else UNDIVIDED
        return (
            all(sql in self.columns for sql in needed)
            and (len(by) < 2 and (grain, divided) in self.kept)
            and all(self.since <= period.start for period in periods)
            and (alone or all(period.start < self.until for period in periods))
        )

    def value(self, aggregate: Aggregate, condition: str | None) -> str:
        """The aggregate of a period as SQL over the kept rows."""
        return self._field(whole(aggregate, condition))

    def counted(self, aggregate: Aggregate, condition: str | None) -> str:
        """How many facts the aggregate of a period rests on."""
        return self._field(counted(aggregate, condition))

    def present(self, condition: str | None) -> str:
        """Whether a period has any row of a metric with this condition, as SQL."""
        return f"{self._field(present(condition))} > 0"

    def _field(self, sql: str) -> str:
        return f"{ROW}.{quoted(self.columns[sql].name)}"


Rollup = DailyParts | ExactAnswers

_REACHES: dict[str, Callable[..., Reach]] = {
    "own": Own,
    "window": lambda span: Window(Span(**span) if span else None),
    "to_date": ToDate,
    "as_of": AsOf,
    "latest": Latest,
}
_NAMES = {Own: "own", Window: "window", ToDate: "to_date", AsOf: "as_of", Latest: "latest"}

TABLE = """
create schema if not exists rollups;
create table if not exists kpi.rollups (axis varchar, digest varchar, told varchar);
"""


def to_json(rollup: Rollup) -> str:
    """A rollup's description as an edition keeps it."""
    told = asdict(rollup)
    if isinstance(rollup, DailyParts):
        told["level"] = rollup.level and _told_reach(rollup.level)
    else:
        told |= {
            "reach": _told_reach(rollup.reach),
            "kept": sorted(rollup.kept),
            "since": rollup.since.isoformat(),
            "until": rollup.until.isoformat(),
        }
    return json.dumps(told)


def from_json(text: str) -> Rollup:
    """The rollup of a description."""
    told = json.loads(text)
    columns = {sql: Column(**column) for sql, column in told.pop("columns").items()}
    if "level" in told:
        level = _read_reach(told.pop("level"))
        assert level is None or isinstance(level, AsOf)
        dimensions = tuple(told.pop("dimensions"))
        return DailyParts(**told, level=level, dimensions=dimensions, columns=columns)
    reach = _read_reach(told.pop("reach"))
    assert reach is not None
    kept = frozenset((grain, dimension) for grain, dimension in told.pop("kept"))
    since, until = (dt.date.fromisoformat(told.pop(name)) for name in ("since", "until"))
    return ExactAnswers(**told, reach=reach, kept=kept, since=since, until=until, columns=columns)


def read(query: Query) -> dict[str, tuple[Rollup, ...]]:
    """What is kept of each fact table, what costs least to read first."""
    found: dict[str, list[Rollup]] = {}
    for (told,) in query("select told from kpi.rollups order by axis"):
        rollup = from_json(told)
        found.setdefault(rollup.table, []).append(rollup)
    return {table: tuple(sorted(every, key=_cost)) for table, every in found.items()}


def _cost(rollup: Rollup) -> int:
    """Undivided parts of all tables are read at once, other parts table by table."""
    return len(rollup.dimensions) if isinstance(rollup, DailyParts) else 1_000


def _told_reach(reach: Reach) -> dict[str, Any]:
    return {"kind": _NAMES[type(reach)], **asdict(reach)}


def _read_reach(told: dict[str, Any] | None) -> Reach | None:
    if told is None:
        return None
    return _REACHES[told.pop("kind")](**told)
