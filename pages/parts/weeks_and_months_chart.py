"""The chart of six weeks and twelve months; each point stands above its column of the table."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from pages.parts import style
from pages.parts.chart_layout import across, config, lay_out, small, upwards, with_air
from pages.parts.over_time import named

if TYPE_CHECKING:
    from pages.parts.weeks_and_months import Column, WeeksAndMonths

_HEIGHT = 260
# As wide as the first column of the table.
_LEFT = 130


def draw(found: WeeksAndMonths, alt: str) -> None:
    """The chart on the page."""
    colours = style.colours(st.context.theme.type)
    figure = six_twelve(found, colours)
    st.plotly_chart(figure, theme=None, config=config(found.formats), alt=alt, key="six_twelve")


def six_twelve(found: WeeksAndMonths, colours: Mapping[str, str]) -> go.Figure:
    """Weeks to the left and months to the right of a gap as wide as one column."""
    figure = go.Figure()
    lay_out(figure, colours, _HEIGHT, {"l": _LEFT, "r": 0, "t": 26, "b": 6})
    parts = [columns for columns in (found.weeks, found.months) if columns]
    units = sum(map(len, parts)) + len(parts) - 1
    shared = with_air([v for columns in parts for v in _drawn(columns)])
    begin = 0
    for index, columns in enumerate(parts):
        axis = str(index + 1) if index else ""
        end = begin + len(columns)
        figure.update_layout(
            {
                f"xaxis{axis}": across(
                    colours,
                    domain=[begin / units, end / units],
                    range=[-0.5, len(columns) - 0.5],
                    showticklabels=False,
                    ticks="",
                    anchor=f"y{axis}",
                ),
                f"yaxis{axis}": upwards(
                    colours,
                    range=shared if found.one_scale else with_air(_drawn(columns)),
                    showticklabels=not index or not found.one_scale,
                    anchor=f"x{axis}",
                ),
            }
        )
        _points(figure, found, columns, colours, axis)
        _changed(figure, found, columns, colours, axis)
        begin = end + 1
    return figure


def _points(
    figure: go.Figure,
    found: WeeksAndMonths,
    columns: Sequence[Column],
    colours: Mapping[str, str],
    axis: str,
) -> None:
    def add(values: Sequence[float | None], **looks: Any) -> None:
        figure.add_trace(
            go.Scatter(
                x=list(range(len(columns))),
                y=list(values),
                hovertext=[_told(found, c) for c in columns],
                hoverinfo="text",
                showlegend=False,
                cliponaxis=False,
                connectgaps=False,
                xaxis=f"x{axis}",
                yaxis=f"y{axis}",
                **looks,
            )
        )

    past, text = colours["year_before"], colours["text"]
    add(
        [c.before for c in columns],
        mode="lines+markers",
        line={"color": past, "width": 1.5, "dash": "dot"},
        marker={"color": past, "size": 4},
    )
    add(
        [c.moment.target for c in columns],
        mode="markers",
        marker={"symbol": "line-ew", "size": 26, "line": {"color": text, "width": 1.5}},
    )
    whole = [c.moment.value if c.moment.complete else None for c in columns]
    add(
        whole,
        mode="lines+markers",
        line={"color": text, "width": 1.6},
        marker={"color": text, "size": 5},
    )
    add(
        [c.moment.value if c.moment.signal is not None else None for c in columns],
        mode="markers",
        marker={"symbol": "diamond", "size": 10, "color": colours["accent"], "opacity": 1},
    )
    ring = {"color": colours["muted"], "width": 1.5}
    add(
        [None if c.moment.complete else c.moment.value for c in columns],
        mode="markers",
        marker={"size": 8, "color": colours["background"], "line": ring, "opacity": 1},
    )
    last = max((i for i, value in enumerate(whole) if value is not None), default=None)
    if last is not None:
        figure.add_annotation(
            x=last,
            y=whole[last],
            xref=f"x{axis}",
            yref=f"y{axis}",
            yshift=14,
            text=f"<b>{html.escape(found.formats.value(found.metric, whole[last]))}</b>",
            showarrow=False,
            font=small(text),
        )


def _told(found: WeeksAndMonths, column: Column) -> str:
    """What a point says when it is pointed at."""
    metric, moment, formats = found.metric, column.moment, found.formats
    lines = [
        html.escape(named(formats, moment.period)),
        f"<b>{html.escape(formats.with_unit(metric, moment.value))}</b>",
    ]
    if column.before is not None:
        lines.append(f"year before {formats.value(metric, column.before)}")
    if moment.target is not None:
        lines.append(f"target {formats.target(metric, moment.target)}")
    if not moment.complete:
        lines.append("incomplete, not judged")
    return "<br>".join(lines)


def _changed(
    figure: go.Figure,
    found: WeeksAndMonths,
    columns: Sequence[Column],
    colours: Mapping[str, str],
    axis: str,
) -> None:
    """A line where the meaning changed between two of the points."""
    for index, column in enumerate(columns):
        for one in found.breaks:
            if index and one.period == column.moment.period:
                at = {"x0": index - 0.5, "x1": index - 0.5, "xref": f"x{axis}"}
                line = {"color": colours["accent"], "width": 1.2}
                figure.add_shape(type="line", yref="paper", y0=0, y1=1, line=line, **at)
                figure.add_annotation(
                    x=index - 0.5,
                    xref=f"x{axis}",
                    yref="paper",
                    y=1,
                    yanchor="bottom",
                    text=f"<b>changed</b> {found.formats.day(one.day)}",
                    hovertext=html.escape(one.what),
                    showarrow=False,
                    font=small(colours["accent"]),
                )


def _drawn(columns: Sequence[Column]) -> Iterator[float]:
    for column in columns:
        each = (column.moment.value, column.before, column.moment.target)
        yield from (value for value in each if value is not None)
