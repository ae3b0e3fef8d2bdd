"""The head of a metric's page: what it means, whose it is, and its four numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from kpi.editions import Edition, freshness
from kpi.formats import NOTHING, Formats, age
from kpi.judge import ENOUGH, Status, Verdict
from kpi.row_words import signal_words
from kpi.scorecard import last_period, sources_of
from kpi.vocabulary import Metric
from pages.parts import marks
from pages.parts.frame import escaped, link
from pages.parts.over_time import (
    OverTime,
    exactly,
    in_sentence,
    lowest,
    named,
    routine,
)
from pages.parts.rows import SIDES


def meaning(edition: Edition, metric: Metric, now: dt.datetime) -> str:
    """Definition, other names, both owners, the outcome, and the sources with their age."""
    tag = "tag joint" if metric.side == "joint" else "tag"
    helper = ' <span class="tag">helper, not on the scorecard</span>' if metric.internal else ""
    helper += _deprecated(edition, metric)
    outcome = edition.vocabulary.outcomes[metric.outcome]
    called = ", ".join(metric.also_called)
    also = f"Also called <b>{escaped(called)}</b> · " if called else ""
    return (
        f'<span class="means">{escaped(metric.definition)} '
        f'<span class="{tag}">{SIDES[metric.side]}</span>{helper}</span>'
        f'<span class="muted small">{also}Owned together by '
        f"<b>{escaped(metric.owners.business)}</b> (business) and "
        f"<b>{escaped(metric.owners.it)}</b> (IT) · for <b>{escaped(outcome.label)}</b>"
        f"{_sources(edition, metric, now)}</span>"
    )


def _deprecated(edition: Edition, metric: Metric) -> str:
    """That a metric is to be used no more, and which one instead."""
    if metric.deprecated is None:
        return ""
    other = edition.vocabulary.metrics[metric.deprecated]
    instead = link("metric", escaped(other.label), m=other.name)
    return f' <span class="tag near">deprecated</span> Use <b>{instead}</b> instead.'


def four_numbers(edition: Edition, course: OverTime) -> str:
    """The number, its target, its routine range and its signal, each with a word of context."""
    cells = (_number(edition, course), _target(course), _range(course), _signal(course))
    drawn = "".join(
        f'<div><div class="label">{cell.label}</div><div class="big">{cell.big}</div>'
        f'<div class="said">{cell.said}</div></div>'
        for cell in cells
    )
    return f'<div class="four">{drawn}</div>'


@dataclass(frozen=True)
class _Cell:
    """One of the four, as HTML."""

    label: str
    big: str
    said: str


def _sources(edition: Edition, metric: Metric, now: dt.datetime) -> str:
    said = []
    for report in sources_of(edition, metric):
        fresh = freshness(report, now)
        told = fresh.age if fresh.word == "fresh" else None
        old = f", {age(told)} old" if told is not None else ""
        late = marks.late(fresh)
        word = late or f"<b>{fresh.word}</b>{old}"
        name = link("sources", escaped(report.source))
        said.append(f'<span class="nowrap">{name} {word}</span>')
    return "".join(f" · {one}" for one in said) or " · no source fills it yet"


def _number(edition: Edition, course: OverTime) -> _Cell:
    row, formats = course.row, course.formats
    shown = course.shown
    if shown is None or row.value is None:
        asked = named(formats, last_period(edition, course.grain))
        return _Cell(escaped(asked), NOTHING, escaped(signal_words(row)))
    said = [*filter(None, (_change(course), _year_before(course))), f"n {formats.count(row.n)}"]
    asked_period = last_period(edition, course.grain)
    if row.period != asked_period:
        missing = in_sentence(formats.period(asked_period))
        said.insert(0, f'<span class="word near">{escaped(missing)} is not complete yet</span>')
    return _Cell(
        escaped(named(formats, row.period)),
        _with_unit(*formats.figure(row.metric, row.value), formats.margin(row.metric, row.margin))
        + marks.restated(row, formats),
        _together(said),
    )


def _year_before(course: OverTime) -> str:
    """The difference to the same period last year; which one that is, for the pointer."""
    found = course.year_before
    if found is None:
        return ""
    against = escaped(course.formats.days(found.against))
    before = f'<span title="{against}">the year before</span>'
    if found.change.verdict is Verdict.SAME:
        return f"the same as {before}"
    amount = course.formats.value(course.row.metric, abs(found.change.amount))
    return (
        f"{marks.arrow(found.change.amount)} <b>{amount}</b> {found.change.verdict} than {before}"
    )


def _change(course: OverTime) -> str:
    row, before, formats = course.row, course.before, course.formats
    if row.change is None or before is None:
        return "nothing before it to compare with"
    against = escaped(in_sentence(formats.period(before.period)))
    if row.change.verdict is Verdict.SAME:
        return f"the same as {against}"
    return (
        f"{marks.arrow(row.change.amount)} "
        f"<b>{formats.value(row.metric, abs(row.change.amount))}</b> "
        f"{row.change.verdict} than {against}"
    )


def _target(course: OverTime) -> _Cell:
    row, formats = course.row, course.formats
    metric = row.metric
    big = NOTHING
    if row.target is not None:
        big = _with_unit(*formats.target_figure(metric, row.target))
    said = [f"{marks.status_mark(row.status)} {marks.row_status(row, formats)}"]
    if row.target is not None and metric.tolerance:
        said.append(f"near within {escaped(_plain(formats, metric.tolerance, metric))}")
    step = metric.target.at(row.period.start) if metric.target else None
    if step is not None and step.per not in (None, row.period.grain):
        said.append(f"from {formats.exact(step.value)} per {step.per}")
    if row.status is Status.NO_TARGET and metric.target is None:
        said = [f"{said[0]} is agreed"]
    return _Cell("Target", big, _together(said))


def _range(course: OverTime) -> _Cell:
    row = course.row
    limits = row.judged.limits
    title = f"Routine range, of each {course.grain}'s own rows" if row.own else "Routine range"
    since = f" since {course.formats.day(course.since)}" if course.since else ""
    if limits is None:
        start = row.judged.stretches[-1].start
        known = sum(point.value is not None for point in (row.own or row.points)[start:])
        said = f"too early: {known} of {ENOUGH} {course.grain}s {_known(course)}{since}"
        return _Cell(title, NOTHING, said)
    return _Cell(
        title,
        _with_unit(
            routine(course.formats, row.metric, limits, lowest(course)),
            _behind(course.formats.unit(row.metric)),
        ),
        _together(
            [
                f"average <b>{exactly(course.formats, row.metric, limits.average)}</b>",
                f"from {limits.points} {course.grain}s{since}",
            ]
        ),
    )


def _known(course: OverTime) -> str:
    """What a period must have to be judged."""
    few = course.row.metric.min_sample
    return (
        f"with {course.formats.count(few)} rows of their own"
        if course.row.own and few > 1
        else "known"
    )


def _signal(course: OverTime) -> _Cell:
    row = course.row
    if row.signal is not None:
        words = f"{marks.dot()} <b>{row.signal.words(course.grain)}</b>"
        of = f", judged on each {course.grain}'s own rows" if row.own else ""
        return _Cell("Signal", row.signal.verdict.capitalize(), words + of)
    if row.judged.limits is not None and row.value is not None:
        return _Cell("Signal", "Routine", "no change beyond routine")
    return _Cell("Signal", "Not judged", f"from {ENOUGH} complete {course.grain}s on")


def _with_unit(shown: str, unit: str, margin: str = "") -> str:
    """A number with the unit behind it, which begins with a space where one is left."""
    behind = f" {margin}{unit}" if margin else unit
    gap = " " if behind.startswith(" ") else ""
    return f'{shown}{gap}<span class="unit">{escaped(behind.strip())}</span>' if behind else shown


def _behind(unit: str) -> str:
    return f" {unit}" if unit else ""


def _together(said: Sequence[str]) -> str:
    """What is said beside a number; a line breaks between two statements, not within one."""
    return " · ".join(f'<span class="kept">{one}</span>' for one in said)


def _plain(formats: Formats, amount: float, metric: Metric) -> str:
    points = "point" if amount == 1 else "points"
    unit = points if metric.unit in ("%", "points") else formats.unit(metric)
    return f"{formats.exact(amount)} {unit}".strip()
