"""Reads of each GitLab project what was deployed since the last pull, so that it can land."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from connectors import http
from connectors.contract import Batch, Context, Mode
from connectors.gitlab_api import METRICS, Api, Project, Record, has_no_dora, moment
from connectors.gitlab_rows import (
    UNKNOWN,
    Row,
    Words,
    batch,
    change_row,
    deployment_row,
    environment_of,
    raw,
    status_of,
    succeeded_at,
)

# So many deployed merge requests of a service are remembered: about 40 bytes each.
_MOST_KNOWN = 5_000
_ROWS_AT_ONCE = 500
# DORA figures of the last three months may still change, and are asked for in such windows.
_QUARTER = dt.timedelta(days=89)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Plan:
    """One pull; `asked` is what decides, beside GitLab itself, which rows there are."""

    origin: str
    projects: tuple[Project, ...]
    start: dt.datetime  # the creation of the first deployment that counts
    lookback: dt.timedelta
    asked: Mapping[str, Any]
    dora: bool


@dataclass
class _Known:
    """What is remembered of a project.

    `until` is the last change of a deployment that was read; `deployed` has for each service when
    each merge request was deployed first, by its number; `figures` is up to which day DORA figures
    were read.
    """

    path: str
    until: str | None = None
    deployed: dict[str, dict[str, str]] = field(default_factory=dict)
    figures: str | None = None


class Reading:
    """One pull: what was known before, and what it has met."""

    def __init__(
        self, api: Api, words: Words, plan: Plan, state: Mapping[str, Any], context: Context
    ) -> None:
        self._api, self._words, self._plan, self._context = api, words, plan, context
        known = {number: _Known(**each) for number, each in state.get("projects", {}).items()}
        paths = {str(project.id): project.path for project in plan.projects}
        # What a row's key says has changed, or some rows are not wanted any more.
        self._is_other = bool(state) and (
            state["asked"] != plan.asked
            or any(paths.get(number) != each.path for number, each in known.items())
        )
        # What the reading of incidents has left, which is none of this one's business.
        self._incidents = state.get("incidents", {})
        self._had_figures = any(each.figures for each in known.values())
        kept = {} if self._is_other else known
        self._known = {number: kept.get(number, _Known(path)) for number, path in paths.items()}
        self._tiers: dict[int, set[int]] = {}
        self._landed = 0
        self._told: set[str] = set()

    def deployments(self) -> Iterator[Batch]:
        """Deployments that are new or changed, with the merge requests they shipped first."""
        for project in self._plan.projects:
            yield from self._project(project)

    def replaced(self) -> Iterator[Batch]:
        """Puts what was read anew in the place of all that was asked for in another way.

        Called after it was read: a pull that is cut off before takes nothing away.
        """
        left = ["deployments", "changes"] if self._is_other else []
        if self._had_figures and (self._is_other or not self._plan.dora):
            left.append("gitlab_dora")
            for known in self._known.values():
                known.figures = None
        for table in left:
            state = self.state() if table == left[-1] else None
            yield batch(table, [], self._plan.origin, state, "replace")

    def figures(self) -> Iterator[Batch]:
        """GitLab's own DORA figures; none, with a notice, where GitLab does not give them."""
        for project in self._plan.projects:
            known = self._known[str(project.id)]
            try:
                rows = list(self._figures(project, known.figures))
            except http.Rejected as error:
                if not has_no_dora(error):
                    raise
                self._tell(
                    "dora",
                    f"GitLab gives no DORA figures of {project.path}, and perhaps of others: "
                    "they need its Ultimate edition, and the role Reporter. Everything else "
                    "comes without them; `dora: false` asks for them no more.",
                )
                continue
            known.figures = self._today().isoformat()
            yield batch("gitlab_dora", rows, self._origin(project), self.state())

    def _project(self, project: Project) -> Iterator[Batch]:
        known = self._known[str(project.id)]
        since = self._plan.start
        if known.until is not None:
            since = max(dt.datetime.fromisoformat(known.until) - self._plan.lookback, since)
        rows: list[Row] = []
        changes: dict[tuple[str | None, str | None], Row] = {}
        for page in self._api.deployments(project, since):
            for deployment in page:
                if self._counts(deployment, project):
                    row = deployment_row(deployment, project, self._words)
                    rows.append(row)
                    for change in self._changes(deployment, row, project, known.deployed):
                        changes[change[0], change[2]] = change
                self._note(deployment)
            # A page comes in the order of changes, so that its last is the latest.
            known.until = raw(page[-1]["updated_at"]) if page else known.until
            if len(rows) + len(changes) >= _ROWS_AT_ONCE:
                yield from self._land(rows, list(changes.values()), project)
                rows, changes = [], {}
        yield from self._land(rows, list(changes.values()), project)

    def _land(self, rows: list[Row], changes: list[Row], project: Project) -> Iterator[Batch]:
        self._landed += len(rows) + len(changes)
        self._context.progress(self._landed, None)
        origin = self._origin(project)
        mode: Mode = "replace" if self._is_other else "upsert"
        state = None if self._is_other else self.state()
        # What was deployed comes first: a change without its deployment would be left over.
        yield batch("deployments", rows, origin, None if changes else state, mode)
        if changes:
            yield batch("changes", changes, origin, state, mode)

    def _counts(self, deployment: Record, project: Project) -> bool:
        """Whether it is one of production, made since the start."""
        created = moment(deployment.get("created_at"))
        if created is not None and created < self._plan.start:
            return False
        environment = environment_of(deployment)
        if self._words.is_production(environment.get("name") or ""):
            return True
        if not self._words.heeds_tiers:
            return False
        if project.id not in self._tiers:
            self._tiers[project.id] = set(self._productive(project))
        return environment.get("id") in self._tiers[project.id]

    def _productive(self, project: Project) -> Iterator[int]:
        """The environments of the tier production, which deployments do not tell."""
        try:
            for environment in self._api.environments(project):
                if environment.get("tier") == "production":
                    yield environment["id"]
        except http.Rejected as error:
            if error.status not in (403, 404):
                raise
            self._tell(
                "tiers",
                f"The environments of {project.path} cannot be read, so only their names tell "
                f"which are production. {error}",
            )

    def _changes(
        self,
        deployment: Record,
        row: Row,
        project: Project,
        deployed: dict[str, dict[str, str]],
    ) -> Iterator[Row]:
        """The merge requests that no other deployment of the service is known to have shipped."""
        at, service = succeeded_at(deployment), row[1] or ""
        if moment(at) is None or at is None or deployment.get("id") is None:
            return
        before = deployed.setdefault(service, {})
        for request in self._api.merge_requests(project, deployment["id"]):
            # To the first deployment of an environment GitLab counts all that was ever merged.
            merged = moment(request.get("merged_at"))
            if merged is not None and merged < self._plan.start:
                continue
            number = str(request.get("iid"))
            first = before.get(number)
            if first is not None and first <= at:
                continue
            yield change_row(request, self._api.commits(project, request["iid"]), row, project)
            before.pop(number, None)
            before[number] = at
        for number in list(before)[:-_MOST_KNOWN]:
            del before[number]

    def _figures(self, project: Project, known: str | None) -> Iterator[Row]:
        last = self._today()
        first = self._plan.start.date()
        if known is not None:
            first = max(first, dt.date.fromisoformat(known) - _QUARTER)
        for metric in METRICS:
            begin = first
            while begin <= last:
                end = min(begin + _QUARTER, last)
                for each in self._api.dora(project, metric, begin, end):
                    value = each.get("value")
                    text = None if value is None else str(value)
                    yield each.get("date"), project.path, metric, text
                begin = end + _DAY

    def _today(self) -> dt.date:
        """The day by GitLab's clock where ours is ahead: of a later one it has no figures yet."""
        return self._api.session.by_its_clock(self._context.now).date()

    def _note(self, deployment: Record) -> None:
        if status_of(deployment) == UNKNOWN:
            status = deployment.get("status")
            self._tell(
                f"status {status}",
                f"GitLab has the deployment status '{status}', which is not known here (see "
                "docs/gitlab.md): it is unknown, and so is whether such a deployment failed.",
            )
        if not environment_of(deployment).get("name"):
            self._tell(
                "environment",
                "Some deployments name no environment, so they are not counted as production.",
            )

    def _tell(self, what: str, text: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._context.notice(text)

    def _origin(self, project: Project) -> str:
        return f"{self._plan.origin} {project.path}"

    def state(self) -> dict[str, Any]:
        """What the next pull has to know."""
        return {
            "asked": self._plan.asked,
            "start": self._plan.start.isoformat(),
            # A copy, for what is known grows before the next batch lands.
            "projects": {number: asdict(each) for number, each in self._known.items()},
            "incidents": self._incidents,
        }
