"""Brings incidents from Jira and Jira Service Management, with each time they were opened again."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BeforeValidator, Field, field_validator

from connectors import contract, http, told_rows
from connectors.contract import Batch, Context, Duration, Named, Present, SourceError
from connectors.jira_api import LIMITS, MOST_HISTORIES, MOST_IDS, Api
from connectors.jira_incidents import FIELDS, Incident, Rows, Told, incident, moment
from connectors.jira_words import UNKNOWN, Words, unknown_project

TABLES = ("incidents", "incident_episodes")
ENTRY = """\
connector: jira
url: https://NAME.atlassian.net       # with scopes: https://api.atlassian.com/ex/jira/CLOUD_ID
user: ${JIRA_USER}                    # the e-mail address of the account
token: ${JIRA_TOKEN}                  # an API token of that account
projects: [OPS]                       # by default all that the account may see
incidents: issuetype = Incident       # JQL: which issues are incidents
# severity: {from: priority.name, map: {Highest: sev1, High: sev2, Medium: sev3}}
# service: {from: "components[0].name", map: {Shop frontend: Shop}}
# start: 2025-01-01                   # by default one year back
every: 15 minutes
"""

_YEAR = dt.timedelta(days=365)
# A change may take minutes until Jira's search shows it.
_LAG = dt.timedelta(minutes=15)
_EPOCH = dt.datetime(1970, 1, 1)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Options(contract.SystemOptions):
    """What `sources.yaml` says of a Jira site; see docs/jira.md."""

    user: str = Field(min_length=1)
    page_size: int | None = Field(default=None, ge=1, le=MOST_IDS)
    lookback: Duration = Field(default=dt.timedelta(hours=1), ge=_LAG)
    projects: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    incidents: str
    severity: Named | None = None
    service: Named | None = None

    @field_validator("incidents")
    @classmethod
    def _is_a_condition(cls, jql: str) -> str:
        if not jql.strip():
            raise ValueError("say in JQL which issues are incidents, like 'issuetype = Incident'")
        if re.search(r"\border\s+by\b", _QUOTED.sub("", jql), re.IGNORECASE):
            raise ValueError("leave out ORDER BY: the order is ours")
        return jql.strip()


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "Jira"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Incidents that are new or changed since the last pull; raises SourceError."""
    is_same = state.get("asked") == _asked(options)
    known = state if is_same and not context.full else {}
    start = _start(options, {} if context.full else state, context.now)
    until = _time(known["until"]) if known else start
    rows = Rows(known["numbers"] if known else {})
    done = 0
    with _connected(options, context) as session:
        api = Api(session, options.page_size)
        api.account()
        words = Words(options.severity, options.service, api.fields())
        told = Told(api.categories())
        odd: set[str] = set()
        jql = _changed_since(options, start, max(start, until - options.lookback), context.now)
        for found, is_last in _portions(api, jql, words):
            changes = api.changes([each.id for each in found]) if found else {}
            # Of an account that is none any more Jira shows less, and says nothing.
            api.account()
            for each in found:
                rows.add(each, told.history(changes.get(each.id, ())))
            odd.update(each.category for each in found if each.status == UNKNOWN)
            times = filter(None, (moment(each.updated) for each in found))
            now = session.by_its_clock(context.now)
            reached = now if is_last else max(times, default=until)
            until = max(until, min(reached, now))
            done += len(found)
            context.progress(done, None)
            yield from _batches(options, rows, start, until)
    _notice(context, words, told, odd)


def present(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Present]:
    """The incidents that Jira still has, by the time they were created; raises SourceError.

    One that was deleted, or does not match the JQL any more, is not among them.
    """
    start = _start(options, state, context.now)
    numbers: Mapping[str, int] = state.get("numbers", {})
    with _connected(options, context) as session:
        api = Api(session, options.page_size)
        api.account()
        jql = f"{_scope(options, start)} ORDER BY created ASC, key ASC"
        pages = api.issues(jql, ["id"], size=MOST_IDS)
        ids = [str(issue["id"]) for page in pages for issue in page]
        api.account()
    parts = [(each, str(n)) for each in ids for n in range(1, numbers.get(each, 1) + 1)]
    keys = {
        "incidents": pa.table({"incident_id": pa.array(ids, pa.string())}),
        "incident_episodes": pa.table(
            {
                "incident_id": pa.array([each for each, _ in parts], pa.string()),
                "episode": pa.array([number for _, number in parts], pa.string()),
            }
        ),
    }
    for table, there in keys.items():
        yield Present(table, "opened_at", start, context.now - options.lookback, there)


def check(options: Options, context: Context) -> Iterator[str]:
    """Proves, one sentence at a time, that a pull will do; raises SourceError."""
    start = _start(options, {}, context.now)
    with _connected(options, context) as session:
        api = Api(session, options.page_size)
        kind = api.account().get("accountType", "unknown")
        yield (
            f"Reached {http.shown_address(options.url)}; it takes `user` and `token` "
            f"(an account of the kind {kind})."
        )
        if options.projects:
            _look_for_projects(options, api)
            yield f"The account may see {_named(options)}."
        api.sample(options.incidents, ["id"])  # alone, so that Jira's places in it are right
        scope = _scope(options, start)
        count = api.count(scope)
        yield f"Jira understands `incidents`; about {count:,} such issues since {start.date()}."
        words = Words(options.severity, options.service, api.fields())
        api.categories()
        yield f"Severity and service are in the fields {', '.join(words.fields)}."
        issues = api.sample(f"{scope} ORDER BY created DESC, key DESC", [*FIELDS, *words.fields])
        if not issues:
            yield "There is none yet, so it is not proven that their histories can be read."
        for one in [incident(issue, words) for issue in issues]:
            api.changes([one.id])
            yield f"Histories can be read, which tell of re-openings. The last one: {_shown(one)}."
    yield (
        f"A pull reads the issues in {_named(options)} that match `incidents` and were created "
        f"since {start.date()} into incidents and incident_episodes."
    )


def _connected(options: Options, context: Context) -> http.Session:
    """A session with this site's address and credential."""
    token = options.token.get_secret_value()
    return http.Session(
        options.url,
        timeout=options.timeout,
        credential=http.basic(options.user, token, "`user` and `token`"),
        headers={"Accept": "application/json"},
        limits=LIMITS,
        waiting=context.waiting,
    )


def _portions(api: Api, jql: str, words: Words) -> Iterator[tuple[list[Incident], bool]]:
    """Incidents, as many together as Jira tells the histories of; and whether they are the last."""
    waiting: dict[str, Incident] = {}
    for page in api.issues(jql, [*FIELDS, *words.fields]):
        for issue in page:
            if len(waiting) == MOST_HISTORIES:
                yield list(waiting.values()), False
                waiting = {}
            found = incident(issue, words)
            waiting[found.id] = found
    yield list(waiting.values()), True


def _batches(
    options: Options, rows: Rows, start: dt.datetime, until: dt.datetime
) -> Iterator[Batch]:
    state = {
        "asked": _asked(options),
        "start": start.isoformat(),
        "until": until.isoformat(),
        "numbers": dict(rows.numbers),
    }
    taken = rows.take()
    for table, there in taken.items():
        is_last = table == list(taken)[-1]
        yield Batch(
            into=table,
            rows=there,
            shape=told_rows.shape(table, there),
            origin=f"{http.shown_address(options.url)} issues",
            state=state if is_last else None,
        )


def _changed_since(
    options: Options, start: dt.datetime, since: dt.datetime, now: dt.datetime
) -> str:
    """The incidents that changed in [since, now], those that changed first in front."""
    bounds = f"updated >= {_milliseconds(since)} AND updated <= {_milliseconds(now)}"
    return f"{_scope(options, start)} AND {bounds} ORDER BY updated ASC, key ASC"


def _scope(options: Options, start: dt.datetime) -> str:
    """The JQL of all incidents that were created since `start`.

    Times are milliseconds since 1970, for JQL reads a written one in the zone of the account.
    """
    parts = [f"({options.incidents})", f"created >= {_milliseconds(start)}"]
    if options.projects:
        parts.append(f"project IN ({', '.join(map(_quoted, options.projects))})")
    return " AND ".join(parts)


def _quoted(name: str) -> str:
    """A text as JQL wants it."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _asked(options: Options) -> dict[str, Any]:
    """What decides, beside Jira itself, which rows there are and what they say."""
    keys = {"start", "projects", "incidents", "severity", "service"}
    asked = options.model_dump(mode="json", by_alias=True, include=keys)
    return {"url": http.shown_address(options.url), **asked}


def _start(options: Options, state: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """The creation of the first incident that counts: a year before the first pull by default."""
    if options.start is not None:
        return dt.datetime.combine(options.start, dt.time())
    if state and state["asked"]["start"] is None:
        return _time(state["start"])
    return dt.datetime.combine((now - _YEAR).date(), dt.time())


def _look_for_projects(options: Options, api: Api) -> None:
    known = list(api.projects())
    for name in options.projects:
        advice = unknown_project(name, known)
        if advice is not None:
            raise SourceError(f"Jira shows this account no project '{name}'.", advice)


def _named(options: Options) -> str:
    if not options.projects:
        return "all projects that the account may see"
    return f"the project{'s'[: len(options.projects) > 1]} {', '.join(options.projects)}"


def _shown(one: Incident) -> str:
    """An incident in words, without its title, which may name somebody."""
    severity = f"severity {one.severity}" if one.severity else "without a severity"
    return f"{one.id}, {one.status}, {severity}, on {one.service or 'no service'}"


def _notice(context: Context, words: Words, told: Told, odd: set[str]) -> None:
    """Tells once what was met and is not known here."""
    for word in sorted(words.unknown):
        context.notice(
            f"Jira's severity '{word}' is not in the map of `severity`: it counts as unknown."
        )
    for category in sorted(odd):
        context.notice(f"Jira has the status category '{category}', which is not known here.")
    if told.unknown:
        context.notice(
            f"Histories name statuses that Jira has no more ({', '.join(sorted(told.unknown))}): "
            "whether they opened or closed an issue is not known, so a re-opening may be missing."
        )


def _milliseconds(time: dt.datetime) -> int:
    return (time - _EPOCH) // dt.timedelta(milliseconds=1)


def _time(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
