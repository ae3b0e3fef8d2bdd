"""Six weeks and twelve months of a metric beside the year before, and what there is to date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import streamlit as st

from kpi.answers import ask
from kpi.comparisons import Comparison, so_far, year_before
from kpi.editions import Edition
from kpi.export import Export, export
from kpi.formats import NOTHING, Formats, decimals
from kpi.judge import Change, Status, Verdict, change
from kpi.periods import DAY, Period, step
from kpi.questions import Question, QuestionRefused
from kpi.row_words import STATUS
from kpi.scorecard import last_period, standing
from kpi.vocabulary import Metric
from pages.parts import chart_picture, export_menu, frame, marks, weeks_and_months_chart
from pages.parts.export_menu import Offer
from pages.parts.frame import escaped
from pages.parts.over_time import Break, Moment, OverTime, in_sentence, over_time

WEEKS, MONTHS = 6, 12
_TO_DATE = {"month": "Month to date", "quarter": "Quarter to date", "year": "Year to date"}


@dataclass(frozen=True)
class Column:
    """One period, its number the year before, and how it stands; an incomplete one is neither
    compared nor judged."""

    moment: Moment
    before: float | None
    change: Change | None
    status: Status | None


@dataclass(frozen=True)
class WeeksAndMonths:
    """What the tab shows of a metric."""

    metric: Metric
    formats: Formats
    weeks: tuple[Column, ...]
    months: tuple[Column, ...]
    breaks: tuple[Break, ...]
    one_scale: bool
    week_on_week: OverTime | None
    to_date: tuple[tuple[str, Comparison | None], ...]

    @property
    def columns(self) -> tuple[Column, ...]:
        return (*self.weeks, *self.months)


def show(edition: Edition, metric: Metric, now: dt.datetime) -> None:
    """The whole tab: how to read it, the chart with its table, and to date."""
    found = weeks_and_months(edition, metric, now)
    if not found.columns:
        frame.sheet("six_twelve", '<p class="muted">No period has a known value yet.</p>')
        return
    frame.sheet("six_twelve", _reading(found))
    with st.container(key=f"six_twelve_{width(found)}"):
        weeks_and_months_chart.draw(found, _summary(found))
        frame.sheet("six_twelve_numbers", _table(found))
    periods = [column.moment.period for column in found.columns]
    first, last = min(p.start for p in periods), max(p.end for p in periods) - DAY
    chart_picture.offer("six_twelve", f"{metric.name}_weeks_and_months_{first}_{last}")
    counted = found.formats.several(len(found.columns), "period")
    export_menu.below(edition, offer(edition, found), counted)
    frame.sheet("to_date", _to_date(found))


def weeks_and_months(edition: Edition, metric: Metric, now: dt.datetime) -> WeeksAndMonths:
    """Asks for all of it, once for each edition and minute."""
    version = (str(edition.path), edition.number, edition.published_at)
    return _weeks_and_months(version, metric.name, now, edition)


@st.cache_resource(max_entries=64, show_spinner=False)
def _weeks_and_months(
    version: tuple[str, int, dt.datetime], name: str, now: dt.datetime, _edition: Edition
) -> WeeksAndMonths:
    edition, metric = _edition, _edition.vocabulary.metrics[name]
    calendar = edition.vocabulary.calendar
    courses = {}
    for grain in ("week", "month"):
        try:
            courses[grain] = over_time(edition, metric, grain, now)
        except QuestionRefused:
            # A row of its table is coarser: there are no weeks then.
            continue
    weeks, months = (
        _columns(edition, courses[grain], count) if grain in courses else ()
        for grain, count in (("week", WEEKS), ("month", MONTHS))
    )
    to_date = []
    for grain, words in _TO_DATE.items():
        period = step(calendar, last_period(edition, grain), 1)
        to_date.append((words, _begun(edition, metric, period)))
    breaks = (b for course in courses.values() for b in course.breaks)
    one_scale = not edition.vocabulary.is_flow(metric)
    return WeeksAndMonths(
        metric,
        edition.vocabulary.formats,
        weeks,
        months,
        tuple(breaks),
        one_scale,
        courses.get("week"),
        tuple(to_date),
    )


def offer(edition: Edition, found: WeeksAndMonths) -> Offer:
    """The table below the chart, a row for each of its columns."""
    metric, address = found.metric, export_menu.address()

    def make() -> Export:
        columns = (
            "metric", "grain", "period", "value", "unit", "n", "complete", "year_before", "change",
            "verdict", "target", "status",
        )  # fmt: skip
        rows = [_exported(metric, column) for column in found.columns]
        title = f"{metric.label}, weeks and months with the year before"
        return export(edition, title, columns, rows, address=address)

    return Offer(f"{metric.name}-weeks-and-months", make)


def _exported(metric: Metric, column: Column) -> tuple[Any, ...]:
    moment, moved = column.moment, column.change
    return (
        metric.name,
        moment.period.grain,
        moment.period.start,
        moment.value,
        metric.unit,
        moment.n,
        moment.complete,
        column.before,
        moved.amount if moved else None,
        moved.verdict.value if moved else None,
        moment.target,
        column.status.value if column.status else None,
    )


def _begun(edition: Edition, metric: Metric, period: Period) -> Comparison | None:
    try:
        return so_far(edition, metric, period, year_before(edition.vocabulary.calendar, period))
    except QuestionRefused:
        return None


def _columns(edition: Edition, course: OverTime, count: int) -> tuple[Column, ...]:
    """The last complete periods and the one that has begun, where anything of it is known."""
    whole = [m for m in course.moments if m.complete][-count:]
    last = whole[-1].period if whole else None
    begun = [
        m
        for m in course.moments
        if not m.complete and m.value is not None and (last is None or m.period > last)
    ]
    moments = [*whole, *begun[:1]]
    if not moments:
        return ()
    metric, calendar = course.row.metric, course.calendar
    earlier = [year_before(calendar, m.period) for m in moments]
    question = Question((metric.name,), course.grain, start=earlier[0].start, end=earlier[-1].end)
    told = {c.period: c.value for c in ask(edition, question).cells if c.complete}
    return tuple(
        _column(metric, moment, told.get(before.start))
        for moment, before in zip(moments, earlier, strict=True)
    )


def _column(metric: Metric, moment: Moment, before: float | None) -> Column:
    if not moment.complete:
        return Column(moment, None, None, None)
    judged = standing(metric, moment.value, moment.n, moment.target)
    moved = change(moment.value, before, metric.good, decimals(metric))
    return Column(moment, before, moved, judged)


def _reading(found: WeeksAndMonths) -> str:
    said = ["line: this year", "dotted: the year before"]
    if any(c.moment.target is not None for c in found.columns):
        said.append("dashes: target")
    if any(not c.moment.complete for c in found.columns):
        said.append("hollow: not over yet")
    if any(c.moment.signal is not None for c in found.columns):
        said.append("blue diamonds: signals")
    scale = "one scale" if found.one_scale else "weeks and months each on their own scale"
    return (
        '<p class="lead"><b class="strong">Six weeks and twelve months, with the year before</b> '
        f'<span class="muted small">{scale} · {" · ".join(said)}</span></p>'
    )


def _summary(found: WeeksAndMonths) -> str:
    """The chart in a sentence; its numbers stand in the table below it."""
    formats = found.formats
    parts = [f"{found.metric.label}, with the year before."]
    for columns, words in ((found.weeks, "weeks"), (found.months, "months")):
        known = [
            c.moment.value for c in columns if c.moment.complete and c.moment.value is not None
        ]
        if known:
            parts.append(
                f"{len(known)} complete {words}, between {formats.value(found.metric, min(known))} "
                f"and {formats.with_unit(found.metric, max(known))}."
            )
    parts.append("The numbers stand in the table below.")
    return " ".join(parts)


def width(found: WeeksAndMonths) -> str:
    """How wide chart and table have to be, so that no number of the table is broken."""
    numbers = (
        found.formats.value(found.metric, number)
        for column in found.columns
        for number in (column.moment.value, column.before, column.moment.target)
    )
    longest = max(map(len, numbers))
    return "narrow" if longest <= 5 else "medium" if longest <= 7 else "wide"


def _table(found: WeeksAndMonths) -> str:
    metric, formats = found.metric, found.formats
    behind = f", {escaped(formats.unit(metric))}" if formats.unit(metric) else ""
    parts = [columns for columns in (found.weeks, found.months) if columns]
    places = decimals(metric)

    def row(name: str, cell: Callable[[Column], str], classes: str = "") -> str:
        drawn = '<td class="gap"></td>'.join(
            "".join(f"<td>{cell(c)}</td>" for c in columns) for columns in parts
        )
        return f'<tr class="{classes}"><th scope="row">{name}</th>{drawn}</tr>'

    heads = '<td class="gap"></td>'.join(
        "".join(
            f'<th scope="col" title="{escaped(formats.days(c.moment.period))}">'
            f"{escaped(formats.period(c.moment.period))}"
            f"{'' if c.moment.complete else '<br>so far'}</th>"
            for c in columns
        )
        for columns in parts
    )
    rows = [
        row(f"This year{behind}", lambda c: formats.value(metric, c.moment.value), "strong"),
        row(f"Year before{behind}", lambda c: formats.value(metric, c.before), "muted"),
        row(
            "Change",
            lambda c: formats.number(c.change.amount if c.change else None, places, sign=True),
        ),
    ]
    if any(c.moment.target is not None for c in found.columns):
        rows.append(row("Target", _target(formats, metric), "muted"))
        rows.append(row("Status", _status))
    rows.append(row("n", lambda c: formats.count(c.moment.n), "muted"))
    return (
        # With the chart it scrolls where a screen is narrow: the focus has to reach it.
        '<div tabindex="0" role="region" aria-label="Six weeks and twelve months in numbers">'
        '<table class="six-twelve"><caption class="sr">'
        f"{escaped(metric.label)} by week and by month, with the year before</caption>"
        f'<thead><tr><td class="first"></td>{heads}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div>"
    )


def _target(formats: Formats, metric: Metric) -> Callable[[Column], str]:
    def cell(column: Column) -> str:
        goal = column.moment.target
        return NOTHING if goal is None else formats.target_value(metric, goal)

    return cell


def _status(column: Column) -> str:
    if column.status is None:
        return ""
    word = STATUS[column.status]
    mark = marks.status_mark(column.status)
    return f'<span title="{word}">{mark}<span class="sr">{word}</span></span>'


def _to_date(found: WeeksAndMonths) -> str:
    lines = "".join(_compared(found))
    # A head that says nothing is none: the first column names its rows.
    heads = "<td></td>" + "".join(
        f'<th scope="col" class="{kind}">{word}</th>'
        for word, kind in (
            ("Compared", "before"),
            ("Now", "right"),
            ("Before", "right"),
            ("Change", "right"),
        )
    )
    return (
        '<div class="box" tabindex="0" role="region" aria-label="To date">'
        '<table class="to-date"><caption class="sr">Week on week, and to date against the year '
        f"before</caption><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _compared(found: WeeksAndMonths) -> Iterator[str]:
    formats, week = found.formats, found.week_on_week
    if week is not None and week.before is not None:
        now, before = (in_sentence(formats.period(each.period)) for each in (week.row, week.before))
        said = f"{now} against {before}"
        yield _said("Week on week", said, found, week.row.value, week.before.value, week.row.change)
    for words, one in found.to_date:
        if one is None:
            why = "not comparable: no whole day yet, or the year before is not wholly told of"
            yield _said(words, why, found, None, None, None)
            continue
        days = formats.several(one.days or one.period.days, "day")
        now, before = (formats.period(each) for each in (one.period, one.against))
        said = f"the first {days} of {now} against those of {before}"
        yield _said(words, said, found, one.value, one.before, one.change)


def _said(
    words: str,
    said: str,
    found: WeeksAndMonths,
    now: float | None,
    before: float | None,
    moved: Change | None,
) -> str:
    metric, formats = found.metric, found.formats
    if moved is None:
        change_said = NOTHING
    elif moved.verdict is Verdict.SAME:
        change_said = "the same"
    else:
        amount = formats.value(metric, abs(moved.amount))
        change_said = (
            f'{marks.arrow(moved.amount)} {amount} <span class="muted">{moved.verdict}</span>'
        )
    return (
        f'<tr><th scope="row">{words}</th><td class="before muted">{escaped(said)}</td>'
        f'<td class="right strong nowrap">{escaped(formats.with_unit(metric, now))}</td>'
        f'<td class="right nowrap">{formats.value(metric, before)}</td>'
        f'<td class="right nowrap"><span class="with">{change_said}</span></td></tr>'
    )
