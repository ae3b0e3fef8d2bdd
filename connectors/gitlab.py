"""Brings from GitLab deployments, the merge requests in each, incidents, and DORA figures."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from connectors import contract, gitlab_incidents, http
from connectors.contract import Batch, Context, Present, SourceError
from connectors.gitlab_api import LIMITS, PAGE, Api, Project, has_no_dora
from connectors.gitlab_issues import Incidents, Severity
from connectors.gitlab_reading import Plan, Reading
from connectors.gitlab_rows import Words, deployment_id, environment_of

TABLES = ("deployments", "changes", "gitlab_dora", *gitlab_incidents.TABLES)
ENTRY = """\
connector: gitlab
token: ${GITLAB_TOKEN}                # an access token with the scope read_api
projects: [group/shop]                # paths or numbers
# url: https://git.example.com/api/v4 # for a GitLab of your own
# production: ^(prod|live)            # by default names from "prod" on, and the tier production
# service: {from: project, map: {group/shop: Shop}}
# incidents: {issue_type: incident}   # or labels: [outage]; by default no issue is one
# severity: {from: labels, map: {"severity::1": sev1}}    # or from: severity
# dora: true                          # GitLab's own figures too, which need Ultimate
# start: 2025-01-01                   # by default one year back
every: 15 minutes
"""

# Raised when the same records come to give other rows: then everything is read anew.
_READING = 2
_YEAR = dt.timedelta(days=365)
_EPOCH = dt.datetime(1970, 1, 1)
_EVER = dt.datetime(9999, 1, 1)
_ISSUES = gitlab_incidents.TABLES
_SCOPES = {"api", "read_api"}


def _listed(value: object) -> object:
    found = value if isinstance(value, (list, tuple)) else [value]
    return [str(each) if isinstance(each, int) else each for each in found]


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"'{value}' is no regular expression: {error}") from None
    return value


class Service(BaseModel):
    """What a service is called: as its project or its environment, or as the map says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["project", "environment"] = Field(default="project", alias="from")
    map: dict[str, str] = Field(default_factory=dict)


class Options(contract.SystemOptions):
    """What `sources.yaml` says of a GitLab; see docs/gitlab.md."""

    url: str = "https://gitlab.com/api/v4"
    page_size: int | None = Field(default=None, ge=1, le=PAGE)
    projects: Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]
    production: Annotated[str, AfterValidator(_pattern)] | None = None
    service: Service = Service()
    incidents: Incidents | None = None
    severity: Severity | None = None
    dora: bool = False


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "GitLab"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Deployments that are new or changed, and what they shipped; raises SourceError."""
    known = {} if context.full else state
    with _connected(options, context) as session:
        api = Api(session, options.page_size)
        plan = _plan(options, _projects(options, api), known, context.now)
        reading = Reading(api, _words(options), plan, known, context)
        yield from reading.deployments()
        yield from reading.replaced()
        if options.dora:
            yield from reading.figures()
        yield from _incidents(options, plan, reading, api, known, context)


def present(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Present]:
    """The deployments that GitLab still has, of all environments, and the incidents.

    Raises SourceError.
    """
    begin = _start(options, state, context.now)
    with _connected(options, context) as session:
        api = Api(session, options.page_size)
        projects = _projects(options, api)
        ids = [
            deployment_id(deployment, project)
            for project in projects
            for page in api.deployments(project, begin)
            for deployment in page
        ]
        plan = _incident_plan(options, projects, begin)
        incidents = list(gitlab_incidents.present(api, plan)) if plan else None
    keys = pa.table({"deployment_id": pa.array(ids, type=pa.string())})
    yield Present("deployments", "deployed_at", begin, _EVER, keys)
    if incidents is not None:
        keys = pa.table({"incident_id": pa.array(incidents, type=pa.string())})
        yield Present("incidents", "opened_at", begin, _EVER, keys)


def check(options: Options, context: Context) -> Iterator[str]:
    """Proves, one sentence at a time, that a pull will do; raises SourceError."""
    words = _words(options)
    with _connected(options, context) as session:
        api = Api(session, options.page_size)
        yield f"Reached {http.shown_address(options.url)}; it takes `token`, {_whose(api)}."
        projects = _projects(options, api)
        yield f"Can be read: {', '.join(project.path for project in projects)}."
        for project in projects:
            yield _shown(project, api, words)
            if options.incidents:
                yield _shown_incident(project, api, options)
        if options.dora:
            yield _figures(projects[0], api, context.now)
    start = _start(options, {}, context.now).date()
    yield f"A pull reads what was deployed since {start} into deployments and changes."
    if options.incidents:
        yield f"It reads incidents that were open since {start} into {' and '.join(_ISSUES)}."


def _incidents(
    options: Options,
    deployments: Plan,
    reading: Reading,
    api: Api,
    known: Mapping[str, Any],
    context: Context,
) -> Iterator[Batch]:
    """Issues that are incidents; where none are any more, those that were go."""
    plan = _incident_plan(options, deployments.projects, deployments.start)
    before = known.get("incidents", {})
    if plan is not None:
        incidents = gitlab_incidents.Reading(api, plan, before, context)
        for each in incidents.batches():
            left = each.state and {**reading.state(), "incidents": each.state}
            yield replace(each, state=left)
    elif before:
        for table in _ISSUES:
            last = {**reading.state(), "incidents": {}} if table == _ISSUES[-1] else None
            yield gitlab_incidents.nothing(table, deployments.origin, last)


def _incident_plan(
    options: Options, projects: tuple[Project, ...], start: dt.datetime
) -> gitlab_incidents.Plan | None:
    """What to ask of incidents; None where the entry asks for none."""
    if options.incidents is None:
        return None
    names = options.service.map if options.service.source == "project" else {}
    return gitlab_incidents.Plan(
        origin=http.shown_address(options.url),
        projects=projects,
        services={each.id: names.get(each.path, each.path) for each in projects},
        start=start,
        lookback=options.lookback,
        incidents=options.incidents,
        severity=options.severity,
    )


def _connected(options: Options, context: Context) -> http.Session:
    """A session with this GitLab's address and credential."""
    token = options.token.get_secret_value()
    return http.Session(
        options.url,
        timeout=options.timeout,
        credential=http.Credential("`token`", {"PRIVATE-TOKEN": token}),
        limits=LIMITS,
        waiting=context.waiting,
    )


def _words(options: Options) -> Words:
    return Words(options.production, options.service.source, options.service.map)


def _projects(options: Options, api: Api) -> tuple[Project, ...]:
    """The projects that are named, each once, though it be by path and by number."""
    found = {project.id: project for project in map(api.project, options.projects)}
    unknown = set(options.service.map) - {project.path for project in found.values()}
    if options.service.source == "project" and unknown:
        raise SourceError(
            f"`service` maps {min(unknown)}, but no project in `projects` has this path.",
            f"Their paths are: {', '.join(each.path for each in found.values())}.",
        )
    return tuple(found.values())


def _plan(
    options: Options, projects: tuple[Project, ...], state: Mapping[str, Any], now: dt.datetime
) -> Plan:
    origin = http.shown_address(options.url)
    keys = {"start", "production", "service"}
    asked = options.model_dump(mode="json", by_alias=True, include=keys)
    return Plan(
        origin=origin,
        projects=projects,
        start=_start(options, state, now),
        lookback=options.lookback,
        asked={"reading": _READING, "url": origin, **asked},
        dora=options.dora,
    )


def _start(options: Options, state: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """The creation of the first deployment that counts: by default a year before the first pull."""
    if options.start is not None:
        return dt.datetime.combine(options.start, dt.time())
    if state and state["asked"]["start"] is None:
        return dt.datetime.fromisoformat(state["start"])
    return dt.datetime.combine((now - _YEAR).date(), dt.time())


def _whose(api: Api) -> str:
    """What the token may do, in words; raises SourceError where that is too little."""
    token = api.token()
    if token is None or not isinstance(token.get("scopes"), list):
        return "which does not say what its scopes are"
    scopes = token["scopes"]
    if not _SCOPES & set(scopes):
        raise SourceError(
            f"`token` has the scopes {', '.join(scopes) or 'none'}, and cannot read projects.",
            "Make one with the scope read_api.",
        )
    until = f"good until {token['expires_at']}" if token.get("expires_at") else "without an end"
    return f"with the scopes {', '.join(scopes)}, {until}"


def _shown(project: Project, api: Api, words: Words) -> str:
    """The last deployment of a project in words, without what might name somebody."""
    newest = api.newest(project)
    if newest is None:
        return f"{project.path} can be read, and has no deployments yet."
    shipped = next(api.merge_requests(project, newest["id"]), None)
    name = environment_of(newest).get("name") or "an unnamed environment"
    kind = "production" if words.is_production(name) else "not production by its name"
    return (
        f"The last deployment of {project.path}: {newest.get('status')}, to {name} ({kind}), "
        f"{'with' if shipped else 'without'} merge requests, changed {newest.get('updated_at')}."
    )


def _shown_incident(project: Project, api: Api, options: Options) -> str:
    """Whether issues can be read, and one of them in words, without what might name somebody."""
    plan = _incident_plan(options, (project,), _EPOCH)
    found = plan and next(gitlab_incidents.some(api, plan, project), None)
    if not found:
        return f"Issues of {project.path} can be read; none is an incident yet."
    return (
        f"Issues of {project.path} can be read; one incident: #{found['iid']}, {found['state']}, "
        f"opened {found['created_at']}."
    )


def _figures(project: Project, api: Api, now: dt.datetime) -> str:
    """Whether DORA figures come too; everything else comes without them."""
    try:
        api.dora(project, "deployment_frequency", now.date(), now.date())
    except http.Rejected as error:
        if not has_no_dora(error):
            raise
        return (
            "DORA figures will not come: they need GitLab Ultimate, and the role Reporter "
            f"({error.status}: {error.said})."
        )
    return "DORA figures can be read, into gitlab_dora."
