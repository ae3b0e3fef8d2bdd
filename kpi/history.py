"""Remembers what each edition said of every complete period, and records what a later one changes.

The working database keeps the numbers of two publications: the one that people read, and the one
that is being made. Who is killed between making and publishing leaves an edition that nobody has
seen; the next publication drops its numbers and compares with those that were published.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kpi import redefining
from kpi.answers import Cell, Readable, ask_apart, told
from kpi.formats import decimals
from kpi.periods import DAY, FIRST_DAY, period_of
from kpi.questions import NotComputable, Question, QuestionRefused, check_question
from kpi.restated import Cause, Key
from kpi.transaction import transaction
from kpi.vocabulary import Metric, Vocabulary

if TYPE_CHECKING:
    import duckdb

GRAINS = ("week", "month", "quarter")
Query = Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]]
_INSTANT = dt.timedelta(microseconds=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """The edition that is being made; `before` is the file that CURRENT names, if any."""

    number: int
    file: str
    at: dt.datetime
    before: str | None


@dataclass(frozen=True)
class _Said:
    """What an edition said of one period, and a digest of what the number meant then."""

    value: float | None
    digest: str


def record(connection: duckdb.DuckDBPyConnection, edition: Readable, new: Publication) -> None:
    """Writes the new edition's numbers, what they restate and what it defines anew, or nothing."""
    before, unpublished = _publications(connection, new.before)
    old = _said(connection, before)
    failed: set[str] = set()
    now = dict(_numbers(edition, old, failed))
    changed = list(_changed(edition.vocabulary, old, now))
    with transaction(connection):
        _forget(connection, before, unpublished)
        connection.execute(
            "insert into kpi.publications select ?, coalesce(max(turn), 0) + 1 "
            "from kpi.publications",
            (new.file,),
        )
        redefining.record(
            connection,
            edition.vocabulary.document,
            number=new.number,
            file=new.file,
            at=new.at,
            before=before,
            unpublished=unpublished,
        )
        _insert(
            connection,
            "kpi.history",
            [(new.file, *key, said.value, said.digest) for key, said in now.items()],
        )
        _insert(
            connection,
            "kpi.restated",
            [(*key, a, b, new.number, new.at, why, new.file) for key, a, b, why in changed],
        )
        connection.execute("delete from kpi.computed")
        _insert(connection, "kpi.computed", list(_computed(edition, failed)))


def digests(vocabulary: Vocabulary) -> dict[str, str]:
    """A text for each metric that differs when anything did that its number follows from.

    A number for a whole period does not follow from labels, targets or dimensions.
    """
    found: dict[str, str] = {}

    def digest(name: str) -> str:
        if name not in found:
            metric = vocabulary.metrics[name]
            tables = [vocabulary.tables[table] for table in metric.tables]
            means = (
                " ".join(metric.text.split()),
                *(metric.empty, metric.time, metric.reach),
                *((t.name, t.time, t.settles_after, t.grain, t.lookup) for t in tables),
                *(digest(below) for below in metric.inputs),
                vocabulary.calendar,
            )
            found[name] = hashlib.sha256(repr(means).encode()).hexdigest()[:16]
        return found[name]

    return {name: digest(name) for name in vocabulary.metrics}


def computed_before(vocabulary: Vocabulary, query: Query) -> set[str]:
    """The metrics that an edition has computed by the very definition that they have now."""
    try:
        rows = query("select metric, digest from kpi.computed", {})
    except NotComputable:
        return set()  # an edition of another version of this program
    known = {(metric, digest) for metric, digest in rows}
    return {metric for metric, digest in digests(vocabulary).items() if (metric, digest) in known}


def _computed(edition: Readable, failed: set[str]) -> Iterator[tuple[str, str]]:
    """Every metric that could be computed over facts that are there, with its meaning."""
    for name, digest in digests(edition.vocabulary).items():
        tables = edition.vocabulary.metrics[name].tables
        if name not in failed and all(table in edition.facts for table in tables):
            yield name, digest


def _publications(
    connection: duckdb.DuckDBPyConnection, current: str | None
) -> tuple[str | None, list[str]]:
    """The file whose numbers people read, and the files of numbers that were never published."""
    rows = connection.execute("select file from kpi.publications order by turn").fetchall()
    files = [file for (file,) in rows]
    if current in files:
        return current, files[files.index(current) + 1 :]
    # The last one was made and never pointed at; without the pointer nobody knows of it either.
    return (files[0], files[1:]) if len(files) > 1 else (None, files)


def _said(connection: duckdb.DuckDBPyConnection, file: str | None) -> dict[Key, _Said]:
    rows = connection.execute(
        "select metric, grain, period, value, digest from kpi.history where file = ?", (file,)
    ).fetchall()
    return {(metric, grain, day): _Said(*said) for metric, grain, day, *said in rows}


def _numbers(
    edition: Readable, old: Mapping[Key, _Said], failed: set[str]
) -> Iterator[tuple[Key, _Said]]:
    """What the new edition says of every period that is complete, or of which one had spoken.

    The names of metrics that cannot be computed are put into `failed`.
    """
    vocabulary = edition.vocabulary
    meaning = digests(vocabulary)
    for grain in GRAINS:
        metrics = [m for m in vocabulary.metrics.values() if _has(vocabulary, m, grain)]
        names = {metric.name for metric in metrics}
        kept = {key: said for key, said in old.items() if key[0] in names and key[1] == grain}
        for cell in _cells(edition, metrics, grain, old, failed):
            if cell.period is None:
                continue
            named = (cell.metric, grain, cell.period)
            if cell.complete or (named in kept and _is_told(edition, named)):
                kept.pop(named, None)
                yield named, _Said(cell.value, meaning[cell.metric])
        for named, said in kept.items():
            # A source that is late or new does not unsay what was known of a period, but where
            # weeks or quarters begin on other days the old one is no period any more.
            if period_of(vocabulary.calendar, grain, named[2]).start == named[2]:
                yield named, said


def _has(vocabulary: Vocabulary, metric: Metric, grain: str) -> bool:
    try:
        check_question(vocabulary, Question((metric.name,), grain))
    except QuestionRefused:
        return False
    return True


def _is_told(edition: Readable, key: Key) -> bool:
    name, grain, day = key
    period = period_of(edition.vocabulary.calendar, grain, day)
    return told(edition, edition.vocabulary.metrics[name], period)


def _cells(
    edition: Readable,
    metrics: list[Metric],
    grain: str,
    old: Mapping[Key, _Said],
    failed: set[str],
) -> Iterable[Cell]:
    """What every metric that can be computed is in every period that may be told of."""
    tables = {table for metric in metrics for table in metric.tables}
    facts = [edition.facts[table] for table in tables if table in edition.facts]
    starts = [f.first_day for f in facts if f.first_day] + [d for _, g, d in old if g == grain]
    ends = [moment for table, moment in edition.fresh_until.items() if table in tables]
    if not starts or not ends:
        return ()
    start = max(min(starts), FIRST_DAY)
    end = edition.vocabulary.calendar.local_day(max(ends) - _INSTANT) + DAY
    if start >= end:
        return ()
    question = Question(tuple(metric.name for metric in metrics), grain, start=start, end=end)
    answer, refused = ask_apart(edition, question)
    for name, why in refused.items():
        _log.warning("'%s' by %s cannot be compared: %s", name, grain, why)
        failed.add(name)
    return answer.cells


def _changed(
    vocabulary: Vocabulary, old: Mapping[Key, _Said], now: Mapping[Key, _Said]
) -> Iterator[tuple[Key, float | None, float | None, Cause]]:
    for key, said in now.items():
        before = old.get(key)
        if before is None or _same(vocabulary.metrics[key[0]], before.value, said.value):
            continue
        cause: Cause = "data" if before.digest == said.digest else "definition"
        yield key, before.value, said.value, cause


def _same(metric: Metric, old: float | None, new: float | None) -> bool:
    """Whether two numbers read the same on the screens."""
    if old is None or new is None:
        return old is new
    places = decimals(metric)
    # Sums of doubles differ in their last bits, which at an edge would round to two numbers.
    return round(old, places) == round(new, places) or math.isclose(old, new, rel_tol=1e-12)


def _forget(
    connection: duckdb.DuckDBPyConnection, before: str | None, unpublished: list[str]
) -> None:
    """Leaves the published numbers and the log of what was published."""
    connection.execute("delete from kpi.history where file is distinct from ?", (before,))
    connection.execute("delete from kpi.publications where file is distinct from ?", (before,))
    for file in unpublished:
        connection.execute("delete from kpi.restated where file = ?", (file,))


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    types = _TYPES[table]
    columns = [
        pa.array(column, kind) for column, kind in zip(zip(*rows, strict=True), types, strict=True)
    ]
    names = [f"c{index}" for index in range(len(columns))]
    connection.register("rows_to_write", pa.table(columns, names=names))
    connection.execute(f"insert into {table} from rows_to_write")
    connection.unregister("rows_to_write")


_KEY = (pa.string(), pa.string(), pa.date32())
_TYPES = {
    "kpi.computed": (pa.string(), pa.string()),
    "kpi.history": (pa.string(), *_KEY, pa.float64(), pa.string()),
    "kpi.restated": (
        *_KEY,
        *(pa.float64(), pa.float64()),
        *(pa.int32(), pa.timestamp("us"), pa.string(), pa.string()),
    ),
}
TABLES = """
create table if not exists kpi.computed (metric varchar, digest varchar);
create table if not exists kpi.publications (file varchar, turn bigint);
create table if not exists kpi.history (
    file varchar, metric varchar, grain varchar, period date, value double, digest varchar
);
create table if not exists kpi.restated (
    metric varchar, grain varchar, period date, old double, new double, edition integer,
    restated_at timestamp, cause varchar, file varchar
);
"""
