"""The engines that read facts in lakes: each opened when it is first asked, all closed together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from connectors.contract import SourceError
from kpi.editions import Edition
from kpi.lake_tables import LakeTable, Query, read, refuse_changed
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

    return LakeReader(query, vocabulary, engines, columns, rows)


def asking(edition: Edition, engines: Engines) -> tuple[Edition, LakeReader]:
    """An edition that asks these engines what it does not keep ready itself, and who asks."""

    def rows(table: str, names: tuple[str, ...]) -> pa.Table:
        selected = ", ".join(map(quoted, names))
        sql = f"select {selected} from main.{quoted(table)}"
        return edition.batches(sql, _AT_ONCE).read_all()

    reader = LakeReader(edition.query, edition.vocabulary, engines, edition.columns, rows)
    return edition.reading(reader), reader


class LakeReader:
    """Reads fact tables where they lie, as far as they were noticed: what a question asks of them.

    Words that are looked up in tables that lie here are handed over: `rows` gives them.
    """

    def __init__(
        self,
        query: Query,
        vocabulary: Vocabulary,
        engines: Engines,
        columns: Mapping[str, Mapping[str, str]],
        rows: Rows,
    ) -> None:
        """`query` asks what is noted of lakes; `columns` are those of all fact tables, by type."""
        self.query = query
        self.tables: Mapping[str, LakeTable] = read(query)
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

    def refuse_changed(self) -> None:
        """Raises SourceError where a table that was read is not what it was when it was noticed."""
        for name, engine in self._ready.items():
            refuse_changed(self.query, self.tables[name], engine)

    def _prepared(self, table: LakeTable) -> Cluster:
        engine = self.engines.of(table.source)
        engine.register(table.name, table.columns, table.place, table.files)
        engine.set_calendar(self.vocabulary.calendar)
        declared = self.vocabulary.tables.get(table.name)
        for lookup in declared.lookup if declared else ():
            if lookup.table in self.columns:
                wanted = self._looked_up(lookup.table)
                engine.hand_over(lookup.table, wanted, self.rows(lookup.table, tuple(wanted)))
        return engine

    def _looked_up(self, table: str) -> dict[str, str]:
        """The columns that any table looks up in this one, with their types."""
        every = (each for declared in self.vocabulary.tables.values() for each in declared.lookup)
        names = [name for each in every if each.table == table for name in (each.on, *each.by)]
        kinds = self.columns[table]
        return {name: kinds[name] for name in dict.fromkeys(names) if name in kinds}
