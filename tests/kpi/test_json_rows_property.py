"""Random records in JSON become the same texts in the database as in plain Python."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Batch, Pages, Shape
from kpi.json_rows import JsonRows
from kpi.raw_rows import told_whole


@dataclass(frozen=True)
class Number:
    """A number as it is written."""

    text: str


# Few keys, so that paths often lead somewhere; odd ones among them.
KEYS = st.sampled_from(["a", "b", "c", "0", "1", 'q"', "$", "/", "~", "ü", " ", "*"])
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
TEXTS = st.text(st.characters(codec=None), max_size=6) | st.sampled_from(
    ["", "null", "[1.5]", ": 1.5,", '"', "\\", "\ufdd0", "\0", "\ud800", "-7"]
)
SCALARS = st.none() | st.booleans() | NUMBERS.map(Number) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=5) | SCALARS
PATHS = st.lists(KEYS, min_size=1, max_size=3)
SPACES = st.sampled_from(["", "", " ", "\n", "\t "])


def written(value: object, space: str, *, ascii_only: bool) -> str:
    """A value as JSON text."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, list):
        inner = f"{space},".join(written(each, space, ascii_only=ascii_only) for each in value)
        return f"[{space}{inner}{space}]"
    if isinstance(value, dict):
        inner = f",{space}".join(
            f"{written(key, space, ascii_only=ascii_only)}{space}:{space}"
            f"{written(each, space, ascii_only=ascii_only)}"
            for key, each in value.items()
        )
        return f"{{{space}{inner}{space}}}"
    return json.dumps(value, ensure_ascii=ascii_only)


def readable(record: object) -> bool:
    """Whether it is a mapping of whole characters."""
    try:
        written(record, "", ascii_only=False).encode()
    except UnicodeEncodeError:
        return False
    return isinstance(record, dict)


def plainly(record: Any, path: Sequence[str]) -> Any:
    """What a path leads to, as the database is to give it; what is nested as Python sees it."""
    for step in path:
        if isinstance(record, list) and step.isdigit() and int(step) < len(record):
            record = record[int(step)]
        elif isinstance(record, dict) and step in record:
            record = record[step]
        else:
            return None
    if isinstance(record, Number):
        return record.text
    return {True: "true", False: "false"}[record] if isinstance(record, bool) else record


def loaded(text: str) -> Any:
    """JSON text as Python sees it, with its numbers as they are written."""
    return json.loads(text, parse_int=Number, parse_float=Number)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def landed(
    connection: duckdb.DuckDBPyConnection, pages: Pages
) -> tuple[list[tuple[Any, ...]], list[int | None]]:
    """The raw rows, and the numbers of the records that are none."""
    rows = JsonRows(connection, Batch("things", pages, Shape(()), "here"), pages)
    try:
        for _ in range(2):
            try:
                with told_whole():
                    found = connection.execute(f"select * from {rows.sql}").fetchall()
                return found, [reject.line for reject in rows.rejects({})]
            except duckdb.Error as error:
                if not rows.retry(error):
                    raise
    finally:
        rows.close()
    raise AssertionError("it never came to an end")


@settings(max_examples=300)
@given(
    st.lists(st.lists(RECORDS, max_size=4), min_size=1, max_size=3),
    st.lists(PATHS, min_size=1, max_size=5),
    st.lists(KEYS, max_size=2),
    SPACES,
    st.booleans(),
)
def test_every_record_reads_as_python_reads_it(
    connection: duckdb.DuckDBPyConnection,
    documents: list[list[object]],
    paths: list[list[str]],
    place: list[str],
    space: str,
    ascii_only: bool,
):
    wrapped: list[Any] = list(documents)
    for key in reversed(place):
        wrapped = [{"x": 1, key: each, "y": [Number("1.0")]} for each in wrapped]
    texts = [written(each, space, ascii_only=ascii_only) for each in wrapped]
    pages = Pages(
        tuple(text.encode(errors="surrogatepass") for text in texts),
        ".".join(place),
        {f"f{n}": ".".join(path) for n, path in enumerate(paths)},
    )
    everything = [record for document in documents for record in document]
    expected = [
        [plainly(record, path) for path in paths] for record in everything if readable(record)
    ]

    rows, faults = landed(connection, pages)

    assert faults == [n for n, record in enumerate(everything, 1) if not readable(record)]
    assert len(rows) == len(expected)
    for row, right in zip(rows, expected, strict=True):
        for value, wanted in zip(row, right, strict=True):
            nested = isinstance(wanted, (list, Mapping))
            assert (loaded(value) if nested else value) == wanted
