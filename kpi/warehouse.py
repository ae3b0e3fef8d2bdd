"""The working database: the only place that writes DuckDB, so that nothing lands half."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from connectors.contract import Batch, Pages, Place, Present, Scan, SourceError
from connectors.tables import TABLES
from kpi import deliveries, fact_tables, lake_tables, landing
from kpi.csv_rows import CsvRows
from kpi.deliveries import Delivery
from kpi.drift import compare
from kpi.json_rows import JsonRows
from kpi.lake_tables import Noticed
from kpi.layout import lay_out
from kpi.merging import Counts, merge
from kpi.raw_rows import ParquetRows, RawRows, TableRows, refuse_unreadable
from kpi.reconciling import Differences, Reconciling, refuse_implausible
from kpi.run_book import RunBook, RunReport
from kpi.spark import Cluster
from kpi.staging import Origin, Staged
from kpi.transaction import transaction

_MEMORY = "1GB"
# Pages come in bundles of a few megabytes. What DuckDB would keep of the facts between two of them
# makes them no faster: a load of millions would only grow with what is there already.
_MEMORY_FOR_PAGES = "160MB"
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": _MEMORY,
    # What a value's text or a file's name might set off must not reach the network.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    # Of a table that is not there yet nobody asks what else it might be called.
    "catalog_error_max_schemas": "0",
}


@dataclass(frozen=True)
class Landed:
    """What became of one batch's rows. Rows that wait for the end of a `replace` count there."""

    new: int
    changed: int
    unchanged: int
    deleted: int
    rejected: int
    drift: tuple[str, ...]


class Warehouse:
    """An open working database. One process at a time; its threads take turns."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. What a dead process left behind is cleared up first."""
        path.parent.mkdir(parents=True, exist_ok=True)
        settings = _SETTINGS | {"temp_directory": str(_spill(path))}
        self.path = path
        self.connection = duckdb.connect(str(path), config=settings)
        self._book = RunBook(self.connection)
        self._lock = threading.RLock()
        # Deliveries of `replace` that are not complete yet, and those that are, by run and table.
        self._waiting: dict[tuple[int, str], Staged] = {}
        self._complete: set[tuple[int, str]] = set()
        try:
            self._prepare()
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def begin(self, source_name: str, started_at: dt.datetime) -> int:
        """Notes that a run has started (naive UTC) and returns its number."""
        with self._lock:
            return self._book.begin(source_name, started_at)

    def land(self, run: int, source: str, batch: Batch) -> Landed:
        """Lands a batch: rows, rejects, drift and the connector's state, all or nothing.

        Raises SourceError where the rows cannot be read at all; then nothing of them is kept.
        """
        with self._lock:
            if _says_nothing(batch):
                with self._transaction():
                    self._book.keep_state(source, batch.state)
                return Landed(0, 0, 0, 0, 0, ())
            origin = Origin(source, batch.into, run, self._book.started_at(run))
            with self._room_for(batch):
                try:
                    return self._land(origin, batch)
                finally:
                    self._drop_incoming()

    def notice(self, run: int, source: str, into: str, place: Place, engine: Cluster) -> Noticed:
        """Finds out what has changed of rows that stay in a lake, all or nothing.

        Raises SourceError where the engine fails.
        """
        with self._lock, self._transaction():
            found = lake_tables.notice(self.connection, source, into, place, engine)
            self._book.count(run, (found.more, 0, found.rows - found.more, found.fewer, 0))
        return found

    def reconcile(
        self, run: int, source: str, presents: Iterable[Present], *, anyway: bool = False
    ) -> Differences:
        """Compares a source's rows with what its system still has, then marks, all or nothing.

        Raises SourceError where an implausible share of the rows would vanish (unless `anyway`).
        """
        with self._lock:
            at = self._book.started_at(run)
            comparison = Reconciling(self.connection)
            try:
                for present in presents:
                    comparison.take(Origin(source, present.into, run, at), present)
                found = comparison.differences()
                if not anyway:
                    refuse_implausible(found, source)
                with self._transaction():
                    comparison.mark()
                    self._book.count(run, (0, found.restored, 0, found.vanished, 0))
            finally:
                comparison.drop()
            return found

    def finish(
        self,
        run: int,
        *,
        error: str | None,
        advice: str | None,
        finished_at: dt.datetime,
        as_of: dt.datetime | None,
    ) -> None:
        """Closes a run: good where there is no error. A failed one leaves no half delivery."""
        with self._lock:
            waiting = self._waiting_of(run)
            try:
                for staged in waiting if error is None else ():
                    staged.refuse_if_hopeless()
                    staged.finish()
            except SourceError as hopeless:
                error, advice = hopeless.what, hopeless.advice
            with self._transaction():
                if error is None:
                    self._book.count(run, (*self._merge(waiting), 0))
                self._book.finish(run, error, advice, finished_at, as_of)
            self._let_go(waiting)
            self._complete = {at for at in self._complete if at[0] != run}

    def state(self, source: str) -> dict[str, Any]:
        """What the connector gave with its last landed batch; empty before the first."""
        with self._lock:
            return self._book.state(source)

    def forget(self, source: str) -> None:
        """Starts a source over: its state is gone, its facts stay until they come again."""
        with self._lock, self._transaction():
            self._book.forget_state(source)
            deliveries.start_over(self.connection, source)

    def version(self) -> int:
        """A number that grows with every committed change of rows, rejects or outcomes."""
        with self._lock:
            ((version,),) = self.connection.execute("select version from kpi.version").fetchall()
        return int(version)

    def reports(self) -> tuple[RunReport, ...]:
        """The last run of every source, in the order of their names."""
        with self._lock:
            return self._book.last()

    def checkpoint_and_close(self) -> None:
        """Brings everything into the one file, so that a copy of it is whole, and closes it."""
        with self._lock:
            self.connection.execute("force checkpoint")
            self.connection.close()

    @contextlib.contextmanager
    def _room_for(self, batch: Batch) -> Iterator[None]:
        if not isinstance(batch.rows, Pages):
            yield
            return
        self.connection.execute(f"set memory_limit = '{_MEMORY_FOR_PAGES}'")
        try:
            yield
        finally:
            self.connection.execute(f"set memory_limit = '{_MEMORY}'")

    def _prepare(self) -> None:
        # Nobody else has the file open now: what had been spilled belonged to a dead process.
        shutil.rmtree(_spill(self.path), ignore_errors=True)
        # A text with an offset is read by way of the session's zone.
        self.connection.execute("set TimeZone = 'UTC'")
        lay_out(self.connection)
        self._drop_incoming()
        if self._book.is_running():
            with self._transaction():
                self._book.fail_running()

    def _land(self, origin: Origin, batch: Batch) -> Landed:
        lake_tables.refuse_in_lake(self.connection, batch.into)
        last = deliveries.before(self.connection, origin)
        raw = self._open(batch)
        try:
            plan, now, notes = self._meet(origin, batch, raw, last)
            staged = Staged(
                self.connection,
                origin,
                plan,
                batch.shape.mode,
                whole=self._may_become_table(origin, batch),
                anew=deliveries.makes_way(last, batch, now.key),
            )
            staged.fill(raw)
            now, told = deliveries.learn(now, batch.shape, staged.unknown_words())
            notes += told
        except duckdb.Error as error:
            refuse_unreadable(batch, error)
            raise
        finally:
            raw.close()
        rejects, rejected = staged.rejects, staged.rejected
        ready = self._ready(staged, batch)
        try:
            for delivery in ready:
                # One bad page of many is told by its rejects, but a file or a replacement of
                # which nothing is left would take everything with it that was there before.
                if delivery.mode == "replace" or isinstance(batch.rows, Scan):
                    delivery.refuse_if_hopeless()
                delivery.finish()
            with self._transaction():
                deliveries.note(self.connection, origin, now)
                if last is None or last.key != now.key:
                    fact_tables.show(self.connection, batch.into)
                counts = self._merge(ready)
                self._book.count(origin.run, (*counts, rejected))
                self._book.drifted(origin, notes)
                self._book.rejected(origin, rejects)
                self._book.keep_state(origin.source, batch.state)
        finally:
            self._let_go(ready)
        return Landed(*counts, rejected, notes)

    def _open(self, batch: Batch) -> RawRows:
        rows = batch.rows
        try:
            if isinstance(rows, Pages):
                return JsonRows(self.connection, batch, rows)
            if not isinstance(rows, Scan):
                return TableRows(self.connection, batch)
            kind = CsvRows if rows.function == "read_csv" else ParquetRows
            return kind(self.connection, batch, rows)
        except duckdb.Error as error:
            refuse_unreadable(batch, error)
            raise

    def _meet(
        self, origin: Origin, batch: Batch, raw: RawRows, last: Delivery | None
    ) -> tuple[landing.Plan, Delivery, tuple[str, ...]]:
        """Makes the fact table and the delivery fit each other, and notes what had changed."""
        into, shape = batch.into, batch.shape
        fact_tables.check_names(into, (column.name for column in shape.columns))
        retyped = fact_tables.retype(
            self.connection, into, shape.columns, last.types if last else {}
        )
        known = fact_tables.known_types(self.connection, into)
        plan = landing.plan(into, shape, raw.columns, known, _key(batch))
        fact_tables.extend(self.connection, into, plan.types(), plan.key)
        declared = {c.name: landing.type_name(c.type) for c in shape.columns if c.type}
        before = last.raw_columns if last else {}
        delivered = raw.delivered(before)
        now = Delivery(
            deliveries.merge_key(shape.mode, plan.key),
            delivered,
            plan.types() | declared,
            words=last.words if last else {},
        )
        drift = compare(before, delivered, shape, own=into not in TABLES)
        return plan, now, (*retyped, *drift)

    def _may_become_table(self, origin: Origin, batch: Batch) -> bool:
        """An empty fact table needs no merge; but half a `replace` must not be seen."""
        waits = batch.state is None or (origin.run, origin.into) in self._waiting
        if batch.shape.mode == "replace" and waits:
            return False
        fact = fact_tables.name_of(origin.into)
        return not self.connection.execute(f"from {fact} limit 1").fetchall()

    def _ready(self, staged: Staged, batch: Batch) -> list[Staged]:
        """What can be merged now: a `replace` waits for the batch that brings the state."""
        at = (staged.origin.run, staged.origin.into)
        complete = [] if batch.state is None else self._waiting_of(at[0])
        if staged.mode != "replace":
            return [*complete, staged]
        if at in self._complete:
            # The rows that vanished are marked already; these come on top.
            staged.mode = "upsert" if staged.plan.key else "append"
            return [*complete, staged]
        if at in self._waiting:
            self._waiting[at].add(staged)
            staged.drop()
        else:
            self._waiting[at] = staged
        return [] if batch.state is None else self._waiting_of(at[0])

    def _waiting_of(self, run: int) -> list[Staged]:
        return [staged for (of, _), staged in self._waiting.items() if of == run]

    def _merge(self, ready: list[Staged]) -> Counts:
        merged = [Counts(), *(merge(staged) for staged in ready)]
        return Counts(*(sum(part) for part in zip(*merged, strict=True)))

    def _let_go(self, ready: list[Staged]) -> None:
        for staged in ready:
            at = (staged.origin.run, staged.origin.into)
            if self._waiting.pop(at, None) is not None:
                self._complete.add(at)
            if not staged.whole:
                staged.drop()

    def _drop_incoming(self) -> None:
        incoming = fact_tables.name_of(fact_tables.INCOMING)
        self.connection.execute(f"drop table if exists {incoming}")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with transaction(self.connection):
            yield
            self.connection.execute("update kpi.version set version = version + 1")


def _spill(path: Path) -> Path:
    return path.with_name(path.name + ".tmp")


def _says_nothing(batch: Batch) -> bool:
    """No rows, and none that vanished: nothing but the connector's state is new."""
    rows = batch.rows
    none = isinstance(rows, pa.Table) and not rows.num_rows
    none = none or (isinstance(rows, Pages) and not rows.documents)
    return none and batch.shape.mode != "replace"


def _key(batch: Batch) -> tuple[str, ...]:
    """The columns that make two rows the same one; a canonical table knows its own."""
    canonical = TABLES[batch.into].key if batch.into in TABLES else ()
    key = batch.shape.key or canonical
    if batch.shape.mode == "upsert" and not key:
        raise SourceError(
            f"Rows for {batch.into} cannot be told apart: mode upsert needs a key.",
            "Name the columns that identify a row under `key`, or use `mode: replace`.",
        )
    return key
