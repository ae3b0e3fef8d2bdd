"""The facts of an edition in memory as a lake has them: a cluster computes what is kept of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet

from connectors.contract import Parquet
from kpi import lake_tables, rollups, touched
from kpi.engines import Engines, LakeReader
from kpi.imprint import every_day
from kpi.keeper import Limits
from kpi.layout import lay_out
from kpi.questions import Facts, NotComputable
from kpi.rolling_up import roll_up
from kpi.vocabulary import Vocabulary
from tests.kpi.memory import Memory


class LakeMemory:
    """What `kpi.answers.Readable` asks for; no row of the tables in the lake is here.

    `here` names the tables whose rows are, because words are looked up in them.
    """

    def __init__(self, memory: Memory, engines: Engines, folder: Path, here: tuple[str, ...]):
        self.memory = memory
        self.engines = engines
        self.folder = folder
        self.here = here
        self.facts: dict[str, Facts] = {}
        self._written = 0
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("SET TimeZone = 'UTC'")
        lay_out(self._connection)
        self._connection.register("every_day", every_day(memory.vocabulary.calendar))
        self._connection.execute("CREATE TABLE kpi.days AS FROM every_day")

    @property
    def vocabulary(self) -> Vocabulary:
        """That of the memory."""
        return self.memory.vocabulary

    @property
    def fresh_until(self) -> Mapping[str, dt.datetime]:
        """That of the memory."""
        return self.memory.fresh_until

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of one statement; raises NotComputable for one that cannot run."""
        try:
            return self._connection.execute(sql, parameters or None).fetchall()
        except duckdb.Error as error:
            raise NotComputable(str(error)) from error

    def follow(self, limits: Limits) -> None:
        """Brings the lake, and what is kept of it, up to date with the memory."""
        columns = {table: facts.columns for table, facts in self.memory.facts.items()}
        for table in columns:
            self._bring(table)
        reader = LakeReader(self.query, self.vocabulary, self.engines, columns, self._rows)
        facts = {
            table: replace(known, rollups=(), reader=None if table in self.here else reader)
            for table, known in self.memory.facts.items()
        }
        noted = touched.Touched(self._connection)
        roll_up(self._connection, self.vocabulary, facts, noted, limits)
        reader.refuse_changed()
        touched.forget(self._connection)
        kept = rollups.read(self.query)
        self.facts = {
            name: replace(each, rollups=kept.get(name, ())) for name, each in facts.items()
        }

    def _bring(self, table: str) -> None:
        rows = self.memory._connection.sql(f'FROM main."{table}"').to_arrow_table()
        if table in self.here:
            self._connection.register("brought", rows)
            self._connection.execute(f'CREATE OR REPLACE TABLE main."{table}" AS FROM brought')
            touched.note_all(self._connection, table)
            return
        place = self.folder / table
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob("*.parquet"):
            old.unlink()
        # Another name each time, as engines write; the second file is often empty.
        for part in (rows.slice(0, 3), rows.slice(3)):
            self._written += 1
            pyarrow.parquet.write_table(part, place / f"part-{self._written}.parquet")
        engine = self.engines.of(table)
        self._connection.begin()
        lake_tables.notice(self._connection, table, table, Parquet(str(place)), engine)
        self._connection.commit()

    def _rows(self, table: str, names: tuple[str, ...]) -> pa.Table:
        selected = ", ".join(f'"{name}"' for name in names)
        return self._connection.sql(f'SELECT {selected} FROM main."{table}"').to_arrow_table()
