"""A SQLite file keeps every change and every value, though its columns may hold anything."""

from __future__ import annotations

import datetime as dt
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from connectors.contract import SourceError
from tests.connectors.databases.shop import NOON, Refresh, Shop

LATER = NOON + dt.timedelta(minutes=15)


def _order(number: int, at: str, note: str = "new") -> str:
    return f"insert into orders values ({number}, '{note}', '{at}')"


def _error(shop: Shop, **changed: Any) -> SourceError:
    with pytest.raises(SourceError) as refused:
        list(shop.batches(**changed))
    return refused.value


def test_a_row_changed_between_two_pulls_comes_with_the_second(
    sqlite: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    refresh = refresh_of(sqlite)
    sqlite.run(_order(1, "2026-11-21 11:00:00"), _order(2, "2026-11-21 11:30:00"))
    refresh.run()
    sqlite.run("update orders set note = 'paid', updated_at = '2026-11-21 12:05:00' where id = 1")
    refresh.run(LATER)

    assert refresh.facts("id, note") == [(1, "paid"), (2, "new")]


def test_only_new_rows_and_those_of_the_look_back_come_again(sqlite: Shop) -> None:
    sqlite.run(_order(1, "2026-11-21 11:00:00"), _order(2, "2026-11-21 11:51:00.5"))
    sqlite.run(_order(3, "2026-11-21 12:00:00"))
    _, state = sqlite.pulled()
    sqlite.run(_order(4, "2026-11-21 12:10:00"))

    assert sqlite.pulled(state, LATER)[0] == [2, 3, 4]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("'2026-11-20T10:00:00.000Z'", "'2026-11-20T10:00:00Z'"),
        ("'2026-11-20 10:00'", "'2026-11-20 10:00'"),
        ("'2026-11-20'", "'2026-11-20'"),
        ("1763632800", "1763632800"),
        ("1763632800.25", "1763632800.25"),
        ("'01HF7YAT00'", "'01HF7YAT00'"),
    ],
)
def test_a_row_with_the_cursor_of_the_last_one_is_not_missed(
    sqlite: Shop, first: str, second: str
) -> None:
    sqlite.run(f"insert into orders values (1, '', {first})")
    _, state = sqlite.pulled(lookback="0 seconds")
    sqlite.run(f"insert into orders values (2, '', {second})")

    assert 2 in sqlite.pulled(state, LATER, lookback="0 seconds")[0]


def test_a_number_goes_on_from_the_last_row(sqlite: Shop) -> None:
    by_number = {
        "cursor": "id",
        "query": "select id from orders where id >= :since",
        "lookback": "0 seconds",
    }
    sqlite.run(_order(-5, "x"), _order(1, "x"))
    _, state = sqlite.pulled(**by_number)
    sqlite.run(_order(2, "x"))

    assert sqlite.pulled(state, LATER, **by_number)[0] == [1, 2]


def test_a_function_of_the_parameter_does_not_lose_the_first_rows(sqlite: Shop) -> None:
    sqlite.run(_order(1, "1970-01-01 00:00:00"))
    query = "select id, updated_at from orders where updated_at >= datetime(:since, '-1 day')"

    assert sqlite.pulled(query=query)[0] == [1]


def test_rows_deleted_softly_and_restored_follow_their_source(
    sqlite: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    query = "select id, note = 'gone' as gone, updated_at from orders where updated_at >= :since"
    refresh = refresh_of(sqlite, query=query, deleted="gone")
    sqlite.run(_order(1, "2026-11-21 11:00:00"), _order(2, "2026-11-21 11:00:00", "gone"))
    refresh.run()
    before = refresh.facts()
    sqlite.run("update orders set note = 'gone', updated_at = '2026-11-21 12:01:00' where id = 1")
    sqlite.run("update orders set note = 'back', updated_at = '2026-11-21 12:01:00' where id = 2")
    refresh.run(LATER)

    assert (before, refresh.facts()) == ([1], [2])


def test_values_are_typed_as_their_columns_declare(
    sqlite: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    sqlite.run(
        "create table things (id integer, price decimal(12, 2), fee numeric, paid boolean, "
        "day date, moment datetime, ratio real, name varchar(9), raw blob)",
        "insert into things values (9007199254740993, 12.34, 0.1, 1, '2026-11-21', "
        "'2026-07-10 12:00:00.5', 0.25, 'Grüße 漢字', x'dead')",
    )
    refresh = refresh_of(
        sqlite, query="select * from things", cursor=None, timezone="Europe/Berlin"
    )
    refresh.run()

    assert refresh.facts("id, price, fee, paid, day, moment, ratio, name, raw") == [
        (
            9007199254740993,
            Decimal("12.34"),
            Decimal("0.1"),
            True,
            dt.date(2026, 11, 21),
            dt.datetime(2026, 7, 10, 10, 0, 0, 500000),
            0.25,
            "Grüße 漢字",
            "dead",
        )
    ]


def test_a_value_of_another_type_is_rejected_and_the_rest_lands(
    sqlite: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    refresh = refresh_of(sqlite, query="select id, price from things", cursor=None)
    sqlite.run(
        "create table things (id integer, price integer)",
        "insert into things values (1, 10), (2, 'N/A'), (3, null)",
    )
    refresh.run()

    assert refresh.facts("id, price") == [(1, 10), (3, None)]
    assert refresh.warehouse.reports()[0].rejected_rows == 1


def test_an_expression_is_typed_by_its_values(sqlite: Shop) -> None:
    sqlite.run(_order(1, "2026-11-21"))
    batch = next(
        sqlite.batches(
            query="select count(*) as n, max(note) as m from orders", cursor=None, key=None
        )
    )

    assert [str(kind) for kind in batch.rows.schema.types] == ["int64", "string"]


def test_batches_are_as_large_as_asked_for(sqlite: Shop) -> None:
    sqlite.run(
        "insert into orders with recursive n(i) as (select 1 union all select i + 1 from n "
        "where i < 12000) select i, '', '2026-11-21' from n"
    )
    sizes = [batch.rows.num_rows for batch in sqlite.batches(page_size=5000)]

    assert sizes == [5000, 5000, 2000]


def test_a_database_that_another_process_writes_to_is_read(sqlite: Shop) -> None:
    sqlite.run(_order(1, "2026-11-21 11:00:00"))
    script = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('begin immediate')\n"
        "c.execute(\"insert into orders values (2, '', '2026-11-21 11:01:00')\")\n"
        "print('writing', flush=True)\n"
        "sys.stdin.read()\n"
        "c.execute('commit')\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(sqlite.home / "shop.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    during, state = sqlite.pulled()
    writer.communicate()

    assert during == [1]
    assert sqlite.pulled(state, LATER)[0] == [1, 2]


def test_nothing_is_written_beside_the_file(sqlite: Shop) -> None:
    sqlite.run("pragma journal_mode = delete", _order(1, "2026-11-21"))
    before = (sqlite.home / "shop.db").read_bytes()
    sqlite.pulled()

    assert [path.name for path in sqlite.home.iterdir()] == ["shop.db"]
    assert (sqlite.home / "shop.db").read_bytes() == before


def test_an_absolute_path_has_four_strokes(sqlite: Shop) -> None:
    sqlite.run(_order(1, "2026-11-21"))

    assert sqlite.pulled(url=f"sqlite:///{sqlite.home / 'shop.db'}")[0] == [1]


def test_a_missing_file_is_named(sqlite: Shop) -> None:
    error = _error(sqlite, url="sqlite:///shpo.db")

    assert error.what == f"There is no file {sqlite.home / 'shpo.db'}."
    assert not (sqlite.home / "shpo.db").exists()


def test_a_file_that_is_no_database_is_told(sqlite: Shop) -> None:
    (sqlite.home / "list.db").write_text("id;note\n1;new\n" * 100)

    assert "is not a SQLite database" in _error(sqlite, url="sqlite:///list.db").what


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select id form orders", 'near "orders": syntax error'),
        ("select id from ordres", "no such table: ordres"),
        ("select idd from orders", "no such column: idd"),
    ],
)
def test_a_mistake_in_the_query_is_told_in_the_databases_own_words(
    sqlite: Shop, query: str, told: str
) -> None:
    assert told in _error(sqlite, query=query, cursor=None).what


def test_a_database_that_is_silent_too_long_is_given_up(sqlite: Shop) -> None:
    query = (
        "with recursive n(i) as (select 1 union all select i + 1 from n) "
        "select i as id from n where i < 0"
    )
    error = _error(sqlite, query=query, cursor=None, timeout="1 second")

    assert "did not answer within 1 seconds" in error.what


def test_a_locked_database_is_told(sqlite: Shop) -> None:
    sqlite.run("pragma journal_mode = delete")
    owner = sqlite3.connect(sqlite.home / "shop.db", isolation_level=None)
    owner.execute("begin exclusive")
    error = _error(sqlite, timeout="1 second")
    owner.close()

    assert "database is locked" in error.what


def test_an_empty_cursor_is_refused(sqlite: Shop) -> None:
    sqlite.run(_order(1, "2026-11-21"), "insert into orders values (2, '', null)")
    query = "select id, updated_at from orders where updated_at >= :since or updated_at is null"

    assert "The cursor 'updated_at' is empty" in _error(sqlite, query=query).what


def test_a_row_from_the_future_does_not_hide_what_changes_today(sqlite: Shop) -> None:
    sqlite.run(_order(1, "2099-01-01 00:00:00"), _order(2, "2026-11-21 11:00:00"))
    _, state = sqlite.pulled()
    sqlite.run(_order(3, "2026-11-21 12:10:00"))

    assert sqlite.pulled(state, LATER)[0] == [3, 1]


def test_an_empty_table_says_nothing_and_hides_nothing(sqlite: Shop) -> None:
    _, state = sqlite.pulled()
    sqlite.run(_order(1, "1999-01-01 00:00:00"))

    assert sqlite.pulled(state, LATER)[0] == [1]
