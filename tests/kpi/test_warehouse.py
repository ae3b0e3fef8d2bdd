"""Deliveries become facts: nothing is lost, nothing counts twice, nothing lands half."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from connectors.contract import Batch, Column, Pages, Scan, Shape, SourceError
from connectors.tables import TABLES
from kpi.merging import merge
from kpi.warehouse import Landed, Warehouse
from tests.working_database import working_database

NOON = dt.datetime(2026, 3, 10, 12)
DAY = dt.timedelta(days=1)


class Desk:
    """A working database, and sources that deliver rows of (id, n) into a table of their own."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.today = NOON

    def begin(self, source: str = "desk") -> int:
        return self.warehouse.begin(source, self.today)

    def finish(self, run: int, error: str | None = None) -> None:
        self.warehouse.finish(run, error=error, advice=None, finished_at=self.today, as_of=None)

    def land(
        self,
        rows: Sequence[Mapping[str, Any]] | pa.Table | pa.RecordBatchReader | Scan | Pages,
        *,
        run: int | None = None,
        source: str = "desk",
        into: str = "things",
        columns: tuple[Column, ...] = (),
        key: tuple[str, ...] = ("id",),
        mode: str = "upsert",
        state: Mapping[str, Any] | None = None,
        **shape: Any,
    ) -> Landed:
        """Lands one batch; without a run, in one of its own that ends well."""
        own = self.begin(source) if run is None else run
        if isinstance(rows, Sequence):
            rows = pa.Table.from_pylist(list(rows))
        made = Shape(columns, key=key, mode=mode, **shape)
        landed = self.warehouse.land(own, source, Batch(into, rows, made, "here", state=state))
        if run is None:
            self.finish(own)
        return landed

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.connection.execute(sql).fetchall()

    def things(self, columns: str = "id, n", table: str = "things") -> list[tuple[Any, ...]]:
        return self.ask(f"select {columns} from main.{table} order by all")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Warehouse(working_database(tmp_path / "warehouse.duckdb")) as warehouse:
        yield Desk(warehouse)


def rows(**values: Any) -> list[dict[str, Any]]:
    """One row a name: its id and its number."""
    return [{"id": name, "n": n} for name, n in values.items()]


def test_every_canonical_table_is_there_before_any_source_is(tmp_path: Path):
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        ask = Desk(warehouse).ask
        there = {table: [row[0] for row in ask(f"describe main.{table}")] for table in TABLES}

    assert all(list(TABLES[table].columns) == there[table][:-6] for table in TABLES)


def test_a_working_database_gets_the_columns_that_a_canonical_table_got_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as warehouse:
        Desk(warehouse).land([{"response_id": "r1", "score": "9"}], into="surveys", key=())
    surveys = TABLES["surveys"]
    wider = replace(surveys, columns={**surveys.columns, "asked_by": "VARCHAR"})
    monkeypatch.setitem(TABLES, "surveys", wider)

    with Warehouse(path) as warehouse:
        there = Desk(warehouse).things("response_id, score, asked_by, _id", table="surveys")

    assert there == [("r1", 9, None, "r1")]


def test_a_view_shows_where_each_row_comes_from(desk: Desk):
    desk.land(rows(a=1))

    assert desk.things("_source, _id, _first_seen, _last_seen, _deleted_at, _run") == [
        ("desk", "a", NOON, NOON, None, 1)
    ]


def test_the_id_of_a_key_of_several_columns_names_them_all(desk: Desk):
    desk.land([{"id": "a", "part": 2}], key=("id", "part"))

    assert desk.things("_id") == [("a/2",)]


def test_a_delivery_again_changes_nothing(desk: Desk):
    desk.land(rows(a=1, b=2))

    again = desk.land(rows(a=1, b=2))

    assert (again, desk.things()) == (Landed(0, 0, 2, 0, 0, ()), [("a", 1), ("b", 2)])


def test_new_changed_and_unchanged_rows_are_told_apart(desk: Desk):
    desk.land(rows(a=1, b=2))

    landed = desk.land(rows(b=3, a=1, c=4))

    assert (landed, desk.things()) == (
        Landed(1, 1, 1, 0, 0, ()),
        [("a", 1), ("b", 3), ("c", 4)],
    )


def test_a_value_that_becomes_unknown_is_a_change(desk: Desk):
    desk.land(rows(a=1))
    columns = (Column("id"), Column("n", type="bigint"))

    landed = desk.land(pa.table({"id": ["a"], "n": pa.array([None], pa.int64())}), columns=columns)

    assert (landed.changed, desk.things()) == (1, [("a", None)])


def test_a_row_remembers_when_it_was_first_and_last_seen_and_who_changed_it(desk: Desk):
    desk.land(rows(a=1, b=1))
    desk.today += DAY
    desk.land(rows(a=1, b=2))

    assert desk.things("id, _first_seen, _last_seen, _run") == [
        ("a", NOON, NOON + DAY, 1),
        ("b", NOON, NOON + DAY, 2),
    ]


def test_of_rows_with_one_key_the_last_one_counts(desk: Desk):
    doubled = [{"id": "a", "n": 1}, {"id": "b", "n": 7}, {"id": "a", "n": 2}]

    first = desk.land(doubled)
    again = desk.land([*doubled, {"id": "a", "n": 3}])

    assert (first.new, again.changed, desk.things()) == (2, 1, [("a", 3), ("b", 7)])


def test_the_order_column_decides_which_row_is_the_last(desk: Desk):
    doubled = [
        {"id": "a", "n": 1, "version": "10"},
        {"id": "a", "n": 2, "version": "9"},
        {"id": "a", "n": 3, "version": None},
    ]

    desk.land(doubled, columns=(Column("id"), Column("n")), order="version")

    assert desk.things() == [("a", 1)]


def test_numbers_in_a_text_column_are_ordered_as_numbers(desk: Desk):
    doubled = [{"id": "a", "n": "10"}, {"id": "a", "n": "9"}]

    desk.land(doubled, order="n")

    assert desk.things() == [("a", "10")]


def test_rows_that_the_order_cannot_tell_apart_count_in_their_own_order(desk: Desk):
    doubled = [{"id": "a", "n": 1, "version": 1}, {"id": "a", "n": 2, "version": 1}]

    desk.land(doubled, order="version")

    assert desk.things() == [("a", 2)]


def test_the_same_key_from_two_sources_is_two_rows(desk: Desk):
    desk.land(rows(a=1))
    desk.land(rows(a=2), source="shop")

    assert desk.things("_source, id, n") == [("desk", "a", 1), ("shop", "a", 2)]


def test_a_replacement_marks_what_vanished_of_its_own_source_only(desk: Desk):
    desk.land(rows(a=1, b=2))
    desk.land(rows(a=1, b=2), source="shop")

    landed = desk.land(rows(a=5), mode="replace", state={})

    assert (landed, desk.things("_source, id, n")) == (
        Landed(0, 1, 0, 1, 0, ()),
        [("desk", "a", 5), ("shop", "a", 1), ("shop", "b", 2)],
    )


def test_a_deleted_row_stays_in_the_facts_with_its_moment(desk: Desk):
    desk.land(rows(a=1, b=2))
    desk.today += DAY
    desk.land(rows(a=1), mode="replace", state={})

    assert desk.ask("select id, n, _deleted_at from facts.things where id = 'b'") == [
        ("b", 2, NOON + DAY)
    ]


def test_a_row_that_comes_again_is_there_again(desk: Desk):
    desk.land(rows(a=1, b=2))
    desk.land(rows(a=1), mode="replace", state={})

    landed = desk.land(rows(a=1, b=2), mode="replace", state={})

    assert (landed, desk.things()) == (Landed(0, 1, 1, 0, 0, ()), [("a", 1), ("b", 2)])


def test_several_batches_of_a_replacement_are_one_delivery(desk: Desk):
    desk.land(rows(a=1, b=2, c=3))
    run = desk.begin()

    first = desk.land(rows(a=1), run=run, mode="replace")
    before = desk.things()
    last = desk.land(rows(b=9), run=run, mode="replace", state={})

    assert (first, before) == (Landed(0, 0, 0, 0, 0, ()), [("a", 1), ("b", 2), ("c", 3)])
    assert (last, desk.things()) == (Landed(0, 1, 1, 1, 0, ()), [("a", 1), ("b", 9)])


def test_a_replacement_without_state_is_complete_when_its_run_ends_well(desk: Desk):
    desk.land(rows(a=1, b=2))
    run = desk.begin()
    desk.land(rows(a=1), run=run, mode="replace")

    desk.finish(run)

    assert (desk.things(), desk.ask("select deleted_rows from kpi.runs where run = 2")) == (
        [("a", 1)],
        [(1,)],
    )


def test_half_a_replacement_leaves_everything_as_it_was(desk: Desk):
    desk.land(rows(a=1, b=2))
    run = desk.begin()
    desk.land(rows(a=7), run=run, mode="replace")

    desk.finish(run, error="the second page did not come")

    assert desk.things() == [("a", 1), ("b", 2)]


def test_batches_of_a_replacement_may_have_different_columns(desk: Desk):
    run = desk.begin()
    desk.land([{"id": "a", "n": 1}], run=run, mode="replace")
    desk.land([{"id": "b", "m": 2}], run=run, mode="replace", state={})

    assert desk.things("id, n, m") == [("a", 1, None), ("b", None, 2)]


def test_rows_after_a_complete_replacement_come_on_top(desk: Desk):
    run = desk.begin()
    desk.land(rows(a=1), run=run, mode="replace", state={})
    desk.land(rows(b=2), run=run, mode="replace", state={})

    assert desk.things() == [("a", 1), ("b", 2)]


def test_a_replacement_without_key_drops_the_rows_before_it(desk: Desk):
    desk.land(rows(a=1, b=2), key=(), mode="replace", state={})
    desk.land(rows(a=1), key=(), mode="replace", source="shop", state={})

    landed = desk.land(rows(b=3), key=(), mode="replace", state={})

    assert (landed, desk.things("_source, id, n")) == (
        Landed(1, 0, 0, 2, 0, ()),
        [("desk", "b", 3), ("shop", "a", 1)],
    )


def test_an_empty_replacement_deletes_everything(desk: Desk):
    desk.land(rows(a=1))

    desk.land(
        pa.table({"id": pa.array([], pa.string()), "n": pa.array([], pa.int64())}),
        mode="replace",
        state={},
    )

    assert desk.things() == []


def test_appended_rows_are_added_even_where_they_are_alike(desk: Desk):
    desk.land(rows(a=1), key=(), mode="append")
    desk.land(rows(a=1), key=(), mode="append")

    assert desk.things() == [("a", 1), ("a", 1)]


def test_a_row_marked_as_gone_is_deleted(desk: Desk):
    desk.land(rows(a=1, b=2))
    gone = [{"id": "a", "n": None, "gone": True}, {"id": "b", "n": 3, "gone": False}]

    landed = desk.land(gone, columns=(Column("id"), Column("n")), deleted="gone")

    assert (landed, desk.things()) == (Landed(0, 1, 0, 1, 0, ()), [("b", 3)])


def test_a_row_marked_as_gone_that_never_came_is_no_row(desk: Desk):
    gone = [{"id": "a", "n": 1, "gone": "2026-01-01"}, {"id": "b", "n": 2, "gone": ""}]
    columns = (Column("id"), Column("n"))

    first = desk.land(gone, columns=columns, deleted="gone")
    again = desk.land(gone, columns=columns, deleted="gone")

    assert (first, again, desk.things()) == (
        Landed(1, 0, 0, 0, 0, ()),
        Landed(0, 0, 1, 0, 0, ()),
        [("b", 2)],
    )


def test_of_a_change_and_a_deletion_the_last_one_counts(desk: Desk):
    columns = (Column("id"), Column("n"))
    desk.land(rows(a=1, b=1))
    story = [
        {"id": "a", "n": 2, "gone": True},
        {"id": "a", "n": 3, "gone": False},
        {"id": "b", "n": 2, "gone": False},
        {"id": "b", "n": 2, "gone": True},
    ]

    desk.land(story, columns=columns, deleted="gone")

    assert desk.things() == [("a", 3)]


def test_a_rejected_row_is_kept_with_its_reason_and_the_others_land(desk: Desk):
    columns = (Column("id"), Column("n", type="integer"))

    landed = desk.land(rows(a="1", b="9,5"), columns=columns)

    assert (landed.rejected, desk.things()) == (1, [("a", 1)])
    assert desk.ask(
        "select run, source, into_table, origin, line, reason, row_text from kpi.rejects"
    ) == [
        (
            1,
            "desk",
            "things",
            "here",
            None,
            "n is not a whole number: “9,5”",
            '{"id":"b","n":"9,5"}',
        )
    ]


def test_the_old_version_of_a_rejected_row_stays(desk: Desk):
    columns = (Column("id"), Column("n", type="integer"))
    desk.land(rows(a="1", b="2"), columns=columns)

    desk.land(rows(a="x", b="3"), columns=columns, mode="replace", state={})

    assert desk.things() == [("a", 1), ("b", 3)]


def test_a_replacement_of_which_no_row_can_be_read_is_refused(desk: Desk):
    columns = (Column("id"), Column("n", type="integer"))
    desk.land(rows(a="1"), columns=columns)

    with pytest.raises(SourceError, match=r"None of the 1 rows can be read.*“x”"):
        desk.land(rows(a="x"), columns=columns, mode="replace", state={})

    assert desk.things() == [("a", 1)]


def test_a_replacement_with_one_page_that_cannot_be_read_is_not_refused(desk: Desk):
    columns = (Column("id"), Column("n", type="integer"))
    run = desk.begin()
    desk.land(rows(a="1"), run=run, columns=columns, mode="replace")

    landed = desk.land(rows(b="x"), run=run, columns=columns, mode="replace", state={})

    assert (landed.rejected, desk.things()) == (1, [("a", 1)])


def test_a_replacement_that_ends_without_a_readable_row_fails_its_run(desk: Desk):
    columns = (Column("id"), Column("n", type="integer"))
    desk.land(rows(a="1"), columns=columns)
    run = desk.begin()
    desk.land(rows(b="x"), run=run, columns=columns, mode="replace")
    desk.finish(run)

    (report,) = desk.warehouse.reports()

    assert (report.outcome, desk.things()) == ("failed", [("a", 1)])


def test_rejected_rows_of_a_stream_are_kept_too(desk: Desk):
    table = pa.Table.from_pylist(rows(a="1", b="x", c="3"))
    stream = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=1))

    desk.land(stream, columns=(Column("id"), Column("n", type="integer")))

    assert desk.ask("select reason from kpi.rejects") == [("n is not a whole number: “x”",)]


def test_what_a_stream_raises_is_raised_as_it_is(desk: Desk):
    table = pa.Table.from_pylist(rows(a="1"))

    def broken() -> Iterator[pa.RecordBatch]:
        yield from table.to_batches()
        raise SourceError("The line went dead.", "Ask again.")

    stream = pa.RecordBatchReader.from_batches(table.schema, broken())

    with pytest.raises(SourceError, match="The line went dead"):
        desk.land(stream)


def test_a_stream_can_say_on_which_line_its_rows_stand(desk: Desk):
    lines = [{"_line": 5, "id": "a", "n": "1"}, {"_line": 7, "id": "b", "n": "x"}]

    desk.land(lines, columns=(Column("id"), Column("n", type="integer")))

    assert desk.ask("select line from kpi.rejects") == [(7,)]


def test_only_the_first_thousand_rejects_of_a_run_are_kept_and_all_are_counted(desk: Desk):
    wrong = [{"id": str(number), "n": "x"} for number in range(1500)]

    landed = desk.land(wrong, columns=(Column("id"), Column("n", type="integer")))

    assert (landed.rejected, desk.ask("select count(*) from kpi.rejects")) == (1500, [(1000,)])


def test_rejects_are_forgotten_after_ninety_days(desk: Desk):
    columns = (Column("id"), Column("n", type="integer"))
    desk.land(rows(a="x", b="1"), columns=columns)
    desk.today += dt.timedelta(days=91)
    desk.land(rows(b="2"), columns=columns)

    assert desk.ask("select count(*) from kpi.rejects") == [(0,)]


def test_upserting_without_a_key_is_refused(desk: Desk):
    with pytest.raises(SourceError, match="mode upsert needs a key"):
        desk.land(rows(a=1), key=())


def test_a_canonical_table_knows_its_key(desk: Desk):
    answers = [{"response_id": "r1", "score": "9"}]
    desk.land(answers, into="surveys", key=())

    landed = desk.land(answers, into="surveys", key=())

    assert landed.unchanged == 1


def test_a_canonical_column_keeps_its_type(desk: Desk):
    desk.land(
        [{"response_id": "r1", "score": "9"}],
        into="surveys",
        key=(),
        columns=(Column("response_id"), Column("score", type="varchar")),
    )

    assert desk.ask("select typeof(score), score from main.surveys") == [("SMALLINT", 9)]


def test_a_canonical_table_takes_columns_beyond_its_own(desk: Desk):
    desk.land([{"response_id": "r1", "channel": "mail"}], into="surveys", key=())

    assert desk.ask("select response_id, score, channel from main.surveys") == [
        ("r1", None, "mail")
    ]


def test_a_column_that_a_delivery_does_not_have_keeps_its_value(desk: Desk):
    desk.land([{"id": "a", "n": 1, "m": 1}])

    desk.land([{"id": "a", "n": 2}])

    assert desk.things("id, n, m") == [("a", 2, 1)]


def test_a_column_can_come_later(desk: Desk):
    desk.land([{"id": "a", "n": 1}])

    desk.land([{"id": "a", "n": 1, "m": 5}, {"id": "b", "n": 2, "m": 6}])

    assert desk.things("id, n, m") == [("a", 1, 5), ("b", 2, 6)]


def test_a_column_without_any_value_has_no_type_yet(desk: Desk):
    run = desk.begin()
    desk.land(pa.table({"id": ["a"], "n": pa.nulls(1)}), run=run, mode="replace")
    desk.land(rows(b="x"), run=run, mode="replace", state={})

    assert desk.things() == [("a", None), ("b", "x")]


def test_words_that_a_table_numbers_are_texts(desk: Desk):
    run = desk.begin()
    for name, word in (("a", "red"), ("b", "blue")):
        numbered = pa.array([word]).dictionary_encode()
        desk.land(pa.table({"id": [name], "n": numbered}), run=run, mode="replace")
    desk.finish(run)

    assert desk.things() == [("a", "red"), ("b", "blue")]


def test_names_that_differ_in_case_only_are_one_column(desk: Desk):
    desk.land([{"ID": "a", "N": 1}], key=("ID",))

    desk.land([{"id": "a", "n": 2}])

    assert desk.things() == [("a", 2)]


def test_names_of_our_own_columns_are_refused(desk: Desk):
    with pytest.raises(SourceError, match="'_run' cannot name"):
        desk.land([{"id": "a"}], columns=(Column("id"), Column("_run", source="id")))


def test_a_column_that_vanished_is_told(desk: Desk):
    columns = (Column("id"), Column("n"))
    desk.land(rows(a=1), columns=columns)

    landed = desk.land([{"id": "a"}], columns=columns)

    assert landed.drift == ("column 'n' is no longer delivered and reads as unknown",)


def test_a_new_column_that_nobody_mapped_is_told_once(desk: Desk):
    columns = (Column("id"), Column("n"))
    more = [{"id": "a", "n": 1, "extra": 2}]
    desk.land(rows(a=1), columns=columns)

    told = [desk.land(more, columns=columns).drift for _ in range(2)]

    assert told == [("column 'extra' is new and not mapped",), ()]


def test_a_raw_column_that_changes_its_type_is_told_and_the_fact_keeps_its_own(desk: Desk):
    desk.land(rows(a=1))

    landed = desk.land([{"id": "a", "n": "2"}, {"id": "b", "n": "x"}])

    assert (landed.drift, landed.rejected, desk.things()) == (
        ("column 'n' is now VARCHAR, it was BIGINT",),
        1,
        [("a", 2)],
    )


def test_drift_is_written_down(desk: Desk):
    desk.land(rows(a=1))
    desk.land(rows(a="1"))

    assert desk.ask("select run, source, into_table, what from kpi.drift") == [
        (2, "desk", "things", "column 'n' is now VARCHAR, it was BIGINT")
    ]


def severities(*words: str | None) -> list[dict[str, Any]]:
    """Rows with these words, one after the other."""
    return [{"id": str(n), "n": word} for n, word in enumerate(words)]


SEVERITY = (Column("id"), Column("n", values={"P1": "sev1"}, otherwise="unknown"))


def test_words_that_a_map_does_not_know_are_told_with_the_first_five_of_them(desk: Desk):
    words = ("P9", "P1", None, "P7", "P9", "it's", "a", "b", "c", "d")

    landed = desk.land(severities(*words), columns=SEVERITY)

    assert landed.drift == (
        "column 'n' reads as 'unknown' what its map does not know: "
        "'P9', 'P7', \"it's\", 'a', 'b' and 2 more",
    )
    assert desk.ask("select what from kpi.drift") == [landed.drift]


def test_the_same_words_are_not_told_again_and_a_new_one_is(desk: Desk):
    drifts = [
        desk.land(severities(*words), columns=SEVERITY).drift
        for words in (("P8", "P9"), ("P9",), ("P1",), ("P8", "P7"), (None,), ("P7",))
    ]

    begin = "column 'n' reads as 'unknown' what its map does not know: "
    assert drifts == [(f"{begin}'P8', 'P9'",), (), (), (f"{begin}'P7'",), (), ()]


def test_words_beyond_the_first_five_are_not_told_one_by_one_at_later_runs(desk: Desk):
    words = [f"word {n}" for n in range(20)]
    desk.land(severities(*words), columns=SEVERITY)

    assert desk.land(severities(*reversed(words)), columns=SEVERITY).drift == ()


def test_unknown_words_are_told_of_rows_that_join_a_table_and_of_the_first_alike(desk: Desk):
    desk.land(severities("P1"), columns=SEVERITY)

    landed = desk.land(severities("P1", "P9"), columns=SEVERITY)

    assert (len(landed.drift), desk.things()) == (1, [("0", "sev1"), ("1", "unknown")])


def test_words_are_still_known_when_the_working_database_is_opened_again(tmp_path: Path):
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as warehouse:
        Desk(warehouse).land(severities("P9"), columns=SEVERITY)

    with Warehouse(path) as warehouse:
        assert Desk(warehouse).land(severities("P9"), columns=SEVERITY).drift == ()


def test_a_working_database_from_before_words_were_remembered_goes_on(tmp_path: Path):
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as warehouse:
        Desk(warehouse).land(severities("P1"), columns=SEVERITY)
        warehouse.connection.execute("alter table kpi.deliveries drop column words")
        # Another version laid it out, and remembers so.
        warehouse.connection.execute("update kpi.layout set made_from = 'before'")

    with Warehouse(path) as warehouse:
        assert len(Desk(warehouse).land(severities("P9"), columns=SEVERITY).drift) == 1


def test_without_an_otherwise_nobody_is_told_of_words(desk: Desk):
    columns = (Column("id"), Column("n", values={"P1": "sev1"}))

    landed = desk.land(severities("P1", "P9"), columns=columns)

    assert (landed.drift, desk.things()) == ((), [("0", "sev1"), ("1", "P9")])


def test_a_column_is_told_of_in_whatever_case_it_is_written(desk: Desk):
    desk.land(severities("P1"), columns=SEVERITY)
    other = (Column("id"), Column("N", values={"P1": "sev1"}, otherwise="unknown"))

    assert len(desk.land(severities("P9"), columns=other).drift) == 1


def test_what_had_become_ours_stays_when_the_column_takes_another_type(desk: Desk):
    columns = (Column("id"), Column("n", values={"P1": "1"}, otherwise="0"))
    desk.land(severities("P1", "P9"), columns=columns)
    typed = (Column("id"), Column("n", type="integer", values={"P1": "1"}, otherwise="0"))

    desk.land([{"id": "2", "n": "P1"}], columns=typed)

    assert desk.things() == [("0", 1), ("1", 0), ("2", 1)]


def test_a_type_declared_later_is_taken_and_what_has_landed_is_read_again(desk: Desk):
    desk.land(rows(a="1.234,5"))
    declared = (Column("id"), Column("n", type="decimal(18,2)", decimal=","))

    landed = desk.land(rows(b="2,5"), columns=declared)

    assert [str(n) for (n,) in desk.things("n")] == ["2.50", "1234.50"]
    assert landed.drift == ("column 'n' of things is DECIMAL(18,2) now, it was VARCHAR",)


def test_a_type_declared_later_that_would_lose_a_value_is_refused(desk: Desk):
    desk.land(rows(a="many"))

    with pytest.raises(SourceError, match="1 values of n in things are not INTEGER"):
        desk.land(rows(b="2"), columns=(Column("id"), Column("n", type="integer")))

    assert desk.things() == [("a", "many")]


def test_two_sources_that_declare_different_types_do_not_fight(desk: Desk):
    text, number = ((Column("id"), Column("n", type=kind)) for kind in ("varchar", "integer"))
    desk.land(rows(a="1"), columns=text)
    desk.land(rows(b="2"), columns=number, source="shop")
    desk.land(rows(a="1"), columns=text)
    desk.land(rows(b="2"), columns=number, source="shop")

    assert desk.ask("select distinct typeof(n) from main.things") == [("VARCHAR",)]


def test_another_key_is_refused_until_the_source_starts_over(desk: Desk):
    desk.land([{"id": "a", "n": 1}, {"id": "b", "n": 1}])

    with pytest.raises(SourceError, match="key of things was id and is now n"):
        desk.land([{"id": "a", "n": 1}], key=("n",))

    assert desk.things() == [("a", 1), ("b", 1)]


def test_a_source_that_starts_over_may_have_another_key(desk: Desk):
    desk.land([{"id": "a", "n": 1}, {"id": "b", "n": 1}])
    desk.warehouse.forget("desk")

    desk.land([{"id": "a", "n": 1}], key=("n",))

    assert desk.things("id, n, _id") == [("a", 1, "1")]


def test_appending_all_over_again_does_not_count_twice(desk: Desk):
    desk.land(rows(a=1), key=(), mode="append")
    desk.warehouse.forget("desk")

    desk.land(rows(a=1), key=(), mode="append")

    assert desk.things() == [("a", 1)]


def test_state_and_rows_land_together(desk: Desk):
    columns = (Column("id"), Column("n", type="integer"))
    desk.land(rows(a="1"), columns=columns, state={"page": 1})

    with pytest.raises(SourceError):
        desk.land(rows(b="x"), columns=columns, key=("id",), mode="replace", state={"page": 2})

    assert (desk.warehouse.state("desk"), desk.things()) == ({"page": 1}, [("a", 1)])


def test_no_state_leaves_the_old_one(desk: Desk):
    desk.land(rows(a=1), state={"page": 1})
    desk.land(rows(b=1))

    assert desk.warehouse.state("desk") == {"page": 1}


def test_a_batch_without_rows_still_brings_its_state(desk: Desk):
    desk.land(pa.table({}), state={"page": 3})

    assert desk.warehouse.state("desk") == {"page": 3}


def test_a_forgotten_source_has_no_state_and_keeps_its_facts(desk: Desk):
    desk.land(rows(a=1), state={"page": 1})

    desk.warehouse.forget("desk")

    assert (desk.warehouse.state("desk"), desk.things()) == ({}, [("a", 1)])


def test_a_run_tells_what_it_brought(desk: Desk):
    columns = (Column("id"), Column("n", type="integer"))
    run = desk.begin()
    desk.land(rows(a="1", b="x"), run=run, columns=columns)
    desk.land(rows(a="2", c="3"), run=run, columns=columns)
    desk.finish(run)

    (report,) = desk.warehouse.reports()

    assert (report.outcome, report.new_rows, report.changed_rows, report.rejected_rows) == (
        "good",
        2,
        1,
        1,
    )


def test_a_failed_run_says_why(desk: Desk):
    run = desk.begin()
    desk.warehouse.finish(
        run, error="No answer.", advice="Ask again.", finished_at=NOON, as_of=None
    )

    (report,) = desk.warehouse.reports()

    assert (report.outcome, report.error, report.advice) == ("failed", "No answer.", "Ask again.")


def test_the_version_grows_with_rows_rejects_and_outcomes(desk: Desk):
    versions = [desk.warehouse.version()]
    run = desk.begin()
    desk.land(rows(a=1), run=run)
    versions.append(desk.warehouse.version())
    desk.finish(run)
    versions.append(desk.warehouse.version())

    assert versions == sorted(set(versions))


def test_a_run_of_a_dead_process_counts_as_failed(tmp_path: Path):
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as warehouse:
        warehouse.begin("desk", NOON)
    with Warehouse(path) as warehouse:
        (report,) = warehouse.reports()

    assert (report.outcome, report.finished_at, bool(report.advice)) == ("failed", None, True)


def test_a_delivery_that_a_dead_process_left_beside_its_table_is_cleared_up(tmp_path: Path):
    path = tmp_path / "warehouse.duckdb"
    with Warehouse(path) as warehouse:
        warehouse.connection.execute("create table facts._incoming as select 1 as id")
    with Warehouse(path) as warehouse:
        left = warehouse.connection.execute(
            "select count(*) from duckdb_tables() where table_name = '_incoming'"
        ).fetchall()

    assert left == [(0,)]


def test_what_a_dead_process_had_spilled_is_cleared_up(tmp_path: Path):
    spilled = tmp_path / "warehouse.duckdb.tmp" / "duckdb_temp_storage-0.tmp"
    spilled.parent.mkdir()
    spilled.write_bytes(b"x")

    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        warehouse.connection.execute("set memory_limit = '30MB'")
        # More than fits, so that a new process has to spill too.
        warehouse.connection.execute(
            "create temp table t as select md5(range::varchar) from range(2_000_000)"
        )

    assert not spilled.exists()


def test_everything_is_in_the_one_file_once_it_is_closed(desk: Desk, tmp_path: Path):
    desk.land(rows(a=1))
    desk.warehouse.checkpoint_and_close()
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes((tmp_path / "warehouse.duckdb").read_bytes())

    with duckdb.connect(str(copy), read_only=True) as connection:
        there = connection.execute("select id, n from main.things").fetchall()

    assert there == [("a", 1)]


def test_a_file_that_is_no_database_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(b"something else" * 1000)

    with pytest.raises(duckdb.Error):
        Warehouse(path)

    assert path.read_bytes().startswith(b"something else")


def test_a_file_that_changes_while_it_is_read_is_refused(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "things.csv"
    path.write_text("id,n\na,1\n")
    arguments = {
        "columns": {"id": "VARCHAR", "n": "VARCHAR"},
        "header": True,
        "auto_detect": False,
        "delim": ",",
    }
    # What another program writes between two of our looks at the file.
    looks = iter([os.stat(path), os.stat(tmp_path)])
    monkeypatch.setattr("kpi.raw_rows.os.stat", lambda _: next(looks))

    with pytest.raises(SourceError, match=r"things\.csv changed while it was read"):
        desk.land(Scan("read_csv", (str(path),), arguments))


def test_a_lack_of_room_is_not_taken_for_an_unreadable_source(desk: Desk):
    desk.land(rows(a=1))
    desk.warehouse.connection.execute("set memory_limit = '30MB'")
    desk.warehouse.connection.execute("set max_temp_directory_size = '1MB'")
    many = pa.table({"id": [f"{n:0100}" for n in range(400_000)], "n": range(400_000)})

    with pytest.raises(duckdb.OutOfMemoryException):
        desk.land(many)

    assert desk.things() == [("a", 1)]


def test_while_pages_land_the_database_keeps_less_of_what_is_there(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    limits: list[str] = []

    def noting(staged: Any) -> Any:
        limits.extend(*desk.ask("select current_setting('memory_limit')"))
        return merge(staged)

    monkeypatch.setattr("kpi.warehouse.merge", noting)
    pages = Pages((b'[{"id": "a", "n": 1}]',), "", {"id": "id", "n": "n"})

    desk.land(rows(b=2))
    desk.land(pages)
    desk.land(rows(c=3))

    assert limits == ["953.6 MiB", "152.5 MiB", "953.6 MiB"]
    assert desk.things() == [("a", 1), ("b", 2), ("c", 3)]
