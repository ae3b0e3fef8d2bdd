"""Asks Jira Cloud's REST API, version 3, and says in an operator's words what it refuses."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors import http, paging
from connectors.answers import Page
from connectors.contract import SourceError
from connectors.http import Limits

# https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
LIMITS = Limits(reset="X-RateLimit-Reset", form="timestamp", remaining="X-RateLimit-Remaining")
# A status belongs to one of these categories, whatever it is called.
TO_DO, IN_PROGRESS, DONE = "new", "indeterminate", "done"
# Jira gives fewer a page where the fields are many, and never more than this.
MOST_IDS = 5000
_ISSUES_A_PAGE = 1000
# Of so many issues at once it tells the histories, of so many changes a page.
MOST_HISTORIES = 1000
_CHANGES_A_PAGE = 1000
_PROJECTS_A_PAGE = 100
# What tells when an issue was closed and opened again.
_TELLING = ["status", "resolution"]

_CREDENTIAL = (
    "`user` must be the account's e-mail address and `token` an API token of that account; each "
    "expires after a year at most. One with scopes needs read:jira-work and read:jira-user, and is "
    "only taken where `url` is https://api.atlassian.com/ex/jira/CLOUD_ID."
)
_ADDRESS = (
    "Write as `url` your site, https://NAME.atlassian.net, or https://api.atlassian.com/ex/jira/"
    "CLOUD_ID, and nothing after it. Jira Data Center has no such interface."
)


class Api:
    """One Jira site; `page_size` is how many issues a page brings."""

    def __init__(self, session: http.Session, page_size: int | None) -> None:
        self._session = session
        self._page_size = page_size

    def account(self) -> Mapping[str, Any]:
        """The account that asks; raises SourceError where Jira does not take its credential.

        A search without a valid credential is no error to Jira: it shows what anybody may see,
        which is mostly nothing. So this is asked before a search is believed.
        """
        with _in_words("read the account itself"):
            found = self._session.json("rest/api/3/myself")
        if not isinstance(found, dict) or not found.get("accountId"):
            raise SourceError(
                "Jira does not say whose credential it was given.",
                f"It counts as nobody's. {_CREDENTIAL}",
            )
        return found

    def fields(self) -> list[Mapping[str, Any]]:
        """All fields of issues: `id`, `name`, and `scope` where one belongs to a single project."""
        with _in_words("read the names of fields"):
            return self._list("rest/api/3/field")

    def categories(self) -> dict[str, str]:
        """The category of each status by its id: `new`, `indeterminate` or `done`."""
        with _in_words("read the statuses"):
            statuses = self._list("rest/api/3/status")
        found = {str(one.get("id")): category_of(one) for one in statuses}
        if DONE not in found.values():
            raise SourceError(
                f"Jira shows no status of the category '{DONE}', so nothing could be closed.",
                "Check that the account may see a project.",
            )
        return found

    def projects(self) -> Iterator[Mapping[str, Any]]:
        """All projects that the account may see: `id`, `key` and `name`."""
        with _in_words("list the projects"):
            for page in paging.by_offset(
                self._session,
                "rest/api/3/project/search",
                size=_PROJECTS_A_PAGE,
                records="values",
                offset="startAt",
                limit="maxResults",
                more=paging.last_at("isLast"),
            ):
                yield from paging.records_of(page, "values")

    def issues(
        self, jql: str, fields: Sequence[str], size: int | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        """The issues that a JQL finds, page by page, with these fields."""
        body = {
            "jql": jql,
            "fields": list(fields),
            "maxResults": self._page_size or size or _ISSUES_A_PAGE,
        }
        with _in_words("search for issues", jql):
            for page in paging.by_cursor(
                self._session,
                "rest/api/3/search/jql",
                body=body,
                cursor="nextPageToken",
                following=paging.at("nextPageToken", _has_more),
                records="issues",
            ):
                yield paging.records_of(page, "issues")

    def sample(self, jql: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        """The first issue that a JQL finds, if there is one."""
        body = {"jql": jql, "fields": list(fields), "maxResults": 1}
        with _in_words("search for issues", jql):
            page = self._session.page("rest/api/3/search/jql", body=body)
            return paging.records_of(page, "issues")[:1]

    def count(self, jql: str) -> int:
        """About how many issues a JQL finds."""
        with _in_words("search for issues", jql):
            found = self._session.json("rest/api/3/search/approximate-count", body={"jql": jql})
        return int(found["count"])

    def changes(self, issue_ids: Sequence[str]) -> dict[str, list[Mapping[str, Any]]]:
        """What happened to the status and resolution of up to 1,000 issues, the oldest first."""
        found: dict[str, dict[str, Mapping[str, Any]]] = {}
        with _in_words("read the history of issues"):
            for page in paging.by_cursor(
                self._session,
                "rest/api/3/changelog/bulkfetch",
                body={
                    "issueIdsOrKeys": list(issue_ids),
                    "fieldIds": _TELLING,
                    "maxResults": _CHANGES_A_PAGE,
                },
                cursor="nextPageToken",
                following=paging.at("nextPageToken"),
                records="issueChangeLogs",
            ):
                for log in paging.records_of(page, "issueChangeLogs"):
                    histories = found.setdefault(str(log.get("issueId")), {})
                    for history in log.get("changeHistories") or []:
                        histories[str(history.get("id"))] = history
        return {issue_id: list(histories.values()) for issue_id, histories in found.items()}

    def _list(self, path: str) -> list[Mapping[str, Any]]:
        return paging.records_of(self._session.page(path))


def category_of(status: Mapping[str, Any] | None) -> str:
    """The category of a status: `new`, `indeterminate` (in progress), `done`, or another word."""
    category = (status or {}).get("statusCategory") or {}
    return str(category.get("key") or "undefined")


def _has_more(page: Page) -> bool:
    """Whether another page follows; where Jira leaves `isLast` out, the token alone tells."""
    last = page.value.get("isLast")
    return not last if isinstance(last, bool) else bool(page.value.get("nextPageToken"))


@contextlib.contextmanager
def _in_words(deed: str, jql: str | None = None) -> Iterator[None]:
    """Says of a refusal what was to be done, and which permission or key it depends on."""
    try:
        yield
    except http.Rejected as error:
        what, advice = error.what, error.advice
        if error.status in (401, 403):
            what = f"Jira does not let us {deed}. {what}"
            advice = _CREDENTIAL
        elif error.status in (404, 410):
            advice = _ADDRESS
        elif error.status == 400 and jql is not None:
            what = f"Jira refuses the search: {_messages(error.said)} It was asked: {jql}"
            advice = "Correct `incidents` or `projects`; Jira's own search takes the same JQL."
        raise http.Rejected(error.status, error.said, what, advice) from None


def _messages(said: str) -> str:
    """Jira's own words: it gives a list of sentences."""
    try:
        found = json.loads(said)
    except ValueError:
        found = said
    return " ".join(map(str, found)) if isinstance(found, list) else str(found)
