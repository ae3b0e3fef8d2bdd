"""Keeps the facts of large tables in files that editions share: only what changed is written.

A segment is a database with all rows of some days, as they were when it was written. Of a day that
several segments hold, the newest one tells. A new segment takes in those that are not much larger
than itself, so that there are few, and each row is written a few times however often is published.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kpi.database_files import new_database
from kpi.fact_tables import SYSTEM, columns_of, create_sql, name_of
from kpi.files import segment_file
from kpi.keeper import digest
from kpi.parsing import quoted
from kpi.periods import DAY
from kpi.stretches import Stretch, at_most, joined, of_days, without
from kpi.touched import EARLIEST, LATEST, Touched
from kpi.transaction import transaction

if TYPE_CHECKING:
    import duckdb

    from kpi.vocabulary import Vocabulary

# Tables with fewer rows are copied whole into every edition.
LARGE = 1_000_000
# A new segment takes in those with at most so many times its rows, and never more are left.
_FACTOR = 2
_MOST = 12
_STRETCHES = 30
_EVERYTHING: Stretch = (EARLIEST, LATEST + DAY)
_ROWS = 'main."rows"'
_UNKNOWN = "_last_seen"

TABLE = """
create table if not exists kpi.segments (
    fact_table varchar, name varchar, number bigint, rows bigint, claim varchar, made_from varchar
);
"""


@dataclass(frozen=True)
class Claim:
    """Which rows of a table: those whose day, by the column `time`, lies in `days`.

    With `timeless` those of which it is not known, too. Without a `time` it is all rows.
    """

    time: str | None
    days: tuple[Stretch, ...]
    timeless: bool

    @property
    def is_empty(self) -> bool:
        """Whether no row can be meant."""
        return not self.days and not self.timeless

    def beyond(self, other: Claim) -> bool:
        """Whether this is of any day that the other is not of."""
        return bool(without(self.days, other.days)) or (self.timeless and not other.timeless)

    def joined(self, other: Claim) -> Claim:
        """The days of both, and no others."""
        days = joined([*self.days, *other.days])
        return Claim(self.time, tuple(days), self.timeless or other.timeless)

    def in_few_stretches(self) -> Claim:
        """The same days, with those between them where there are many stretches."""
        return replace(self, days=tuple(at_most(self.days, _STRETCHES)))

    def condition(self) -> str:
        """That a row is meant, as SQL."""
        if self.time is None or (self.timeless and self.days == (_EVERYTHING,)):
            return "true"
        field = quoted(self.time)
        found = []
        for first, end in self.days:
            bounds = [f"{field} >= date '{first}'"] * (first > EARLIEST)
            bounds += [f"{field} < date '{end}'"] * (end <= LATEST)
            found.append(f"({' and '.join(bounds or [f'{field} is not null'])})")
        if self.timeless:
            found.append(f"{field} is null")
        return f"({' or '.join(found)})"

    def to_json(self) -> str:
        """The claim as the working database keeps it."""
        days = [[first.isoformat(), end.isoformat()] for first, end in self.days]
        return json.dumps({"time": self.time, "days": days, "timeless": self.timeless})

    @classmethod
    def from_json(cls, text: str) -> Claim:
        """The claim that was kept."""
        told = json.loads(text)
        days = ((dt.date.fromisoformat(a), dt.date.fromisoformat(b)) for a, b in told["days"])
        return cls(told["time"], tuple(days), told["timeless"])


@dataclass(frozen=True)
class Segment:
    """A file with the rows of a fact table that it claims, and how many these are.

    What several segments claim is told by the one with the highest number.
    """

    table: str
    name: str
    number: int
    rows: int
    claim: Claim


def bring_up(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    vocabulary: Vocabulary,
    columns: Mapping[str, Mapping[str, str]],
    touched: Touched,
    large: int,
) -> dict[str, list[Segment]]:
    """Writes what was touched of every large table; the segments of each, the oldest first.

    How many rows a table has is what the edition that is being made says of it.
    """
    rows = dict(connection.execute("select name, rows from kpi.tables").fetchall())
    known = _known(connection)
    found: dict[str, list[Segment]] = {}
    for table in columns:
        segments = _Segments(connection, folder, touched, table, known.get(table, []))
        if rows[table] >= (large / 2 if segments.known else large):
            found[table] = segments.bring_up(_time_of(vocabulary, table, columns[table]))
        elif segments.known:
            segments.remember([], "")
    return found


def _known(connection: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[Segment, str]]]:
    """The segments of each table, the oldest first, with what they were made from."""
    found: dict[str, list[tuple[Segment, str]]] = {}
    for table, name, number, rows, claim, made_from in connection.execute(
        "select fact_table, name, number, rows, claim, made_from from kpi.segments order by number"
    ).fetchall():
        segment = Segment(table, name, number, rows, Claim.from_json(claim))
        found.setdefault(table, []).append((segment, made_from))
    return found


def rows_sql(segments: Sequence[Segment]) -> str:
    """The rows of a table as its segments, the oldest first, together tell them."""
    each: list[str] = []
    newer: Claim | None = None
    for segment in reversed(segments):
        rows = f"select * from {quoted(segment.name)}.{_ROWS}"
        each.append(f"{rows} where ({newer.condition()}) is not true" if newer else rows)
        newer = newer.joined(segment.claim) if newer else segment.claim
    return f"({' union all '.join(reversed(each))})"


def clear(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Removes the files that are no segment any more; editions have their own names for theirs."""
    if not folder.is_dir():
        return
    known = connection.execute("select name from kpi.segments").fetchall()
    living = {segment_file(folder, name) for (name,) in known}
    for file in folder.iterdir():
        if file not in living:
            file.unlink(missing_ok=True)


def _time_of(vocabulary: Vocabulary, table: str, columns: Mapping[str, str]) -> str | None:
    """The column by whose days rows are told apart."""
    declared = vocabulary.tables.get(table)
    times = [name for name, kind in columns.items() if kind in ("TIMESTAMP", "DATE")]
    own = [name for name in times if name not in SYSTEM]
    if declared is not None and declared.time in own:
        return declared.time
    return own[0] if own else None


class _Segments:
    """The segments of one table while they are brought up to date."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        touched: Touched,
        table: str,
        known: Sequence[tuple[Segment, str]],
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.touched = touched
        self.table = table
        self.known = [segment for segment, _ in known]
        self._made_from = {made_from for _, made_from in known}

    def bring_up(self, time: str | None) -> list[Segment]:
        """Writes a segment with what was touched, or with everything where that is needed."""
        columns = columns_of(self.connection, self.table)
        made_from = digest(self.table, time, columns, SYSTEM)
        there = all(segment_file(self.folder, each.name).exists() for each in self.known)
        before = self.known if there and self._made_from == {made_from} else []
        claim = self._due(time, anew=not before)
        if claim.is_empty:
            return before
        claim, left = self._taken_in(claim, before)
        number = max((segment.number for segment in before), default=0) + 1
        # Whatever the table is called, this is the name of a file.
        name = f"{re.sub(r'[^0-9A-Za-z]+', '_', self.table)}-{uuid.uuid4().hex[:12]}"
        rows = self._write(name, columns, claim)
        after = [*left, Segment(self.table, name, number, rows, claim)]
        self.remember(after, made_from)
        return after

    def remember(self, segments: Sequence[Segment], made_from: str) -> None:
        """Notes that these are the segments of the table now."""
        with transaction(self.connection):
            self.connection.execute("delete from kpi.segments where fact_table = ?", (self.table,))
            for s in segments:
                row = (s.table, s.name, s.number, s.rows, s.claim.to_json(), made_from)
                self.connection.execute("insert into kpi.segments values (?, ?, ?, ?, ?, ?)", row)

    def _due(self, time: str | None, *, anew: bool) -> Claim:
        touched, table = self.touched, self.table
        if anew or touched.all(table) or (time is None and touched.any(table)):
            return Claim(time, (_EVERYTHING,), timeless=True)
        if time is None:
            return Claim(time, (), timeless=False)
        days = tuple(of_days(touched.days(table, time)))
        return Claim(time, days, touched.without_day(table, time)).in_few_stretches()

    def _taken_in(self, claim: Claim, before: Sequence[Segment]) -> tuple[Claim, list[Segment]]:
        """The claim with those that the new segment takes in, and the segments that stay."""
        left = _beside(before, claim)
        ((rows,),) = self.connection.execute(
            f"select count(*) from {name_of(self.table)} "
            f"where _deleted_at is null and {claim.condition()}"
        ).fetchall()
        while left:
            smallest = min(left, key=lambda segment: segment.rows)
            if smallest.rows > _FACTOR * rows and len(left) < _MOST:
                break
            rows += smallest.rows
            claim = claim.joined(smallest.claim).in_few_stretches()
            left = _beside(left, claim)
        return claim, left

    def _write(self, name: str, columns: Mapping[str, str], claim: Claim) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        # When a row was last seen changes without the row: here that is not known.
        selected = ", ".join(
            f"cast(null as {SYSTEM[column]}) as {column}" if column == _UNKNOWN else quoted(column)
            for column in (*columns, *SYSTEM)
        )
        connection, alias = self.connection, quoted(name)
        with new_database(connection, segment_file(self.folder, name), name):
            connection.execute(create_sql(f"{alias}.{_ROWS}", columns, ()))
            ((rows,),) = connection.execute(
                f"insert into {alias}.{_ROWS} select {selected} from {name_of(self.table)} "
                f"where _deleted_at is null and {claim.condition()}"
            ).fetchall()
        return int(rows)


def _beside(segments: Sequence[Segment], newest: Claim) -> list[Segment]:
    """The segments of which anybody still reads a row beside a newer one with this claim."""
    found: list[Segment] = []
    for segment in reversed(segments):
        if segment.claim.beyond(newest):
            found.insert(0, segment)
        newest = newest.joined(segment.claim)
    return found
