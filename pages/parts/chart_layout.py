"""What every chart shares: type, colours, axes, and labels that do not touch."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from kpi.formats import Formats
from kpi.periods import Period

FONT = "Inter, 'Source Sans', sans-serif"
SMALL = 11
# Nothing to drag; the one button that plotly keeps is pressed by `chart_picture`.
_QUIET = {
    "displayModeBar": True,
    "displaylogo": False,
    "modeBarButtons": [["toImage"]],
    "scrollZoom": False,
    "doubleClick": False,
}
# Pixels between two labels that stand one above the other.
LABEL_GAP = 14


def config(formats: Formats) -> dict[str, Any]:
    """What plotly's `config` says of a chart: it is quiet, and its axes write as we do.

    Plotly itself knows English, of any other locale what it is told.
    """
    signs = formats.locality
    # The sizes are taken one after the other, then from the first again.
    sizes = [signs.sizes[0], *[signs.sizes[1]] * 6]
    format = {
        "decimal": signs.decimal,
        "thousands": signs.group,
        "grouping": sizes,
        "shortMonths": formats.month_names,
    }
    return {**_QUIET, "locale": "here", "locales": {"here": {"format": format}}}


def lay_out(
    figure: go.Figure, colours: Mapping[str, str], height: int, margin: Mapping[str, int]
) -> None:
    """Type and colours of the whole figure; `margin` in pixels by l, r, t and b."""
    figure.update_layout(
        height=height,
        margin=dict(margin),
        font={"family": FONT, "size": 12, "color": colours["text"]},
        # Not see-through: a saved picture would have light words on white paper.
        paper_bgcolor=colours["background"],
        plot_bgcolor=colours["background"],
        dragmode=False,
        hovermode="closest",
        hoverdistance=24,
        hoverlabel={
            "bgcolor": colours["background"],
            "bordercolor": colours["line"],
            "font": {"family": FONT, "size": 12, "color": colours["text"]},
            "align": "left",
        },
    )


def across(colours: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """The looks of a horizontal axis: a line with ticks, no grid."""
    return {
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
        "tickfont": small(colours["muted"]),
        "linecolor": colours["line"],
        "ticks": "outside",
        "ticklen": 3,
        "tickcolor": colours["line"],
        "tickangle": 0,
        **more,
    }


def over_days(
    colours: Mapping[str, str], formats: Formats, grain: str, **more: Any
) -> dict[str, Any]:
    """The looks of a horizontal axis of time."""
    day = "%-d %b\n%Y" if formats.day_comes_first else "%b %-d\n%Y"
    return across(
        colours,
        type="date",
        tickformat=day if grain == "day" else "%b\n%Y",
        hoverformat="%Y-%m-%d",
        **more,
    )


def upwards(colours: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """The looks of a vertical axis of numbers: a grid of hairlines."""
    return {
        "fixedrange": True,
        "nticks": 6,
        "tickformat": ",",
        "tickfont": small(colours["muted"]),
        "gridcolor": colours["hairline"],
        "zeroline": False,
        **more,
    }


def with_air(drawn: Iterable[float]) -> tuple[float, float]:
    """The lowest and highest of all that is drawn, with some air around it."""
    known = list(drawn) or [0.0, 1.0]
    low, high = min(known), max(known)
    air = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    # Nothing below zero occurs: the axis then does not pretend that it could.
    return (max(low - air, 0.0) if low >= 0 else low - air), high + air


def small(colour: str) -> dict[str, Any]:
    """The type of what stands in a chart or at its edges."""
    return {"size": SMALL, "color": colour}


def see_through(colour: str, opacity: float) -> str:
    """A colour's code with an opacity, for what must not hide the lines below it."""
    return f"rgba({','.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))},{opacity})"


def point(period: Period) -> dt.datetime:
    """Where the point of a period stands."""
    return dt.datetime.combine(period.start, dt.time())


def just_before(period: Period) -> dt.datetime:
    """Half way between the point of a period and the one before it."""
    return point(period) - dt.timedelta(days=period.days / 2)


def apart(heights: Sequence[float]) -> list[float]:
    """These descending heights, moved as little as it takes for labels there not to touch."""
    places = list(heights)
    for _ in range(50):
        moved = False
        for upper in range(len(places) - 1):
            overlap = LABEL_GAP - (places[upper] - places[upper + 1])
            if overlap > 0.1:
                places[upper] += overlap / 2
                places[upper + 1] -= overlap / 2
                moved = True
        if not moved:
            break
    return places
