"""Reads the sample's exports as `sources.yaml` describes them, with plain pandas only."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow.parquet as pq

from connectors.tables import TABLES
from kpi.yaml_text import read_yaml

PROJECT = Path(__file__).parents[2]
BERLIN = ZoneInfo("Europe/Berlin")


@cache
def declared() -> dict[str, Any]:
    """The sources of the project's own `sources.yaml`."""
    text = (PROJECT / "sources.yaml").read_text("utf-8")
    return dict(read_yaml(text, "sources.yaml").value["sources"])


@cache
def read(home: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of a source in typed columns, times in UTC; and the raw rows that do not fit."""
    entry = declared()[name]
    delivered = raw(home, entry)
    canonical = TABLES[entry["into"]].columns if entry["into"] in TABLES else {}
    columns = entry.get("columns") or {column: column for column in delivered.columns}
    typed, fits = {}, pd.Series(True, index=delivered.index)
    for column, said in columns.items():
        rule = {"from": said} if isinstance(said, str) else dict(said)
        kind = str(rule.get("type") or canonical.get(column, "text")).lower()
        if "value" in rule:
            typed[column] = pd.Series(rule["value"], index=delivered.index)
            continue
        cells = _present(delivered[rule["from"]], [entry.get("missing"), rule.get("missing")])
        if "values" in rule:
            cells = cells.map({str(k): v for k, v in rule["values"].items()})
        typed[column] = _typed(cells, kind, {**entry, **rule})
        fits &= typed[column].notna() | cells.isna()
    rows = pd.DataFrame(typed)
    key = TABLES[entry["into"]].key if entry["into"] in TABLES else entry["key"]
    for column in [key] if isinstance(key, str) else key:
        fits &= rows[column].notna()
    rows, unread = rows[fits], delivered[~fits]
    if "order" in entry:
        last = delivered.loc[fits, entry["order"]].astype(int).sort_values(kind="stable").index
        rows = rows.loc[last].drop_duplicates(key, keep="last")
    return rows.reset_index(drop=True), unread


@cache
def table(home: Path, name: str) -> pd.DataFrame:
    """All rows that all sources bring into a fact table."""
    sources = [source for source, entry in declared().items() if entry["into"] == name]
    return pd.concat([read(home, source)[0] for source in sources], ignore_index=True)


def raw(home: Path, entry: Mapping[str, Any]) -> pd.DataFrame:
    """A source's rows as they are delivered, text where the file has text."""
    if entry["connector"] == "sql":
        path = home / entry["url"].removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as database:
            return pd.read_sql_query(entry["query"], database, parse_dates=["opened_at"])
    parts = [_file(path, entry) for path in sorted(home.glob(entry["path"]))]
    return pd.concat(parts, ignore_index=True)


def _file(path: Path, entry: Mapping[str, Any]) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pandas()
    if path.suffix == ".xlsx":
        return pd.read_excel(path, sheet_name=entry["sheet"])
    return pd.read_csv(
        path,
        sep=entry.get("delimiter", ","),
        encoding=entry.get("encoding", "utf-8"),
        dtype=str,
        keep_default_na=False,
    )


def _present(cells: pd.Series, missing: list[Any]) -> pd.Series:
    words = {""}
    for said in missing:
        words |= set(said) if isinstance(said, list) else {said}
    return cells.mask(cells.isin(words)) if pd.api.types.is_string_dtype(cells) else cells


def _typed(cells: pd.Series, kind: str, rule: Mapping[str, Any]) -> pd.Series:
    """Cells that cannot be read become missing."""
    if kind in ("timestamp", "date"):
        return _times(cells, rule)
    if kind in ("smallint", "integer", "bigint", "double", "number"):
        return pd.to_numeric(cells, errors="coerce")
    if kind.startswith("decimal"):
        if rule.get("decimal") == ",":
            cells = cells.str.replace(",", ".")
        return pd.to_numeric(cells, errors="coerce")
    if kind == "boolean":
        words = {"true": True, "false": False}
        return cells.map(lambda cell: words.get(str(cell).lower()), na_action="ignore")
    return cells


def _times(cells: pd.Series, rule: Mapping[str, Any]) -> pd.Series:
    """Naive UTC; a naive time is in the declared zone, and in UTC where none is declared."""
    if pd.api.types.is_datetime64_any_dtype(cells):
        zoned = cells.dt.tz is not None
        return cells.dt.tz_convert(None) if zoned else cells
    said = rule.get("format", "ISO8601")
    times = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[us]")
    for pattern in said if isinstance(said, list) else [said]:
        found = pd.to_datetime(cells, format=pattern, errors="coerce")
        if found.dt.tz is not None:
            found = found.dt.tz_convert(None)
        times = times.fillna(found.astype("datetime64[us]"))
    if "timezone" not in rule:
        return times
    return times.dt.tz_localize(rule["timezone"]).dt.tz_convert(None)
