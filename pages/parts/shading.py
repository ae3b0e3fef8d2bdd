"""The incidents that are shaded where two metrics are drawn: those of the worst severity."""

from __future__ import annotations

from collections.abc import Sequence

from kpi import events
from kpi.editions import Edition
from kpi.events import Event
from pages.parts import relations
from pages.parts.frame import escaped
from pages.parts.over_time import OverTime

_TABLE, _SEVERITY = "incidents", "severity"
_LISTED = 60


def worst(edition: Edition) -> tuple[tuple[Event, ...], str]:
    """The incidents of the first severity there is, with what to call them; none without one."""
    if _TABLE not in events.event_tables(edition):
        return (), ""
    if _SEVERITY not in edition.facts[_TABLE].columns:
        return (), ""
    words = events.words(edition, _TABLE, _SEVERITY)
    if not words:
        return (), ""
    return relations.happened(edition, _TABLE, ((_SEVERITY, (words[0],)),)), f"{words[0]} incidents"


def heading(courses: Sequence[OverTime], what: str) -> str:
    """What the two charts share."""
    grain = courses[0].grain
    said = f"by {grain}"
    if what:
        said += f" · shaded: {escaped(what)}"
    if any(m.target is not None for course in courses for m in course.moments):
        said += " · dashed: target"
    return f'<h2 class="section">One time axis <span class="muted small">{said}</span></h2>'


def listed(
    edition: Edition, courses: Sequence[OverTime], shaded: Sequence[Event], what: str
) -> str:
    """What is shaded, as a table that opens below the charts, the latest first."""
    periods = [m.period for course in courses for m in course.moments if m.complete]
    if not periods or not shaded:
        return ""
    first, last = min(p.start for p in periods), max(p.end for p in periods)
    calendar, formats = edition.vocabulary.calendar, edition.vocabulary.formats
    days = [(calendar.local_day(event.at), event) for event in shaded]
    within = [(day, event) for day, event in reversed(days) if first <= day < last]
    lines = "".join(
        f'<tr><td class="muted nowrap">{formats.day(day)}</td><td>{escaped(event.name)}</td></tr>'
        for day, event in within[:_LISTED]
    )
    more = "" if len(within) <= _LISTED else f"<p>The latest {formats.count(_LISTED)}.</p>"
    title = f"The {formats.several(len(within), 'shaded incident')}"
    return (
        f'<details class="drawn"><summary>{title}</summary>'
        f'<div class="box" tabindex="0" role="region" aria-label="{title}">'
        '<table><thead><tr><th scope="col">Opened</th><th scope="col">Incident</th></tr></thead>'
        f"<tbody>{lines}</tbody></table>{more}</div></details>"
    )
