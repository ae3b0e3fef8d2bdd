"""A CSV file splits into records with their lines, and a wrong one costs no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from kpi import csv_records
from kpi.csv_records import NotATable, records

UNCLOSED = "a quote is not closed, or text follows it"


def split(folder: Path, content: str, *, skip: int = 0) -> list[tuple[int, list[str] | str]]:
    """Each record's line, and its fields or its fault."""
    path = folder / "t.csv"
    path.write_bytes(content.encode())
    found = records(str(path), ",", 2, skip)
    return [(record.line, record.fault or record.fields) for record in found]


def test_a_record_is_told_with_its_first_line(tmp_path: Path):
    content = 'id,"na\nme"\n1,"A\n\nnn"\n\n2,"B""b, c"\r\n,\n3,d"e'

    assert split(tmp_path, content) == [
        (3, ["1", "A\n\nnn"]),
        (7, ["2", 'B"b, c']),
        (9, ["3", 'd"e']),
    ]


def test_lines_before_the_header_can_be_skipped(tmp_path: Path):
    assert split(tmp_path, "sep=,\nid,name\n1,Ann\n", skip=1) == [(3, ["1", "Ann"])]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path):
    assert split(tmp_path, '\ufeff"id","na,me"\n1,Ann\n') == [(2, ["1", "Ann"])]


def test_too_few_and_too_many_fields_are_faults(tmp_path: Path):
    assert split(tmp_path, "id,name\n1\n2,b,c\n3,d\n") == [
        (2, "the row has too few fields"),
        (3, "the row has too many fields"),
        (4, ["3", "d"]),
    ]


@pytest.mark.parametrize(
    "wrong", ['1,"Ann', '1,"An"n', '"1,Ann', '1,"Ann""'], ids=["open", "text", "first", "doubled"]
)
def test_a_wrong_quote_costs_its_own_line_only(tmp_path: Path, wrong: str):
    assert split(tmp_path, f'id,name\n{wrong}\n2,"B\nob"\n3,Cy\n') == [
        (2, UNCLOSED),
        (3, ["2", "B\nob"]),
        (5, ["3", "Cy"]),
    ]


def test_a_quote_that_is_open_at_the_end_is_a_fault(tmp_path: Path):
    assert split(tmp_path, 'id,name\n1,Ann\n2,"Bo') == [(2, ["1", "Ann"]), (3, UNCLOSED)]


def test_a_file_that_would_have_to_be_read_again_and_again_is_no_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(csv_records, "_MOST_AGAIN", 1000)

    with pytest.raises(NotATable, match="too many quotes are not closed"):
        split(tmp_path, "id,name\n" + '1,"Ann\n' * 300)
