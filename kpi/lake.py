"""Writes an edition's facts into a lake: Parquet files by month, which a cluster reads in place.

Each edition has a folder of its own, so that no half one is ever read: the name of a folder that is
being written begins with a dot.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow.parquet

from connectors.contract import Parquet
from kpi import lake_tables
from kpi.editions import Edition
from kpi.expression import quoted
from kpi.files import flush
from kpi.lake_tables import LakeTable
from kpi.questions import Facts
from kpi.spark import Cluster
from kpi.vocabulary import Vocabulary

_KEPT = 2
# Rows whose month is not known stand where readers of such folders expect them.
_NO_MONTH = "__HIVE_DEFAULT_PARTITION__"
_ROWS = 1_000_000
_UNFINISHED = re.compile(r"\.(\d+)-[0-9a-f]{6}")
# What was changed since, another process may be writing still.
_ABANDONED_AFTER = dt.timedelta(days=1)


class NoLake(Exception):
    """There are no facts of any edition in a folder; the text says what to do about it."""


def write(edition: Edition, lake: Path) -> int:
    """Writes every fact table of an edition as `lake/EDITION/TABLE/month=2026-03/rows.parquet`.

    A row's month is that of its table's time, in UTC. Returns how many rows there are. What was
    there of the edition before the last is removed, and so is what killed writes left.
    """
    lake.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(lake)
    unfinished = _unfinished(lake, edition.number)
    unfinished.mkdir()
    try:
        rows = sum(_write_table(edition, table, unfinished / table) for table in _landed(edition))
        target = lake / str(edition.number)
        if target.exists():
            shutil.rmtree(target)
        unfinished.replace(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    flush(lake)
    for number in sorted(_numbers(lake))[:-_KEPT]:
        shutil.rmtree(lake / str(number))
    return rows


def newest(lake: Path) -> int:
    """The newest edition in a lake; raises NoLake where there is none."""
    numbers = list(_numbers(lake))
    if not numbers:
        raise NoLake(f"There are no facts in {lake} yet. Run `python -m kpi lake {lake}`.")
    return max(numbers)


@dataclass(frozen=True)
class OnCluster:
    """An edition whose questions a cluster answers, from the same facts in a lake."""

    edition: Edition
    cluster: Cluster
    # The tables that it reads where they stay.
    stays: tuple[LakeTable, ...] = ()

    def refuse_changed(self) -> None:
        """Raises SourceError where a table that stays in a lake is not what the edition saw."""
        for table in self.stays:
            lake_tables.refuse_changed(self.edition.query, table, self.cluster)

    @property
    def vocabulary(self) -> Vocabulary:
        return self.edition.vocabulary

    @cached_property
    def facts(self) -> Mapping[str, Facts]:
        """Always the same object: by it, a statement that was compiled before is found again."""
        facts = self.edition.facts.items()
        # All of them are read in the same place, so that none has to be asked apart.
        return {name: replace(each, rollups=(), reader=None) for name, each in facts}

    @property
    def fresh_until(self) -> Mapping[str, dt.datetime]:
        return self.edition.fresh_until

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self.cluster.query(sql, parameters)


def on_cluster(edition: Edition, metrics: Iterable[str], cluster: Cluster, lake: Path) -> OnCluster:
    """The edition as the cluster answers it, of the facts below these metrics.

    Raises NoLake where the lake does not hold this edition, EngineFailed where the cluster fails.
    """
    if (there := newest(lake)) != edition.number:
        raise NoLake(
            f"{lake} holds edition {there}, the current one is {edition.number}. "
            f"Run `python -m kpi lake {lake}`."
        )
    stays = lake_tables.read(edition.query)
    known = [edition.vocabulary.metrics[m] for m in metrics if m in edition.vocabulary.metrics]
    for table in dict.fromkeys(
        table for metric in known for table in _read(edition, metric.tables)
    ):
        written = Parquet(str((lake / str(edition.number) / table).resolve()))
        place, files = (
            (stays[table].place, stays[table].files) if table in stays else (written, None)
        )
        cluster.register(table, edition.facts[table].columns, place, files)
    cluster.set_calendar(edition.vocabulary.calendar)
    read = tuple(table for name, table in stays.items() if name in cluster.facts)
    return OnCluster(edition, cluster, read)


def _landed(edition: Edition) -> list[str]:
    """The fact tables whose rows are here; those that lie in a lake stay there."""
    return [name for name, facts in edition.facts.items() if facts.reader is None]


def _read(edition: Edition, tables: Iterable[str]) -> Iterator[str]:
    """These tables and those that they look words up in, where they have columns."""
    for table in tables:
        lookups = (each.table for each in edition.vocabulary.tables[table].lookup)
        yield from (name for name in (table, *lookups) if name in edition.facts)


def _numbers(lake: Path) -> Iterator[int]:
    if lake.is_dir():
        for folder in lake.iterdir():
            if folder.name.isdecimal():
                yield int(folder.name)


def _unfinished(lake: Path, number: int) -> Path:
    """A folder of its own for what is not whole, by a name that no reader takes for an edition."""
    return lake / f".{number}-{uuid.uuid4().hex[:6]}"


def _clear_abandoned(lake: Path) -> None:
    """Removes what killed writes left there, but nothing that is perhaps being written."""
    long_ago = time.time() - _ABANDONED_AFTER.total_seconds()
    for folder in lake.iterdir():
        match = _UNFINISHED.fullmatch(folder.name)
        # Another process may finish or clear it meanwhile; what cannot be cleared does no harm.
        with contextlib.suppress(OSError):
            if match and _last_change(folder) < long_ago:
                # A writer that only slept finds nothing any more, rather than a part of its files.
                moved = folder.rename(_unfinished(lake, int(match[1])))
                shutil.rmtree(moved, ignore_errors=True)


def _last_change(folder: Path) -> float:
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


def _write_table(edition: Edition, table: str, folder: Path) -> int:
    folder.mkdir()
    column = _time_of(edition, table)
    view = f"main.{quoted(table)}"
    if column is None:
        return _write_rows(edition, f"select * from {view}", folder / f"month={_NO_MONTH}")
    field = quoted(column)
    # Of other years no folder can be named: their rows stand beside those without a time.
    dated = f"coalesce(year({field}) between 1 and 9999, false)"
    months = edition.query(
        f"select distinct case when {dated} then cast(date_trunc('month', {field}) as date) end "
        f"from {view} order by 1"
    )
    rows = 0
    for (first,) in months or [(None,)]:
        if first is None:
            name, where = _NO_MONTH, f"not {dated}"
        else:
            name = first.isoformat()[:7]
            month_long = f"{field} < date '{first}' + interval 1 month"
            where = f"{field} >= date '{first}' and {month_long}"
        rows += _write_rows(
            edition, f"select * from {view} where {where}", folder / f"month={name}"
        )
    return rows


def _time_of(edition: Edition, table: str) -> str | None:
    declared = edition.vocabulary.tables.get(table)
    columns = edition.facts[table].columns
    timed = declared is not None and columns.get(declared.time) in ("TIMESTAMP", "DATE")
    return declared.time if declared is not None and timed else None


def _write_rows(edition: Edition, sql: str, folder: Path) -> int:
    folder.mkdir()
    file = folder / "rows.parquet"
    rows = 0
    with (
        contextlib.closing(edition.batches(sql, _ROWS)) as batches,
        pyarrow.parquet.ParquetWriter(file, batches.schema) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    flush(file)
    return rows
