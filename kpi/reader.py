"""Who reads the rows of a fact table that lies in a lake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa


class Reader(Protocol):
    """What fetches from facts where they lie."""

    def fetch(self, table: str, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        """The rows of a statement; raises NotComputable, or SourceError where an engine fails."""


def tuples(rows: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table as a database gives them, by position: two columns may have one name."""
    return list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
