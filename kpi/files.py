"""Names the files of an edition, and puts them in place: a power cut leaves all or nothing."""

from __future__ import annotations

import os
from pathlib import Path

# What is not whole yet has a name that nobody reads.
UNFINISHED = ".unfinished"


def flush(path: Path) -> None:
    """Brings a file, or a folder's names, to the disk: a new name survives only once both are."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def parts_folder(edition: Path) -> Path:
    """Where the segments of an edition stand, under names of its own."""
    return edition.with_suffix(".parts")


def segment_file(folder: Path, name: str) -> Path:
    """The file of a segment in a folder of them."""
    return folder / f"{name}.duckdb"
