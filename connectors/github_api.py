"""Asks GitHub's REST interface, page by page, and says which permission it lacks."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors import http, paging
from connectors.columns import nearest
from connectors.contract import Context, SourceError
from connectors.github_entry import Entry
from connectors.http import Limits

# A limit of its own kind comes as 403 too, told by its words or by Retry-After; without either
# GitHub wants a minute (docs.github.com, best practices for using the REST API).
LIMITS = Limits(
    reset="x-ratelimit-reset",
    form="epoch seconds",
    remaining="x-ratelimit-remaining",
    forbidden=True,
    words="rate limit|abuse detection",
    pause=60,
)
_HEADERS = {
    "Accept": "application/vnd.github+json",
    # The next version, 2026-03-10, no longer tells the commit that merging a request made.
    "X-GitHub-Api-Version": "2022-11-28",
}
_PAGE = 100

Record = dict[str, Any]


class GitHub:
    """One pull's questions. `needs` names the permission without which GitHub refuses one."""

    def __init__(self, session: http.Session, size: int | None) -> None:
        self._session = session
        self._size = size or _PAGE

    def one(self, path: str, params: Mapping[str, Any] | None = None, *, needs: str) -> Record:
        """A single record; raises Rejected and SourceError."""
        with _permitted(needs):
            page = self._session.page(path, params)
        if not isinstance(page.value, dict):
            raise SourceError(
                f"{http.shown_address(page.url)} answers without a record: {page.excerpt}",
                "Check that `url` leads to GitHub's REST interface.",
            )
        return page.value

    def pages(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        needs: str,
        records: str = "",
    ) -> Iterator[http.Page]:
        """The pages of a list; raises Rejected and SourceError."""
        with _permitted(needs):
            yield from paging.by_link(
                self._session, path, {"per_page": self._size, **(params or {})}, records=records
            )

    def records(
        self, path: str, params: Mapping[str, Any] | None = None, *, needs: str, records: str = ""
    ) -> Iterator[list[Record]]:
        """The same, as the records of each page."""
        for page in self.pages(path, params, needs=needs, records=records):
            yield paging.records_of(page, records)


@contextlib.contextmanager
def connected(entry: Entry, context: Context) -> Iterator[GitHub]:
    """GitHub, with this entry's address and token."""
    with http.Session(
        entry.url,
        timeout=entry.timeout,
        credential=http.bearer(entry.token.get_secret_value()),
        headers=_HEADERS,
        limits=LIMITS,
        waiting=context.waiting,
    ) as session:
        yield GitHub(session, entry.page_size)


@contextlib.contextmanager
def _permitted(needs: str) -> Iterator[None]:
    """Says of a refusal what the token lacks; what it may not see, GitHub calls not found."""
    try:
        yield
    except http.Rejected as error:
        if error.status not in (403, 404) or LIMITS.hit(error.status, {}, error.said):
            raise
        advice = (
            f"A fine-grained token, or an app, needs the permission '{needs}: read' for this "
            "repository; a classic token the scope `repo`, and where the organisation wants it a "
            "single sign-on."
        )
        raise http.Rejected(error.status, error.said, error.what, advice) from None


@dataclass(frozen=True)
class Repository:
    """A repository: `owner/name`, and the address by which GitHub's own records name it.

    `is_listed` says that the entry names only its owner.
    """

    name: str
    address: str
    has_issues: bool
    is_listed: bool = False

    @property
    def path(self) -> str:
        """Where its records are."""
        return f"repos/{self.name}"

    @property
    def key(self) -> str:
        """The same for every spelling, because GitHub is blind to case."""
        return self.name.lower()


def repositories(api: GitHub, entry: Entry) -> list[Repository]:
    """The repositories that an entry names; raises SourceError for one that is not there."""
    found: dict[str, Repository] = {}
    for name in entry.repositories:
        owner, _, short = name.partition("/")
        if short == "*":
            some = [_repository(each["full_name"], each, True) for each in _owned(api, owner)]
        else:
            some = [_repository(name, _named(api, name), False)]
        found = {each.key: each for each in some} | found
    _check_map(entry, found.values())
    return list(found.values())


def _repository(name: str, record: Mapping[str, Any], is_listed: bool) -> Repository:
    return Repository(name, record.get("url") or "", record.get("has_issues", True), is_listed)


def _named(api: GitHub, name: str) -> Record:
    try:
        return api.one(f"repos/{name}", needs="Metadata")
    except http.Rejected as error:
        if error.status != 404:
            raise
        others: list[str] = []
        with contextlib.suppress(SourceError):
            others = [each["full_name"] for each in _owned(api, name.partition("/")[0])]
        raise SourceError(
            f"`repositories` names {name}, and GitHub shows this token no such repository.",
            f"{nearest(name, others).strip()} {error.advice}".strip(),
        ) from None


def _owned(api: GitHub, owner: str) -> list[Record]:
    """All repositories of an organisation, or else the public ones of a user."""
    try:
        pages = list(api.records(f"orgs/{owner}/repos", {"sort": "full_name"}, needs="Metadata"))
    except http.Rejected as error:
        if error.status != 404:
            raise
        pages = list(api.records(f"users/{owner}/repos", {"sort": "full_name"}, needs="Metadata"))
    return [record for page in pages for record in page]


def _check_map(entry: Entry, found: Iterable[Repository]) -> None:
    # With owner/* a repository may go, and its word in the map stays.
    if entry.service.source != "repository" or any(each.is_listed for each in found):
        return
    known = [name for each in found for name in (each.name, each.name.rpartition("/")[2])]
    for name in entry.service.map:
        if name not in known:
            raise SourceError(
                f"`service` maps {name}, but no repository is called so.",
                nearest(name, known).strip() or f"There are: {', '.join(known[::2])}.",
            )


def moment(text: object) -> dt.datetime:
    """A time that GitHub tells, as naive UTC; raises SourceError where it is none."""
    try:
        time = dt.datetime.fromisoformat(str(text))
    except ValueError:
        raise SourceError(
            f"GitHub tells a time that is none: {text!r}.",
            "The next refresh asks again; if it stays, look into the record in GitHub.",
        ) from None
    return time.astimezone(dt.UTC).replace(tzinfo=None) if time.tzinfo else time


def written(time: dt.datetime) -> str:
    """A naive UTC time as GitHub reads it."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
