"""Plays a Jira Cloud site: issues that go through their workflow, and how Jira shows them."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.peer import Answer, Clock, Peer, Request, data

START = dt.datetime(2026, 3, 2, 9)
CREDENTIAL = "Basic " + base64.b64encode(b"reader@example.com:t0ken").decode()
# Shapes as in Atlassian's OpenAPI description of the Jira Cloud REST API, version 3.
STATUSES = {
    "1": ("Open", "new"),
    "3": ("In Progress", "indeterminate"),
    "5": ("Resolved", "done"),
    "6": ("Closed", "done"),
}
SEVERITY = "customfield_10050"
FIELDS = [
    {"id": "summary", "name": "Summary", "custom": False},
    {"id": "priority", "name": "Priority", "custom": False},
    {"id": "components", "name": "Components", "custom": False},
    {"id": SEVERITY, "name": "Severity (ops.)", "custom": True},
    {"id": "customfield_10060", "name": "Impact", "custom": True},
    {"id": "customfield_10061", "name": "Impact", "custom": True},
    {"id": "customfield_10070", "name": "Team", "custom": True, "scope": {"type": "PROJECT"}},
    {"id": "customfield_10071", "name": "Team", "custom": True, "scope": {"type": "PROJECT"}},
]
# As a site shows times to an account in Los Angeles: the offset without its colon.
_ZONE = dt.timezone(dt.timedelta(hours=-8))
_EPOCH = dt.datetime(1970, 1, 1)
_MILLISECOND = dt.timedelta(milliseconds=1)


def text(time: dt.datetime) -> str:
    """A moment (naive UTC) as issues show it."""
    local = time.replace(tzinfo=dt.UTC).astimezone(_ZONE)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03}-0800"


def milliseconds(time: dt.datetime) -> int:
    """A moment (naive UTC) as changelogs show it."""
    return (time - _EPOCH) // _MILLISECOND


@dataclass
class Issue:
    """An issue as it is now, what it went through, and what search knew of it at which time."""

    id: str
    key: str
    fields: dict[str, Any]
    updated: dt.datetime
    status: str = "1"
    kind: str = "Incident"
    changes: list[dict[str, Any]] = field(default_factory=list)
    # What is true of it: when it was open, and when somebody first worked on it.
    episodes: list[tuple[dt.datetime, dt.datetime | None]] = field(default_factory=list)
    acknowledged: dt.datetime | None = None
    snapshots: list[tuple[dt.datetime, dict[str, Any]]] = field(default_factory=list)

    @property
    def created(self) -> dt.datetime:
        """When it was created."""
        return self.episodes[0][0]


class Site:
    """A site at `now`, whose search shows changes only after `lag`.

    Without a valid credential a search finds nothing and succeeds, as at Jira.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.now = START
        self.lag = dt.timedelta(0)
        self.issues: dict[str, Issue] = {}
        self.projects = ["OPS", "SHOP"]
        self.statuses = dict(STATUSES)
        self.fields = list(FIELDS)
        self.is_valid = True
        self.most = 100
        self.changes_a_page = 100
        # Some sites leave `isLast` out of a search.
        self.says_last = True
        self.epoch: Callable[[dt.datetime], Any] = milliseconds
        self._next = 10001
        self.peer = Peer(clock)
        routes: list[tuple[str, str, Callable[[Request], Answer]]] = [
            ("GET", "myself", self._myself),
            ("GET", "field", lambda request: data(self.fields)),
            ("GET", "status", self._statuses),
            ("GET", "project/search", self._projects),
            ("POST", "search/jql", self._search),
            ("POST", "search/approximate-count", self._count),
            ("POST", "changelog/bulkfetch", self._changelogs),
        ]
        for method, path, handler in routes:
            self.peer.route(f"/rest/api/3/{path}", handler, method)

    # --- what people do ---------------------------------------------------------------------

    def create(self, project: str = "OPS", kind: str = "Incident", **fields: Any) -> Issue:
        """A new issue, open."""
        number = str(self._next)
        self._next += 1
        whole = {"summary": f"Incident {number}", "priority": {"name": "High"}, "components": []}
        whole |= {"resolutiondate": None, "statuscategorychangedate": text(self.now), **fields}
        issue = Issue(number, f"{project}-{number}", whole, self.now, kind=kind)
        issue.episodes.append((self.now, None))
        self.issues[number] = issue
        self._note(issue)
        return issue

    def move_to(self, issue: Issue, status: str) -> None:
        """A transition of the workflow, with the resolution that belongs to it."""
        category, before = self.statuses[status][1], self.statuses[issue.status][1]
        items = [{"field": "status", "fieldId": "status", "from": issue.status, "to": status}]
        if (category == "done") != (before == "done"):
            is_done = category == "done"
            issue.fields["resolutiondate"] = text(self.now) if is_done else None
            items.append(
                {"field": "resolution", "fieldId": "resolution", "to": "10000" if is_done else None}
            )
            if is_done:
                issue.episodes[-1] = (issue.episodes[-1][0], self.now)
            else:
                issue.episodes.append((self.now, None))
        if category == "indeterminate" and issue.acknowledged is None:
            issue.acknowledged = self.now
        if category != before:
            issue.fields["statuscategorychangedate"] = text(self.now)
        issue.status = status
        history = {"id": str(len(issue.changes) + int(issue.id) * 1000), "items": items}
        issue.changes.append({**history, "created": self.now})
        self._note(issue)

    def edit(self, issue: Issue, **fields: Any) -> None:
        """Other fields of an issue."""
        issue.fields |= fields
        self._note(issue)

    def retype(self, issue: Issue, kind: str, project: str | None = None) -> None:
        """Another type, or another project, with a key of its own there."""
        issue.kind = kind
        if project is not None:
            issue.key = f"{project}-{issue.id}"
        self._note(issue)

    def delete(self, issue: Issue) -> None:
        """An issue that is gone for good."""
        del self.issues[issue.id]

    def wait(self, **time: float) -> None:
        """Some time goes by."""
        self.now += dt.timedelta(**time)

    # --- how Jira shows it ------------------------------------------------------------------

    def _note(self, issue: Issue) -> None:
        issue.updated = self.now
        name, category = self.statuses[issue.status]
        issue.snapshots.append(
            (
                self.now,
                {
                    "id": issue.id,
                    "key": issue.key,
                    "kind": issue.kind,
                    "at": milliseconds(self.now),
                    "made": milliseconds(issue.created),
                    "fields": {
                        **issue.fields,
                        "created": text(issue.created),
                        "updated": text(self.now),
                        "status": {
                            "id": issue.status,
                            "name": name,
                            "statusCategory": {"key": category},
                        },
                    },
                },
            )
        )

    def _shown(self) -> list[dict[str, Any]]:
        """What search knows by now."""
        seen = [
            [record for at, record in issue.snapshots if at <= self.now - self.lag][-1:]
            for issue in list(self.issues.values())
        ]
        return [record for records in seen for record in records]

    def _found(self, jql: str) -> list[dict[str, Any]]:
        """What a JQL of ours finds; raises ValueError for another one, in Jira's words."""
        asked, _, order = jql.partition(" ORDER BY ")
        kind = re.search(r"issuetype = (\w+)", asked)
        if kind is None or kind[1] not in ("Incident", "Task"):
            raise ValueError(f"The value '{kind and kind[1]}' does not exist for 'issuetype'.")
        named = re.search(r"project IN \((.*?)\)", asked)
        projects = re.findall(r'"((?:[^"\\]|\\.)*)"', named[1]) if named else self.projects
        for name in projects:
            if name not in self.projects:
                raise ValueError(f"The value '{name}' does not exist for the field 'project'.")
        bounds = {
            f"{name}{sign}": int(number)
            for name, sign, number in re.findall(r"(created|updated) ([<>])= (\d+)", asked)
        }
        found = [
            record
            for record in self._shown()
            if record["kind"] == kind[1]
            and record["key"].split("-")[0] in projects
            and record["made"] >= bounds.get("created>", 0)
            and bounds.get("updated>", 0) <= record["at"] <= bounds.get("updated<", 2**60)
        ]
        name = "made" if order.startswith("created") else "at"
        reverse = " DESC" in order
        return sorted(found, key=lambda r: (r[name], int(r["id"])), reverse=reverse)

    def _search(self, request: Request) -> Answer:
        if not self._is_known(request):
            reason = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
            return data({"issues": [], "isLast": True}, headers=reason)
        asked = request.json
        try:
            found = self._found(asked["jql"])
        except ValueError as error:
            return data({"errorMessages": [str(error)], "errors": {}}, 400)
        if asked.get("nextPageToken"):
            # A token holds the place in the order, not how many came before.
            name, *place = json.loads(base64.b64decode(asked["nextPageToken"]))
            found = [r for r in found if [r[name], int(r["id"])] > place]
        size = min(asked.get("maxResults", 50), self.most)
        answer: dict[str, Any] = {
            "issues": [_cut(record, asked.get("fields", [])) for record in found[:size]],
        }
        if self.says_last:
            answer["isLast"] = len(found) <= size
        if len(found) > size:
            last = found[size - 1]
            name = "made" if "ORDER BY created" in asked["jql"] else "at"
            token = json.dumps([name, last[name], int(last["id"])])
            answer["nextPageToken"] = base64.b64encode(token.encode()).decode()
        return data(answer)

    def _count(self, request: Request) -> Answer:
        return data({"count": len(self._found(request.json["jql"]))})

    def _changelogs(self, request: Request) -> Answer:
        if not self._is_known(request):
            return data({"issueChangeLogs": []})
        asked = request.json
        logged = [
            (change["created"], int(issue_id), change)
            for issue_id in asked["issueIdsOrKeys"]
            if issue_id in self.issues
            for change in self.issues[issue_id].changes
        ]
        logged.sort(key=lambda each: each[:2])
        start = int(asked.get("nextPageToken") or 0)
        size = min(asked["maxResults"], self.changes_a_page)
        logs: dict[int, dict[str, Any]] = {}
        for at, issue_id, change in logged[start : start + size]:
            log = logs.setdefault(issue_id, {"issueId": str(issue_id), "changeHistories": []})
            log["changeHistories"].append({**change, "created": self.epoch(at)})
        is_last = start + size >= len(logged)
        token = None if is_last else str(start + size)
        return data({"issueChangeLogs": list(logs.values()), "nextPageToken": token})

    def _myself(self, request: Request) -> Answer:
        if not self._is_known(request):
            said = "Client must be authenticated to access this resource."
            return data({"message": said, "status-code": 401}, 401)
        return data({"accountId": "5b10a2844c20165700ede21g", "accountType": "app"})

    def _statuses(self, request: Request) -> Answer:
        return data(
            [
                {"id": number, "name": name, "statusCategory": {"key": category}}
                for number, (name, category) in self.statuses.items()
            ]
        )

    def _projects(self, request: Request) -> Answer:
        start = int(request.query["startAt"])
        known = [
            {"id": str(n), "key": key, "name": f"Project {key}"}
            for n, key in enumerate(self.projects, start=10000)
        ]
        return data({"values": known[start : start + 1], "isLast": start + 1 >= len(known)})

    def _is_known(self, request: Request) -> bool:
        return self.is_valid and request.headers.get("Authorization") == CREDENTIAL


def _cut(record: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """An issue with the fields that were asked for; without any only its id, as Jira does."""
    if not fields or fields == ["id"]:
        return {"id": record["id"]}
    shown = {name: record["fields"].get(name) for name in fields}
    return {"id": record["id"], "key": record["key"], "fields": shown}
