"""A workbook holds what the rows say: numbers as numbers, times as times, and no text runs."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import string
import zipfile
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi import excel_export
from kpi.excel_export import LONGEST_TEXT, TooManyRows, excel_bytes
from kpi.export import Export
from kpi.formats import Formats
from kpi.periods import Calendar

BERLIN = Formats(Calendar("Europe/Berlin"))
NOON = dt.datetime(2026, 3, 10, 12)


def export(*values: Any, title: str = "Rows") -> Export:
    """An export of one column with these values."""
    about = (("Edition", 7), ("Published", NOON), ("Times are those of", "Europe/Berlin"))
    return Export(title, ("a",), [(value,) for value in values], about, NOON)


def cells(data: bytes) -> list[Any]:
    """The cells below the header of the first sheet, as they are read back."""
    sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets[0]
    return [row[0] for row in sheet.iter_rows(min_row=2)]


def back(*values: Any) -> list[Any]:
    """What becomes of these values on the way through a workbook."""
    return [cell.value for cell in cells(excel_bytes(export(*values), BERLIN))]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-cmd", "@sum(a)", "{=1}", "\t=1", "12", "http://a"]
)
def test_a_text_stays_a_text_whatever_it_begins_with(text: str) -> None:
    (cell,) = cells(excel_bytes(export(text), BERLIN))

    assert (cell.value, cell.data_type, cell.hyperlink) == (text, "s", None)


def test_a_text_that_looks_like_the_files_own_marks_is_only_a_text() -> None:
    evil = "<r><t>a</t></r><f>1+1</f><r></r>"

    assert back(evil) == [f" {evil}"]


def test_no_formula_is_ever_written() -> None:
    data = excel_bytes(export("=1+1", "{=1}", "<r><f>1</f></r>"), BERLIN)

    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        assert b"<f>" not in packed.read("xl/worksheets/sheet1.xml")


@settings(max_examples=30)
@given(st.text(string.printable + "äß€≥😀\x00\x07\x1f\ufffe\ud800<>&'\"", max_size=40))
def test_every_text_comes_back_without_what_xml_refuses(text: str) -> None:
    kept = "".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\ud800"))
    if kept.startswith("<r>") and kept.endswith("</r>"):
        kept = f" {kept}"

    # What openpyxl leaves of a carriage return, which XML would take for a line's end.
    assert [value.replace("_x000D_", "\r") for value in back(text)] == [kept]


@settings(max_examples=30)
@given(
    st.floats(-1e307, 1e307)
    | st.integers(-(10**14), 10**14)
    | st.decimals(-(10**9), 10**9, places=4)
)
def test_a_number_comes_back_as_a_number(number: Any) -> None:
    (found,) = back(number)

    assert found == pytest.approx(float(number), rel=1e-15, abs=0)


@pytest.mark.parametrize("number", [2**60, -(10**15), decimal.Decimal("12345678901234567.89")])
def test_a_number_with_more_digits_than_excel_keeps_stays_whole_as_a_text(number: Any) -> None:
    assert back(number) == [str(number)]


def test_a_number_that_excel_cannot_hold_stays_whole_as_a_text() -> None:
    assert back(1.7976931348623157e308, -1e308) == ["1.7976931348623157e+308", "-1e+308"]


def test_what_is_no_number_is_said_in_words() -> None:
    assert back(float("nan"), float("inf"), decimal.Decimal("NaN")) == ["nan", "inf", "NaN"]


def test_yes_and_no_are_truths_and_what_is_missing_is_empty() -> None:
    assert back(True, False, None, "end") == [True, False, None, "end"]


def test_times_are_clocks_of_the_calendars_zone() -> None:
    summer, winter = dt.datetime(2026, 7, 1, 22, 5, 6), dt.datetime(2026, 1, 1, 22, 5, 6)

    assert back(summer, winter) == [
        dt.datetime(2026, 7, 2, 0, 5, 6),
        dt.datetime(2026, 1, 1, 23, 5, 6),
    ]


def test_days_are_days() -> None:
    (cell,) = cells(excel_bytes(export(dt.date(2026, 3, 1)), BERLIN))

    assert cell.is_date
    assert (cell.value, cell.number_format) == (dt.datetime(2026, 3, 1), "yyyy-mm-dd")


@pytest.mark.parametrize(
    "day",
    [dt.date(1900, 2, 28), dt.date.min, dt.date.max, dt.datetime.max, dt.datetime(9999, 12, 31)],
)
def test_a_day_that_excel_does_not_know_is_a_text(day: dt.date) -> None:
    (found,) = back(day)

    assert found.startswith(day.isoformat()[:10])


def test_a_text_longer_than_a_cell_is_cut_and_the_file_says_so() -> None:
    data = excel_bytes(export("x" * 40_000, "😀" * 20_000, "y" * LONGEST_TEXT), BERLIN)

    first, second, third = (cell.value for cell in cells(data))
    assert first == "x" * (LONGEST_TEXT - 1) + "…"
    assert second == "😀" * ((LONGEST_TEXT - 1) // 2) + "…"
    assert third == "y" * LONGEST_TEXT
    about = dict(openpyxl.load_workbook(io.BytesIO(data))["About"].iter_rows(values_only=True))
    assert about["Cut"].startswith("2 texts are cut at 32,767 characters")


def test_the_second_sheet_says_what_the_first_one_is() -> None:
    book = openpyxl.load_workbook(io.BytesIO(excel_bytes(export(1, title="A: [b]/c"), BERLIN)))

    assert book.sheetnames == ["A b c", "About"]
    assert list(book["About"].iter_rows(values_only=True)) == [
        ("Edition", 7),
        ("Published", dt.datetime(2026, 3, 10, 13)),
        ("Times are those of", "Europe/Berlin"),
    ]


@pytest.mark.parametrize("title", ["", "About", "'''", "x" * 80, "<r></r>", "History"])
def test_any_title_makes_a_sheet(title: str) -> None:
    assert len(back(1)) == 1
    assert len(cells(excel_bytes(export(1, title=title), BERLIN))) == 1


def test_the_header_stays_in_sight_and_filters() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(excel_bytes(export(1, 2), BERLIN))).worksheets[0]

    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:A3")
    assert sheet["A1"].font.bold


def test_a_column_is_as_wide_as_what_stands_in_it_within_reason() -> None:
    def width(value: str) -> float:
        book = openpyxl.load_workbook(io.BytesIO(excel_bytes(export(value), BERLIN)))
        return float(book.worksheets[0].column_dimensions["A"].width)

    assert 25 < width("x" * 30) < 40
    assert width("x" * 1000) < 65


def test_more_rows_than_a_sheet_holds_are_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(excel_export, "MOST_ROWS", 2)

    with pytest.raises(TooManyRows, match=r"3 rows are more than .* or take the CSV"):
        excel_bytes(export(1, 2, 3), BERLIN)
    assert len(back(1, 2)) == 2


def test_the_same_export_gives_the_same_bytes() -> None:
    assert excel_bytes(export(1, "a", NOON), BERLIN) == excel_bytes(export(1, "a", NOON), BERLIN)


def test_pandas_reads_it_with_its_types() -> None:
    data = excel_bytes(export(1.5, 2.5), BERLIN)

    frame = pd.read_excel(io.BytesIO(data))
    assert list(frame["a"]) == [1.5, 2.5]
    assert frame["a"].dtype == "float64"
