"""Which period's parts and rows a metric's page shows; the address knows it by its first day."""

from __future__ import annotations

from pages.parts.over_time import Moment, OverTime, named
from pages.parts.pickers import pick

NAME = "at"


def which_period(course: OverTime, *, resets: tuple[str, ...] = ()) -> Moment | None:
    """A choice of all periods of the chart, from the latest on; None where there is none."""
    moments = {m.period.start.isoformat(): m for m in reversed(course.moments)}
    if not moments:
        return None
    labels = {
        day: named(course.formats, m.period) + ("" if m.complete else " (incomplete)")
        for day, m in moments.items()
    }
    shown = course.row.period.start.isoformat()
    default = shown if shown in moments else next(iter(moments))
    return moments[pick(NAME, "Period", labels, default=default, resets=resets, width=270)]
