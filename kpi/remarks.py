"""What somebody who reads an answer should know beside its numbers."""

from __future__ import annotations

from collections.abc import Iterator

from kpi.allowlist import Comparison
from kpi.answers import Answer, Readable, ranged
from kpi.expression import parse_condition, quoted
from kpi.periods import Period
from kpi.questions import TOTAL, Question, asked_periods
from kpi.vocabulary import Metric
from kpi.yaml_text import nearest

_SHOWN = 10


def remarks(edition: Readable, question: Question, answer: Answer) -> Iterator[str]:
    """One sentence each: a wider range than asked for, a filter without rows, too few rows."""
    yield from _widened(edition, question)
    metrics = [edition.vocabulary.metrics[name] for name in question.metrics]
    for text in question.where:
        for compared in parse_condition(text).comparisons:
            yield from _unknown_value(edition, metrics, compared)
    for metric in metrics:
        cells = [cell for cell in answer.of(metric.name) if cell.value is not None]
        few = [cell for cell in cells if cell.n < metric.min_sample]
        if few:
            every = "All" if len(few) == len(cells) else f"{len(few)} of {len(cells)}"
            least = metric.min_sample
            yield f"{every} values of '{metric.name}' rest on too few rows: n is below {least}."


def unknown_values(edition: Readable, metric: Metric) -> Iterator[tuple[Comparison, str]]:
    """Every text that a metric's value compares a column with, though no row has it."""
    for compared in getattr(metric.value, "comparisons", ()):
        for said in _unknown_value(edition, [metric], compared):
            yield compared, said


def _widened(edition: Readable, question: Question) -> Iterator[str]:
    asked = ranged(edition, question)
    if question.grain == TOTAL or asked.start is None or asked.end is None:
        return
    periods = asked_periods(edition.vocabulary.calendar, asked)
    first, last = periods[0], periods[-1]
    cut_off = (question.start and first.start < question.start) or (
        question.end and last.end > question.end
    )
    if cut_off:
        whole = edition.vocabulary.formats.days(Period(TOTAL, first.start, last.end))
        yield f"The range was widened to whole {question.grain}s, {whole}; a total is not widened."


def _unknown_value(edition: Readable, metrics: list[Metric], compared: Comparison) -> Iterator[str]:
    """Where no row of any fact table below has the text that a column is to be equal to."""
    if not (compared.is_text and compared.is_equality):
        return
    column = quoted(compared.column)
    tables = [
        table
        for table in dict.fromkeys(table for metric in metrics for table in metric.tables)
        if edition.facts.get(table)
        and edition.facts[table].columns.get(compared.column) == "VARCHAR"
    ]
    if any(edition.facts[table].reader is not None for table in tables):
        return  # which texts there are, only the lake knows
    there: list[str] = []
    for table in tables:
        found = edition.query(
            f"SELECT DISTINCT {column} FROM main.{quoted(table)} WHERE {column} IS NOT NULL "
            f"ORDER BY {column} = $value DESC, {column} LIMIT {_SHOWN + 1}",
            {"value": compared.value.name},
        )
        there += [value for (value,) in found]
    if not tables or compared.value.name in there:
        return
    fix = nearest(compared.value.name, there)
    if not fix:
        more = " and more" if len(there) > _SHOWN else ""
        listed = ", ".join(f"'{value}'" for value in dict.fromkeys(there[:_SHOWN])) or "no value"
        fix = f"There is {listed}{more}."
    yield f"No row has {compared.column} '{compared.value.name}'. {fix}"
