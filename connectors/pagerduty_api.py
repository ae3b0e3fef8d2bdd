"""Asks PagerDuty's REST API, by stretches of time that stay under what it shows of one list."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from connectors import http, paging
from connectors.columns import nearest
from connectors.contract import SourceError
from connectors.http import Limits
from connectors.pagerduty_incidents import Entry, Incident, Log, Words

PAGE = 100
# Offset and limit together: https://developer.pagerduty.com/docs/pagination
_CAP = 10_000
# New records may come while a list is read.
_MOST = 9_900
# Since and until may be six months apart, which are 181 days at the least.
_LONGEST = dt.timedelta(days=180)
_SHORTEST = dt.timedelta(minutes=1)
# Whether since and until count themselves is not documented.
_EDGE = dt.timedelta(seconds=1)
_TOOK_TOO_LONG = 408

LIMITS = Limits(reset="ratelimit-reset", form="seconds", remaining="ratelimit-remaining")
# Without it PagerDuty takes and gives times in the zone of the account.
_ZONE = {"time_zone": "UTC"}
# Status changes and the like; without it every notification comes too.
_OVERVIEW = {"is_overview": True}

Taken = TypeVar("Taken")


@dataclass(frozen=True)
class _Listing(Generic[Taken]):
    """A list that can be asked for by time; `take` keeps of a record what is needed, and `time`
    says what the list goes by (None where that cannot be read)."""

    session: http.Session
    path: str
    params: Mapping[str, Any]
    size: int
    take: Callable[[Mapping[str, Any]], Taken | None]
    time: Callable[[Taken], dt.datetime | None]

    def between(self, begin: dt.datetime, end: dt.datetime) -> list[Taken]:
        """Everything from `begin` to `end`; raises paging.Capped where that is too much."""
        since, until = written(begin - _EDGE), written(end + _EDGE)
        params = {**self.params, **_ZONE, "since": since, "until": until, "total": True}
        found: list[Taken] = []
        try:
            for page in paging.by_offset(
                self.session,
                self.path,
                params,
                size=self.size,
                records=self.path,
                more=paging.more_at("more"),
                cap=_CAP,
                key="id",
            ):
                if (page.value.get("total") or 0) > _MOST:
                    raise paging.Capped("There are too many at once.", "Ask for less.")
                taken = [self.take(record) for record in paging.records_of(page, self.path)]
                kept = [each for each in taken if each is not None]
                self._refuse_another_time(kept, begin, end)
                found += kept
        except http.Rejected as error:
            if error.status == _TOOK_TOO_LONG:
                raise paging.Capped(error.what, "Ask for less at once.") from None
            raise
        return found

    def _refuse_another_time(
        self, found: list[Taken], begin: dt.datetime, end: dt.datetime
    ) -> None:
        """A page that is all about another time is the answer to another question."""
        times = [self.time(each) for each in found]
        if times and not any(_within(at, begin - _EDGE, end + 2 * _EDGE) for at in times):
            raise _another_answer(f"the {self.path} from {written(begin)} to {written(end)}")

    def windows(
        self, begin: dt.datetime, end: dt.datetime
    ) -> Iterator[tuple[dt.datetime, dt.datetime, list[Taken]]]:
        """Consecutive stretches, the oldest first, each as long as PagerDuty shows all of it."""
        length = _LONGEST
        while begin < end:
            stop = min(begin + length, end)
            try:
                found = self.between(begin, stop)
            except paging.Capped as error:
                if stop - begin <= _SHORTEST:
                    raise SourceError(
                        f"PagerDuty has more {self.path} in the minute from {written(begin)} than "
                        f"it shows. {error.what}",
                        "Leave out the services that make them, with `services`.",
                    ) from None
                half = dt.timedelta(seconds=(stop - begin).total_seconds() // 2)
                length = max(half, _SHORTEST)
                continue
            yield begin, stop, found
            if len(found) < _MOST // 4:
                length = min(2 * length, _LONGEST)
            begin = stop


class Api:
    """One PagerDuty account."""

    def __init__(self, session: http.Session, words: Words, size: int | None) -> None:
        self.session = session
        self._words = words
        self._size = size or PAGE

    def incidents(
        self,
        begin: dt.datetime,
        end: dt.datetime,
        *,
        services: frozenset[str] | None = None,
        statuses: tuple[str, ...] = (),
    ) -> Iterator[tuple[dt.datetime, dt.datetime, list[Incident]]]:
        """Windows with the incidents that were created in them; those whose time cannot be read
        are in all. `services` are ids."""
        params: dict[str, Any] = {"sort_by": "created_at:asc"}
        if services is not None:
            params["service_ids[]"] = sorted(services)
        if statuses:
            params["statuses[]"] = list(statuses)
        listing = _Listing(
            self.session,
            "incidents",
            params,
            self._size,
            self._words.incident,
            lambda each: each.opened_at,
        )
        with permitted("incidents.read", "incidents"):
            for start, stop, found in listing.windows(begin, end):
                by_id = {each.id: each for each in found if _within(each.opened_at, start, stop)}
                yield start, stop, list(by_id.values())

    def log(self, begin: dt.datetime, end: dt.datetime) -> Iterator[Entry]:
        """The most important changes to all incidents, in no order; some may come twice."""
        params = {**_OVERVIEW, "include[]": "incidents"}
        listing = _Listing(
            self.session, "log_entries", params, self._size, self._words.entry, lambda each: each.at
        )
        with permitted("incidents.read", "log entries"):
            for start, stop, found in listing.windows(begin, end):
                yield from (entry for entry in found if start <= entry.at < stop)

    def incident(self, incident_id: str) -> Incident | None:
        """One incident as it is now; None where there is none with this id."""
        try:
            with permitted("incidents.read", "incidents"):
                found = self.session.json(f"incidents/{incident_id}", _ZONE)
        except http.Rejected as error:
            if error.status == 404:
                return None
            raise
        if not isinstance(found, dict) or not isinstance(found.get("incident"), dict):
            raise SourceError(
                f"PagerDuty answers without the incident {incident_id}.",
                "Check that `url` leads to PagerDuty's REST API.",
            )
        if found["incident"].get("id") != incident_id:
            raise _another_answer(f"the incident {incident_id}")
        return self._words.incident(found["incident"])

    def incident_log(self, incident_id: str) -> Log:
        """Everything that its log tells of one incident, up to now; nothing where it is gone."""
        log = Log()
        # Here an entry need not say which incident it is about.
        about = {"incident": {"id": incident_id}}
        try:
            for record in self._entries_of(incident_id):
                entry = self._words.entry({**record, **about})
                if entry is not None:
                    log.add(entry)
        except http.Rejected as error:
            if error.status != 404:
                raise
        return log

    def _entries_of(self, incident_id: str) -> list[Mapping[str, Any]]:
        """The log entries of one incident; raises SourceError where all are of another one."""
        pages = self._pages(f"incidents/{incident_id}/log_entries", _OVERVIEW, "log_entries")
        with permitted("incidents.read", "log entries"):
            told = [each for page in pages for each in paging.records_of(page, "log_entries")]
        own = [e for e in told if (e.get("incident") or {}).get("id", incident_id) == incident_id]
        if told and not own:
            raise _another_answer(f"the incident {incident_id}")
        return own

    def sample(
        self, path: str, begin: dt.datetime, end: dt.datetime, params: Mapping[str, Any]
    ) -> tuple[list[Any], int]:
        """The first record, if any, of incidents or log entries, and how many there are."""
        asked = {**params, **_ZONE, "since": written(begin), "until": written(end)}
        with permitted("incidents.read", path.replace("_", " ")):
            page = self.session.page(path, {**asked, "limit": 1, "total": True})
        found = paging.records_of(page, path)
        return found, page.value.get("total") or len(found)

    def services(self) -> dict[str, str]:
        """The ids of all services by their names."""
        with permitted("services.read", "services"):
            pages = self._pages("services", {"sort_by": "name"}, "services")
            found = [each for page in pages for each in paging.records_of(page, "services")]
        return {each.get("name") or each.get("summary"): each["id"] for each in found}

    def scope(self, names: tuple[str, ...]) -> frozenset[str] | None:
        """The ids of these services, which are named or given by id; None for all there are.

        Raises SourceError for a service that is not there.
        """
        if not names:
            return None
        ids = self.services()
        for name in names:
            if name not in ids and name not in ids.values():
                raise SourceError(
                    f"`services` names '{name}', and PagerDuty shows no such service.",
                    nearest(name, ids).strip() or f"It shows: {', '.join(sorted(ids)[:20])}.",
                )
        return frozenset(ids.get(name, name) for name in names)

    def maintenance_windows(self, services: frozenset[str] | None) -> Iterator[Mapping[str, Any]]:
        """All maintenance windows, past, ongoing and to come."""
        params: dict[str, Any] = {"filter": "all"}
        if services is not None:
            params["service_ids[]"] = sorted(services)
        with permitted("services.read", "maintenance windows"):
            for page in self._pages("maintenance_windows", params, "maintenance_windows"):
                yield from paging.records_of(page, "maintenance_windows")

    def _pages(self, path: str, params: Mapping[str, Any], records: str) -> Iterator[http.Page]:
        return paging.by_offset(
            self.session,
            path,
            {**params, **_ZONE},
            size=self._size,
            records=records,
            more=paging.more_at("more"),
            cap=_CAP,
            key="id",
        )


def is_out_of_reach(error: SourceError) -> bool:
    """Whether a list is not for us: for want of a permission, or of a way to read all of it."""
    if isinstance(error, http.Rejected):
        return error.status in (402, 403)
    return isinstance(error, paging.Capped)


@contextlib.contextmanager
def permitted(scope: str, what: str) -> Iterator[None]:
    """Says of a refused credential what it lacks: the OAuth scope, and what it may not see."""
    try:
        yield
    except http.Rejected as error:
        advice = {
            401: "Write a REST API key or an OAuth token that is current. An account in the EU "
            "is asked at https://api.eu.pagerduty.com: then write that as `url`.",
            402: f"PagerDuty's plan of this account does not include {what} in its REST API.",
            403: f"An OAuth token needs the scope {scope}; a user's key sees what the user sees, "
            f"here all {what}.",
        }.get(error.status)
        if advice is None:
            raise
        raise http.Rejected(error.status, error.said, error.what, advice) from None


def _another_answer(asked: str) -> SourceError:
    return SourceError(
        f"Asked for {asked}, PagerDuty answers with others.",
        "If this comes again, look for a proxy or a cache between here and PagerDuty.",
    )


def written(time: dt.datetime) -> str:
    """A naive UTC time as PagerDuty reads it, with its zone."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _within(time: dt.datetime | None, begin: dt.datetime, end: dt.datetime) -> bool:
    return time is None or begin <= time < end
