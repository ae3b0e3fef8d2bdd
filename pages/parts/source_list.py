"""The sources, worst first: how fresh each is, what it brought, and what to do about it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from kpi.editions import Edition, Freshness, SourceReport, freshness
from kpi.formats import NOTHING, Formats, age
from kpi.vocabulary import Metric
from pages.parts import marks
from pages.parts.frame import escaped, link
from pages.parts.spans import every, moment

# A bar reaches its mark when a source is late; a little further it ends.
_LATE_AFTER, _MARK = 3, 86
_ORDER = ("failing", "late", "no rows yet", "fresh")
_NAMED = 6

_CROSS = '<path d="M2.5 2.5 9.5 9.5M9.5 2.5 2.5 9.5"/>'
_RING = '<circle cx="6" cy="6" r="4.2"/>'
_POINTS = '<path class="points" d="M2 6h0M6 6h0M10 6h0"/>'


def by_need(reports: Sequence[SourceReport], now: dt.datetime) -> tuple[SourceReport, ...]:
    """The sources in the order in which somebody should look at them."""

    def need(report: SourceReport) -> tuple[int, float]:
        fresh = freshness(report, now)
        # Held against what each promises: an hour is a lot for one that is read every minute.
        promised = report.every or dt.timedelta(days=1)
        age = fresh.age or dt.timedelta(0)
        return _ORDER.index(fresh.word), -(age / promised)

    return tuple(sorted(reports, key=need))


def wanting(reports: Sequence[SourceReport], now: dt.datetime) -> tuple[SourceReport, ...]:
    """Those that somebody should look at: failing, late, or with rejected rows."""
    words = ("failing", "late")
    return tuple(r for r in reports if freshness(r, now).word in words or r.rejected_7d)


def counted(
    formats: Formats, reports: Sequence[SourceReport], now: dt.datetime, rejected: int
) -> str:
    """How many sources stand how, and how many rows were rejected; whatever is filtered."""
    words = [freshness(report, now).word for report in reports]
    said = [f"<b>{words.count('fresh')} of {len(words)} fresh</b>"]
    if words.count("failing"):
        said.append(f'<span class="off">{words.count("failing")} failing</span>')
    if words.count("late"):
        said.append(f'<span class="near">{words.count("late")} late</span>')
    if words.count("no rows yet"):
        said.append(f"{words.count('no rows yet')} without rows yet")
    rows = formats.several(rejected, "row") if rejected else "no row"
    said.append(f"{rows} rejected in 7 days")
    return " · ".join(said)


def source_list(edition: Edition, reports: Sequence[SourceReport], now: dt.datetime) -> str:
    """A row for every source; advice stands open under a failing or late one."""
    heads = (
        ("is", "Freshness"),
        ("called", "Source, system"),
        ("ran", "Last run"),
        ("brought right", "Rows brought"),
        ("old", "Age against promise"),
        ("refused right", "Rejected"),
        ("then right", "Next run"),
        ("uses", "Metrics that depend on it"),
    )
    head = "".join(f'<span class="label {kind}">{word}</span>' for kind, word in heads)
    rows = "".join(_row(edition, report, now) for report in reports)
    return (
        f'<div class="sources"><div class="source-heads" aria-hidden="true">{head}</div>'
        f'<div role="list" aria-label="Sources">{rows}</div></div>'
    )


def _row(edition: Edition, report: SourceReport, now: dt.datetime) -> str:
    fresh = freshness(report, now)
    formats = edition.vocabulary.formats
    into = f"into {escaped(', '.join(report.into))}" if report.into else "into no table yet"
    cells = (
        f'<div class="is">{_word(fresh)}</div>',
        f'<div class="called"><div class="fact"><b class="strong">{escaped(report.source)}</b> '
        f'<span class="muted">{escaped(report.system)}</span></div>'
        f'<div class="sub">{into}</div></div>',
        _last_run(report, formats, now),
        _brought(report, formats),
        f'<div class="against">{_gauge(report, fresh)}</div>',
        _age(report, fresh),
        f'<div class="refused right"><span class="only label">rejected in 7 days </span>'
        f"{_rejected(report, formats)}</div>",
        f'<div class="then right"><span class="only label">next run </span>'
        f"{_next(report, formats, now)}</div>",
        f'<div class="uses">{_uses(edition, report)}</div>',
    )
    advice = _advice(report, fresh, formats, now)
    calm = " calm" if fresh.word == "fresh" and not report.rejected_7d else ""
    return f'<div role="listitem"><div class="source{calm}">{"".join(cells)}</div>{advice}</div>'


def _word(fresh: Freshness) -> str:
    shape, kind = {
        "failing": (_CROSS, "off"),
        "late": (None, "near"),
        "no rows yet": (_POINTS, "none"),
    }.get(fresh.word, (_RING, "on"))
    drawn = (
        marks.clock()
        if shape is None
        else f'<svg class="shape {kind}" viewBox="0 0 12 12" aria-hidden="true">{shape}</svg>'
    )
    return f'{drawn}<span class="word {kind}">{fresh.word.capitalize()}</span>'


def _last_run(report: SourceReport, formats: Formats, now: dt.datetime) -> str:
    if report.last_run_at is None:
        return '<div class="ran muted">never</div>'
    at = moment(formats, report.last_run_at, now)
    return (
        f'<div class="ran"><div class="fact nowrap">{at}</div>'
        f'<div class="sub">{report.last_outcome or "running"}</div></div>'
    )


def _brought(report: SourceReport, formats: Formats) -> str:
    parts = [f"{formats.count(report.new_rows)} new"] if report.new_rows else []
    parts += [f"{formats.count(report.changed_rows)} changed"] if report.changed_rows else []
    top = ", ".join(parts) or ("nothing new" if report.last_run_at else NOTHING)
    return (
        f'<div class="brought right"><div class="fact">{top}</div>'
        f'<div class="sub">{formats.count(report.rows_total)} in all</div></div>'
    )


def _gauge(report: SourceReport, fresh: Freshness) -> str:
    if report.every is None or fresh.age is None:
        return ""
    width = min(100.0, _MARK * fresh.age / (_LATE_AFTER * report.every))
    kind = fresh.word.partition(" ")[0]
    said = f"{age(fresh.age)} old, late at {age(_LATE_AFTER * report.every)}"
    return (
        f'<span class="gauge is-{kind}" role="img" aria-label="{said}">'
        f'<i style="width:{width:.1f}%"></i><b style="left:{_MARK}%"></b></span>'
    )


def _age(report: SourceReport, fresh: Freshness) -> str:
    kind = {"late": "near word", "failing": "off word"}.get(fresh.word, "")
    old = age(fresh.age) if fresh.age is not None else NOTHING
    return (
        f'<div class="old"><div class="fact {kind}">{old}</div>'
        f'<div class="sub">{every(report.every)}</div></div>'
    )


def _rejected(report: SourceReport, formats: Formats) -> str:
    if not report.rejected_7d:
        return '<span class="muted">0</span>'
    return f'<b class="strong near">{formats.count(report.rejected_7d)}</b>'


def _next(report: SourceReport, formats: Formats, now: dt.datetime) -> str:
    """When `kpi refresh --due` reads it again: `every` after its last good start."""
    if report.every is None:
        return '<span class="muted">by hand</span>'
    if report.last_good_at is None or report.last_good_at + report.every <= now:
        return "due"
    due = report.last_good_at + report.every
    on, today = (formats.calendar.local_day(moment) for moment in (due, now))
    return formats.clock(due) if on == today else formats.weekday_clock(due)


def _uses(edition: Edition, report: SourceReport) -> str:
    found = depending(edition, report)
    if not found:
        return "none"
    named = [link("metric", escaped(m.label), m=m.name) for m in found[:_NAMED]]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(named) + more


def depending(edition: Edition, report: SourceReport) -> tuple[Metric, ...]:
    """The metrics that screens list and that rest on a table which this source fills."""
    return tuple(m for m in edition.vocabulary.shown if set(m.tables) & set(report.into))


def _advice(report: SourceReport, fresh: Freshness, formats: Formats, now: dt.datetime) -> str:
    said = " ".join(_advised(report, fresh, formats, now))
    if not said:
        return ""
    kind = "off" if fresh.word == "failing" else "near"
    return f'<div class="advice note {kind}">{said}</div>'


def _advised(
    report: SourceReport, fresh: Freshness, formats: Formats, now: dt.datetime
) -> Iterator[str]:
    """What happened, since when, and the one thing to do."""
    if fresh.word == "failing":
        # The first line says what happened; what a program adds below it is in the log.
        what = (report.error or "The last run failed.").partition("\n")[0]
        yield f'<b class="strong off">{escaped(what)}</b>'
        if report.failing_since is not None and report.failing_since != report.last_run_at:
            yield f"Failing since {moment(formats, report.failing_since, now)}."
        yield escaped(report.advice or "")
        told = report.as_of or report.last_good_at
        if report.rows_total and told is not None:
            at = moment(formats, told, now)
            yield f"Until then its rows of {at} stay, and its metrics say how old they are."
        else:
            yield "Until then it has brought nothing, and its metrics are unknown."
    elif fresh.word == "late" and report.last_good_at is not None:
        told = report.as_of or report.last_good_at
        yield f'<b class="strong near">Nothing new since {moment(formats, told, now)}.</b>'
        if report.every is not None and now - report.last_good_at > _LATE_AFTER * report.every:
            at = moment(formats, report.last_good_at, now)
            yield f"No refresh has read it since {at}. Run <code>python -m kpi refresh --due</code>"
            yield "on a schedule; until then its metrics say how old they are."
        else:
            yield "The refresh reads it, but the system gives nothing newer:"
            yield "ask whoever delivers it."
