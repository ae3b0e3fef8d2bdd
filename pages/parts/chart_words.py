"""What stands around a chart: how to read it, and its numbers for those who do not see it."""

from __future__ import annotations

from kpi.formats import Formats
from kpi.vocabulary import Metric
from pages.parts.frame import escaped, link
from pages.parts.over_time import Moment, OverTime, in_sentence, lasted


def reading(course: OverTime) -> str:
    """One line above the chart: how far it reaches and what its marks mean."""
    if not course.moments:
        where = link("sources", "what its sources have brought")
        return f'<p class="muted">No period has a known value yet: see {where}.</p>'
    whole = sum(m.complete for m in course.moments)
    said = [course.formats.several(whole, f"complete {course.grain}")]
    if course.routine_ranges:
        rebased = ", re-based where its meaning changed" if course.breaks else ""
        said.append(f"grey: routine range around its average{rebased}")
    if any(m.margin for m in course.moments):
        said.append("blue band: margin of error, 95 %")
    if course.row.own:
        said.append(
            f"neighbouring {course.grain}s share rows, so signals are judged on each "
            f"{course.grain}'s own"
        )
    if any(m.target is not None for m in course.moments):
        said.append("dashed: target")
    if course.happened:
        said.append("red with a number: something happened, named below")
    if any(m.signal is not None for m in course.moments):
        said.append("blue diamonds: signals")
    if any(m.complete and m.value is None for m in course.moments):
        said.append("gaps: unknown")
    return f'<p class="muted small">{" · ".join(said)}</p>{_so_far(course)}'


def _so_far(course: OverTime) -> str:
    """The period that is not over beside the same first days of the one before."""
    found = course.so_far
    if found is None or found.days is None:
        return ""
    metric, formats = course.row.metric, course.formats
    name = escaped(in_sentence(formats.period(found.period)))
    before = escaped(in_sentence(formats.period(found.against)))
    days = formats.several(found.days, "day")
    return (
        f'<p class="small"><span class="muted">So far in {name}, after {days}:</span> '
        f"<b>{escaped(formats.with_unit(metric, found.value))}</b>, "
        f"{escaped(formats.with_unit(metric, found.before))} after as many in {before} "
        f'<span class="muted">({found.change.verdict})</span></p>'
    )


def happened(course: OverTime) -> str:
    """What is marked on the chart, by its number there."""
    lines = "".join(
        f'<li value="{one.number}"><b>{escaped(course.formats.period(one.period))}</b> '
        + ", ".join(
            f'{escaped(mark.name)} <span class="muted">({lasted(mark)})</span>'
            for mark in one.marks
        )
        + "</li>"
        for one in course.happened
    )
    others = course.formats.count(course.more_happened)
    more = (
        f'<p class="muted small">{others} more that were shorter are not marked; '
        "that something happened then does not make it the reason.</p>"
        if course.more_happened
        else ""
    )
    return f'<ol class="happened small">{lines}</ol>{more}'


def numbers(course: OverTime) -> str:
    """The chart as a table that opens below it, the latest period first."""
    lines = "".join(_line(course, moment) for moment in reversed(course.moments))
    heads = "".join(
        f'<th scope="col" class="{kind}">{word}</th>'
        for kind, word in (
            ("", course.grain.capitalize()),
            ("", "Days"),
            ("right", "Value"),
            ("right", "Target"),
            ("right", "n"),
            ("", "Signal"),
        )
    )
    return (
        '<details class="drawn"><summary>The numbers of this chart</summary>'
        '<div class="box" tabindex="0" role="region" aria-label="The numbers of this chart">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div></details>"
    )


def _value(formats: Formats, metric: Metric, moment: Moment) -> str:
    shown = formats.value(metric, moment.value)
    margin = formats.margin(metric, moment.margin)
    return f'{shown} <span class="muted">{margin}</span>' if margin else shown


def _line(course: OverTime, moment: Moment) -> str:
    metric, formats = course.row.metric, course.formats
    said = ""
    if moment.signal is not None:
        words = moment.signal.words(course.grain)
        said = f'<span class="signal">{moment.signal.verdict.capitalize()}: {words}</span>'
    elif not moment.complete:
        said = '<span class="muted">incomplete, not judged</span>'
    return (
        f"<tr><td>{escaped(formats.period(moment.period))}</td>"
        f'<td class="muted nowrap">{formats.days(moment.period)}</td>'
        f'<td class="right strong nowrap">{_value(formats, metric, moment)}</td>'
        f'<td class="right muted nowrap">{formats.target(metric, moment.target)}</td>'
        f'<td class="right muted">{formats.count(moment.n)}</td><td>{said}</td></tr>'
    )
