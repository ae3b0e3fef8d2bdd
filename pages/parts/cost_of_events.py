"""What did it cost: a metric in the hours around incidents or deployments, and by what they hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from kpi import events
from kpi.editions import Edition
from kpi.event_study import Cost
from kpi.formats import Formats
from kpi.hourly import cannot_be_hourly, steps_of
from kpi.questions import QuestionRefused
from kpi.vocabulary import Metric
from pages.parts import (
    chart_picture,
    frame,
    pickers,
    relation_charts,
    relation_words,
    relations,
    which_metric,
)
from pages.parts.frame import escaped, link
from pages.parts.relations import Chosen

COST, EVENTS = "cost", "events"
SEVERITY = "severity"
_ANY = "any"
_PARTS = 12  # of a dimension, that are held against each other
_COLUMNS = (2.15, 1)


def show(edition: Edition, chosen: Metric) -> None:
    """The whole section: what events did to a metric, `chosen` being the one shown above it."""
    tables = events.event_tables(edition)
    if not tables:
        frame.sheet(
            "cost",
            '<h2 class="section apart">What did it cost?</h2><p class="muted finding">Neither '
            "incidents nor deployments have rows with a time of day in this edition, so that there "
            "is nothing to look around: see "
            f"{link('sources', 'what the sources have brought')}.</p>",
        )
        return
    heading = st.container()
    with st.container(horizontal=True, vertical_alignment="center", key="cost_choices"):
        metric = _pick_metric(edition, chosen)
        names = {name: name.capitalize() for name in tables}
        table = frame.choice(EVENTS, "Kind of event", names)
        where = _pick_words(edition, table)
    with heading:
        frame.sheet("cost_heading", _heading(edition, metric))
    try:
        found = relations.cost(edition, metric, table, where)
        hourly = relations.hours(edition, metric, table)
    except QuestionRefused as refused:
        frame.sheet("cost", _refused(edition, metric, str(refused)))
        return
    formats = edition.vocabulary.formats
    said = relation_words.cost_sentence(formats, metric, found, f"one of these {table}")
    left, right = st.columns(_COLUMNS, gap="medium")
    with left:
        if found.hours:
            relation_charts.draw_cost(formats, metric, found, relation_words.plain(said))
            first, last = hourly.days
            chart_picture.offer("chart_cost", f"{metric.name}_around_{table}_{first}_{last}")
            frame.sheet("cost_numbers", _numbers(formats, metric, found))
    with right:
        grounds = relation_words.cost_grounds(formats, metric, found, hourly)
        frame.sheet(
            "cost",
            f'<p class="finding" role="status">{said}</p><div class="grounds">{grounds}</div>'
            f"{_parts(edition, metric, table, where)}",
        )


def _usual(edition: Edition, chosen: Metric) -> Metric:
    """`chosen` where it is the business's and adds up, else the first of the business that does."""
    vocabulary = edition.vocabulary
    business = [m for m in vocabulary.shown if m.side == "business"]
    for metric in (chosen, *business):
        if vocabulary.is_flow(metric) and metric in business and _has_hours(edition, metric):
            return metric
    return chosen


def _has_hours(edition: Edition, metric: Metric) -> bool:
    reason = cannot_be_hourly(edition.vocabulary, metric)
    return reason is None and steps_of(edition, metric) == "hour"


def _pick_metric(edition: Edition, chosen: Metric) -> Metric:
    """One of those that are not IT's alone, the usual one, or whichever the address asks for."""
    known, usual = edition.vocabulary.metrics, _usual(edition, chosen)
    asked = known.get(st.query_params.get(COST, ""), usual)
    labels = which_metric.options(edition, asked)
    listed = {
        name: label
        for name, label in labels.items()
        if known[name].side != "it" or known[name] in (asked, usual)
    }
    return known[pickers.pick(COST, "Metric", listed, default=usual.name, width=270)]


def _pick_words(edition: Edition, table: str) -> Chosen:
    """One choice for each dimension of the events: severities up to one, one word of the others."""
    where = []
    for name in _dimensions(edition, table):
        words = events.words(edition, table, name)
        if len(words) < 2:
            continue
        label = edition.vocabulary.dimensions[name].label
        if name == SEVERITY:
            reach = {word: words[: i + 1] for i, word in enumerate(words)}
            shown = {word: _up_to(among) for word, among in reach.items()}
            shown[words[-1]] = f"Any {label.lower()}"
            chosen = pickers.pick(name, label, shown, width=170)
            if chosen != words[-1]:
                where.append((name, tuple(reach[chosen])))
        else:
            among = {_ANY: f"Any {label.lower()}", **{f"={word}": word for word in words}}
            chosen = pickers.pick(name, label, among, width=170)
            if chosen != _ANY:
                where.append((name, (chosen.removeprefix("="),)))
    return tuple(where)


def _up_to(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{words[0]} to {words[-1]}"


def _heading(edition: Edition, metric: Metric) -> str:
    """What is held against what."""
    step = steps_of(edition, metric)
    return (
        f'<h2 class="section apart">What did it cost? <span class="muted small">'
        f"{escaped(metric.label)}, {step}s from the start of an event on, against the same {step}s "
        "of the week in the weeks around</span></h2>"
    )


def _refused(edition: Edition, metric: Metric, why: str) -> str:
    could = [m for m in edition.vocabulary.shown if _has_hours(edition, m) and m.side != "it"]
    offered = ", ".join(
        link("together", escaped(m.label), **_address(cost=m.name)) for m in could[:4]
    )
    offer = f" These have hours: {offered}." if offered else ""
    return (
        f'<p class="note near" role="status"><b>{escaped(metric.label)}</b> has no hours. '
        f"{escaped(why)}{offer}</p>"
    )


def _parts(edition: Edition, metric: Metric, table: str, where: Chosen) -> str:
    """What it came with by each word of the first dimension that is not chosen."""
    given = dict(where)
    for name in _dimensions(edition, table):
        words = events.words(edition, table, name)
        if name != SEVERITY and name not in given and 2 <= len(words) <= _PARTS:
            among = [(*where, (name, (word,))) for word in words]
            costs = [relations.cost(edition, metric, table, w, len(words)) for w in among]
            each = sorted(zip(words, costs, strict=True), key=lambda pair: -_distance(pair[1]))
            return _part_table(edition, metric, name, each)
    return ""


def _dimensions(edition: Edition, table: str) -> list[str]:
    """The words that the events themselves have, the severity before the others."""
    own = edition.facts[table].columns
    names = [name for name in edition.vocabulary.tables[table].by if name in own]
    return sorted(names, key=lambda name: name != SEVERITY)


def _distance(cost: Cost) -> float:
    """How far from nothing the nearer end of the interval is; less than all others without one."""
    if cost.total is None:
        return float("-inf")
    return max(cost.total.low, -cost.total.high)


def _part_table(
    edition: Edition, metric: Metric, name: str, each: Sequence[tuple[str, Cost]]
) -> str:
    label = escaped(edition.vocabulary.dimensions[name].label)
    first = each[0][1].around.first
    formats = edition.vocabulary.formats
    lines = "".join(_part_line(formats, metric, name, word, cost) for word, cost in each)
    return (
        f'<div class="box" tabindex="0" role="region" aria-label="By {label.lower()}">'
        f'<table class="hit"><caption class="label">By {label.lower()}: the first '
        f"{formats.several(first, each[0][1].step)}, with intervals widened for "
        f"{formats.count(len(each))} at once"
        f'</caption><thead><tr><th scope="col">{label}</th><th scope="col" class="right">'
        f'Difference</th><th scope="col" class="right">{relation_words.how_sure(formats)}</th>'
        '<th scope="col" class="right">Events</th></tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _part_line(formats: Formats, metric: Metric, name: str, word: str, cost: Cost) -> str:
    here = link("together", escaped(word), **_address(**{name: f"={word}"}))
    if cost.total is None:
        found = '<td class="right muted" colspan="2">too few events</td>'
    else:
        total = cost.total
        strong = " strong" if total.is_clear else " muted"
        within = relation_words.span(formats, metric, total.low, total.high)
        found = (
            f'<td class="right nowrap{strong}">'
            f"{relation_words.with_unit(formats, metric, total.mean, sign=True)}</td>"
            f'<td class="right nowrap muted">{within}</td>'
        )
    count = formats.count(cost.events)
    return f'<tr><th scope="row">{here}</th>{found}<td class="right muted">{count}</td></tr>'


def _address(**changed: str) -> Mapping[str, str]:
    """The address as it is, with something changed."""
    return {**st.query_params.to_dict(), **changed}


def _numbers(formats: Formats, metric: Metric, cost: Cost) -> str:
    """The chart as a table that opens below it."""
    letter = "h" if cost.step == "hour" else "d"
    lines = "".join(
        f'<tr><th scope="row" class="right">{formats.count(hour)} {letter}</th>'
        f'<td class="right">{relation_words.with_unit(formats, metric, effect.mean, sign=True)}'
        '</td><td class="right muted">'
        f"{relation_words.span(formats, metric, effect.low, effect.high)}</td></tr>"
        for hour, effect in zip(cost.offsets, cost.hours, strict=True)
    )
    return (
        '<details class="drawn"><summary>The numbers of this chart</summary>'
        '<div class="box" tabindex="0" role="region" aria-label="The numbers of this chart">'
        f'<table><thead><tr><th scope="col" class="right">After the start</th>'
        '<th scope="col" class="right">Mean difference</th><th scope="col" class="right">'
        f"{relation_words.how_sure(formats)}</th></tr></thead><tbody>{lines}</tbody></table></div></details>"
    )
