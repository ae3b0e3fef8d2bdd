"""A metric over time as its page shows it: judged periods, then those that are not over yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from kpi.annotations import Mark, Marks, marks
from kpi.answers import ask
from kpi.comparisons import Comparison, so_far, with_year_before
from kpi.editions import Edition
from kpi.formats import Formats, age, decimals
from kpi.judge import Limits, Signal
from kpi.periods import DAY, Calendar, Period, period_of, step
from kpi.questions import Question
from kpi.scorecard import JUDGED, Row, breaks, changes, last_period, overlaps, row
from kpi.vocabulary import Metric


@dataclass(frozen=True)
class Moment:
    """One period of a metric; an incomplete one is not judged."""

    period: Period
    value: float | None
    n: int
    target: float | None
    complete: bool
    signal: Signal | None
    margin: float | None = None


@dataclass(frozen=True)
class Break:
    """Where a metric began to mean something else: the first period that does, and what changed."""

    period: Period
    day: dt.date
    what: str


@dataclass(frozen=True)
class Happened:
    """A period in which something began that is marked on the chart, by its number there."""

    number: int
    period: Period
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class OverTime:
    """A metric's row as on the scorecard, and every period that its judgement looked at."""

    row: Row
    grain: str
    formats: Formats
    moments: tuple[Moment, ...]
    breaks: tuple[Break, ...] = ()
    year_before: Comparison | None = None
    so_far: Comparison | None = None
    happened: tuple[Happened, ...] = ()
    more_happened: int = 0

    @property
    def calendar(self) -> Calendar:
        """The calendar of its periods."""
        return self.formats.calendar

    @property
    def routine_ranges(self) -> tuple[tuple[Period, Period, Limits], ...]:
        """The stretches that have limits of what is drawn: the first and last period of each.

        A metric whose periods share rows has none: its limits are those of other values.
        """
        points, stretches = self.row.points, self.row.judged.stretches
        if not points or self.row.own:
            return ()
        ends = [stretch.start - 1 for stretch in stretches[1:]] + [len(points) - 1]
        return tuple(
            (points[stretch.start].period, points[end].period, stretch.limits)
            for stretch, end in zip(stretches, ends, strict=True)
            if stretch.limits is not None
        )

    @property
    def since(self) -> dt.date | None:
        """The day from which on the latest period is judged; None where that is all there is."""
        told = [b.day for b in self.breaks if b.period <= self.row.period]
        return told[-1] if told else None

    @property
    def shown(self) -> Moment | None:
        """The moment that the number above belongs to."""
        return next((m for m in self.moments if m.period == self.row.period), None)

    @property
    def before(self) -> Moment | None:
        """The period before the shown one."""
        earlier = [m for m in self.moments if m.complete and m.period < self.row.period]
        return earlier[-1] if earlier else None


def over_time(edition: Edition, metric: Metric, grain: str, now: dt.datetime) -> OverTime:
    """Asks for as many periods as are judged and the one that is not over yet, and compares.

    `now` is naive UTC and only ages the metric's sources. Within a minute everybody gets the same.
    """
    version = (str(edition.path), edition.number, edition.published_at)
    return _over_time(version, metric.name, grain, now, edition)


@st.cache_resource(max_entries=64, show_spinner=False)
def _over_time(
    version: tuple[str, int, dt.datetime],
    name: str,
    grain: str,
    now: dt.datetime,
    _edition: Edition,
) -> OverTime:
    edition, metric = _edition, _edition.vocabulary.metrics[name]
    calendar = edition.vocabulary.calendar
    last = last_period(edition, grain)
    start = step(calendar, last, 1 - JUDGED[grain]).start
    end = step(calendar, last, 1).end
    question = Question((metric.name,), grain, start=start, end=end)
    cells = ask(edition, question).cells
    own = None
    if overlaps(edition.vocabulary, metric):
        own = ask(edition, replace(question, own_rows=True)).cells
    shown = row(edition, metric, last, cells, now, own)
    signals = {point.period.start: point.signal for point in shown.points}
    moments = []
    for cell in cells:
        assert cell.period is not None
        period = period_of(calendar, grain, cell.period)
        target = metric.target.value(calendar, period) if metric.target else None
        signal = signals.get(cell.period)
        moments.append(
            Moment(period, cell.value, cell.n, target, cell.complete, signal, cell.margin)
        )
    known = _from_first_known(moments)
    year_before = with_year_before(edition, metric, shown.period, shown.value)
    begun = [m.period for m in known if not m.complete and m.value is not None]
    compared = so_far(edition, metric, begun[0]) if begun else None
    told = _breaks(known, changes(edition.vocabulary, metric))
    found = (
        marks(edition, metric, known[0].period.start, known[-1].period.end) if known else Marks()
    )
    return OverTime(
        shown,
        grain,
        edition.vocabulary.formats,
        known,
        told,
        year_before,
        compared,
        _happened(calendar, grain, found),
        found.more,
    )


def _happened(calendar: Calendar, grain: str, found: Marks) -> tuple[Happened, ...]:
    """The marks by the period in which they began, numbered in order of time."""
    by_period: dict[Period, list[Mark]] = {}
    for mark in found.shown:
        by_period.setdefault(period_of(calendar, grain, began(calendar, mark)), []).append(mark)
    return tuple(
        Happened(number, period, tuple(of))
        for number, (period, of) in enumerate(sorted(by_period.items()), 1)
    )


def began(calendar: Calendar, mark: Mark) -> dt.date:
    """The local day on which something that is marked began."""
    begin = mark.begin
    return calendar.local_day(begin) if isinstance(begin, dt.datetime) else begin


def lasted(mark: Mark) -> str:
    """How long something went on: '33 min', or that it still does."""
    return "goes on" if mark.lasted is None else age(mark.lasted)


def routine(formats: Formats, metric: Metric, limits: Limits, lowest: float) -> str:
    """The routine range in words: '7.0 to 12.8', or 'up to 9.1' where nothing below 0 occurs."""
    upper = exactly(formats, metric, limits.upper)
    if limits.lower < 0 <= lowest:
        return f"up to {upper}"
    return f"{exactly(formats, metric, limits.lower)} to {upper}"


def exactly(formats: Formats, metric: Metric, value: float) -> str:
    """A limit or an average: small whole numbers get a decimal, or a 5 lies outside of 'to 5'."""
    places = decimals(metric)
    return formats.number(value, 1 if places == 0 and abs(value) < 100 else places)


def lowest(course: OverTime) -> float:
    """The lowest known value."""
    return min((m.value for m in course.moments if m.value is not None), default=0.0)


def named(formats: Formats, period: Period) -> str:
    """A period with its days: 'Week 47, 16–22 Nov 2026'."""
    name = formats.period(period)
    return f"{name}, {formats.days(period)}" if period.grain in ("week", "quarter") else name


def in_sentence(name: str) -> str:
    """A period's name within a sentence: 'week 46'."""
    return name.replace("Week", "week", 1)


def file_name(course: OverTime) -> str:
    """What a picture of the chart is called: the metric, the grain, the first and last day."""
    first, last = course.moments[0].period, course.moments[-1].period
    return f"{course.row.metric.name}_by_{course.grain}_{first.start}_{last.end - DAY}"


def summary(course: OverTime) -> str:
    """What the chart shows, for those who do not see it."""
    metric, formats = course.row.metric, course.formats
    known = [m for m in course.moments if m.complete and m.value is not None]
    if not known:
        return f"{metric.label}: no period with a known value."
    values = [m.value for m in known if m.value is not None]
    first, last = known[0], known[-1]
    parts = [
        f"{metric.label} by {course.grain}, {len(known)} known {course.grain}s from "
        f"{formats.days(first.period)} to {formats.days(last.period)}, between "
        f"{formats.value(metric, min(values))} and {formats.with_unit(metric, max(values))}. "
        f"Latest: {formats.with_unit(metric, last.value)}, {formats.period(last.period)}.",
        *_judgement(course),
    ]
    return " ".join(parts)


def _judgement(course: OverTime) -> Iterator[str]:
    shown, formats = course.row, course.formats
    if shown.target is not None:
        yield f"Target {formats.target(shown.metric, shown.target)}: {shown.status}."
    if shown.judged.limits is not None:
        of = f" of each {course.grain}'s own rows" if shown.own else ""
        said = routine(formats, shown.metric, shown.judged.limits, lowest(course))
        yield f"Routine range{of} {said}."
    for one in course.breaks:
        yield f"Changed {formats.day(one.day)}: {one.what}."
    signals = [
        f"{formats.period(m.period)} {m.signal.words(course.grain)}"
        for m in course.moments
        if m.signal is not None
    ]
    yield f"Signals: {'; '.join(signals)}." if signals else "No signals."
    for one in course.happened:
        names = ", ".join(f"{mark.name} ({lasted(mark)})" for mark in one.marks)
        yield f"Marked: {course.formats.period(one.period)} {names}."
    if course.more_happened:
        yield f"{course.formats.count(course.more_happened)} more that were shorter are not marked."


def _breaks(moments: Sequence[Moment], changed: Sequence[tuple[dt.date, str]]) -> tuple[Break, ...]:
    """The changes of meaning between two of these periods."""
    periods = [moment.period for moment in moments]
    found = []
    for day, what in changed:
        for index in breaks(periods, [day]):
            found.append(Break(periods[index], day, what))
    return tuple(found)


def _from_first_known(moments: list[Moment]) -> tuple[Moment, ...]:
    """Without what lies before the source's first whole period: of that it tells only in part."""
    known = [i for i, m in enumerate(moments) if m.value is not None]
    whole = [i for i in known if moments[i].complete]
    first = (whole or known or [len(moments)])[0]
    return tuple(moments[first:])
