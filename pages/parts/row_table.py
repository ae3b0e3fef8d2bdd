"""A page of rows as a table: times as clocks here show them, what is missing left out."""

from __future__ import annotations

import datetime as dt
from typing import Any

from kpi.editions import Edition
from kpi.formats import NOTHING, Formats, decimals
from kpi.rows import Column, Rows, RowsQuestion
from kpi.vocabulary import Metric
from pages.parts.addresses import key_label
from pages.parts.frame import escaped
from pages.parts.over_time import in_sentence, named

_LONG = 40  # a text of more characters is broken into lines


def heading(
    edition: Edition, metric: Metric, question: RowsQuestion, total: int, value: str, filters: str
) -> str:
    """How many rows there are, and behind which number of which period, under which filters."""
    table = edition.vocabulary.tables[metric.tables[0]]
    formats = edition.vocabulary.formats
    when = in_sentence(named(formats, question.period))
    narrowed = f", {filters}" if filters else ""
    part = f" where <b>{escaped(question.part)}</b>," if question.part else ""
    return (
        f'<p><b class="strong">{formats.several(total, "row")}</b>{part} behind '
        f'<b class="strong">{escaped(value)}</b> '
        f'<span class="muted small">{escaped(metric.label)}, {escaped(when + narrowed)} · '
        f"each {escaped(table.row)}, from <b>{escaped(table.name)}</b></span></p>"
    )


def table(edition: Edition, metric: Metric, found: Rows) -> str:
    """The rows; a column without any value is named below instead of drawn."""
    if not found.rows:
        return '<p class="muted">No row counts here. Choose another period or filter.</p>'
    formats = edition.vocabulary.formats
    shown = [
        index
        for index, column in enumerate(found.columns)
        if column.role in ("time", "dimension") or any(row[index] is not None for row in found.rows)
    ]
    heads = "".join(_head(edition, metric, found.columns[index]) for index in shown)
    lines = "".join(
        "<tr>" + "".join(_cell(formats, metric, found.columns[i], row[i]) for i in shown) + "</tr>"
        for row in found.rows
    )
    empty = [c.name for i, c in enumerate(found.columns) if i not in shown]
    rest = (
        f'<p class="muted small">Without a value in these rows: {escaped(", ".join(empty))}.</p>'
        if empty
        else ""
    )
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="Rows">'
        f'<table class="rows"><caption class="sr">Rows behind {escaped(metric.label)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>{rest}"
    )


def _head(edition: Edition, metric: Metric, column: Column) -> str:
    kind = ' class="right"' if column.is_number else ""
    return f'<th scope="col"{kind}>{escaped(_label(edition, metric, column))}</th>'


def _label(edition: Edition, metric: Metric, column: Column) -> str:
    if column.role == "counted":
        return f"{metric.label}, {metric.unit}" if metric.unit else metric.label
    if column.role == "dimension":
        return edition.vocabulary.dimensions[column.name].label
    name = column.name.strip("_").replace("_", " ").capitalize()
    if column.type != "TIMESTAMP":
        return name
    place = edition.vocabulary.calendar.timezone.rpartition("/")[2].replace("_", " ")
    return f"{name}, {place}"


def _cell(formats: Formats, metric: Metric, column: Column, value: Any) -> str:
    if column.role == "dimension" and not isinstance(value, dt.date):
        # As in the breakdown, where the missing value is a part like the others.
        shown, kind = key_label(value), ""
    elif value is None:
        shown, kind = f'<span class="muted">{NOTHING}</span>', ""
    elif isinstance(value, dt.datetime):
        shown, kind = formats.moment(value), "clock"
    elif isinstance(value, dt.date):
        shown, kind = formats.weekday(value), "clock"
    elif isinstance(value, bool):
        shown, kind = ("yes" if value else "no"), ""
    elif column.role == "counted":
        shown, kind = formats.number(float(value), max(decimals(metric), 1)), ""
    elif column.is_number:
        shown, kind = formats.exact(float(value)), ""
    else:
        shown, kind = escaped(value), "muted" if column.role == "source" else ""
        if len(str(value)) > _LONG:
            kind = "long"
    right = "right" if column.is_number else ""
    classes = " ".join(filter(None, (kind, right)))
    return f'<td class="{classes}">{shown}</td>' if classes else f"<td>{shown}</td>"
