"""A metric broken down by a dimension, for one period against the one before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from kpi.answers import Cell, ask
from kpi.editions import Edition
from kpi.export import Export, export
from kpi.expression import FactValue
from kpi.formats import NOTHING, Formats, decimals
from kpi.judge import Change, Verdict, change
from kpi.periods import Period, step
from kpi.questions import Question
from kpi.vocabulary import Metric
from pages.parts import export_menu, frame, marks
from pages.parts.addresses import key_id, key_label
from pages.parts.export_menu import Offer
from pages.parts.frame import escaped, link
from pages.parts.over_time import Moment, OverTime, in_sentence, named

_SHOWN = 100


@dataclass(frozen=True)
class Part:
    """One member of a dimension: its value, how many rows it rests on, and what changed."""

    key: Any
    value: float | None
    n: int
    before: float | None
    change: Change | None


def show(edition: Edition, course: OverTime, dimension: str, moment: Moment) -> None:
    """The members of a dimension beside each other in one period."""
    parts = parts_of(edition, course.row.metric, dimension, moment.period)
    frame.sheet("parts", table(edition, course, dimension, moment, parts))
    if parts:
        counted = course.formats.several(len(parts), "part")
        export_menu.below(
            edition, offer(edition, course.row.metric, dimension, moment, parts), counted
        )


def offer(
    edition: Edition, metric: Metric, dimension: str, moment: Moment, parts: Sequence[Part]
) -> Offer:
    """All parts, also those that the table does not show."""
    period, address = moment.period, export_menu.address()

    def make() -> Export:
        columns = (
            "metric", "grain", "period", dimension, "value", "unit", "n", "complete",
            "before", "change", "verdict",
        )  # fmt: skip
        rows = [_exported(metric, moment, part) for part in parts]
        title = f"{metric.label} by {edition.vocabulary.dimensions[dimension].label.lower()}"
        shown = named(edition.vocabulary.formats, period)
        return export(edition, title, columns, rows, shown=shown, address=address)

    return Offer(f"{metric.name}-{period.grain}-{period.start}-by-{dimension}", make)


def _exported(metric: Metric, moment: Moment, part: Part) -> tuple[Any, ...]:
    return (
        metric.name,
        moment.period.grain,
        moment.period.start,
        part.key,
        part.value,
        metric.unit,
        part.n,
        moment.complete,
        part.before,
        part.change.amount if part.change else None,
        part.change.verdict.value if part.change else None,
    )


def parts_of(edition: Edition, metric: Metric, dimension: str, period: Period) -> tuple[Part, ...]:
    """Every member that the dimension has in this period or the one before, the largest first."""
    version = (str(edition.path), edition.number, edition.published_at)
    return _parts(version, metric.name, dimension, period, edition)


@st.cache_resource(max_entries=64, show_spinner=False)
def _parts(
    version: tuple[str, int, dt.datetime],
    name: str,
    dimension: str,
    period: Period,
    _edition: Edition,
) -> tuple[Part, ...]:
    vocabulary = _edition.vocabulary
    metric = vocabulary.metrics[name]
    start = step(vocabulary.calendar, period, -1).start
    question = Question((name,), period.grain, (dimension,), start=start, end=period.end)
    cells = ask(_edition, question).cells
    now = {cell.keys[0]: cell for cell in cells if cell.period == period.start}
    before = {cell.keys[0]: cell for cell in cells if cell.period == start}
    found = [_part(metric, key, cell, before.get(key)) for key, cell in now.items()]
    return tuple(sorted(found, key=lambda p: (p.value is None, -(p.value or 0), str(p.key))))


def _part(metric: Metric, key: Any, cell: Cell, before: Cell | None) -> Part:
    earlier = before.value if before else None
    moved = change(cell.value, earlier, metric.good, decimals(metric))
    return Part(key, cell.value, cell.n, earlier, moved)


def adds_up(metric: Metric) -> bool:
    """Whether the parts of the metric sum to the whole: one sum, or one count of rows."""
    if not isinstance(metric.value, FactValue) or len(metric.value.aggregates) != 1:
        return False
    only = metric.value.aggregates[0]
    alone = metric.value.formula.sql({"a0": "x"}).strip("()") == "x"
    return alone and only.kind in ("sum", "count", "count_if") and "DISTINCT" not in only.sql


def table(
    edition: Edition,
    course: OverTime,
    dimension: str,
    moment: Moment,
    parts: Sequence[Part],
) -> str:
    """The parts as a table; the last row is the metric's own answer for all of them."""
    metric = course.row.metric
    if not parts:
        return '<p class="muted">No rows in this period or the one before.</p>'
    whole = next((m for m in course.moments if m.period == moment.period), moment)
    shown = parts[:_SHOWN]
    lines = "".join(_line(edition, metric, dimension, moment, part, parts, whole) for part in shown)
    word = edition.vocabulary.dimensions[dimension].label
    head = _head(course, word, moment.period)
    rest = len(parts) - len(shown)
    more = (
        f'<p class="muted small">{course.formats.count(rest)} more are not shown.</p>'
        if rest
        else ""
    )
    return (
        f"{_lead(course, metric, word, moment)}"
        f'<div class="box" tabindex="0" role="region" aria-label="Breakdown by {escaped(word)}">'
        f'<table class="parts"><caption class="sr">{escaped(metric.label)} by {escaped(word)}'
        f"</caption>{head}<tbody>{lines}</tbody>{_all(course, metric, whole)}</table></div>{more}"
    )


def _lead(course: OverTime, metric: Metric, word: str, moment: Moment) -> str:
    when = escaped(in_sentence(named(course.formats, moment.period)))
    sums = (
        "The parts add up to the whole."
        if adds_up(metric)
        else "The parts do not add up: the last row and the dashed mark are computed from all rows."
    )
    open_ = "" if moment.complete else ' <span class="near word">Incomplete.</span>'
    return (
        f'<p class="lead"><b class="strong">By {escaped(word.lower())}</b> '
        f'<span class="muted small">{when} · {sums}{open_}</span></p>'
    )


def _head(course: OverTime, word: str, period: Period) -> str:
    before = course.formats.period(step(course.calendar, period, -1))
    return (
        f'<thead><tr><th scope="col">{escaped(word)}</th>'
        f'<th scope="col" class="right">{escaped(course.formats.period(period))}</th>'
        f'<th scope="col" class="length"><span class="sr">Bar</span></th>'
        '<th scope="col" class="right">n</th>'
        f'<th scope="col" class="before right">{escaped(before)}</th>'
        f'<th scope="col" class="right">Change</th></tr></thead>'
    )


def _line(
    edition: Edition,
    metric: Metric,
    dimension: str,
    moment: Moment,
    part: Part,
    parts: Sequence[Part],
    whole: Moment,
) -> str:
    formats = edition.vocabulary.formats
    address = {
        "m": metric.name,
        "tab": "rows",
        "period": moment.period.grain,
        "at": moment.period.start.isoformat(),
        f"where-{dimension}": key_id(part.key),
    }
    few = (
        f' <span class="muted small">too few, {formats.count(part.n)} of '
        f"{formats.count(metric.min_sample)}</span>"
        if part.value is not None and part.n < metric.min_sample
        else ""
    )
    against = None if adds_up(metric) else whole.value
    return (
        f'<tr><th scope="row">{link("metric", key_label(part.key), classes="name", **address)}{few}'
        f'</th><td class="right strong">{formats.value(metric, part.value)}</td>'
        f'<td class="length">{_bar(part.value, parts, against)}</td>'
        f'<td class="right muted">{formats.count(part.n)}</td>'
        f'<td class="before right muted">{formats.value(metric, part.before)}</td>'
        f'<td class="right">{_moved(formats, metric, part.change)}</td></tr>'
    )


def _all(course: OverTime, metric: Metric, whole: Moment) -> str:
    formats = course.formats
    earlier = step(course.calendar, whole.period, -1)
    before = next((m.value for m in course.moments if m.period == earlier), None)
    moved = change(whole.value, before, metric.good, decimals(metric))
    return (
        f'<tfoot><tr><th scope="row">All</th>'
        f'<td class="right">{escaped(formats.with_unit(metric, whole.value))}</td><td></td>'
        f'<td class="right">{formats.count(whole.n)}</td>'
        f'<td class="before right">{formats.value(metric, before)}</td>'
        f'<td class="right">{_moved(formats, metric, moved)}</td></tr></tfoot>'
    )


def _moved(formats: Formats, metric: Metric, moved: Change | None) -> str:
    if moved is None:
        return f'<span class="muted">{NOTHING}</span>'
    if moved.verdict is Verdict.SAME:
        return '<span class="muted">the same</span>'
    return (
        f'<span class="with">{marks.arrow(moved.amount)}'
        f"{formats.value(metric, abs(moved.amount))}"
        f'<span class="muted small verdict">{moved.verdict}</span></span>'
    )


def _bar(value: float | None, parts: Sequence[Part], whole: float | None) -> str:
    """A bar from zero; a dashed mark where the whole stands, if parts are to be held against it."""
    if value is None:
        return ""
    known = [part.value for part in parts if part.value is not None]
    known += [whole] if whole is not None else []
    low, high = min(0.0, *known), max(0.0, *known)
    reach = (high - low) or 1.0
    left = 100 * (min(value, 0.0) - low) / reach
    mark = (
        f'<i class="whole" style="left:{100 * (whole - low) / reach:.2f}%"></i>'
        if whole is not None
        else ""
    )
    width = 100 * abs(value) / reach
    return (
        f'<span class="track" aria-hidden="true"><i style="left:{left:.2f}%;width:{width:.2f}%">'
        f"</i>{mark}</span>"
    )
