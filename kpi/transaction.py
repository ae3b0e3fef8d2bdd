"""All of some changes to the working database, or none of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import duckdb


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commits what is done within a `with`; where that fails, nothing of it was done."""
    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        # A commit that fails, on a full disk, has rolled back by itself.
        with contextlib.suppress(duckdb.Error):
            connection.execute("rollback")
        raise
