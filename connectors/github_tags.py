"""Reads the tags of a repository in GitHub, each of which says that something was released."""

from __future__ import annotations

import datetime as dt
from fnmatch import fnmatchcase

from connectors import http
from connectors.github_api import GitHub, Repository
from connectors.github_ledger import Deployment, Outcome

_ALWAYS = dt.datetime.min
_MARKED = 12


class Tags:
    """The tags whose names match a pattern."""

    tells_all = True

    def __init__(self, api: GitHub, repository: Repository, pattern: str) -> None:
        self._api = api
        self._repository = repository
        self._pattern = pattern
        self._kinds: dict[str, str] = {}

    def since(self, begin: dt.datetime, now: dt.datetime) -> list[Deployment]:
        path = f"{self._repository.path}/git/matching-refs/tags/"
        try:
            # How many a page shows cannot be chosen here.
            pages = list(self._api.records(path, {"per_page": None}, needs="Contents"))
        except http.Rejected as error:
            if error.status == 409:  # a repository without any commit
                return []
            raise
        found = []
        for record in (each for page in pages for each in page):
            name, sha = record["ref"].removeprefix("refs/tags/"), record["object"]["sha"]
            if fnmatchcase(name, self._pattern):
                id_, mark = f"{self._repository.key}/{name}", f"{name}@{sha[:_MARKED]}"
                self._kinds[mark] = record["object"]["type"]
                found.append(Deployment(id_, mark, sha, name, None, _ALWAYS))
        return found

    def outcome(self, deployment: Deployment, now: dt.datetime) -> Outcome | None:
        kind, sha, at = self._kinds[deployment.mark], deployment.sha, None
        while kind == "tag":
            tag = self._api.one(f"{self._repository.path}/git/tags/{sha}", needs="Contents")
            # The outermost tag was made last. One without a date takes that of its commit.
            at = at or (tag.get("tagger") or {}).get("date")
            kind, sha = tag["object"]["type"], tag["object"]["sha"]
        if kind != "commit":
            return None
        if at is None:
            path = f"{self._repository.path}/git/commits/{sha}"
            commit = self._api.one(path, needs="Contents")
            at = (commit.get("committer") or {}).get("date")
        return Outcome(None, at, None, True, sha)
