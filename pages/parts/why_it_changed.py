"""Why a metric changed: one sentence, then what each member of a dimension added to the change."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Any

import streamlit as st

from kpi.comparisons import Pair, alike, year_before
from kpi.contributions import Contribution, concentration
from kpi.editions import Edition
from kpi.explanation import Explained, explain
from kpi.export import Export, export
from kpi.formats import Formats, decimals
from kpi.periods import Period, step
from kpi.questions import QuestionRefused
from kpi.summands import NoParts
from kpi.vocabulary import Metric
from pages.parts import breakdown, export_menu, frame
from pages.parts.addresses import key_label
from pages.parts.change_lines import Shown, sentence, shown
from pages.parts.export_menu import Offer
from pages.parts.frame import escaped
from pages.parts.over_time import Moment, OverTime, in_sentence
from pages.parts.which_period import which_period

# Below this no dimension is worth the name of a reason.
_SAYS_LITTLE = 0.1


def show(edition: Edition, course: OverTime) -> None:
    """The whole tab: which dimension, which periods, why, and the members beside each other."""
    metric = course.row.metric
    if not metric.dimensions:
        shared = "its inputs share no dimension" if metric.inputs else "its fact table has none"
        frame.sheet("parts", f'<p class="muted">Nothing to break it down by: {shared}.</p>')
        return
    words = {word: edition.vocabulary.dimensions[word].label for word in metric.dimensions}
    with st.container(horizontal=True, vertical_alignment="center", key="part_choices"):
        chosen = st.container()
        moment = which_period(course)
        if moment is None:
            frame.sheet("parts", '<p class="muted">No period has any row yet.</p>')
            return
        against = _against(course, moment)
    try:
        found = explained(edition, metric, moment.period, against)
        first = found[0].dimension if isinstance(found, tuple) else next(iter(words))
        with chosen:
            ask = frame.choice if len(words) > 1 else frame.chosen_of
            dimension = ask("by", "Dimension", words, first)
        frame.sheet("why", _why(edition, course, dimension, moment, against, found))
        if not isinstance(found, str):
            taken = offer(edition, course, _by(dimension, found), moment, against)
            counted = course.formats.several(len(_by(dimension, found).parts), "contribution")
            export_menu.below(edition, taken, counted)
        breakdown.show(edition, course, dimension, moment)
    except QuestionRefused as refused:
        frame.sheet("parts", f'<p class="note near" role="status">{escaped(str(refused))}</p>')


def _against(course: OverTime, moment: Moment) -> Period:
    """The period that the chosen one is held against."""
    before = step(course.calendar, moment.period, -1)
    options = {
        "before": f"Against {in_sentence(course.formats.period(before))}",
        "year": "Against the year before",
    }
    if frame.choice("against", "Against", options) == "year":
        return year_before(course.calendar, moment.period)
    return before


def explained(
    edition: Edition, metric: Metric, period: Period, against: Period
) -> tuple[Explained, ...] | str:
    """The change by every dimension, the one that says most first; or why it cannot be split."""
    version = (str(edition.path), edition.number, edition.published_at)
    return _explained(version, metric.name, period, against, edition)


@st.cache_resource(max_entries=64, show_spinner=False)
def _explained(
    version: tuple[str, int, dt.datetime],
    name: str,
    period: Period,
    against: Period,
    _edition: Edition,
) -> tuple[Explained, ...] | str:
    metric = _edition.vocabulary.metrics[name]
    pair = alike(_edition, metric, period, against)
    if pair is None:
        return "one of the two periods is not, or not wholly, told of"
    try:
        return explain(_edition, metric, pair)
    except NoParts as reason:
        return str(reason)


def _why(
    edition: Edition,
    course: OverTime,
    dimension: str,
    moment: Moment,
    against: Period,
    found: tuple[Explained, ...] | str,
) -> str:
    metric = course.row.metric
    compared = _compared(edition, course, moment, against)
    if isinstance(found, str):
        return (
            f'<p class="lead"><b class="strong">Cannot be split into parts:</b> {escaped(found)}. '
            f'<span class="muted">{compared}</span></p>'
        )
    one = _by(dimension, found)
    lines = shown(metric, one)
    return (
        f'<p class="why-said"><b>{escaped(sentence(course.formats, metric, one, lines))}</b></p>'
        f'<p class="muted small">{compared} · {_how_much_each_says(edition, found)}</p>'
        f"{_table(edition, course, one, lines)}"
    )


def _by(dimension: str, found: Sequence[Explained]) -> Explained:
    (one,) = (each for each in found if each.dimension == dimension)
    return one


def offer(
    edition: Edition, course: OverTime, one: Explained, moment: Moment, against: Period
) -> Offer:
    """What every member added to the change, also those that the table shows together."""
    metric, address = course.row.metric, export_menu.address()
    compared = _compared(edition, course, moment, against)

    def make() -> Export:
        columns = (
            "metric", "grain", "period", "against", one.dimension, "before", "after",
            "share_before", "share_after", "mix", "rate", "contribution", "unit", "complete",
            "days",
        )  # fmt: skip
        pair = alike(edition, metric, moment.period, against)
        days = pair.days if pair else None
        rows = [_exported(metric, moment, against, days, part) for part in one.parts]
        title = f"Why {metric.label} changed"
        return export(edition, title, columns, rows, shown=compared, address=address)

    start, before = moment.period.start, against.start
    return Offer(f"{metric.name}-{start}-against-{before}-by-{one.dimension}", make)


def _exported(
    metric: Metric, moment: Moment, against: Period, days: int | None, part: Contribution
) -> tuple[Any, ...]:
    return (
        metric.name,
        moment.period.grain,
        moment.period.start,
        against.start,
        part.key,
        part.before,
        part.after,
        part.share_before,
        part.share_after,
        part.mix,
        part.rate,
        part.amount,
        metric.unit,
        moment.complete,
        days,
    )


def _compared(edition: Edition, course: OverTime, moment: Moment, against: Period) -> str:
    pair = alike(edition, course.row.metric, moment.period, against) or Pair(against, moment.period)
    first = (
        f"the first {course.formats.several(pair.days, 'day')} of " if pair.days is not None else ""
    )
    now, before = (
        escaped(in_sentence(course.formats.period(each))) for each in (moment.period, against)
    )
    if against.grain == "week" and against.start.year != moment.period.start.year:
        before += f" of {against.start.year}"
    return f"{first}{now} against {'the same days of ' if first else ''}{before}"


def _how_much_each_says(edition: Edition, found: Sequence[Explained]) -> str:
    said = " · ".join(
        f"{escaped(edition.vocabulary.dimensions[each.dimension].label)} "
        f"{edition.vocabulary.formats.count(round(100 * concentration(each.parts)))}"
        for each in found
    )
    best = concentration(found[0].parts)
    little = "; none says much" if best < _SAYS_LITTLE and found[0].amount else ""
    return f"how much of the change a dimension explains, of 100: {said}{little}"


def _table(edition: Edition, course: OverTime, one: Explained, lines: Sequence[Shown]) -> str:
    metric, formats = course.row.metric, course.formats
    word = escaped(edition.vocabulary.dimensions[one.dimension].label)
    ratio = one.is_ratio
    bars = (
        '<span class="with"><i class="key mix"></i>mix</span> '
        '<span class="with"><i class="key rate"></i>rate</span>'
        if ratio
        else '<span class="sr">Bar</span>'
    )
    heads = [(word, ""), *([("Share", "right before")] if ratio else [])]
    heads += [("Before → after", "right before"), (bars, "length")]
    heads += [("Mix", "right"), ("Rate", "right")] if ratio else []
    heads += [("Contribution", "right")]
    head = "".join(f'<th scope="col" class="{kind}">{text}</th>' for text, kind in heads)
    reach = _reach(lines)
    body = "".join(_line(formats, metric, one, line, reach) for line in lines)
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="What each {word} added">'
        f'<table class="parts split"><caption class="sr">What each {word} added to the change of '
        f"{escaped(metric.label)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
        f"{_all(formats, metric, one, lines)}</table></div>"
    )


def _line(
    formats: Formats, metric: Metric, one: Explained, line: Shown, reach: tuple[float, float]
) -> str:
    part = line.part
    values = (
        f"{formats.value(metric, part.before)} → {formats.value(metric, part.after)}"
        if part
        else ""
    )
    before, after = (formats.percent(s) for s in (line.share_before, line.share_after))
    share = f"{before} → {after}"
    name = key_label(part.key) if part else escaped(line.name(formats))
    return (
        f'<tr><th scope="row"><span class="strong">{name}</span></th>'
        + (f'<td class="right before muted">{share}</td>' if one.is_ratio else "")
        + f'<td class="right before muted">{values}</td>'
        f'<td class="length">{_bars(one, line, reach)}</td>'
        + "".join(_amounts(formats, metric, one, line.mix, line.rate, line.amount))
        + "</tr>"
    )


def _amounts(
    formats: Formats, metric: Metric, one: Explained, mix: float, rate: float, amount: float
) -> Iterator[str]:
    places = decimals(metric)
    if one.is_ratio:
        yield f'<td class="right">{formats.number(mix, places, sign=True)}</td>'
        yield f'<td class="right">{formats.number(rate, places, sign=True)}</td>'
    yield f'<td class="right strong">{formats.number(amount, places, sign=True)}</td>'


def _all(formats: Formats, metric: Metric, one: Explained, lines: Sequence[Shown]) -> str:
    mix, rate = math.fsum(line.mix for line in lines), math.fsum(line.rate for line in lines)
    values = f"{formats.value(metric, one.before)} → {formats.with_unit(metric, one.after)}"
    return (
        '<tfoot><tr><th scope="row">All</th>'
        + (f'<td class="right before">{formats.percent(1.0)}</td>' if one.is_ratio else "")
        + f'<td class="right before">{escaped(values)}</td><td class="length"></td>'
        + "".join(_amounts(formats, metric, one, mix, rate, one.amount))
        + "</tr></tfoot>"
    )


def _reach(lines: Sequence[Shown]) -> tuple[float, float]:
    drawn = [0.0, *(length for line in lines for length in line.bars)]
    return min(drawn), max(drawn)


def _bars(one: Explained, line: Shown, reach: tuple[float, float]) -> str:
    """Two bars from a common zero: the pale one is the mix, the full one the rate."""
    kinds = ("mix", "rate") if one.is_ratio else ("only",)
    drawn = zip(kinds, line.bars, strict=True)
    bars = "".join(_bar(kind, length, reach) for kind, length in drawn)
    zero = -100 * reach[0] / ((reach[1] - reach[0]) or 1.0)
    line_there = f'<i class="zero" style="left:{zero:.2f}%"></i>'
    return f'<span class="track" aria-hidden="true">{line_there}{bars}</span>'


def _bar(kind: str, amount: float, reach: tuple[float, float]) -> str:
    if not amount:
        return ""
    width = (reach[1] - reach[0]) or 1.0
    left = 100 * (min(amount, 0.0) - reach[0]) / width
    return f'<i class="{kind}" style="left:{left:.2f}%;width:{100 * abs(amount) / width:.2f}%"></i>'
