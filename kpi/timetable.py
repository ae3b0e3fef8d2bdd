"""Knows when each source is due next, without the working database, which takes long to open.

A refresh leaves behind when its sources will be due, and what that rests on: both YAML files, the
program, the working database and the edition. As long as all of that is the same, nothing else can
have to be done before. Who finds anything changed has to look closer.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).parents[1]
_PACKAGES = ("kpi", "connectors")
_YAML = ("metrics.yaml", "sources.yaml")
# The database counts its checkpoints in these first bytes of its file.
_HEADERS = 3 * 4096
_ALWAYS = dt.datetime(1970, 1, 1)


@dataclass(frozen=True)
class Basis:
    """What a refresh was made with, as it was before the refresh read it."""

    program: str
    files: tuple[str | None, ...]


def basis(home: Path) -> Basis:
    """The files and the program as they are now."""
    return Basis(_program(), tuple(_digest(home / name) for name in _YAML))


def due_at(every: dt.timedelta | None, last_good: dt.datetime | None) -> dt.datetime | None:
    """When (naive UTC) a source is due whose last good run began then; None for never by itself."""
    if every is None:
        return None
    if last_good is None:
        return _ALWAYS
    try:
        return last_good + every
    except OverflowError:
        return dt.datetime.max


def write(
    home: Path,
    made_with: Basis,
    variables: Iterable[str],
    env: Mapping[str, str],
    due: Mapping[str, dt.datetime],
) -> None:
    """Leaves behind when sources are due; only for who holds the lock and has published it all."""
    names = sorted(variables)
    file = _file(home)
    unfinished = file.with_name(file.name + ".unfinished")
    # Without it the next look only takes longer.
    with contextlib.suppress(OSError):
        kept = {
            "due": {name: moment.isoformat() for name, moment in due.items()},
            "variables": names,
            "rests_on": _rests_on(home, made_with, names, env),
        }
        unfinished.write_text(json.dumps(kept), encoding="utf-8")
        unfinished.replace(file)


def read(home: Path, env: Mapping[str, str]) -> dict[str, dt.datetime] | None:
    """When (naive UTC) each source with an `every` is due; None where that is not known like this.

    Of a variable it notices whether it is set, not its value, which is written down nowhere.
    """
    try:
        kept = json.loads(_file(home).read_text(encoding="utf-8"))
        now = _rests_on(home, basis(home), kept["variables"], env)
        if kept["rests_on"] != now:
            return None
        return {name: dt.datetime.fromisoformat(text) for name, text in kept["due"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # None yet, or damaged.
        return None


def is_idle(home: Path, env: Mapping[str, str], now: dt.datetime) -> bool:
    """Whether it is certain that a refresh of what is due would do nothing."""
    due = read(home, env)
    return due is not None and all(moment > now for moment in due.values())


def _file(home: Path) -> Path:
    return home / "data" / "timetable.json"


def _rests_on(
    home: Path, made_with: Basis, variables: list[str], env: Mapping[str, str]
) -> dict[str, Any]:
    """As JSON gives it back. Raises OSError where the working database is not at rest."""
    database = home / "data" / "warehouse.duckdb"
    if database.with_name(f"{database.name}.wal").exists():
        raise FileExistsError("somebody writes, or was killed while writing")
    stat = database.stat()
    with database.open("rb") as file:
        headers = hashlib.sha256(file.read(_HEADERS)).hexdigest()
    pointer = (home / "data" / "editions" / "CURRENT").read_text(encoding="utf-8")
    edition = home / "data" / "editions" / json.loads(pointer)["file"]
    return {
        "program": made_with.program,
        "files": list(made_with.files),
        "database": [stat.st_size, stat.st_mtime_ns, headers],
        "pointer": pointer,
        "edition": edition.stat().st_size,
        "set": [name for name in variables if env.get(name)],
    }


def _program() -> str:
    """A text that differs where any of the program's own files does."""
    # Every run of a timer asks: paths as objects would take ten times as long as the texts do.
    stamps = []
    for package in _PACKAGES:
        for folder, _, names in os.walk(_PROGRAM / package):
            within = folder.removeprefix(str(_PROGRAM))
            for name in names:
                if name.endswith(".py"):
                    stat = os.stat(os.path.join(folder, name))
                    stamps.append((within, name, stat.st_size, stat.st_mtime_ns))
    return hashlib.sha256(repr(sorted(stamps)).encode()).hexdigest()


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None
