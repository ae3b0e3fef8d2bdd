"""The files that a path means, what is in them, and which of them were read before."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from connectors.columns import nearest
from connectors.contract import Mode, SourceError

_TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_KINDS = {**dict.fromkeys(_TEXT, "CSV"), ".parquet": "Parquet", ".xlsx": "Excel", ".xlsm": "Excel"}
_WEB = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """One file with what it holds."""

    path: Path
    shown: str  # as the operator knows it
    kind: str  # CSV, Parquet or Excel
    digest: str  # SHA-256 of the content
    changed_at: dt.datetime | None  # naive UTC; None where nobody can tell


def kind_of(path: str) -> str | None:
    """The kind of file that a name or an address promises; None where it says nothing."""
    name = path.lower().split("?")[0] if is_on_the_web(path) else path.lower()
    return next((kind for ending, kind in _KINDS.items() if name.endswith(ending)), None)


def is_on_the_web(path: str) -> bool:
    """Whether a path is an address."""
    return bool(_WEB.match(path))


def search(pattern: str, home: Path) -> list[Found]:
    """The files that a path or pattern means, in the order of their names.

    Raises SourceError where there is none, or one cannot be read or is of no known kind.
    """
    return [_found(path, home) for path in _matches(pattern, home)]


def downloaded(address: str, path: Path) -> Found:
    """A file that was fetched from an address."""
    # A published sheet is a CSV whatever its address says.
    kind = kind_of(path.name) or "CSV"
    return Found(path, address.split("?")[0], kind, _digest(path), None)


def copied(found: list[Found], folder: Path) -> list[Found]:
    """Private copies, which nobody can change while they are read.

    Raises SourceError where a file changed since it was found.
    """
    copies = []
    for number, file in enumerate(found):
        target = folder / f"copy-{number}" / file.path.name
        target.parent.mkdir()
        shutil.copyfile(file.path, target)
        if _digest(target) != file.digest:
            raise _changed(file.shown)
        copies.append(replace(file, path=target))
    return copies


@dataclass(frozen=True)
class Memory:
    """What was read before, as the state of the source keeps it."""

    mapping: str  # a digest of how the files were read
    files: Mapping[str, str]  # name -> digest
    appended: frozenset[str]  # every content that was ever appended

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Memory:
        """From the state of a source; an empty one is the first time."""
        return cls(
            state.get("mapping", ""), state.get("files", {}), frozenset(state.get("appended", ()))
        )

    def unread(
        self, found: list[Found], mode: Mode, mapping: str, *, together: bool
    ) -> list[Found]:
        """The files to read now. `together`: their rows have to be compared with each other."""
        if mode == "append":
            fresh = {f.digest: f for f in reversed(found) if f.digest not in self.appended}
            return [file for file in found if fresh.get(file.digest) is file]
        before = self.files if self.mapping == mapping else {}
        now = {file.shown: file.digest for file in found}
        if mode == "replace" or together:
            return [] if now == before else found
        # A later file has the last word, so all those behind a changed one are read again.
        changed = [before.get(file.shown) != file.digest for file in found]
        return found[changed.index(True) :] if any(changed) else []

    def after(self, found: list[Found], mode: Mode, mapping: str) -> dict[str, Any]:
        """The state once these files have landed."""
        # Appended contents stay known for ever: a file that comes back must not count twice.
        more = {file.digest for file in found} if mode == "append" else set()
        return {
            "mapping": mapping,
            "files": {file.shown: file.digest for file in found},
            "appended": sorted(self.appended | more),
        }


def _matches(pattern: str, home: Path) -> list[Path]:
    given = Path(pattern).expanduser()
    anchor = Path(given.anchor) if given.is_absolute() else home
    parts = given.relative_to(given.anchor) if given.is_absolute() else given
    exact = anchor / parts
    if exact.is_file():
        return [exact]
    if exact.is_dir():
        raise SourceError(
            f"{pattern} is a folder.", "Name the files in it, for example with `*.csv`."
        )
    found = sorted(path for path in anchor.glob(str(parts)) if path.is_file())
    if not found:
        raise SourceError(f"There is no file {pattern} in {anchor}.", _instead(exact))
    return found


def _instead(missing: Path) -> str:
    folder = missing.parent
    there = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    near = nearest(missing.name, there)
    if near:
        return near.strip()
    lacking = "" if folder.is_dir() else f" The folder {folder.name} is not there either."
    return f"Check `path`; it counts from the home folder.{lacking}"


def _found(path: Path, home: Path) -> Found:
    shown = str(path.relative_to(home)) if path.is_relative_to(home) else str(path)
    kind = kind_of(path.name)
    if kind is None:
        raise SourceError(
            f"{shown} is of no kind that can be read.",
            f"Rename it to one of {', '.join(_KINDS)}, or narrow `path`.",
        )
    try:
        before = path.stat()
        content = _digest(path)
        changed = path.stat().st_mtime_ns != before.st_mtime_ns
    except OSError as error:
        raise SourceError(
            f"{shown} cannot be read: {error.strerror}.", "Check the file's permissions."
        ) from error
    if changed:
        raise _changed(shown)
    moment = dt.datetime.fromtimestamp(before.st_mtime, dt.UTC).replace(tzinfo=None)
    return Found(path, shown, kind, content, moment)


def _changed(shown: str) -> SourceError:
    return SourceError(
        f"{shown} changed while it was read.",
        "It is read again at the next refresh. Let the program that writes it rename a finished "
        "file into place.",
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
