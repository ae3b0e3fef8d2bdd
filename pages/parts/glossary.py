"""The words below the metrics: dimensions, and the fact tables that they break down."""

from __future__ import annotations

from kpi.editions import Edition
from kpi.vocabulary import Dimension, Table
from pages.parts.frame import escaped, link
from pages.parts.search import Search


def glossary(edition: Edition, search: Search) -> str:
    """Both glossaries, as far as the search leaves any of their words."""
    vocabulary = edition.vocabulary
    dimensions = [
        d for d in vocabulary.dimensions.values() if search.finds((d.name, d.label, d.definition))
    ]
    tables = [t for t in vocabulary.tables.values() if search.finds((t.name, t.row, t.time, *t.by))]
    if not dimensions and not tables:
        return ""
    parts = (_dimensions(dimensions, search), _tables(edition, tables, search))
    return f'<div class="glossary">{"".join(parts)}</div>'


def _dimensions(found: list[Dimension], search: Search) -> str:
    if not found:
        return ""
    lines = "".join(
        f"<tr><td>{search.marked(d.label)}</td><td>{search.marked(d.definition)}</td></tr>"
        for d in found
    )
    return (
        '<section><h2 class="section">Dimensions <span class="muted small">shared words to break '
        "numbers down by</span></h2>"
        f'<div class="box" tabindex="0" role="region" aria-label="Dimensions"><table>'
        f'<thead class="sr"><tr><th scope="col">Dimension</th><th scope="col">Definition</th></tr>'
        f"</thead><tbody>{lines}</tbody></table></div></section>"
    )


def _tables(edition: Edition, found: list[Table], search: Search) -> str:
    if not found:
        return ""
    lines = "".join(_table(edition, table, search) for table in found)
    heads = "".join(
        f'<th scope="col" class="{kind}">{word}</th>'
        for kind, word in (
            ("", "Table"),
            ("", "A row is"),
            ("", "Counted on"),
            ("", "By"),
            ("right", "Rows"),
            ("", "From"),
        )
    )
    return (
        '<section><h2 class="section">Fact tables <span class="muted small">what metrics are '
        "computed from</span></h2>"
        f'<div class="box" tabindex="0" role="region" aria-label="Fact tables"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div></section>"
    )


def _table(edition: Edition, table: Table, search: Search) -> str:
    report = edition.tables.get(table.name)
    rows = edition.vocabulary.formats.count(report.rows) if report and report.rows else "none yet"
    sources = ", ".join(link("sources", escaped(s)) for s in report.sources) if report else ""
    words = ", ".join(edition.vocabulary.dimensions[word].label for word in table.by)
    return (
        f"<tr><td>{search.marked(table.name)}</td><td>{search.marked(table.row)}</td>"
        f"<td><code>{search.marked(table.time)}</code></td><td>{escaped(words)}</td>"
        f'<td class="right">{rows}</td><td>{sources or "no source"}</td></tr>'
    )
