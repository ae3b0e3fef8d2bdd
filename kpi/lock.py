"""Lets one process at a time do a piece of work; a lock ends with the process that holds it."""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Held(Exception):
    """Another process holds the lock; the text says which one, and since when."""


@contextmanager
def only_one(path: Path, since: dt.datetime) -> Iterator[None]:
    """Holds the lock file for the block; raises Held where another process does.

    The kernel lets go of the lock however its process ends, so none is ever left behind. The file
    itself stays: removing it would let two processes lock two files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held(f"Another refresh is running{_holder(path)}.") from None
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "since": since.isoformat(timespec="seconds")}))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def looks_free(path: Path) -> bool:
    """Whether the last holder let go of the lock; one that was killed looks as if it held it still.

    To try the lock would be surer, but whoever wants it at that moment would be turned away.
    """
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        since = dt.datetime.fromisoformat(holder["since"])
    except (ValueError, KeyError):
        # It has only just taken the lock, or is about to let it go.
        return ""
    return f": process {holder['pid']}, since {since:%Y-%m-%d %H:%M:%S} UTC"
