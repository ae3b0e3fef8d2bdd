"""A number beside an earlier one: a year before, or as far into the period before.

The rules:

* The previous period is the one before, whole.
* The same period last year is the one that `ago(metric, '1 year')` means: a day is clipped to its
  month's last, a week is the one that holds the day a year before its first day.
* A period that is not over is never compared with a whole one. Of both, the same number of whole
  days from their first day on is taken, as many as all sources have told of and as have settled;
  where the period before has fewer days, all of it.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from dataclasses import dataclass

from kpi.answers import Readable, ask, complete
from kpi.formats import decimals
from kpi.judge import Change, change
from kpi.periods import DAY, Calendar, Period, step
from kpi.questions import TOTAL, Question
from kpi.reach import Span, earlier
from kpi.vocabulary import Metric, Vocabulary

_YEAR = Span(1, "year")


@dataclass(frozen=True)
class Comparison:
    """Two values of a metric and the difference; `days` where only first days are compared."""

    period: Period
    value: float
    against: Period
    before: float
    change: Change
    days: int | None = None


@dataclass(frozen=True)
class Pair:
    """Two periods that may be compared; `days` where that is only as many first days of both."""

    before: Period
    after: Period
    days: int | None = None

    def questions(self, *metrics: str, by: tuple[str, ...] = ()) -> tuple[Question, Question]:
        """What to ask of the earlier one and of the later."""
        asked = []
        for period in (self.before, self.after):
            grain, start, end = period.grain, period.start, period.end
            if self.days is not None:
                grain, (start, end) = TOTAL, first_days(period, self.days)
            asked.append(Question(metrics, grain, by, start=start, end=end))
        return asked[0], asked[1]


def year_before(calendar: Calendar, period: Period) -> Period:
    """The same period last year."""
    found = earlier(calendar, period, _YEAR)
    assert found is not None, "every grain can be moved by a year"
    return found


def first_days(period: Period, count: int) -> tuple[dt.date, dt.date]:
    """The half-open range of the first days of a period, all of it where it has fewer."""
    return period.start, min(period.start + count * DAY, period.end)


def with_year_before(
    edition: Readable, metric: Metric, period: Period, value: float | None
) -> Comparison | None:
    """A complete period's value beside the same period last year.

    None where one of the two is unknown, or last year's was told of only in part.
    """
    against = year_before(edition.vocabulary.calendar, period)
    if value is None or not complete(edition, metric, against):
        return None
    question = Question((metric.name,), period.grain, start=against.start, end=against.end)
    (found,) = ask(edition, question).cells
    return _compared(metric, period, value, against, found.value)


def so_far(
    edition: Readable, metric: Metric, period: Period, against: Period | None = None
) -> Comparison | None:
    """A period that is not over beside the same first days of the one before, or of another.

    None where no whole day of it has been told of yet, or where a row stands for more than a day.
    """
    pair = _begun(edition, metric, period, against or step(edition.vocabulary.calendar, period, -1))
    if pair is None:
        return None
    values = []
    for question in pair.questions(metric.name):
        (found,) = ask(edition, question).cells
        values.append(found.value)
    return _compared(metric, period, values[1], pair.before, values[0], pair.days)


def alike(edition: Readable, metric: Metric, period: Period, against: Period) -> Pair | None:
    """What of two periods can be held against each other: all, or as many first days of both.

    None where the earlier one was told of only in part, or where nothing can be said of the later.
    """
    if not complete(edition, metric, period):
        return _begun(edition, metric, period, against)
    return Pair(against, period) if complete(edition, metric, against) else None


def _begun(edition: Readable, metric: Metric, period: Period, against: Period) -> Pair | None:
    if not told_by_day(edition.vocabulary, metric):
        return None
    days = elapsed(edition, metric, period)
    if days == 0 or not complete(edition, metric, against):
        return None
    return Pair(against, period, days)


def told_by_day(vocabulary: Vocabulary, metric: Metric) -> bool:
    """Whether the first days of a period can be told apart: no row stands for more than a day."""
    return all(vocabulary.tables[name].grain in (None, "day") for name in metric.tables)


def elapsed(edition: Readable, metric: Metric, period: Period) -> int:
    """How many whole days from its first on all sources of the metric have told of."""

    def open_still(count: int) -> bool:
        start, end = first_days(period, count)
        return not complete(edition, metric, Period(TOTAL, start, end))

    return bisect_left(range(1, period.days + 1), True, key=open_still)


def _compared(
    metric: Metric,
    period: Period,
    value: float | None,
    against: Period,
    before: float | None,
    days: int | None = None,
) -> Comparison | None:
    found = change(value, before, metric.good, decimals(metric))
    if found is None or value is None or before is None:
        return None
    return Comparison(period, value, against, before, found, days)
