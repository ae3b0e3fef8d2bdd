"""Compiles a question into one SQL statement.

Every fact table is aggregated alone, by period and by the asked dimensions; the results meet beside
every period and key; divisions come last. No fact table is ever joined to another, so no row
can be counted twice, and a ratio is a ratio of sums at every grain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kpi.expression import ROW, FactValue, Formula, number, quoted
from kpi.period_rows import PeriodRows, unnested
from kpi.plan import Group, Node, Plan, inputs, tables_below
from kpi.questions import Facts, Question, QuestionRefused, asked_periods, check_question
from kpi.rollups import SCHEMA, UNDIVIDED, ExactAnswers
from kpi.vocabulary import Metric, Vocabulary

# Screens ask the same questions again and again; of these many the statement is kept.
_REMEMBERED = 256


@dataclass(frozen=True)
class Elsewhere:
    """What a statement takes from facts that lie in a lake: rows of a statement over this table.

    The statement that needs them reads them under `name`.
    """

    name: str
    table: str
    sql: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """One SQL statement: period (but for a total), dimensions, then value and n of each metric.

    With something `elsewhere` it cannot be run as it is: see `kpi.elsewhere`.
    """

    sql: str
    parameters: Mapping[str, Any]
    elsewhere: tuple[Elsewhere, ...] = ()


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


# What is selected of a metric: by its letter below the result, by its name in the result.
_NAMED = {"v": "", "n": " n", "e": " margin"}


class _Writer:
    """Writes the parts of a statement, in their order."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.parameters: dict[str, Any] = {}
        self.elsewhere: list[Elsewhere] = []

    def write(self) -> Statement:
        """The whole statement with the values of its parameters."""
        steps = [("periods", self._periods())]
        for index, group in enumerate(self.plan.groups):
            steps += self._aggregated(index, group)
        if self.plan.keys:
            steps.append(("keys", self._keys()))
        for index in range(len(self.plan.levels) - 1):
            steps.append((f"level{index}", self._level(index)))
        body = ",\n".join(f"{name} AS (\n{sql}\n)" for name, sql in steps)
        sql = f"WITH {body}\n{self._result()}"
        return Statement(sql, self._used(sql), tuple(self.elsewhere))

    def _used(self, sql: str) -> dict[str, Any]:
        every = dict(self.parameters)
        for condition in self.plan.conditions:
            every |= condition.parameters
        used = set(re.findall(r"\$(\w+)", sql))
        return {k: v for k, v in every.items() if k in used}

    def _periods(self) -> str:
        """The asked periods and the earlier ones; a `k` is 0 where a table is known, else null."""
        starts = [
            unnested(self.parameters, f"s{index}", [period.start for period in periods])
            for index, periods in enumerate(self.plan.shifted.values())
        ]
        known = []
        for (table, back), name in self.plan.known.items():
            first, last = self.plan.told(table, back)
            self.parameters |= {f"first_{name}": first, f"last_{name}": last}
            told = f"s{self.plan.shifts.index(back)} BETWEEN $first_{name} AND $last_{name}"
            known.append(f"CASE WHEN {told} THEN 0 END AS {name}")
        return f"  SELECT *, {', '.join(known)}\n  FROM (SELECT {', '.join(starts)})"

    def _aggregated(self, index: int, group: Group) -> list[tuple[str, str]]:
        """A group's rows aggregated by period and key, with what that needs before it."""
        if group.table not in self.plan.facts:
            return [(f"f{index}", self._nothing(group))]
        if isinstance(group.rollup, ExactAnswers):
            return [(f"f{index}", self._kept(index, group, group.rollup))]
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
        either = " OR ".join(group.conditions())
        if either and group.rollup is None:
            wheres.append(f"({either})" if len(group.conditions()) > 1 else either)
        wheres += [f"({asked.sql})" for asked in self.plan.conditions]
        sql = (
            f"  SELECT {', '.join(selected)}\n  FROM {rows.source}\n  WHERE {' AND '.join(wheres)}"
        )
        if by:
            sql += f"\n  GROUP BY {by}"
        if group.rollup is not None and self.plan.keys:
            sql += f"\n  HAVING {either}"
        if group.rollup is None and self.plan.facts[group.table].reader is not None:
            return [(f"f{index}", self._brought(index, group, rows.steps, sql))]
        return [*rows.steps, (f"f{index}", sql)]

    def _brought(self, index: int, group: Group, steps: list[tuple[str, str]], sql: str) -> str:
        """What was aggregated where the facts lie."""
        name = f"brought{index}"
        before = ",\n".join(f"{step} AS (\n{each}\n)" for step, each in steps)
        asked = f"WITH {before}\n{sql}" if before else sql
        self.elsewhere.append(Elsewhere(name, group.table, asked, self._used(asked)))
        return f"  SELECT * FROM {name}"

    def _kept(self, index: int, group: Group, rollup: ExactAnswers) -> str:
        """The answers that were computed when the edition was published."""
        plan, name = self.plan, f"kept{index}"
        word = plan.question.by[0] if plan.keys else UNDIVIDED
        starts = [period.start for period in plan.shifted[group.back]]
        self.parameters |= {
            f"{name}_p": starts,
            f"{name}_grain": plan.question.grain,
            f"{name}_word": word,
            f"{name}_low": min(starts),
            f"{name}_high": max(starts),
        }
        selected = [f"{ROW}.period AS period"]
        if word:
            selected.append(f"CAST({ROW}.member AS {plan.type_of(group.table, word)}) AS d0")
        selected += [f"{sql} AS {column}" for sql, column in group.columns.items()]
        wheres = [
            f"{ROW}.grain = ${name}_grain",
            f"{ROW}.dimension = ${name}_word",
            f"{ROW}.period BETWEEN ${name}_low AND ${name}_high",
        ]
        # What a shifted question leaves out between its periods shall not add keys.
        if plan.has_gaps(group.back):
            wheres.append(f"list_contains(${name}_p, {ROW}.period)")
        if word:
            wheres.append(f"({' OR '.join(group.conditions())})")
        return (
            f"  SELECT {', '.join(selected)}\n  FROM {SCHEMA}.{quoted(rollup.name)} AS {ROW}\n"
            f"  WHERE {' AND '.join(wheres)}"
        )

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

    def _level(self, index: int) -> str:
        """All that the level below has, and the metrics of this one."""
        selected = ["r.*"] if index else ["p.*", *(f"k.{key}" for key in self.plan.keys)]
        for node in self.plan.levels[index]:
            name = self.plan.names[node]
            selected += [f"{sql} AS {letter}_{name}" for letter, sql in self._numbers(node).items()]
        return f"  SELECT {', '.join(selected)}\n  {self._below(index)}"

    def _result(self) -> str:
        """The top level, of which what was asked is selected under its name."""
        top = len(self.plan.levels) - 1
        # Qualified, for a metric or a dimension may have the name of one of these columns.
        period = "r.s0" if top else "p.s0"
        keys = [f"r.{key}" if top else f"k.{key}" for key in self.plan.keys]
        selected = [] if self.plan.total else [f"{period} AS period"]
        selected += [
            f"{key} AS {quoted(word)}"
            for word, key in zip(self.plan.question.by, keys, strict=True)
        ]
        for metric in self.plan.question.metrics:
            node = Node(metric)
            for letter, sql in self._numbers(node).items():
                computed = f"r.{letter}_{self.plan.names[node]}"
                chosen = sql if node in self.plan.levels[top] else computed
                selected.append(f"{chosen} AS {quoted(metric + _NAMED[letter])}")
        order = [] if self.plan.total else [period]
        order += [f"{key} NULLS LAST" for key in keys]
        ordered = f"\nORDER BY {', '.join(order)}" if order else ""
        return f"SELECT {', '.join(selected)}\n{self._below(top)}{ordered}"

    def _below(self, index: int) -> str:
        """What a level is computed from: the level below, or all groups beside their periods."""
        if index:
            return f"FROM level{index - 1} AS r"
        crossed = " CROSS JOIN keys AS k" if self.plan.keys else ""
        joins = []
        for position, group in enumerate(self.plan.groups):
            alias, shift = f"f{position}", self.plan.shifts.index(group.back)
            on = [] if self.plan.total else [f"{alias}.period = p.s{shift}"]
            on += [f"{alias}.{key} IS NOT DISTINCT FROM k.{key}" for key in self.plan.keys]
            joins.append(f"\n  LEFT JOIN {alias} ON {' AND '.join(on) or 'true'}")
        return f"FROM periods AS p{crossed}{''.join(joins)}"

    def _numbers(self, node: Node) -> dict[str, str]:
        """The SQL of a metric by letter: its value, its n and, where it has one, its margin."""
        metric = self.plan.vocabulary.metrics[node.metric]
        if isinstance(metric.value, FactValue):
            return self._of_facts(node, metric, metric.value.formula)
        return self._of_metrics(node, metric, metric.value.formula)

    def _of_facts(self, node: Node, metric: Metric, formula: Formula) -> dict[str, str]:
        index, group = self.plan.group_of(node)
        known = f"p.{self.plan.known[metric.tables[0], group.back]}"
        slots = {}
        counts = []
        for position, (aggregate, *columns) in enumerate(group.columns_of(metric)):
            column, counted = (f"f{index}.{name}" for name in columns)
            counts.append(counted)
            if aggregate.is_count:
                # Rows of other metrics in this period do not make this one's nothing known.
                some = f"nullif({counted}, 0)"
                if column != counted:
                    some = f"CASE WHEN {counted} > 0 THEN {column} END"
                column = f"coalesce({some}, {known})"
            slots[f"a{position}"] = column
        n = counts[0] if len(set(counts)) == 1 else f"greatest({', '.join(dict.fromkeys(counts))})"
        numbers = {
            "v": _emptied(metric, formula.sql(slots), known),
            "n": f"coalesce({n}, 0)",
        }
        if metric.margin and node.metric in self.plan.question.metrics:
            numbers["e"] = _margin(metric, slots)
        return numbers

    def _of_metrics(self, node: Node, metric: Metric, formula: Formula) -> dict[str, str]:
        vocabulary = self.plan.vocabulary
        below = {s: self.plan.names[n] for s, n in inputs(vocabulary, node).items()}
        value = formula.sql({slot: f"r.v_{name}" for slot, name in below.items()})
        known = " + ".join(f"r.{self.plan.known[t]}" for t in tables_below(vocabulary, node))
        counts = list(dict.fromkeys(f"r.n_{name}" for name in below.values()))
        n = counts[0] if len(counts) == 1 else f"least({', '.join(counts)})"
        return {"v": _emptied(metric, value, known), "n": n}


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
    return f"coalesce({value}, CASE WHEN {known} = 0 THEN {number(metric.empty)} END)"
