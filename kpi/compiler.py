"""Compiles a question into one SQL statement.

Every fact table is aggregated alone, by period and by the asked dimensions; the results meet on a
grid of periods and keys; divisions come last. No fact table is ever joined to another, so no row
can be counted twice, and a ratio is a ratio of sums at every grain.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from kpi.allowlist import ExpressionRefused
from kpi.expression import ROW, Aggregate, Condition, FactValue, parse_condition
from kpi.periods import (
    COARSER,
    FIRST_DAY,
    GRAINS,
    Calendar,
    Period,
    covering,
    period_of,
)
from kpi.reach import OVERLAPPING, AsOf, Latest, Own, Reach, Span, earlier, first_day
from kpi.vocabulary import Metric, Vocabulary
from kpi.yaml_text import nearest

TOTAL = "total"
# Screens ask the same questions again and again; of these many the statement is kept.
_REMEMBERED = 256


class QuestionRefused(Exception):
    """A question that the vocabulary cannot answer, and why."""


@dataclass(frozen=True)
class Question:
    """Which metrics, by which grain and dimensions, of which rows, over [start, end) local days.

    A range widens to whole periods of the grain, except for a total. With `own_rows` a `window` or
    a `to_date` is left aside: each period then takes only the rows that are its own.
    """

    metrics: tuple[str, ...]
    grain: str = "month"
    by: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    start: dt.date | None = None
    end: dt.date | None = None
    own_rows: bool = False


@dataclass(frozen=True)
class Facts:
    """What the compiler must know of one fact table of an edition.

    `columns` are names and DuckDB types; `first_day` is the first local day of its default time,
    `fresh_day` the last local day of which the sources can have told: between them nothing is
    known to be nothing.
    """

    columns: Mapping[str, str]
    first_day: dt.date | None
    fresh_day: dt.date | None


@dataclass(frozen=True)
class Statement:
    """One SQL statement: period (but for a total), dimensions, then value and n of each metric."""

    sql: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class _Node:
    """A metric as the question needs it: as it is, or as it was so much earlier."""

    metric: str
    back: tuple[Span, ...] = ()


@dataclass
class _Group:
    """One common table expression: a fact table aggregated on one time, for one reach and shift."""

    table: str
    time: str
    reach: Reach
    back: tuple[Span, ...]
    nodes: list[tuple[_Node, Metric]] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)  # aggregate SQL -> its column

    def column(self, sql: str) -> str:
        return self.columns.setdefault(sql, f"a{len(self.columns)}")

    @property
    def hoisted(self) -> str | None:
        """The condition that all its metrics share, if they do."""
        shared = {_value(metric).condition for _, metric in self.nodes}
        return shared.pop() if len(shared) == 1 else None


def compile_question(
    vocabulary: Vocabulary, question: Question, facts: Mapping[str, Facts]
) -> Statement:
    """The statement that answers a question with a start and an end; raises QuestionRefused.

    A fact table without facts (its source never delivered) makes its metrics unknown. A question
    that was asked before costs nothing, of the same `facts`, which must not change.
    """
    known = vocabulary.compiled
    if question in known and known[question][0] is facts:
        statement: Statement = known[question][1]
        return statement
    conditions = check_question(vocabulary, question)
    assert question.start is not None and question.end is not None
    if not asked_periods(vocabulary.calendar, question):
        what = f"There was no {question.start} in {vocabulary.calendar.timezone}"
        raise QuestionRefused(f"{what}: the date line moved. Ask for another day.")
    statement = _Compiler(vocabulary, question, facts, conditions).compile()
    if len(known) >= _REMEMBERED:
        known.clear()
    known[question] = (facts, statement)
    return statement


def check_question(vocabulary: Vocabulary, question: Question) -> tuple[Condition, ...]:
    """The question's parsed conditions; raises QuestionRefused with everything wrong with it."""
    wrong: list[str] = []
    if not question.metrics:
        wrong.append("No metric is asked for.")
    if question.grain not in (*GRAINS, TOTAL):
        known = (*GRAINS, TOTAL)
        fix = nearest(question.grain, known) or f"Known: {', '.join(known)}."
        wrong.append(f"There is no grain '{question.grain}'. {fix}")
    if question.start and question.end and question.start >= question.end:
        wrong.append(f"The range ends ({question.end}) before it has begun ({question.start}).")
    metrics = []
    for name in question.metrics:
        if name in vocabulary.metrics:
            metrics.append(vocabulary.metrics[name])
        else:
            fix = nearest(name, vocabulary.metrics) or "See the vocabulary for what there is."
            wrong.append(f"There is no metric '{name}'. {fix}")
    for metric in metrics:
        wrong += _grain_refusals(vocabulary, metric, question.grain)
    for word in question.by:
        wrong += _refusals(vocabulary, metrics, word, "broken down by")
    conditions: list[Condition] = []
    for text in question.where:
        try:
            condition = parse_condition(text, prefix=f"w{len(conditions)}_")
        except ExpressionRefused as refused:
            wrong.append(f"The filter {text!r} is refused: {refused}")
            continue
        conditions.append(condition)
        for column in dict.fromkeys(name.name for name in condition.columns):
            wrong += _refusals(vocabulary, metrics, column, "filtered by")
    if wrong:
        raise QuestionRefused("\n".join(wrong))
    return tuple(conditions)


def _grain_refusals(vocabulary: Vocabulary, metric: Metric, grain: str) -> list[str]:
    """Why a metric cannot be had at this grain: its rows are coarser, or it looks back unevenly."""
    if grain not in GRAINS:
        return []
    wrong = []
    for name in metric.tables:
        own = vocabulary.tables[name].grain
        if own is not None and grain not in COARSER[own]:
            allowed = ", ".join((*COARSER[own], TOTAL))
            wrong.append(
                f"'{metric.name}' has no {grain}: a row of {name} is a {own}. Ask by {allowed}."
            )
    sample = period_of(vocabulary.calendar, grain, FIRST_DAY)
    for span in vocabulary.spans_below(metric):
        if earlier(vocabulary.calendar, sample, span) is None:
            wrong.append(
                f"'{metric.name}' looks back {span}, which is no whole number of {grain}s. "
                "Ask for another grain."
            )
    return wrong


def _refusals(vocabulary: Vocabulary, metrics: list[Metric], word: str, how: str) -> list[str]:
    if word not in vocabulary.dimensions:
        fix = nearest(word, vocabulary.dimensions) or (
            f"Dimensions: {', '.join(vocabulary.dimensions) or 'none are declared'}."
        )
        return [f"There is no dimension '{word}'. {fix}"]
    return [
        f"'{metric.name}' cannot be {how} '{word}': "
        f"all its facts share only {', '.join(metric.dimensions) or 'no dimension'}."
        for metric in metrics
        if word not in metric.dimensions
    ]


class _Compiler:
    def __init__(
        self,
        vocabulary: Vocabulary,
        question: Question,
        facts: Mapping[str, Facts],
        conditions: tuple[Condition, ...],
    ) -> None:
        self.vocabulary = vocabulary
        self.question = question
        self.facts = facts
        self.conditions = conditions
        self.total = question.grain == TOTAL
        self.keys = [f"d{index}" for index in range(len(question.by))]
        self.periods = asked_periods(vocabulary.calendar, question)
        self.levels = self._levels()
        nodes = list(chain(*self.levels))
        self.names = {node: f"m{index}" for index, node in enumerate(nodes)}
        self.shifts = list(dict.fromkeys(((), *(node.back for node in nodes))))
        self.shifted = {back: self._shifted(back) for back in self.shifts}
        self.known: dict[tuple[str, tuple[Span, ...]], str] = {}
        self.groups = self._groups()
        self.parameters: dict[str, Any] = {}

    def compile(self) -> Statement:
        steps = [("periods", self._periods())]
        for index, group in enumerate(self.groups):
            steps += self._aggregated(index, group)
        if self.keys:
            steps.append(("keys", self._keys()))
        steps.append(("grid", self._grid()))
        steps.append(("level0", self._level0()))
        for index, level in enumerate(self.levels[1:], start=1):
            steps.append((f"level{index}", self._level(level, index)))
        body = ",\n".join(f"{name} AS (\n{sql}\n)" for name, sql in steps)
        sql = f"WITH {body}\n{self._result()}"
        for condition in self.conditions:
            self.parameters |= condition.parameters
        used = set(re.findall(r"\$(\w+)", sql))
        return Statement(sql, {k: v for k, v in self.parameters.items() if k in used})

    # --- what the statement is made of ---

    def _levels(self) -> list[list[_Node]]:
        """The asked metrics and all below them: those from facts first, each after its inputs."""
        depth: dict[_Node, int] = {}

        def measure(node: _Node) -> int:
            if node not in depth:
                below = [measure(n) for n in self._inputs(node).values()]
                depth[node] = 1 + max(below) if below else 0
            return depth[node]

        for name in self.question.metrics:
            measure(_Node(name))
        levels: list[list[_Node]] = [[] for _ in range(max(depth.values()) + 1)]
        for node, level in depth.items():
            levels[level].append(node)
        return levels

    def _inputs(self, node: _Node) -> dict[str, _Node]:
        """The nodes that fill a formula's slots; none for a metric of facts."""
        value = self.vocabulary.metrics[node.metric].value
        if isinstance(value, FactValue):
            return {}
        return {
            f"i{index}": _Node(i.name, (*node.back, i.ago) if i.ago else node.back)
            for index, i in enumerate(value.inputs)
        }

    def _shifted(self, back: tuple[Span, ...]) -> list[Period]:
        found = []
        for period in self.periods:
            for span in back:
                before = earlier(self.vocabulary.calendar, period, span)
                assert before is not None, "check_question refuses what cannot be shifted"
                period = before
            found.append(period)
        return found

    def _groups(self) -> list[_Group]:
        groups: dict[Any, _Group] = {}
        for node in self.levels[0]:
            metric = self.vocabulary.metrics[node.metric]
            table, time = metric.tables[0], self.vocabulary.time_column(metric)
            reach = metric.reach
            if self.question.own_rows and isinstance(reach, OVERLAPPING):
                reach = Own()
            key = (table, time, reach, node.back)
            groups.setdefault(key, _Group(*key)).nodes.append((node, metric))
            self.known.setdefault((table, node.back), f"k{len(self.known)}")
        return list(groups.values())

    # --- the parts of the statement, in their order ---

    def _periods(self) -> str:
        columns = []
        for index, back in enumerate(self.shifts):
            shifted = self.shifted[back]
            columns += [
                self._list(f"s{index}", [period.start for period in shifted]),
                self._list(f"e{index}", [period.end for period in shifted]),
            ]
        return f"  SELECT {', '.join(columns)}"

    def _list(self, name: str, values: list[Any]) -> str:
        """A column given as one list: planned in no time, however long it is."""
        self.parameters[name] = values
        return f"unnest(${name}) AS {name}"

    def _aggregated(self, index: int, group: _Group) -> list[tuple[str, str]]:
        condition = group.hoisted
        for _, metric in group.nodes:
            own = None if condition else _value(metric).condition
            for aggregate in _value(metric).aggregates:
                group.column(_filtered(aggregate.sql, own, aggregate.condition))
                group.column(_counted(aggregate, own))
        if group.table not in self.facts:
            return [(f"f{index}", self._nothing(group))]
        rows = _Rows(self, index, group)
        selected = [] if self.total else [f"{rows.period} AS period"]
        selected += [
            f"{ROW}.{quoted(word)} AS {key}"
            for word, key in zip(self.question.by, self.keys, strict=True)
        ]
        by = ", ".join(map(str, range(1, len(selected) + 1)))
        selected += [f"{sql} AS {column}" for sql, column in group.columns.items()]
        wheres = list(rows.wheres)
        # A key is answered where a row of an asked metric has it, however many are asked together.
        every = {_value(metric).condition: None for _, metric in group.nodes}
        if None not in every:
            either = " OR ".join(f"({own})" for own in every)
            wheres.append(f"({either})" if len(every) > 1 else either)
        wheres += [f"({asked.sql})" for asked in self.conditions]
        sql = (
            f"  SELECT {', '.join(selected)}\n  FROM {rows.source}\n  WHERE {' AND '.join(wheres)}"
        )
        return [*rows.steps, (f"f{index}", f"{sql}\n  GROUP BY {by}" if by else sql)]

    def _nothing(self, group: _Group) -> str:
        """A table that no source has filled yet: the right columns and no row."""
        selected = [] if self.total else ["NULL::DATE AS period"]
        selected += [f"NULL::VARCHAR AS {key}" for key in self.keys]
        selected += [f"NULL::BIGINT AS {column}" for column in group.columns.values()]
        return f"  SELECT {', '.join(selected)} WHERE false"

    def _keys(self) -> str:
        keys = ", ".join(self.keys)
        every = " UNION ALL ".join(f"SELECT {keys} FROM f{i}" for i in range(len(self.groups)))
        return f"  SELECT DISTINCT {keys} FROM ({every})"

    def _grid(self) -> str:
        known = []
        for (table, back), name in self.known.items():
            shift = self.shifts.index(back)
            facts = self.facts.get(table)
            self.parameters[f"first_{name}"] = facts.first_day if facts else None
            self.parameters[f"fresh_{name}"] = facts.fresh_day if facts else None
            whole = f"p.e{shift} > $first_{name} AND p.s{shift} <= $fresh_{name}"
            known.append(f"coalesce({whole}, false) AS {name}")
        keys = [f"k.{key}" for key in self.keys]
        crossed = " CROSS JOIN keys AS k" if self.keys else ""
        return f"  SELECT {', '.join(['p.*', *keys, *known])} FROM periods AS p{crossed}"

    def _level0(self) -> str:
        selected = ["g.*"]
        joins = []
        for index, group in enumerate(self.groups):
            for node, metric in group.nodes:
                selected += self._fact_metric(node, metric, group, f"f{index}")
            shift = self.shifts.index(group.back)
            on = [] if self.total else [f"f{index}.period = g.s{shift}"]
            on += [f"f{index}.{key} IS NOT DISTINCT FROM g.{key}" for key in self.keys]
            joins.append(f"  LEFT JOIN f{index} ON {' AND '.join(on) or 'true'}")
        return "\n".join([f"  SELECT {', '.join(selected)}", "  FROM grid AS g", *joins])

    def _fact_metric(self, node: _Node, metric: Metric, group: _Group, alias: str) -> list[str]:
        condition = None if group.hoisted else _value(metric).condition
        known = f"g.{self.known[group.table, group.back]}"
        slots = {}
        counts = []
        for index, aggregate in enumerate(_value(metric).aggregates):
            sql = _filtered(aggregate.sql, condition, aggregate.condition)
            column = f"{alias}.{group.columns[sql]}"
            counted = f"{alias}.{group.columns[_counted(aggregate, condition)]}"
            if aggregate.is_count:
                # Rows of other metrics in this period do not make this one's nothing known.
                column = f"CASE WHEN {counted} > 0 THEN {column} WHEN {known} THEN 0 END"
            slots[f"a{index}"] = column
            counts.append(counted)
        n = counts[0] if len(set(counts)) == 1 else f"greatest({', '.join(dict.fromkeys(counts))})"
        value = _emptied(metric, _value(metric).formula.sql(slots), known)
        name = self.names[node]
        selected = [f"{value} AS v_{name}", f"coalesce({n}, 0) AS n_{name}"]
        if node.metric in self._with_margin():
            selected.append(f"{margin_sql(metric, slots)} AS e_{name}")
        return selected

    def _with_margin(self) -> list[str]:
        metrics = (self.vocabulary.metrics[name] for name in self.question.metrics)
        return [metric.name for metric in metrics if metric.margin]

    def _level(self, nodes: list[_Node], index: int) -> str:
        selected = ["*"]
        for node in nodes:
            metric = self.vocabulary.metrics[node.metric]
            below = {slot: self.names[n] for slot, n in self._inputs(node).items()}
            formula = metric.value.formula.sql({slot: f"v_{n}" for slot, n in below.items()})
            known = " AND ".join(self.known[leaf] for leaf in self._leaves(node))
            counts = list(dict.fromkeys(f"n_{name}" for name in below.values()))
            n = counts[0] if len(counts) == 1 else f"least({', '.join(counts)})"
            name = self.names[node]
            selected += [
                f"{_emptied(metric, formula, known)} AS v_{name}",
                f"{n} AS n_{name}",
            ]
        return f"  SELECT {', '.join(selected)} FROM level{index - 1}"

    def _leaves(self, node: _Node) -> list[tuple[str, tuple[Span, ...]]]:
        below = self._inputs(node)
        if not below:
            return [(self.vocabulary.metrics[node.metric].tables[0], node.back)]
        return list(dict.fromkeys(chain(*(self._leaves(n) for n in below.values()))))

    def _result(self) -> str:
        selected = [] if self.total else ["s0 AS period"]
        selected += [
            f"{key} AS {quoted(word)}"
            for word, key in zip(self.question.by, self.keys, strict=True)
        ]
        for metric in self.question.metrics:
            name = self.names[_Node(metric)]
            selected += [f"v_{name} AS {quoted(metric)}", f"n_{name} AS {quoted(metric + ' n')}"]
            if metric in self._with_margin():
                selected.append(f"e_{name} AS {quoted(metric + ' margin')}")
        # Qualified, for a metric or a dimension may have the name of one of these columns.
        order = [] if self.total else ["r.s0"]
        order += [f"r.{key} NULLS LAST" for key in self.keys]
        ordered = f"\nORDER BY {', '.join(order)}" if order else ""
        return f"SELECT {', '.join(selected)}\nFROM level{len(self.levels) - 1} AS r{ordered}"


class _Rows:
    """How the rows of a group's fact table meet the periods: a source, a label and conditions."""

    def __init__(self, compiler: _Compiler, index: int, group: _Group) -> None:
        self.compiler = compiler
        self.calendar = compiler.vocabulary.calendar
        self.index = index
        self.group = group
        self.columns = compiler.facts[group.table].columns
        self.periods = list(dict.fromkeys(compiler.shifted[group.back]))
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
        """The fact table, with the dimensions that it looks up elsewhere."""
        table = self.compiler.vocabulary.tables[self.group.table]
        wanted = {*self.compiler.question.by}
        wanted |= {name.name for c in self.compiler.conditions for name in c.columns}
        joins = []
        looked_up = []
        for index, lookup in enumerate(table.lookup):
            words = [word for word in lookup.by if word in wanted]
            for word in words:
                if word in self.columns:
                    what = f"'{word}' is looked up, but it is a column of {table.name} itself, too."
                    raise QuestionRefused(f"{what} Take it from one of the two.")
            if words and lookup.table not in self.compiler.facts:
                # Nothing has filled it yet: nobody knows these words.
                looked_up += [f"NULL::VARCHAR AS {quoted(word)}" for word in words]
            elif words:
                on = quoted(lookup.on)
                once = _once(lookup.table, lookup.on, words)
                joins.append(f" LEFT JOIN ({once}) AS l{index} ON l{index}.{on} = r.{on}")
                looked_up += [f"l{index}.{quoted(word)}" for word in words]
        if not looked_up:
            return f"main.{quoted(self.group.table)}"
        table_sql = f"main.{quoted(self.group.table)} AS r{''.join(joins)}"
        return f"(SELECT r.*, {', '.join(looked_up)} FROM {table_sql})"

    def _bound(self, column: str, name: str, days: list[dt.date]) -> str:
        """A list of bounds in the column's own terms: local days, or their UTC instants."""
        on_days = self.columns.get(column) == "DATE"
        values = days if on_days else [self.calendar.midnight(day) for day in days]
        return self.compiler._list(f"{name}{self.index}", values)

    def _one(self, column: str, name: str, day: dt.date) -> str:
        on_days = self.columns.get(column) == "DATE"
        self.compiler.parameters[f"{name}{self.index}"] = (
            day if on_days else self.calendar.midnight(day)
        )
        return f"${name}{self.index}"

    def _own(self, time: str) -> None:
        column = self.group.time
        low = min(period.start for period in self.periods)
        high = max(period.end for period in self.periods)
        self.wheres = [
            f"{time} >= {self._one(column, 'low', low)}",
            f"{time} < {self._one(column, 'high', high)}",
        ]
        if self.compiler.total:
            return
        day = time if self.columns.get(column) == "DATE" else self._local_day(time, low, high)
        grain = self.compiler.question.grain
        if grain == "day":
            self.period = day
        else:
            self.source += f" JOIN kpi.days AS d ON d.day = {day}"
            self.period = f"d.{quoted(grain)}"
        # What a shifted question leaves out between its periods shall not add keys.
        if sum(period.days for period in self.periods) < (high - low).days:
            self.compiler.parameters[f"own{self.index}"] = [p.start for p in self.periods]
            self.wheres.append(f"list_contains($own{self.index}, {self.period})")

    def _local_day(self, time: str, low: dt.date, high: dt.date) -> str:
        """The local day of an instant: UTC moved by the offset that the clocks had then.

        Within the asked range the offset changes a few times only; comparing with those instants
        costs a fifth of what a conversion row by row does.
        """
        offsets = self.calendar.offsets(low, high)
        if len(offsets) > _MOST_OFFSETS:
            zone = self.calendar.timezone.replace("'", "''")
            return f"CAST(timezone('{zone}', timezone('UTC', {time})) AS DATE)"
        micros = [round(offset.total_seconds()) * 1_000_000 for _, offset in offsets]
        if len(micros) == 1 and micros[0] == 0:
            return f"CAST({time} AS DATE)"
        moved = str(micros[-1])
        for change in range(len(offsets) - 1, 0, -1):
            name = f"clock{self.index}_{change}"
            self.compiler.parameters[name] = offsets[change][0]
            moved = f"CASE WHEN {time} < ${name} THEN {micros[change - 1]} ELSE {moved} END"
        return f"CAST(make_timestamp(epoch_us({time}) + {moved}) AS DATE)"

    def _frames(self, *columns: str) -> None:
        name = f"w{self.index}"
        starts = (
            []
            if self.compiler.total
            else [self.compiler._list(f"{name}_p", [p.start for p in self.periods])]
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


# A zone changes its clocks twice a year; beyond this many changes the database converts each row.
_MOST_OFFSETS = 40


def asked_periods(calendar: Calendar, question: Question) -> list[Period]:
    """The periods of a question with a start and an end: whole ones, or the range as one."""
    assert question.start is not None and question.end is not None
    if question.grain == TOTAL:
        return [Period(TOTAL, question.start, question.end)]
    periods = covering(calendar, question.grain, question.start, question.end)
    if question.grain != "day":
        return list(periods)
    # Where a zone changed sides of the date line a day was left out: nothing is in it.
    return [p for p in periods if calendar.midnight(p.start) < calendar.midnight(p.end)]


def margin_sql(metric: Metric, slots: Mapping[str, str]) -> str:
    """Half the width of the 95 % interval of a share or a net promoter score, in percent points.

    The variance of one answer counted 1, 0 or -1 is p + d - (p - d)²; of a share p - p².
    """
    n = f"nullif({slots['a2' if metric.margin == 'nps' else 'a1']}, 0)"
    p = f"({slots['a0']}) / {n}"
    if metric.margin == "nps":
        d = f"({slots['a1']}) / {n}"
        variance = f"{p} + {d} - pow({p} - {d}, 2)"
    else:
        variance = f"{p} - pow({p}, 2)"
    return f"196 * sqrt(greatest({variance}, 0) / {n})"


def quoted(name: str) -> str:
    """A name as DuckDB reads it whatever its letters."""
    return '"' + name.replace('"', '""') + '"'


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


def _value(metric: Metric) -> FactValue:
    assert isinstance(metric.value, FactValue)
    return metric.value


def _filtered(sql: str, *conditions: str | None) -> str:
    given = [f"({condition})" for condition in conditions if condition]
    return f"{sql} FILTER (WHERE {' AND '.join(given)})" if given else sql


def _counted(aggregate: Aggregate, condition: str | None) -> str:
    return _filtered(f"count({aggregate.counted})", condition, aggregate.condition)


def _emptied(metric: Metric, value: str, known: str) -> str:
    if metric.empty is None:
        return value
    return f"coalesce({value}, CASE WHEN {known} THEN {metric.empty!r} END)"
