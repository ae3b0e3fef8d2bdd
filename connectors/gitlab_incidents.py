"""Reads the issues of a GitLab project that are incidents, and when each of them was open."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from connectors import told_rows
from connectors.contract import Batch, Context, Mode
from connectors.episodes import Episode, episodes
from connectors.gitlab_api import Api, Project, Record, moment
from connectors.gitlab_issues import Incidents, Severity, labels_of
from connectors.gitlab_rows import raw
from connectors.told_rows import EPISODES, INCIDENTS

TABLES = ("incidents", "incident_episodes")
# Raised when the same issues come to give other rows: then everything is read anew.
_READING = 1
_ROWS_AT_ONCE = 200
_EVER = dt.datetime(1970, 1, 1)
_STATUS = {"opened": "open", "closed": "resolved"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """One pull; `service` names that of a project, `start` is when incidents begin to count."""

    origin: str
    projects: tuple[Project, ...]
    services: Mapping[int, str]
    start: dt.datetime
    lookback: dt.timedelta
    incidents: Incidents
    severity: Severity | None

    @property
    def asked(self) -> dict[str, Any]:
        """What decides, beside GitLab itself, which rows there are and what they say."""
        return {
            "reading": _READING,
            "url": self.origin,
            "start": self.start.isoformat(),
            "incidents": self.incidents.model_dump(mode="json"),
            "severity": self.severity and self.severity.model_dump(mode="json", by_alias=True),
        }


@dataclass
class _Known:
    """What is remembered of a project: everything that changed up to `until` has been met.

    `has_rows` says that some of its issues have landed. `open` has the numbers of the open
    incidents, `again` how many episodes those have had that were opened again.
    """

    name: str
    until: str | None = None
    has_rows: bool = False
    open: list[int] = field(default_factory=list)
    again: dict[str, int] = field(default_factory=dict)


def incident_id(project: Project, number: int) -> str:
    """An id that is unique among all projects: `group/shop#17`."""
    return f"{project.path}#{number}"


def present(api: Api, plan: Plan) -> Iterator[str]:
    """The ids of all incidents that GitLab still has."""
    for project in plan.projects:
        for issue in _listed(api, plan.incidents.questions, project, plan.start):
            if _counts(plan, issue):
                yield incident_id(project, issue["iid"])


def some(api: Api, plan: Plan, project: Project) -> Iterator[Record]:
    """Incidents of a project, for a look at one."""
    for question in plan.incidents.questions:
        for page in api.issues(project, question, _EVER):
            yield from filter(plan.incidents.has, page)


def nothing(into: str, origin: str, state: Mapping[str, Any] | None) -> Batch:
    """Takes the place of all that was there, where an entry asks for incidents no more."""
    rows = told_rows.table(INCIDENTS if into == "incidents" else EPISODES, ())
    shape = replace(told_rows.shape(into, rows), mode="replace")
    return Batch(into, rows, shape, f"{origin} issues", state)


class Reading:
    """One pull: what was known before, and what it has met."""

    def __init__(self, api: Api, plan: Plan, state: Mapping[str, Any], context: Context) -> None:
        self._api, self._plan, self._context = api, plan, context
        # What changes while it is read may come with the next pull only.
        self._now = api.session.by_its_clock(context.now)
        known = {number: _Known(**each) for number, each in state.get("projects", {}).items()}
        names = {str(each.id): f"{each.path} {plan.services[each.id]}" for each in plan.projects}
        # What a row says has changed, or some rows are not wanted any more.
        self._is_other = bool(state) and (
            state["asked"] != plan.asked
            or any(names.get(number) != each.name for number, each in known.items())
        )
        kept = {} if self._is_other else known
        self._known = {number: kept.get(number, _Known(name)) for number, name in names.items()}
        self._rows: dict[str, list[Row]] = {table: [] for table in TABLES}
        self._landed = 0
        self._told: set[str] = set()

    def batches(self) -> Iterator[Batch]:
        """Incidents that are new or changed, each with its episodes; the state is this one's."""
        for project in self._plan.projects:
            yield from self._project(project)
        if self._is_other:
            # In the place of what was asked for in another way, now that it was read.
            self._is_other = False
            yield self._batch(TABLES[0], [], "replace", None)
            yield self._batch(TABLES[1], [], "replace", self.state())

    def state(self) -> dict[str, Any]:
        """What the next pull has to know."""
        # A copy, for what is known grows before the next batch lands.
        return {
            "asked": self._plan.asked,
            "projects": {number: asdict(each) for number, each in self._known.items()},
        }

    def _project(self, project: Project) -> Iterator[Batch]:
        known = self._known[str(project.id)]
        unseen = set(known.open)
        if known.until is None:
            # No cursor moves meanwhile: each of several questions begins where the first one did.
            # Since an incident landed, with a pull that was cut off perhaps, it may have lost its
            # label.
            reads_all = known.has_rows or self._context.full
            questions = [{}] if reads_all else self._plan.incidents.questions
            known.has_rows = True
            for issue in _listed(self._api, questions, project, self._plan.start):
                self._take(project, known, issue)
                yield from self._land(_ROWS_AT_ONCE)
            known.until = max(self._now, self._plan.start).isoformat()
        else:
            since = dt.datetime.fromisoformat(known.until) - self._plan.lookback
            # All issues, for one that was an incident may have lost its label or its type.
            for page in self._api.issues(project, {}, max(since, self._plan.start)):
                for issue in page:
                    self._take(project, known, issue)
                    unseen.discard(issue["iid"])
                changed = moment(page[-1]["updated_at"]) if page else None
                if changed is not None:
                    reached = min(changed, self._now).isoformat()
                    known.until = max(known.until, reached)
                yield from self._land(_ROWS_AT_ONCE)
            self._look_for(project, known, unseen & set(known.open))
        yield from self._land()

    def _take(self, project: Project, known: _Known, issue: Record) -> None:
        turns = None
        if _counts(self._plan, issue):
            turns = self._api.turns(project, issue)
        if turns is None:
            self._remove(project, known, issue["iid"])
            return
        state, number = issue.get("state"), issue["iid"]
        is_open = _is_open(issue)
        if state not in _STATUS:
            self._tell(
                f"GitLab has the issue state '{state}', which is not known here (see "
                "docs/gitlab.md): such an incident has the status unknown."
            )
        opened, closed = moment(issue.get("created_at")), moment(issue.get("closed_at"))
        found: tuple[Episode, ...] = ()
        if opened is not None:
            changed = moment(issue.get("updated_at")) or opened
            found = episodes(opened, turns, is_open=is_open, changed_at=changed, resolved_at=closed)
        row = {
            "incident_id": incident_id(project, number),
            "service": self._service(project, issue),
            "severity": self._severity(issue),
        }
        self._rows["incidents"].append(
            {
                **row,
                # Who reads the dashboard may be more than those who may read that.
                "title": None if issue.get("confidential") else issue.get("title"),
                "status": _STATUS.get(str(state), "unknown"),
                "opened_at": raw(issue.get("created_at")),
                "resolved_at": None if is_open else raw(issue.get("closed_at")),
                "reopened": max(len(found) - 1, 0),
            }
        )
        self._keep_episodes(row, known, number, found)
        known.open = sorted({*known.open, number} if is_open else {*known.open} - {number})

    def _keep_episodes(
        self, row: Row, known: _Known, number: int, found: tuple[Episode, ...]
    ) -> None:
        self._rows["incident_episodes"] += [
            {
                **row,
                "episode": place,
                "opened_at": each.opened_at.isoformat(),
                "resolved_at": each.resolved_at and each.resolved_at.isoformat(),
            }
            for place, each in enumerate(found, start=1)
        ]
        self._remove_episodes(row["incident_id"], known, number, len(found))
        if len(found) > 1:
            known.again[str(number)] = len(found)

    def _remove(self, project: Project, known: _Known, number: int) -> None:
        """Removes an issue that is no incident, whether or not it ever was one."""
        name = incident_id(project, number)
        self._rows["incidents"].append({"incident_id": name, told_rows.GONE: True})
        self._remove_episodes(name, known, number, 0)
        known.open = [each for each in known.open if each != number]

    def _remove_episodes(self, name: str, known: _Known, number: int, after: int) -> None:
        before = known.again.pop(str(number), 1)
        self._rows["incident_episodes"] += [
            {"incident_id": name, "episode": place, told_rows.GONE: True}
            for place in range(after + 1, before + 1)
        ]

    def _look_for(self, project: Project, known: _Known, unseen: set[int]) -> None:
        """Asks for those that were open and have not changed: nothing tells of a deleted issue."""
        if not unseen:
            return
        for question in self._plan.incidents.questions:
            for page in self._api.issues(project, {**question, "state": "opened"}, _EVER):
                unseen -= {issue["iid"] for issue in page}
        for number in sorted(unseen):
            issue = self._api.issue(project, number)
            if issue is None:
                self._remove(project, known, number)
            else:
                self._take(project, known, issue)

    def _service(self, project: Project, issue: Record) -> str:
        named = self._plan.incidents.services
        found = (ours for label, ours in named.items() if label in labels_of(issue))
        return next(found, self._plan.services[project.id])

    def _severity(self, issue: Record) -> str | None:
        severity = self._plan.severity
        if severity is None:
            return None
        word = issue.get("severity")
        if severity.source == "severity" and severity.map and word not in {*severity.map, None}:
            self._tell(
                f"GitLab's severity '{word}' is not in the map of `severity`: it counts as unknown."
            )
        return severity.of(issue)

    def _tell(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._context.notice(text)

    def _land(self, at_least: int = 0) -> Iterator[Batch]:
        """What waits, and what follows from it; nothing before so many rows wait."""
        if len(self._rows["incidents"]) < at_least:
            return
        rows, self._rows = self._rows, {table: [] for table in TABLES}
        self._landed += len(rows["incidents"])
        self._context.progress(self._landed, None)
        mode: Mode = "replace" if self._is_other else "upsert"
        if self._is_other:
            rows = {
                table: [each for each in some if not each.get(told_rows.GONE)]
                for table, some in rows.items()
            }
        state = None if self._is_other else self.state()
        yield self._batch(TABLES[0], rows[TABLES[0]], mode, None)
        yield self._batch(TABLES[1], rows[TABLES[1]], mode, state)

    def _batch(
        self, into: str, rows: Iterable[Row], mode: Mode, state: Mapping[str, Any] | None
    ) -> Batch:
        every = INCIDENTS if into == "incidents" else EPISODES
        # What GitLab does not tell is left as other sources have it.
        untold = {"acknowledged_at", *(() if self._plan.severity else ("severity",))}
        columns = [name for name in every if name not in untold]
        told = ((*map(row.get, columns), row.get(told_rows.GONE, False)) for row in rows)
        table = told_rows.table(columns, told)
        shape = replace(told_rows.shape(into, table), mode=mode)
        return Batch(into, table, shape, f"{self._plan.origin} issues", state)


def _listed(
    api: Api, questions: Iterable[Mapping[str, str]], project: Project, since: dt.datetime
) -> Iterator[Record]:
    """The issues that are still open, however old, and those that changed since; each once."""
    seen: set[tuple[int, str]] = set()
    for question in questions:
        for more, begin in (({"state": "opened"}, _EVER), ({}, since)):
            for page in api.issues(project, {**question, **more}, begin):
                for issue in page:
                    if (issue["iid"], issue["updated_at"]) not in seen:
                        seen.add((issue["iid"], issue["updated_at"]))
                        yield issue


def _counts(plan: Plan, issue: Record) -> bool:
    """Whether an issue is an incident that was open at the start or later.

    Of those that were over by then only some would come: the ones that somebody touched since.
    """
    if not plan.incidents.has(issue):
        return False
    closed = None if _is_open(issue) else moment(issue.get("closed_at"))
    return closed is None or closed >= plan.start


def _is_open(issue: Record) -> bool:
    """A state that is not known tells nothing; what is closed has a time then."""
    state = issue.get("state")
    return state == "opened" or (state != "closed" and issue.get("closed_at") is None)
