"""The rows behind a metric's number: chosen, counted, paged, and downloaded as they are shown."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from kpi.answers import ask
from kpi.editions import Edition
from kpi.export import Export, export
from kpi.questions import QuestionRefused
from kpi.rows import (
    LARGEST_DOWNLOAD,
    PAGE,
    RowsQuestion,
    all_rows,
    count_rows,
    equals,
    facts_below,
    keys,
    rows_behind,
)
from kpi.vocabulary import Metric
from pages.parts import export_menu, frame, row_table
from pages.parts.addresses import key_id, key_name
from pages.parts.export_menu import Offer
from pages.parts.over_time import Moment, OverTime, named
from pages.parts.pickers import asked_page, pick, turn_pages
from pages.parts.which_period import which_period

_PAGE, _PART, _INPUT = "rows-page", "part", "rows"
_EVERY = ""  # no filter


def show(edition: Edition, course: OverTime) -> None:
    """The whole tab: choices, what is counted, one page of rows."""
    with st.container(horizontal=True, vertical_alignment="center", key="row_choices"):
        metric = _input(edition, course.row.metric)
        moment = which_period(course, resets=(_PAGE,))
        if moment is None:
            frame.sheet("rows", '<p class="muted">No period has any row yet.</p>')
            return
        try:
            question, words = _question(edition, metric, moment)
        except QuestionRefused as refused:
            frame.sheet("rows", _refused(refused))
            return
    try:
        _rows(edition, metric, question, ", ".join(words))
    except QuestionRefused as refused:
        frame.sheet("rows", _refused(refused))


def _input(edition: Edition, metric: Metric) -> Metric:
    """The metric itself, or for a formula the chosen one of those it comes down to."""
    below = {m.name: m for m in facts_below(edition.vocabulary, metric)}
    if not metric.inputs:
        return metric
    labels = {name: f"Rows of: {m.label}" for name, m in below.items()}
    resets = (_PAGE, _PART, "where-")
    return below[pick(_INPUT, "Input", labels, resets=resets)]


def _question(edition: Edition, metric: Metric, moment: Moment) -> tuple[RowsQuestion, list[str]]:
    """The period's rows under the filters that this draws, and what the filters are in words."""
    plain = RowsQuestion(metric.name, moment.period)
    where, words = [], []
    frame.miss_others("where-", metric.dimensions, "dimension of these rows")
    for dimension in metric.dimensions:
        found = {key_id(key): key for key in keys(edition, plain, dimension)}
        label = edition.vocabulary.dimensions[dimension].label
        labels = {_EVERY: f"{label}: all"} | {i: key_name(key) for i, key in found.items()}
        chosen = pick(f"where-{dimension}", label, labels, resets=(_PAGE,), width=190)
        if chosen != _EVERY:
            where.append(equals(dimension, found[chosen]))
            words.append(f"{label.lower()} {key_name(found[chosen])}")
    filtered = replace(plain, where=tuple(where))
    counted = count_rows(edition, filtered)
    if len(counted) > 1:
        count = edition.vocabulary.formats.count
        labels = {_EVERY: f"All ({count(counted[None])})"}
        labels |= {name: f"{name} ({count(there)})" for name, there in counted.items() if name}
        part = pick(_PART, "Part", labels, resets=(_PAGE,), width=220)
        return replace(filtered, part=part or None), words
    return filtered, words


def _rows(edition: Edition, metric: Metric, question: RowsQuestion, filters: str) -> None:
    number = ask(edition, question.number).cells[0]
    head = st.container(horizontal=True, vertical_alignment="center", key="row_head")
    page = asked_page(_PAGE)
    found = rows_behind(edition, question, page=page)
    pages = max(1, -(-found.total // PAGE))
    if page > pages:
        last = f"the last of {edition.vocabulary.formats.several(pages, 'page')}"
        frame.missed(_PAGE, str(page), "page of rows", {}, last)
        page = pages
        found = rows_behind(edition, question, page=page)
    with head:
        value = edition.vocabulary.formats.with_unit(metric, number.value)
        head_line = row_table.heading(edition, metric, question, found.total, value, filters)
        frame.sheet("row_count", head_line)
        turn_pages(_PAGE, page, pages)
        _download(edition, metric, question, found.total, filters)
    frame.sheet("rows", row_table.table(edition, metric, found))


def _download(
    edition: Edition, metric: Metric, question: RowsQuestion, total: int, filters: str
) -> None:
    formats = edition.vocabulary.formats
    too_many = total > LARGEST_DOWNLOAD
    period, address = question.period, export_menu.address()

    def make() -> Export:
        found = all_rows(edition, question)
        columns = [column.name for column in found.columns]
        shown = ", ".join(filter(None, (named(formats, period), filters, question.part)))
        title = f"Rows behind {metric.label}"
        return export(edition, title, columns, found.rows, shown=shown, address=address)

    export_menu.downloads(
        edition,
        Offer(f"{metric.name}-{period.grain}-{period.start}", make),
        label=f"Download {formats.several(total, 'row')}, ",
        disabled=too_many or not total,
        help=f"More than {formats.count(LARGEST_DOWNLOAD)} rows: "
        "choose a shorter period or a filter."
        if too_many
        else None,
    )


def _refused(refused: QuestionRefused) -> str:
    return f'<p class="note near" role="status">{frame.escaped(str(refused))}</p>'
