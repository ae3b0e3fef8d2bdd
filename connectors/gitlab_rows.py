"""From GitLab's deployments and merge requests to rows of deployments and of changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

from connectors import tables
from connectors.contract import Batch, Column, Mode, Shape
from connectors.gitlab_api import Project, Record, moment
from connectors.told_rows import CHANGES, DEPLOYMENTS

COLUMNS = {
    "deployments": DEPLOYMENTS,
    "changes": CHANGES,
    "gitlab_dora": ("day", "project", "figure", "reported"),
}
UNKNOWN = "unknown"
# https://docs.gitlab.com/api/deployments, and "skipped", which GitLab has too.
_STATUSES = {"created", "running", "success", "failed", "canceled", "skipped", "blocked"}
_USUAL = "(?i)^prod"
_FAILED = {"success": "false", "failed": "true"}
# GitLab gives what deleted users have left to this one.
_GHOST = "ghost"

Row = tuple[str | None, ...]


class Words:
    """What counts as production, and what a service is called.

    Without a pattern of the user's own, which then decides alone, an environment is one of
    production by its usual name or by its tier.
    """

    def __init__(
        self,
        production: str | None,
        source: Literal["project", "environment"],
        names: Mapping[str, str],
    ) -> None:
        self._production = re.compile(production or _USUAL)
        self.heeds_tiers = production is None
        self._source = source
        self._names = names

    def is_production(self, environment: str) -> bool:
        """Whether an environment's name says that it is one of production."""
        return self._production.search(environment) is not None

    def service(self, project: Project, environment: str) -> str:
        """What the service is called that a project deploys to an environment."""
        name = project.path if self._source == "project" else environment
        return self._names.get(name, name)


def environment_of(deployment: Record) -> Mapping[str, Any]:
    """The environment of a deployment; nothing where GitLab does not name it."""
    return deployment.get("environment") or {}


def succeeded_at(deployment: Record) -> str | None:
    """When a deployment succeeded; None for one that has not."""
    return ended_at(deployment) if deployment.get("status") == "success" else None


def ended_at(deployment: Record) -> str | None:
    """When a deployment succeeded or failed; None for one that has done neither.

    The end of its job is the end of the deployment; one made through the API has no job, and its
    last change is its end.
    """
    if deployment.get("status") not in _FAILED:
        return None
    job = deployment.get("deployable") or {}
    return raw(
        deployment.get("finished_at") or job.get("finished_at") or deployment.get("updated_at")
    )


def deployment_id(deployment: Record, project: Project) -> str | None:
    """An id that is unique among all projects: `group/shop/17`."""
    number = deployment.get("iid")
    return None if number is None else f"{project.path}/{number}"


def status_of(deployment: Record) -> str:
    """GitLab's word for what became of a deployment; `unknown` for one that is not known here."""
    status = deployment.get("status")
    return str(status) if status in _STATUSES else UNKNOWN


def deployment_row(deployment: Record, project: Project, words: Words) -> Row:
    """One row of `deployments`; a time that cannot be read stays, so that it is rejected."""
    status = status_of(deployment)
    return (
        deployment_id(deployment, project),
        words.service(project, environment_of(deployment).get("name") or ""),
        _version(deployment),
        status,
        ended_at(deployment),
        _FAILED.get(status),
    )


def change_row(
    request: Record, commits: Iterable[Record], deployment: Row, project: Project
) -> Row:
    """One row of `changes`: a merge request, with the first deployment that shipped it."""
    landed = (request.get(name) for name in ("merge_commit_sha", "squash_commit_sha", "sha"))
    author = (request.get("author") or {}).get("username")
    shipped = dict(zip(COLUMNS["deployments"], deployment, strict=True))
    return (
        next(filter(None, landed), f"{project.path}!{request.get('iid')}"),
        shipped["deployment_id"],
        shipped["service"],
        None if author == _GHOST else author,
        request.get("title"),
        _first_commit(commits),
        raw(request.get("merged_at")),
        shipped["deployed_at"],
    )


def raw(text: Any) -> str | None:
    """A time as naive UTC, or as it is where it cannot be read."""
    time = moment(text)
    return time.isoformat(timespec="milliseconds") if time else text


def batch(
    into: str,
    rows: Sequence[Row],
    origin: str,
    state: Mapping[str, Any] | None,
    mode: Mode = "upsert",
) -> Batch:
    """Rows of one table, all texts, that land with the state."""
    columns = COLUMNS[into]
    found = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return Batch(
        into=into,
        rows=pa.table([pa.array(each, pa.string()) for each in found], names=list(columns)),
        shape=Shape(tuple(map(Column, columns)), key=tables.TABLES[into].key, mode=mode),
        origin=origin,
        state=state,
    )


def _version(deployment: Record) -> str | None:
    """The tag that was deployed, or else the commit: a branch is no version."""
    job = deployment.get("deployable") or {}
    tag = deployment.get("ref") if job.get("tag") else None
    return tag or deployment.get("sha") or deployment.get("ref")


def _first_commit(commits: Iterable[Record]) -> str | None:
    """When the earliest commit was made; their times have the offset of whoever made them."""
    times = [
        each.get("committed_date") or each.get("authored_date") or each.get("created_at")
        for each in commits
    ]
    known = [time for time in map(moment, times) if time is not None]
    if known:
        return raw(min(known).isoformat())
    return next(filter(None, times), None)
