"""Records in JSON land as they were written; what is no record is rejected, and nothing crashes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Batch, Column, Mode, Pages, Shape, SourceError
from kpi.warehouse import Landed, Warehouse

NOON = dt.datetime(2026, 3, 10, 12)
ID = Column("id")


class Desk:
    """A working database into which one source lands JSON."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse

    def land(
        self,
        *documents: object,
        fields: Mapping[str, str] | None = None,
        columns: tuple[Column, ...] = (),
        records: str = "",
        key: tuple[str, ...] = ("id",),
        mode: Mode = "upsert",
        into: str = "things",
        **batch: Any,
    ) -> Landed:
        """Lands documents, each bytes, a text, or what JSON is to be made of, in a run."""
        taken = fields or {column.source or column.name: column.name for column in columns}
        pages = Pages(tuple(map(_bytes, documents)), records, taken)
        run = self.warehouse.begin("desk", NOON)
        shape = Shape(columns, key=key, mode=mode)
        landed = self.warehouse.land(run, "desk", Batch(into, pages, shape, "the desk", **batch))
        self.warehouse.finish(run, error=None, advice=None, finished_at=NOON, as_of=None)
        return landed

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.connection.execute(sql).fetchall()

    def things(self, columns: str) -> list[tuple[Any, ...]]:
        return self.ask(f"select {columns} from main.things order by all")

    def rejects(self) -> list[tuple[Any, ...]]:
        return self.ask("select line, reason, row_text from kpi.rejects order by line")


def _bytes(document: object) -> bytes:
    if isinstance(document, bytes):
        return document
    return (document if isinstance(document, str) else json.dumps(document)).encode()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        yield Desk(warehouse)


def values(desk: Desk, *written: str) -> list[Any]:
    """What each JSON text becomes where it lands as a text."""
    records = ",".join(f'{{"id": {n}, "v": {text}}}' for n, text in enumerate(written))
    desk.land(f"[{records}]", fields={"id": "id", "v": "v"})
    return [value for (value,) in desk.ask("select v from main.things order by id::integer")]


# --- values ---------------------------------------------------------------------------------------


def test_a_text_comes_without_its_quotes_and_escapes(desk: Desk):
    assert values(desk, '"a \\"b\\" \\n ü \\u00fc \\ud83d\\ude00"', '"null"') == [
        'a "b" \n ü ü 😀',
        "null",
    ]


def test_null_and_a_field_that_is_not_there_are_unknown(desk: Desk):
    desk.land([{"id": "a", "n": None}, {"id": "b"}], columns=(ID, Column("n")))

    assert desk.things("id, n") == [("a", None), ("b", None)]


@pytest.mark.parametrize(
    "number",
    [
        "0.1",
        "1.50",
        "1e3",
        "1E-7",
        "-0",
        "-0.0",
        "12345678901234567890",
        "123456789012345678901234567890",
        "0.12345678901234567890123456789",
        "1e400",
    ],
)
def test_a_number_stays_exactly_as_it_is_written(desk: Desk, number: str):
    assert values(desk, number, "7") == [number, "7"]


def test_numbers_inside_a_list_or_a_mapping_stay_as_written_too(desk: Desk):
    assert values(desk, '[1.50, {"a": 1e3, "b": "2.50"}]') == ['[1.50,{"a":1e3,"b":"2.50"}]']


def test_digits_inside_a_text_are_no_numbers_even_beside_numbers_with_decimals(desk: Desk):
    text = 'at 7: 1.50, then [2.5] and \\"3.5\\", -4'

    assert values(desk, "2.50", f'"{text}"') == ["2.50", text.replace("\\", "")]


def test_a_decimal_with_more_digits_than_a_double_holds_is_exact(desk: Desk):
    columns = (ID, Column("n", type="decimal(38,10)"))
    desk.land('[{"id": 1, "n": 1234567890123456789.1234567891}]', columns=columns)

    assert desk.things("n") == [(Decimal("1234567890123456789.1234567891"),)]


def test_yes_and_no_come_as_words_and_can_be_read_as_yes_and_no(desk: Desk):
    columns = (ID, Column("up", type="boolean"), Column("word", source="up"))
    desk.land(
        [{"id": 1, "up": True}, {"id": 2, "up": False}],
        columns=columns,
        fields={"id": "id", "up": "up"},
    )

    assert desk.things("up, word") == [(False, "false"), (True, "true")]


def test_a_list_and_a_mapping_come_as_json(desk: Desk):
    assert values(desk, '[1, "a", null]', '{"k": {"l": []}}', "[]", "{}") == [
        '[1,"a",null]',
        '{"k":{"l":[]}}',
        "[]",
        "{}",
    ]


def test_values_get_the_types_of_the_table_that_they_land_in(desk: Desk):
    incident = {"id": "P1", "at": "2026-03-10T11:00:00+01:00", "n": 2, "open": False}
    columns = (
        Column("incident_id", "id"),
        Column("opened_at", "at"),
        Column("reopened", "n"),
        Column("customer_facing", "open"),
    )
    fields = {name: name for name in incident}
    desk.land([incident], fields=fields, columns=columns, into="incidents", key=("incident_id",))

    (row,) = desk.ask(
        "select incident_id, opened_at, reopened, customer_facing from main.incidents"
    )
    assert row == ("P1", dt.datetime(2026, 3, 10, 10), 2, False)


# --- paths ----------------------------------------------------------------------------------------


def test_a_path_leads_into_mappings(desk: Desk):
    fields = {"id": "id", "service": "service.team.name"}
    desk.land(
        [{"id": 1, "service": {"team": {"name": "Pay"}}}, {"id": 2, "service": None}],
        fields=fields,
    )

    assert desk.things("id, service") == [("1", "Pay"), ("2", None)]


def test_a_number_in_a_path_counts_the_places_of_a_list(desk: Desk):
    desk.land(
        [{"id": 1, "on_call": [{"name": "a"}, {"name": "b"}]}],
        fields={"id": "id", "who": "on_call.1.name"},
    )

    assert desk.things("who") == [("b",)]


def test_a_mapping_and_something_inside_it_can_both_be_taken(desk: Desk):
    desk.land([{"id": 1, "s": {"name": "x"}}], fields={"id": "id", "all": "s", "name": "s.name"})

    assert desk.things('"all", name') == [('{"name":"x"}', "x")]


def test_upper_and_lower_case_are_two_keys(desk: Desk):
    desk.land([{"id": 1, "ID": 2, "Id": 3}], fields={"id": "ID", "other": "Id"})

    assert desk.things("id, other") == [("2", "3")]


@pytest.mark.parametrize(
    "key",
    [
        'a"b',
        "a'b",
        "$",
        "$x",
        "*",
        "a b",
        "größe",
        "日本",
        "a/b",
        "a~1b",
        "a\\b",
        "[0]",
        "#",
        "?",
        "a\nb",
    ],
)
def test_a_key_may_have_any_letters(desk: Desk, key: str):
    record = {"id": 1, key: {key: "found"}}
    desk.land(
        {key: {key: [record]}}, records=f"{key}.{key}", fields={"id": "id", "v": f"{key}.{key}"}
    )

    assert desk.things("v") == [("found",)]


def test_of_a_key_that_is_there_twice_the_first_counts(desk: Desk):
    assert values(desk, '1, "v": 2') == ["1"]


# --- records --------------------------------------------------------------------------------------


def test_the_records_of_all_documents_land_in_their_order(desk: Desk):
    pages = [[{"id": f"{page}-{n}"} for n in range(3000)] for page in range(5)]
    desk.land(*({"data": {"items": page}} for page in pages), records="data.items", columns=(ID,))

    assert desk.ask("select id from facts.things order by rowid") == [
        (record["id"],) for page in pages for record in page
    ]


def test_a_single_mapping_is_one_record(desk: Desk):
    landed = desk.land({"user": {"id": 1}}, {"user": [{"id": 2}]}, records="user", columns=(ID,))

    assert (landed.new, desk.things("id")) == (2, [("1",), ("2",)])


def test_a_document_that_is_a_mapping_may_be_the_record(desk: Desk):
    desk.land(' {"id": 1.50}', columns=(ID,))

    assert desk.things("id") == [("1.50",)]


def test_an_empty_list_is_no_row_and_no_mistake(desk: Desk):
    assert desk.land({"items": []}, records="items", columns=(ID,)) == Landed(0, 0, 0, 0, 0, ())


def test_no_document_brings_only_its_state(desk: Desk):
    landed = desk.land(columns=(ID,), state={"page": 3})

    assert (landed.new, desk.warehouse.state("desk")) == (0, {"page": 3})


def test_a_replacement_without_a_document_leaves_nothing(desk: Desk):
    desk.land([{"id": 1}], columns=(ID,))

    landed = desk.land(columns=(ID,), mode="replace", state={})

    assert (landed.deleted, desk.things("id")) == (1, [])


def test_a_document_without_the_records_is_an_error_that_says_what_was_there(desk: Desk):
    with pytest.raises(SourceError) as told:
        desk.land({"items": []}, {"error": "no"}, records="items", columns=(ID,))

    assert str(told.value) == (
        "the desk answers without records: it has no 'items', only 'error'. "
        "Check where its address leads, and `records` where this source has it."
    )


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<html>",
        "nope",
        '[{"id": 1}',
        '{"items": [{"id": 1}]',
        '[{"id": 1}] [{"id": 2}]',
        b"\xff\xfe[",
    ],
)
def test_what_is_no_json_is_an_error_and_nothing_of_it_lands(desk: Desk, document: str | bytes):
    desk.land([{"id": "before"}], columns=(ID,))

    with pytest.raises(SourceError, match="something that is no JSON, or breaks off"):
        desk.land([{"id": "with it"}], document, columns=(ID,))

    assert desk.things("id") == [("before",)]


def test_a_mark_of_the_byte_order_in_front_is_no_part_of_a_document(desk: Desk):
    desk.land(b'\xef\xbb\xbf[{"id": 1}]', columns=(ID,))

    assert desk.things("id") == [("1",)]


# --- rejects --------------------------------------------------------------------------------------


def test_a_rejected_record_tells_its_number_in_the_batch_and_its_json(desk: Desk):
    columns = (ID, Column("n", type="integer"))
    pages = ([{"id": 1, "n": 1}, {"id": 2, "n": 2.50}], [{"id": 3, "n": "x"}, {"n": 4}])
    landed = desk.land(*pages, columns=columns)

    assert (landed.new, landed.rejected) == (1, 3)
    assert desk.rejects() == [
        (2, "n is not a whole number: “2.5”", '{"id":2,"n":2.5}'),
        (3, "n is not a whole number: “x”", '{"id":3,"n":"x"}'),
        (4, "id is missing, and it is the key", '{"n":4}'),
    ]


@pytest.mark.parametrize("odd", ["5", '"x"', "null", "[1]", "true"])
def test_what_is_no_mapping_is_no_record(desk: Desk, odd: str):
    landed = desk.land(f'[{{"id": 1}}, {odd}, {{"id": 2}}]', columns=(ID,), key=(), mode="append")

    assert (landed.new, desk.things("id")) == (2, [("1",), ("2",)])
    assert desk.rejects() == [(2, "it is no record, which begins with {", odd)]


def test_half_a_character_costs_its_record_and_no_other(desk: Desk):
    landed = desk.land('[{"id": 1}, {"id": "\\ud800", "n": 1.5}]', [{"id": 3}], columns=(ID,))

    assert (landed.new, desk.things("id")) == (2, [("1",), ("3",)])
    assert desk.rejects() == [
        (2, "it is no JSON: no low surrogate in string", '{"id": "\\ud800", "n": 1.5}')
    ]


# The database quotes the document in its message, and cuts it: at one of these within a character.
@pytest.mark.parametrize("before", range(8))
def test_a_record_that_is_none_is_rejected_wherever_its_message_is_cut(desk: Desk, before: int):
    long = "ü" * 60 + "x" * before
    landed = desk.land(f'[{{"id": 1}}, {{"id": "{long}\\ud800"}}, {{"id": 3}}]', columns=(ID,))

    assert (landed.new, landed.rejected) == (2, 1)
    assert [row[:2] for row in desk.rejects()] == [(2, "it is no JSON: no low surrogate in string")]


def test_a_byte_that_is_no_utf8_costs_its_record_and_no_other(desk: Desk):
    landed = desk.land(b'[{"id": "caf\xe9"}, {"id": "caf\xc3\xa9"}]', columns=(ID,))

    assert (landed.new, desk.things("id")) == (1, [("café",)])
    assert desk.rejects() == [(1, "it is not UTF-8 from byte 11 on", '{"id": "caf\ufffd"}')]


def test_beside_an_unreadable_record_a_mistyped_one_keeps_its_own_number(desk: Desk):
    columns = (ID, Column("n", type="integer"))
    landed = desk.land(
        '[{"id": "\\udc00"}, {"id": 1, "n": "x"}, {"id": 2, "n": 1e1}]', columns=columns
    )

    assert (landed.rejected, desk.things("id, n")) == (2, [("2", 10)])
    assert [line for line, *_ in desk.rejects()] == [1, 2]


def test_a_null_byte_in_a_text_lands(desk: Desk):
    assert values(desk, '"a\\u0000b"') == ["a\0b"]


def test_deep_nesting_lands(desk: Desk):
    deep = "[" * 20_000 + "]" * 20_000

    assert values(desk, deep, "1.5") == [deep, "1.5"]


# --- drift ----------------------------------------------------------------------------------------

FIELDS = {"id": "id", "n": "n", "team": "service.team"}
COLUMNS = (ID, Column("n"), Column("team"))


def drifts(desk: Desk, *deliveries: object, into: str = "things") -> list[tuple[str, ...]]:
    """What is told of each of these deliveries."""
    columns = COLUMNS if into == "things" else (Column("incident_id", "id"), Column("title", "n"))
    key = ("id",) if into == "things" else ("incident_id",)
    return [
        desk.land(each, fields=FIELDS, columns=columns, into=into, key=key).drift
        for each in deliveries
    ]


def record(**more: object) -> dict[str, object]:
    return {"id": 1, "n": 1, "service": {"team": "Pay"}, **more}


def test_a_field_that_no_record_has_any_more_is_told_once(desk: Desk):
    without = {"id": 2, "service": {"team": "Pay"}}

    assert drifts(desk, [record()], [without, without], [without]) == [
        (),
        ("column 'n' is no longer delivered and reads as unknown",),
        (),
    ]


def test_a_field_inside_a_mapping_that_is_no_longer_there_is_told(desk: Desk):
    assert drifts(desk, [record()], [record(service={"group": "Pay"})])[1] == (
        "column 'team' is no longer delivered and reads as unknown",
    )


def test_a_field_without_a_value_is_still_delivered(desk: Desk):
    assert drifts(desk, [record()], [record(n=None)]) == [(), ()]


def test_a_field_that_only_some_records_have_may_stay_away(desk: Desk):
    some = [{"id": 2}, record()]

    assert drifts(desk, [record()], some, [{"id": 2}], [record()], [{"id": 2}]) == [()] * 5


def test_a_new_key_that_no_field_comes_from_is_told_once(desk: Desk):
    fresh = [record(cause="x")]

    assert drifts(desk, [record(old=1)], fresh, [record()], fresh) == [
        (),
        ("column 'cause' is new and not mapped",),
        (),
        (),
    ]


def test_a_new_key_of_a_canonical_table_is_nobodys_business(desk: Desk):
    assert drifts(desk, [record()], [record(cause="x")], into="incidents") == [(), ()]


def test_a_delivery_without_records_says_nothing_of_its_fields(desk: Desk):
    assert drifts(desk, [], [record()], [], [record()]) == [()] * 4


def test_a_record_that_python_cannot_read_is_no_sign_of_drift(desk: Desk):
    deep = '[{"id": 1, "n": 1, "service": {"team": 1}, "v": %s}]' % ("[" * 9999 + "]" * 9999)

    assert drifts(desk, [record()], deep) == [(), ()]
