"""Keeps the facts of large tables in files that editions share: only what changed is written.

A segment is a database with all rows of some days, as they were when it was written. Of a day that
several segments hold, the newest one tells. A new segment takes in those that are not much larger
than itself, so that there are few, and each row is written a few times however often is published.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kpi.fact_tables import SYSTEM, columns_of, create_sql, name_of
from kpi.files import UNFINISHED, flush, segment_file
from kpi.keeper import digest
from kpi.parsing import literal, quoted
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
    fact_table varchar, name varchar, number bigint, rows bigint, claims varchar, made_from varchar
);
"""


@dataclass(frozen=True)
class Segment:
    """A file with the rows of a fact table whose day lies in `days`, or is unknown (`timeless`)."""

    table: str
    name: str
    number: int
    rows: int
    days: tuple[Stretch, ...]
    timeless: bool

    def claims(self) -> str:
        """What it holds as a text."""
        days = [[first.isoformat(), end.isoformat()] for first, end in self.days]
        return json.dumps({"days": days, "timeless": self.timeless})


def bring_up(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    vocabulary: Vocabulary,
    columns: Mapping[str, Mapping[str, str]],
    touched: Touched,
    large: int,
) -> dict[str, list[Segment]]:
    """Writes what was touched of every large table; the segments of each, the oldest first."""
    keeper = _Segments(connection, folder, touched)
    found: dict[str, list[Segment]] = {}
    for table in columns:
        known = keeper.known(table)
        ((rows,),) = connection.execute(
            f"select count(*) from {name_of(table)} where _deleted_at is null"
        ).fetchall()
        if rows >= (large / 2 if known else large):
            found[table] = keeper.bring_up(table, time_of(vocabulary, table, columns[table]))
        elif known:
            connection.execute("delete from kpi.segments where fact_table = ?", (table,))
    return found


def clear(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Removes the files that are no segment any more; editions have their own names for theirs."""
    if not folder.is_dir():
        return
    known = connection.execute("select name from kpi.segments").fetchall()
    living = {segment_file(folder, name) for (name,) in known}
    for file in folder.iterdir():
        if file not in living:
            file.unlink(missing_ok=True)


def time_of(vocabulary: Vocabulary, table: str, columns: Mapping[str, str]) -> str | None:
    """The column by whose days rows are told apart."""
    declared = vocabulary.tables.get(table)
    times = [name for name, kind in columns.items() if kind in ("TIMESTAMP", "DATE")]
    own = [name for name in times if name not in SYSTEM]
    if declared is not None and declared.time in own:
        return declared.time
    return own[0] if own else None


class _Segments:
    """The segments of a working database while they are brought up to date."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, touched: Touched
    ) -> None:
        self.connection = connection
        self.folder = folder
        self.touched = touched

    def known(self, table: str) -> list[tuple[Segment, str]]:
        """The segments of a table, the oldest first, each with what it was made from."""
        rows = self.connection.execute(
            "select name, number, rows, claims, made_from from kpi.segments "
            "where fact_table = ? order by number",
            (table,),
        ).fetchall()
        found = []
        for name, number, count, claims, made_from in rows:
            told = json.loads(claims)
            days = tuple(
                (dt.date.fromisoformat(first), dt.date.fromisoformat(end))
                for first, end in told["days"]
            )
            segment = Segment(table, name, number, count, days, told["timeless"])
            found.append((segment, made_from))
        return found

    def bring_up(self, table: str, time: str | None) -> list[Segment]:
        """Writes a segment with what was touched, or with everything where that is needed."""
        columns = columns_of(self.connection, table)
        made_from = digest(table, time, columns, SYSTEM)
        known = self.known(table)
        sound = known and all(
            made == made_from and segment_file(self.folder, segment.name).exists()
            for segment, made in known
        )
        before = [segment for segment, _ in known] if sound else []
        days, timeless = self._due(table, time, anew=not before)
        if not days and not timeless:
            return before
        days, timeless, left = self._taken_in(table, time, days, timeless, before)
        number = max((segment.number for segment in before), default=0) + 1
        name = f"{table}-{uuid.uuid4().hex[:12]}"
        rows = self._write(name, table, columns, _lies(time, days, timeless))
        new = Segment(table, name, number, rows, tuple(days), timeless)
        self._remember([*left, new], table, made_from)
        return [*left, new]

    def _due(self, table: str, time: str | None, *, anew: bool) -> tuple[list[Stretch], bool]:
        if anew or self.touched.all(table) or (time is None and self.touched.any(table)):
            return [_EVERYTHING], True
        if time is None:
            return [], False
        days = at_most(of_days(self.touched.days(table, time)), _STRETCHES)
        return days, self.touched.without_day(table, time)

    def _taken_in(
        self,
        table: str,
        time: str | None,
        days: list[Stretch],
        timeless: bool,
        before: Sequence[Segment],
    ) -> tuple[list[Stretch], bool, list[Segment]]:
        """The days of the new segment with those that it takes in, and the segments that stay."""
        left = _beside(before, days, timeless)
        ((rows,),) = self.connection.execute(
            f"select count(*) from {name_of(table)} "
            f"where _deleted_at is null and {_lies(time, days, timeless)}"
        ).fetchall()
        while left:
            smallest = min(left, key=lambda segment: segment.rows)
            if smallest.rows > _FACTOR * rows and len(left) < _MOST:
                break
            rows += smallest.rows
            days = at_most([*days, *smallest.days], _STRETCHES)
            timeless |= smallest.timeless
            left = _beside(left, days, timeless)
        return days, timeless, left

    def _write(self, name: str, table: str, columns: Mapping[str, str], where: str) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = segment_file(self.folder, name)
        unfinished = file.with_name(file.name + UNFINISHED)
        # When a row was last seen changes without the row: here that is not known.
        selected = ", ".join(
            f"cast(null as {SYSTEM[column]}) as {column}" if column == _UNKNOWN else quoted(column)
            for column in (*columns, *SYSTEM)
        )
        connection, alias = self.connection, quoted(name)
        connection.execute(f"attach {literal(str(unfinished))} as {alias}")
        try:
            connection.execute(create_sql(f"{alias}.{_ROWS}", columns, ()))
            ((rows,),) = connection.execute(
                f"insert into {alias}.{_ROWS} select {selected} from {name_of(table)} "
                f"where _deleted_at is null and {where}"
            ).fetchall()
        finally:
            connection.execute(f"detach {alias}")
        flush(unfinished)
        unfinished.replace(file)
        flush(self.folder)
        return int(rows)

    def _remember(self, segments: Sequence[Segment], table: str, made_from: str) -> None:
        connection = self.connection
        with transaction(connection):
            connection.execute("delete from kpi.segments where fact_table = ?", (table,))
            for s in segments:
                row = (s.table, s.name, s.number, s.rows, s.claims(), made_from)
                connection.execute("insert into kpi.segments values (?, ?, ?, ?, ?, ?)", row)


def _beside(segments: Sequence[Segment], days: Sequence[Stretch], timeless: bool) -> list[Segment]:
    """The segments that stay beside a newer one of these days."""
    newest = Segment("", "", 0, 0, tuple(days), timeless)
    return _living([*segments, newest])[:-1]


def _living(segments: Sequence[Segment]) -> list[Segment]:
    """The segments of which anybody reads a row: not all their days are held by newer ones."""
    days: list[Stretch] = []
    timeless = False
    found: list[Segment] = []
    for segment in reversed(segments):
        if without(segment.days, days) or (segment.timeless and not timeless):
            found.insert(0, segment)
        days += segment.days
        timeless |= segment.timeless
    return found


def rows_sql(time: str | None, segments: Sequence[Segment]) -> str:
    """The rows of a table as its segments together tell them."""
    each: list[str] = []
    days: list[Stretch] = []
    timeless = False
    for segment in reversed(segments):
        newer = f"({_lies(time, joined(days), timeless)}) is not true" if days or timeless else ""
        rows = f"select * from {quoted(segment.name)}.{_ROWS}"
        each.append(f"{rows} where {newer}" if newer else rows)
        days += segment.days
        timeless |= segment.timeless
    return f"({' union all '.join(reversed(each))})"


def _lies(time: str | None, days: Sequence[Stretch], timeless: bool) -> str:
    """The condition that a row's day lies in these stretches."""
    if time is None or (list(days) == [_EVERYTHING] and timeless):
        return "true"
    field = quoted(time)
    found = []
    for first, end in days:
        bounds = [f"{field} >= date '{first}'"] * (first > EARLIEST)
        bounds += [f"{field} < date '{end}'"] * (end <= LATEST)
        found.append(f"({' and '.join(bounds or [f'{field} is not null'])})")
    if timeless:
        found.append(f"{field} is null")
    return f"({' or '.join(found)})"
