"""Brings from Prometheus how long each service was up, down, in maintenance or unknown, by hour."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from connectors import contract, http, promql, tables, uptime
from connectors.contract import Batch, Column, Context, Duration, Shape, SourceError
from connectors.uptime import HOUR

TABLES = ("uptime",)

ENTRY = """\
connector: prometheus
url: http://localhost:9090     # up to, but without, /api/v1
up: probe_success              # PromQL that is 1 while a service is up, 0 while it is down
service: {from: instance}      # the label that names the service; `map:` says what we call it
every: 1 hour
# token: ${PROMETHEUS_TOKEN}   # or `user:` and `password:`, where it wants to know who asks
# maintenance: announced       # PromQL that is 1 while announced maintenance lasts
"""

_DAY = 24 * HOUR
_EPOCH = dt.datetime(1970, 1, 1)
_USUAL_GRID = 60
# Prometheus refuses a question for more than 11,000 points of a series.
_POINTS = 10_000
# What one question should bring: reading takes about 200 bytes a sample.
_SAMPLES = 500_000
_ROWS_A_BATCH = 20_000
_LISTED = 20
_OLDEST = dt.timedelta(days=5 * 365)


class Service(BaseModel):
    """Where a series carries the name of its service, and what we call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str = Field(default="instance", alias="from", min_length=1)
    map: dict[str, str] = Field(default_factory=dict)


class Options(contract.Options):
    """What `sources.yaml` says of a Prometheus, or of a system that answers like one."""

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str
    token: SecretStr | None = None
    user: str | None = None
    password: SecretStr | None = None
    tenant: str | None = None
    up: str = Field(default="probe_success", min_length=1)
    maintenance: str | None = Field(default=None, min_length=1)
    step: Duration | None = None
    service: Service = Service()
    combine: Literal["all", "any"] = "all"
    lookback: Duration = dt.timedelta(hours=2)

    @model_validator(mode="after")
    def _whole(self) -> Options:
        if (self.user is None) != (self.password is None):
            raise ValueError("'user' and 'password' go together: write both, or neither")
        if self.token is not None and self.user is not None:
            raise ValueError("write either 'token', or 'user' and 'password'")
        if self.step is not None and self.step < dt.timedelta(seconds=1):
            raise ValueError("'step' must be at least 1 second")
        return self


def system(options: Options) -> str:
    """The system's name as people know it."""
    return "Prometheus"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Every complete hour since the last pull, and the last few once more; raises SourceError."""
    # Another question gives other hours: all that Prometheus still has are read anew, and do not
    # stay under a service's former name as well.
    is_other = bool(state) and state["question"] != _question(options)
    renamed = set(state["services"]) if is_other else set()
    known = {} if is_other else state.get("services", {})
    until = None if is_other or not state else _epoch(dt.datetime.fromisoformat(state["until"]))
    rows, done = uptime.Rows(), 0
    with connected(options) as session:
        end = _last_end(session, context.now)
        # A clock of ours that was ahead may have left a state from hours that are still to come.
        until = None if until is None else min(until, end)
        census = uptime.Census(known, until, context.full or is_other)
        if until is None:
            start = _first_hour(session, options, context.now)
        else:
            start = (until - int(options.lookback.total_seconds())) // HOUR * HOUR
        for begin, stop, found in _windows(session, options, start, end, census):
            hours = np.arange(begin, stop, HOUR)
            for service, one in sorted(found.items()):
                here = census.expects(service, one, hours)
                rows.add(service, hours[here], one.seconds[here])
            if stop == end and census.began is not None:
                for service in sorted(renamed - set(census.met)):
                    rows.delete(service, np.arange(census.began, end, HOUR))
            if rows.count >= _ROWS_A_BATCH or stop == end:
                done += rows.count
                context.progress(done, None)
                batch = _batch(options, rows, max(stop, until or stop), census)
                # Cut off before its end, a change of question must begin again.
                yield replace(batch, state=None) if is_other and stop < end else batch
                rows = uptime.Rows()


def check(options: Options, context: Context) -> Iterator[str]:
    """Asks for what is up now, names the services, and says from when on a pull would read."""
    with connected(options) as session:
        now = _epoch(context.now)
        found = _now(session, options, "up", now)
        yield f"{http.shown_address(options.url)} answers as a Prometheus does."
        if not found:
            raise SourceError(
                f"No series of {options.up} has a sample now.",
                "Try `up` in Prometheus's own query page, and see that its target is scraped.",
            )
        services = sorted({_service(series["metric"], options) for series in found})
        listed = ", ".join(services[:_LISTED]) + (", …" if len(services) > _LISTED else "")
        yield f"`up` gives {len(found)} series now, of these services: {listed}."
        if options.maintenance is not None:
            announced = len(_now(session, options, "maintenance", now))
            yield f"`maintenance` gives {announced} series now."
        first = _time(_first_hour(session, options, context.now))
        yield f"A first pull looks from {first:%Y-%m-%d} on, and brings whole hours into uptime."


def connected(options: Options) -> http.Session:
    """A session with this source's address and credential."""
    credential = None
    if options.token is not None:
        credential = http.bearer(options.token.get_secret_value())
    elif options.user is not None and options.password is not None:
        credential = http.basic(options.user, options.password.get_secret_value())
    headers = {"X-Scope-OrgID": options.tenant} if options.tenant else {}
    return http.Session(
        options.url, timeout=options.timeout, credential=credential, headers=headers
    )


def measure(
    session: http.Session,
    options: Options,
    start: int,
    stop: int,
    *,
    width: int = HOUR,
    expected: Collection[str] = (),
) -> dict[str, uptime.Measured]:
    """What is known of each service from `start` up to, not including, `stop`.

    Both are seconds since 1970; each row of a result covers `width` of them and adds up to it. The
    services in `expected` are there even without a sample. Raises SourceError.
    """
    label = options.service.label
    probes: dict[str, list[uptime.Samples]] = {name: [] for name in expected}
    for labels, samples in _samples(session, options, "up", start, stop):
        probes.setdefault(_service(labels, options), []).append(samples)
    announced: dict[str | None, list[uptime.Spans]] = {}
    for labels, samples in _samples(session, options, "maintenance", start, stop):
        name = _service(labels, options) if label in labels else None  # None is every service
        # Announcements are seldom written as often as services are probed: their step is their own.
        announced.setdefault(name, []).append(uptime.spans(samples, None))
    edges = np.arange(start, stop + 1, width)
    return {
        name: uptime.measured(
            found,
            [*announced.get(name, ()), *announced.get(None, ())],
            edges,
            step=options.step,
            combine=options.combine,
        )
        for name, found in probes.items()
    }


def _windows(
    session: http.Session, options: Options, start: int, end: int, census: uptime.Census
) -> Iterator[tuple[int, int, dict[str, uptime.Measured]]]:
    """Stretches of whole hours, each with what is known in it and short enough for one question."""
    hours = _window(options, 6)
    while start < end:
        stop = min(start + hours * HOUR, end)
        found = measure(session, options, start, stop, expected=census.met)
        yield start, stop, found
        samples = sum(one.samples for one in found.values())
        if samples:
            hours = _window(options, hours * _SAMPLES // samples)
        start = stop


def _samples(
    session: http.Session,
    options: Options,
    key: Literal["up", "maintenance"],
    start: int,
    stop: int,
) -> Iterator[tuple[dict[str, str], uptime.Samples]]:
    """Labels and samples under a key, with those around that say how long the others speak."""
    expression: str | None = getattr(options, key)
    if expression is None:
        return
    begin, end = start - _margin(options), stop + _margin(options)
    question: dict[str, Any]
    if promql.is_selector(expression):
        # Samples as scraped, each at its own time, so that one at the edge of a range counts once
        # whether or not the range includes its edges (Prometheus 2 does, 3 does not). A question
        # at every step would repeat the last sample for five minutes, and hide the lost ones.
        question = {"query": f"{expression}[{end - begin}s]", "time": end}
        found = _ask(session, "query", question, key)
    else:
        step = _grid(options)
        # On whole steps, so that reading an hour again asks for the same instants.
        reach = {"start": begin // step * step, "end": end // step * step}
        question = {"query": expression, "step": step, **reach}
        found = _ask(session, "query_range", question, key)
    for series in found:
        samples = promql.readings(series, key)
        if len(samples.times):
            yield series["metric"], samples


def _now(
    session: http.Session, options: Options, key: Literal["up", "maintenance"], now: int
) -> list[dict[str, Any]]:
    """The series that an expression gives at this moment, each a zero or a one."""
    question = {"query": getattr(options, key), "time": now}
    found = _ask(session, "query", question, key, kind="vector")
    for series in found:
        promql.readings(series, key)
    return found


def _ask(
    session: http.Session,
    path: str,
    question: Mapping[str, Any],
    key: str,
    kind: Literal["matrix", "vector"] = "matrix",
) -> list[dict[str, Any]]:
    """The series in an answer; raises SourceError for a refusal and for a part of an answer."""
    try:
        answer = session.json(f"api/v1/{path}", form=question)
    except http.Rejected as error:
        if error.status not in (400, 422):
            raise
        what = f"Prometheus refuses `{key}`: {error.said} (it was asked {question['query']})."
        raise http.Rejected(
            error.status, error.said, what, f"Correct the PromQL in `{key}`."
        ) from None
    if not isinstance(answer, dict) or "data" not in answer:
        raise SourceError(
            "The answer is not one of Prometheus's.",
            "Check that `url` is the address of a Prometheus, up to but without /api/v1.",
        )
    if answer.get("warnings"):
        raise SourceError(
            f"Prometheus gave only a part of the answer: {'; '.join(answer['warnings'])}.",
            "None of it was taken; the next refresh asks again.",
        )
    data = answer["data"]
    if data.get("resultType") != kind:
        given = data.get("resultType")
        raise SourceError(
            f"`{key}` gives a {given}, not series.", f"Correct the PromQL in `{key}`."
        )
    found: list[dict[str, Any]] = data["result"]
    return found


def _last_end(session: http.Session, now: dt.datetime) -> int:
    """Where the last hour ended that is over by Prometheus's clock too, which any answer tells."""
    _ask(session, "query", {"query": "vector(1)"}, "up", kind="vector")
    return _epoch(session.by_its_clock(now)) // HOUR * HOUR


def _first_hour(session: http.Session, options: Options, now: dt.datetime) -> int:
    """Where to begin when nothing was pulled before: at `start`, or the first day with samples."""
    oldest = _epoch(now - _OLDEST) // _DAY * _DAY
    if options.start is not None:
        oldest = _epoch(dt.datetime.combine(options.start, dt.time()))
    stretch = f"{options.up}[1d]"
    if not promql.is_selector(options.up):
        stretch = f"({options.up})[1d:{uptime.LONGEST_STEP}s]"
    question = {
        "query": f"count(present_over_time({stretch}))",
        "start": oldest,
        "end": (_epoch(now) // _DAY + 1) * _DAY,
        "step": _DAY,
    }
    try:
        found = _ask(session, "query_range", question, "up")
    except http.Rejected as error:
        if options.start is not None:
            return oldest  # some systems limit how far one question may reach
        advice = f"{error.advice} If it only reaches back too far, declare `start`."
        raise SourceError(error.what, advice) from None
    if not found:
        raise SourceError(
            f"Prometheus has no sample of {options.up} since {_time(oldest).date()}.",
            "Try `up` in Prometheus's own query page; where there are several tenants, name yours.",
        )
    first_seen = int(found[0]["values"][0][0])
    return max(oldest, first_seen - _DAY)


def _question(options: Options) -> dict[str, Any]:
    """What decides, beside Prometheus itself, which hours there are and what they say."""
    keys = {"up", "maintenance", "step", "service", "combine"}
    return options.model_dump(mode="json", by_alias=True, include=keys)


def _batch(options: Options, rows: uptime.Rows, until: int, census: uptime.Census) -> Batch:
    table = rows.table()
    columns = [Column(name) for name in table.column_names if name != "gone"]
    return Batch(
        into="uptime",
        rows=table,
        shape=Shape(tuple(columns), key=tables.TABLES["uptime"].key, deleted="gone"),
        origin=f"{http.shown_address(options.url)} {options.up}",
        state={
            "until": _time(until).isoformat(),
            "services": census.present(until),
            "question": _question(options),
        },
    )


def _service(labels: Mapping[str, str], options: Options) -> str:
    label = options.service.label
    if label not in labels:
        there = ", ".join(sorted(set(labels) - {"__name__"})) or "none"
        raise SourceError(
            f"The series {promql.shown(labels)} has no label '{label}' to name its service.",
            f"Write another one as `service: {{from: LABEL}}`; it has: {there}.",
        )
    return options.service.map.get(labels[label], labels[label])


def _grid(options: Options) -> int:
    """Seconds between the instants at which an expression is asked for."""
    return int(options.step.total_seconds()) if options.step else _USUAL_GRID


def _margin(options: Options) -> int:
    """How far around a stretch of time a sample may bear on it, in seconds."""
    step = options.step.total_seconds() if options.step else 0
    return int(uptime.LATE * max(step, uptime.LONGEST_STEP)) + 1


def _window(options: Options, hours: int) -> int:
    """About so many hours for one question: a day at most, and under Prometheus's cap."""
    expressions = [each for each in (options.up, options.maintenance) if each is not None]
    longest = 24
    if not all(map(promql.is_selector, expressions)):
        longest = min(longest, (_POINTS * _grid(options) - 2 * _margin(options)) // HOUR)
    return max(1, min(hours, longest))


def _epoch(time: dt.datetime) -> int:
    return int((time - _EPOCH).total_seconds())


def _time(epoch: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(seconds=epoch)
