"""Raw texts become typed values, or a reason why they cannot."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from connectors.contract import Column, Shape, SourceError
from kpi.landing import plan, type_name


@lru_cache(maxsize=1)
def database() -> duckdb.DuckDBPyConnection:
    """One for all tests: opening another takes longer than reading a few texts."""
    return duckdb.connect()


def land(
    raw: pa.Table,
    *columns: Column,
    key: tuple[str, ...] = (),
    known: dict[str, str] | None = None,
    **shape: Any,
) -> list[tuple[Any, ...]]:
    """The typed rows with their reason behind them."""
    with database().cursor() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.register("raw", raw)
        types = dict(row[:2] for row in connection.execute("describe select * from raw").fetchall())
        planned = plan("answers", Shape(columns, key=key, **shape), types, known or {}, key)
        return connection.execute(planned.select("raw")).fetchall()


def read(type_: str, *texts: object, **how: Any) -> list[Any]:
    """What each text becomes: its value, or its reason in a list of its own."""
    rows = land(pa.table({"x": list(texts)}), Column("x", type=type_, **how))
    return [value if reason is None else [reason] for value, *_, reason in rows]


def moments(*texts: str, **how: Any) -> list[str]:
    """Times as text, or the reason."""
    return [str(x) if isinstance(x, dt.datetime) else x for x in read("timestamp", *texts, **how)]


def test_empty_text_is_no_value_in_every_type():
    for kind in ("varchar", "integer", "double", "decimal(18,2)", "boolean", "date", "timestamp"):
        assert read(kind, "", None) == [None, None]


def test_blanks_alone_are_no_number_and_no_date():
    for kind in ("integer", "double", "decimal(18,2)", "date", "timestamp"):
        assert read(kind, "  ") == [None]


def test_marks_for_a_missing_value_are_no_value():
    assert read("integer", "?", " N/A ", "7", missing=("?", "N/A")) == [None, None, 7]


def test_leading_zeros_of_a_text_stay():
    assert read("varchar", "007", "7") == ["007", "7"]


def test_a_word_of_the_source_becomes_ours_and_an_unknown_one_stays():
    words = {"1 - Critical": "sev1", "it's": "ok"}

    assert read("varchar", "1 - Critical", "it's", "odd", "", values=words) == [
        "sev1",
        "ok",
        "odd",
        None,
    ]


def test_with_an_otherwise_an_unknown_word_becomes_that_and_no_value_stays_none():
    how = {"values": {"P1": "sev1"}, "otherwise": "unknown", "missing": ("-",)}

    assert read("varchar", "P1", "P9", "unknown", "", "-", None, **how) == [
        "sev1",
        "unknown",
        "unknown",
        None,
        None,
        None,
    ]


def test_beside_it_the_word_is_kept_as_it_came():
    column = Column("x", values={"P1": "sev1"}, otherwise="unknown")

    rows = land(pa.table({"x": ["P1", "P9", "unknown", None]}), column)

    assert [word for _, word, _ in rows] == [None, "P9", None, None]


def test_an_otherwise_without_a_map_changes_nothing():
    assert read("varchar", "P1", None, otherwise="unknown") == ["P1", None]


def test_what_an_unknown_word_becomes_gets_the_type_of_its_column():
    how = {"values": {"Ja": "true"}, "otherwise": "false"}

    assert read("boolean", "Ja", "Nein", "", **how) == [True, False, None]


def test_numbers_of_the_source_can_be_mapped_to_words_too():
    assert read("varchar", 1, 2, None, values={"1": "sev1"}) == ["sev1", "2", None]


def test_a_word_can_be_mapped_to_yes_or_no():
    assert read("boolean", "Ja", "Nein", values={"Ja": "true", "Nein": "false"}) == [True, False]


@pytest.mark.parametrize("text", ["7", " 7 ", "+7", "007", "7.0", "7.", "7e0", "0.7e1"])
def test_a_whole_number_may_be_written_in_many_ways(text: str):
    assert read("smallint", text) == [7]


@pytest.mark.parametrize("text", ["9,5", "9.5", "1_000", "0x10", "0b11", "seven", "7 8", "nan"])
def test_a_text_that_is_no_whole_number_is_refused(text: str):
    assert read("smallint", text) == [[f"x is not a whole number: “{text}”"]]


@pytest.mark.parametrize("text", ["40000", "-40000", "1e5", "99999999999999999999999"])
def test_a_whole_number_that_does_not_fit_is_refused_as_too_large(text: str):
    assert read("smallint", text) == [[f"x is too large: “{text}”"]]


def test_a_very_large_whole_number_keeps_every_digit():
    assert read("bigint", "9007199254740993") == [9007199254740993]


def test_a_text_with_decimals_beyond_a_doubles_precision_is_not_taken_for_whole():
    assert read("bigint", "9007199254740993.5") == [
        ["x is not a whole number: “9007199254740993.5”"]
    ]


def test_a_real_number_is_whole_where_it_is_whole():
    assert read("integer", 9.0, 9.5) == [9, ["x is not a whole number: “9.5”"]]


def test_decimals_are_exact():
    assert read("decimal(18,2)", "0.1", "-12.30", "1e2", "7") == [
        Decimal("0.10"),
        Decimal("-12.30"),
        Decimal("100.00"),
        Decimal("7.00"),
    ]


def test_a_decimal_that_does_not_fit_is_refused():
    large = "9" * 17

    assert read("decimal(18,2)", large) == [[f"x is too large: “{large}”"]]


def test_a_real_number_that_does_not_fit_a_decimal_is_refused():
    assert read("decimal(18,2)", 1e30) == [["x is too large: “1e+30”"]]


def test_decimal_commas_and_thousands_points_are_read_where_they_are_declared():
    assert read("decimal(18,2)", "1.234.567,89", "1.234", "0,5", "7", "-3,2", decimal=",") == [
        Decimal("1234567.89"),
        Decimal("1234.00"),
        Decimal("0.50"),
        Decimal("7.00"),
        Decimal("-3.20"),
    ]


@pytest.mark.parametrize("text", ["9.5", "1.23,4", "1,2,3", "12.3456", "1,234.5"])
def test_a_point_in_the_wrong_place_is_refused_where_commas_are_declared(text: str):
    assert read("decimal(18,2)", text, decimal=",") == [[f"x is not a number: “{text}”"]]


def test_whole_numbers_may_have_thousands_points_where_commas_are_declared():
    assert read("integer", "1.234", "12,0", "9,5", decimal=",") == [
        1234,
        12,
        ["x is not a whole number: “9,5”"],
    ]


def test_commas_between_thousands_are_read_where_they_can_mean_nothing_else():
    assert read("decimal(18,2)", "1,234.50", "1,234,567", "1,234") == [
        Decimal("1234.50"),
        Decimal("1234567.00"),
        ["x is not a number: “1,234”"],
    ]


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity"])
def test_not_a_number_and_infinity_are_refused(text: str):
    assert read("double", text) == [[f"x is not a number: “{text}”"]]


def test_real_infinities_and_nans_are_refused():
    assert read("double", math.inf, math.nan, 1.5) == [
        ["x is not a number: “inf”"],
        ["x is not a number: “nan”"],
        1.5,
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [("TRUE", True), ("yes", True), ("Y", True), ("1", True), ("f", False), ("No", False)],
)
def test_yes_and_no_may_be_written_in_many_ways(text: str, value: bool):
    assert read("boolean", text) == [value]


def test_a_word_that_is_neither_yes_nor_no_is_refused():
    assert read("boolean", "maybe") == [["x is not yes or no: “maybe”"]]


def test_a_number_that_is_neither_0_nor_1_is_not_yes_or_no():
    assert read("boolean", 0, 1, 2) == [False, True, ["x is not yes or no: “2”"]]


def test_a_time_without_zone_is_utc():
    assert moments("2026-01-02 03:04:05", "2026-01-02T03:04:05", "2026-01-02 03:04") == [
        "2026-01-02 03:04:05",
        "2026-01-02 03:04:05",
        "2026-01-02 03:04:00",
    ]


def test_a_date_in_a_time_column_is_its_midnight():
    assert moments("2026-01-02", timezone="Europe/Berlin") == ["2026-01-01 23:00:00"]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T10:00:00+02:00",
        "2026-01-02 10:00+02",
        "2026-01-02T10:00:00.000+0200",
        "2026-01-02T08:00:00Z",
        "2026-01-02 08:00:00 UTC",
        "2026-01-02T08:00Z",
    ],
)
def test_an_offset_in_the_text_is_honoured_whatever_the_zone(text: str, zone: str | None):
    assert moments(text, timezone=zone) == ["2026-01-02 08:00:00"]


def test_a_time_without_zone_is_in_the_declared_one():
    texts = ("2026-07-01 12:00:00", "2026-01-01 12:00:00", "2026-01-01 12:00")

    assert moments(*texts, timezone="Europe/Berlin") == [
        "2026-07-01 10:00:00",
        "2026-01-01 11:00:00",
        "2026-01-01 11:00:00",
    ]


def test_an_hour_that_the_clock_skips_counts_as_not_yet_put_forward():
    assert moments("2026-03-29 02:30:00", timezone="Europe/Berlin") == ["2026-03-29 01:30:00"]


def test_an_hour_that_comes_twice_is_the_second_one():
    assert moments("2026-10-25 02:30:00", timezone="Europe/Berlin") == ["2026-10-25 01:30:00"]


def test_several_formats_are_tried_in_turn():
    formats = ("%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M")

    assert moments("29-02-2016 01:16", "05/03/2016 12:00", formats=formats) == [
        "2016-02-29 01:16:00",
        "2016-03-05 12:00:00",
    ]


def test_formats_with_and_without_offset_can_be_mixed():
    formats = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M %z")

    assert moments(
        "01.07.2026 12:00", "01.07.2026 12:00 +0000", formats=formats, timezone="Europe/Berlin"
    ) == ["2026-07-01 10:00:00", "2026-07-01 12:00:00"]


@pytest.mark.parametrize("text", ["infinity", "epoch", "01-01"])
def test_no_word_passes_for_a_time_where_a_format_is_given(text: str):
    assert moments(text, formats=("%d-%m-%Y",)) == [[f"x is not a date: “{text}”"]]


def test_the_first_day_of_1900_is_a_day_like_any_other():
    assert moments("01-01-1900", formats=("%d-%m-%Y",)) == ["1900-01-01 00:00:00"]


def test_a_number_can_be_a_date_where_a_format_says_so():
    assert read("date", 20260102, formats=("%Y%m%d",)) == [dt.date(2026, 1, 2)]


@pytest.mark.parametrize(
    "text",
    [
        "31-11-2026 09:10",
        "2026-02-30 10:00:00",
        "2026-01-01 10:00:00 garbage",
        "2026-01-01 10:00:00 PM",
        "2026-01-01 10:00:0x",
        "infinity",
        "epoch",
        "yesterday",
        "1767225600",
    ],
)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_a_text_that_is_no_time_is_refused(text: str, zone: str | None):
    assert moments(text, timezone=zone) == [[f"x is not a date: “{text}”"]]


def test_a_day_stays_a_day_in_every_zone():
    assert read("date", "2026-01-02", "2026-01-02 23:30:00", timezone="America/New_York") == [
        dt.date(2026, 1, 2),
        dt.date(2026, 1, 2),
    ]


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2026-01-01 garbage", "02.01.2026", "infinity", "epoch"]
)
def test_a_text_that_is_no_day_is_refused(text: str):
    assert read("date", text) == [[f"x is not a date: “{text}”"]]


def test_a_number_without_format_is_no_time():
    assert read("timestamp", 1767225600) == [["x is not a date: “1767225600”"]]


def test_a_time_that_knows_its_zone_becomes_utc():
    raw = pa.table(
        {"x": pa.array([dt.datetime(2026, 7, 1, 12)], pa.timestamp("us", tz="America/New_York"))}
    )

    assert land(raw, Column("x")) == [(dt.datetime(2026, 7, 1, 12), None)]


def test_a_typed_time_without_zone_is_in_the_declared_one():
    raw = pa.table({"x": pa.array([dt.datetime(2026, 7, 1, 12)], pa.timestamp("ms"))})

    assert land(raw, Column("x", timezone="Europe/Berlin")) == [(dt.datetime(2026, 7, 1, 10), None)]


def test_the_day_of_a_time_with_zone_is_the_day_in_the_declared_zone():
    raw = pa.table({"x": pa.array([dt.datetime(2026, 7, 1, 23)], pa.timestamp("us", tz="UTC"))})

    assert land(raw, Column("x", type="date", timezone="Europe/Berlin")) == [
        (dt.date(2026, 7, 2), None)
    ]


def test_a_nested_value_becomes_its_json_text():
    raw = pa.table({"x": [{"a": [1, 2]}]})

    assert land(raw, Column("x", type="varchar")) == [('{"a":[1,2]}', None)]


def test_a_key_without_value_is_refused():
    raw = pa.table({"id": ["a", "", None], "n": ["1", "2", "3"]})

    rows = land(raw, Column("id"), Column("n", type="integer"), key=("id",))

    missing = "id is missing, and it is the key"
    assert [row[-1] for row in rows] == [None, missing, missing]


def test_an_unreadable_key_is_told_as_unreadable():
    rows = land(pa.table({"id": ["x"]}), Column("id", type="integer"), key=("id",))

    assert rows[0][-1] == "id is not a whole number: “x”"


def test_a_long_text_is_cut_in_the_reason():
    assert read("integer", "y" * 100) == [[f"x is not a whole number: “{'y' * 60}…”"]]


def test_the_canonical_type_wins_over_the_declared_one():
    rows = land(pa.table({"x": ["9"]}), Column("x", type="varchar"), known={"x": "SMALLINT"})

    assert rows == [(9, None)]


def test_a_constant_needs_no_raw_column():
    rows = land(pa.table({"x": ["a"]}), Column("kind", constant="charge"), Column("x"))

    assert rows == [("charge", "a", None)]


def test_a_constant_may_hold_a_quote():
    rows = land(pa.table({"x": ["a"]}), Column("kind", constant="it's; drop table x"))

    assert rows == [("it's; drop table x", None)]


def test_an_optional_raw_column_that_is_not_there_reads_as_unknown():
    rows = land(pa.table({"x": ["a"]}), Column("x"), Column("y", type="integer"))

    assert rows == [("a", None, None)]


def test_a_key_column_that_is_not_there_is_refused():
    with pytest.raises(SourceError, match="key column 'id' of answers is not in the delivery"):
        land(pa.table({"x": ["a"]}), Column("id"), Column("x"), key=("id",))


def test_an_order_column_that_is_not_there_is_refused():
    with pytest.raises(SourceError, match="`order` of answers names 'version'"):
        land(pa.table({"x": ["a"]}), Column("x"), key=("x",), order="version")


def test_columns_can_swap_their_names():
    rows = land(
        pa.table({"a": ["1"], "b": ["2"]}), Column("a", source="b"), Column("b", source="a")
    )

    assert rows == [("2", "1", None)]


def test_the_tables_own_spelling_of_a_name_counts():
    planned = plan("t", Shape(()), {"ID": "VARCHAR"}, {"id": "VARCHAR"}, ("ID",))

    assert (planned.types(), planned.key) == ({"id": "VARCHAR"}, ("id",))


def test_an_endless_time_is_refused():
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        planned = plan("t", Shape((Column("x"),)), {"x": "TIMESTAMP"}, {}, ())
        rows = connection.execute(planned.select("(select timestamp 'infinity' as x)")).fetchall()

    assert rows == [(None, "x is not a date: “infinity”")]


def test_names_are_quoted():
    odd = 'at "now"; drop table raw; --'

    assert land(pa.table({odd: ["1"]}), Column(odd, type="integer")) == [(1, None)]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("text", "VARCHAR"),
        ("Timestamp with time zone", "TIMESTAMP"),
        ("timestamptz", "TIMESTAMP"),
        ("numeric( 18 , 2 )", "DECIMAL(18,2)"),
        ("decimal(9)", "DECIMAL(9,0)"),
        ("int", "INTEGER"),
        ("ENUM('a', 'b')", "VARCHAR"),
    ],
)
def test_a_type_has_one_spelling(written: str, name: str):
    assert type_name(written) == name


def gone(values: Sequence[object]) -> list[bool]:
    """Which rows count as gone by their mark."""
    raw = pa.table({"x": ["a"] * len(values), "mark": list(values)})
    return [row[1] for row in land(raw, Column("x"), deleted="mark")]


def test_a_row_whose_mark_is_true_is_gone():
    assert gone([True, False, None]) == [True, False, False]


def test_a_row_whose_mark_is_a_word_for_yes_or_a_time_is_gone():
    texts = ["true", "2026-01-01", "", "false", "No", "0", None]

    assert gone(texts) == [True, True, False, False, False, False, False]


def test_a_row_whose_mark_is_a_moment_is_gone():
    assert gone([dt.datetime(2026, 1, 1), None]) == [True, False]


def test_of_a_row_that_is_gone_only_the_key_is_read():
    raw = pa.table({"id": ["a"], "n": ["?"], "gone": [True]})

    rows = land(raw, Column("id"), Column("n", type="integer"), key=("id",), deleted="gone")

    assert rows == [("a", None, True, None)]
