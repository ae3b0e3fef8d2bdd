"""Writes down what every run brought: its counts, its rejects, what drifted, and the state."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from kpi.raw_rows import Reject
from kpi.staging import KEPT_REJECTS, Origin

TABLES = """
create table if not exists kpi.runs (
    run integer, source varchar, started_at timestamp, finished_at timestamp, outcome varchar,
    new_rows bigint, changed_rows bigint, unchanged_rows bigint, deleted_rows bigint,
    rejected_rows bigint, error varchar, advice varchar, as_of timestamp
);
create table if not exists kpi.state (source varchar, state json);
create table if not exists kpi.rejects (
    run integer, source varchar, into_table varchar, origin varchar, line bigint, reason varchar,
    row_text varchar, rejected_at timestamp
);
create table if not exists kpi.drift (
    run integer, source varchar, into_table varchar, what varchar
);
"""
_KEPT_FOR = dt.timedelta(days=90)
_REJECTS = pa.schema(
    [
        ("origin", pa.string()),
        ("line", pa.int64()),
        ("reason", pa.string()),
        ("row_text", pa.string()),
    ]
)


@dataclass(frozen=True)
class RunReport:
    """One run of one source; times are naive UTC, counts are rows."""

    run: int
    source: str
    started_at: dt.datetime
    finished_at: dt.datetime | None  # unknown where the process died
    outcome: str  # running, good or failed
    new_rows: int
    changed_rows: int
    unchanged_rows: int
    deleted_rows: int
    rejected_rows: int
    error: str | None
    advice: str | None
    as_of: dt.datetime | None


class RunBook:
    """The tables about runs, written in whatever transaction the warehouse has open."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def begin(self, source: str, started_at: dt.datetime) -> int:
        """A new run's number."""
        ((run,),) = self._connection.execute(
            "select coalesce(max(run), 0) + 1 from kpi.runs"
        ).fetchall()
        self._connection.execute(
            "insert into kpi.runs values "
            "(?, ?, ?, null, 'running', 0, 0, 0, 0, 0, null, null, null)",
            (run, source, started_at),
        )
        return int(run)

    def started_at(self, run: int) -> dt.datetime:
        """When a run began; raises LookupError for a number that was never given."""
        found = self._connection.execute(
            "select started_at from kpi.runs where run = ?", (run,)
        ).fetchall()
        if not found:
            raise LookupError(f"there is no run {run}")
        moment: dt.datetime = found[0][0]
        return moment

    def count(self, run: int, counts: Sequence[int]) -> None:
        """Adds new, changed, unchanged, deleted and rejected rows."""
        self._connection.execute(
            "update kpi.runs set new_rows = new_rows + ?, changed_rows = changed_rows + ?, "
            "unchanged_rows = unchanged_rows + ?, deleted_rows = deleted_rows + ?, "
            "rejected_rows = rejected_rows + ? where run = ?",
            (*counts, run),
        )

    def finish(
        self,
        run: int,
        error: str | None,
        advice: str | None,
        finished_at: dt.datetime,
        as_of: dt.datetime | None,
    ) -> None:
        """Closes a run, and forgets rejects that nobody asks for any more."""
        outcome = "good" if error is None else "failed"
        self._connection.execute(
            "update kpi.runs set outcome = ?, error = ?, advice = ?, finished_at = ?, as_of = ? "
            "where run = ?",
            (outcome, error, advice, finished_at, as_of, run),
        )
        self._connection.execute(
            "delete from kpi.rejects where rejected_at < ?", (finished_at - _KEPT_FOR,)
        )

    def is_running(self) -> bool:
        """Whether any run has begun and not ended."""
        return bool(
            self._connection.execute(
                "select 1 from kpi.runs where outcome = 'running' limit 1"
            ).fetchall()
        )

    def fail_running(self) -> int:
        """Closes the runs of a process that died; returns how many there were."""
        ((runs,),) = self._connection.execute(
            "update kpi.runs set outcome = 'failed', "
            "error = 'The refresh stopped before this source was done.', "
            "advice = 'Run the refresh again; rows that had landed are kept.' "
            "where outcome = 'running'"
        ).fetchall()
        return int(runs)

    def last(self) -> tuple[RunReport, ...]:
        """The last run of every source, in the order of their names."""
        rows = self._connection.execute(
            "from kpi.runs qualify run = max(run) over (partition by source) order by source"
        ).fetchall()
        return tuple(RunReport(*row) for row in rows)

    def drifted(self, origin: Origin, notes: Iterable[str]) -> None:
        """What a delivery had otherwise than the one before."""
        for what in notes:
            self._connection.execute(
                "insert into kpi.drift values (?, ?, ?, ?)",
                (origin.run, origin.source, origin.into, what),
            )

    def rejected(self, origin: Origin, rejects: Sequence[Reject]) -> None:
        """The first rejected rows of a run; the rest are only counted."""
        if not rejects:
            return
        ((there,),) = self._connection.execute(
            "select count(*) from kpi.rejects where run = ?", (origin.run,)
        ).fetchall()
        ordered = sorted(rejects, key=lambda reject: (reject.origin, reject.line or 0))
        rows = pa.Table.from_pylist(
            [vars(reject) for reject in ordered[: max(KEPT_REJECTS - there, 0)]], schema=_REJECTS
        )
        self._connection.register("new_rejects", rows)
        self._connection.execute(
            "insert into kpi.rejects "
            "select ?, ?, ?, origin, line, reason, row_text, ? from new_rejects",
            (origin.run, origin.source, origin.into, origin.at),
        )
        self._connection.unregister("new_rejects")

    def state(self, source: str) -> dict[str, Any]:
        """What the connector gave with its last landed batch; empty before the first."""
        found = self._connection.execute(
            "select state from kpi.state where source = ?", (source,)
        ).fetchall()
        return dict(json.loads(found[0][0])) if found else {}

    def keep_state(self, source: str, state: Mapping[str, Any] | None) -> None:
        """Puts a state in the place of the one before; None leaves that."""
        if state is None:
            return
        self.forget_state(source)
        self._connection.execute(
            "insert into kpi.state values (?, ?)", (source, json.dumps(dict(state)))
        )

    def forget_state(self, source: str) -> None:
        """Takes a source's state away."""
        self._connection.execute("delete from kpi.state where source = ?", (source,))
