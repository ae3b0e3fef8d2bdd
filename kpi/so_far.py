"""The scorecard of the period that is not over yet: its first whole days beside as many before.

The rules:

* Of each metric as many first days are taken as all its sources have told of and as have settled.
  Two metrics of one scorecard may so stand at different days; each row says at which.
* It has changed against the same first days of the period before, all of it where that has fewer.
* A flow is held against the part of its target that those days bear, by day as ever; one whose
  target names no period is held against none, for nobody has said what a part of it should be. A
  level or a rate is held against the target in force on the last of the days.
* Nothing signals: what is routine for whole periods says nothing about a part of one. The past and
  its routine range are those up to the last whole period.
* Where no whole day has been told of, or a row stands for more than a day, there is no number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kpi.answers import Cell, ask_apart, complete
from kpi.comparisons import elapsed, first_days, told_by_day
from kpi.editions import Edition
from kpi.formats import decimals
from kpi.judge import change
from kpi.periods import DAY, Period, step
from kpi.plan import Node, tables_below
from kpi.questions import TOTAL, Question
from kpi.scorecard import Band, Row, Scorecard, standing
from kpi.vocabulary import Metric


@dataclass(frozen=True)
class _Begun:
    """How far a metric has come: so many first days, to be compared with the period before."""

    days: int
    comparable: bool


def scorecard_so_far(edition: Edition, whole: Scorecard) -> Scorecard:
    """The scorecard of the period after that of `whole`, the edition's last complete one."""
    period = step(edition.vocabulary.calendar, whole.period, 1)
    begun = _begun(edition, [row.metric for row in whole.rows], period)
    now = _first_values(edition, begun, period)
    comparable = {name: one for name, one in begun.items() if one.comparable}
    before = _first_values(edition, comparable, whole.period)

    def rows(of: Sequence[Row]) -> tuple[Row, ...]:
        names = ((row, row.metric.name) for row in of)
        return tuple(
            _row(edition, row, period, begun[name].days, now.get(name), before.get(name))
            for row, name in names
        )

    bands = tuple(
        Band(band.outcome, rows(band.joint), rows(band.it), rows(band.business))
        for band in whole.bands
    )
    return replace(whole, period=period, bands=bands, incomplete=True)


def _begun(edition: Edition, metrics: Sequence[Metric], period: Period) -> Mapping[str, _Begun]:
    """How far each metric has come; what rests on the same facts has come equally far."""
    before = step(edition.vocabulary.calendar, period, -1)
    known: dict[object, _Begun] = {}
    found = {}
    for metric in metrics:
        basis = tables_below(edition.vocabulary, Node(metric.name))
        if basis not in known:
            by_day = told_by_day(edition.vocabulary, metric)
            days = elapsed(edition, metric, period) if by_day else 0
            known[basis] = _Begun(days, days > 0 and complete(edition, metric, before))
        found[metric.name] = known[basis]
    return found


def _first_values(
    edition: Edition, begun: Mapping[str, _Begun], period: Period
) -> Mapping[str, Cell]:
    """The cells of a period's first days, one question for all metrics with equally many."""
    together: dict[int, list[str]] = defaultdict(list)
    for name, one in begun.items():
        if one.days:
            together[one.days].append(name)
    found = {}
    for days, names in together.items():
        start, end = first_days(period, days)
        answer, _ = ask_apart(edition, Question(tuple(names), TOTAL, start=start, end=end))
        found.update({cell.metric: cell for cell in answer.cells})
    return found


def _row(
    edition: Edition, row: Row, period: Period, days: int, now: Cell | None, before: Cell | None
) -> Row:
    metric = row.metric
    value, n = (now.value, now.n) if now else (None, 0)
    goal = _target(edition, metric, period, days)
    return replace(
        row,
        period=period,
        days=days,
        value=value,
        n=n,
        target=goal,
        status=standing(metric, value, n, goal),
        change=change(value, before.value if before else None, metric.good, decimals(metric)),
        margin=now.margin if now else None,
        restated=None,
    )


def _target(edition: Edition, metric: Metric, period: Period, days: int) -> float | None:
    """What the first days of a period are held against."""
    if metric.target is None or days == 0:
        return None
    start, end = first_days(period, days)
    agreed = metric.target.at(end - DAY)
    if agreed is not None and agreed.per is None and edition.vocabulary.is_flow(metric):
        return None
    return metric.target.value(edition.vocabulary.calendar, Period(TOTAL, start, end))
