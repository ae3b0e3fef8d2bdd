"""Reads CSV, Parquet and Excel files: exports that a person or a program puts into a folder."""

from __future__ import annotations

import codecs
import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator, Field, model_validator

from connectors import contract, delimited, inbox, tables, workbook
from connectors.columns import Columns, Words, Zone, columns_of, shown_row
from connectors.contract import Batch, Column, Context, Mode, Scan, Shape, SourceError
from connectors.header import Header, taken
from connectors.inbox import Found

TABLES: tuple[str, ...] = ()  # an entry names its own

ENTRY = """\
connector: file
path: exports/answers-*.csv    # CSV, Parquet or Excel, below the home folder; or https://...
into: surveys                  # a canonical table, or one of your own with its `key:`
every: 1 day
# mode: replace                # where the files are all there is: what is missing is deleted
# timezone: Europe/Berlin      # of times without a zone; UTC without this line
# columns:                     # where the file calls them otherwise than the table
#   answered_at: {from: Submitted, format: "%d/%m/%Y %H:%M"}
"""

_LISTED = 5
# What a format may hold, as the database reads it.
_TIME_MARKS = {f"%{letter}" for letter in "aAbBcdDfgGHIjmMnpSuUVwWxXyYzZ"} | {
    f"%-{letter}" for letter in "dmyHIMSj"
}


def _encoding(value: str) -> str:
    try:
        codecs.lookup(value)
    except LookupError:
        raise ValueError(
            f"unknown encoding '{value}'; write for example utf-8, utf-16 or cp1252"
        ) from None
    return value


def _delimiter(value: str) -> str:
    mark = {"tab": "\t", "\\t": "\t"}.get(value, value)
    if len(mark) != 1 or mark in '"\r\n':
        raise ValueError('write one character, for example ";" or "\\t"')
    return mark


def _table(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", value):
        raise ValueError(f"'{value}' cannot name a table: use letters, digits and _")
    return value


class Options(contract.Options):
    """What a file source may say in `sources.yaml`; docs/files.md explains each key."""

    path: str
    into: Annotated[str, AfterValidator(_table)]
    key: Words = ()
    order: str | None = None
    mode: Mode | None = None
    columns: Columns = Field(default_factory=dict)
    sheet: str | None = None
    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = None
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    missing: Words = ()
    decimal: Literal[".", ","] = "."
    timezone: Zone | None = None

    @model_validator(mode="after")
    def _formats_are_known(self) -> Options:
        for name, column in self.columns.items():
            for form in column.format:
                for mark in re.findall("%-?.?", form.replace("%%", "")):
                    if mark not in _TIME_MARKS:
                        raise ValueError(
                            f"columns.{name}.format: '{mark}' in '{form}' means nothing"
                        )
        return self

    @model_validator(mode="after")
    def _modes_fit(self) -> Options:
        keyed = bool(self.key) or self.into in tables.TABLES
        if self.mode == "upsert" and not keyed:
            raise ValueError("mode upsert needs a key: name the columns that identify a row")
        if self.order and not keyed:
            raise ValueError("order says which row of a key is the last, so it needs a key")
        return self

    def landing_mode(self) -> Mode:
        """The mode, by default `upsert` where a key is known, else `replace`."""
        keyed = bool(self.key) or self.into in tables.TABLES
        return self.mode or ("upsert" if keyed else "replace")


@dataclass(frozen=True)
class _Part:
    """Files that are read in one go: the same raw columns, in the order of their rows."""

    rows: pa.RecordBatchReader | Scan
    header: Header
    kind: str
    shown: str


def system(options: Options) -> str:
    """For example 'File · CSV'."""
    kind = inbox.kind_of(options.path)
    return f"File · {kind}" if kind else "File"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """The rows of the files that are new or changed; raises SourceError."""
    mode, mapping, memory = options.landing_mode(), _mapping(options), inbox.Memory.of(state)
    with tempfile.TemporaryDirectory(prefix="kpi-file-") as made:
        folder = Path(made)
        found = _found(options, context.home, folder)
        as_of = max((file.changed_at for file in found if file.changed_at), default=None)
        reading = memory.unread(found, mode, mapping, together=options.order is not None)
        after = memory.after(found, mode, mapping)
        if not reading:
            # No rows, but the word that there are none, and how old the newest ones are.
            shape = Shape((), key=options.key, mode="append")
            yield Batch(options.into, pa.table({}), shape, options.path, state=after, as_of=as_of)
            return
        parts = _parts(reading, options, folder)
        for number, part in enumerate(parts, start=1):
            last = number == len(parts)
            yield Batch(
                into=options.into,
                rows=part.rows,
                shape=_shape(options, part),
                origin=part.shown,
                state=after if last else None,
                as_of=as_of,
            )


def check(options: Options, context: Context) -> Iterator[str]:
    """Finds the files, their columns and the first row, and says how a pull would take them."""
    with tempfile.TemporaryDirectory(prefix="kpi-file-") as made:
        folder = Path(made)
        found = _reached(options, context.home, folder)
        yield f"Found {_files(len(found))}: {_listed([file.shown for file in found])}."
        for part in _parts(found, options, folder):
            yield f"The columns of {part.shown} are {', '.join(part.header.written)}."
            shape = _shape(options, part)
            filled = {column.name for column in shape.columns}
            canonical = tables.TABLES[options.into].columns if options.into in tables.TABLES else ()
            if empty := [name for name in canonical if name not in filled]:
                yield f"Nothing in it fills {', '.join(empty)}."
            row = _first_row(part)
            if row is None:
                yield f"{part.shown} has no rows yet."
            else:
                yield f"Its first row reads {shown_row(shape.columns, row)}."
        key = f", by {', '.join(shape.key)}" if shape.key else ""
        yield f"A pull reads {_files(len(found))} into {options.into} (mode {shape.mode}{key})."


def _mapping(options: Options) -> str:
    """A text that differs where the same file would be read otherwise."""
    ways = options.model_dump(
        mode="json", exclude={"connector", "every", "start", "lookback", "timeout", "path"}
    )
    return hashlib.sha256(json.dumps(ways, sort_keys=True).encode()).hexdigest()


def _found(options: Options, home: Path, folder: Path) -> list[Found]:
    found = _reached(options, home, folder)
    if inbox.is_on_the_web(options.path) or options.landing_mode() != "append":
        return found
    # What was appended cannot be taken back.
    return inbox.copied(found, folder)


def _reached(options: Options, home: Path, folder: Path) -> list[Found]:
    if inbox.is_on_the_web(options.path):
        from connectors.published import download  # only a source on the web needs it

        return [inbox.downloaded(options.path, download(options.path, folder, options.timeout))]
    return inbox.search(options.path, home)


def _parts(found: list[Found], options: Options, folder: Path) -> list[_Part]:
    readers = {"CSV": _text_part, "Parquet": _parquet_part, "Excel": _sheet_part}
    parts: list[_Part] = []
    for number, file in enumerate(found):
        own = folder / f"text-{number}"
        own.mkdir()
        part = readers[file.kind](file, options, own)
        joined = _joined(parts[-1], part, options) if parts else None
        if joined:
            parts[-1] = joined
        else:
            parts.append(part)
    if len(parts) > 1 and options.order:
        raise SourceError(
            f"{parts[0].shown} and {parts[1].shown} have different headers, and `order` compares "
            "the rows of all files.",
            "Give the files the same columns, or read them as two sources.",
        )
    return parts


def _joined(one: _Part, other: _Part, options: Options) -> _Part | None:
    """Both as one, where one scan can read both."""
    if not (isinstance(one.rows, Scan) and isinstance(other.rows, Scan)):
        return None
    ways = [(part.kind, part.header.names, part.rows.arguments) for part in (one, other)]
    if ways[0] != ways[1]:
        return None
    rows = replace(one.rows, paths=one.rows.paths + other.rows.paths)
    return replace(one, rows=rows, shown=options.path)


def _text_part(file: Found, options: Options, folder: Path) -> _Part:
    text = delimited.examine(file.path, file.shown, folder, options.encoding, options.delimiter)
    scan = Scan("read_csv", (str(text.path),), text.arguments())
    return _Part(scan, text.header, file.kind, file.shown)


def _parquet_part(file: Found, options: Options, folder: Path) -> _Part:
    try:
        names = tuple(pq.read_schema(file.path).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(
            f"{file.shown} is not a whole Parquet file.",
            "It may still be being written. Let the program that writes it rename a finished "
            "file into place.",
        ) from error
    scan = Scan("read_parquet", (str(file.path),), {"hive_partitioning": False})
    return _Part(scan, Header(file.shown, names, names), file.kind, file.shown)


def _sheet_part(file: Found, options: Options, folder: Path) -> _Part:
    decimals = {
        (column.source or name).strip().casefold(): column.decimal or options.decimal
        for name, column in options.columns.items()
    }
    header, rows = workbook.read(file, options.sheet, decimals, options.decimal)
    return _Part(rows, header, file.kind, file.shown)


def _first_row(part: _Part) -> Mapping[str, object] | None:
    """The first row as it is written, by the names of its columns; None where there is none."""
    if not isinstance(part.rows, Scan):
        return _first_of(part.rows)
    row: Mapping[str, object] | None = None
    for path in map(Path, part.rows.paths):
        if part.rows.function == "read_parquet":
            batches = pq.ParquetFile(path).iter_batches(batch_size=1)
            row = _first_of(batches)
        else:
            row = _first_text_row(path, part)
        if row is not None:
            break
    return row


def _first_of(batches: Iterable[pa.RecordBatch]) -> Mapping[str, object] | None:
    return next((row for batch in batches for row in batch.to_pylist()), None)


def _first_text_row(path: Path, part: _Part) -> Mapping[str, object] | None:
    assert isinstance(part.rows, Scan)
    arguments, names = part.rows.arguments, part.header.names
    fields = delimited.first_row(path, arguments["delim"], arguments["skip"])
    if fields is not None and len(fields) != len(names):
        raise SourceError(
            f"The first row of {part.shown} has {len(fields)} fields, its header {len(names)}.",
            "Check `delimiter`, and that nobody cut the file off.",
        )
    return dict(zip(names, fields, strict=True)) if fields is not None else None


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")


def _shape(options: Options, part: _Part) -> Shape:
    """How this part's raw columns become the fact table's; refuses what is not there."""
    canonical = tables.TABLES[options.into].columns if options.into in tables.TABLES else None
    key = options.key or (tables.TABLES[options.into].key if canonical is not None else ())
    declared = columns_of(options.columns, timezone=options.timezone, decimal=options.decimal)
    if part.kind == "Excel":
        declared = tuple(
            replace(column, formats=(*column.formats, *workbook.TIMES))
            if column.formats
            else column
            for column in declared
        )
    like = Column("", timezone=options.timezone, decimal=options.decimal, missing=options.missing)
    columns = taken(part.header, declared, canonical=canonical, key=key, like=like)
    part.header.refuse_without(key, {column.name for column in columns}, options.into)
    order = part.header.raw_name(options.order, "order") if options.order else None
    return Shape(columns, key=key, order=order, mode=options.landing_mode())
