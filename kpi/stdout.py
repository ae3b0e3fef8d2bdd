"""Writes rows on stdout: a table for people, CSV or JSON for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

Rows = Sequence[dict[str, Any]]


class Format(StrEnum):
    """How an answer is written."""

    table = "table"
    csv = "csv"
    json = "json"


def write(format: Format, columns: Sequence[str], rows: Rows) -> None:
    """Writes these columns of the rows, in their order."""
    _WRITERS[format](columns, rows)


def _write_json(columns: Sequence[str], rows: Rows) -> None:
    json.dump(list(rows), sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


def _write_csv(columns: Sequence[str], rows: Rows) -> None:
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: str(v).lower() if isinstance(v, bool) else v for name, v in row.items()}
        )


def _write_table(columns: Sequence[str], rows: Rows) -> None:
    shown = [[_cell(row[column]) for column in columns] for row in rows]
    numeric = [
        any(isinstance(row[c], (int, float)) and not isinstance(row[c], bool) for row in rows)
        for c in columns
    ]
    widths = [max([len(c), *(len(r[i]) for r in shown)]) for i, c in enumerate(columns)]
    for line in (list(columns), *shown):
        cells = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        )
        print("  ".join(cells).rstrip())


def _cell(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else str(value)


_WRITERS: dict[Format, Callable[[Sequence[str], Rows], None]] = {
    Format.table: _write_table,
    Format.csv: _write_csv,
    Format.json: _write_json,
}
