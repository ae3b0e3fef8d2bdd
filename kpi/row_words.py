"""What the scorecard and its rows say, in words; the same on screens and in files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kpi.formats import Formats, age
from kpi.judge import Status, Verdict
from kpi.periods import Period, step
from kpi.reports import Freshness
from kpi.restated import Restated
from kpi.scorecard import Band, Row, Scorecard
from kpi.vocabulary import Metric

STATUS = {
    Status.ON_TARGET: "On target",
    Status.NEAR: "Near",
    Status.OFF_TARGET: "Off target",
    Status.NO_TARGET: "No target",
    Status.NO_DATA: "No data",
    Status.TOO_FEW: "Too few",
}


# What has no status that a target gives.
_WITHOUT = (Status.NO_TARGET, Status.NO_DATA, Status.TOO_FEW)


def on_target(rows: Sequence[Row]) -> str:
    """'9 of 20 on target'."""
    on = sum(row.status is Status.ON_TARGET for row in rows)
    return f"{on} of {len(rows)} on target"


def outcome_counted(band: Band) -> str:
    """'3 of 5 on target, 1 off': how the metrics of an outcome stand."""
    off = sum(row.status is Status.OFF_TARGET for row in band.rows)
    return on_target(band.rows) + (f", {off} off" if off else "")


def besides(card: Scorecard, formats: Formats) -> Iterator[tuple[str, str]]:
    """How many metrics stand how besides those on target, and what else is to be known of a card.

    Each with its kind: `standing`, `without` (a status), `signals`, `sources`. Counted over all
    rows, whatever is filtered.
    """
    for status in (Status.NEAR, Status.OFF_TARGET):
        if card.counts[status]:
            yield "standing", f"{card.counts[status]} {status}"
    without = sum(card.counts[status] for status in _WITHOUT)
    if without:
        yield "without", f"{without} without status"
    if card.incomplete:
        yield "signals", f"signals are judged when the {card.grain} is over"
    else:
        yield "signals", formats.several(card.signals, "signal") if card.signals else "no signal"
    failing = sum(report.last_outcome == "failed" for report in card.late_sources)
    for count, word in ((len(card.late_sources) - failing, "late"), (failing, "failing")):
        if count:
            yield "sources", f"{formats.several(count, 'source')} {word}"


def without_status(card: Scorecard) -> str:
    """'1 no target, 2 no data': what those without a status are."""
    return ", ".join(f"{card.counts[s]} {s}" for s in _WITHOUT if card.counts[s])


def period_head(card: Scorecard, formats: Formats) -> str:
    """'Week 47', 'Week 48 so far'."""
    return formats.period(card.period) + (" so far" if card.incomplete else "")


def not_the_last(card: Scorecard, last: Period) -> str:
    """'incomplete', 'an earlier week': what to know of a card that is not of the last period."""
    if card.period == last:
        return ""
    return "incomplete" if card.incomplete else f"an earlier {card.grain}"


def before_head(card: Scorecard, formats: Formats) -> str:
    """'vs week 46'; of a period that is not over not all of the one before is meant."""
    return "vs same days" if card.incomplete else f"vs {period_before(card.period, formats)}"


def period_before(period: Period, formats: Formats) -> str:
    """'week 46', 'Oct': the period before, where a column is narrow."""
    before = step(formats.calendar, period, -1)
    # Which year the month before belongs to is plain.
    words = formats.month(before.start) if period.grain == "month" else formats.period(before)
    return words.replace("Week", "week")


def other_days(row: Row, shown: Period, formats: Formats) -> str:
    """'week 46', '5 of 7 days': what a number is of where that is not the period that is shown."""
    if row.days:
        return f"{row.days} of {row.period.days} days"
    if row.period == shown or row.value is None:
        return ""
    return formats.period(row.period).replace("Week", "week")


def late_words(freshness: Freshness) -> str:
    """'4 d late', 'failing, 4 d old'; empty where nothing is late."""
    old = age(freshness.age) if freshness.age is not None else ""
    if freshness.word == "late":
        return f"{old} late"
    if freshness.word == "failing":
        return f"failing, {old} old" if old else "failing"
    return ""


def signal_words(row: Row) -> str:
    """'Worse: above its range', 'Routine', 'Not judged', or why there is no number."""
    if row.signal is not None:
        return f"{row.signal.verdict.value.capitalize()}: {row.signal.words(row.period.grain)}"
    if row.value is None:
        if row.only_by is not None:
            return f"Has numbers only by {row.only_by}"
        if row.freshness is None:
            return "No source fills it yet"
        if row.freshness.word == "no rows yet":
            return "No rows yet"
        if row.days is None:
            return "Unknown for this period"
        return "Unknown so far" if row.days else "No whole day told of yet"
    if row.days is not None:
        return "Not judged yet"
    return "Routine" if row.judged.limits else "Not judged"


def short_signal(row: Row) -> str:
    """What the signal is; for how long it has lasted is for the metric's own page."""
    return row.signal.words(row.period.grain).partition(",")[0] if row.signal else ""


def question_words(row: Row, formats: Formats) -> str:
    """The numbers that make a row worth a question: '9 against 3, above its range'."""
    metric = row.metric
    said = formats.with_unit(metric, row.value)
    if row.target is not None and row.status is not Status.ON_TARGET:
        said += f" against {formats.target_value(metric, row.target)}"
    if row.signal is not None:
        # Off target with a signal needs no word for which way that is.
        plain = row.status is Status.OFF_TARGET and row.signal.verdict is Verdict.WORSE
        verdict = "" if plain else f"{row.signal.verdict.value}: "
        said += f", {verdict}{short_signal(row)}"
    return said


def restated_words(metric: Metric, what: Restated, formats: Formats) -> str:
    """'8.0 → 9.0, 10 Mar 2026 (edition 2): the data changed'."""
    day = formats.day(formats.calendar.local_day(what.at))
    old, new = formats.value(metric, what.old), formats.value(metric, what.new)
    when = f"{day} (edition {what.edition})"
    return f"{old} → {new}, {when}: the {what.cause} changed"
