"""The process behaviour chart, in the visitor's colours, drawn once from what was asked once."""

from __future__ import annotations

import datetime as dt
import html
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from kpi.periods import DAY, step
from kpi.vocabulary import Metric
from pages.parts import style
from pages.parts.chart_layout import (
    LABEL_GAP,
    apart,
    config,
    just_before,
    lay_out,
    over_days,
    point,
    see_through,
    small,
    upwards,
    with_air,
)
from pages.parts.over_time import (
    Moment,
    OverTime,
    exactly,
    lasted,
    lowest,
    named,
    summary,
)

_HEIGHT = 380
_TOP, _BOTTOM = 22, 34
_LINE, _LINES = 20, 4  # characters and lines of what stands beside a line, to fit a phone


def draw_over_time(course: OverTime) -> None:
    """The process behaviour chart of a metric on the page."""
    colours = style.colours(st.context.theme.type)
    st.plotly_chart(
        process_chart(course, colours),
        theme=None,
        config=config(course.formats),
        alt=summary(course),
        key="over_time",
    )


def process_chart(course: OverTime, colours: Mapping[str, str]) -> go.Figure:
    """An XmR chart: values, routine range, average, stepped target, signals, limits in words.

    Unknown periods are gaps; incomplete ones are hollow and judged by nobody.
    """
    figure = go.Figure()
    _margins(figure, course, colours)
    _routine(figure, course, colours)
    _happened(figure, course, colours)
    _targets(figure, course, colours)
    _values(figure, course, colours)
    lay_out(figure, colours, _HEIGHT, {"l": 44, "r": 96, "t": _TOP, "b": _BOTTOM})
    _axes(figure, course, colours)
    _breaks(figure, course, colours)
    _edge_labels(figure, course, colours)
    return figure


def _happened(figure: go.Figure, course: OverTime, colours: Mapping[str, str]) -> None:
    """The periods in which something began that is marked; its number leads to the words below."""
    low, high = with_air(_drawn(course))
    for one in course.happened:
        figure.add_shape(
            type="rect",
            x0=just_before(one.period),
            x1=just_before(step(course.calendar, one.period, 1)),
            # What refers to the paper would be drawn below the routine range.
            y0=low,
            y1=high,
            layer="below",
            line_width=0,
            fillcolor=see_through(colours["off"], style.incident_opacity(colours)),
        )
        names = [f"{html.escape(mark.name)} ({lasted(mark)})" for mark in one.marks]
        figure.add_annotation(
            x=point(one.period),
            yref="paper",
            y=1,
            yanchor="bottom",
            text=f"<b>{one.number}</b>",
            hovertext="<br>".join(names),
            showarrow=False,
            font=small(colours["off"]),
        )


def _values(figure: go.Figure, course: OverTime, colours: Mapping[str, str]) -> None:
    whole = [m for m in course.moments if m.complete]
    line = {"color": colours["text"], "width": 1.5}
    dot = {"color": colours["text"], "size": 4.5}
    figure.add_trace(
        _trace(course, whole, mode="lines+markers", line=line, marker=dot, connectgaps=False)
    )
    signals = [m for m in whole if m.signal is not None]
    diamond = {"symbol": "diamond", "size": 10, "color": colours["accent"], "opacity": 1}
    figure.add_trace(_trace(course, signals, mode="markers", marker=diamond, cliponaxis=False))
    begun = [m for m in course.moments if not m.complete and m.value is not None]
    ring = {
        "symbol": "circle",
        "size": 8,
        "color": colours["background"],
        "line": {"color": colours["muted"], "width": 1.5},
    }
    figure.add_trace(_trace(course, begun, mode="markers", marker=ring, cliponaxis=False))


def _trace(course: OverTime, moments: Sequence[Moment], **looks: Any) -> go.Scatter:
    return go.Scatter(
        x=[m.period.start for m in moments],
        y=[m.value for m in moments],
        hovertext=[_told(course, m) for m in moments],
        hoverinfo="text",
        showlegend=False,
        **looks,
    )


def _told(course: OverTime, moment: Moment) -> str:
    """What a point says when it is pointed at; the unit in it is the vocabulary's own text."""
    metric, formats = course.row.metric, course.formats
    lines = [
        html.escape(named(course.formats, moment.period)),
        f"<b>{html.escape(formats.with_unit(metric, moment.value))}</b>"
        f" {formats.margin(metric, moment.margin)}".rstrip(),
        f"n {formats.count(moment.n)}",
    ]
    if moment.target is not None:
        lines.append(f"target {formats.target(metric, moment.target)}")
    if moment.signal is not None:
        lines.append(f"{moment.signal.verdict.capitalize()}: {moment.signal.words(course.grain)}")
    if not moment.complete:
        lines.append("incomplete, not judged")
    return "<br>".join(lines)


def _routine(figure: go.Figure, course: OverTime, colours: Mapping[str, str]) -> None:
    """A range for each stretch; between two of them it steps where the meaning changed."""
    breaks = {one.period for one in course.breaks}
    latest = course.row.points[-1].period if course.row.points else None
    for first, last, limits in course.routine_ranges:
        low = max(limits.lower, 0) if lowest(course) >= 0 else limits.lower
        left = just_before(first) if first in breaks else point(first)
        right = point(last) if last == latest else just_before(step(course.calendar, last, 1))
        across = {"x0": left, "x1": right, "layer": "below"}
        looks = {"fillcolor": colours["routine"], "line_width": 0}
        figure.add_shape(type="rect", y0=low, y1=limits.upper, **across, **looks)
        line = {"color": colours["muted"], "width": 1}
        figure.add_shape(type="line", y0=limits.average, y1=limits.average, line=line, **across)


def _margins(figure: go.Figure, course: OverTime, colours: Mapping[str, str]) -> None:
    """A band as wide as the margin of error; it ends where a period has none."""
    known = groupby(course.moments, lambda m: m.complete and m.margin is not None)
    for there, same in known:
        band = [(m.period.start, m.value, m.margin) for m in same if m.value is not None]
        edges = [(at, v - e, v + e) for at, v, e in band if e is not None]
        if there and edges:
            figure.add_trace(
                go.Scatter(
                    x=[at for at, _, _ in edges] + [at for at, _, _ in reversed(edges)],
                    y=[low for _, low, _ in edges] + [high for _, _, high in reversed(edges)],
                    mode="lines",
                    line={"width": 0},
                    fill="toself",
                    fillcolor=see_through(colours["accent"], 0.14),
                    hoverinfo="skip",
                    showlegend=False,
                )
            )


def _breaks(figure: go.Figure, course: OverTime, colours: Mapping[str, str]) -> None:
    """A line where the first period of a new meaning begins, with what changed."""
    first, last = course.moments[0].period, course.moments[-1].period
    middle = first.start + (last.start - first.start) / 2
    depth = 0
    for one in course.breaks:
        at = just_before(one.period)
        line = {"color": colours["accent"], "width": 1.2}
        figure.add_shape(type="line", x0=at, x1=at, yref="paper", y0=0, y1=1, line=line)
        late = one.period.start > middle
        words = textwrap.wrap(one.what, _LINE, max_lines=_LINES, placeholder=" …")
        figure.add_annotation(
            x=at,
            xanchor="right" if late else "left",
            xshift=-5 if late else 5,
            yref="paper",
            y=1,
            yanchor="top",
            yshift=-LABEL_GAP * depth,
            text="<br>".join(
                [f"<b>changed</b> {course.formats.day(one.day)}", *map(html.escape, words)]
            ),
            align="right" if late else "left",
            hovertext=html.escape(one.what),
            showarrow=False,
            font=small(colours["accent"]),
        )
        depth += len(words) + 1


def _targets(figure: go.Figure, course: OverTime, colours: Mapping[str, str]) -> None:
    """The target of each period as a dashed line that steps between two of them."""
    known = [m for m in course.moments if m.target is not None]
    if not known:
        return
    figure.add_trace(
        go.Scatter(
            x=[m.period.start for m in course.moments],
            y=[m.target for m in course.moments],
            mode="lines",
            line={"color": colours["text"], "width": 1.3, "dash": "4px,3px", "shape": "hvh"},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    steps = [list(run) for _, run in groupby(known, lambda m: _agreed(course, m))]
    # The last one stands at the right edge.
    for index, same in enumerate(steps[:-1]):
        # On a phone a step is narrower than its words: every other one has them below the line.
        furthest, shift = (min, -9) if index % 2 else (max, 9)
        figure.add_annotation(
            x=same[0].period.start,
            # Beyond all of the step: a week across two quarters lies between them.
            y=furthest(m.target for m in same if m.target is not None),
            yshift=shift,
            xanchor="left",
            text=_agreed(course, same[0]),
            showarrow=False,
            font=small(colours["text"]),
        )


def _agreed(course: OverTime, moment: Moment) -> str:
    """What was agreed for a period, of which a flow's share may differ from one to the next."""
    metric: Metric = course.row.metric
    agreed = metric.target.at(moment.period.end - DAY) if metric.target else None
    if agreed is None:
        return f"target {course.formats.target(metric, moment.target)}"
    value = course.formats.target(metric, agreed.value)
    return f"target {value}" if agreed.per in (None, course.grain) else f"{value} per {agreed.per}"


def _edge_labels(figure: go.Figure, course: OverTime, colours: Mapping[str, str]) -> None:
    """What the lines are, in words at the right edge, moved apart where they would touch."""
    low, high = figure.layout.yaxis.range
    pixels = (_HEIGHT - _TOP - _BOTTOM) / (high - low)
    wanted = sorted(_at_the_edge(course), reverse=True)
    places = apart([value * pixels for value, _ in wanted])
    for (value, text), place in zip(wanted, places, strict=True):
        target = text.startswith("target")
        figure.add_annotation(
            xref="paper",
            x=1,
            xanchor="left",
            xshift=7,
            y=value,
            yshift=place - value * pixels,
            text=text,
            showarrow=False,
            font=small(colours["text" if target else "muted"]),
        )


def _at_the_edge(course: OverTime) -> Iterator[tuple[float, str]]:
    metric, formats = course.row.metric, course.formats
    limits = course.row.judged.limits
    if limits is not None and not course.row.own:
        yield limits.upper, f"limit {exactly(formats, metric, limits.upper)}"
        yield limits.average, f"average {exactly(formats, metric, limits.average)}"
        if limits.lower >= 0 or lowest(course) < 0:
            yield limits.lower, f"limit {exactly(formats, metric, limits.lower)}"
    last = course.moments[-1]
    if last.target is not None:
        yield last.target, f"target {formats.target(metric, last.target)}"
    if not last.complete and last.value is not None:
        yield last.value, "incomplete"


def _axes(figure: go.Figure, course: OverTime, colours: Mapping[str, str]) -> None:
    figure.update_xaxes(**over_days(colours, course.formats, course.grain, range=_days(course)))
    figure.update_yaxes(**upwards(colours, range=with_air(_drawn(course))))


def _days(course: OverTime) -> tuple[dt.datetime, dt.datetime]:
    """From half a period before the first point to half a period after the last."""
    first, last = course.moments[0].period, course.moments[-1].period
    half = dt.timedelta(days=last.days / 2)
    return point(first) - half, point(last) + half


def _drawn(course: OverTime) -> Iterator[float]:
    for moment in course.moments:
        yield from (v for v in (moment.value, moment.target) if v is not None)
        if moment.complete and moment.value is not None and moment.margin is not None:
            yield moment.value - moment.margin
            yield moment.value + moment.margin
    for _, _, limits in course.routine_ranges:
        yield limits.upper
        yield max(limits.lower, 0.0) if lowest(course) >= 0 else limits.lower
