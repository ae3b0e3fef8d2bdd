"""A metric hour by hour, or day by day, through its own definition: what adds up over its rows."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from kpi.answers import Readable
from kpi.expression import ROW, FactValue, Formula, number, quoted
from kpi.period_rows import PeriodRows
from kpi.periods import DAY, FIRST_DAY, Calendar
from kpi.plan import Group, Node, Plan, fact_value, inputs
from kpi.questions import Question, QuestionRefused, alone
from kpi.reach import OVERLAPPING, Own
from kpi.vocabulary import Metric, Vocabulary

Step = Literal["hour", "day"]
# How far back hours are taken.
_YEARS = dt.timedelta(days=3 * 365)
_HOUR = 3_600_000_000  # in microseconds
# What an aggregate that does not add up is called; a count is one of different things.
_KINDS = {
    "avg": "an average",
    "min": "a lowest value",
    "max": "a highest value",
    "median": "a median",
    "percentile": "a percentile",
    "percentile_disc": "a percentile",
    "count": "a number of different things",
}


@dataclass(frozen=True)
class Hourly:
    """A metric over neighbouring hours (or days): when each began, as naive UTC, and its value.

    `above` is its value where it is a sum, NaN where it is unknown; of a ratio it is what is
    divided, and `below` by what. `clock` is what clocks showed when each began; `end` is when the
    last one ended.
    """

    metric: Metric
    step: Step
    began: np.ndarray
    clock: np.ndarray
    end: np.datetime64
    above: np.ndarray
    below: np.ndarray | None

    @property
    def days(self) -> tuple[dt.date, dt.date]:
        """The first local day, and the last."""
        first, last = (self.clock[i].astype("datetime64[D]").item() for i in (0, -1))
        return first, last

    def indexes(self, instants: np.ndarray) -> np.ndarray:
        """The hours (or days) of those naive UTC instants that lie within."""
        within = instants[(instants >= self.began[0]) & (instants < self.end)]
        return np.asarray(np.searchsorted(self.began, within, side="right") - 1)


def cannot_be_hourly(vocabulary: Vocabulary, metric: Metric) -> str | None:
    """Why a metric has no value for an hour or a day that could be added up; None where it has."""
    for below in _of_facts(vocabulary, metric):
        table = vocabulary.tables[below.tables[0]]
        if table.grain not in (None, "day"):
            return f"a row of {table.name} stands for a whole {table.grain}"
        if not isinstance(below.reach, (Own, *OVERLAPPING)):
            return "it is a level at a moment, and not what happens in an hour"
        for aggregate in fact_value(below).aggregates:
            if not aggregate.adds_up:
                return f"it takes {_KINDS[aggregate.kind]}, which hours do not add up to"
    if vocabulary.spans_below(metric):
        return "it looks back at an earlier period"
    if _is_sum(vocabulary, metric) or _is_ratio(vocabulary, metric):
        return None
    return "it is neither a sum nor one sum divided by another"


def steps_of(edition: Readable, metric: Metric) -> Step:
    """Whether its rows know the hour, or only the day."""
    vocabulary = edition.vocabulary
    for below in _of_facts(vocabulary, metric):
        facts, table = edition.facts.get(below.tables[0]), vocabulary.tables[below.tables[0]]
        kind = facts.columns.get(vocabulary.time_column(below)) if facts else None
        if kind == "DATE" or table.grain == "day":
            return "day"
    return "hour"


def hourly(edition: Readable, metric: Metric, *, beside: tuple[str, ...] = ()) -> Hourly:
    """The metric's hours of the last three years of which all its sources have told.

    So must those of the tables `beside`. A window or to date is laid aside: an hour takes the rows
    that are its own. Raises QuestionRefused for a metric that has no such hours.
    """
    vocabulary = edition.vocabulary
    reason = cannot_be_hourly(vocabulary, metric)
    if reason is not None:
        raise QuestionRefused(f"'{metric.name}' cannot be had hour by hour: {reason}.")
    for name in metric.tables:
        if name in edition.facts and edition.facts[name].reader is not None:
            what = f"{name} lies in a lake, and only its days are kept ready"
            raise QuestionRefused(f"'{metric.name}' cannot be had hour by hour: {what}.")
    first, end = _told(edition, (*metric.tables, *beside))
    if first is None or end is None or first >= end:
        raise QuestionRefused(f"'{metric.name}' has no whole day of which all sources have told.")
    step = steps_of(edition, metric)
    calendar = vocabulary.calendar
    began, clock = _beginnings(calendar, step, first, end)
    question = Question((metric.name,), "day", start=first, end=end, own_rows=True)
    # Of hours nothing is kept ready.
    plan = Plan(vocabulary, question, alone(edition.facts), ())
    sql, parameters = _statement(plan, metric, step, len(began))
    rows = np.array(edition.query(sql, parameters), dtype=float).reshape(len(began), -1)
    below = rows[:, 1] if rows.shape[1] > 1 else None
    over = np.datetime64(calendar.midnight(end), "s")
    return Hourly(metric, step, began, clock, over, rows[:, 0], below)


def _of_facts(vocabulary: Vocabulary, metric: Metric) -> Iterator[Metric]:
    if not metric.inputs:
        yield metric
    for name in metric.inputs:
        yield from _of_facts(vocabulary, vocabulary.metrics[name])


def _is_sum(vocabulary: Vocabulary, metric: Metric) -> bool:
    below = (vocabulary.metrics[name] for name in metric.inputs)
    return metric.value.formula.linear and all(_is_sum(vocabulary, m) for m in below)


def _is_ratio(vocabulary: Vocabulary, metric: Metric) -> bool:
    below = (vocabulary.metrics[name] for name in metric.inputs)
    return metric.value.formula.ratio is not None and all(_is_sum(vocabulary, m) for m in below)


def _told(edition: Readable, tables: tuple[str, ...]) -> tuple[dt.date | None, dt.date | None]:
    """The first local day that all these tables know, and the one after the last."""
    calendar = edition.vocabulary.calendar
    firsts, ends = [], []
    for name in tables:
        facts, fresh = edition.facts.get(name), edition.fresh_until.get(name)
        if facts is None or facts.first_day is None or fresh is None:
            return None, None
        firsts.append(facts.first_day)
        ends.append(calendar.local_day(fresh - edition.vocabulary.tables[name].settles_after))
    end = min(ends)
    return max(*firsts, end - _YEARS, FIRST_DAY), end


def _statement(plan: Plan, metric: Metric, step: Step, count: int) -> tuple[str, dict[str, Any]]:
    """One row a step: the value, or what is divided and by what."""
    first = plan.periods[0].start
    begin = plan.vocabulary.calendar.midnight(first)
    parameters: dict[str, Any] = {"begin": begin, "first": first, "count": count}
    parts, joins = [], []
    for index, group in enumerate(plan.groups):
        rows = PeriodRows(plan, index, group, parameters)
        selected = [f"{_position(group, rows, step)} AS i"]
        selected += [f"{sql} AS {column}" for sql, column in group.columns.items()]
        wheres = [*rows.wheres, *([f"({group.hoisted})"] if group.hoisted else [])]
        sql = (
            f"  SELECT {', '.join(selected)}\n  FROM {rows.source}\n"
            f"  WHERE {' AND '.join(wheres)}\n  GROUP BY 1"
        )
        parts += [*rows.steps, (f"f{index}", sql)]
        joins.append(f"\n  LEFT JOIN f{index} ON f{index}.i = p.i")
    node = Node(metric.name)
    ratio = None if _is_sum(plan.vocabulary, metric) else metric.value.formula.ratio
    values = [_formula(plan, node, part) for part in ratio] if ratio else [_value(plan, node)]
    sql = (
        "WITH " + ",\n".join(f"{name} AS (\n{part}\n)" for name, part in parts) + "\n"
        f"SELECT {', '.join(f'CAST({value} AS DOUBLE)' for value in values)}\n"
        f"FROM (SELECT unnest(range($count)) AS i) AS p{''.join(joins)}\nORDER BY p.i"
    )
    used = set(re.findall(r"\$(\w+)", sql))
    return sql, {name: value for name, value in parameters.items() if name in used}


def _position(group: Group, rows: PeriodRows, step: Step) -> str:
    """Which step a row falls into, from 0.

    An hour is counted from the first midnight on, so that it begins when clocks here show a full
    one, in zones too that are half an hour off.
    """
    if step == "day":
        return f"CAST({rows.period} - $first AS INTEGER)"
    time = f"{ROW}.{quoted(group.time)}"
    return f"CAST((epoch_us({time}) - epoch_us(CAST($begin AS TIMESTAMP))) // {_HOUR} AS INTEGER)"


def _value(plan: Plan, node: Node) -> str:
    """A sum as SQL; a count of no rows is 0, any other sum of none what the metric says it is."""
    metric = plan.vocabulary.metrics[node.metric]
    value = _formula(plan, node, metric.value.formula)
    return value if metric.empty is None else f"coalesce({value}, {number(metric.empty)})"


def _formula(plan: Plan, node: Node, formula: Formula) -> str:
    metric = plan.vocabulary.metrics[node.metric]
    if not isinstance(metric.value, FactValue):
        below = inputs(plan.vocabulary, node)
        return formula.sql({slot: _value(plan, n) for slot, n in below.items()})
    index, group = plan.group_of(node)
    slots = {}
    for position, (aggregate, column, _) in enumerate(group.columns_of(metric)):
        name = f"f{index}.{column}"
        slots[f"a{position}"] = f"coalesce({name}, 0)" if aggregate.is_count else name
    return formula.sql(slots)


def _beginnings(
    calendar: Calendar, step: Step, first: dt.date, end: dt.date
) -> tuple[np.ndarray, np.ndarray]:
    """When each step of these days begins, as naive UTC, and what clocks show then."""
    if step == "day":
        days = [first + number * DAY for number in range((end - first).days)]
        began = [calendar.midnight(day) for day in days]
        return np.array(began, "datetime64[s]"), np.array(days, "datetime64[s]")
    offsets = calendar.offsets(first, end)
    bounds = [np.datetime64(calendar.midnight(day), "s") for day in (first, end)]
    hours = np.arange(bounds[0], bounds[1], np.timedelta64(1, "h"))
    since = np.array([at for at, _ in offsets], "datetime64[s]")
    ahead = np.array([by for _, by in offsets], "timedelta64[s]")
    return hours, hours + ahead[np.searchsorted(since, hours, side="right") - 1]
