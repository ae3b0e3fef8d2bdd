"""What is shaded where two metrics are drawn: all that the vocabulary marks in that time."""

from __future__ import annotations

from collections.abc import Sequence

from kpi.annotations import Mark
from kpi.editions import Edition
from pages.parts import relations
from pages.parts.frame import escaped
from pages.parts.over_time import OverTime, began, lasted

_LISTED = 60


def marked(edition: Edition, courses: Sequence[OverTime]) -> tuple[tuple[Mark, ...], str]:
    """What is marked within the periods of these metrics, with what to call it."""
    periods = [m.period for course in courses for m in course.moments if m.complete]
    if not periods:
        return (), ""
    first, last = min(p.start for p in periods), max(p.end for p in periods)
    found, tables = relations.marked(edition, first, last)
    return found, f"marked {' and '.join(tables)}" if found else ""


def heading(courses: Sequence[OverTime], what: str) -> str:
    """What the two charts share."""
    grain = courses[0].grain
    said = f"by {grain}"
    if what:
        said += f" · shaded: {escaped(what)}"
    if any(m.target is not None for course in courses for m in course.moments):
        said += " · dashed: target"
    return f'<h2 class="section apart">One time axis <span class="muted small">{said}</span></h2>'


def listed(edition: Edition, shaded: Sequence[Mark], what: str) -> str:
    """What is shaded, as a table that opens below the charts, the latest first."""
    if not shaded:
        return ""
    calendar, formats = edition.vocabulary.calendar, edition.vocabulary.formats
    latest = list(reversed(shaded))[:_LISTED]
    lines = "".join(
        f'<tr><td class="muted nowrap">{formats.day(began(calendar, mark))}</td>'
        f'<td>{escaped(mark.name)} <span class="muted">({lasted(mark)})</span></td></tr>'
        for mark in latest
    )
    more = "" if len(shaded) <= _LISTED else f"<p>The latest {formats.count(_LISTED)}.</p>"
    title = escaped(f"{what.capitalize()}: {formats.count(len(shaded))}")
    return (
        f'<details class="drawn"><summary>{title}</summary>'
        f'<div class="box" tabindex="0" role="region" aria-label="{title}">'
        '<table><thead><tr><th scope="col">Began</th><th scope="col">What</th></tr></thead>'
        f"<tbody>{lines}</tbody></table>{more}</div></details>"
    )
