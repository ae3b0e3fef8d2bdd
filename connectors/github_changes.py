"""What a deployment brought that was not deployed before, found by comparing commits in GitHub."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors import http, paging
from connectors.contract import SourceError
from connectors.github_api import GitHub, Record, Repository, moment

# So many lines of history that went out side by side are remembered of a service.
_LINES = 3


@dataclass(frozen=True)
class Commit:
    """A commit; its author is a login, or None where GitHub knows no account (any more)."""

    sha: str
    parents: tuple[str, ...]
    author: str | None
    title: str
    committed_at: str | None


@dataclass(frozen=True)
class Contents:
    """What is new in a deployment, None where that is unknown, and what is deployed after it.

    `tips` are commits that have been deployed and are part of no other of them, the last one first:
    they and all before them have been deployed.
    """

    commits: list[Commit] | None
    tips: list[str]


class History:
    """The history of one repository, as far as deployments ask for it."""

    def __init__(self, api: GitHub, repository: Repository) -> None:
        self._api = api
        self._path = repository.path

    def new_in(self, sha: str, tips: Sequence[str]) -> Contents:
        """What of a commit, and of all before it, was not deployed with `tips` yet."""
        commits: list[Commit] | None = None
        kept = []
        for tip in tips:
            compared = self._compared(tip, sha)
            if compared is None:
                if not self._has(sha):
                    return Contents(None, list(tips))
                continue  # history was written anew, and nothing remembers this tip
            if not compared.commits:
                return Contents([], list(tips))  # rolled back, or deployed once more
            here = {each.sha for each in compared.commits}
            if commits is None:
                commits = compared.commits
            else:
                commits = [each for each in commits if each.sha in here]
            if compared.is_apart:
                kept.append(tip)
        return Contents(commits, [sha, *kept][:_LINES])

    def between(self, first: str, tips: Sequence[str]) -> set[str]:
        """The commits that went out after `first` and up to `tips`, as far as they still exist."""
        found = [self._compared(first, tip) for tip in tips]
        return {each.sha for compared in found if compared for each in compared.commits}

    def _compared(self, base: str, head: str) -> _Compared | None:
        """What `head` has on top of `base`; None where one does not exist, or nothing is common."""
        path, commits, total, is_apart = f"{self._path}/compare/{base}...{head}", [], 0, False
        try:
            for page in self._api.pages(path, needs="Contents", records="commits"):
                total = page.value.get("total_commits") or 0
                is_apart = bool(page.value.get("behind_by"))
                commits += [_commit(each) for each in paging.records_of(page, "commits")]
        except http.Rejected as error:
            if error.status == 404:
                return None
            raise
        if len(commits) < total:
            raise SourceError(
                f"GitHub shows {len(commits):,} of the {total:,} commits at {path}.",
                "The next refresh asks again; if it stays, begin after that deployment with "
                "`start`.",
            )
        return _Compared(commits, is_apart)

    def _has(self, sha: str) -> bool:
        """Whether a commit still exists; raises Rejected where we may see none at all."""
        try:
            self._api.one(f"{self._path}/commits/{sha}", needs="Contents")
            return True
        except http.Rejected as error:
            if error.status not in (404, 422):
                raise
        next(self._api.records(f"{self._path}/commits", needs="Contents"), None)
        return False


@dataclass(frozen=True)
class _Compared:
    commits: list[Commit]
    is_apart: bool  # the base has commits that the head lacks


def _commit(record: Record) -> Commit:
    inner = record["commit"]
    return Commit(
        sha=record["sha"],
        parents=tuple(each["sha"] for each in record.get("parents") or ()),
        author=(record.get("author") or {}).get("login"),
        title=(inner.get("message") or "").strip().partition("\n")[0].strip(),
        committed_at=(inner.get("committer") or {}).get("date"),
    )


class Merges:
    """When requests were merged, by the commit that each merge made; read as far as needed."""

    def __init__(self, api: GitHub, repository: Repository, oldest: dt.datetime) -> None:
        self._api = api
        self._path = f"{repository.path}/pulls"
        self._oldest = oldest
        self._merged: dict[str, str] = {}
        self._pages = self._newest_first()
        self._read_pages = 0
        self._newest = dt.datetime.min
        self._reached = dt.datetime.max

    def of(self, commits: Sequence[Commit], head: str) -> dict[str, str]:
        """When the request that brought a commit was merged, of those of which it is known.

        A request is known by the commit that its merging made: the merge, the squashed one, or the
        last one rebased. What a merge joined in belongs to the same request.
        """
        by_sha = {each.sha: each for each in commits}
        main = []
        while head in by_sha:
            main.append(head)
            head = next(iter(by_sha[head].parents), "")
        dates = (by_sha[sha].committed_at for sha in main)
        self._read(min((moment(date) for date in dates if date), default=dt.datetime.max))
        found, seen = dict[str, str](), set(main)
        for sha in reversed(main):
            for one in (sha, *_joined_by(sha, by_sha, seen)):
                if merged_at := self._merged.get(one, self._merged.get(sha)):
                    found[one] = merged_at
        return found

    def _read(self, begin: dt.datetime) -> None:
        """Goes on to where requests changed last before `begin`: they were merged before, too."""
        begin = max(begin, self._oldest)
        if self._reached < begin:
            return
        while self._reached >= begin:
            records = next(self._pages, None)
            if records is None:
                self._reached = dt.datetime.min
            else:
                self._keep(records)
        if self._read_pages > 1:
            self._read_newer()

    def _read_newer(self) -> None:
        """What changed while later pages were read has gone to the first one."""
        while True:
            before, first = self._newest, True
            for records in self._newest_first():
                self._keep(records)
                if not records or moment(records[-1]["updated_at"]) < before:
                    break
                first = False
            if first:
                return

    def _newest_first(self) -> Iterator[list[Record]]:
        order = {"state": "closed", "sort": "updated", "direction": "desc"}
        return self._api.records(self._path, order, needs="Pull requests")

    def _keep(self, records: list[Record]) -> None:
        self._read_pages += 1
        for each in records:
            if each.get("merged_at") and each.get("merge_commit_sha"):
                self._merged[each["merge_commit_sha"]] = each["merged_at"]
        times = [moment(each["updated_at"]) for each in records]
        self._newest = max([self._newest, *times])
        self._reached = min([self._reached, *times])


def _joined_by(sha: str, by_sha: Mapping[str, Commit], seen: set[str]) -> Iterator[str]:
    """The commits that a merge joined in, without those in `seen`, to which it adds them."""
    waiting = list(by_sha[sha].parents[1:])
    while waiting:
        one = waiting.pop()
        if one in by_sha and one not in seen:
            seen.add(one)
            yield one
            waiting += by_sha[one].parents
