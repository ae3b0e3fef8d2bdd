"""Plays GitHub: repositories with a history, that a test changes while they are asked about."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.connectors import github_shapes as shapes
from tests.connectors.github_shapes import Record, stamp
from tests.peer import Answer, Clock, Peer, Request, data
from tests.peer_lists import Records, next_link

TOKEN = "ghp_secret"
_RUNS_SHOWN = 1_000


@dataclass(frozen=True)
class Turn:
    """What the truth knows of an issue: from `at` on it was open, or was not."""

    at: dt.datetime
    is_open: bool


class Repository:
    """A repository and all that was done in it."""

    def __init__(self, name: str, numbers: Iterator[int], *, has_issues: bool = True) -> None:
        self.name = name
        self.has_issues = has_issues
        self.commits: dict[str, Record] = {}
        self.deployments = Records()
        self.statuses = Records()
        self.pulls = Records(key="number")
        self.issues = Records(key="number")
        self.turns: dict[int, list[Turn]] = {}
        self.moved: dict[int, str] = {}
        self.runs = Records()
        self.attempts: dict[tuple[int, int], Record] = {}
        self.jobs: dict[tuple[int, int], list[Record]] = {}
        self.workflows: list[Record] = []
        self.references: dict[str, Record] = {}
        self.tags: dict[str, Record] = {}
        self.labels = ["incident", "outage", "sev1"]
        self._numbers = numbers

    def commit(
        self, *parents: str, at: dt.datetime, message: str = "", author: str | None = "dev"
    ) -> str:
        """A new commit on top of others."""
        sha = shapes.sha_of(f"{self.name} {next(self._numbers)}")
        text = message or f"Change {sha[:6]}"
        self.commits[sha] = shapes.commit(self.name, sha, parents, text, at, author)
        return sha

    def contained(self, *heads: str) -> set[str]:
        """These commits and all before them."""
        found: set[str] = set()
        waiting = list(heads)
        while waiting:
            sha = waiting.pop()
            if sha not in found and sha in self.commits:
                found.add(sha)
                waiting += [each["sha"] for each in self.commits[sha]["parents"]]
        return found

    def deploy(
        self,
        sha: str,
        at: dt.datetime,
        *reported: tuple[str, dt.datetime],
        environment: str = "production",
        ref: str = "main",
    ) -> int:
        """A deployment with its statuses, in the order of their times."""
        number = next(self._numbers)
        self.deployments.put(shapes.deployment(self.name, number, sha, environment, at, ref))
        for state, when in reported:
            self.report(number, state, when)
        return number

    def deployed(self, sha: str, at: dt.datetime, **more: Any) -> int:
        """A deployment that succeeded a minute after it began."""
        return self.deploy(sha, at, ("success", at + dt.timedelta(minutes=1)), **more)

    def report(
        self, number: int, state: str, at: dt.datetime, environment: str | None = None
    ) -> None:
        """A status of a deployment, which may name another environment."""
        (of,) = self.deployments.all(where=lambda each: each["id"] == number)
        where = environment or of["environment"]
        name = next(self._numbers)
        self.statuses.put(shapes.status(self.name, name, number, state, at, where))
        self.deployments.change(number, environment=where, updated_at=stamp(at))

    def merged(
        self, sha: str | None, at: dt.datetime | None, updated_at: dt.datetime | None = None
    ) -> int:
        """A request that was merged as this commit, or closed without being merged."""
        number = next(self._numbers)
        self.pulls.put(
            shapes.pull_request(
                self.name,
                number,
                updated_at=updated_at or at or dt.datetime(2026, 1, 1),
                merged_at=at,
                merge_commit_sha=sha,
            )
        )
        return number

    def open(self, at: dt.datetime, *labels: str, **more: Any) -> int:
        """An issue."""
        number = next(self._numbers)
        self.issues.put(shapes.issue(self.name, number, at=at, labels=labels, **more))
        self.turns[number] = [Turn(at, True)]
        return number

    def close(self, number: int, at: dt.datetime, reason: str | None = "completed") -> None:
        self.turns[number].append(Turn(at, False))
        self.issues.change(
            number,
            state="closed",
            state_reason=reason,
            closed_at=stamp(at),
            updated_at=stamp(at),
        )

    def reopen(self, number: int, at: dt.datetime) -> None:
        self.turns[number].append(Turn(at, True))
        self.issues.change(
            number, state="open", state_reason="reopened", closed_at=None, updated_at=stamp(at)
        )

    def relabel(self, number: int, at: dt.datetime, *labels: str) -> None:
        found = [shapes.label(self.name, name) for name in labels]
        self.issues.change(number, labels=found, updated_at=stamp(at))

    def workflow(self, name: str, path: str) -> int:
        number = next(self._numbers)
        self.workflows.append(shapes.workflow(self.name, number, name, path))
        return number

    def run(self, of: int, sha: str, at: dt.datetime, **more: Any) -> int:
        """A run of a workflow that succeeded in a minute, or as `more` says."""
        number = next(self._numbers)
        fields = {"status": "completed", "conclusion": "success", **more}
        fields.setdefault("updated_at", at + dt.timedelta(minutes=1))
        self.runs.put(shapes.run(self.name, number, of, sha, at=at, **fields))
        self._keep_jobs(number)
        return number

    def try_again(self, number: int, **fields: Any) -> None:
        """A further attempt of a run, which keeps its number."""
        (before,) = self.runs.all(where=lambda each: each["id"] == number)
        self.attempts[number, before["run_attempt"]] = before
        self.runs.change(number, run_attempt=before["run_attempt"] + 1, **fields)
        self._keep_jobs(number)

    def _keep_jobs(self, number: int) -> None:
        """The jobs of a run's last attempt, of which the last one ended with it."""
        (of,) = self.runs.all(where=lambda each: each["id"] == number)
        ended = of["updated_at"] if of["status"] == "completed" else None
        self.jobs[number, of["run_attempt"]] = [
            shapes.job(self.name, of, place, at)
            for place, at in enumerate((of["created_at"], ended), start=1)
        ]

    def tag(self, name: str, sha: str, at: dt.datetime | None = None) -> None:
        """A tag with a date of its own, or without one a mere name for a commit."""
        kind = "commit" if sha in self.commits else "blob"
        if sha in self.tags:
            kind = "tag"
        target = shapes.git_reference(self.name, name, kind, sha)["object"]
        if at is not None:
            inner = target
            sha, kind = shapes.sha_of(f"tag {name} {at} {sha}"), "tag"
            self.tags[sha] = shapes.git_tag(self.name, sha, name, inner, at)
        self.references[name] = shapes.git_reference(self.name, name, kind, sha)


class World:
    """A GitHub with some repositories; `prefix` is where its interface begins."""

    def __init__(self, *names: str, clock: Clock | None = None, prefix: str = "") -> None:
        self._numbers = itertools.count(1)
        self._prefix = prefix
        self.repositories = {name.lower(): Repository(name, self._numbers) for name in names}
        self.login: str | None = "reporter"
        self.limits_are_on = True
        self.peer = Peer(clock)
        self.peer.credential = ("Authorization", f"Bearer {TOKEN}")
        self._route_lists()
        self._route_single()

    def __getitem__(self, name: str) -> Repository:
        return self.repositories[name.lower()]

    def add(self, name: str, **more: Any) -> Repository:
        """One more repository."""
        self.repositories[name.lower()] = Repository(name, self._numbers, **more)
        return self[name]

    def _route(self, pattern: str, answer: Callable[[Repository, Request], Answer]) -> None:
        def handler(request: Request) -> Answer:
            name = f"{request.match['owner']}/{request.match['repo']}".lower()
            found = self.repositories.get(name)
            return not_found() if found is None else answer(found, request)

        self.peer.route(f"{self._prefix}/repos/{{owner}}/{{repo}}{pattern}", handler)

    def _route_lists(self) -> None:
        route = self._route
        route(
            "/deployments",
            lambda at, asked: page(asked, at.deployments.all("id", newest_first=True)),
        )
        route("/deployments/{number}/statuses", _statuses)
        route("/pulls", _pulls)
        route("/issues", _issues)
        route("/issues/{number}/events", _events)
        route(
            "/labels",
            lambda at, asked: page(asked, [shapes.label(at.name, each) for each in at.labels]),
        )
        route("/commits", lambda at, asked: page(asked, list(at.commits.values())[::-1]))
        route("/compare/{basehead}", _comparison)
        route(
            "/actions/workflows",
            lambda at, asked: page(asked, at.workflows, "workflows", total_count=len(at.workflows)),
        )
        route("/actions/workflows/{workflow}/runs", _runs)
        route("/git/matching-refs/tags/", _references)
        route("/actions/runs/{number}/attempts/{attempt}/jobs", _jobs)
        self.peer.route(f"{self._prefix}/orgs/{{owner}}/repos", self._owned)

    def _route_single(self) -> None:
        route = self._route
        route("", lambda at, asked: data(shapes.repository(at.name, has_issues=at.has_issues)))
        route("/issues/{number}", _issue)
        route("/commits/{sha}", lambda at, asked: _found(at.commits.get(asked.match["sha"]), 422))
        route("/git/tags/{sha}", lambda at, asked: _found(at.tags.get(asked.match["sha"])))
        route("/git/commits/{sha}", _git_commit)
        route("/actions/runs/{number}", lambda at, asked: _found(_run(at, asked)))
        route("/actions/runs/{number}/attempts/{attempt}", _attempt)
        self.peer.route(f"{self._prefix}/rate_limit", self._limit)
        self.peer.route(f"{self._prefix}/user", self._user)

    def _owned(self, request: Request) -> Answer:
        owner = request.match["owner"].lower()
        found = [each for key, each in self.repositories.items() if key.startswith(f"{owner}/")]
        if not found:
            return not_found()
        return page(
            request, [shapes.repository(each.name, has_issues=each.has_issues) for each in found]
        )

    def _limit(self, request: Request) -> Answer:
        if not self.limits_are_on:
            return data(shapes.refusal("Rate limiting is not enabled.", 404), 404)
        return data(shapes.rate_limit(5000, 4987, 1_800_000_000))

    def _user(self, request: Request) -> Answer:
        if self.login is None:
            return refused("Resource not accessible by integration")
        return data(shapes.account(self.login))


def page(request: Request, found: list[Record], wrap: str = "", **fields: Any) -> Answer:
    """A page of a list with a Link to the next one, as GitHub gives it."""
    number, size = (
        int(request.query.get("page", 1)),
        min(int(request.query.get("per_page", 30)), 100),
    )
    shown = found[(number - 1) * size : number * size]
    link = next_link(request, {"page": number + 1}) if number * size < len(found) else {}
    return data({**fields, wrap: shown} if wrap else shown, headers=link)


def not_found(message: str = "Not Found") -> Answer:
    return data(shapes.refusal(message, 404), 404)


def refused(message: str = "Resource not accessible by personal access token") -> Answer:
    """What GitHub says to a token that lacks a permission."""
    return data(shapes.refusal(message, 403), 403, {"x-ratelimit-remaining": "4990"})


def _found(record: Record | None, otherwise: int = 404) -> Answer:
    if record is not None:
        return data(record)
    return data(shapes.refusal("No commit found", otherwise), otherwise)


def _statuses(at: Repository, request: Request) -> Answer:
    number = int(request.match["number"])
    if not at.deployments.all(where=lambda each: each["id"] == number):
        return not_found()
    ending = f"/deployments/{number}"
    found = at.statuses.all(
        "created_at",
        "id",
        newest_first=True,
        where=lambda each: each["deployment_url"].endswith(ending),
    )
    return page(request, found)


def _pulls(at: Repository, request: Request) -> Answer:
    order = {"updated": "updated_at"}.get(request.query.get("sort", ""), "created_at")
    newest_first = request.query.get("direction", "desc") == "desc"
    wanted = request.query.get("state", "open")
    return page(
        request,
        at.pulls.all(
            order, "number", newest_first=newest_first, where=lambda each: each["state"] == wanted
        ),
    )


def _issues(at: Repository, request: Request) -> Answer:
    if not at.has_issues:
        return data(shapes.refusal("Issues are disabled for this repo", 410), 410)
    asked = request.query
    wanted = {name.casefold() for name in asked.get("labels", "").split(",") if name}

    def is_asked_for(issue: Record) -> bool:
        names = {each["name"].casefold() for each in issue["labels"]}
        return (
            asked.get("state", "open") in ("all", issue["state"])
            and wanted <= names
            and issue["updated_at"] >= asked.get("since", "")
        )

    order = {"updated": "updated_at"}.get(asked.get("sort", ""), "created_at")
    is_down = asked.get("direction", "desc") == "desc"
    return page(request, at.issues.all(order, "number", newest_first=is_down, where=is_asked_for))


def _issue(at: Repository, request: Request) -> Answer:
    number = int(request.match["number"])
    if number in at.moved:
        there = f"http://{request.host}{at.moved[number]}"
        return Answer(b"{}", 301, {"Location": there})
    found = at.issues.all(where=lambda each: each["number"] == number)
    if not found:
        return data(shapes.refusal("This issue was deleted", 410), 410)
    return data(found[0])


def _events(at: Repository, request: Request) -> Answer:
    number = int(request.match["number"])
    if number in at.moved or not at.issues.all(where=lambda each: each["number"] == number):
        return data(shapes.refusal("This issue was deleted", 410), 410)
    labelled = shapes.event(
        at.name, 1, "labeled", at.turns[number][0].at, label={"name": "incident", "color": "d73a4a"}
    )
    turns = [
        shapes.event(
            at.name,
            number * 1000 + place,
            "reopened" if turn.is_open else "closed",
            turn.at,
            state_reason=None,
        )
        for place, turn in enumerate(at.turns[number][1:])
    ]
    return page(request, [labelled, *turns])


def _comparison(at: Repository, request: Request) -> Answer:
    base, _, head = request.match["basehead"].partition("...")
    if base not in at.commits or head not in at.commits:
        return not_found()
    before, after = at.contained(base), at.contained(head)
    common = before & after
    if not common:
        return not_found(f"No common ancestor between {base} and {head}.")
    fresh = [sha for sha in at.commits if sha in after - before]
    whole = shapes.comparison(
        at.name,
        at.commits[base],
        at.commits[head],
        at.commits[[sha for sha in at.commits if sha in common][-1]],
        len(fresh),
        len(before - after),
    )
    return page(request, [at.commits[sha] for sha in fresh], "commits", **whole)


def _runs(at: Repository, request: Request) -> Answer:
    begin, _, end = request.query["created"].partition("..")
    workflow = int(request.match["workflow"])
    found = at.runs.all(
        "created_at",
        "id",
        newest_first=True,
        where=lambda each: each["workflow_id"] == workflow and begin <= each["created_at"] <= end,
    )
    return page(request, found[:_RUNS_SHOWN], "workflow_runs", total_count=len(found))


def _run(at: Repository, request: Request) -> Record | None:
    number = int(request.match["number"])
    return next(iter(at.runs.all(where=lambda each: each["id"] == number)), None)


def _attempt(at: Repository, request: Request) -> Answer:
    place = int(request.match["number"]), int(request.match["attempt"])
    return _found(at.attempts.get(place))


def _jobs(at: Repository, request: Request) -> Answer:
    found = at.jobs[int(request.match["number"]), int(request.match["attempt"])]
    return page(request, found, "jobs", total_count=len(found))


def _references(at: Repository, request: Request) -> Answer:
    if not at.commits:
        return data(shapes.refusal("Git Repository is empty.", 409), 409)
    return page(request, [at.references[name] for name in sorted(at.references)])


def _git_commit(at: Repository, request: Request) -> Answer:
    found = at.commits.get(request.match["sha"])
    return _found(found and shapes.git_commit(found))
