"""What the `sql` connector asks of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from zoneinfo import ZoneInfo

import pyarrow as pa

from connectors.databases.cursor import Cursor
from connectors.databases.query import Query

# What a batch may hold in bytes as the database sends them, however many rows were asked for.
BATCH_BYTES = 16 << 20
# The type of exact numbers whose digits the database does not declare.
ANY_DECIMAL = "DECIMAL(38,10)"


@dataclass(frozen=True)
class Selected:
    """One column of the query's result."""

    name: str
    type: str | None  # the DuckDB type that says the same; None means that each value has its own
    exact: bool = False  # sent as the digits of a number, with a decimal point


@dataclass(frozen=True)
class Demand:
    """Which rows are wanted: the query, its cursor with its bounds, and how many rows a batch."""

    query: Query
    page_size: int
    cursor: Cursor | None = None
    since: str | None = None  # None stands for everything
    until: str | None = None
    limit: int | None = None  # None stands for all rows


class Database(Protocol):
    """One open database in one read-only view of its data; every failure is a SourceError."""

    place: str  # as an error names it, without user and password

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def can_only_read(self) -> bool:
        """Whether the database itself says that nothing can be written here."""

    def describe(self, query: Query) -> tuple[Selected, ...]:
        """The columns that the query selects."""

    def cursor(
        self, name: str, query: Query, state: Mapping[str, object], zone: ZoneInfo
    ) -> Cursor:
        """How the values of this selected column grow."""

    def batches(self, demand: Demand) -> Iterator[pa.Table]:
        """The rows in the order of the cursor, at least one batch, the raw names as columns."""
