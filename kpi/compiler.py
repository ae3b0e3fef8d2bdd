"""Compiles a question into one SQL statement.

Every fact table is aggregated alone, by period and by the asked dimensions; the results meet on a
grid of periods and keys; divisions come last. No fact table is ever joined to another, so no row
can be counted twice, and a ratio is a ratio of sums at every grain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kpi.expression import ROW, quoted
from kpi.period_rows import PeriodRows, unnested
from kpi.plan import Group, Node, Plan, fact_value, inputs, tables_below
from kpi.questions import Facts, Question, QuestionRefused, asked_periods, check_question
from kpi.vocabulary import Metric, Vocabulary

# Screens ask the same questions again and again; of these many the statement is kept.
_REMEMBERED = 256


@dataclass(frozen=True)
class Statement:
    """One SQL statement: period (but for a total), dimensions, then value and n of each metric."""

    sql: str
    parameters: Mapping[str, Any]


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
    statement = _Writer(Plan(vocabulary, question, facts, conditions)).write()
    if len(known) >= _REMEMBERED:
        known.clear()
    known[question] = (facts, statement)
    return statement


class _Writer:
    """Writes the parts of a statement, in their order."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.parameters: dict[str, Any] = {}

    def write(self) -> Statement:
        """The whole statement with the values of its parameters."""
        steps = [("periods", self._periods())]
        for index, group in enumerate(self.plan.groups):
            steps += self._aggregated(index, group)
        if self.plan.keys:
            steps.append(("keys", self._keys()))
        steps.append(("grid", self._grid()))
        steps.append(("level0", self._level0()))
        for index, level in enumerate(self.plan.levels[1:], start=1):
            steps.append((f"level{index}", self._level(level, index)))
        body = ",\n".join(f"{name} AS (\n{sql}\n)" for name, sql in steps)
        sql = f"WITH {body}\n{self._result()}"
        for condition in self.plan.conditions:
            self.parameters |= condition.parameters
        used = set(re.findall(r"\$(\w+)", sql))
        return Statement(sql, {k: v for k, v in self.parameters.items() if k in used})

    def _periods(self) -> str:
        columns = []
        for index, back in enumerate(self.plan.shifts):
            shifted = self.plan.shifted[back]
            columns += [
                unnested(self.parameters, f"s{index}", [period.start for period in shifted]),
                unnested(self.parameters, f"e{index}", [period.end for period in shifted]),
            ]
        return f"  SELECT {', '.join(columns)}"

    def _aggregated(self, index: int, group: Group) -> list[tuple[str, str]]:
        if group.table not in self.plan.facts:
            return [(f"f{index}", self._nothing(group))]
        rows = PeriodRows(self.plan, index, group, self.parameters)
        selected = [] if self.plan.total else [f"{rows.period} AS period"]
        selected += [
            f"{ROW}.{quoted(word)} AS {key}"
            for word, key in zip(self.plan.question.by, self.plan.keys, strict=True)
        ]
        by = ", ".join(map(str, range(1, len(selected) + 1)))
        selected += [f"{sql} AS {column}" for sql, column in group.columns.items()]
        wheres = list(rows.wheres)
        # A key is answered where a row of an asked metric has it, however many are asked together.
        every = {fact_value(metric).condition: None for _, metric in group.nodes}
        if None not in every:
            either = " OR ".join(f"({own})" for own in every)
            wheres.append(f"({either})" if len(every) > 1 else either)
        wheres += [f"({asked.sql})" for asked in self.plan.conditions]
        sql = (
            f"  SELECT {', '.join(selected)}\n  FROM {rows.source}\n  WHERE {' AND '.join(wheres)}"
        )
        return [*rows.steps, (f"f{index}", f"{sql}\n  GROUP BY {by}" if by else sql)]

    def _nothing(self, group: Group) -> str:
        """A table that no source has filled yet: the right columns and no row."""
        selected = [] if self.plan.total else ["NULL::DATE AS period"]
        selected += [f"NULL::VARCHAR AS {key}" for key in self.plan.keys]
        selected += [f"NULL::BIGINT AS {column}" for column in group.columns.values()]
        return f"  SELECT {', '.join(selected)} WHERE false"

    def _keys(self) -> str:
        keys = ", ".join(self.plan.keys)
        every = " UNION ALL ".join(f"SELECT {keys} FROM f{i}" for i in range(len(self.plan.groups)))
        return f"  SELECT DISTINCT {keys} FROM ({every})"

    def _grid(self) -> str:
        known = []
        for (table, back), name in self.plan.known.items():
            shift = self.plan.shifts.index(back)
            facts = self.plan.facts.get(table)
            self.parameters[f"first_{name}"] = facts.first_day if facts else None
            self.parameters[f"fresh_{name}"] = facts.fresh_day if facts else None
            whole = f"p.e{shift} > $first_{name} AND p.s{shift} <= $fresh_{name}"
            known.append(f"coalesce({whole}, false) AS {name}")
        keys = [f"k.{key}" for key in self.plan.keys]
        crossed = " CROSS JOIN keys AS k" if self.plan.keys else ""
        return f"  SELECT {', '.join(['p.*', *keys, *known])} FROM periods AS p{crossed}"

    def _level0(self) -> str:
        selected = ["g.*"]
        joins = []
        for index, group in enumerate(self.plan.groups):
            for node, metric in group.nodes:
                selected += self._fact_metric(node, metric, group, f"f{index}")
            shift = self.plan.shifts.index(group.back)
            on = [] if self.plan.total else [f"f{index}.period = g.s{shift}"]
            on += [f"f{index}.{key} IS NOT DISTINCT FROM g.{key}" for key in self.plan.keys]
            joins.append(f"  LEFT JOIN f{index} ON {' AND '.join(on) or 'true'}")
        return "\n".join([f"  SELECT {', '.join(selected)}", "  FROM grid AS g", *joins])

    def _fact_metric(self, node: Node, metric: Metric, group: Group, alias: str) -> list[str]:
        known = f"g.{self.plan.known[group.table, group.back]}"
        slots = {}
        counts = []
        for index, (aggregate, *columns) in enumerate(group.columns_of(metric)):
            column, counted = (f"{alias}.{name}" for name in columns)
            if aggregate.is_count:
                # Rows of other metrics in this period do not make this one's nothing known.
                column = f"CASE WHEN {counted} > 0 THEN {column} WHEN {known} THEN 0 END"
            slots[f"a{index}"] = column
            counts.append(counted)
        n = counts[0] if len(set(counts)) == 1 else f"greatest({', '.join(dict.fromkeys(counts))})"
        value = _emptied(metric, fact_value(metric).formula.sql(slots), known)
        name = self.plan.names[node]
        selected = [f"{value} AS v_{name}", f"coalesce({n}, 0) AS n_{name}"]
        if node.metric in self._with_margin():
            selected.append(f"{_margin(metric, slots)} AS e_{name}")
        return selected

    def _with_margin(self) -> list[str]:
        metrics = (self.plan.vocabulary.metrics[name] for name in self.plan.question.metrics)
        return [metric.name for metric in metrics if metric.margin]

    def _level(self, nodes: list[Node], index: int) -> str:
        selected = ["*"]
        for node in nodes:
            metric = self.plan.vocabulary.metrics[node.metric]
            below = {
                slot: self.plan.names[n] for slot, n in inputs(self.plan.vocabulary, node).items()
            }
            formula = metric.value.formula.sql({slot: f"v_{n}" for slot, n in below.items()})
            known = " AND ".join(
                self.plan.known[leaf] for leaf in tables_below(self.plan.vocabulary, node)
            )
            counts = list(dict.fromkeys(f"n_{name}" for name in below.values()))
            n = counts[0] if len(counts) == 1 else f"least({', '.join(counts)})"
            name = self.plan.names[node]
            selected += [
                f"{_emptied(metric, formula, known)} AS v_{name}",
                f"{n} AS n_{name}",
            ]
        return f"  SELECT {', '.join(selected)} FROM level{index - 1}"

    def _result(self) -> str:
        selected = [] if self.plan.total else ["s0 AS period"]
        selected += [
            f"{key} AS {quoted(word)}"
            for word, key in zip(self.plan.question.by, self.plan.keys, strict=True)
        ]
        for metric in self.plan.question.metrics:
            name = self.plan.names[Node(metric)]
            selected += [f"v_{name} AS {quoted(metric)}", f"n_{name} AS {quoted(metric + ' n')}"]
            if metric in self._with_margin():
                selected.append(f"e_{name} AS {quoted(metric + ' margin')}")
        # Qualified, for a metric or a dimension may have the name of one of these columns.
        order = [] if self.plan.total else ["r.s0"]
        order += [f"r.{key} NULLS LAST" for key in self.plan.keys]
        ordered = f"\nORDER BY {', '.join(order)}" if order else ""
        return f"SELECT {', '.join(selected)}\nFROM level{len(self.plan.levels) - 1} AS r{ordered}"


def _margin(metric: Metric, slots: Mapping[str, str]) -> str:
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


def _emptied(metric: Metric, value: str, known: str) -> str:
    if metric.empty is None:
        return value
    return f"coalesce({value}, CASE WHEN {known} THEN {metric.empty!r} END)"
