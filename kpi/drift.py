"""Says how a delivery's raw columns differ from the delivery before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from connectors.contract import Column, Shape

# What Arrow and the database call a column that holds nothing at all: no type to compare.
_NO_TYPE = {'"NULL"', "NULL"}
_NAMED = 5


def compare(
    before: Mapping[str, str], now: Mapping[str, str], shape: Shape, *, own: bool
) -> tuple[str, ...]:
    """One sentence for each difference; none where there was no delivery before.

    A mapped column that is gone and one whose type changed are told of every table; a new column
    that nobody mapped only of a table of one's own, because a canonical one never takes it.
    """
    if not before:
        return ()
    mapped = {column.source or column.name for column in shape.columns} or set(before)
    mapped |= {name for name in (shape.order, shape.deleted) if name is not None}
    gone = [
        f"column {name!r} is no longer delivered and reads as unknown"
        for name in before
        if name in mapped and name not in now
    ]
    fresh = [
        f"column {name!r} is new and not mapped"
        for name in now
        if own and shape.columns and name not in before and name not in mapped
    ]
    turned = [
        f"column {name!r} is now {kind}, it was {before[name]}"
        for name, kind in now.items()
        if name in mapped and before.get(name, kind) != kind and not {kind, before[name]} & _NO_TYPE
    ]
    return (*gone, *fresh, *turned)


def fields_delivered(
    before: Mapping[str, str],
    paths: Mapping[str, Sequence[str]],
    firsts: Sequence[Mapping[str, Any]],
    everything: Iterable[Mapping[str, Any]],
) -> Mapping[str, str]:
    """What records have, to compare with what those of the delivery before had (`before`).

    `firsts` are some of the records; only where a field is in none of them, and was in all before,
    is it looked for in `everything`. A field that a record may lack, as many systems leave out
    what is empty, has no type from then on, and nobody is told when it stays away. Keys that no
    field comes from have none either.
    """
    if not firsts:
        return before
    found, missed = {}, []
    for name, path in paths.items():
        watched = before.get(name) not in _NO_TYPE
        always = watched and all(_has(record, path) for record in firsts)
        found[name] = "VARCHAR" if always else "NULL"
        missed += [name] if watched and not always and name in before else []
    there: set[str] = set()
    for record in everything if missed else ():
        there |= {name for name in missed if _has(record, paths[name])}
    kept = {name: kind for name, kind in before.items() if name not in paths}
    taken = {path[0] for path in paths.values()}
    fresh = {key: "NULL" for record in firsts for key in record if key not in taken}
    gone = set(missed) - there
    return kept | fresh | {name: kind for name, kind in found.items() if name not in gone}


def _has(record: Any, path: Sequence[str]) -> bool:
    for step in path:
        if not isinstance(record, Mapping) or step not in record:
            return False
        record = record[step]
    return True


def unknown_words(column: Column, words: Sequence[str]) -> str:
    """The sentence about words of a source that a column's map does not know."""
    named = ", ".join(map(repr, words[:_NAMED]))
    more = f" and {len(words) - _NAMED:,} more" if len(words) > _NAMED else ""
    return (
        f"column {column.name!r} reads as {column.otherwise!r} what its map does not know: "
        f"{named}{more}"
    )
