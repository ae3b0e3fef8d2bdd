"""The charts of relations: strength by lag, and the hours around an event."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
import streamlit as st

from kpi.association import Association, Lag
from kpi.event_study import Cost
from kpi.formats import Formats
from kpi.vocabulary import Metric
from pages.parts import relation_words, style
from pages.parts.chart_layout import across, config, lay_out, see_through, small, upwards

_OF_LAGS, _OF_HOURS = 240, 280  # pixels


def draw_lags(
    formats: Formats, found: Association, metrics: Mapping[str, Metric], said: str
) -> None:
    """Strength by lag with its interval, on the page."""
    colours = style.colours(st.context.theme.type)
    _draw(formats, strength_by_lag(formats, found, metrics, colours), said, "chart_lags")


def draw_cost(formats: Formats, metric: Metric, cost: Cost, said: str) -> None:
    """The mean effect of each hour around an event with its interval, on the page."""
    colours = style.colours(st.context.theme.type)
    _draw(formats, around_events(formats, metric, cost, colours), said, "chart_cost")


def _draw(formats: Formats, figure: go.Figure, said: str, key: str) -> None:
    st.plotly_chart(figure, theme=None, config=config(formats), alt=said, key=key)


def strength_by_lag(
    formats: Formats,
    found: Association,
    metrics: Mapping[str, Metric],
    colours: Mapping[str, str],
) -> go.Figure:
    """A point with whiskers for each lag; the clear one is a diamond with its number."""
    figure = go.Figure()
    lay_out(figure, colours, _OF_LAGS, {"l": 40, "r": 10, "t": 14, "b": 46})
    clear = found.clear
    for chosen, symbol, colour, size in (
        ([lag for lag in found.lags if lag != clear], "circle", colours["text"], 6),
        ([clear] if clear else [], "diamond", colours["accent"], 11),
    ):
        if chosen:
            figure.add_trace(_whiskers(formats, found, chosen, symbol, colour, size))
    if clear is not None:
        place = found.lags.index(clear) / max(len(found.lags) - 1, 1)
        figure.add_annotation(
            x=clear.periods,
            # Above its own whisker no other one is in the way.
            y=clear.high,
            yanchor="bottom",
            xanchor="left" if place < 0.3 else "right" if place > 0.7 else "center",
            text=f"<b>{relation_words.strength(formats, clear.strength)}</b> "
            + relation_words.when(formats, clear.periods, found.grain),
            showarrow=False,
            font=small(colours["accent"]),
            # Whiskers of other lags end behind it.
            bgcolor=colours["background"],
        )
    first, last = found.lags[0].periods, found.lags[-1].periods
    both = first < 0 < last
    later = html.escape(_cut(metrics[found.second if last > 0 else found.first].label))
    figure.update_xaxes(
        **across(
            colours,
            range=(first - 0.6, last + 0.6),
            tickvals=[lag.periods for lag in found.lags],
            ticktext=[
                formats.count(lag.periods if both else abs(lag.periods)) for lag in found.lags
            ],
            title={
                "text": f"earlier ← {later} → later" if both else f"{later}, {found.grain}s later",
                "font": small(colours["muted"]),
                "standoff": 6,
            },
        )
    )
    figure.update_yaxes(**upwards(colours, range=_span(found), dtick=0.5, tickformat=".1f"))
    figure.add_hline(y=0, line={"color": colours["muted"], "width": 1.2})
    return figure


def _span(found: Association) -> tuple[float, float]:
    low = min(0.0, *(lag.low for lag in found.lags))
    high = max(0.0, *(lag.high for lag in found.lags))
    return max(low - 0.08, -1.02), high + 0.22


def _cut(label: str) -> str:
    return label if len(label) <= 26 else label[:25] + "…"


def _whiskers(
    formats: Formats,
    found: Association,
    lags: Sequence[Lag],
    symbol: str,
    colour: str,
    size: int,
) -> go.Scatter:
    return go.Scatter(
        x=[lag.periods for lag in lags],
        y=[lag.strength for lag in lags],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [lag.high - lag.strength for lag in lags],
            "arrayminus": [lag.strength - lag.low for lag in lags],
            "color": colour,
            "thickness": 1.3,
            "width": 0,
        },
        mode="markers",
        marker={"symbol": symbol, "size": size, "color": colour, "opacity": 1},
        hovertext=[
            f"{relation_words.when(formats, lag.periods, found.grain)}<br>"
            f"<b>{relation_words.interval(formats, lag)}</b><br>"
            f"{formats.several(lag.pairs, found.grain)}"
            for lag in lags
        ],
        hoverinfo="text",
        showlegend=False,
    )


def around_events(
    formats: Formats, metric: Metric, cost: Cost, colours: Mapping[str, str]
) -> go.Figure:
    """The mean effect with its band; the hours that are added up are shaded."""
    figure = go.Figure()
    lay_out(figure, colours, _OF_HOURS, {"l": 52, "r": 12, "t": 14, "b": 34})
    figure.add_shape(
        type="rect",
        x0=-0.5,
        x1=cost.around.first - 0.5,
        yref="paper",
        y0=0,
        y1=1,
        layer="below",
        line_width=0,
        fillcolor=see_through(colours["off"], style.incident_opacity(colours) / 2),
    )
    _effects(figure, formats, metric, cost, colours)
    _hours(figure, formats, cost, colours)
    return figure


def _effects(
    figure: go.Figure, formats: Formats, metric: Metric, cost: Cost, colours: Mapping[str, str]
) -> None:
    """The effect of each hour around an event, and its interval as a band below it."""
    at, letter = list(cost.offsets), _letter(cost)
    figure.add_trace(
        go.Scatter(
            x=[*at, *reversed(at)],
            y=[*(e.high for e in cost.hours), *(e.low for e in reversed(cost.hours))],
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=colours["routine"],
            hoverinfo="skip",
            showlegend=False,
        )
    )
    figure.add_hline(y=0, line={"color": colours["muted"], "width": 1.2})
    figure.add_trace(
        go.Scatter(
            x=at,
            y=[effect.mean for effect in cost.hours],
            mode="lines+markers",
            line={"color": colours["text"], "width": 1.5},
            marker={"color": colours["text"], "size": 4},
            hovertext=[
                f"{formats.number(hour, 0, sign=True)} {letter}<br>"
                f"<b>{relation_words.with_unit(formats, metric, effect.mean, sign=True)}</b> "
                f"({relation_words.span(formats, metric, effect.low, effect.high)})"
                for hour, effect in zip(at, cost.hours, strict=True)
            ],
            hoverinfo="text",
            showlegend=False,
        )
    )


def _hours(figure: go.Figure, formats: Formats, cost: Cost, colours: Mapping[str, str]) -> None:
    """The axes, and which hours are the control and which are added up."""
    at, letter = list(cost.offsets), _letter(cost)
    every = 4 if cost.step == "hour" else 1
    shown = [hour for hour in at if hour % every == 0]
    figure.update_xaxes(
        **across(
            colours,
            range=(at[0] - 0.5, at[-1] + 0.5),
            tickvals=shown,
            ticktext=[f"{formats.count(hour)} {letter}" for hour in shown],
        )
    )
    figure.update_yaxes(**upwards(colours, nticks=5))
    for x, text, colour in (
        (at[0] - 0.4, "control", colours["muted"]),
        (-0.4, f"first {formats.count(cost.around.first)} {letter}", colours["off"]),
    ):
        figure.add_annotation(
            x=x,
            xanchor="left",
            yref="paper",
            y=1,
            yanchor="top",
            text=text,
            showarrow=False,
            font=small(colour),
        )


def _letter(cost: Cost) -> str:
    return "h" if cost.step == "hour" else "d"
