"""An edition before it is published: the working database, asked as an edition is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kpi import reports
from kpi.editions import DatabaseError
from kpi.questions import NotComputable
from kpi.reader import Reader
from kpi.vocabulary import Vocabulary

if TYPE_CHECKING:
    import duckdb


class Draft:
    """The facts of a working database that has been imprinted, under these definitions."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        vocabulary: Vocabulary,
        reader: Reader | None = None,
    ) -> None:
        """`reader` is asked about facts that lie in lakes."""
        self._connection = connection
        self.vocabulary = vocabulary
        tables = reports.read_tables(self.query)
        self.fresh_until = reports.fresh_until(tables)
        self.facts = reports.read_facts(self.query, tables, vocabulary.calendar, reader)

    def query(
        self, sql: str, parameters: Mapping[str, Any] | Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows of one statement; raises NotComputable for one that cannot run."""
        try:
            return self._connection.execute(sql, parameters or None).fetchall()
        except DatabaseError as error:
            raise NotComputable(str(error).partition("\n")[0]) from error
