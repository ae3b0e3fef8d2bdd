"""Writes a new database file: whole, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kpi.files import UNFINISHED, flush
from kpi.parsing import literal, quoted

if TYPE_CHECKING:
    import duckdb


@contextlib.contextmanager
def new_database(connection: duckdb.DuckDBPyConnection, target: Path, name: str) -> Iterator[None]:
    """Attaches a new database by this name for as long as it is filled.

    The file is there, and whole, once that has ended well; else nothing is.
    """
    unfinished = target.with_name(target.name + UNFINISHED)
    try:
        # A log would only be read where half of the database is of use.
        connection.execute(
            f"attach {literal(str(unfinished))} as {quoted(name)} (recovery_mode no_wal_writes)"
        )
        try:
            yield
            # A disk that is full says so here; to detach would pass over it.
            connection.execute(f"checkpoint {quoted(name)}")
        finally:
            connection.execute(f"detach {quoted(name)}")
        flush(unfinished)
        unfinished.replace(target)
    except BaseException:
        for leftover in unfinished.parent.glob(f"{unfinished.name}*"):
            leftover.unlink(missing_ok=True)
        raise
    flush(target.parent)
