"""Plays a PagerDuty account: incidents with all that happens to them, and the truth about them.

Its answers have the shapes of PagerDuty's OpenAPI description (PagerDuty/api-schema, REST), its
pages, limits and errors those of developer.pagerduty.com/docs (pagination, rate limits, errors).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from tests import peer_lists
from tests.peer import Answer, Clock, Handler, Peer, Request, data

START = dt.datetime(2026, 1, 5)
# Statements for what landed, in the order in which an account tells of it.
INCIDENTS = (
    "select incident_id, service, severity, status, opened_at, acknowledged_at, resolved_at, "
    "reopened from incidents order by all"
)
EPISODES = (
    "select incident_id, episode, service, severity, opened_at, resolved_at "
    "from incident_episodes order by all"
)
_ZONE = ZoneInfo("America/New_York")  # the account's, which nobody asked for
_HALF_A_YEAR = dt.timedelta(days=184, seconds=2)
_STATUS = {
    "trigger": "triggered",
    "unacknowledge": "triggered",
    "acknowledge": "acknowledged",
    "resolve": "resolved",
    "reopen": "triggered",
}


def hour(number: float) -> dt.datetime:
    """So many hours after the start."""
    return START + dt.timedelta(seconds=round(number * 3600))


@dataclass
class Case:
    """An incident and its story: what happened when."""

    id: str
    number: int
    service: str
    priority: str | None
    title: str
    events: list[tuple[dt.datetime, str]]
    merged: bool = False
    # Everything that the played system should say otherwise than the story does.
    odd: dict[str, Any] = field(default_factory=dict)

    @property
    def created_at(self) -> dt.datetime:
        return self.events[0][0]

    @property
    def changes(self) -> list[tuple[dt.datetime, str]]:
        """What changed its status."""
        return [event for event in self.events if event[1] in _STATUS]

    @property
    def status(self) -> str:
        return _STATUS[self.changes[-1][1]]


class Account:
    """Incidents, services and maintenance windows; everything may change while it is asked."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.cases: dict[str, Case] = {}
        self.services = {"PSHOP01": "Shop", "PMAIL02": "Mail", "PPAY003": "Pay"}
        self.windows: dict[str, dict[str, Any]] = {}
        self.reopened_as = "reopen_log_entry"
        # How much of an incident its log entries show: "all", all "but the priority", "nothing".
        self.embeds = "all"
        # Whether since and until count themselves.
        self.edges = True
        self.keeps_logs = True
        # What the token may not see, and what is there no more.
        self.hidden: set[str] = set()
        self.gone: set[str] = set()
        self.cap = 10_000
        self.peer = Peer(clock)
        self.peer.credential = ("Authorization", "Token token=s3cret")
        self._route("/incidents", self._incidents, "incidents")
        self._route("/log_entries", self._log_entries, "log_entries")
        self._route("/incidents/{id}/log_entries", self._log_of, "log_entries")
        self._route("/services", self._services, "services")
        self._route("/maintenance_windows", self._maintenance, "maintenance_windows")
        self.peer.route("/incidents/{id}", self._incident)
        self.peer.route("/users/me", lambda request: _refused(400, 2001, "Requires a user token"))

    # --- what happens ---

    def trigger(
        self,
        at: dt.datetime,
        *,
        service: str = "PSHOP01",
        priority: str | None = "P1",
        title: str = "down",
    ) -> str:
        """A new incident; its id."""
        number = len(self.cases) + 1
        case = Case(f"PINC{number:04}", number, service, priority, title, [(at, "trigger")])
        self.cases[case.id] = case
        return case.id

    def happen(self, incident_id: str, *events: tuple[dt.datetime, str]) -> None:
        """Acknowledged, resolved, reopened and so on, each at its time."""
        case = self.cases[incident_id]
        case.events = sorted([*case.events, *events], key=lambda event: event[0])

    def merge(self, incident_id: str, at: dt.datetime) -> None:
        """Resolved because it went into another one."""
        self.happen(incident_id, (at, "resolve"))
        self.cases[incident_id].merged = True

    def maintain(self, window_id: str, begins: str, ends: str, *services: str) -> None:
        """A maintenance window, its times as PagerDuty renders them."""
        self.windows[window_id] = {
            "id": window_id,
            "type": "maintenance_window",
            "sequence_number": len(self.windows) + 1,
            "start_time": begins,
            "end_time": ends,
            "description": "new disks",
            "services": [self._service(each) for each in services or ("PSHOP01",)],
            "teams": [],
            "created_by": {"id": "PUSER01", "type": "user_reference", "summary": "Operations"},
        }

    # --- the truth ---

    def incidents(self) -> list[tuple[Any, ...]]:
        """Id, service, severity, status, opened, acknowledged, resolved, re-openings: as told."""
        found = []
        for case in self._counted():
            ends = [end for _, end in _episodes(case)]
            acknowledged = [at for at, kind in case.events if kind == "acknowledge"]
            found.append(
                (
                    case.id,
                    self.services[case.service],
                    case.priority,
                    {"triggered": "open"}.get(case.status, case.status),
                    case.created_at,
                    min(acknowledged, default=None),
                    ends[-1],
                    len(ends) - 1,
                )
            )
        return sorted(found)

    def episodes(self) -> list[tuple[Any, ...]]:
        """Id, number, service, severity, opened, resolved."""
        return sorted(
            (case.id, number, self.services[case.service], case.priority, begun, end)
            for case in self._counted()
            for number, (begun, end) in enumerate(_episodes(case), start=1)
        )

    def _counted(self) -> Iterator[Case]:
        return (c for c in self.cases.values() if not c.merged and c.id not in self.gone)

    # --- how it answers ---

    def _seen(self) -> Iterator[Case]:
        unseen = self.hidden | self.gone
        return (case for case in self.cases.values() if case.id not in unseen)

    def _route(
        self, pattern: str, choose: Callable[[Request], list[dict[str, Any]]], wrap: str
    ) -> None:
        def handler(request: Request) -> Answer:
            if refusal := _range(request):
                return refusal
            pages = peer_lists.offset(choose, wrap=wrap, more="more", cap=self.cap)
            answer = pages(request)
            if answer.status != 200 or request.query.get("total") != "true":
                return answer
            assert isinstance(answer.body, bytes)
            return data({**json.loads(answer.body), "total": len(choose(request))})

        self.peer.route(pattern, _existing(self, handler))

    def _incidents(self, request: Request) -> list[dict[str, Any]]:
        since, until = _asked(request, "since"), _asked(request, "until")
        statuses = request.lists.get("statuses[]")
        services = request.lists.get("service_ids[]")
        found = [
            case
            for case in self._seen()
            if self._between(since, case.created_at, until)
            and (statuses is None or case.status in statuses)
            and (services is None or case.service in services)
        ]
        is_newest_first = request.query.get("sort_by", "").endswith(":desc")
        found.sort(key=lambda case: (case.created_at, case.number), reverse=is_newest_first)
        return [self._record(case, request) for case in found]

    def _between(self, since: dt.datetime, at: dt.datetime, until: dt.datetime) -> bool:
        return since <= at <= until if self.edges else since < at < until

    def _incident(self, request: Request) -> Answer:
        case = self.cases.get(request.match["id"])
        if case is None or case.id in self.gone:
            return _refused(404, 5001, "Incident Not Found")
        if case.id in self.hidden:
            return _refused(403, 2018, "Access Denied")
        return data({"incident": self._record(case, request)})

    def _log_entries(self, request: Request) -> list[dict[str, Any]]:
        since, until = _asked(request, "since"), _asked(request, "until")
        entries = [
            (at, entry)
            for case in self._seen()
            for at, entry in self._entries(case, request)
            if self._between(since, at, until) and self.keeps_logs
        ]
        entries.sort(key=lambda each: (each[0], each[1]["id"]), reverse=True)
        return [entry for _, entry in entries]

    def _log_of(self, request: Request) -> list[dict[str, Any]]:
        entries = self._entries(self.cases[request.match["id"]], request) * self.keeps_logs
        return [entry for _, entry in reversed(entries)]

    def _services(self, request: Request) -> list[dict[str, Any]]:
        return [{"id": key, "type": "service", "name": n} for key, n in self.services.items()]

    def _maintenance(self, request: Request) -> list[dict[str, Any]]:
        services = request.lists.get("service_ids[]")
        return [
            window
            for window in self.windows.values()
            if services is None or any(each["id"] in services for each in window["services"])
        ]

    def _record(self, case: Case, request: Request) -> dict[str, Any]:
        last_at, last = case.changes[-1]
        acknowledgement = {"at": _shown(last_at, request), "acknowledger": {"id": "PUSER01"}}
        return {
            "id": case.id,
            "type": "incident",
            "summary": f"[#{case.number}] {case.title}",
            "incident_number": case.number,
            "title": case.title,
            "created_at": _shown(case.created_at, request),
            "status": case.status,
            "service": self._service(case.service),
            "priority": case.priority
            and {
                "id": f"PR{case.priority}",
                "type": "priority_reference",
                "summary": case.priority,
            },
            "urgency": "high",
            "acknowledgements": [acknowledgement] if last == "acknowledge" else [],
            "resolved_at": _shown(last_at, request) if last == "resolve" else None,
            "last_status_change_at": _shown(last_at, request),
            "resolve_reason": {"type": "merge_resolve_reason", "incident": {"id": "PINTO01"}}
            if case.merged
            else None,
            **case.odd,
        }

    def _entries(self, case: Case, request: Request) -> list[tuple[dt.datetime, dict[str, Any]]]:
        about = {"id": case.id, "type": "incident_reference", "summary": case.title}
        if self.embeds != "nothing" and request.query.get("include[]") == "incidents":
            about = self._record(case, request)
            if self.embeds == "but the priority":
                del about["priority"]
        is_overview = request.query.get("is_overview") == "true"
        return [
            (
                at,
                {
                    "id": f"R{case.number:05}{place:05}",
                    "type": self.reopened_as if kind == "reopen" else f"{kind}_log_entry",
                    "created_at": _shown(at, request),
                    "agent": {"id": "PUSER01", "type": "user_reference"},
                    "channel": {"type": "api"},
                    "incident": about,
                },
            )
            for place, (at, kind) in enumerate(case.events)
            if not (is_overview and kind in ("notify", "annotate", "priority_change"))
        ]

    def _service(self, service_id: str) -> dict[str, Any]:
        name = self.services[service_id]
        return {"id": service_id, "type": "service_reference", "summary": name}


def _existing(account: Account, handler: Handler) -> Handler:
    """A log is only that of an incident that there is."""

    def checked(request: Request) -> Answer:
        incident_id = request.match.get("id")
        if incident_id in account.gone or incident_id not in {None, *account.cases}:
            return _refused(404, 5001, "Incident Not Found")
        return handler(request)

    return checked


def _episodes(case: Case) -> list[tuple[dt.datetime, dt.datetime | None]]:
    found: list[tuple[dt.datetime, dt.datetime | None]] = []
    for at, kind in case.events:
        is_open = bool(found) and found[-1][1] is None
        if kind == "resolve" and is_open:
            found[-1] = (found[-1][0], at)
        elif kind in ("trigger", "reopen") and not is_open:
            found.append((at, None))
    return found


def _range(request: Request) -> Answer | None:
    if "since" not in request.query or "until" not in request.query:
        return None
    if _asked(request, "until") - _asked(request, "since") > _HALF_A_YEAR:
        return _refused(400, 2005, "Invalid Query Date Range")
    return None


def _asked(request: Request, name: str) -> dt.datetime:
    """A time as PagerDuty reads it: without an offset it is in the zone of the account."""
    time = dt.datetime.fromisoformat(request.query[name])
    aware = time if time.tzinfo else time.replace(tzinfo=_ZONE)
    return aware.astimezone(dt.UTC).replace(tzinfo=None)


def _shown(time: dt.datetime, request: Request) -> str:
    zone = ZoneInfo(request.query.get("time_zone", _ZONE.key))
    return time.replace(tzinfo=dt.UTC).astimezone(zone).isoformat().replace("+00:00", "Z")


def _refused(status: int, code: int, message: str) -> Answer:
    return data({"error": {"message": message, "code": code}}, status)
