"""Two metrics on one time axis, the one above the other, with what happened shaded in both."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from kpi.annotations import Mark
from kpi.formats import Formats
from kpi.periods import DAY, Calendar, Period
from pages.parts import style
from pages.parts.chart_layout import config, lay_out, over_days, see_through, small, upwards
from pages.parts.over_time import Moment, OverTime, began, named, summary

_HEIGHT = 430
# Where a mark stands, the day it began, and what it is called.
_Named = tuple[dt.datetime, dt.date, str]
_NAME = 34  # letters of the name beside a shading


def draw_two(one: OverTime, other: OverTime, shaded: Sequence[Mark], what: str) -> None:
    """Both metrics on the page."""
    formats = one.formats
    said = f"{summary(one)} {summary(other)}"
    if shaded:
        said += f" Shaded: {formats.count(len(shaded))} {what}."
    st.plotly_chart(
        two_courses(one, other, shaded, style.colours(st.context.theme.type)),
        theme=None,
        config=config(formats),
        alt=said,
        key="chart_two",
    )


def file_name(one: OverTime, other: OverTime) -> str:
    """What a picture of both is called: the metrics, the grain, the first and last day."""
    first, last = _reach(one, other)
    names = f"{one.row.metric.name}_and_{other.row.metric.name}"
    return f"{names}_by_{one.grain}_{first.date()}_{(last - DAY).date()}"


def two_courses(
    one: OverTime, other: OverTime, shaded: Sequence[Mark], colours: Mapping[str, str]
) -> go.Figure:
    """Two charts that share their time axis, each with a value axis of its own."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.2)
    lay_out(figure, colours, _HEIGHT, {"l": 52, "r": 12, "t": 24, "b": 34})
    # What is shaded lies below both charts: neither may hide it.
    figure.update_layout(plot_bgcolor=see_through(colours["background"], 0))
    for number, course in enumerate((one, other), start=1):
        _course(figure, course, number, colours)
    reach = _reach(one, other)
    figure.update_xaxes(**over_days(colours, one.formats, one.grain, range=reach))
    figure.update_yaxes(**upwards(colours, nticks=5))
    _marks(figure, one.formats, shaded, reach, colours)
    return figure


def _course(figure: go.Figure, course: OverTime, number: int, colours: Mapping[str, str]) -> None:
    metric = course.row.metric
    whole = [moment for moment in course.moments if moment.complete]
    figure.add_trace(
        go.Scatter(
            x=[_middle(moment.period) for moment in whole],
            y=[moment.value for moment in whole],
            mode="lines+markers",
            line={"color": colours["text"], "width": 1.5},
            marker={"color": colours["text"], "size": 3.5},
            hovertext=[_told(course, moment) for moment in whole],
            hoverinfo="text",
            showlegend=False,
        ),
        row=number,
        col=1,
    )
    if any(moment.target is not None for moment in whole):
        figure.add_trace(
            go.Scatter(
                x=[_middle(moment.period) for moment in whole],
                y=[moment.target for moment in whole],
                mode="lines",
                line={"color": colours["muted"], "width": 1.2, "dash": "4px,3px", "shape": "hvh"},
                hoverinfo="skip",
                showlegend=False,
            ),
            row=number,
            col=1,
        )
    side = {"it": "IT", "business": "business", "joint": "joint"}[metric.side]
    unit = course.formats.unit(metric)
    behind = f", {html.escape(unit)}" if unit else ""
    figure.add_annotation(
        xref="paper",
        x=0,
        xanchor="left",
        yref="y domain" if number == 1 else "y2 domain",
        y=1,
        yanchor="bottom",
        yshift=3,
        text=f"<b>{html.escape(metric.label)}</b>{behind} · {side}",
        showarrow=False,
        font={"size": 12, "color": colours["text"]},
    )


def _told(course: OverTime, moment: Moment) -> str:
    value = html.escape(course.formats.with_unit(course.row.metric, moment.value))
    return f"{html.escape(named(course.formats, moment.period))}<br><b>{value}</b>"


def _middle(period: Period) -> dt.datetime:
    """Where the point of a period stands: an event within it shall not seem to come after it."""
    return dt.datetime.combine(period.start, dt.time()) + dt.timedelta(days=period.days / 2)


def _reach(one: OverTime, other: OverTime) -> tuple[dt.datetime, dt.datetime]:
    moments = [m.period for course in (one, other) for m in course.moments if m.complete]
    first = min(period.start for period in moments)
    last = max(period.end for period in moments)
    return dt.datetime.combine(first, dt.time()), dt.datetime.combine(last, dt.time())


def _marks(
    figure: go.Figure,
    formats: Formats,
    shaded: Sequence[Mark],
    reach: tuple[dt.datetime, dt.datetime],
    colours: Mapping[str, str],
) -> None:
    """A shading through both charts for each, a mark that names it, the last one in words."""
    calendar, (first, last) = formats.calendar, reach
    # An hour among years would not be seen.
    least = (last - first) / 220
    marks = []
    for mark in shaded:
        at = _clock(calendar, mark.begin)
        ends = _clock(calendar, mark.end) if mark.end else at
        until = min(max(ends, at + least), last)
        figure.add_shape(
            type="rect",
            x0=at,
            x1=until,
            yref="paper",
            y0=0,
            y1=1,
            layer="below",
            line_width=0,
            fillcolor=see_through(colours["off"], style.incident_opacity(colours)),
        )
        marks.append((at + (until - at) / 2, began(calendar, mark), mark.name))
    if marks:
        _feet(figure, formats, marks, colours)
        late = marks[-1][0] > first + (last - first) / 2
        _last_in_words(figure, formats, marks[-1], late, colours)


def _feet(
    figure: go.Figure, formats: Formats, marks: Sequence[_Named], colours: Mapping[str, str]
) -> None:
    """A mark at the foot of both charts for each, which says its name when it is pointed at."""
    figure.add_trace(
        go.Scatter(
            x=[middle for middle, _, _ in marks],
            y=[0.02] * len(marks),
            yaxis="y3",
            mode="markers",
            marker={"symbol": "triangle-up", "size": 6, "color": colours["off"]},
            hovertext=[
                f"{formats.day(day)}<br><b>{html.escape(name)}</b>" for _, day, name in marks
            ],
            hoverinfo="text",
            showlegend=False,
            cliponaxis=False,
        )
    )
    # An axis of no values.
    figure.update_layout(yaxis3={"overlaying": "y2", "range": (0, 1), "visible": False})


def _last_in_words(
    figure: go.Figure, formats: Formats, mark: _Named, late: bool, colours: Mapping[str, str]
) -> None:
    middle, day, name = mark
    short = name if len(name) <= _NAME else name[: _NAME - 1] + "…"
    figure.add_annotation(
        x=middle,
        yref="y domain",
        y=0,
        # Between the two charts it hides no point of either.
        yanchor="top",
        xanchor="right" if late else "left",
        xshift=-5 if late else 5,
        yshift=-4,
        text=f"{formats.day(day)}: {html.escape(short)}",
        showarrow=False,
        font=small(colours["off"]),
    )


def _clock(calendar: Calendar, at: dt.datetime | dt.date) -> dt.datetime:
    """What clocks here showed then; a day begins at its first hour."""
    if isinstance(at, dt.datetime):
        return calendar.local_time(at)
    return dt.datetime.combine(at, dt.time())
