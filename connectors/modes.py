"""How the rows of a source that is declared by hand land: the rules of `mode` and of `key`."""

from __future__ import annotations

from connectors import tables
from connectors.contract import Mode


def mode_of(mode: Mode | None, *, has_cursor: bool, because: str) -> Mode:
    """The mode that is meant; raises ValueError for one that a cursor makes no sense of.

    `because` says what of its rows a source with a cursor reads.
    """
    if has_cursor and mode in ("replace", "append"):
        raise ValueError(
            f"with a cursor {because}: leave mode out (it is upsert), or leave the cursor out"
        )
    return mode or ("upsert" if has_cursor else "replace")


def key_of(key: tuple[str, ...], into: str, mode: Mode | None) -> tuple[str, ...]:
    """What tells one row from another; raises ValueError where merged rows have nothing that does.

    A canonical table knows its own key.
    """
    key = key or (tables.TABLES[into].key if into in tables.TABLES else ())
    if not key and mode == "upsert":
        raise ValueError("name the column (or columns) that tell one row from another")
    return key
