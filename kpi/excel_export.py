"""Writes an export as an Excel workbook: real numbers and dates, and no text that runs.

XlsxWriter rather than openpyxl, which connectors read with: half the processor time for the same
cells, it writes row by row, and a text stays a text unless one asks for a formula.
"""

from __future__ import annotations

import datetime as dt
import decimal
import io
import math
import re
from collections.abc import Sequence
from typing import Any

from kpi.export import Export
from kpi.formats import Formats

# What Excel itself can hold: rows below the header, and UTF-16 units in a cell.
MOST_ROWS = 1_048_575
LONGEST_TEXT = 32_767
# Excel counts days from 1900 on, takes that year for a leap year, and ends with the year 9999.
_FIRST_DAY, _LAST_DAY = dt.date(1900, 3, 1), dt.date(9999, 12, 30)
# More digits than these are rounded by Excel: such a number is an id, and stays as it is in text.
_DIGITS, _LARGEST = 15, 10**15
# A number that is farther from zero cannot be typed into Excel.
_FARTHEST = 9.99999999999999e307
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NOT_IN_A_NAME = re.compile(r"[\[\]:*?/\\']")
_MEASURED = 200  # rows that decide how wide a column is
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}


class TooManyRows(ValueError):
    """More rows than a sheet of Excel can hold."""


def excel_bytes(export: Export, formats: Formats) -> bytes:
    """The export as a workbook; times as clocks in the zone of the calendar show them.

    Its second sheet says what the first one is. The same export gives the same bytes. Raises
    TooManyRows.
    """
    if len(export.rows) > MOST_ROWS:
        raise TooManyRows(
            f"{formats.several(len(export.rows), 'row')} are more than a sheet of Excel holds "
            f"({formats.count(MOST_ROWS)}). "
            "Choose a shorter period or a filter, or take the CSV."
        )
    import xlsxwriter  # here, as most who open a page never write a workbook

    written = io.BytesIO()
    with xlsxwriter.Workbook(written, _OPTIONS) as book:
        book.set_properties({"title": _clean(export.title), "created": export.published_at})
        first = _Sheet(book, _sheet_name(export.title), formats)
        first.head(export.columns)
        for line, row in enumerate(export.rows, start=1):
            first.write(line, row)
        first.arrange(export.columns, export.rows)
        about = _Sheet(book, "About", formats)
        for line, (what, how) in enumerate((*export.about, *first.said())):
            about.write(line, (what, how))
        about.arrange(("", ""), export.about)
    return written.getvalue()


class _Sheet:
    """One sheet of a workbook, written from its first row to its last."""

    def __init__(self, book: Any, name: str, formats: Formats) -> None:
        self._sheet = book.add_worksheet(name)
        self._formats = formats
        self._heading = book.add_format({"bold": True, "bottom": 1})
        self._day = book.add_format({"num_format": "yyyy-mm-dd", "align": "left"})
        self._time = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss", "align": "left"})
        self._cut = 0

    def head(self, names: Sequence[str]) -> None:
        """The names of the columns, which stay in sight."""
        for place, name in enumerate(names):
            self._sheet.write_string(0, place, _clean(name), self._heading)
        self._sheet.freeze_panes(1, 0)

    def write(self, line: int, row: Sequence[Any]) -> None:
        """One row; what is missing stays empty."""
        for place, value in enumerate(row):
            if isinstance(value, bool):
                self._sheet.write_boolean(line, place, value)
            elif _is_exact(value):
                self._sheet.write_number(line, place, value)
            elif isinstance(value, dt.date):
                self._write_date(line, place, value)
            elif value is not None:
                self._sheet.write_string(line, place, self._text(str(value)))

    def arrange(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Columns as wide as what stands in them, and under a header a filter."""
        for place, name in enumerate(names):
            longest = max((_width(row[place]) for row in rows[:_MEASURED]), default=0)
            self._sheet.set_column(place, place, min(max(longest, len(name) + 3, 8), 60))
        if any(names):
            self._sheet.autofilter(0, 0, max(len(rows), 1), len(names) - 1)

    def said(self) -> list[tuple[str, str]]:
        """What this sheet had to leave out, for those who read it."""
        if not self._cut:
            return []
        which = f"{self._formats.several(self._cut, 'text')} {'is' if self._cut == 1 else 'are'}"
        longest = self._formats.several(LONGEST_TEXT, "character")
        most = f"{longest}, the most that a cell of Excel holds"
        return [("Cut", f"{which} cut at {most}; the CSV has all of them.")]

    def _write_date(self, line: int, place: int, value: dt.date) -> None:
        try:
            local = (
                self._formats.calendar.local_time(value)
                if isinstance(value, dt.datetime)
                else value
            )
        except OverflowError:  # the first or last moment of all, as some systems write "never"
            local = value
        day = local.date() if isinstance(local, dt.datetime) else local
        if not _FIRST_DAY <= day <= _LAST_DAY:
            self._sheet.write_string(line, place, local.isoformat())
        else:
            kind = self._time if isinstance(local, dt.datetime) else self._day
            self._sheet.write_datetime(line, place, local, kind)

    def _text(self, text: str) -> str:
        clean = _clean(text)
        if 2 * len(clean) <= LONGEST_TEXT:
            return clean
        units = clean.encode("utf-16-le")  # two bytes each
        if len(units) <= 2 * LONGEST_TEXT:
            return clean
        self._cut += 1
        return units[: 2 * LONGEST_TEXT - 2].decode("utf-16-le", errors="ignore") + "…"


def _is_exact(value: Any) -> bool:
    """Whether it is a number that Excel does not round."""
    if isinstance(value, int):
        return abs(value) < _LARGEST
    if isinstance(value, float):
        return math.isfinite(value) and abs(value) <= _FARTHEST
    if isinstance(value, decimal.Decimal):
        return value.is_finite() and len(value.normalize().as_tuple().digits) <= _DIGITS
    return False


def _clean(text: str) -> str:
    """A text without the characters that XML refuses, and not taken for XML itself."""
    clean = _REFUSED.sub("", text)
    # XlsxWriter believes that such a text is formatted already, and would write it as it is.
    return f" {clean}" if clean.startswith("<r>") and clean.endswith("</r>") else clean


def _width(value: Any) -> int:
    if isinstance(value, dt.datetime):
        return 20
    if isinstance(value, float):
        return 12
    return 0 if value is None else len(str(value)) + 2


def _sheet_name(title: str) -> str:
    """A title as Excel takes it for a sheet."""
    name = " ".join(_NOT_IN_A_NAME.sub(" ", _clean(title)).split())[:31].strip()
    return "Rows" if name.lower() in ("", "about", "history") else name
