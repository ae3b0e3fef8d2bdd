"""Small real editions for tests: rows land in a warehouse, and what it holds is published."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.contract import Batch, Column, Shape
from kpi.editions import Edition, open_edition
from kpi.imprint import Declaration, Declarations
from kpi.publishing import publish_open
from kpi.warehouse import Warehouse
from tests.working_database import working_database

DAY = dt.timedelta(days=1)


class Home:
    """A home folder that is filled source by source and then published."""

    def __init__(self, folder: Path, vocabulary: str, *, sample: bool = False) -> None:
        self.folder = folder
        self.vocabulary = vocabulary
        self.sample = sample
        self.sources: dict[str, Declaration] = {}
        self._opened: Warehouse | None = None
        (folder / "metrics.yaml").write_text(vocabulary)

    def warehouse(self) -> Warehouse:
        """The working database, opened once for all that lands before an edition is published."""
        if self._opened is None:
            path = self.folder / "data" / "warehouse.duckdb"
            self._opened = Warehouse(path if path.exists() else working_database(path))
        return self._opened

    def declare(
        self,
        source: str,
        *into: str,
        every: dt.timedelta | None = DAY,
        system: str = "File · CSV",
    ) -> None:
        """Names a source as `sources.yaml` would."""
        self.sources[source] = Declaration(source, "file", system, into, every)

    def bring(
        self,
        source: str,
        into: str,
        rows: Sequence[Mapping[str, Any]] | pa.Table,
        *,
        at: dt.datetime,
        key: tuple[str, ...] = (),
        as_of: dt.datetime | None = None,
    ) -> None:
        """One good run of one source that brings these rows at this moment (naive UTC)."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows))
        columns = tuple(Column(name) for name in table.column_names)
        shape = Shape(columns, key, mode="upsert" if key else "append")
        if source not in self.sources:
            self.declare(source, into)
        warehouse = self.warehouse()
        run = warehouse.begin(source, at)
        warehouse.land(run, source, Batch(into, table, shape, f"{source}.csv", state={}))
        warehouse.finish(run, error=None, advice=None, finished_at=at, as_of=as_of)

    def fail(self, source: str, error: str, advice: str, *, at: dt.datetime) -> None:
        """One run of one source that failed."""
        warehouse = self.warehouse()
        run = warehouse.begin(source, at)
        warehouse.finish(run, error=error, advice=advice, finished_at=at, as_of=None)

    def publish(self, now: dt.datetime) -> Edition:
        """Publishes what has landed and opens it."""
        declarations = Declarations(self.sample, tuple(self.sources.values()))
        with self.warehouse() as warehouse:
            self._opened = None
            publish_open(self.folder, warehouse, self.vocabulary, declarations, now)
        return open_edition(self.folder)
