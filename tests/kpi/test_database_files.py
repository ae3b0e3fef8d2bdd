"""A new database file is there and whole, or it is not there."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from kpi.database_files import new_database

ROWS = 400_000
FILL = f"create table made.numbers as select hash(range) as n from range({ROWS})"


@contextlib.contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """A process notices this as it would a full disk."""
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_new_database_is_there_with_all_that_was_put_into_it(tmp_path: Path) -> None:
    with duckdb.connect() as connection, new_database(connection, tmp_path / "new", "made"):
        connection.execute(FILL)

    assert [file.name for file in tmp_path.iterdir()] == ["new"]
    with duckdb.connect(str(tmp_path / "new"), read_only=True) as reading:
        assert reading.execute("select count(*) from numbers").fetchall() == [(ROWS,)]


@pytest.mark.parametrize("megabytes", [0.1, 1, 2, 3])
def test_on_a_full_disk_a_new_database_is_refused_and_nothing_is_left(
    tmp_path: Path, megabytes: float
) -> None:
    with duckdb.connect() as connection:
        with (
            no_file_beyond(int(megabytes * 1e6)),
            pytest.raises(duckdb.Error, match=r"(?i)file too large|write"),
            new_database(connection, tmp_path / "new", "made"),
        ):
            connection.execute(FILL)
        assert [name for (name, *_) in connection.execute("show databases").fetchall()] == [
            "memory"
        ]

    assert list(tmp_path.iterdir()) == []


def test_what_is_put_in_does_not_stay_where_that_ends_badly(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        with pytest.raises(ZeroDivisionError), new_database(connection, tmp_path / "new", "made"):
            connection.execute(FILL)
            raise ZeroDivisionError
        assert list(tmp_path.iterdir()) == []

        with new_database(connection, tmp_path / "new", "made"):
            connection.execute(FILL)

    assert [file.name for file in tmp_path.iterdir()] == ["new"]
