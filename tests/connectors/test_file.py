"""Files land as a person would read them, or are refused with the reason and the cure."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import itertools
import os
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from connectors import file
from connectors.contract import Context, SourceError
from kpi.warehouse import Landed, Warehouse
from tests.peer import Answer, serving
from tests.working_database import working_database

NOW = dt.datetime(2026, 3, 10, 12)
FORMATS = ["%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M"]


class Inbox:
    """A home folder, and one source that reads it into a real working database."""

    def __init__(self, home: Path, warehouse: Warehouse, source: str = "answers") -> None:
        self.home = home
        self.warehouse = warehouse
        self.source = source

    def write(self, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def pull(self, **keys: Any) -> Landed:
        """One run, and what became of its rows."""
        options = file.Options(connector="file", **keys)
        context = Context(self.home, NOW)
        run = self.warehouse.begin(self.source, NOW)
        landed = [
            self.warehouse.land(run, self.source, batch)
            for batch in file.pull(options, self.warehouse.state(self.source), context)
        ]
        self.warehouse.finish(run, error=None, advice=None, finished_at=NOW, as_of=None)
        counts = [
            sum(getattr(one, name) for one in landed)
            for name in ("new", "changed", "unchanged", "deleted", "rejected")
        ]
        return Landed(*counts, drift=tuple(what for one in landed for what in one.drift))

    def rows(self, columns: str = "id, name", table: str = "answers") -> list[tuple[Any, ...]]:
        return self.warehouse.connection.execute(
            f"select {columns} from main.{table} order by all"
        ).fetchall()

    def rejects(self) -> list[tuple[int | None, str]]:
        return self.warehouse.connection.execute(
            "select line, reason from kpi.rejects order by run, line"
        ).fetchall()

    def refusal(self, **keys: Any) -> str:
        with pytest.raises(SourceError) as caught:
            self.pull(**keys)
        return str(caught.value)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Warehouse(working_database(tmp_path / "data" / "warehouse.duckdb")) as warehouse:
        yield Inbox(tmp_path, warehouse)


PEOPLE = "id,name\n1,Ann\n2,Bob\n"
BOTH = [("1", "Ann"), ("2", "Bob")]


def workbook(path: Path, *rows: list[Any], title: str = "Sheet") -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


# --- finding files


def test_a_path_counts_from_the_home_folder(inbox: Inbox):
    inbox.write("exports/people.csv", PEOPLE)

    inbox.pull(path="exports/people.csv", into="answers")

    assert inbox.rows() == BOTH


def test_a_path_may_be_absolute(inbox: Inbox):
    path = inbox.write("people.csv", PEOPLE)

    inbox.pull(path=str(path), into="answers")

    assert inbox.rows() == BOTH


def test_a_pattern_reads_every_file_that_fits(inbox: Inbox):
    inbox.write("exports/2026/a.csv", "id,name\n1,Ann\n")
    inbox.write("exports/2027/b.csv", "id,name\n2,Bob\n")

    inbox.pull(path="exports/**/*.csv", into="answers")

    assert inbox.rows() == BOTH


def test_a_file_whose_name_looks_like_a_pattern_is_just_a_file(inbox: Inbox):
    inbox.write("people [1].csv", PEOPLE)

    inbox.pull(path="people [1].csv", into="answers")

    assert inbox.rows() == BOTH


def test_a_folder_called_like_a_setting_is_just_a_folder(inbox: Inbox, tmp_path: Path):
    inbox.write("year=2026/people.csv", PEOPLE)
    (tmp_path / "year=2027").mkdir()
    pq.write_table(pa.table({"id": ["3"], "name": ["Cy"]}), tmp_path / "year=2027" / "p.parquet")

    inbox.pull(path="year=*/*", into="answers", key="id")

    assert inbox.rows("*")[2][:2] == ("3", "Cy")
    assert len(inbox.rows("*")[0]) == 2 + 6


def test_links_are_followed(inbox: Inbox, tmp_path: Path):
    inbox.write("elsewhere/people.csv", PEOPLE)
    (tmp_path / "people.csv").symlink_to(tmp_path / "elsewhere" / "people.csv")

    inbox.pull(path="*.csv", into="answers")

    assert inbox.rows() == BOTH


def test_a_missing_file_is_refused_with_the_nearest_name(inbox: Inbox):
    inbox.write("people.csv", PEOPLE)

    assert "Did you mean 'people.csv'?" in inbox.refusal(path="peeple.csv", into="answers")


def test_a_pattern_that_nothing_fits_is_refused(inbox: Inbox):
    assert "There is no file exports/*.csv" in inbox.refusal(path="exports/*.csv", into="answers")


def test_a_folder_is_refused(inbox: Inbox):
    inbox.write("exports/people.csv", PEOPLE)

    assert "exports is a folder" in inbox.refusal(path="exports", into="answers")


def test_a_kind_that_cannot_be_read_is_refused(inbox: Inbox):
    inbox.write("people.docx", "x")

    assert "people.docx is of no kind" in inbox.refusal(path="people.*", into="answers")


def test_a_file_on_the_web_is_fetched(inbox: Inbox):
    with serving(
        lambda request: Answer(PEOPLE.encode(), headers={"Content-Type": "text/csv"})
    ) as s:
        inbox.pull(path=f"{s.url}/pub?output=csv", into="answers")

    assert inbox.rows() == BOTH


# --- text files


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("comma.csv", "id,name\n1,Ann\n2,Bob\n"),
        ("semicolon.csv", "id;name\n1;Ann\n2;Bob\n"),
        ("tab.txt", "id\tname\n1\tAnn\n2\tBob\n"),
        ("tab.tsv", "id\tname\n1\tAnn\n2\tBob\n"),
        ("pipe.csv", "id|name\n1|Ann\n2|Bob\n"),
        ("excel.csv", "sep=;\nid;name\n1;Ann\n2;Bob\n"),
        ("windows.csv", "id,name\r\n1,Ann\r\n2,Bob\r\n"),
        ("old_mac.csv", "id,name\r1,Ann\r2,Bob\r"),
        ("two_kinds_of_breaks.csv", "id,name\r\n1,Ann\n2,Bob\r\n"),
        ("no_last_break.csv", "id,name\n1,Ann\n2,Bob"),
        ("blank_lines.csv", "\n\nid,name\n\n1,Ann\n\n2,Bob\n\n\n"),
        ("empty_rows.csv", "id,name\n1,Ann\n,\n2,Bob\n,\n"),
        ("marked.csv", "\ufeffid,name\n1,Ann\n2,Bob\n"),
        ("marked_and_quoted.csv", '\ufeff"id","name"\n"1","Ann"\n"2","Bob"\n'),
        ("blanks_in_the_header.csv", "id , name\n1,Ann\n2,Bob\n"),
    ],
)
def test_a_text_is_read_however_it_is_written(inbox: Inbox, name: str, content: str):
    inbox.write(name, content)

    inbox.pull(path=name, into="answers")

    assert inbox.rows() == BOTH


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "cp1252", "latin-1", "utf-8"])
def test_a_declared_encoding_is_read(inbox: Inbox, encoding: str):
    inbox.write("people.csv", "id,name\n1,Zoë\n", encoding)

    inbox.pull(path="people.csv", into="answers", encoding=encoding)

    assert inbox.rows() == [("1", "Zoë")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_an_encoding_that_the_file_marks_is_found_out(inbox: Inbox, encoding: str):
    inbox.write("people.csv", "id,name\n1,Zoë\n", encoding)

    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows() == [("1", "Zoë")]


def test_an_encoding_that_cannot_be_told_is_asked_for(inbox: Inbox):
    inbox.write("people.csv", "id,name\n1,Ann\n2,Zoë\n", "cp1252")

    refusal = inbox.refusal(path="people.csv", into="answers")

    assert "people.csv is not UTF-8: byte 0xEB in line 3" in refusal
    assert "`encoding: cp1252`" in refusal


def test_a_wrong_encoding_is_refused(inbox: Inbox):
    inbox.write("people.csv", "id,name\n1,Zoë\n", "cp1252")

    assert "people.csv is not utf-16" in inbox.refusal(
        path="people.csv", into="answers", encoding="utf-16"
    )


def test_an_unmarked_wide_encoding_is_asked_for(inbox: Inbox):
    inbox.write("people.csv", PEOPLE, "utf-16-le")

    assert "`encoding: utf-16-le`" in inbox.refusal(path="people.csv", into="answers")


def test_bytes_that_are_no_text_are_refused_with_their_line(inbox: Inbox):
    inbox.write("people.csv", b"id,name\n" + b"1,Ann\n" * 1000 + b"\0" * 100)

    assert "zero byte in line 1002" in inbox.refusal(path="people.csv", into="answers")


def test_a_packed_text_is_read(inbox: Inbox):
    inbox.write("people.csv.gz", gzip.compress(PEOPLE.encode()))

    inbox.pull(path="people.csv.gz", into="answers")

    assert inbox.rows() == BOTH


def test_half_a_packed_text_is_refused(inbox: Inbox):
    packed = gzip.compress(os.urandom(2000).hex().encode())
    inbox.write("people.csv.gz", packed[:-50])

    assert "not a whole gzip file" in inbox.refusal(path="people.csv.gz", into="answers")


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", " ; ; \n"])
def test_an_empty_file_is_refused(inbox: Inbox, content: str):
    inbox.write("people.csv", content)

    assert "people.csv is empty" in inbox.refusal(path="people.csv", into="answers")


def test_a_header_alone_is_no_rows(inbox: Inbox):
    inbox.write("people.csv", "id,name\n")

    landed = inbox.pull(path="people.csv", into="answers")

    assert (landed.new, inbox.rows()) == (0, [])


def test_a_web_page_is_refused(inbox: Inbox):
    inbox.write("people.csv", "\n<!DOCTYPE html>\n<html><body>Sign in</body></html>")

    assert "people.csv is a web page" in inbox.refusal(path="people.csv", into="answers")


def test_a_workbook_that_calls_itself_a_text_is_refused(inbox: Inbox, tmp_path: Path):
    workbook(tmp_path / "people.xlsx", ["id"]).rename(tmp_path / "people.csv")

    assert "not a text file, whatever its name" in inbox.refusal(path="people.csv", into="answers")


def test_quoted_breaks_quotes_and_delimiters_are_part_of_a_value(inbox: Inbox):
    inbox.write("people.csv", 'id,name\n1,"Ann, ""A""\nfrom Berlin"\n')

    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows() == [("1", 'Ann, "A"\nfrom Berlin')]


def test_leading_zeros_stay(inbox: Inbox):
    inbox.write("people.csv", "id,name\n007,Ann\n7,Bob\n")

    inbox.pull(path="people.csv", into="answers", key="id")

    assert inbox.rows() == [("007", "Ann"), ("7", "Bob")]


def test_a_row_of_ten_megabytes_is_read(inbox: Inbox):
    inbox.write("people.csv", "id,name\n1," + "x" * 10_000_000 + "\n2,Bob\n")

    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows("id, length(name)") == [("1", 10_000_000), ("2", 3)]


def test_a_quoted_text_of_ten_megabytes_with_breaks_is_read(inbox: Inbox):
    text = "x" * 99 + "\n"
    inbox.write("people.csv", f'id,name\n1,"{text * 100_000}"\n2,Bob\n')

    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows("id, length(name)") == [("1", 10_000_000), ("2", 3)]


def test_a_row_with_too_few_or_too_many_fields_is_rejected_with_its_line(inbox: Inbox):
    inbox.write("people.csv", 'id,name\n1,"A\nnn"\n2\n3,Cy,x\n4,Di\n')

    landed = inbox.pull(path="people.csv", into="answers")

    assert (landed.new, landed.rejected) == (2, 2)
    assert inbox.rejects() == [
        (4, "the row has too few fields"),
        (5, "the row has too many fields"),
    ]


def test_a_last_row_that_is_cut_off_is_rejected_with_its_line(inbox: Inbox):
    inbox.write("people.csv", 'id,name\n1,Ann\n2,"Bo')

    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows() == [("1", "Ann")]
    assert inbox.rejects() == [(3, "a quote is not closed, or text follows it")]


def test_a_value_that_cannot_be_read_is_rejected_with_its_line_and_text(inbox: Inbox):
    inbox.write("people.csv", 'id,name,age\n1,"A\nnn",3\n\n2,Bob,old\n3,"C\r\ny",x\n')

    inbox.pull(
        path="people.csv",
        into="answers",
        columns={"id": "id", "name": "name", "age": {"from": "age", "type": "integer"}},
    )

    told = inbox.warehouse.connection.execute(
        "select origin, line, reason, row_text from kpi.rejects order by line"
    ).fetchall()
    assert told == [
        ("people.csv", 5, "age is not a whole number: “old”", "2,Bob,old"),
        ("people.csv", 6, "age is not a whole number: “x”", '3,"C\ny",x'),
    ]


def test_rejects_of_several_files_name_their_file_and_line(inbox: Inbox):
    for name, bad in (("a.csv", 3), ("b.csv", 2)):
        lines = ["9"] * 4
        lines[bad - 2] = "x"
        inbox.write(name, "id,n\n" + "".join(f"{name}{i},{n}\n" for i, n in enumerate(lines)))

    inbox.pull(path="*.csv", into="answers", columns={"n": {"from": "n", "type": "integer"}})

    told = inbox.warehouse.connection.execute("select origin, line from kpi.rejects").fetchall()
    assert sorted(told) == [("a.csv", 3), ("b.csv", 2)]


def test_a_file_of_which_no_row_can_be_read_is_refused_with_the_first_reason(inbox: Inbox):
    inbox.write("people.csv", "id,name\nx,Ann\ny,Bob\n")

    refusal = inbox.refusal(
        path="people.csv", into="answers", columns={"id": {"from": "id", "type": "integer"}}
    )

    assert "None of the 2 rows can be read" in refusal
    assert "(people.csv, line 2): id is not a whole number: “x”" in refusal


NUMBERS = itertools.count()
FIELDS = st.text(st.sampled_from("ab1 ,;\t\"'\n\\#é😀"), max_size=6).map(str.strip)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A working database in which every example has a source and a table of its own."""
    path = tmp_path_factory.mktemp("shared") / "warehouse.duckdb"
    with Warehouse(working_database(path)) as warehouse:
        yield warehouse


@pytest.mark.parametrize("examples", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_whatever_is_written_by_the_rules_is_read_alike(
    shared: Warehouse, tmp_path: Path, examples: int
):
    @settings(max_examples=examples)
    @given(
        table=st.lists(st.tuples(FIELDS, FIELDS, FIELDS), min_size=1, max_size=8),
        delimiter=st.sampled_from(",;\t|"),
        broken=st.sampled_from(["\n", "\r\n"]),
    )
    def is_read_alike(table: list[tuple[str, str, str]], delimiter: str, broken: str) -> None:
        own = f"t{next(NUMBERS)}"
        with (tmp_path / f"{own}.csv").open("w", newline="", encoding="utf-8") as writing:
            writer = csv.writer(writing, delimiter=delimiter, lineterminator=broken)
            writer.writerows([("first", "second", "third"), *table])
        read = Inbox(tmp_path, shared, source=own)
        read.pull(path=f"{own}.csv", into=own, delimiter=delimiter)

        found = read.rows("first, second, third", table=own)

        expected = [tuple(field or None for field in row) for row in table if any(row)]
        assert Counter(found) == Counter(expected)

    is_read_alike()


# --- headers and columns


def test_odd_names_are_columns_like_any_other(inbox: Inbox):
    inbox.write("people.csv", '"na""me",héad er,😀,at,"a\nb"\n1,2,3,4,5\n')

    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows('"na""me", "héad er", "😀", "at", "a\nb"') == [("1", "2", "3", "4", "5")]


def test_columns_without_a_name_are_named_by_their_place(inbox: Inbox):
    inbox.write("people.csv", "id,,\n1,a,b\n")

    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows('id, "column 2", "column 3"') == [("1", "a", "b")]


def test_columns_of_one_name_are_told_apart(inbox: Inbox):
    inbox.write("people.csv", "id,name,Name\n1,a,b\n")

    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows('id, name, "Name (2)"') == [("1", "a", "b")]


def test_a_mapping_to_a_name_that_is_there_twice_is_refused(inbox: Inbox):
    inbox.write("people.csv", "id,name,name\n1,a,b\n")

    assert "has 2 columns named 'name'" in inbox.refusal(
        path="people.csv", into="answers", columns={"who": "name"}
    )


def test_names_that_differ_in_case_only_can_be_mapped_each(inbox: Inbox):
    inbox.write("people.csv", "ID,id\n1,2\n")

    inbox.pull(path="people.csv", into="answers", columns={"a": "ID", "b": "id"})

    assert inbox.rows("a, b") == [("1", "2")]


def test_case_and_blanks_of_a_mapped_name_do_not_matter(inbox: Inbox):
    inbox.write("people.csv", " Response ID ,name\n1,a\n")

    inbox.pull(path="people.csv", into="answers", columns={"id": "response id"})

    assert inbox.rows("id") == [("1",)]


def test_a_mapped_column_that_is_not_there_is_refused_with_the_nearest_name(inbox: Inbox):
    inbox.write("people.csv", PEOPLE)

    refusal = inbox.refusal(path="people.csv", into="answers", columns={"who": "nmae"})

    assert "people.csv has no column 'nmae' (`columns: who`). Did you mean 'name'?" in refusal
    assert "Its columns are: id, name." in refusal


def test_a_key_that_is_not_there_is_refused(inbox: Inbox):
    inbox.write("people.csv", PEOPLE)

    assert "no column 'ID number', which is the key" in inbox.refusal(
        path="people.csv", into="answers", key="ID number"
    )


def test_only_mapped_columns_are_taken_beside_the_key(inbox: Inbox):
    inbox.write("people.csv", "id,name,age\n1,Ann,3\n")

    inbox.pull(path="people.csv", into="answers", key="id", columns={"who": "name"})

    assert [
        row[0] for row in inbox.warehouse.connection.execute("describe main.answers").fetchall()
    ][:2] == ["who", "id"]


def test_a_canonical_table_takes_the_columns_whose_names_fit(inbox: Inbox):
    inbox.write("nps.csv", "Response_ID,score,unrelated\nr1,9,x\n")

    inbox.pull(path="nps.csv", into="surveys")

    assert inbox.warehouse.connection.execute(
        "select response_id, score, region from main.surveys"
    ).fetchall() == [("r1", 9, None)]


def test_a_canonical_table_without_its_key_is_refused(inbox: Inbox):
    inbox.write("nps.csv", "answer,score\nr1,9\n")

    assert "no column 'response_id', which is the key of surveys" in inbox.refusal(
        path="nps.csv", into="surveys"
    )


def test_types_marks_zones_decimals_and_words_are_declared_for_a_column(inbox: Inbox):
    inbox.write(
        "deals.csv",
        "id;at;amount;size;state\n1;01.07.2026 12:00;1.234,5;?;offen\n2;;n/a;3;x\n",
    )

    inbox.pull(
        path="deals.csv",
        into="answers",
        decimal=",",
        timezone="Europe/Berlin",
        missing=["?", "n/a"],
        columns={
            "id": "id",
            "at": {"from": "at", "type": "timestamp", "format": "%d.%m.%Y %H:%M"},
            "amount": {"from": "amount", "type": "decimal(18,2)"},
            "size": {"from": "size", "type": "integer"},
            "state": {"from": "state", "values": {"offen": "open"}},
            "kind": {"value": "deal"},
        },
    )

    assert inbox.rows('id, "at", amount, size, state, kind') == [
        ("1", dt.datetime(2026, 7, 1, 10), Decimal("1234.50"), None, "open", "deal"),
        ("2", None, None, 3, "x", "deal"),
    ]


# --- Parquet


def parquet(path: Path, table: pa.Table) -> None:
    pq.write_table(table, path)


def test_a_parquet_file_is_read_with_its_types(inbox: Inbox, tmp_path: Path):
    at = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
    parquet(tmp_path / "p.parquet", pa.table({"id": [1, 2], "at": [at, None], "name": ["a", ""]}))

    inbox.pull(path="p.parquet", into="answers")

    assert inbox.rows('id, "at", name') == [(1, at.replace(tzinfo=None), "a"), (2, None, None)]


def test_a_rejected_row_of_a_parquet_file_is_told_with_its_number(inbox: Inbox, tmp_path: Path):
    for name, texts in (("a", ["1", "x"]), ("b", ["y", "2", "3"])):
        parquet(tmp_path / f"{name}.parquet", pa.table({"n": texts}))

    inbox.pull(path="*.parquet", into="answers", columns={"n": {"from": "n", "type": "integer"}})

    told = inbox.warehouse.connection.execute(
        "select origin, line, row_text from kpi.rejects order by all"
    ).fetchall()
    assert told == [("a.parquet", 2, '{"n":"x"}'), ("b.parquet", 1, '{"n":"y"}')]


def test_half_a_parquet_file_is_refused(inbox: Inbox, tmp_path: Path):
    parquet(tmp_path / "whole.parquet", pa.table({"id": list(range(1000))}))
    inbox.write("half.parquet", (tmp_path / "whole.parquet").read_bytes()[:-100])

    assert "half.parquet is not a whole Parquet file" in inbox.refusal(
        path="half.parquet", into="answers"
    )


def test_a_damaged_parquet_file_is_refused(inbox: Inbox, tmp_path: Path):
    parquet(tmp_path / "p.parquet", pa.table({"id": [str(n) for n in range(10_000)]}))
    content = bytearray((tmp_path / "p.parquet").read_bytes())
    content[100:5000] = b"\xff" * 4900
    inbox.write("p.parquet", bytes(content))

    assert "p.parquet" in inbox.refusal(path="p.parquet", into="answers")


def test_files_whose_columns_stand_in_another_order_are_read_too(inbox: Inbox):
    inbox.write("a.csv", "id,name\n1,Ann\n")
    inbox.write("b.csv", "name,id\nBob,2\n")

    inbox.pull(path="*.csv", into="answers")

    assert inbox.rows() == BOTH


# --- Excel


def test_a_workbook_is_read_with_what_its_cells_mean(inbox: Inbox, tmp_path: Path):
    moment = dt.datetime(2026, 7, 1, 12, 30)
    workbook(
        tmp_path / "p.xlsx",
        ["id", "at", "day", "amount", "count", "yes"],
        ["007", moment, dt.date(2026, 7, 1), 1.5, 7, True],
        [8, "2026-07-02 10:00:00", None, 0.1, 7.0, False],
    )
    columns = {
        "id": "id",
        "at": {"from": "at", "type": "timestamp", "timezone": "Europe/Berlin"},
        "day": {"from": "day", "type": "date"},
        "amount": {"from": "amount", "type": "decimal(18,2)"},
        "count": {"from": "count", "type": "integer"},
        "yes": {"from": "yes", "type": "boolean"},
    }

    inbox.pull(path="p.xlsx", into="answers", columns=columns)

    assert inbox.rows('id, "at", day, amount, count, yes') == [
        ("007", dt.datetime(2026, 7, 1, 10, 30), dt.date(2026, 7, 1), Decimal("1.50"), 7, True),
        ("8", dt.datetime(2026, 7, 2, 8), None, Decimal("0.10"), 7, False),
    ]


def test_real_numbers_of_a_sheet_stay_themselves_beside_decimal_commas(
    inbox: Inbox, tmp_path: Path
):
    workbook(tmp_path / "p.xlsx", ["amount"], [1.5], ["2,5"], [1234.25])

    inbox.pull(
        path="p.xlsx",
        into="answers",
        decimal=",",
        columns={"amount": {"from": "amount", "type": "decimal(18,2)"}},
    )

    assert [str(amount) for (amount,) in inbox.rows("amount")] == ["1.50", "2.50", "1234.25"]


def test_real_dates_of_a_sheet_may_stand_beside_texts_of_a_format(inbox: Inbox, tmp_path: Path):
    workbook(tmp_path / "p.xlsx", ["at"], [dt.datetime(2026, 7, 1, 12, 30, 15)], ["02/07/2026"])

    inbox.pull(
        path="p.xlsx",
        into="answers",
        columns={"at": {"from": "at", "type": "timestamp", "format": "%d/%m/%Y"}},
    )

    assert inbox.rows('"at"') == [
        (dt.datetime(2026, 7, 1, 12, 30, 15),),
        (dt.datetime(2026, 7, 2),),
    ]


def test_dates_of_a_sheet_that_counts_from_1904_are_right(inbox: Inbox, tmp_path: Path):
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    sheet = book.active
    assert sheet is not None
    sheet.append(["day"])
    sheet.append([dt.date(2026, 7, 1)])
    book.save(tmp_path / "p.xlsx")

    inbox.pull(path="p.xlsx", into="answers", columns={"day": {"from": "day", "type": "date"}})

    assert inbox.rows("day") == [(dt.date(2026, 7, 1),)]


def test_a_rejected_row_of_a_sheet_is_told_with_its_line(inbox: Inbox, tmp_path: Path):
    workbook(tmp_path / "p.xlsx", [None], ["n"], [1], [None], ["x"])

    inbox.pull(path="p.xlsx", into="answers", columns={"n": {"from": "n", "type": "integer"}})

    assert inbox.rejects() == [(5, "n is not a whole number: “x”")]


def test_a_sheet_is_chosen_by_its_name(inbox: Inbox, tmp_path: Path):
    workbook(tmp_path / "p.xlsx", ["id"], [1], title="Answers")

    assert "Did you mean 'Answers'?" in inbox.refusal(path="p.xlsx", into="answers", sheet="Answer")


def test_an_empty_sheet_is_refused(inbox: Inbox, tmp_path: Path):
    workbook(tmp_path / "p.xlsx")

    assert "p.xlsx is empty" in inbox.refusal(path="p.xlsx", into="answers")


@pytest.mark.parametrize("content", [b"id,name\n1,Ann\n", b"PK\x03\x04 half", b"\xd0\xcf\x11\xe0"])
def test_what_only_calls_itself_a_workbook_is_refused(inbox: Inbox, content: bytes):
    inbox.write("p.xlsx", content)

    assert "p.xlsx is not a whole .xlsx workbook" in inbox.refusal(path="p.xlsx", into="answers")


# --- what has been read already


def test_files_that_did_not_change_are_not_read_again(inbox: Inbox):
    inbox.write("people.csv", PEOPLE)
    inbox.pull(path="people.csv", into="answers", key="id")

    again = inbox.pull(path="people.csv", into="answers", key="id")

    assert (again, inbox.rows()) == (Landed(0, 0, 0, 0, 0, ()), BOTH)


def test_a_file_that_was_only_touched_is_not_read_again(inbox: Inbox):
    path = inbox.write("people.csv", PEOPLE)
    inbox.pull(path="people.csv", into="answers", key="id")
    os.utime(path, (1, 1))

    assert inbox.pull(path="people.csv", into="answers", key="id").unchanged == 0


def test_a_changed_file_is_read_again(inbox: Inbox):
    inbox.write("people.csv", PEOPLE)
    inbox.pull(path="people.csv", into="answers", key="id")
    inbox.write("people.csv", "id,name\n2,Bert\n3,Cy\n")

    landed = inbox.pull(path="people.csv", into="answers", key="id")

    assert (landed.new, landed.changed, inbox.rows()) == (
        1,
        1,
        [("1", "Ann"), ("2", "Bert"), ("3", "Cy")],
    )


def test_a_changed_mapping_reads_the_files_again(inbox: Inbox):
    inbox.write("people.csv", PEOPLE)
    inbox.pull(path="people.csv", into="answers", key="id", columns={"name": "name"})

    words = {"name": {"from": "name", "values": {"Ann": "Anna"}}}
    landed = inbox.pull(path="people.csv", into="answers", key="id", columns=words)

    assert (landed.changed, landed.unchanged) == (1, 1)


def test_without_a_key_a_file_is_the_whole_table(inbox: Inbox):
    inbox.write("people.csv", PEOPLE)
    inbox.pull(path="people.csv", into="answers")
    inbox.write("people.csv", "id,name\n2,Bob\n")
    inbox.pull(path="people.csv", into="answers")

    assert inbox.rows() == [("2", "Bob")]


def test_replacing_several_files_keeps_the_rows_of_all(inbox: Inbox):
    inbox.write("a.csv", "id,name\n1,Ann\n")
    inbox.write("b.csv", "name,id\nBob,2\n")
    inbox.pull(path="*.csv", into="answers", key="id", mode="replace")
    inbox.write("b.csv", "name,id\nCy,3\n")

    landed = inbox.pull(path="*.csv", into="answers", key="id", mode="replace")

    assert (landed.deleted, inbox.rows()) == (1, [("1", "Ann"), ("3", "Cy")])


def test_a_file_that_went_away_takes_its_rows_with_it_where_they_are_replaced(inbox: Inbox):
    inbox.write("a.csv", "id,name\n1,Ann\n")
    second = inbox.write("b.csv", "id,name\n2,Bob\n")
    inbox.pull(path="*.csv", into="answers", key="id", mode="replace")
    second.unlink()
    inbox.pull(path="*.csv", into="answers", key="id", mode="replace")

    assert inbox.rows() == [("1", "Ann")]


def test_a_content_is_appended_once_whatever_its_name(inbox: Inbox):
    first = inbox.write("a.csv", "id,name\n1,Ann\n")
    inbox.pull(path="*.csv", into="answers", mode="append")
    first.rename(first.with_name("renamed.csv"))
    inbox.write("copy.csv", "id,name\n1,Ann\n")
    inbox.write("new.csv", "id,name\n2,Bob\n")
    inbox.pull(path="*.csv", into="answers", mode="append")

    assert inbox.rows() == BOTH


def test_a_file_that_changes_between_two_looks_is_refused_where_it_would_be_appended(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
):
    inbox.write("a.csv", PEOPLE)

    def copy_later(source: Path, target: Path) -> None:
        target.write_text(PEOPLE + "3,Cy\n")

    monkeypatch.setattr("connectors.inbox.shutil.copyfile", copy_later)

    assert "a.csv changed while it was read" in inbox.refusal(
        path="a.csv", into="answers", mode="append"
    )


def test_a_later_file_has_the_last_word_also_when_an_earlier_one_changes(inbox: Inbox):
    inbox.write("1.csv", "id,name\n1,old\n")
    inbox.write("2.csv", "id,name\n1,new\n")
    inbox.pull(path="*.csv", into="answers", key="id")
    inbox.write("1.csv", "id,name\n1,older\n3,Cy\n")
    inbox.pull(path="*.csv", into="answers", key="id")

    assert inbox.rows() == [("1", "new"), ("3", "Cy")]


def test_the_order_column_decides_across_files(inbox: Inbox):
    inbox.write("1.csv", "id,name,n\n1,tenth,10\n")
    inbox.write("2.csv", "id,name,n\n1,ninth,9\n")
    inbox.pull(path="*.csv", into="answers", key="id", order="n")
    inbox.write("2.csv", "id,name,n\n1,eighth,8\n")
    inbox.pull(path="*.csv", into="answers", key="id", order="n")

    assert inbox.rows() == [("1", "tenth")]


def test_an_order_across_files_of_different_columns_is_refused(inbox: Inbox):
    inbox.write("1.csv", "id,name,n\n1,a,1\n")
    inbox.write("2.csv", "id,n\n1,2\n")

    assert "1.csv and 2.csv have different headers" in inbox.refusal(
        path="*.csv", into="answers", key="id", order="n"
    )


def test_a_delivery_speaks_of_the_last_change_of_its_files(inbox: Inbox):
    for name, seconds in (("a.csv", 1_000_000_000), ("b.csv", 1_700_000_000)):
        os.utime(inbox.write(name, PEOPLE), (seconds, seconds))
    options = file.Options(connector="file", path="*.csv", into="answers", key="id")

    spoken = [batch.as_of for batch in file.pull(options, {}, Context(inbox.home, NOW))]

    assert spoken == [dt.datetime(2023, 11, 14, 22, 13, 20)]


def test_files_that_did_not_change_still_speak_of_their_last_change(inbox: Inbox):
    os.utime(inbox.write("a.csv", PEOPLE), (1_000_000_000, 1_000_000_000))
    options = file.Options(connector="file", path="a.csv", into="answers")
    context = Context(inbox.home, NOW)
    (first,) = file.pull(options, {}, context)
    assert first.state is not None

    (again,) = file.pull(options, first.state, context)

    assert (again.rows.num_rows, again.as_of) == (0, dt.datetime(2001, 9, 9, 1, 46, 40))


# --- the keys in sources.yaml


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a.csv", "File · CSV"),
        ("a.TSV.GZ", "File · CSV"),
        ("exports/*.parquet", "File · Parquet"),
        ("a.xlsx", "File · Excel"),
        ("https://example.com/pub?output=csv", "File"),
    ],
)
def test_a_source_is_named_after_the_kind_of_its_files(path: str, name: str):
    assert file.system(file.Options(connector="file", path=path, into="answers")) == name


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"mode": "upsert"}, "mode upsert needs a key"),
        ({"order": "n"}, "needs a key"),
        ({"encoding": "utf-99"}, "unknown encoding 'utf-99'"),
        ({"delimiter": ";;"}, "write one character"),
        ({"timezone": "Europe/Berln"}, "Europe/Berlin"),
        ({"into": "my answers"}, "cannot name a table"),
        ({"colums": {}}, "colums"),
        ({"columns": {"x": {"format": "%d.%m.%Q"}}}, "%Q"),
    ],
)
def test_a_wrong_key_is_refused_before_anything_is_read(keys: dict[str, Any], told: str):
    with pytest.raises(ValidationError, match=told):
        file.Options(**{"connector": "file", "path": "a.csv", "into": "answers", **keys})


# --- a real service desk


HEADER = (
    "number,incident_state,reopen_count,sys_mod_count,opened_at,sys_updated_at,priority,"
    "resolved_at,closed_at\n"
)
# Several events an incident, two formats of dates, "?" for what is missing, and a tie.
EVENTS = """\
INC01,New,0,0,29-02-2016 01:16,29-02-2016 01:23,3 - Moderate,29-02-2016 11:29,05-03-2016 12:00
INC01,Closed,0,10,29/02/2016 01:16,05-03-2016 12:00,2 - High,29-02-2016 11:29,05-03-2016 12:00
INC01,Resolved,0,9,29-02-2016 01:16,29-02-2016 08:53,3 - Moderate,29-02-2016 11:30,?
INC02,New,0,0,29/02/2016 04:40,29/02/2016 04:57,1 - Critical,?,?
INC02,Active,1,0,29/02/2016 04:40,29/02/2016 05:30,1 - Critical,?,?
"""
DESK = {
    "into": "incidents",
    "order": "sys_mod_count",
    "missing": "?",
    "columns": {
        "incident_id": "number",
        "status": "incident_state",
        "severity": {"from": "priority", "values": {"1 - Critical": "sev1", "2 - High": "sev2"}},
        "opened_at": {"from": "opened_at", "format": FORMATS},
        "resolved_at": {"from": "resolved_at", "format": FORMATS},
        "reopened": "reopen_count",
    },
}


def test_the_last_event_of_an_incident_counts(inbox: Inbox):
    inbox.write("events.csv", HEADER + EVENTS)

    landed = inbox.pull(path="events.csv", **DESK)

    assert (landed.new, landed.rejected) == (2, 0)
    assert inbox.warehouse.connection.execute(
        "select incident_id, status, severity, opened_at, resolved_at, reopened "
        "from main.incidents order by 1"
    ).fetchall() == [
        (
            "INC01",
            "Closed",
            "sev2",
            dt.datetime(2016, 2, 29, 1, 16),
            dt.datetime(2016, 2, 29, 11, 29),
            0,
        ),
        ("INC02", "Active", "sev1", dt.datetime(2016, 2, 29, 4, 40), None, 1),
    ]


@pytest.mark.skipif("SERVICE_DESK_LOG" not in os.environ, reason="set SERVICE_DESK_LOG to its path")
def test_a_real_service_desks_log_lands_without_a_reject(inbox: Inbox):
    landed = inbox.pull(path=os.environ["SERVICE_DESK_LOG"], **DESK)

    reopened = inbox.warehouse.connection.execute(
        "select count(*) filter (where reopened > 0), count(*) filter (where resolved_at is null),"
        " median(date_diff('second', opened_at, resolved_at)) / 3600.0 from main.incidents"
    ).fetchall()
    assert (landed.new, landed.rejected, reopened) == (
        890,
        0,
        [(10, 29, pytest.approx(54.467, abs=1e-3))],
    )


# --- check --------------------------------------------------------------------------------------


def checked(inbox: Inbox, **keys: Any) -> list[str]:
    """The sentences of a check."""
    options = file.Options(connector="file", **keys)
    return list(file.check(options, Context(inbox.home, NOW)))


def unchecked(inbox: Inbox, **keys: Any) -> tuple[list[str], str]:
    """The sentences of a check before its refusal, and the refusal."""
    told: list[str] = []
    with pytest.raises(SourceError) as caught:
        for sentence in file.check(
            file.Options(connector="file", **keys), Context(inbox.home, NOW)
        ):
            told.append(sentence)
    return told, str(caught.value)


def test_a_check_names_files_columns_the_first_row_and_what_a_pull_does(inbox: Inbox):
    inbox.write("a.csv", "Number;Says\n1;yes\n2;no\n")
    inbox.write("b.csv", "Number;Says\n3;no\n")
    said = {"from": "Says", "values": {"yes": "agreed"}}

    told = checked(
        inbox, path="*.csv", into="answers", key="id", columns={"id": "Number", "said": said}
    )

    assert told == [
        "Found 2 files: a.csv, b.csv.",
        "The columns of *.csv are Number, Says.",
        "Its first row reads id = 1, said = agreed (yes).",
        "A pull reads 2 files into answers (mode upsert, by id).",
    ]


@pytest.mark.parametrize("kind", ["csv", "parquet", "xlsx"])
def test_a_check_reads_the_first_row_of_every_kind(inbox: Inbox, kind: str):
    if kind == "csv":
        inbox.write("a.csv", "id,name\n7,Anna\n")
    elif kind == "parquet":
        pq.write_table(pa.table({"id": ["7"], "name": ["Anna"]}), inbox.home / "a.parquet")
    else:
        book = openpyxl.Workbook()
        for row in (["id", "name"], ["7", "Anna"]):
            book.active.append(row)
        book.save(inbox.home / "a.xlsx")

    told = checked(inbox, path=f"a.{kind}", into="answers")

    assert "Its first row reads id = 7, name = Anna." in told


def test_a_check_says_what_of_a_canonical_table_stays_empty(inbox: Inbox):
    inbox.write("a.csv", "response_id,answered_at,score,region\nr1,2026-03-09,9,EMEA\n")

    assert "Nothing in it fills segment, comment." in checked(inbox, path="a.csv", into="surveys")


def test_a_check_of_a_file_without_rows_says_so(inbox: Inbox):
    inbox.write("a.csv", "id,name\n")

    assert "a.csv has no rows yet." in checked(inbox, path="a.csv", into="answers")


def test_every_mapped_column_that_is_missing_is_told_at_once(inbox: Inbox):
    inbox.write("a.csv", "Nummer,Name\n7,Anna\n")
    columns = {"id": "Number", "name": "Name", "said": "Says"}

    told, refusal = unchecked(inbox, path="a.csv", into="answers", columns=columns)

    assert told[-1] == "The columns of a.csv are Nummer, Name."
    assert "a.csv has no column 'Number' (`columns: id`). Did you mean 'Nummer'?" in refusal
    assert "a.csv has no column 'Says' (`columns: said`)." in refusal
    assert refusal.endswith("Its columns are: Nummer, Name.")


def test_a_check_refuses_a_first_row_that_does_not_fit_the_header(inbox: Inbox):
    inbox.write("a.csv", "id,name\n7\n")

    _, refusal = unchecked(inbox, path="a.csv", into="answers")

    assert "The first row of a.csv has 1 fields, its header 2." in refusal


def test_a_check_without_a_file_says_where_it_looked(inbox: Inbox):
    inbox.write("answers.csv", "id,name\n")

    told, refusal = unchecked(inbox, path="anwsers.csv", into="answers")

    assert told == []
    assert "There is no file anwsers.csv" in refusal
    assert "Did you mean 'answers.csv'?" in refusal


def test_a_check_appends_nothing_and_remembers_nothing(inbox: Inbox):
    inbox.write("a.csv", "id,name\n7,Anna\n")
    checked(inbox, path="a.csv", into="answers", mode="append")

    assert inbox.pull(path="a.csv", into="answers", mode="append").new == 1
