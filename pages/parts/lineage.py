"""Where a metric comes from, drawn: sources, fact tables, inputs, the metric, and its users."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kpi.editions import Edition, freshness
from kpi.vocabulary import Metric
from pages.parts.frame import escaped, link
from pages.parts.spans import every

_WIDTH, _HEIGHT, _GAP, _BETWEEN, _HEAD = 186, 46, 10, 52, 22


@dataclass(frozen=True)
class _Node:
    """One box: what it is, what it is called (HTML), and a line about it (HTML)."""

    id: str
    name: str
    said: str
    kind: str = ""


def lineage(edition: Edition, metric: Metric, now: dt.datetime) -> str:
    """The drawing, in columns from left to right, with an arrow for every step."""
    columns = list(_columns(edition, metric, now))
    edges = list(_edges(edition, metric))
    places = _placed([nodes for _, nodes in columns])
    width = len(columns) * (_WIDTH + _BETWEEN) - _BETWEEN
    height = max(top for _, top in places.values()) + _HEIGHT + 2
    heads = "".join(
        f'<span class="column label" style="left:{i * (_WIDTH + _BETWEEN)}px">{word}</span>'
        for i, (word, _) in enumerate(columns)
    )
    boxes = "".join(_box(node, *places[node.id]) for _, nodes in columns for node in nodes)
    paths = "".join(_path(places[a], places[b]) for a, b in edges if a in places and b in places)
    used = "" if edition.vocabulary.used_by(metric.name) else _UNUSED
    return (
        f'<h2 class="section">Where it comes from</h2>'
        f'<div class="box" tabindex="0" role="region" aria-label="Where it comes from">'
        f'<div class="lineage" style="width:{width}px;height:{height}px">'
        f'<svg width="{width}" height="{height}" aria-hidden="true">{paths}</svg>'
        f"{heads}{boxes}</div></div>{used}"
    )


_UNUSED = '<p class="muted small" style="margin-top:8px">No other metric is computed from it.</p>'


def _columns(
    edition: Edition, metric: Metric, now: dt.datetime
) -> Iterator[tuple[str, Sequence[_Node]]]:
    vocabulary = edition.vocabulary
    sources = sorted(
        (r for r in edition.reports if set(r.into) & set(metric.tables)),
        # In the order of the tables that they fill, so that fewer arrows cross.
        key=lambda r: min(i for i, t in enumerate(metric.tables) if t in r.into),
    )
    if sources:
        yield "Sources", [_source(edition, r.source, now) for r in sources]
    yield "Fact tables", [_table(edition, name) for name in metric.tables]
    for depth, names in enumerate(_inputs_by_depth(vocabulary.metrics, metric)):
        word = "Computed from" if depth == 0 else ""
        yield word, [_metric(vocabulary.metrics[name]) for name in names]
    yield (
        "This metric",
        [
            _Node(
                f"m:{metric.name}", f"<b>{escaped(metric.label)}</b>", _by(edition, metric), "self"
            )
        ],
    )
    users = vocabulary.used_by(metric.name)
    if users:
        yield "Used by", [_metric(user) for user in users]


def _inputs_by_depth(metrics: Mapping[str, Metric], metric: Metric) -> list[list[str]]:
    """The inputs of a formula in columns: those made of facts first, each after its own inputs."""
    depth: dict[str, int] = {}

    def measure(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((measure(i) for i in metrics[name].inputs), default=-1)
        return depth[name]

    for name in metric.inputs:
        measure(name)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name, level in depth.items():
        columns[level].append(name)
    return columns


def _edges(edition: Edition, metric: Metric) -> Iterator[tuple[str, str]]:
    for report in edition.reports:
        yield from ((f"s:{report.source}", f"t:{t}") for t in report.into if t in metric.tables)
    waiting, seen = [metric], set()
    while waiting:
        one = waiting.pop()
        if one.name in seen:
            continue
        seen.add(one.name)
        if not one.inputs:
            yield from ((f"t:{table}", f"m:{one.name}") for table in one.tables)
        for name in one.inputs:
            yield f"m:{name}", f"m:{one.name}"
            waiting.append(edition.vocabulary.metrics[name])
    for user in edition.vocabulary.used_by(metric.name):
        yield f"m:{metric.name}", f"m:{user.name}"


def _source(edition: Edition, name: str, now: dt.datetime) -> _Node:
    report = next(r for r in edition.reports if r.source == name)
    word = freshness(report, now).word
    said = f"{word.capitalize()} · {every(report.every)} · {escaped(report.system)}"
    return _Node(f"s:{name}", link("sources", escaped(name), classes="name"), said)


def _table(edition: Edition, name: str) -> _Node:
    report = edition.tables.get(name)
    rows = (
        f"{edition.vocabulary.formats.count(report.rows)} rows"
        if report and report.rows
        else "no rows yet"
    )
    table = edition.vocabulary.tables[name]
    return _Node(f"t:{name}", f"<b>{escaped(name)}</b>", f"{rows}, each {escaped(table.row)}")


def _metric(metric: Metric) -> _Node:
    kind = "helper" if metric.internal else "metric"
    name = link("metric", escaped(metric.label), classes="name", m=metric.name, tab="definition")
    return _Node(f"m:{metric.name}", name, kind)


def _by(edition: Edition, metric: Metric) -> str:
    words = [edition.vocabulary.dimensions[word].label for word in metric.dimensions]
    return f"by {escaped(', '.join(words).lower())}" if words else "not broken down"


def _placed(columns: Sequence[Sequence[_Node]]) -> dict[str, tuple[int, int]]:
    """The left and top of every box; columns are centred on the tallest."""
    tallest = max(len(nodes) for nodes in columns)
    places = {}
    for index, nodes in enumerate(columns):
        offset = (tallest - len(nodes)) * (_HEIGHT + _GAP) // 2
        for position, node in enumerate(nodes):
            top = _HEAD + offset + position * (_HEIGHT + _GAP)
            places[node.id] = (index * (_WIDTH + _BETWEEN), top)
    return places


def _box(node: _Node, left: int, top: int) -> str:
    style = f"left:{left}px;top:{top}px;width:{_WIDTH}px;height:{_HEIGHT}px"
    return (
        f'<div class="node {node.kind}" style="{style}"><span class="cut">{node.name}</span>'
        f'<span class="cut label" title="{node.said}">{node.said}</span></div>'
    )


def _path(start: tuple[int, int], end: tuple[int, int]) -> str:
    x0, y0 = start[0] + _WIDTH, start[1] + _HEIGHT // 2
    x1, y1 = end[0], end[1] + _HEIGHT // 2
    bend = min(_BETWEEN, x1 - x0) // 2
    return (
        f'<path d="M{x0} {y0}C{x0 + bend} {y0} {x1 - bend} {y1} {x1} {y1}"/>'
        f'<path d="M{x1 - 6} {y1 - 4}L{x1} {y1}L{x1 - 6} {y1 + 4}"/>'
    )
