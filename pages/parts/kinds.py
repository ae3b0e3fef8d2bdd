"""What kind of number a metric is, in a few words: a count, a sum, a rate, a level."""

from __future__ import annotations

from kpi.expression import Aggregate, FactValue
from kpi.reach import AsOf, Latest, ToDate, Window
from kpi.vocabulary import Metric, Vocabulary

_NAMED = {
    "count": "count of rows",
    "count_if": "count of rows",
    "sum": "sum",
    "avg": "average",
    "min": "smallest value",
    "max": "largest value",
    "median": "median",
    "percentile": "percentile",
    "percentile_disc": "percentile",
}


def kind(vocabulary: Vocabulary, metric: Metric) -> str:
    """'rate of two sums; computed anew from the rows for every period and part'."""
    if vocabulary.is_flow(metric):
        return f"{_named(metric)}; adds up over time"
    if isinstance(metric.value, FactValue):
        return f"{_named(metric)}{_reach(metric)}; computed anew from the rows of every period"
    return "formula of metrics; each is computed alone for every period, the division comes last"


def _named(metric: Metric) -> str:
    value = metric.value
    if not isinstance(value, FactValue):
        return "sum of metrics"
    names = [_aggregate(aggregate) for aggregate in value.aggregates]
    if value.formula.is_one_slot:
        return names[0]
    if len(names) == 2 and "/" in value.formula.text:
        return f"rate of two {names[0]}s" if names[0] == names[1] else f"rate, {' by '.join(names)}"
    return f"formula of {', '.join(dict.fromkeys(names))}"


def _aggregate(aggregate: Aggregate) -> str:
    if "(DISTINCT " in aggregate.sql:
        return "count of different values"
    return _NAMED[aggregate.kind]


def _reach(metric: Metric) -> str:
    match metric.reach:
        case Window(span):
            return f" over the {span} that end with the period" if span else " over all rows so far"
        case ToDate(unit):
            return f" since the start of the {unit}"
        case AsOf():
            return " as a level at the end of the period"
        case Latest(per, _):
            return f" over the latest row of each {per}"
    return ""
