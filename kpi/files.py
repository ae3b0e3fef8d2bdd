"""Names the files of an edition, and puts them in place: a power cut leaves all or nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kpi.parsing import literal, quoted

if TYPE_CHECKING:
    import duckdb

# What is not whole yet has a name that nobody reads.
UNFINISHED = ".unfinished"


def flush(path: Path) -> None:
    """Brings a file, or a folder's names, to the disk: a new name survives only once both are."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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


def parts_folder(edition: Path) -> Path:
    """Where the segments of an edition stand, under names of its own."""
    return edition.with_suffix(".parts")


def segment_file(folder: Path, name: str) -> Path:
    """The file of a segment in a folder of them."""
    return folder / f"{name}.duckdb"
