"""The engines that read facts in lakes: each opened when it is first asked, all closed together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from connectors.contract import SourceError
from kpi.editions import Edition
from kpi.lake_tables import LakeTable, read, refuse_changed
from kpi.parsing import quoted
from kpi.sources import EngineAddress
from kpi.spark import Cluster
from kpi.vocabulary import Vocabulary

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

_AT_ONCE = 100_000
# The rows of a fact table that lies here, with these columns of it.
Rows = Callable[[str, tuple[str, ...]], "pa.Table"]


class Engines:
    """Open engines; `address_of` tells where that of a source is, or raises SourceError.

    An engine is opened once for all sources that have it.
    """

    def __init__(self, address_of: Callable[[str], EngineAddress]) -> None:
        self._address_of = address_of
        self._open: dict[EngineAddress, Cluster] = {}

    def __enter__(self) -> Engines:
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self._open.values():
            engine.close()
        self._open.clear()

    def of(self, source: str) -> Cluster:
        """The engine of a source; raises SourceError where it cannot be reached or is not known."""
        where = self._address_of(source)
        if where not in self._open:
            self._open[where] = Cluster(where.address, time_limit=where.time_limit)
        return self._open[where]


def lake_reader(
    connection: duckdb.DuckDBPyConnection,
    vocabulary: Vocabulary,
    columns: Mapping[str, Mapping[str, str]],
    engines: Engines,
) -> LakeReader:
    """The reader of all that a working database knows of lakes."""

    def query(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    def rows(table: str, names: tuple[str, ...]) -> pa.Table:
        selected = ", ".join(map(quoted, names))
        return connection.sql(f"select {selected} from main.{quoted(table)}").to_arrow_table()

    return LakeReader(read(query), vocabulary, engines, columns, rows)


def asking(edition: Edition, engines: Engines) -> Edition:
    """An edition that asks these engines what it does not keep ready itself."""

    def rows(table: str, names: tuple[str, ...]) -> pa.Table:
        selected = ", ".join(map(quoted, names))
        sql = f"select {selected} from main.{quoted(table)}"
        return edition.batches(sql, _AT_ONCE).read_all()

    tables = read(edition.query)
    return edition.reading(LakeReader(tables, edition.vocabulary, engines, edition.columns, rows))


class LakeReader:
    """Reads fact tables where they lie, as far as they were noticed: what a question asks of them.

    Words that are looked up in tables that lie here are handed over: `rows` gives them.
    """

    def __init__(
        self,
        tables: Mapping[str, LakeTable],
        vocabulary: Vocabulary,
        engines: Engines,
        columns: Mapping[str, Mapping[str, str]],
        rows: Rows,
    ) -> None:
        """`columns` are those of all fact tables, with their DuckDB types."""
        self.tables = tables
        self.vocabulary = vocabulary
        self.engines = engines
        self.columns = columns
        self.rows = rows
        # What each engine was told of, by the table that was asked.
        self._ready: dict[str, Cluster] = {}

    def fetch(self, table: str, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        """The rows of a statement over a table in a lake and what is looked up from there.

        Raises NotComputable where the engine cannot give them exactly, SourceError where it fails.
        """
        try:
            if table not in self._ready:
                self._ready[table] = self._prepared(self.tables[table])
            return self._ready[table].fetch(sql, parameters)
        except SourceError as error:
            what = f"{table} cannot be read in its lake: {error.what}"
            raise SourceError(what, error.advice) from error

    def refuse_changed(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Raises SourceError where a table that was read is not what it was when it was noticed."""
        for name, engine in self._ready.items():
            refuse_changed(connection, self.tables[name], engine)

    def _prepared(self, table: LakeTable) -> Cluster:
        engine = self.engines.of(table.source)
        engine.register(table.name, table.columns, table.place, table.files)
        engine.set_calendar(self.vocabulary.calendar)
        declared = self.vocabulary.tables.get(table.name)
        for lookup in declared.lookup if declared else ():
            if lookup.table in self.columns:
                kinds = self.columns[lookup.table]
                wanted = tuple(name for name in (lookup.on, *lookup.by) if name in kinds)
                rows = self.rows(lookup.table, wanted)
                engine.hand_over(lookup.table, {name: kinds[name] for name in wanted}, rows)
        return engine
