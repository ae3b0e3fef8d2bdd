"""A connector whose system, a JSON file in the home folder, tells what is new and what it has."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from connectors import contract
from connectors.contract import Batch, Column, Context, Present, Shape, SourceError

TABLES = ("surveys",)


class Options(contract.Options):
    """Which file is the system."""

    script: str


def system(options: Options) -> str:
    """One system."""
    return "Listed"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """The rows that the file calls new; with `full` all."""
    found = _read(options, context)
    rows = found["rows"] if context.full else found.get("new", ())
    columns = tuple(Column(name) for name in ("response_id", "answered_at", "score"))
    table = {c.name: pa.array([row[c.name] for row in rows], pa.string()) for c in columns}
    yield Batch("surveys", pa.table(table), Shape(columns), "listed", {"pulled": len(rows)})


def present(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Present]:
    """All rows of the file, a year; fails behind it where the file says so."""
    found = _read(options, context)
    keys = pa.table({"response_id": [row["response_id"] for row in found["rows"]]})
    year = (dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1))
    yield Present("surveys", "answered_at", *year, keys=keys)
    if "error" in found:
        raise SourceError(found["error"], "Look again.")


def _read(options: Options, context: Context) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((context.home / options.script).read_text())
    return found
