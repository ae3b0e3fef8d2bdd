"""Stages the rows of one delivery: typed, freed of what cannot be read, one row a key."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import duckdb

from connectors.contract import Mode, SourceError
from kpi.fact_tables import INCOMING, SYSTEM, columns_of, create_sql, name_of
from kpi.landing import Plan, word_of
from kpi.parsing import literal, quoted
from kpi.raw_rows import RawRows, Reject, told_whole

# A delivery that is wrong from end to end would otherwise fill the database with its rejects.
KEPT_REJECTS = 1000
# A text for which a map makes no sense would fill it with its words.
KEPT_WORDS = 1000
# As many hashes of keys are looked at together: 40 MB.
_HASHES = 5_000_000
# Several deliveries may wait side by side, also for one table.
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Origin:
    """Who brings rows, where to, when (naive UTC) and in which run."""

    source: str
    into: str
    run: int
    at: dt.datetime

    def system(self) -> dict[str, str]:
        """The system columns of a new row, as SQL."""
        moment = f"timestamp {literal(self.at)}"
        values = (literal(self.source), moment, moment, "null", str(self.run))
        return {
            name: f"cast({value} as {kind})"
            for (name, kind), value in zip(SYSTEM.items(), values, strict=True)
        }


class Staged:
    """Typed rows that wait to become facts, beside those that cannot be read (`_reason`)."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        origin: Origin,
        plan: Plan,
        mode: Mode,
        *,
        whole: bool,
        anew: bool,
    ) -> None:
        """`whole`: the rows are to be the whole fact table, and so are written only once.
        `anew`: the source's earlier rows make way, because none of them can be met."""
        self.connection = connection
        self.origin = origin
        self.plan = plan
        self.mode = mode
        self.whole = whole
        self.anew = anew
        self.table = name_of(INCOMING) if whole else f"temp.main.staged_{next(_numbers)}"
        self.rows = 0  # those that cannot be read among them
        self.rejected = 0  # those that are no rows at all among them
        self.rejects: list[Reject] = []

    def fill(self, raw: RawRows) -> None:
        """Reads the rows, and finds out where the rejected ones stand."""
        try:
            self._select(raw)
        except duckdb.Error as error:
            if not raw.retry(error):
                raise
            self._select(raw)
        ((rows, refused),) = self.connection.execute(
            f"select count(*), count(_reason) from {self.table}"
        ).fetchall()
        raw.check_unchanged()
        self.rows, self.rejected = rows + raw.faults, refused + raw.faults
        if self.rejected:
            first = self.connection.execute(
                f"select rowid, _reason from {self.table} where _reason is not null "
                f"order by rowid limit {KEPT_REJECTS}"
            ).fetchall()
            self.rejects = raw.rejects(dict(first))

    def unknown_words(self) -> dict[str, list[str]]:
        """By fact column: the source's words that its map does not know, as they came."""
        return {
            column.name: self._words(word_of(column.name))
            for column in self.plan.columns
            if column.word is not None
        }

    def refuse_if_hopeless(self) -> None:
        """Raises SourceError where there are rows and not one of them can be read."""
        if not self.rejected or self.rejected < self.rows:
            return
        first = min(self.rejects, key=lambda reject: reject.line or 0)
        place = f"{first.origin}, line {first.line}" if first.line else first.origin
        raise SourceError(
            f"None of the {self.rejected:,} rows can be read. The first ({place}): {first.reason}.",
            "Check this source's columns, types and formats in sources.yaml.",
        )

    def add(self, other: Staged) -> None:
        """Takes in the rows of a later batch of the same delivery."""
        there = {row[0] for row in self.connection.execute(f"describe {self.table}").fetchall()}
        for name, kind, *_ in self.connection.execute(f"describe {other.table}").fetchall():
            if name not in there:
                self.connection.execute(
                    f"alter table {self.table} add column {quoted(name)} {kind}"
                )
        self.connection.execute(f"insert into {self.table} by name from {other.table}")
        known = self.plan.types()
        more = tuple(column for column in other.plan.columns if column.name not in known)
        self.plan = replace(self.plan, columns=self.plan.columns + more)
        self.rows += other.rows
        self.rejected += other.rejected
        self.rejects = self.rejects or other.rejects

    def finish(self) -> None:
        """Leaves what is to be merged: one row a key, and of a whole table nothing else."""
        if self.plan.key and self.mode != "append":
            self._keep_last()
        if self.whole:
            self._strip()

    def drop(self) -> None:
        """Throws away what is left of the staged rows."""
        self.connection.execute(f"drop table if exists {self.table}")

    def _words(self, staged: str) -> list[str]:
        found = self.connection.execute(
            f"select {quoted(staged)} from {self.table} "
            f"where {quoted(staged)} is not null and _reason is null "
            f"group by 1 order by min(rowid) limit {KEPT_WORDS}"
        ).fetchall()
        return [word for (word,) in found]

    def _select(self, raw: RawRows) -> None:
        self.drop()
        if not self.whole:
            with told_whole():
                self.connection.execute(
                    f"create temp table {self.table} as {self.plan.select(raw.sql)}"
                )
            return
        plan, delivered = self.plan, self.plan.types()
        own = columns_of(self.connection, self.origin.into)
        items = {
            name: quoted(name) if name in delivered else f"cast(null as {kind})"
            for name, kind in own.items()
        }
        extras = {name: kind for name, (_, kind) in plan.extras().items()} | {"_reason": "VARCHAR"}
        self.connection.execute(create_sql(self.table, own, plan.key, extras))
        selected = plan.select(raw.sql, items | self.origin.system())
        with told_whole():
            self.connection.execute(f"insert into {self.table} {selected}")

    def _keep_last(self) -> None:
        key = names(self.plan.key)
        if not self._keys_may_repeat(key):
            return
        twice = (
            f"select {key} from {self.table} where _reason is null "
            f"group by {key} having count(*) > 1"
        )
        self.connection.execute(
            f"delete from {self.table} where rowid in (select rowid from ("
            f"select rowid, row_number() over (partition by {key} order by "
            f"{self.plan.last_first()}) as place from {self.table} "
            f"where _reason is null and ({key}) in ({twice})) where place > 1)"
        )

    def _keys_may_repeat(self, key: str) -> bool:
        """Whether two good rows have one key, or keys of one hash. Sorting hashes takes a third of
        the time of grouping keys; in parts, so that memory does not grow with the rows."""
        parts = -(-self.rows // _HASHES)
        for part in range(parts):
            hashes: Any = self.connection.execute(
                f"select hash({key}) as h from {self.table} "
                f"where _reason is null and hash({key}) % {parts} = {part}"
                if parts > 1
                else f"select hash({key}) as h from {self.table} where _reason is null"
            ).fetchnumpy()["h"]
            hashes.sort()
            if (hashes[1:] == hashes[:-1]).any():
                return True
        return False

    def _strip(self) -> None:
        wrong = "_reason is not null" + (" or _gone" if self.plan.gone else "")
        if self.rejected or self.plan.gone:
            self.connection.execute(f"delete from {self.table} where {wrong}")
        for name in (*self.plan.extras(), "_reason"):
            self.connection.execute(f"alter table {self.table} drop column {quoted(name)}")
        ((self.rows,),) = self.connection.execute(f"select count(*) from {self.table}").fetchall()


def names(columns: Iterable[str]) -> str:
    """Column names as an SQL list."""
    return ", ".join(quoted(name) for name in columns)
