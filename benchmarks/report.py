"""Fills in docs/performance.md, and draws its picture, from the figures that benchmarks have kept.

Run it with `python -m benchmarks.report` when the figures are good. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import plotly.graph_objects as go  # type: ignore[import-untyped,unused-ignore]

from benchmarks.company_home import section
from benchmarks.figures import kept
from benchmarks.publishing import FIRST_EDITION
from benchmarks.questions import BY_HAND, OURS
from tests.pages.served import chromium

DOCS = Path(__file__).parents[1] / "docs"
_WIDTH, _HEIGHT = 760, 420
_COLOURS = ("#56616E", "#135C9C", "#B3380F", "#8A5A00", "#6B4E9B")
Entry = dict[str, Any]


def filled(text: str, parts: Mapping[str, str]) -> str:
    """A text whose parts, each between two comments that name it, are these now."""
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"there is no {begin} with its {end}")
        text = f"{before}{begin}\n{part}\n{end}{after}"
    return text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, its first column left, the others right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured(entries: Sequence[Entry]) -> str:
    """When and on what machine, and how busy it was."""
    days = sorted({entry["taken"] for entry in entries})
    machines = sorted({entry["machine"] for entry in entries})
    busiest = max(entry["busy"] for entry in entries)
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return f"Measured {when} on {'; '.join(machines)}; load average up to {busiest}."


def by_size(
    entries: Sequence[Entry], what: str, sizes: str, cell: Callable[[Entry], str], inside: str
) -> str:
    """A table with a column for each size and a row for each name in `inside`."""
    if not entries:
        return "Not measured yet."
    ordered = sorted(entries, key=lambda entry: entry[sizes])
    names = dict.fromkeys(name for entry in ordered for name in entry[inside])
    rows = [
        [name, *(cell(e[inside][name]) if name in e[inside] else "–" for e in ordered)]
        for name in names
    ]
    head = [what, *(f"{entry[sizes]:,}" for entry in ordered)]
    return f"{table(head, rows)}\n\n{measured(ordered)}"


def questions(entries: Sequence[Entry]) -> str:
    """What the question costs each way, and who could not answer."""

    def cell(way: Entry) -> str:
        return (
            f"{_milliseconds(way['wall'])} / {_milliseconds(way['cpu'])} ({_times(way['ratio'])})"
        )

    told = by_size(entries, "ms / ms of CPU (times the CPU by hand)", "rows", cell, "ways")
    left: dict[str, list[str]] = {}
    for name, why in dict.fromkeys(left for e in entries for left in e["left_out"].items()):
        left.setdefault(why, []).append(name)
    return " ".join(
        (told, *(f"Left out: {', '.join(names)} ({why})." for why, names in left.items()))
    )


def publishing(entries: Sequence[Entry]) -> str:
    """What each kind of edition costs."""

    def cell(edition: Entry) -> str:
        spent = f"{edition['wall']:.2f} / {edition['cpu']:.2f}"
        return f"{spent} ({edition['times']:.1f})"

    what = f"s / s of CPU (times as much took the {FIRST_EDITION})"
    return by_size(entries, what, "facts", cell, "editions")


def load(entries: Sequence[Entry]) -> str:
    """What readers waited for, and what the servers took."""
    if not entries:
        return "Not measured yet."
    rows = []
    for entry in entries:
        shares, memory = zip(*entry["processes"].values(), strict=True)
        rows.append(
            [
                entry["way"],
                str(entry["readers"]),
                f"{entry['thinking']:g}",
                *(f"{entry[quantile]:,.0f}" for quantile in ("p50", "p95", "p99")),
                str(entry["editions"]),
                str(sum(entry["wrong"].values())),
                f"{sum(shares):.0f} %",
                f"{sum(memory):,.0f}",
            ]
        )
    head = [
        "",
        "readers",
        "thinking s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "editions",
        "wrong",
        "of a core",
        "MB",
    ]
    return f"{table(head, rows)}\n\n{measured(entries)}"


def made(everything: dict[str, dict[str, Entry]]) -> str:
    """What it took to draw the facts and to land them."""
    rows = []
    for size in sorted(everything.get("drawn", {}), key=int):
        steps = [everything.get(step, {}).get(size) for step in ("drawn", "landed")]
        told = [f"{e['wall']:.1f} / {e['cpu']:.1f}" if e else "–" for e in steps]
        sizes = [f"{e['bytes'] / 1e6:,.0f}" if e else "–" for e in steps]
        rows.append([f"{int(size):,}", *told, *sizes])
    head = ["rows a table", "drawn, s / CPU", "landed, s / CPU", "MB drawn", "MB landed"]
    return table(head, rows) if rows else "Not measured yet."


def versions(entries: Sequence[Entry]) -> str:
    """The versions of everybody who answered."""
    ways = [way for entry in entries for way in entry["ways"].values()]
    found = {f"{name} {number}" for way in ways for name, number in way["versions"].items()}
    return f"Versions: {', '.join(sorted(found))}." if found else ""


def picture(entries: Sequence[Entry]) -> str:
    """The CPU of the question by rows a table, as SVG."""
    figure = go.Figure()
    ordered = sorted(entries, key=lambda entry: entry["rows"])
    names = dict.fromkeys(name for entry in ordered for name in entry["ways"])
    for name, colour in zip(names, _COLOURS, strict=False):
        points = [(e["rows"], e["ways"][name]["cpu"]) for e in ordered if name in e["ways"]]
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            name=name,
            mode="lines+markers",
            line={
                "color": colour,
                "width": 3.5 if name == OURS else 1.8,
                "dash": "dot" if name == BY_HAND else "solid",
            },
        )
    sizes = [entry["rows"] for entry in ordered]
    axis = {"type": "log", "gridcolor": "#E5E6E8", "zeroline": False}
    marks = [mark * 10**power for power in range(6) for mark in (1, 2, 5)]
    figure.update_layout(
        template="plotly_white",
        width=_WIDTH,
        height=_HEIGHT,
        font={"family": "sans-serif", "size": 13, "color": "#17202B"},
        margin={"l": 64, "r": 24, "t": 44, "b": 48},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        paper_bgcolor="#FFFFFF",
        xaxis={**axis, **_labelled(sizes), "title": "rows in each of five tables"},
        yaxis={**axis, **_labelled(marks), "title": "milliseconds of CPU"},
    )
    with chromium() as browser:
        page = browser.new_page()
        page.set_content(figure.to_html(include_plotlyjs=True))
        page.wait_for_selector(".js-plotly-plot .main-svg")
        drawn: str = page.evaluate(
            "([width, height]) => Plotly.toImage(document.querySelector('.js-plotly-plot'),"
            " {format: 'svg', width, height})",
            [_WIDTH, _HEIGHT],
        )
    return unquote(drawn.partition(",")[2]) + "\n"


def _labelled(values: Sequence[int]) -> dict[str, list[Any]]:
    return {"tickvals": list(values), "ticktext": [f"{value:,}" for value in values]}


def _times(ratio: float) -> str:
    """A ratio in two figures, which tell apart small ones too."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def _milliseconds(spent: float) -> str:
    return f"{spent:,.0f}" if spent >= 100 else f"{spent:.1f}"


def main() -> None:
    """Writes both files."""
    everything = kept()

    def entries(name: str) -> list[Entry]:
        return list(everything.get(name, {}).values())

    asked, scattered = entries("questions"), entries(section("questions", True))
    universal = [entry for entry in asked if entry["zone"] == "UTC"]
    parts = {
        "questions": questions(universal),
        "scattered": questions([entry for entry in scattered if entry["zone"] == "UTC"]),
        "zones": questions([entry for entry in asked if entry["zone"] != "UTC"]),
        "publishing": publishing(entries("publishing")),
        "load": load(entries("load")),
        "facts": made(everything),
        "versions": versions(universal),
    }
    page = DOCS / "performance.md"
    page.write_text(filled(page.read_text(encoding="utf-8"), parts), encoding="utf-8")
    (DOCS / "performance.svg").write_text(picture(universal), encoding="utf-8")


if __name__ == "__main__":
    main()
