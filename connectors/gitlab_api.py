"""Asks GitLab's REST API for a project's deployments, their merge requests, and DORA figures."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from connectors import http, paging
from connectors.columns import nearest
from connectors.contract import SourceError
from connectors.episodes import Turn
from connectors.http import Limits, Page

PAGE = 100
LIMITS = Limits(reset="RateLimit-Reset", form="epoch seconds", remaining="RateLimit-Remaining")
METRICS = (
    "deployment_frequency",
    "lead_time_for_changes",
    "time_to_restore_service",
    "change_failure_rate",
)
# What all of these records have, and no others.
_TELLING = {"deployments": "environment", "issues": "confidential"}
# So many answers are remembered, about 300 bytes each: a cache holds the last ones.
_REMEMBERED = 1_000
# What became of an issue, as its events tell: whether it was open from then on.
_TURNS = {"opened": True, "reopened": True, "closed": False}

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Project:
    """A project by its number, which stays, and its path, by which people know it."""

    id: int
    path: str


class Api:
    """One GitLab, asked through one session; raises SourceError for another question's answer."""

    def __init__(self, session: http.Session, size: int | None) -> None:
        self.session = session
        self._size = size or PAGE
        self._answered: dict[str, str] = {}

    def project(self, written: str) -> Project:
        """The project with this path or number; raises SourceError where there is none for us."""
        try:
            with permitted("the project"):
                found = self._ask(f"projects/{quote(unquote(written), safe='')}").value
        except http.Rejected as error:
            if error.status != 404:
                raise
            raise SourceError(
                f"GitLab shows no project '{written}', which `projects` names.",
                "It is not there, or the user of `token` is no member of it: invite that user, "
                f"as a Reporter at least.{nearest(written, self._own_paths())}",
            ) from None
        if not isinstance(found, dict) or not {"id", "path_with_namespace"} <= found.keys():
            raise SourceError(
                f"GitLab answers without the project '{written}'.",
                "Check that `url` leads to GitLab's REST API: https://HOST/api/v4.",
            )
        return Project(found["id"], found["path_with_namespace"])

    def deployments(self, project: Project, since: dt.datetime) -> Iterator[list[Record]]:
        """Pages of the deployments changed at or after `since` (UTC), the earliest change first."""
        return self._changed(project, "deployments", {}, since)

    def issues(
        self, project: Project, params: Mapping[str, Any], since: dt.datetime
    ) -> Iterator[list[Record]]:
        """The same of issues, those that `params` ask for."""
        return self._changed(project, "issues", params, since)

    def issue(self, project: Project, number: int) -> Record | None:
        """An issue as it is now; None where it is there no more, or not for us."""
        try:
            with permitted("issues"):
                page = self._ask(f"projects/{project.id}/issues/{number}")
        except http.Rejected as error:
            if error.status != 404:
                raise
            return None
        found: Any = page.value
        if not isinstance(found, dict) or found.get("iid") != number:
            raise _another_answer(page)
        return found

    def turns(self, project: Project, issue: Record) -> list[Turn] | None:
        """When an issue was closed and opened again; None where it is there no more."""
        path = f"projects/{project.id}/issues/{issue['iid']}/resource_state_events"
        try:
            with permitted("issues"):
                found = [
                    each
                    for page in self._pages(path)
                    for each in _each_with(page, "resource_id", issue["id"])
                ]
        except http.Rejected as error:
            if error.status != 404:
                raise
            return None
        told = (
            (moment(each.get("created_at")), _TURNS.get(each.get("state", ""))) for each in found
        )
        return [Turn(at, is_open) for at, is_open in told if at is not None and is_open is not None]

    def _changed(
        self, project: Project, what: str, params: Mapping[str, Any], since: dt.datetime
    ) -> Iterator[list[Record]]:
        """Pages of records changed at or after `since` (UTC), the earliest change first.

        Each page is asked for from the last change on that was seen, not by its number: so one
        that changes meanwhile, and moves to the end, makes none slip through.
        """
        after, number, before = since, 1, b""
        while True:
            asked = {**params, "updated_after": written(after), "page": number}
            page = self._by_change(project, what, asked)
            found = list(_each_with(page, _TELLING[what]))
            changes = [moment(each.get("updated_at")) for each in found]
            is_repeated = number > 1 and page.content == before
            if is_repeated or any(change is None or change < after for change in changes):
                raise SourceError(
                    f"{http.shown_address(page.url)} answers with other {what} than were "
                    f"asked for: page {number} of those changed since {written(after)}.",
                    "Check what stands between here and GitLab, such as a proxy that keeps pages.",
                )
            yield found
            if not found or (page.next is None and len(found) < self._size):
                return
            last = _to_the_millisecond(max(filter(None, changes)))
            # More of one moment than fit on a page are told apart by the number of the page.
            after, number = (last, 1) if last > after else (after, number + 1)
            before = page.content

    def newest(self, project: Project) -> Record | None:
        """The deployment that changed last."""
        found = self._by_change(project, "deployments", {"sort": "desc", "per_page": 1})
        return next(iter(paging.records_of(found)), None)

    def environments(self, project: Project) -> Iterator[Record]:
        """All environments, which tell their tier."""
        with permitted("environments"):
            for page in self._pages(f"projects/{project.id}/environments"):
                yield from _each_with(page, "name")

    def merge_requests(self, project: Project, deployment: int) -> Iterator[Record]:
        """The merge requests that a deployment shipped."""
        path = f"projects/{project.id}/deployments/{deployment}/merge_requests"
        try:
            with permitted("merge requests"):
                for page in self._pages(path):
                    yield from _each_with(page, "merged_at")
        except http.Rejected as error:
            # The deployment was deleted since it was listed.
            if error.status != 404:
                raise

    def commits(self, project: Project, merge_request: int) -> Iterator[Record]:
        """The commits of a merge request; none where GitLab keeps none of them any more."""
        path = f"projects/{project.id}/merge_requests/{merge_request}/commits"
        try:
            with permitted("commits of merge requests"):
                for page in self._pages(path):
                    yield from _each_with(page, "committed_date")
        except http.Rejected as error:
            if error.status != 404:
                raise

    def dora(self, project: Project, metric: str, begin: dt.date, end: dt.date) -> list[Record]:
        """GitLab's own figure for each day from `begin` to `end`, 90 days at most.

        Raises Rejected, which `has_no_dora` knows, where GitLab does not give it.
        """
        # GitLab wants at least two days.
        first = min(begin, end - dt.timedelta(days=1))
        params = {
            "metric": metric,
            "interval": "daily",
            "environment_tiers[]": ["production"],
            "start_date": first.isoformat(),
            "end_date": end.isoformat(),
        }
        page = self._ask(f"projects/{project.id}/dora/metrics", params)
        return [each for each in paging.records_of(page) if each["date"] >= begin.isoformat()]

    def token(self) -> Record | None:
        """What `token` says of itself: scopes, end; None where GitLab does not tell."""
        try:
            found = self.session.json("personal_access_tokens/self")
        except http.Rejected as error:
            if error.status not in (400, 403, 404):
                raise _explained(error, "its own access token") from None
            with permitted("its own user"):
                self.session.json("user")
            return None
        return found if isinstance(found, dict) else None

    def _by_change(self, project: Project, what: str, params: Mapping[str, Any]) -> http.Page:
        # GitLab refuses `updated_after` without this order.
        asked = {"order_by": "updated_at", "sort": "asc", "per_page": self._size, **params}
        with permitted(what):
            return self._ask(f"projects/{project.id}/{what}", asked)

    def _pages(self, path: str) -> Iterator[http.Page]:
        yield from map(self._proper, paging.by_link(self.session, path, {"per_page": self._size}))

    def _ask(self, path: str, params: Mapping[str, Any] | None = None) -> http.Page:
        return self._proper(self.session.page(path, params))

    def _proper(self, page: http.Page) -> http.Page:
        """The answer, unless it came before to another question: then it raises SourceError.

        GitLab numbers its answers. Nothing else tells apart what two deployments shipped, the
        commits of two merge requests, or two lists with nothing in them.
        """
        number = page.headers.get("X-Request-Id")
        if number and self._answered.setdefault(number, page.url) != page.url:
            raise _another_answer(page)
        if len(self._answered) > _REMEMBERED:
            del self._answered[next(iter(self._answered))]
        return page

    def _own_paths(self) -> list[str]:
        """Some projects that the token is a member's of, to guess what was meant."""
        try:
            page = self.session.page(
                "projects", {"membership": True, "simple": True, "per_page": PAGE}
            )
            return [each["path_with_namespace"] for each in paging.records_of(page)]
        except (SourceError, KeyError, TypeError):
            return []


@contextlib.contextmanager
def permitted(what: str) -> Iterator[None]:
    """Says of a refused credential what it needs to read `what`."""
    try:
        yield
    except http.Rejected as error:
        raise _explained(error, what) from None


def has_no_dora(error: http.Rejected) -> bool:
    """Whether GitLab gives no DORA figures to this user, or has none: the edition is another.

    It says so with a 401 too, as if the token were not good.
    """
    return error.status in (403, 404) or (error.status == 401 and "dora" in error.said.lower())


def _explained(error: http.Rejected, what: str) -> http.Rejected:
    advice = {
        401: "Write an access token that is current: GitLab's tokens end a year after they were "
        "made at the latest.",
        403: f"To read {what}, `token` needs the scope read_api, and its user the role Reporter "
        f"or more in a project that has {'issues' if what == 'issues' else 'CI/CD'} switched on.",
    }.get(error.status)
    if advice is None:
        return error
    return http.Rejected(error.status, error.said, error.what, advice)


def moment(text: Any) -> dt.datetime | None:
    """A time as naive UTC, whatever its offset; None for none, and for one that is none."""
    try:
        found = dt.datetime.fromisoformat(text) if text else None
        return found.astimezone(dt.UTC).replace(tzinfo=None) if found and found.tzinfo else found
    except (ValueError, TypeError, OverflowError):
        return None


def written(time: dt.datetime) -> str:
    """A naive UTC time as GitLab reads it, to the millisecond that it shows."""
    return f"{time.isoformat(timespec='milliseconds')}Z"


def _to_the_millisecond(time: dt.datetime) -> dt.datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)


def _each_with(page: Page, key: str, value: Any = None) -> Iterator[Record]:
    """The records of a page; raises SourceError where one lacks this key, or has another value."""
    for record in paging.records_of(page):
        if key not in record or value not in (None, record[key]):
            raise _another_answer(page)
        yield record


def _another_answer(page: Page) -> SourceError:
    return SourceError(
        f"{http.shown_address(page.url)} answers with other records than it was asked for.",
        "The next refresh asks again; if it stays, look for a cache in between.",
    )
