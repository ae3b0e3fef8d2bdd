"""What an edition tells of its sources and fact tables: what came, when, and how fresh it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kpi import rollups
from kpi.elsewhere import Unasked
from kpi.periods import Calendar
from kpi.questions import Facts, NotComputable
from kpi.reader import Reader
from kpi.rollups import Rollup

Query = Callable[..., list[tuple[Any, ...]]]

_LATE_AFTER = 3  # times `every`
_INSTANT = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class SourceReport:
    """What one source last brought; times are naive UTC, counts are rows.

    `new_rows` and `changed_rows` are of the last run, `rows_total` of all that the source holds,
    `rejected_7d` of the seven days before the edition.
    """

    source: str
    connector: str
    system: str
    into: tuple[str, ...]
    every: dt.timedelta | None
    last_run_at: dt.datetime | None
    last_outcome: Literal["good", "failed"] | None
    failing_since: dt.datetime | None
    last_good_at: dt.datetime | None
    as_of: dt.datetime | None
    new_rows: int
    changed_rows: int
    rows_total: int
    rejected_7d: int
    error: str | None
    advice: str | None


@dataclass(frozen=True)
class TableReport:
    """How far one fact table reaches, in local days; `fresh_until` is naive UTC."""

    name: str
    first_day: dt.date | None
    last_day: dt.date | None
    fresh_until: dt.datetime | None
    rows: int
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Freshness:
    """A word about a source and the age of what it last brought, where it brought anything."""

    word: Literal["fresh", "late", "failing", "no rows yet"]
    age: dt.timedelta | None


def freshness(report: SourceReport, now: dt.datetime) -> Freshness:
    """How a source stands at `now` (naive UTC): late is older than three times its `every`."""
    brought = report.as_of or report.last_good_at
    age = now - brought if brought else None
    if report.last_outcome == "failed":
        return Freshness("failing", age)
    if age is None or report.rows_total == 0:
        return Freshness("no rows yet", age)
    late = report.every is not None and age > _LATE_AFTER * report.every
    return Freshness("late" if late else "fresh", age)


def read_sources(query: Query, published_at: dt.datetime) -> tuple[SourceReport, ...]:
    """The report of every declared source, in the order of `sources.yaml`."""
    return tuple(
        SourceReport(
            source,
            connector,
            system,
            tuple(into),
            None if every is None else dt.timedelta(seconds=every),
            *rest,
        )
        for source, connector, system, into, every, *rest in query(
            _REPORTS, {"published_at": published_at}
        )
    )


def read_tables(query: Query) -> dict[str, TableReport]:
    """The report of every fact table by its name."""
    return {
        name: TableReport(name, first_day, last_day, fresh_until, rows, tuple(sources))
        for name, first_day, last_day, fresh_until, rows, sources in query(
            "select name, first_day, last_day, fresh_until, rows, sources from kpi.tables"
        )
    }


def read_columns(query: Query) -> dict[str, dict[str, str]]:
    """Name and DuckDB type of every column, by fact table."""
    columns: dict[str, dict[str, str]] = {}
    for table, column, kind in query(_COLUMNS):
        columns.setdefault(table, {})[column] = kind
    return columns


def read_facts(
    query: Query,
    tables: Mapping[str, TableReport],
    calendar: Calendar,
    reader: Reader | None = None,
) -> dict[str, Facts]:
    """What questions must know of every fact table that has columns.

    `reader` is asked about rows in lakes; without one what needs them is not computable.
    """
    kept = read_rollups(query)
    in_lakes = read_in_lakes(query)
    return {
        table: Facts(
            kinds,
            report.first_day,
            _fresh_day(report, calendar),
            kept.get(table, ()),
            (reader or Unasked()) if table in in_lakes else None,
            stands_alone=table in in_lakes,
        )
        for table, kinds in read_columns(query).items()
        if (report := tables.get(table))
    }


def read_in_lakes(query: Query) -> set[str]:
    """The fact tables whose rows lie in lakes; none in an edition of an earlier version."""
    try:
        return {table for (table,) in query("select fact_table from kpi.lake_tables")}
    except NotComputable:
        return set()


def extent_in_lake(
    query: Query, calendar: Calendar, table: str, time: str
) -> Sequence[tuple[Any, ...]]:
    """The first and last local day of a time of a fact table that lies in a lake, where known."""
    return query(
        "select first_day, last_day from kpi.extents "
        "where fact_table = $table and field = $time and calendar = $zone",
        {"table": table, "time": time, "zone": calendar.timezone},
    )


def read_rollups(query: Query) -> dict[str, tuple[Rollup, ...]]:
    """What is kept ready of each fact table; nothing in an edition of an earlier version."""
    try:
        return rollups.read(query)
    except NotComputable:
        return {}


def fresh_until(tables: Mapping[str, TableReport]) -> dict[str, dt.datetime]:
    """Up to when (naive UTC) the sources of each fact table have told, where they have."""
    return {t.name: t.fresh_until for t in tables.values() if t.fresh_until is not None}


def _fresh_day(report: TableReport, calendar: Calendar) -> dt.date | None:
    # At midnight sharp a source has told of the day that ends, and nothing of the next.
    if report.fresh_until is None:
        return None
    return calendar.local_day(report.fresh_until - _INSTANT)


_COLUMNS = """
select table_name, column_name, data_type from kpi.columns order by rowid
"""

_REPORTS = """
with run as (select * from kpi.runs where outcome <> 'running'),
last as (select * from run qualify row_number() over (partition by source order by run desc) = 1),
good as (
    select
        source, max(run) as run,
        arg_max_null(started_at, run) as started_at, arg_max_null(as_of, run) as as_of
    from run where outcome = 'good' group by source
),
failing as (
    select run.source, min(run.started_at) as since
    from run left join good on good.source = run.source
    where run.outcome = 'failed' and run.run > coalesce(good.run, -1)
    group by run.source
),
rejected as (
    select source, sum(rejected_rows)::bigint as rejected
    from kpi.runs where started_at > $published_at - interval 7 days group by source
)
select
    s.source, s.connector, s.system, s.into_tables, s.every_seconds,
    last.started_at, last.outcome, failing.since, good.started_at, good.as_of,
    coalesce(last.new_rows, 0), coalesce(last.changed_rows, 0), s.rows_total,
    coalesce(rejected.rejected, 0), last.error, last.advice
from kpi.sources s
left join last on last.source = s.source
left join good on good.source = s.source
left join failing on failing.source = s.source
left join rejected on rejected.source = s.source
order by s.position
"""
