"""Keeps the answers that do not add up: medians, distinct counts, the latest, of whole periods."""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kpi.expression import ROW, quoted
from kpi.keeper import Keeper, digest, kept, view
from kpi.parsing import literal
from kpi.period_rows import PeriodRows
from kpi.periods import DAY, FIRST_DAY, GRAINS, LAST_DAY, Period, covering, period_of
from kpi.plan import Plan, fact_value
from kpi.questions import Question, can_be_asked
from kpi.reach import AsOf, Own, Reach, first_day
from kpi.rollups import BEFORE, UNDIVIDED, Column, ExactAnswers, Rollup, counted, present, whole
from kpi.vocabulary import Metric


@dataclass(frozen=True)
class ExactAxis:
    """The metrics of a fact table that are taken from the same rows, on one time."""

    table: str
    time: str
    reach: Reach
    metrics: tuple[Metric, ...]

    @property
    def name(self) -> str:
        """The name of the table of answers."""
        return f"{self.table} by {self.time}, exactly: {self.reach}"

    @property
    def times(self) -> tuple[str, ...]:
        """The columns that decide in which periods a row counts."""
        if isinstance(self.reach, AsOf) and self.reach.end is not None:
            return (self.time, self.reach.end)
        return (self.time,)

    @property
    def words(self) -> tuple[str, ...]:
        """The dimensions of the fact table."""
        return self.metrics[0].dimensions

    def meaning(self, keeper: Keeper) -> str:
        """A text that differs where any number does that is kept."""
        columns, vocabulary = keeper.facts[self.table].columns, keeper.vocabulary
        kinds = tuple(columns.get(word) for word in (*self.times, *self.words))
        answers = tuple((sql, column.type) for sql, column in self.columns(keeper).items())
        table = vocabulary.tables[self.table]
        return digest(self.name, kinds, answers, table, vocabulary.calendar, keeper.limits)

    def columns(self, keeper: Keeper) -> dict[str, Column]:
        """The columns of the answers: every aggregate, what it rests on, and each metric's rows."""
        wanted: list[str] = []
        for metric in self.metrics:
            value = fact_value(metric)
            wanted.append(present(value.condition))
            for aggregate in value.aggregates:
                wanted.append(whole(aggregate, value.condition))
                wanted.append(counted(aggregate, value.condition))
        return keeper.columns(self.name, wanted, f"{view(self.table)} as {ROW}", "_q")

    def bring_up(self, keeper: Keeper, before: Sequence[Rollup]) -> list[Rollup] | None:
        """Computes the periods that were touched, or all where there is nothing `before`.

        None where nothing was touched.
        """
        told = next((each for each in before if isinstance(each, ExactAnswers)), None)
        return _Answers(self, keeper, told).bring_up()


class _Answers:
    """The answers of one axis while they are brought up to date."""

    def __init__(self, axis: ExactAxis, keeper: Keeper, before: ExactAnswers | None) -> None:
        self.axis = axis
        self.keeper = keeper
        self.before = before
        self.calendar = keeper.vocabulary.calendar
        self.columns = axis.columns(keeper)
        self.facts = keeper.count(axis.table)
        self.elsewhere = keeper.is_elsewhere(axis.table)
        self.span = keeper.span(axis.table, axis.time)
        self.until = self._until()
        self.touched = sorted(keeper.touched_days(axis.table, axis.times))
        lookups = keeper.vocabulary.tables[axis.table].lookup
        self.looked_up_anew = any(keeper.touched.any(lookup.table) for lookup in lookups)

    def bring_up(self) -> list[Rollup] | None:
        """Computes what is needed; None where nothing is."""
        before, axis = self.before, self.axis
        since = self._since()
        changed = before is None or (before.since, before.until) != (since, self.until)
        if before is None:
            self._make()
        kept = set(before.kept if before else ())
        for grain in GRAINS:
            periods = self._periods(grain)
            words = [word for word in axis.words if (grain, word) in kept]
            if before is None:
                if not self._can_be_asked(grain) or not self._can_be_read(periods):
                    continue
                words = list(axis.words)
                kept |= {(grain, word) for word in (UNDIVIDED, *words)}
            elif (grain, UNDIVIDED) not in kept:
                continue
            due = [period for period in periods if before is None or self._is_due(period)]
            if due:
                changed = True
                self._compute(grain, words, due)
            if before is None:
                kept -= {(grain, word) for word in words if not self._is_worth(grain, word)}
        if not changed:
            return None
        rollup = ExactAnswers(
            axis.name,
            axis.table,
            axis.time,
            axis.reach,
            frozenset(kept),
            since,
            self.until,
            self.columns,
        )
        return [rollup]

    def _until(self) -> dt.date:
        """The day after the last on which a period can begin that a page asks for.

        That is the one that is not over by what the freshest of all tables has told, which may
        begin on the day after. Of facts that lie elsewhere it is the day after all that they tell:
        their engine need not be there because other tables are fresher.
        """
        last = self.span[1] if self.span else FIRST_DAY + DAY
        if self.elsewhere:
            fresh = self.keeper.facts[self.axis.table].fresh_day
            return max(last, fresh + DAY) if fresh else last
        told = [facts.fresh_day for facts in self.keeper.facts.values() if facts.fresh_day]
        return min(max(told) + 2 * DAY, LAST_DAY) if told else last

    def _since(self) -> dt.date:
        """The first day of which all is known: rows from before the calendar reach into it."""
        axis, keeper = self.axis, self.keeper
        if self.span is None or not keeper.has_earlier(axis.table, axis.time):
            return FIRST_DAY
        day = FIRST_DAY
        while True:
            low = first_day(self.calendar, axis.reach, period_of(self.calendar, "day", day))
            if low is None:
                return self.span[0]  # whatever is asked of the days before takes those rows
            if low >= FIRST_DAY:
                return day
            day += DAY

    def _can_be_asked(self, grain: str) -> bool:
        return can_be_asked(self.keeper.vocabulary, self.axis.metrics[0], grain)

    def _periods(self, grain: str) -> list[Period]:
        """Every period from the first fact on up to what pages ask for.

        Days that were touched and have no fact any more are among them: what was kept of them goes.
        """
        days = [day for day in self.touched if day != BEFORE]
        days += [self.span[0]] if self.span else []
        if not days:
            return []
        # What was not told yet may lie in the same week as the last that was.
        first = min(*days, self.until - DAY)
        return list(covering(self.calendar, grain, first, self.until))

    def _is_due(self, period: Period) -> bool:
        """Whether a period takes touched rows, or was not computed before."""
        assert self.before is not None
        if self.looked_up_anew or period.start >= self.before.until:
            return True
        low = first_day(self.calendar, self.axis.reach, period)
        if low is None or low < FIRST_DAY:
            low = BEFORE
        at = bisect.bisect_left(self.touched, low)
        return at < len(self.touched) and self.touched[at] < period.end

    def _can_be_read(self, periods: Sequence[Period]) -> bool:
        """Whether all these periods together do not read the facts too often."""
        limits = self.keeper.limits
        if self.elsewhere:
            return True
        readings = sum(map(self._readings, periods))
        return readings <= max(limits.few_readings, limits.readings * self.facts)

    def _readings(self, period: Period) -> float:
        """How many facts a period reads, if they are spread evenly."""
        if self.span is None:
            return 0.0
        first, end = self.span
        low = first_day(self.calendar, self.axis.reach, period) or first
        days = (min(period.end, end) - max(low, first)).days
        return self.facts * max(days, 0) / max((end - first).days, 1)

    def _make(self) -> None:
        own = "".join(f", {quoted(c.name)} {c.type}" for c in self.columns.values())
        self.keeper.connection.execute(
            f"create or replace table {kept(self.axis.name)} "
            f"(grain varchar, dimension varchar, period date, member varchar{own})"
        )

    def _compute(self, grain: str, words: Sequence[str], periods: Sequence[Period]) -> None:
        """Computes some periods, a few at a time."""
        if self.before is not None:
            self.keeper.connection.execute(
                f"delete from {kept(self.axis.name)} where grain = ? and list_contains(?, period)",
                (grain, [period.start for period in periods]),
            )
        for together in self._in_turn(periods, 1 + len(words)):
            self._insert(grain, words, together)

    def _in_turn(self, periods: Sequence[Period], times: int) -> Iterator[list[Period]]:
        """Neighbouring periods, as many as may be held so many times at once."""
        limits = self.keeper.limits
        at_once = limits.at_once_elsewhere if self.elsewhere else limits.at_once
        waiting: list[Period] = []
        readings = 0.0
        for period in periods:
            more = self._readings(period) * times
            apart = waiting and waiting[-1].end != period.start
            if waiting and (apart or readings + more > at_once):
                yield waiting
                waiting, readings = [], 0.0
            waiting.append(period)
            readings += more
        if waiting:
            yield waiting

    def _insert(self, grain: str, words: Sequence[str], periods: Sequence[Period]) -> None:
        """Reads the rows once, and aggregates them undivided and by each dimension alone."""
        axis, keeper = self.axis, self.keeper
        names = tuple(metric.name for metric in axis.metrics)
        own = isinstance(axis.reach, Own)
        start, end = periods[0].start, periods[-1].end
        question = Question(names, grain, tuple(words), start=start, end=end, own_rows=own)
        plan = Plan(keeper.vocabulary, question, keeper.facts, ())
        (group,) = plan.groups
        parameters: dict[str, Any] = {}
        rows = PeriodRows(plan, 0, group, parameters)
        steps = ", ".join(f"{name} as ({sql})" for name, sql in rows.steps)
        # A key is there where a row of one of the metrics has it.
        either = " or ".join(group.conditions())
        wheres = " and ".join([*rows.wheres, *([f"({either})"] if either else [])])
        fields = {word: f"{ROW}.{quoted(word)}" for word in words}
        selected = [f"{rows.period} as period"]
        for index, field in enumerate(fields.values()):
            selected += [f"grouping({field}) as g{index}", f"{field} as d{index}"]
        selected += [f"{sql} as {column.name}" for sql, column in self.columns.items()]
        sets = ", ".join([f"({rows.period})", *(f"({rows.period}, {f})" for f in fields.values())])
        kinds = {"period": "DATE"}
        for index, word in enumerate(words):
            kinds |= {f"g{index}": "BIGINT", f"d{index}": plan.type_of(axis.table, word)}
        kinds |= {column.name: column.type for column in self.columns.values()}
        answers = (
            f"{f'with {steps} ' if steps else ''}select {', '.join(selected)} from {rows.source} "
            f"where {wheres} group by grouping sets ({sets})"
        )
        with keeper.rows(axis.table, answers, parameters, kinds) as (new, given):
            keeper.connection.execute(self._insertion(grain, words, new), given or None)

    def _insertion(self, grain: str, words: Sequence[str], new: str) -> str:
        """What puts new answers among the others, each with the dimension that it is divided by."""
        told = [f"when g{i} = 0 then {literal(word)}" for i, word in enumerate(words)]
        members = [f"when g{i} = 0 then cast(d{i} as varchar)" for i in range(len(words))]
        selected = [
            literal(grain),
            f"case {' '.join(told)} else {literal(UNDIVIDED)} end" if words else literal(UNDIVIDED),
            "period",
            f"case {' '.join(members)} end" if words else "cast(null as varchar)",
            *(column.name for column in self.columns.values()),
        ]
        return f"insert into {kept(self.axis.name)} select {', '.join(selected)} from {new}"

    def _is_worth(self, grain: str, word: str) -> bool:
        """Whether what was computed has few enough rows; if not it is dropped."""
        name = kept(self.axis.name)
        condition = "where grain = ? and dimension = ?"
        connection = self.keeper.connection
        ((rows,),) = connection.execute(
            f"select count(*) from {name} {condition}", (grain, word)
        ).fetchall()
        if self.keeper.is_worth(self.axis.table, rows, self.keeper.limits.few):
            return True
        connection.execute(f"delete from {name} {condition}", (grain, word))
        return False
