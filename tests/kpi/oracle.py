"""Answers in plain Python, written from the rules alone; it shares no code with the compiler.

Where the rules can be read in two ways, this is how they are read here:

* Everything is compared in local days; only `latest` compares moments within a day.
* A window ends with its period and begins its length before the first day after it, clipped to the
  month's last: one month up to the end of 30 March begins on 28 February.
* `to_date` begins with the unit that holds the period's last day.
* `as_of` with a time on the very midnight that ends the period is still open then; a DATE is over
  with its day, so one on the period's last day is not.
* `latest`: rows without a moment are never chosen, rows without an entity are one entity.
* Whether a count of nothing is 0 or unknown, and whether a cell is complete, follows from the
  period itself, however far the rows that it takes reach back; a period that is looked back at
  with `ago` must be complete too.
* A key is there for every row that an asked period takes, also one that it takes by looking back.
* A total looked back at shifts both its ends, and keeps at least one day.
* A breakdown by day has no row for a day that the zone left out.
"""

from __future__ import annotations

import calendar as gregorian
import datetime as dt
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

ONE_DAY = dt.timedelta(days=1)
FactRow = Mapping[str, Any]
Number = Fraction | float | None
Known = tuple[Number, int]  # a value and its n
Days = tuple[dt.date, dt.date]  # half open
Span = tuple[int, str]  # (90, "day")
MONTHS = {"month": 1, "quarter": 3, "year": 12}
# The grains at which a row that stands for one of these can be asked.
AT_LEAST = {
    "day": {"day", "week", "month", "quarter", "year"},
    "week": {"week"},
    "month": {"month", "quarter", "year"},
    "quarter": {"quarter", "year"},
    "year": {"year"},
}


@dataclass(frozen=True)
class Aggregate:
    """One aggregate: what it takes from a row, and which rows it looks at."""

    kind: str
    argument: Callable[[FactRow], Any]
    keeps: Callable[[FactRow], bool | None]
    share: float = 0.5


@dataclass(frozen=True)
class Window:
    """The rows of a length of time; None is all there is."""

    span: Span | None


@dataclass(frozen=True)
class ToDate:
    """The rows since this unit began."""

    unit: str


@dataclass(frozen=True)
class AsOf:
    """The rows that are open at the end."""

    start: str
    end: str | None


@dataclass(frozen=True)
class Latest:
    """The last rows of each entity."""

    per: str
    carry: bool


@dataclass(frozen=True)
class FactMetric:
    """A metric of one fact table; without a reach it takes each period's own rows."""

    table: str
    time: str
    aggregates: Sequence[Aggregate]
    formula: Callable[..., Number]
    keeps: Callable[[FactRow], bool | None]
    empty: float | None
    reach: Window | ToDate | AsOf | Latest | None = None
    margin: str | None = None


@dataclass(frozen=True)
class FormulaMetric:
    """A metric of other metrics, each as it is or as it was so long ago."""

    inputs: Sequence[tuple[str, Span | None]]
    formula: Callable[..., Number]
    empty: float | None


@dataclass(frozen=True)
class World:
    """Everything that an answer can depend on."""

    zone: str
    week_starts: int
    fiscal_year_starts: int
    rows: Mapping[str, Sequence[FactRow]]
    default_time: Mapping[str, str]
    settles_after: Mapping[str, dt.timedelta]
    fresh_until: Mapping[str, dt.datetime]
    metrics: Mapping[str, FactMetric | FormulaMetric]
    row_grain: Mapping[str, str]

    def day(self, moment: dt.date | None) -> dt.date | None:
        """The local day of a time; a DATE is one already."""
        if not isinstance(moment, dt.datetime):
            return moment
        return moment.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(self.zone)).date()

    def begins(self, day: dt.date, grain: str) -> bool:
        """Whether a period of this grain begins on this day."""
        if grain == "week":
            return day.weekday() == self.week_starts
        months = {"month": range(12), "quarter": (0, 3, 6, 9), "year": (0,)}
        since_start = (day.month - self.fiscal_year_starts) % 12
        return grain == "day" or (day.day == 1 and since_start in months[grain])

    def holding(self, grain: str, day: dt.date) -> Days:
        """The period of this grain that holds the day, found by walking from day to day."""
        start, end = day, day + ONE_DAY
        while not self.begins(start, grain):
            start -= ONE_DAY
        while not self.begins(end, grain):
            end += ONE_DAY
        return start, end

    def there_was(self, day: dt.date) -> bool:
        """Whether the zone had this day at all."""
        midday = dt.datetime.combine(day, dt.time(12))
        return any(self.day(midday + dt.timedelta(hours=h)) == day for h in range(-30, 31, 3))

    def periods(self, grain: str, start: dt.date, end: dt.date) -> list[Days]:
        """Every period that touches [start, end)."""
        if grain == "total":
            return [(start, end)]
        found = [self.holding(grain, start)]
        while found[-1][1] < end:
            found.append(self.holding(grain, found[-1][1]))
        return [p for p in found if grain != "day" or self.there_was(p[0])]

    def ago(self, grain: str, period: Days, span: Span) -> Days | None:
        """The period that much earlier; None where it is no whole number of them."""
        count, unit = span
        start, end = before(period[0], span), before(period[1], span)
        if grain == "total":
            return start, max(end, start + ONE_DAY)
        if grain in MONTHS and (unit not in MONTHS or count * MONTHS[unit] % MONTHS[grain]):
            return None
        if grain == "week" and unit == "day" and count % 7:
            return None
        return self.holding(grain, start)

    def takes(self, metric: FactMetric, period: Days) -> list[FactRow]:
        """The rows that a period takes, before any condition."""
        rows = self.rows[metric.table]
        begin, end = period
        if isinstance(metric.reach, AsOf):
            return [row for row in rows if self._open(row, metric.reach, end)]
        if isinstance(metric.reach, Latest):
            return self._latest(rows, metric.time, metric.reach, period)
        if isinstance(metric.reach, Window):
            span = metric.reach.span
            begin = before(end, span) if span else dt.date(1900, 1, 1)
        if isinstance(metric.reach, ToDate):
            begin = self.holding(metric.reach.unit, end - ONE_DAY)[0]
        days = [(self.day(row[metric.time]), row) for row in rows]
        return [row for day, row in days if day is not None and begin <= day < end]

    def _open(self, row: FactRow, reach: AsOf, end: dt.date) -> bool:
        opened = self.day(row[reach.start])
        closed = self.day(row[reach.end]) if reach.end else None
        return opened is not None and opened < end and (closed is None or closed >= end)

    def _latest(
        self, rows: Sequence[FactRow], time: str, reach: Latest, period: Days
    ) -> list[FactRow]:
        chosen: dict[Any, list[FactRow]] = {}
        for row in rows:
            day = self.day(row[time])
            if day is None or day >= period[1] or (day < period[0] and not reach.carry):
                continue
            best = chosen.setdefault(row[reach.per], [row])
            if row[time] > best[0][time]:
                chosen[row[reach.per]] = [row]
            elif row[time] == best[0][time] and row is not best[0]:
                best.append(row)
        return [row for best in chosen.values() for row in best]

    def told(self, tables: Iterable[str], period: Days) -> bool:
        """Whether nothing in this period means that there was nothing."""
        for table in tables:
            first = self.first_day(table)
            last = self.day(self.fresh_until[table] - dt.timedelta(microseconds=1))
            if first is None or period[1] <= first or period[0] > last:
                return False
        return True

    def complete(self, tables: Iterable[str], period: Days) -> bool:
        """Whether the period is over, settled and wholly told of."""
        for table in tables:
            first = self.first_day(table)
            settled = self.day(self.fresh_until[table] - self.settles_after[table])
            if first is None or period[0] < first or period[1] > settled:
                return False
        return True

    def first_day(self, table: str) -> dt.date | None:
        """The first local day on the table's default time."""
        days = [self.day(row[self.default_time[table]]) for row in self.rows[table]]
        return min((day for day in days if day is not None), default=None)

    def below(self, name: str, grain: str, period: Days) -> list[tuple[FactMetric, Days | None]]:
        """Every metric of facts below a metric, each with the period that it is asked for."""
        metric = self.metrics[name]
        if isinstance(metric, FactMetric):
            return [(metric, period)]
        found: list[tuple[FactMetric, Days | None]] = []
        for each, span in metric.inputs:
            shifted = self.ago(grain, period, span) if span else period
            if shifted is None:
                found += [(fact, None) for fact, _ in self.below(each, grain, period)]
            else:
                found += self.below(each, grain, shifted)
        return found

    def refuses(self, name: str, grain: str) -> bool:
        """Whether a metric cannot be asked at this grain."""
        start = dt.date(2026, 1, 1)
        below = self.below(name, grain, (start, start + ONE_DAY))
        if any(period is None for _, period in below):
            return True
        rows = {self.row_grain[fact.table] for fact, _ in below if fact.table in self.row_grain}
        return grain != "total" and any(grain not in AT_LEAST[each] for each in rows)


def before(day: dt.date, span: Span) -> dt.date:
    """The same day so much earlier, or the last of a month that is too short for it."""
    count, unit = span
    if unit in ("day", "week"):
        return day - count * (7 if unit == "week" else 1) * ONE_DAY
    months = day.year * 12 + day.month - 1 - count * MONTHS[unit]
    year, month = months // 12, months % 12 + 1
    return dt.date(year, month, min(day.day, gregorian.monthrange(year, month)[1]))


@dataclass(frozen=True)
class Cell:
    """What is expected of one cell."""

    value: float | None
    n: int
    complete: bool
    margin: float | None


def answer(
    world: World,
    names: Sequence[str],
    grain: str,
    by: Sequence[str],
    start: dt.date,
    end: dt.date,
    where: Sequence[Callable[[FactRow], bool | None]] = (),
) -> dict[tuple[Any, ...], Cell]:
    """(metric, first day or None, *keys) -> what is expected there."""
    asking = _Asking(world, grain, by, where)
    periods = world.periods(grain, start, end)
    keys: set[tuple[Any, ...]] = {()} if not by else set()
    if by:
        for name in names:
            for period in periods:
                for metric, taken in world.below(name, grain, period):
                    assert taken is not None
                    keys |= {asking.key(row) for row in asking.rows(metric, taken)}
    found = {}
    for period in periods:
        for name in names:
            tables = {metric.table for metric, _ in world.below(name, grain, period)}
            whole = world.complete(tables, period) and all(
                world.complete({metric.table}, taken)
                for metric, taken in world.below(name, grain, period)
                if taken is not None
            )
            for key in keys:
                value, n = asking.value(name, period, key)
                shown = period[0] if grain != "total" else None
                number = None if value is None else float(value)
                margin = asking.margin(name, period, key)
                found[(name, shown, *key)] = Cell(number, n, whole, margin)
    return found


class _Asking:
    """One question to a world."""

    def __init__(
        self,
        world: World,
        grain: str,
        by: Sequence[str],
        where: Sequence[Callable[[FactRow], bool | None]],
    ) -> None:
        self.world, self.grain, self.by, self.where = world, grain, by, where
        self._kept: dict[tuple[int, Days], list[FactRow]] = {}

    def key(self, row: FactRow) -> tuple[Any, ...]:
        return tuple(row[word] for word in self.by)

    def rows(self, metric: FactMetric, period: Days) -> list[FactRow]:
        """The rows that a period takes and that pass every condition."""
        place = (id(metric), period)
        if place not in self._kept:
            self._kept[place] = [
                row
                for row in self.world.takes(metric, period)
                if metric.keeps(row) and all(keeps(row) for keeps in self.where)
            ]
        return self._kept[place]

    def value(self, name: str, period: Days, key: tuple[Any, ...]) -> Known:
        metric = self.world.metrics[name]
        if isinstance(metric, FactMetric):
            parts = self._parts(metric, period, key)
            n = max(count for _, count in parts)
        else:
            parts = []
            for each, span in metric.inputs:
                shifted = self.world.ago(self.grain, period, span) if span else period
                assert shifted is not None
                parts.append(self.value(each, shifted, key))
            n = min(count for _, count in parts)
        value = metric.formula(*(value for value, _ in parts))
        if value is None and metric.empty is not None:
            leaves = self.world.below(name, self.grain, period)
            if all(taken and self.world.told({fact.table}, taken) for fact, taken in leaves):
                value = metric.empty
        return value, n

    def margin(self, name: str, period: Days, key: tuple[Any, ...]) -> float | None:
        """1.96 standard errors of a share of answers, or of the mean of 1, 0 and -1, in percent."""
        metric = self.world.metrics[name]
        if not isinstance(metric, FactMetric) or metric.margin is None:
            return None
        counts = [count for count, _ in self._parts(metric, period, key)]
        if counts[-1] is None or counts[-1] == 0:
            return None
        n = int(counts[-1])
        ones, losses = int(counts[0] or 0), int(counts[1] or 0) if metric.margin == "nps" else 0
        votes = [1.0] * ones + [-1.0] * losses + [0.0] * (n - ones - losses)
        return 196 * statistics.pstdev(votes) / math.sqrt(n)

    def _parts(self, metric: FactMetric, period: Days, key: tuple[Any, ...]) -> list[Known]:
        rows = [row for row in self.rows(metric, period) if self.key(row) == key]
        told = self.world.told({metric.table}, period)
        return [_aggregate(aggregate, rows, told) for aggregate in metric.aggregates]


def _aggregate(aggregate: Aggregate, rows: Sequence[FactRow], told: bool) -> Known:
    taken = [aggregate.argument(row) for row in rows if aggregate.keeps(row)]
    values = [value for value in taken if value is not None]
    n = len(values)
    if aggregate.kind in ("count", "count_if", "distinct"):
        if n == 0:
            return (Fraction(0) if told else None), 0
        counted = {
            "count": n,
            "count_if": sum(value is True for value in values),
            "distinct": len(set(values)),
        }
        return Fraction(counted[aggregate.kind]), n
    if n == 0:
        return None, 0
    ordered = sorted(values)
    floats = [float(value) for value in ordered]
    if aggregate.kind == "sum":
        return sum(ordered, Fraction(0)), n
    if aggregate.kind == "avg":
        return math.fsum(floats) / n, n
    if aggregate.kind in ("min", "max"):
        return (ordered[0] if aggregate.kind == "min" else ordered[-1]), n
    if aggregate.kind == "median":
        return statistics.median(floats), n
    if aggregate.kind == "percentile":
        at = aggregate.share * (n - 1)
        low, high = floats[math.floor(at)], floats[math.ceil(at)]
        return low + (high - low) * (at - math.floor(at)), n
    return floats[max(math.ceil(aggregate.share * n) - 1, 0)], n


# --- arithmetic with unknowns ------------------------------------------------------------------


def plus(left: Number, right: Number) -> Number:
    """Unknown as soon as one of them is."""
    return None if left is None or right is None else left + right


def minus(left: Number, right: Number) -> Number:
    """Unknown as soon as one of them is."""
    return None if left is None or right is None else left - right


def times(left: Number, right: Number) -> Number:
    """Unknown as soon as one of them is."""
    return None if left is None or right is None else left * right


def over(left: Number, right: Number) -> Number:
    """Unknown also where the divisor is zero."""
    if left is None or right is None or right == 0:
        return None
    return float(left) / float(right)
