"""The scorecard: every shown metric with its number, status, change, signal and freshness."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kpi.answers import Cell, ask_apart
from kpi.editions import Edition, Freshness, SourceReport, freshness
from kpi.formats import decimals
from kpi.judge import Change, Judged, Signal, Status, Verdict, change, judge, status
from kpi.periods import DAY, FIRST_DAY, GRAINS, Period, parse_period, period_of, step
from kpi.questions import Question, can_be_asked
from kpi.reach import OVERLAPPING
from kpi.restated import Restated
from kpi.vocabulary import Metric, Outcome, Vocabulary

# How far back a grain is judged, and how much of that a row shows.
JUDGED = {"day": 90, "week": 52, "month": 36, "quarter": 20, "year": 15}
SHOWN = {"day": 30, "week": 26, "month": 24, "quarter": 12, "year": 10}


@dataclass(frozen=True)
class Point:
    """One period of a metric's history."""

    period: Period
    value: float | None
    n: int
    complete: bool
    signal: Signal | None
    margin: float | None = None


@dataclass(frozen=True)
class Row:
    """One metric as the scorecard shows it.

    `period` is the one that the number belongs to; it is earlier than the scorecard's where the
    sources have not told of that one yet. `points` are complete periods up to `period`, in order
    of time, as many as are judged. `margin` is half the width of the value's 95 % interval.

    Where neighbouring periods share rows, `own` are the same periods with their own rows alone: the
    value is shown, but the routine range and the signals are those of `own`. There a value is None
    where too few rows are the period's own.

    `days` is only there where the period is not over: the number is that of so many first days.
    `only_by` is the shortest grain at which the metric has numbers, where it has none at this one.
    """

    metric: Metric
    period: Period
    value: float | None
    n: int
    target: float | None
    status: Status
    change: Change | None
    judged: Judged
    points: tuple[Point, ...]
    late: Freshness | None
    freshness: Freshness | None
    margin: float | None = None
    own: tuple[Point, ...] = ()
    restated: Restated | None = None
    days: int | None = None
    only_by: str | None = None

    @property
    def signal(self) -> Signal | None:
        """The signal at the shown period; a period that is not over has none."""
        return self.judged.latest if self.value is not None and self.days is None else None

    @property
    def needs_attention(self) -> bool:
        """Whether it is off its target or near, late, or signals worse."""
        worse = self.signal is not None and self.signal.verdict is Verdict.WORSE
        return worse or self.late is not None or self.status in (Status.OFF_TARGET, Status.NEAR)


@dataclass(frozen=True)
class Band:
    """An outcome with its rows by side, in the vocabulary's order."""

    outcome: Outcome
    joint: tuple[Row, ...]
    it: tuple[Row, ...]
    business: tuple[Row, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        return (*self.joint, *self.it, *self.business)


@dataclass(frozen=True)
class Scorecard:
    """All bands for one period, with what is counted and what is worth a question."""

    grain: str
    period: Period
    bands: tuple[Band, ...]
    late_sources: tuple[SourceReport, ...]
    incomplete: bool = False

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for band in self.bands for row in band.rows)

    @property
    def counts(self) -> Counter[Status]:
        """How many rows have each status; never filtered."""
        return Counter(row.status for row in self.rows)

    @property
    def signals(self) -> int:
        """How many rows signal."""
        return sum(row.signal is not None for row in self.rows)

    @property
    def questions(self) -> tuple[Row, ...]:
        """At most three rows worth a question: off target and worse, then worse, then better."""
        ranked = []
        for index, row in enumerate(self.rows):
            if row.signal is None:
                continue
            worse = row.signal.verdict is Verdict.WORSE
            rank = 0 if worse and row.status is Status.OFF_TARGET else 1 if worse else 2
            ranked.append((rank, index, row))
        return tuple(row for _, _, row in sorted(ranked, key=lambda r: r[:2])[:3])


def scorecard(
    edition: Edition, grain: str = "week", *, now: dt.datetime, period: Period | None = None
) -> Scorecard:
    """The scorecard of an edition for its last whole period of this grain, or for an earlier one.

    The last period follows from when the edition was published, so that an edition always shows
    the same; only the age of its sources follows `now` (naive UTC). An earlier period is judged by
    what came before it and by nothing that came later, in the facts and words of this edition.
    """
    vocabulary = edition.vocabulary
    shown = vocabulary.shown
    period = period or last_period(edition, grain)
    series = history(edition, tuple(metric.name for metric in shown), grain, period)
    overlapping = tuple(metric.name for metric in shown if overlaps(vocabulary, metric))
    own = history(edition, overlapping, grain, period, own_rows=True)
    rows = {m.name: row(edition, m, period, series[m.name], now, own.get(m.name)) for m in shown}
    bands = []
    for outcome in vocabulary.outcomes.values():
        of = [rows[m.name] for m in shown if m.outcome == outcome.name]
        sides = {s: tuple(r for r in of if r.metric.side == s) for s in ("joint", "it", "business")}
        if of:
            bands.append(Band(outcome, sides["joint"], sides["it"], sides["business"]))
    late = tuple(r for r in edition.reports if freshness(r, now).word in ("late", "failing"))
    return Scorecard(grain, period, tuple(bands), late)


def last_period(edition: Edition, grain: str) -> Period:
    """The last period of this grain that was over when the edition was published."""
    calendar = edition.vocabulary.calendar
    today = calendar.local_day(edition.published_at)
    return period_of(calendar, grain, period_of(calendar, grain, today).start - DAY)


def period_at(edition: Edition, grain: str, text: str) -> Period:
    """The period of this grain in which a named one begins: `2026-W44`, `2026-10`, `2026-10-26`.

    Where the text names none, or one that was not over, it is the last that was.
    """
    calendar, last = edition.vocabulary.calendar, last_period(edition, grain)
    named = parse_period(calendar, text)
    if named is None or not FIRST_DAY <= named.start < last.end:
        return last
    found = period_of(calendar, grain, named.start)
    return found if step(calendar, found, 1 - JUDGED[grain]).start >= FIRST_DAY else last


def history(
    edition: Edition,
    metrics: tuple[str, ...],
    grain: str,
    period: Period,
    *,
    own_rows: bool = False,
) -> dict[str, tuple[Cell, ...]]:
    """The cells of these metrics, as many periods as are judged, up to and with this period.

    A metric that has no numbers at this grain, such as a budget by week, has no cells.
    """
    vocabulary = edition.vocabulary
    asked = [m for m in metrics if can_be_asked(vocabulary, vocabulary.metrics[m], grain)]
    if not asked:
        return dict.fromkeys(metrics, ())
    start = step(vocabulary.calendar, period, 1 - JUDGED[grain]).start
    question = Question(tuple(asked), grain, start=start, end=period.end, own_rows=own_rows)
    # One metric that cannot be computed must not take the others down with it.
    answer, _ = ask_apart(edition, question)
    return {name: answer.of(name) for name in metrics}


def overlaps(vocabulary: Vocabulary, metric: Metric) -> bool:
    """Whether neighbouring periods share rows: it, or a metric below it, is windowed or to date.

    Such values follow each other so closely that a routine range of them would say nothing.
    """
    if isinstance(metric.reach, OVERLAPPING):
        return True
    return any(overlaps(vocabulary, vocabulary.metrics[name]) for name in metric.inputs)


def changes(vocabulary: Vocabulary, metric: Metric) -> tuple[tuple[dt.date, str], ...]:
    """When the metric, or one below it, began to mean something else, and what changed."""
    found = set(metric.changed)
    for name in metric.inputs:
        found.update(changes(vocabulary, vocabulary.metrics[name]))
    return tuple(sorted(found))


def breaks(periods: Sequence[Period], days: Sequence[dt.date]) -> tuple[int, ...]:
    """At which of these periods, in order of time, a new stretch begins.

    It is the first that holds or follows the day of the change: a period in which the meaning
    changed is no longer like those before it.
    """
    found = (next((i for i, p in enumerate(periods) if p.end > day), None) for day in days)
    return tuple(index for index in found if index)


def row(
    edition: Edition,
    metric: Metric,
    period: Period,
    cells: tuple[Cell, ...],
    now: dt.datetime,
    own: tuple[Cell, ...] | None = None,
) -> Row:
    """One metric's row from its cells; `own` are those of each period's own rows if it overlaps."""
    calendar = edition.vocabulary.calendar
    whole = [cell for cell in cells if cell.complete]
    known = [cell for cell in whole if cell.value is not None]
    # The asked period where it can be told of, even if what it tells is that nothing is known.
    shown = whole[-1] if whole and known else None
    if shown is not None and shown.period is not None:
        period = period_of(calendar, period.grain, shown.period)
    value, n = (shown.value, shown.n) if shown else (None, 0)
    goal = metric.target.value(calendar, period) if metric.target else None
    periods = [period_of(calendar, period.grain, c.period) for c in whole if c.period is not None]
    judged_cells = whole if own is None else [_enough(metric, c) for c in own if c.complete]
    changed = [day for day, _ in changes(edition.vocabulary, metric)]
    judged = judge([c.value for c in judged_cells], metric.good, breaks(periods, changed))
    before = whole[-2].value if len(whole) > 1 else None
    fresh = metric_freshness(edition, metric, now)
    return Row(
        metric=metric,
        period=period,
        value=value,
        n=n,
        target=goal,
        status=standing(metric, value, n, goal),
        change=change(value, before, metric.good, decimals(metric)),
        judged=judged,
        points=_points(periods, whole, judged),
        late=fresh if fresh is not None and fresh.word in ("late", "failing") else None,
        freshness=fresh,
        margin=shown.margin if shown else None,
        own=_points(periods, judged_cells, judged) if own is not None else (),
        restated=edition.restated.get((metric.name, period.grain, period.start)),
        only_by=_only_by(edition.vocabulary, metric, period.grain),
    )


def standing(metric: Metric, value: float | None, n: int, target: float | None) -> Status:
    """How a number of the metric stands against a target, by the metric's own tolerance."""
    return status(
        value,
        n,
        target=target,
        tolerance=metric.tolerance,
        good=metric.good,
        min_sample=metric.min_sample,
    )


def _only_by(vocabulary: Vocabulary, metric: Metric, grain: str) -> str | None:
    if can_be_asked(vocabulary, metric, grain):
        return None
    return next((each for each in GRAINS if can_be_asked(vocabulary, metric, each)), None)


def _points(periods: Sequence[Period], cells: Sequence[Cell], judged: Judged) -> tuple[Point, ...]:
    return tuple(
        Point(period, cell.value, cell.n, cell.complete, signal, cell.margin)
        for period, cell, signal in zip(periods, cells, judged.signals, strict=True)
    )


def _enough(metric: Metric, cell: Cell) -> Cell:
    """A period's own cell; its value is not known where too few rows are the period's own."""
    return cell if cell.n >= max(metric.min_sample, 1) else replace(cell, value=None)


def sources_of(edition: Edition, metric: Metric) -> tuple[SourceReport, ...]:
    """The sources that fill the fact tables below a metric."""
    return tuple(r for r in edition.reports if set(r.into) & set(metric.tables))


def metric_freshness(edition: Edition, metric: Metric, now: dt.datetime) -> Freshness | None:
    """The freshness of the metric's worst source; None where no source fills its tables."""
    found = [freshness(report, now) for report in sources_of(edition, metric)]
    return max(
        found, key=lambda f: (f.word in ("late", "failing"), f.age or dt.timedelta(0)), default=None
    )
