"""The tables that pages hand over: the scorecard, a metric, the vocabulary, and the sources."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from kpi.editions import Edition, SourceReport, freshness
from kpi.export import Export, export
from kpi.scorecard import Row, Scorecard, last_period
from kpi.scorecard_export import scorecard_export
from kpi.scorecard_pdf import scorecard_pdf
from kpi.vocabulary import Metric
from pages.parts import export_menu
from pages.parts.export_menu import Offer
from pages.parts.over_time import Moment, OverTime, over_time
from pages.parts.search import Search
from pages.parts.source_list import by_need, depending, wanting
from pages.parts.spans import every
from pages.parts.vocabulary_list import Listed

_ATTENTION = "Needs attention"


def of_scorecard(edition: Edition, card: Scorecard, show: str) -> Offer:
    """The rows of a scorecard under its filter."""
    address = export_menu.address()

    def make() -> Export:
        keep, shown = (_needs_attention, _ATTENTION) if show == "attention" else (_any, "")
        return scorecard_export(edition, card, keep, shown=shown, address=address)

    return Offer(_name(edition, card), make)


def pdf_of_scorecard(edition: Edition, card: Scorecard, show: str) -> Callable[[], bytes]:
    """A scorecard under its filter, on paper."""

    def make() -> bytes:
        keep, shown = (_needs_attention, _ATTENTION) if show == "attention" else (_any, "")
        return scorecard_pdf(edition, card, keep, shown=shown)

    return make


def of_metrics(edition: Edition, metrics: Sequence[Metric], grain: str, now: dt.datetime) -> Offer:
    """The periods of a metric, or of several below each other, as charts and tables show them."""
    address = export_menu.address()

    def make() -> Export:
        courses = [over_time(edition, metric, grain, now) for metric in metrics]
        columns = (
            "metric", "grain", "period", "value", "margin", "unit", "n", "complete",
            "target", "routine_lower", "routine_upper", "signal", "changed",
        )  # fmt: skip
        rows = [_moment(course, moment) for course in courses for moment in course.moments]
        title = f"{' and '.join(metric.label for metric in metrics)} by {grain}"
        return export(edition, title, columns, rows, address=address)

    return Offer(f"{'-and-'.join(metric.name for metric in metrics)}-by-{grain}", make)


def of_vocabulary(edition: Edition, side: str) -> Offer:
    """The metrics that a search leaves, helpers included, with their definitions."""
    address = export_menu.address()
    # What is typed is known from the address before its field is drawn.
    search = Search(st.query_params.get("q", ""))
    today = edition.vocabulary.calendar.local_day(edition.published_at)
    listed = Listed(edition.vocabulary, search, side, "", today, edition.reports)

    def make() -> Export:
        columns = (
            "metric", "label", "outcome", "side", "owner_business", "owner_it", "definition",
            "also_called", "value", "unit", "good", "target", "target_per", "tolerance",
            "min_sample", "dimensions", "fact_tables", "used_by", "helper", "use_instead",
        )  # fmt: skip
        rows = [_definition(listed, metric) for metric in listed.metrics]
        typed = f"“{search.typed}”" if search.typed else ""
        shown = ", ".join(filter(None, (typed, "" if side == "all" else f"side {side}")))
        return export(edition, "Vocabulary", columns, rows, shown=shown, address=address)

    return Offer("vocabulary", make)


def of_sources(edition: Edition, now: dt.datetime, show: str) -> Offer:
    """The sources that are listed, with what each last brought."""
    address = export_menu.address()

    def make() -> Export:
        columns = (
            "source", "system", "freshness", "every", "fresh_until", "last_run", "last_good_run",
            "failing_since", "new_rows", "changed_rows", "rows", "rejected_7d", "fact_tables",
            "metrics", "error", "advice",
        )  # fmt: skip
        reports = by_need(edition.reports, now)
        kept = wanting(reports, now) if show == "attention" else reports
        rows = [_source(edition, report, now) for report in kept]
        shown = _ATTENTION if show == "attention" else ""
        return export(edition, "Sources", columns, rows, shown=shown, address=address)

    return Offer("sources", make)


def of_changes(edition: Edition) -> Offer:
    """What editions changed of the definitions, key by key, the newest first."""
    address = export_menu.address()

    def make() -> Export:
        columns = ("changed_in", "changed_at", "section", "name", "key", "before", "now")
        rows = [
            (one.edition, one.at, one.section, one.name or None, one.key, one.old, one.new)
            for changes in edition.redefined
            for redefined in changes.entries.values()
            for one in redefined
        ]
        return export(edition, "What changed in the vocabulary", columns, rows, address=address)

    return Offer("vocabulary-changes", make)


def _name(edition: Edition, card: Scorecard) -> str:
    """The period is said where the edition alone does not tell it."""
    if card.incomplete:
        return f"scorecard-{card.grain}-so-far"
    latest = card.period == last_period(edition, card.grain)
    return f"scorecard-{card.grain}" + ("" if latest else f"-{card.period.start}")


def _any(row: Row) -> bool:
    return True


def _needs_attention(row: Row) -> bool:
    return row.needs_attention


def _moment(course: OverTime, moment: Moment) -> tuple[Any, ...]:
    metric, period = course.row.metric, moment.period
    limits = next(
        (limits for first, last, limits in course.routine_ranges if first <= period <= last), None
    )
    said = (
        f"{moment.signal.verdict}: {moment.signal.words(course.grain)}" if moment.signal else None
    )
    changed = "; ".join(one.what for one in course.breaks if one.period == period)
    return (
        metric.name,
        period.grain,
        period.start,
        moment.value,
        moment.margin,
        metric.unit,
        moment.n,
        moment.complete,
        moment.target,
        limits.lower if limits else None,
        limits.upper if limits else None,
        said,
        changed or None,
    )


def _definition(listed: Listed, metric: Metric) -> tuple[Any, ...]:
    vocabulary = listed.vocabulary
    goal = metric.target.at(listed.today) if metric.target else None
    return (
        metric.name,
        metric.label,
        vocabulary.outcomes[metric.outcome].label,
        metric.side,
        metric.owners.business,
        metric.owners.it,
        metric.definition,
        ", ".join(metric.also_called),
        metric.text,
        metric.unit,
        metric.good,
        goal.value if goal else None,
        goal.per if goal else None,
        metric.tolerance,
        metric.min_sample,
        ", ".join(metric.dimensions),
        ", ".join(metric.tables),
        ", ".join(m.name for m in vocabulary.used_by(metric.name)),
        metric.internal,
        metric.deprecated,
    )


def _source(edition: Edition, report: SourceReport, now: dt.datetime) -> tuple[Any, ...]:
    metrics = [metric.name for metric in depending(edition, report)]
    return (
        report.source,
        report.system,
        freshness(report, now).word,
        every(report.every),
        report.as_of or report.last_good_at,
        report.last_run_at,
        report.last_good_at,
        report.failing_since,
        report.new_rows,
        report.changed_rows,
        report.rows_total,
        report.rejected_7d,
        ", ".join(report.into),
        ", ".join(metrics),
        report.error,
        report.advice,
    )
