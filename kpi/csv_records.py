"""Splits a CSV file into records with their lines, and mends nothing: a wrong row is told.

The database splits files faster, but of a file with a mistake in it some rows can vanish without a
word: a last row whose quote never closes, a row longer than its buffer.
"""

from __future__ import annotations

import csv
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FEW = "the row has too few fields"
_MANY = "the row has too many fields"
_UNCLOSED = "a quote is not closed, or text follows it"
# One record in quotes; more is a quote that nobody closed.
_LONGEST = 64 << 20
# After an unclosed quote what followed it is read anew; this much in all, in characters.
_MOST_AGAIN = 256 << 20


class NotATable(Exception):
    """So much is wrong that it cannot be said what the rows are."""


@dataclass(frozen=True)
class Record:
    """One record: its first line (from 1), its text as it stands there, and its fields or fault."""

    line: int
    text: str
    fields: list[str]
    fault: str | None = None


def records(path: str, delimiter: str, width: int, skip: int = 0) -> Iterator[Record]:
    """Every record below the header that holds anything, in order; `width` fields make a row.

    A record whose quote goes wrong is told with its first line, and the next line begins a new one.
    Raises NotATable where that happens too often.
    """
    # The default refuses a field of more than 128 KB.
    csv.field_size_limit(2**31 - 1)
    with Path(path).open(encoding="utf-8-sig", newline="\n") as file:
        lines = _Lines(enumerate(file, start=1))
        for _ in range(skip):
            next(lines, None)
        header = itertools.islice(_split(lines, delimiter), 1)
        for _ in header:
            pass
        for record in _split(lines, delimiter):
            if record.fault is None and len(record.fields) != width:
                fault = _FEW if len(record.fields) < width else _MANY
                yield Record(record.line, record.text, [], fault)
            elif record.fault is not None or any(record.fields):
                yield record


class _Lines:
    """Numbered lines that can be given back."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self._again: deque[tuple[int, str]] = deque()
        self._given_back = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> tuple[int, str]:
        return self._again.popleft() if self._again else next(self._lines)

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        self._given_back += sum(len(text) for _, text in lines)
        if self._given_back > _MOST_AGAIN:
            raise NotATable("too many quotes are not closed")
        self._again.extendleft(reversed(lines))


def _split(lines: _Lines, delimiter: str) -> Iterator[Record]:
    for number, text in lines:
        bare = text.rstrip("\r\n")
        if not bare:
            continue
        if '"' in bare:
            yield _quoted(number, text, lines, delimiter)
        else:
            yield Record(number, bare, bare.split(delimiter))


def _quoted(number: int, text: str, lines: _Lines, delimiter: str) -> Record:
    taken = [(number, text)]
    length = 0

    def feed() -> Iterator[str]:
        nonlocal length
        yield text
        for line in lines:
            taken.append(line)
            length += len(line[1])
            if length > _LONGEST:
                return
            yield line[1]

    try:
        fields = next(csv.reader(feed(), delimiter=delimiter, strict=True))
    except csv.Error:
        lines.give_back(taken[1:])
        return Record(number, text.rstrip("\r\n"), [], _UNCLOSED)
    return Record(number, "".join(line for _, line in taken).rstrip("\r\n"), fields)
