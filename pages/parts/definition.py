"""How a metric is computed: its formula in words, where it comes from, and what uses it."""

from __future__ import annotations

import html
import re

from kpi.answers import statement
from kpi.editions import Edition
from kpi.expression import FactValue
from kpi.formats import Formats
from kpi.periods import step
from kpi.questions import Question
from kpi.reach import AsOf, Latest, Reach, ToDate, Window
from kpi.scorecard import changes, overlaps
from kpi.vocabulary import Metric
from pages.parts.frame import escaped, link
from pages.parts.over_time import OverTime
from pages.parts.spans import length
from pages.parts.vocabulary_list import instead

_CLAUSE = re.compile(r"\s+(from|where)\s+")


def formula(edition: Edition, metric: Metric) -> str:
    """The value as the analyst wrote it, and in words what that means for a period."""
    facts = "".join(
        f"<dt>{what}</dt><dd>{how}</dd>" for what, how in _in_words(edition, metric).items()
    )
    return (
        f'<h2 class="section">Value <span class="muted small">as it is computed</span></h2>'
        f'<div class="value-text">{_value_text(metric)}</div>'
        f'<dl class="facts">{facts}</dl>'
    )


def entry_head(edition: Edition, metric: Metric) -> str:
    """What stands above the entry: the file and the line where it begins."""
    line = edition.vocabulary.document.key_place(("metrics", metric.name)).line
    return (
        '<h2 class="section">Entry in metrics.yaml '
        f'<span class="muted small">line {line}, as of this edition</span></h2>'
    )


def sql_text(edition: Edition, course: OverTime) -> str:
    """The statement that answers for the periods on this page, and the values it is run with."""
    last = course.row.period
    start = step(course.calendar, last, -1).start
    question = Question((course.row.metric.name,), course.grain, start=start, end=last.end)
    compiled = statement(edition, question)
    values = "\n".join(f"-- ${name} = {_listed(v)}" for name, v in compiled.parameters.items())
    return f"{values}\n{compiled.sql}"


def _listed(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _value_text(metric: Metric) -> str:
    """The value in lines, each metric in it a link to its own definition."""
    text = _CLAUSE.sub(lambda match: f"\n{match[1]} ", metric.text.strip())
    if not metric.inputs:
        return html.escape(text)
    # The pattern is one group, so that the names stand at the odd places.
    pieces = re.split(rf"\b({'|'.join(metric.inputs)})\b", text)
    return "".join(
        link("metric", piece, m=piece, tab="definition") if index % 2 else html.escape(piece)
        for index, piece in enumerate(pieces)
    )


def _in_words(edition: Edition, metric: Metric) -> dict[str, str]:
    vocabulary, formats = edition.vocabulary, edition.vocabulary.formats
    said = {}
    if isinstance(metric.value, FactValue):
        table = vocabulary.tables[metric.tables[0]]
        time = vocabulary.time_column(metric)
        said["Counted"] = (
            f"{_reach(metric.reach)} <b>{escaped(time)}</b>, each row of "
            f"<b>{escaped(table.name)}</b> being {escaped(table.row)}"
        )
        if table.settles_after:
            said["Complete"] = f"{length(table.settles_after)} after a period has ended"
    else:
        inputs = ", ".join(
            link("metric", escaped(vocabulary.metrics[n].label), m=n, tab="definition")
            for n in metric.inputs
        )
        said["Made of"] = f"{inputs}; each is computed alone, the division comes last"
    said |= instead(vocabulary, metric)
    said["Without rows"] = _empty(formats, metric)
    words = [vocabulary.dimensions[word].label for word in metric.dimensions]
    said["By"] = escaped(", ".join(words)) or "no dimension that all its facts share"
    said["Good"] = "more is better" if metric.good == "up" else "less is better"
    if metric.margin:
        said["Margin"] = "95 of 100 such samples have the true value within it"
    if overlaps(vocabulary, metric):
        said["Judged"] = "on each period's own rows, as neighbouring periods share most of theirs"
    for day, what in changes(vocabulary, metric):
        said[f"Changed {formats.day(day)}"] = escaped(what)
    if metric.min_sample:
        said["Too few"] = (
            f"below {formats.count(metric.min_sample)} rows it is shown, but not judged"
        )
    return said


def _reach(reach: Reach) -> str:
    """Which rows a period takes, up to the time that decides."""
    match reach:
        case Window(span):
            since = f"in the {span} that end with the period" if span else "up to the period's end"
            return f"{since}, by"
        case ToDate(unit):
            return f"from the start of the {unit} to the end of the period, by"
        case AsOf(_, end):
            until = f", until <b>{escaped(end)}</b>" if end else ""
            return f"where open at the end of the period{until}, from"
        case Latest(per, carry):
            within = "at the end of the period" if carry else "in the period"
            return f"the latest of each <b>{escaped(per)}</b> {within}, by"
    return "in the period of"


def _empty(formats: Formats, metric: Metric) -> str:
    """What a period without any row is worth."""
    if metric.empty is not None:
        return f"a period counts as {formats.exact(metric.empty)}"
    value = metric.value
    if isinstance(value, FactValue) and len(value.aggregates) == 1:
        alone = value.formula.sql({"a0": "x"}).strip("()") == "x"
        if alone and value.aggregates[0].is_count:
            return "a period counts as 0"
    return "a period is unknown, not 0"
