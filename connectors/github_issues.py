"""Asks GitHub for issues: those of a repository that changed, a single one, and its turns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from connectors import http, paging
from connectors.episodes import Turn
from connectors.github_api import GitHub, Record, Repository, moment, written

_SECOND = dt.timedelta(seconds=1)
_GONE = (404, 410)
_TURNS = {"closed": False, "reopened": True}


def changed(
    api: GitHub, repository: Repository, since: dt.datetime, params: Mapping[str, Any]
) -> Iterator[Record]:
    """The issues and requests that changed at or after a moment, in the order of their change.

    One that changes while the list is read goes to its end, and those after it move up. So no page
    is trusted but the first: each next question begins where the page before ended.
    """
    path = f"{repository.path}/issues"
    order = {"state": "all", "sort": "updated", "direction": "asc", **params}
    seen: set[tuple[int, str]] = set()
    while True:
        fresh, pages, is_last = 0, 0, True
        reached = since
        question = {**order, "since": written(since)}
        for page in api.pages(path, question, needs="Issues"):
            pages += 1
            for issue in paging.records_of(page):
                if (issue["number"], issue["updated_at"]) not in seen:
                    seen.add((issue["number"], issue["updated_at"]))
                    fresh += 1
                    yield issue
                reached = moment(issue["updated_at"])
            is_last = page.next is None
            # More changed in one second than a page holds: there is no way but to the next one.
            if reached > since + _SECOND:
                break
        if pages > 1 and fresh:
            continue
        if is_last:
            return
        since = max(since, reached - _SECOND)
        seen = {each for each in seen if moment(each[1]) >= since}


def turns(api: GitHub, repository: Repository, number: int) -> list[Turn] | None:
    """When an issue was closed and opened again; None where it is there no more."""
    try:
        pages = list(api.records(f"{repository.path}/issues/{number}/events", needs="Issues"))
    except http.Rejected as error:
        if error.status in _GONE:
            return None
        raise
    return [
        Turn(moment(each["created_at"]), _TURNS[each["event"]])
        for records in pages
        for each in records
        if each.get("event") in _TURNS
    ]


def listed_open(api: GitHub, repository: Repository, label: str) -> set[int]:
    """The numbers of the open issues with a label; one may slip through while they are read."""
    params = {"labels": label, "state": "open"}
    pages = api.records(f"{repository.path}/issues", params, needs="Issues")
    return {each["number"] for records in pages for each in records}


def single(api: GitHub, repository: Repository, number: int) -> Record | None:
    """An issue as it is now; None where it was deleted, or is in another repository."""
    try:
        issue = api.one(f"{repository.path}/issues/{number}", needs="Issues")
    except http.Rejected as error:
        if error.status in _GONE:
            return None
        raise
    # To one that has moved GitHub redirects.
    stayed = issue["number"] == number and issue.get("repository_url") == repository.address
    return issue if stayed else None
