"""Says how a delivery's raw columns differ from the delivery before it."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.contract import Shape

# What Arrow and the database call a column that holds nothing at all: no type to compare.
_NO_TYPE = {'"NULL"', "NULL"}


def compare(
    before: Mapping[str, str] | None, now: Mapping[str, str], shape: Shape, *, own: bool
) -> tuple[str, ...]:
    """One sentence for each difference; none for the first delivery (`before` is None).

    A mapped column that is gone and one whose type changed are told of every table; a new column
    that nobody mapped only of a table of one's own, because a canonical one never takes it.
    """
    if before is None:
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
