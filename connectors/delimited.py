"""Finds out how a text file with rows is written: its encoding, delimiter and header."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from connectors.contract import SourceError
from connectors.header import Header, unique_names

_CHUNK = 1 << 20
_DELIMITERS = ",;\t|"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_KINDS = (b"PK\3\4", b"PAR1", b"\x1f\x8b", b"%PDF", b"\xd0\xcf\x11\xe0")
# The database reads at most this much as one row; a longer one it may leave out unseen.
_LONGEST_LINE = 48 << 20
_UTF8 = {"utf-8", "utf-8-sig", "ascii"}


@dataclass(frozen=True)
class Delimited:
    """How to read one file: a path to UTF-8 text, its header, its dialect."""

    path: Path
    header: Header
    delimiter: str
    skip: int

    def arguments(self) -> dict[str, object]:
        """For the database's `read_csv`: everything is a text, nothing is guessed."""
        return {
            "columns": dict.fromkeys(self.header.names, "VARCHAR"),
            "header": True,
            "auto_detect": False,
            "delim": self.delimiter,
            "quote": '"',
            "escape": '"',
            "skip": self.skip,
            "hive_partitioning": False,
        }


def examine(
    path: Path, shown: str, folder: Path, encoding: str | None, delimiter: str | None
) -> Delimited:
    """Reads a file through once; `folder` takes a UTF-8 copy where the file is not plain UTF-8.

    `shown` is what errors call the file. Raises SourceError for what is no text, has no header,
    or is written in an encoding that cannot be told.
    """
    packed = path.name.endswith(".gz")
    readable = path
    try:
        with _open(path, packed) as file:
            start = file.read(_CHUNK)
        if start.startswith(_OTHER_KINDS):
            raise SourceError(
                f"{shown} is not a text file, whatever its name says.",
                "Give it the ending of its kind (.xlsx, .parquet, .csv.gz), or export it as CSV.",
            )
        codec = _codec(start, shown, encoding)
        _refuse_no_rows(start.decode(codec, errors="ignore"), shown)
        if packed or codec not in _UTF8 or not _is_plain(path, shown):
            readable = folder / path.name.removesuffix(".gz")
            _rewrite(_open(path, packed), readable, codec, shown)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(
            f"{shown} is not a whole gzip file.", "Export or copy it again."
        ) from error
    default = "\t" if readable.suffix == ".tsv" else None
    return _dialect(readable, shown, delimiter or default)


def first_row(path: Path, delimiter: str, skip: int) -> list[str] | None:
    """The fields of the first row behind the header, in a UTF-8 text; None where there is none."""
    with path.open("rb") as file:
        start = file.read(_CHUNK).decode("utf-8-sig", errors="replace")
    records = _first_records("\n".join(start.split("\n")[skip:]), delimiter, 2)
    return records[1] if len(records) > 1 else None


def _codec(start: bytes, shown: str, declared: str | None) -> str:
    if declared:
        name = codecs.lookup(declared).name
        return "utf-8-sig" if name == "utf-8" else name
    for mark, codec in _MARKS:
        if start.startswith(mark):
            return codec
    if b"\0" in start[:4096]:
        raise SourceError(
            f"{shown} is not plain text: it holds zero bytes.",
            "If it is UTF-16 without a mark, write `encoding: utf-16-le`; else export it again.",
        )
    return "utf-8"


def _refuse_no_rows(start: str, shown: str) -> None:
    text = start[:4096].lstrip("\ufeff \t\r\n").lower()
    if text.startswith(("<!doctype html", "<html", "<head", "<body")):
        raise SourceError(
            f"{shown} is a web page, not rows.",
            "Probably a page to sign in: publish the file, or download it by hand.",
        )
    if not text.strip(_DELIMITERS + " \r\n"):
        raise SourceError(f"{shown} is empty: it has not even a header.", "Export it again.")


def _is_plain(path: Path, shown: str) -> bool:
    """Whether the database can read the file as it is; refuses what is no UTF-8 text."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    pending, begin = False, 0
    returns = feeds = pairs = 0
    last = b""
    unbroken = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if b"\0" in chunk:
                line = _line_of(path, begin + chunk.index(b"\0"))
                raise SourceError(
                    f"{shown} is damaged: there is a zero byte in line {line}.",
                    "It may still be being written; export or copy it again.",
                )
            unbroken = 0 if b"\n" in chunk or b"\r" in chunk else unbroken + len(chunk)
            if unbroken > _LONGEST_LINE:
                raise SourceError(
                    f"{shown} has a line of more than {_LONGEST_LINE >> 20} MB.",
                    "Check `delimiter` and that the file is a table; else split that line.",
                )
            if pending or not chunk.isascii():
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as error:
                    raise _not_utf8(path, shown, error, begin) from error
                pending = bool(decoder.getstate()[0])
            if b"\r" in chunk or last == b"\r":
                returns += chunk.count(b"\r")
                pairs += chunk.count(b"\r\n") + (last + chunk[:1] == b"\r\n")
                feeds += chunk.count(b"\n")
            elif returns:
                feeds += chunk.count(b"\n")
            last = chunk[-1:]
            begin += len(chunk)
    # The database cannot read a file that breaks its lines in two ways.
    return returns == 0 or returns == pairs == feeds


def _not_utf8(path: Path, shown: str, error: UnicodeDecodeError, begin: int) -> SourceError:
    line = _line_of(path, begin + error.start)
    return SourceError(
        f"{shown} is not UTF-8: byte 0x{error.object[error.start]:02X} in line {line}.",
        "Say how it is written under `encoding:`, for example `encoding: cp1252`.",
    )


def _line_of(path: Path, position: int) -> int:
    with path.open("rb") as file:
        return file.read(position).count(b"\n") + 1


def _rewrite(source: IO[bytes], target: Path, codec: str, shown: str) -> None:
    """Writes a text anew as UTF-8 with one kind of line break."""
    try:
        with (
            io.TextIOWrapper(source, encoding=codec) as reading,
            target.open("w", encoding="utf-8", newline="\n") as writing,
        ):
            while text := reading.read(_CHUNK):
                if "\0" in text:
                    raise SourceError(
                        f"{shown} is damaged: there are zero bytes in it.",
                        "Check `encoding:`, or export it again.",
                    )
                writing.write(text)
    except UnicodeError as error:
        raise SourceError(
            f"{shown} is not {codec.removesuffix('-sig')}: {error}.",
            "Say how it is written under `encoding:`, for example `encoding: cp1252`.",
        ) from error


def _open(path: Path, packed: bool) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if packed else path.open("rb")


def _dialect(readable: Path, shown: str, delimiter: str | None) -> Delimited:
    with readable.open("rb") as file:
        start = file.read(_CHUNK)
    lines = start.decode("utf-8-sig", errors="replace").split("\n")
    skip = 0
    while skip < len(lines) and not lines[skip].strip():
        skip += 1
    if (told := lines[skip].strip()).startswith("sep=") and len(told) == 5:
        # Excel's own way to say which delimiter it used.
        delimiter, skip = delimiter or told[4], skip + 1
    sample = "\n".join(lines[skip:])
    delimiter = delimiter or _guess(sample)
    written = tuple(_first_records(sample, delimiter, 1)[0])
    return Delimited(readable, Header(shown, written, unique_names(written)), delimiter, skip)


def _guess(sample: str) -> str:
    """The delimiter that splits the first records into the same, largest number of fields."""

    def evenness(delimiter: str) -> tuple[int, int]:
        widths = [len(record) for record in _first_records(sample, delimiter, 20)]
        alike = sum(width == widths[0] for width in widths)
        return (alike if widths[0] > 1 else 0, widths[0])

    return max(_DELIMITERS, key=evenness)


def _first_records(sample: str, delimiter: str, count: int) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(sample), delimiter=delimiter)
    records = []
    for record in reader:
        if record:
            records.append(record)
        if len(records) == count:
            break
    return records
