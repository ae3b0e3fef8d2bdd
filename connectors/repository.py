"""Reads one git repository with the git program: its tags and its history, and changes nothing."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.contract import SourceError

_YEAR_10000 = 253_402_300_800
_BLOCK = 2**20
_SAID = 300
# What may be in the environment, of a git hook for example, and leads to other objects.
_ELSEWHERE = {
    "GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_INDEX_FILE",
    "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE", "GIT_REPLACE_REF_BASE",
}  # fmt: skip
_OURS = {
    "LC_ALL": "C",
    "GIT_NO_REPLACE_OBJECTS": "1",
    # A repository that lacks objects must not fetch them: the refresh asks no other host for it.
    "GIT_ALLOW_PROTOCOL": "none",
}
_FIELDS = ("%H", "%P", "%ct", "%an", "%s")


@dataclass(frozen=True)
class Tag:
    """A tag on a commit. `made_at` (seconds since 1970) is None for one that is a mere name."""

    name: str
    object: str
    commit: str
    made_at: int | None


@dataclass(frozen=True)
class Commit:
    """A commit; `committed_at` (seconds since 1970) is None where git cannot read its date."""

    name: str
    parents: tuple[str, ...]
    committed_at: int | None
    author: str
    title: str


class Repository:
    """A repository in a directory; `timeout` bounds every question to git."""

    def __init__(self, path: Path, timeout: dt.timedelta) -> None:
        """Raises SourceError where there is none, or only a part of one."""
        self.path = path
        self._seconds = timeout.total_seconds()
        if not path.is_dir():
            raise SourceError(
                f"There is no directory {path}.", "Correct `repositories`, or clone it there."
            )
        if self._lines("rev-parse", "--is-shallow-repository") == ["true"]:
            raise SourceError(
                f"{path} is a shallow copy, without the commits before its cut.",
                f"Fetch them: git -C {path} fetch --unshallow --tags",
            )

    def tags(self) -> list[Tag]:
        """All tags that lead to a commit, be it by way of other tags."""
        form = "%(refname:lstrip=2)%00%(objectname)%00%(taggerdate:unix)"
        found = [
            line.split("\0")
            for line in self._lines("for-each-ref", f"--format={form}", "refs/tags")
        ]
        asked = "".join(f"{name}^{{}}\n" for _, name, _ in found)
        form = "--batch-check=%(objectname) %(objecttype)"
        targets = [line.rsplit(" ", 1) for line in self._lines("cat-file", form, asks=asked)]
        tags = []
        for (name, tagged, made), (target, kind) in zip(found, targets, strict=True):
            if kind == "missing":
                raise self._failed(f"fatal: what the tag {name} stands on is missing")
            if kind == "commit":
                tags.append(Tag(name, tagged, target, _moment(made)))
        return tags

    def history(self, commits: Iterable[str]) -> History:
        """These commits and all before them."""
        asked = "".join(f"{name}\n" for name in dict.fromkeys(commits))
        if not asked:
            return History(b"")  # without a commit git would take HEAD
        return History(
            self._ask(
                *("log", "-z", "--topo-order", "--format=" + "%x00".join(_FIELDS)),
                *("--encoding=UTF-8", "--no-show-signature", "--stdin", "--"),
                asks=asked,
            )
        )

    def commit(self, name: str) -> Commit:
        """One commit alone."""
        form = "--format=" + "%x00".join(_FIELDS)
        options = ("-z", "-1", form, "--encoding=UTF-8", "--no-show-signature")
        (commit,) = History(self._ask("log", *options, name, "--")).commits()
        return commit

    def fetched_at(self) -> dt.datetime | None:
        """When a copy was last fetched (naive UTC); None for a repository that is no copy."""
        if not self._lines("config", "--get-regexp", r"^remote\..*\.url$", may_fail=True):
            return None
        places = self._lines("rev-parse", "--git-path", "FETCH_HEAD", "--git-path", "config")
        for place in places:  # one never fetched since it was cloned has but its configuration
            file = self.path / place
            if file.exists():
                moment = dt.datetime.fromtimestamp(file.stat().st_mtime, dt.UTC)
                return moment.replace(tzinfo=None)
        return None

    def _lines(self, *arguments: str, asks: str = "", may_fail: bool = False) -> list[str]:
        # Not splitlines: a tag may hold what Unicode takes for the end of a line.
        return _text(self._ask(*arguments, asks=asks, may_fail=may_fail)).split("\n")[:-1]

    def _ask(self, *arguments: str, asks: str = "", may_fail: bool = False) -> bytes:
        git = shutil.which("git")
        if git is None:
            raise SourceError("There is no program git.", "Install git where the refresh runs.")
        kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
        # Without a ceiling git would take the repository around a directory that is none.
        environment = kept | _OURS | {"GIT_CEILING_DIRECTORIES": str(self.path.parent)}
        try:
            done = subprocess.run(
                [git, *arguments],
                cwd=self.path,
                env=environment,
                input=asks.encode(),
                capture_output=True,
                timeout=self._seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SourceError(
                f"git took longer than {self._seconds:g} seconds in {self.path}.",
                "Raise `timeout`; `git commit-graph write --reachable` makes git faster there.",
            ) from None
        if done.returncode and not may_fail:
            raise self._failed(_text(done.stderr))
        return done.stdout

    def _failed(self, said: str) -> SourceError:
        if "dubious ownership" in said:
            return SourceError(
                f"{self.path} belongs to somebody else, so git does not trust its settings.",
                "If you do, tell git, as the user who refreshes: "
                f"git config --global --add safe.directory {self.path}",
            )
        if "not a git repository" in said:
            return SourceError(
                f"{self.path} is not a git repository.",
                "Name the directory that holds .git, or the bare repository itself.",
            )
        lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))]
        words = " ".join((lines or said.splitlines() or ["it does not say why"])[0].split())
        return SourceError(
            f"git cannot read {self.path}: {words[:_SAID]}.",
            f"Try git -C {self.path} fsck; where it complains, clone the repository anew.",
        )


class History:
    """Commits, every one before its parents; they can be read several times."""

    def __init__(self, records: bytes) -> None:
        self._records = records

    def names(self) -> Iterator[tuple[str, list[str], int | None]]:
        """The commits with their parents and dates alone."""
        for name, parents, date, _, _ in self._split():
            yield name.decode(), parents.decode().split(), _moment(date.decode())

    def commits(self) -> Iterator[Commit]:
        """The commits, whole."""
        for name, parents, date, author, title in self._split():
            yield Commit(
                name.decode(),
                tuple(parents.decode().split()),
                _moment(date.decode()),
                author.decode(errors="replace"),
                title.decode(errors="replace"),
            )

    def _split(self) -> Iterator[tuple[bytes, ...]]:
        """Fields end with a NUL, which neither a name nor a title can hold."""
        width, rest = len(_FIELDS), b""
        # In blocks, because a large history has too many fields to hold them all apart.
        for place in range(0, len(self._records), _BLOCK):
            fields = (rest + self._records[place : place + _BLOCK]).split(b"\0")
            whole = (len(fields) - 1) // width * width
            yield from zip(*(fields[field:whole:width] for field in range(width)), strict=True)
            rest = b"\0".join(fields[whole:])


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _moment(date: str) -> int | None:
    """Seconds since 1970; nothing where git cannot read a date, or nobody can believe it."""
    if not date.isdecimal() or not 0 < int(date) < _YEAR_10000:
        return None
    return int(date)
