"""Brings incidents from ServiceNow: how many were opened, how often again, and when resolved."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
from pydantic import Field, field_validator

from connectors import contract, http, told_rows
from connectors.contract import Batch, Context, Duration, Named, Present, SourceError
from connectors.servicenow_api import (
    LIMITS,
    MOST,
    Api,
    Record,
    changed_at,
    condition_fields,
    written,
)
from connectors.servicenow_incidents import FIELDS, NEEDED, Rows, States, Words

TABLES = ("incidents", "incident_episodes")
ENTRY = """\
connector: servicenow
url: https://NAME.service-now.com     # the instance, without a path
user: ${SERVICENOW_USER}              # an account that may read incidents; none for an OAuth token
token: ${SERVICENOW_TOKEN}            # its password, or an OAuth token
severity: {from: priority, map: {1: sev1, 2: sev2, 3: sev3, 4: sev4, 5: sev5}}
# incidents: category=software^priority<=3   # an encoded query; by default the whole table
# service: {from: business_service, map: {Shop frontend: Shop}}
# states: {resolved: [6, 7], cancelled: [8]}
# start: 2025-01-01                   # by default one year back
every: 15 minutes
"""

_YEAR = dt.timedelta(days=365)
_WINDOW = dt.timedelta(days=30)
_PAGE = 2_000
# Fields that change when an incident is resolved.
_PASSING = {"active", "closed_at", "incident_state", "resolved_at", "state"}
# Of which one at least should be visible, where any is.
_SAMPLE = 100


class Options(contract.SystemOptions):
    """What `sources.yaml` says of a ServiceNow instance; see docs/servicenow.md."""

    user: str | None = Field(default=None, min_length=1)
    page_size: int | None = Field(default=None, ge=1, le=MOST)
    lookback: Duration = dt.timedelta(minutes=10)
    table: str = Field(default="incident", pattern=r"^[a-z0-9_]+$")
    incidents: str = ""
    severity: Named = Named.model_validate({"from": "priority"})
    service: Named = Named.model_validate({"from": "business_service"})
    states: States = States()

    @field_validator("url")
    @classmethod
    def _is_an_instance(cls, url: str) -> str:
        if re.search(r"/(api|now|nav_to\.do|incident)\b", url):
            raise ValueError("write the instance alone, like https://NAME.service-now.com")
        return url

    @field_validator("incidents")
    @classmethod
    def _is_a_condition(cls, query: str) -> str:
        query = query.strip().removeprefix("^").removesuffix("^EQ")
        if (len(query) - len(query.rstrip("^"))) % 2:
            # Before the next condition it would read as ^^, which is a ^ within a value.
            query = query[:-1]
        parts = query.replace("^^", "").split("^")
        if any(part.startswith("NQ") for part in parts):
            raise ValueError(
                "leave out ^NQ: what follows it would count whenever it changed and was opened; "
                "write alternatives with ^OR, or as two sources"
            )
        if any(part.startswith(("ORDERBY", "GROUPBY")) for part in parts):
            raise ValueError("leave out ORDERBY and GROUPBY: the order is ours")
        passing = [field for field in condition_fields(query) if field in _PASSING]
        if passing:
            raise ValueError(
                f"leave out '{passing[0]}': an incident that stops matching is not read again, so "
                "it would stay open for ever; write in `states` which of them are none"
            )
        return query


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "ServiceNow"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Incidents that are new or changed since the last pull; raises SourceError."""
    is_same = state.get("asked") == _asked(options)
    known = state if is_same and not context.full else {}
    start = _start(options, {} if context.full else state, context.now)
    until = dt.datetime.fromisoformat(known["until"]) if known else None
    since = until - options.lookback if until else None
    words = Words(options.severity, options.service, options.states)
    done, total = 0, None
    with _connected(options, context) as session:
        api = _api(options, session)
        for portion in api.changed(_scope(options, start), [*FIELDS, *words.fields], since):
            total = portion.total if total is None else total
            if not portion.records:
                continue
            if not done:
                _prove(options, api, words, portion.records[0])
                for said in _lacking(options, portion.records[0]):
                    context.notice(said)
            rows = Rows(words)
            for record in portion.records:
                rows.add(record)
            done += len(portion.records)
            context.progress(done, total)
            # A time in the future, from a clock ahead of the instance's or an import, moves no
            # cursor.
            now = session.by_its_clock(context.now)
            seen = min(changed_at(portion.records[-1]), now)
            until = max(seen, until or seen)
            yield from _batches(options, rows, start, until)
    if not done:
        yield from _batches(options, Rows(words), start, until or start)
    _notice(context, words, done, total)


def present(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Present]:
    """The incidents that ServiceNow still has, by the time they were opened; raises SourceError.

    One that was deleted or cancelled, or does not match `incidents` any more, is not among them.
    """
    begin, now = _start(options, state, context.now), context.now.replace(microsecond=0)
    with _connected(options, context) as session:
        api = _api(options, session)
        while begin < now:
            end = min(begin + _WINDOW, now)
            conditions = [options.incidents, f"opened_at>={written(begin)}"]
            conditions.append(f"opened_at<{written(end)}")
            ids = [
                str(record["sys_id"])
                for portion in api.all(conditions, ["sys_id", "state"])
                for record in portion.records
                if not options.states.is_cancelled(record)
            ]
            keys = pa.table({"incident_id": pa.array(ids, pa.string())})
            yield Present("incidents", "opened_at", begin, end, keys)
            begin = end


def check(options: Options, context: Context) -> Iterator[str]:
    """Proves, one sentence at a time, that a pull will do; raises SourceError."""
    start = _start(options, {}, context.now)
    words = Words(options.severity, options.service, options.states)
    fields = [*FIELDS, *words.fields]
    with _connected(options, context) as session:
        api = _api(options, session)
        some = api.newest([], fields, _SAMPLE)
        whose = "`user` and `token`" if options.user else "`token`"
        yield f"Reached {http.shown_address(options.url)}; it takes {whose}."
        if not some.records:
            raise api.nothing_visible(some.total)
        _prove(options, api, words, some.records[0])
        yield (
            f"The table {options.table} can be read, its times count as UTC, and severity and "
            f"service are in {' and '.join(words.named)}."
        )
        yield from _lacking(options, some.records[0])
        found = api.newest(_scope(options, start), fields, _SAMPLE)
        if options.incidents:
            every = api.newest([_opened_since(start)], ["sys_id"], 1)
            yield f"`incidents` takes {_count(found.total)} of {_count(every.total)} records."
        for record in found.records[:1]:
            yield f"The one that changed last: {words.shown(record)}."
        for field in sorted(words.references):
            raise SourceError(*_reference(field))
    yield (
        f"A pull reads {_count(found.total)} records of {options.table}, opened since "
        f"{start:%Y-%m-%d}, into incidents and incident_episodes."
    )


def _connected(options: Options, context: Context) -> http.Session:
    """A session with this instance's address and credential."""
    token = options.token.get_secret_value()
    return http.Session(
        options.url,
        timeout=options.timeout,
        credential=http.basic(options.user, token, "`user` and `token`")
        if options.user
        else http.bearer(token),
        headers={"Accept": "application/json"},
        limits=LIMITS,
        waiting=context.waiting,
    )


def _api(options: Options, session: http.Session) -> Api:
    return Api(session, options.table, options.page_size or _PAGE)


def _prove(options: Options, api: Api, words: Words, record: Record) -> None:
    """That the table has what we read and ask by, and means by a time what we mean."""
    declared = {"severity", "service"} & options.model_fields_set
    bases = dict(zip(("severity", "service"), words.bases, strict=True))
    api.have(record, [*NEEDED, *(bases[key] for key in sorted(declared))])
    api.prove(record, condition_fields(options.incidents))


def _lacking(options: Options, record: Record) -> Iterator[str]:
    """What numbers lack where the table does not have, or not show, what they are made of."""
    if "resolved_at" not in record:
        end = "closing" if "closed_at" in record else "last change"
        yield f"{options.table} shows no resolved_at: what is resolved was so at its {end}."
    if "reopen_count" not in record:
        yield f"{options.table} shows no reopen_count: how often one was re-opened is unknown."


def _batches(
    options: Options, rows: Rows, start: dt.datetime, until: dt.datetime
) -> Iterator[Batch]:
    state = {
        "asked": _asked(options),
        "start": start.isoformat(),
        "until": until.isoformat(),
    }
    for table, there in rows.tables().items():
        yield Batch(
            into=table,
            rows=there,
            shape=told_rows.shape(table, there),
            origin=f"{http.shown_address(options.url)} {options.table}",
            state=state if table == TABLES[-1] else None,
        )


def _scope(options: Options, start: dt.datetime) -> list[str]:
    return [options.incidents, _opened_since(start)]


def _opened_since(start: dt.datetime) -> str:
    # Without a time it belongs to no period: it comes along so that it can be reported.
    return f"opened_at>={written(start)}^ORopened_atISEMPTY"


def _asked(options: Options) -> dict[str, Any]:
    """What decides, beside ServiceNow itself, which rows there are and what they say."""
    keys = {"start", "table", "incidents", "severity", "service", "states"}
    asked = options.model_dump(mode="json", by_alias=True, include=keys)
    return {"url": http.shown_address(options.url), **asked}


def _start(options: Options, state: Mapping[str, Any], now: dt.datetime) -> dt.datetime:
    """The opening of the first incident that counts: a year before the first pull by default."""
    if options.start is not None:
        return dt.datetime.combine(options.start, dt.time())
    if state and state["asked"]["start"] is None:
        return dt.datetime.fromisoformat(state["start"])
    return dt.datetime.combine((now - _YEAR).date(), dt.time())


def _notice(context: Context, words: Words, done: int, total: int | None) -> None:
    """Tells once what was met and is not known here, and what was not shown."""
    if total is not None and done < total:
        context.notice(
            f"ServiceNow has {total:,} records for this pull and shows this account {done:,}: its "
            "access controls keep the others back, and the numbers lack them."
        )
    for word in sorted(words.unknown_severities):
        context.notice(
            f"ServiceNow's severity '{word}' is not in the map of `severity`: it counts as unknown."
        )
    for number in sorted(words.unknown_states):
        context.notice(
            f"The state {number} is not in `states`: whether it is open is told by `active`."
        )
    for field in sorted(words.hidden):
        context.notice(
            f"ServiceNow does not show {field} where there is one: the account needs to read what "
            "it refers to (the role cmdb_read for services)."
        )
    for field in sorted(words.references):
        context.notice(" ".join(_reference(field)))


def _reference(field: str) -> tuple[str, str]:
    return (
        f"The field {field} refers to another table: it has ids for words.",
        f"Write `from: {field}.name`, or another field of that table.",
    )


def _count(total: int | None) -> str:
    return "an unknown number of" if total is None else f"{total:,}"
