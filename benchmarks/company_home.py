"""The made-up company as a home folder: facts land as a connector's would, and are published."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks import company
from benchmarks.figures import Spent, keep, spending
from benchmarks.peers import DATA
from connectors.contract import Batch, Column, Scan, Shape
from kpi.imprint import Declaration, Declarations
from kpi.publishing import publish
from kpi.warehouse import Landed, Warehouse

# Late enough that every row of the three years has been told.
FRESH = dt.datetime(2026, 1, 2)
SOURCES = Declarations(
    sample=False,
    sources=tuple(
        Declaration(table, "file", "File · Parquet", (table,), dt.timedelta(days=1))
        for table in company.TABLES
    ),
)


def section(what: str, scattered: bool) -> str:
    """Under which name something is kept: of rows in no order of time apart from the usual ones."""
    return f"{what} scattered" if scattered else what


def analysts(rows: int, *, scattered: bool = False) -> Path:
    """A plain database of the facts, as an analyst would have it: drawn once and kept."""
    path = DATA / section("company", scattered) / f"{rows}-{company.fingerprint()}.duckdb"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        for outdated in path.parent.glob(f"{rows}-*"):
            outdated.unlink()
        unfinished = _unfinished(path)
        with spending() as spent:
            company.write(unfinished, rows, scattered=scattered)
        unfinished.rename(path)
        _keep(section("drawn", scattered), rows, spent, path)
    return path


def landed(rows: int, *, scattered: bool = False) -> Path:
    """A working database where these facts have landed, never published: made once and kept."""
    database = analysts(rows, scattered=scattered)
    path = database.with_suffix(".warehouse")
    if not path.exists():
        unfinished = _unfinished(path)
        with Warehouse(unfinished) as warehouse:
            spent = Spent()
            for table in company.TABLES:
                with _exported(database, table) as file, spending(spent):
                    land(warehouse, table, Scan("read_parquet", (str(file),)), FRESH)
            with spending(spent):
                warehouse.checkpoint_and_close()
        unfinished.rename(path)
        _keep(section("landed", scattered), rows, spent, path)
    return path


def land(
    warehouse: Warehouse,
    table: str,
    rows: pa.Table | Scan,
    at: dt.datetime,
    *,
    deleted: str | None = None,
) -> Landed:
    """One good run of a table's source that brings these rows; `deleted` names the column that says
    which of them are gone."""
    columns = tuple(map(Column, company.drawn(table, 1, 0, 0).column_names))
    shape = Shape(columns, (company.KEYS[table],), deleted=deleted)
    run = warehouse.begin(table, at)
    told = warehouse.land(run, table, Batch(table, rows, shape, f"{table}.parquet", state={}))
    warehouse.finish(run, error=None, advice=None, finished_at=at, as_of=None)
    return told


def fill(home: Path, rows: int, *, scattered: bool = False) -> Path:
    """Puts a copy of the working database into a home; its path."""
    source, target = landed(rows, scattered=scattered), home / "data" / "warehouse.duckdb"
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return target


@contextmanager
def published(rows: int, vocabulary: str, *, scattered: bool = False) -> Iterator[Path]:
    """A home for a while, with one edition of these facts under these definitions."""
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        home = Path(folder)
        warehouse = fill(home, rows, scattered=scattered)
        publish(home, warehouse, vocabulary, SOURCES, FRESH)
        yield home


@contextmanager
def _exported(database: Path, table: str) -> Iterator[Path]:
    """A file with a table's rows for a while, as a system would hand it over."""
    with tempfile.TemporaryDirectory(dir=DATA) as folder:
        file = Path(folder) / f"{table}.parquet"
        with duckdb.connect(str(database), read_only=True) as connection:
            connection.execute(f"copy {table} to '{file}'")
        yield file


def _unfinished(path: Path) -> Path:
    """Where a database is made, so that half of one never has its name."""
    unfinished = path.with_name(path.name + ".unfinished")
    for leftover in path.parent.glob(f"{unfinished.name}*"):
        leftover.unlink()
    return unfinished


def _keep(what: str, rows: int, spent: Spent, path: Path) -> None:
    size = path.stat().st_size
    print(f"{what} {rows:,} rows in each of five tables: {spent}, {size / 1e6:,.0f} MB", flush=True)
    keep(what, str(rows), {**vars(spent), "bytes": size})
