"""Brings incidents from PagerDuty: how often they were opened again, acknowledged, and resolved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pyarrow as pa
from pydantic import BeforeValidator, Field

from connectors import contract, http
from connectors.contract import Batch, Context, Named, Present
from connectors.pagerduty_api import LIMITS, PAGE, Api, is_out_of_reach
from connectors.pagerduty_incidents import Incident, Words
from connectors.pagerduty_reading import Plan, Reading, whole_second

TABLES = ("incidents", "incident_episodes", "maintenance_windows")
ENTRY = """\
connector: pagerduty
token: ${PAGERDUTY_TOKEN}             # a read-only REST API key, or an OAuth token
# url: https://api.eu.pagerduty.com   # for an account in the EU
# services: [Shop, Checkout]          # by default all that the token may see
# severity: {from: priority, map: {P1: sev1, P2: sev2, P3: sev3}}
# service: {from: service, map: {Shop frontend: Shop}}
# start: 2025-01-01                   # by default one year back
every: 15 minutes
"""

_YEAR = dt.timedelta(days=365)
_MONTH = dt.timedelta(days=30)
# A REST API key has 20 characters, an OAuth token many more.
_LONGEST_KEY = 32


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


class Options(contract.SystemOptions):
    """What `sources.yaml` says of a PagerDuty account; see docs/pagerduty.md."""

    url: str = "https://api.pagerduty.com"
    page_size: int | None = Field(default=None, ge=2, le=PAGE)
    services: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    service: Named | None = None
    severity: Named | None = None


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "PagerDuty"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Incidents that are new or changed, and all maintenance windows; raises SourceError."""
    words = Words(options.service, options.severity)
    known = {} if context.full else state
    with _connected(options, context) as session:
        api = Api(session, words, options.page_size)
        reading = Reading(api, words, _plan(options, known, context), known, context)
        yield from reading.windows()
        yield from reading.unresolved()
        yield from reading.maintenance()
    for word in sorted(words.unknown_severities):
        context.notice(
            f"PagerDuty's severity '{word}' is not in the map of `severity`: it counts as unknown."
        )
    for word in sorted(words.unknown_statuses):
        context.notice(f"PagerDuty has the status '{word}', which is not known here.")


def present(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Present]:
    """The incidents that PagerDuty still has, by the time they were created; raises SourceError."""
    with _connected(options, context) as session:
        api = Api(session, Words(options.service, options.severity), options.page_size)
        services = api.scope(options.services)
        begin = _start(options, state, context.now)
        for start, stop, found in api.incidents(
            begin, whole_second(context.now), services=services
        ):
            ids = [incident.id for incident in found if not incident.merged]
            keys = pa.table({"incident_id": pa.array(ids, type=pa.string())})
            yield Present("incidents", "opened_at", start, stop, keys)


def check(options: Options, context: Context) -> Iterator[str]:
    """Proves, one sentence at a time, that a pull will do; raises SourceError."""
    words = Words(options.service, options.severity)
    with _connected(options, context) as session:
        api = Api(session, words, options.page_size)
        now = whole_second(context.now)
        found, total = api.sample("incidents", now - _MONTH, now, {"sort_by": "created_at:desc"})
        yield f"Reached {http.shown_address(options.url)}; it takes {_whose(session)}."
        yield f"Incidents can be read: {total:,} were created in the last 30 days."
        if found:
            yield f"The last of them: {_shown(words, words.incident(found[0]))}."
        api.sample("log_entries", now - _MONTH, now, {"is_overview": True})
        yield "Log entries can be read, which tell of acknowledgements and re-openings."
        scope = api.scope(options.services)
        if scope is not None:
            yield f"All {len(scope)} services in `services` are there."
        yield _maintenance(api, scope)
    which = "of all services" if scope is None else f"of {len(scope)} services"
    yield (
        f"A pull reads the incidents {which} that were created since "
        f"{_start(options, {}, context.now).date()} into incidents and incident_episodes."
    )


def _connected(options: Options, context: Context) -> http.Session:
    """A session with this account's address and credential."""
    token = options.token.get_secret_value()
    is_key = len(token) <= _LONGEST_KEY
    return http.Session(
        options.url,
        timeout=options.timeout,
        credential=http.Credential("`token`", {"Authorization": f"Token token={token}"})
        if is_key
        else http.bearer(token),
        headers={
            "Accept": "application/vnd.pagerduty+json;version=2",
            "Content-Type": "application/json",
        },
        limits=LIMITS,
        waiting=context.waiting,
    )


def _plan(options: Options, state: Mapping[str, Any], context: Context) -> Plan:
    return Plan(
        origin=http.shown_address(options.url),
        services=options.services,
        start=_start(options, state, context.now),
        lookback=options.lookback,
        asked=_asked(options),
    )


def _asked(options: Options) -> dict[str, Any]:
    keys = {"start", "services", "service", "severity"}
    asked = options.model_dump(mode="json", by_alias=True, include=keys)
    return {"url": http.shown_address(options.url), **asked}


def _start(options: Options, state: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """The creation of the first incident that counts: a year before the first pull by default."""
    if options.start is not None:
        return dt.datetime.combine(options.start, dt.time())
    if state and state["asked"]["start"] is None:
        return dt.datetime.fromisoformat(state["start"])
    return dt.datetime.combine((now - _YEAR).date(), dt.time())


def _maintenance(api: Api, services: frozenset[str] | None) -> str:
    """Whether maintenance windows come too; incidents come without them."""
    try:
        next(iter(api.maintenance_windows(services)), None)
    except http.Rejected as error:
        if not is_out_of_reach(error):
            raise
        return f"Maintenance windows will not come. {error}"
    return "Maintenance windows can be read."


def _whose(session: http.Session) -> str:
    """Whose token this is, in words; who a user is is nobody's business here."""
    try:
        user = session.json("users/me")["user"]
    except (http.Rejected, KeyError, TypeError):
        # PagerDuty has no "me" for a key of the whole account.
        return "`token` as one of the account or of an app"
    return f"`token` as one of a user with the role {user.get('role', 'unknown')}"


def _shown(words: Words, incident: Incident) -> str:
    """An incident in words, without its title, which may name somebody."""
    severity = words.severity(incident.severity)
    parts = [
        words.status(incident.status),
        f"severity {severity}" if severity else "without a priority",
        f"on {words.service(incident.service) or 'no service'}",
        f"created {incident.created_at}",
    ]
    return f"{incident.id}, {', '.join(parts)}"
