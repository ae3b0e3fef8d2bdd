"""A GitLab that is played: projects, deployments, merge requests, issues, DORA figures."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace
from typing import Any

from tests import peer_lists
from tests.peer import Answer, Clock, Handler, Peer, Request, Server, data
from tests.peer_lists import Records

BEGIN = dt.datetime(2026, 1, 1)
NUMBER = 7
PATH = "group/shop"


def hour(number: float) -> dt.datetime:
    """So many hours after 2026 began."""
    return BEGIN + dt.timedelta(hours=number)


def told(time: dt.datetime) -> str:
    """A time as GitLab writes most of them."""
    return f"{time.isoformat(timespec='milliseconds')}Z"


def options(server: Server, **more: Any) -> dict[str, Any]:
    """The keys of an entry of `sources.yaml` for the GitLab that runs there."""
    usual = {"url": server.url, "token": "s3cret", "projects": PATH, "start": "2026-01-01"}
    return {**usual, **more}


class GitLab:
    """One project whose records have the shapes of doc/api/deployments.md, merge_requests.md and
    environments.md in GitLab's own repository; so have issues.md and resource_state_events.md.
    """

    def __init__(self, clock: Clock) -> None:
        self.peer = Peer(clock)
        self.peer.credential = ("PRIVATE-TOKEN", "s3cret")
        self.projects = {NUMBER: PATH}
        self.environments = Records([self._environment(1, "production", "production")])
        self.deployments = Records()
        self.merge_requests: dict[int, dict[str, Any]] = {}
        self.commits: dict[int, list[dict[str, Any]]] = {}
        self.shipped: dict[int, list[int]] = {}
        self.issues = Records()
        self.events: dict[int, list[dict[str, Any]]] = {}
        self.hidden: set[int] = set()
        self.scopes = ["read_api"]
        self.dora: dict[str, list[dict[str, Any]]] | None = None
        self._route()

    def deploy(
        self,
        at: float,
        *requests: int,
        status: str = "success",
        environment: str = "production",
        project: int = NUMBER,
        changed: float | None = None,
        **fields: Any,
    ) -> int:
        """A deployment that ended at this hour and shipped these merge requests; its id."""
        number = 100 + len(self.deployments.all())
        found = self.environments.all("id", where=lambda each: each["name"] == environment)
        if not found:
            tier = "development"
            found = [self._environment(len(self.environments.all()) + 1, environment, tier)]
            self.environments.put(found[0])
        shown = {key: found[0][key] for key in ("id", "name", "external_url")}
        self.deployments.put(
            {
                "id": number,
                "iid": number - 99,
                "ref": "main",
                "sha": f"{number:040x}",
                "created_at": told(hour(at - 0.5)),
                "updated_at": told(hour(at if changed is None else changed)),
                "status": status,
                "user": {"id": 1, "username": "root"},
                "environment": shown,
                "deployable": {
                    "id": 657,
                    "status": "success",
                    "tag": False,
                    "finished_at": told(hour(at)) if status != "running" else None,
                },
                "project": project,
                **fields,
            }
        )
        self.shipped[number] = list(requests)
        return number

    def merge(self, *committed: str, merged: float = 1, **fields: Any) -> int:
        """A merge request with commits of these times; its number in the project."""
        number = len(self.merge_requests) + 1
        self.merge_requests[number] = {
            "id": 1000 + number,
            "iid": number,
            "project_id": NUMBER,
            "title": f"Change {number}",
            "state": "merged",
            "merged_at": told(hour(merged)),
            "author": {"id": 2, "username": "dev"},
            "sha": f"head{number}",
            "merge_commit_sha": f"merge{number}",
            "squash_commit_sha": None,
            **fields,
        }
        self.commits[number] = [
            {"id": f"c{place}", "authored_date": time, "committed_date": time, "created_at": time}
            for place, time in enumerate(committed)
        ]
        return number

    def open_issue(self, at: float, *labels: str, project: int = NUMBER, **fields: Any) -> int:
        """An issue that was opened at this hour, by default of the type incident; its id."""
        number = 500 + len(self.events)
        self.issues.put(
            {
                "id": number,
                "iid": number - 499,
                "project_id": project,
                "title": f"Outage {number - 499}",
                "state": "opened",
                "created_at": told(hour(at)),
                "updated_at": told(hour(at)),
                "closed_at": None,
                "labels": list(labels),
                "moved_to_id": None,
                "confidential": False,
                "issue_type": "incident",
                "severity": "UNKNOWN",
                **fields,
            }
        )
        self.events[number] = []
        return number

    def turn(self, issue: int, at: float, state: str) -> None:
        """An issue is `closed` or `reopened` at this hour."""
        time = told(hour(at))
        event = {"id": 1 + sum(map(len, self.events.values())), "created_at": time, "state": state}
        self.events[issue].append({**event, "resource_type": "Issue", "resource_id": issue})
        closed = time if state == "closed" else None
        now = "closed" if closed else "opened"
        self.issues.change(issue, state=now, closed_at=closed, updated_at=time)

    def asked(self, server: Any, end: str) -> int:
        """How often a path with this end was asked for."""
        return sum(request.path.partition("?")[0].endswith(end) for request in server.asked)

    def _environment(self, number: int, name: str, tier: str) -> dict[str, Any]:
        return {"id": number, "name": name, "external_url": None, "tier": tier}

    def _route(self) -> None:
        numbers = itertools.count(1)

        def route(pattern: str, handler: Handler) -> None:
            """Answers with a number of its own, as each of GitLab's has one."""

            def numbered(request: Request) -> Answer:
                given = handler(request)
                number = f"01KJ{next(numbers):022}"
                return replace(given, headers={**given.headers, "X-Request-Id": number})

            self.peer.route(pattern, numbered)

        route("/personal_access_tokens/self", lambda _: data(self._token()))
        route("/projects", lambda _: data([{"path_with_namespace": PATH}]))
        route("/projects/{id}", self._project)
        route("/projects/{id}/environments", peer_lists.numbered(self._environments, link=True))
        route("/projects/{id}/deployments", self._deployments)
        route(
            "/projects/{id}/deployments/{n}/merge_requests",
            peer_lists.numbered(self._shipped, link=True),
        )
        route(
            "/projects/{id}/merge_requests/{n}/commits",
            peer_lists.numbered(lambda r: self.commits[int(r.match["n"])], link=True),
        )
        route("/projects/{id}/issues", peer_lists.numbered(self._issues, link=True))
        route("/projects/{id}/issues/{n}", self._issue)
        route(
            "/projects/{id}/issues/{n}/resource_state_events",
            lambda request: (
                peer_lists.numbered(lambda _: self.events[found["id"]], link=True)(request)
                if (found := self._found(request))
                else data({"message": "404 Issue Not Found"}, 404)
            ),
        )
        route("/projects/{id}/dora/metrics", self._figures)

    def _token(self) -> dict[str, Any]:
        return {"id": 3, "scopes": self.scopes, "active": True, "expires_at": "2027-01-01"}

    def _project(self, request: Request) -> Answer:
        for number, path in self.projects.items():
            if request.match["id"] in (str(number), path):
                return data({"id": number, "path_with_namespace": path})
        return data({"message": "404 Project Not Found"}, 404)

    def _environments(self, request: Request) -> list[dict[str, Any]]:
        return self.environments.all("id")

    def _deployments(self, request: Request) -> Answer:
        query = request.query
        if "updated_after" in query and query.get("order_by") != "updated_at":
            message = "400 Bad request - `updated_at` filter requires `updated_at` sort"
            return data({"message": message}, 400)
        return peer_lists.numbered(self._chosen, link=True)(request)

    def _chosen(self, request: Request) -> list[dict[str, Any]]:
        after = request.query.get("updated_after", "")
        return self.deployments.all(
            "updated_at",
            "id",
            newest_first=request.query.get("sort") == "desc",
            where=lambda each: (
                each["project"] == int(request.match["id"]) and each["updated_at"] >= after
            ),
        )

    def _issues(self, request: Request) -> list[dict[str, Any]]:
        """Those with all labels that are asked for, as far as the user may see them."""
        query = request.query
        labels = set(filter(None, query.get("labels", "").split(",")))
        assert query["order_by"] == "updated_at" and query["sort"] == "asc"
        return self.issues.all(
            "updated_at",
            "id",
            where=lambda each: (
                each["project_id"] == int(request.match["id"])
                and each["id"] not in self.hidden
                and each["updated_at"] >= query["updated_after"]
                and query.get("state", each["state"]) == each["state"]
                and query.get("issue_type", each["issue_type"]) == each["issue_type"]
                and labels <= set(each["labels"])
            ),
        )

    def _issue(self, request: Request) -> Answer:
        found = self._found(request)
        return data(found) if found else data({"message": "404 Issue Not Found"}, 404)

    def _found(self, request: Request) -> dict[str, Any] | None:
        found = self.issues.all(
            where=lambda each: (
                each["id"] not in self.hidden
                and each["project_id"] == int(request.match["id"])
                and each["iid"] == int(request.match["n"])
            )
        )
        return next(iter(found), None)

    def _shipped(self, request: Request) -> list[dict[str, Any]]:
        return [self.merge_requests[each] for each in self.shipped[int(request.match["n"])]]

    def _figures(self, request: Request) -> Answer:
        if self.dora is None:
            return data({"message": "You do not have permission to access dora metrics."}, 401)
        query = request.query
        days = dt.date.fromisoformat(query["end_date"]) - dt.date.fromisoformat(query["start_date"])
        if not 0 < days.days <= 91:
            return data({"message": "Date range must be shorter than 91 days."}, 400)
        return data(
            [
                each
                for each in self.dora.get(query["metric"], [])
                if query["start_date"] <= each["date"] <= query["end_date"]
            ]
        )
