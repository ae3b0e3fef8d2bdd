"""Reads a sheet of an Excel workbook: every cell as the text that a person would see."""

from __future__ import annotations

import datetime as dt
import itertools
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import openpyxl
import pyarrow as pa
from openpyxl.utils.exceptions import InvalidFileException

from connectors.columns import nearest
from connectors.contract import SourceError
from connectors.header import Header, unique_names
from connectors.inbox import Found

# How a real date of a sheet is written out, with and without a fraction of a second.
TIMES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f")

_ENDS_A_WORKBOOK = (
    InvalidFileException,
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
    SyntaxError,
    OSError,
)
_ROWS_A_BATCH = 20_000


def read(
    file: Found, sheet: str | None, decimals: Mapping[str, str], decimal: str
) -> tuple[Header, pa.RecordBatchReader]:
    """The header of a sheet, by default the first one, and a stream of its rows as texts.

    A real number is written with the decimal mark of its column, which `decimals` has by the
    column's name in lower case, `decimal` otherwise. Raises SourceError.
    """
    try:
        book = openpyxl.load_workbook(file.path, read_only=True, data_only=True)
    except _ENDS_A_WORKBOOK as error:
        raise _no_workbook(file) from error
    name = sheet or book.sheetnames[0]
    if name not in book.sheetnames:
        raise SourceError(
            f"{file.shown} has no sheet {name!r}.{nearest(name, book.sheetnames)}",
            f"Its sheets are: {', '.join(book.sheetnames)}.",
        )
    rows = _rows(book, name, file)
    written = next(((cells) for _, cells in rows), ())
    texts = [_cell(cell, ".") or "" for cell in written]
    while texts and not texts[-1].strip():
        texts.pop()
    if not texts:
        raise SourceError(f"{file.shown} is empty: it has not even a header.", "Export it again.")
    header = Header(file.shown, tuple(texts), unique_names(tuple(texts)))
    schema = pa.schema([("_line", pa.int64()), *((name, pa.string()) for name in header.names)])
    marks = [decimals.get(name.casefold(), decimal) for name in header.names]
    return header, pa.RecordBatchReader.from_batches(schema, _batches(rows, schema, marks))


def _rows(book: Any, name: str, file: Found) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The rows of a sheet that hold anything, with their lines."""
    sheet = book[name]
    # Some programs write a wrong size into the sheet, and cells beyond it would not be read.
    sheet.reset_dimensions()
    try:
        for line, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            if any(cell is not None for cell in cells):
                yield line, cells
    except _ENDS_A_WORKBOOK as error:
        raise _no_workbook(file) from error
    finally:
        book.close()


def _no_workbook(file: Found) -> SourceError:
    return SourceError(
        f"{file.shown} is not a whole .xlsx workbook.",
        "Save it anew as .xlsx without a password, or export it as CSV.",
    )


def _batches(
    rows: Iterator[tuple[int, tuple[Any, ...]]], schema: pa.Schema, marks: list[str]
) -> Iterator[pa.RecordBatch]:
    while taken_now := list(itertools.islice(rows, _ROWS_A_BATCH)):
        columns: list[list[Any]] = [[line for line, _ in taken_now]]
        for place, mark in enumerate(marks):
            columns.append(
                [
                    _cell(cells[place], mark) if place < len(cells) else None
                    for _, cells in taken_now
                ]
            )
        arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cell(value: object, mark: str) -> str | None:
    """A cell as the text that a person would see, but exact; `mark` stands before decimals."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        # A sheet keeps every number as a float: 7.0 is the 7 that was typed.
        text = str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        return text.replace(".", mark)
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return str(value)
