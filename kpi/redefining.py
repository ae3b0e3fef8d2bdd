"""Records what a new edition changes of the definitions that people read before it.

The working database keeps the text of two vocabularies, as it keeps two editions' numbers: the
published one, and the one that is being made. What the second changes is written beside it, and
taken back if it turns out that nobody was ever pointed at it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kpi.yaml_text import Document, as_yaml, read_yaml

if TYPE_CHECKING:
    import duckdb

# Beyond so many changed keys the oldest editions' are dropped, each as a whole.
KEPT = 2_000
_SECTIONS = ("metrics", "outcomes", "tables", "dimensions")
_Change = tuple[str, str, str | None, str | None, str | None]


def record(
    connection: duckdb.DuckDBPyConnection,
    document: Document,
    *,
    number: int,
    file: str,
    at: dt.datetime,
    before: str | None,
    unpublished: list[str],
) -> None:
    """Writes what a document changes against the published one, in the caller's transaction."""
    for never in unpublished:
        connection.execute("delete from kpi.redefined where file = ?", (never,))
    connection.execute("delete from kpi.vocabularies where file is distinct from ?", (before,))
    published = connection.execute("select text from kpi.vocabularies").fetchall()
    connection.execute("insert into kpi.vocabularies values (?, ?)", (file, document.text))
    for (text,) in published:
        changed = [] if text == document.text else list(changes(read_yaml(text, ""), document))
        if changed:
            _write(connection, changed, (number, at, file))


def changes(old: Document, new: Document) -> Iterator[_Change]:
    """Section, name and key of everything that differs, and how it was written and is."""
    before, after = (d.value if isinstance(d.value, Mapping) else {} for d in (old, new))
    for section in _SECTIONS:
        yield from _section(section, (old, new), before.get(section), after.get(section))
    for key in dict.fromkeys((*before, *after)):
        if key not in _SECTIONS and before.get(key) != after.get(key):
            yield key, "", key, _written(before, key), _written(after, key)


def _section(
    section: str, documents: tuple[Document, Document], old: object, new: object
) -> Iterator[_Change]:
    before, after = (each if isinstance(each, Mapping) else {} for each in (old, new))
    for name in dict.fromkeys((*before, *after)):
        if name not in before:
            yield section, name, None, None, documents[1].lines((section, name))
        elif name not in after:
            yield section, name, None, documents[0].lines((section, name)), None
        elif before[name] != after[name]:
            yield from _entry(section, name, before[name], after[name])


def _entry(section: str, name: str, old: object, new: object) -> Iterator[_Change]:
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield section, name, "", as_yaml(old), as_yaml(new)
        return
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            yield section, name, key, _written(old, key), _written(new, key)


def _written(entry: Mapping[str, Any], key: str) -> str | None:
    """A value as it would be written; None where the key is not there."""
    if key not in entry:
        return None
    value = entry[key]
    return value if isinstance(value, str) else as_yaml(value)


def _write(
    connection: duckdb.DuckDBPyConnection,
    changed: list[_Change],
    of: tuple[int, dt.datetime, str],
) -> None:
    number, at, file = of
    connection.executemany(
        "insert into kpi.redefined values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(number, at, file, position, *change) for position, change in enumerate(changed)],
    )
    connection.execute(
        "delete from kpi.redefined where edition < $number and edition <= (select max(edition) from"
        " (select edition from kpi.redefined order by edition desc, position offset $kept))",
        {"number": number, "kept": KEPT},
    )


TABLES = """
create table if not exists kpi.vocabularies (file varchar, text varchar);
create table if not exists kpi.redefined (
    edition integer, changed_at timestamp, file varchar, position integer,
    section varchar, name varchar, key varchar, old varchar, new varchar
);
"""
