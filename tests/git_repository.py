"""Makes real git repositories of any shape: commits with the parents and the dates a test wants."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from tests.programs import program


class GitRepository:
    """A repository; dates are seconds since 1970, as git keeps them."""

    def __init__(self, path: Path, *, bare: bool = False) -> None:
        self.path = path
        path.mkdir(parents=True)
        # Without the samples of hooks that git would copy.
        self.git(
            "init", "--quiet", "--template=", "--initial-branch=main", *(["--bare"] if bare else [])
        )

    def git(self, *arguments: str, at: int = 0, asks: str | bytes = "") -> str:
        """What git says."""
        date = f"@{at} +0000"
        own = {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Author",
            "GIT_AUTHOR_EMAIL": "author@example.org",
            "GIT_AUTHOR_DATE": date,
            "GIT_COMMITTER_NAME": "Committer",
            "GIT_COMMITTER_EMAIL": "committer@example.org",
            "GIT_COMMITTER_DATE": date,
        }
        done = subprocess.run(
            [program("git", package="git"), *arguments],
            cwd=self.path,
            env=os.environ | own,
            input=asks.encode() if isinstance(asks, str) else asks,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode(errors="replace").strip()

    @cached_property
    def _no_files(self) -> str:
        """The name of the tree that every commit has."""
        return self.git("mktree")

    def commit(self, title: str, at: int, *parents: str) -> str:
        """Makes a commit and gives its name; the branch main then ends with it."""
        after = [part for parent in parents for part in ("-p", parent)]
        name = self.git("commit-tree", self._no_files, *after, at=at, asks=title)
        self.git("update-ref", "refs/heads/main", name)
        return name

    def commits(self, *dates: int, after: Sequence[str] = ()) -> list[str]:
        """A row of commits at these dates."""
        names: list[str] = []
        for at in dates:
            names.append(self.commit(f"change at {at}", at, *(names[-1:] or after)))
        return names

    def raw_commit(self, dated: str, title: bytes = b"odd", *more: str) -> str:
        """A commit as git itself would not write it: any date, and more lines in its head."""
        lines = [f"tree {self._no_files}"]
        lines += [f"{role} Odd <odd@example.org> {dated}" for role in ("author", "committer")]
        text = "\n".join([*lines, *more]).encode() + b"\n\n" + title
        return self.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", asks=text)

    def tag(self, name: str, on: str, at: int | None = None) -> None:
        """A tag of its own date, or a mere name; one that is there is moved."""
        annotated = ["--annotate", "--message=release"] if at is not None else []
        self.git("tag", "--force", *annotated, name, on, at=at or 0)
