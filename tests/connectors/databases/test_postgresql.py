"""A real PostgreSQL: every change arrives, every value is exact, and nothing is lost on the way."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from connectors import sql
from connectors.contract import Context, SourceError
from tests.connectors.databases.shop import NOON, Refresh, Shop
from tests.postgresql_server import PostgreSQLServer

pytestmark = pytest.mark.servers

LATER = NOON + dt.timedelta(minutes=15)


def _order(number: int, at: str, note: str = "new") -> str:
    return f"insert into orders values ({number}, '{note}', '{at}')"


def test_a_row_changed_between_two_pulls_comes_with_the_second(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    refresh = refresh_of(postgresql)
    postgresql.run(_order(1, "2026-11-21 11:00Z"), _order(2, "2026-11-21 11:30Z"))
    refresh.run()
    postgresql.run("update orders set note = 'paid', updated_at = '2026-11-21 12:05Z' where id = 1")
    refresh.run(LATER)

    assert refresh.facts("id, note") == [(1, "paid"), (2, "new")]


def test_only_new_rows_and_those_of_the_look_back_come_again(postgresql: Shop) -> None:
    postgresql.run(
        _order(1, "2026-11-21 11:00Z"),
        _order(2, "2026-11-21 11:51Z"),
        _order(3, "2026-11-21 12:00Z"),
    )
    _, state = postgresql.pulled()
    postgresql.run(_order(4, "2026-11-21 12:10Z"))

    assert postgresql.pulled(state, LATER)[0] == [2, 3, 4]


def test_a_row_with_the_cursor_of_the_last_one_is_not_missed(postgresql: Shop) -> None:
    postgresql.run(_order(1, "2026-11-21 11:00:00.123456Z"))
    _, state = postgresql.pulled(lookback="0 seconds")
    postgresql.run(_order(2, "2026-11-21 11:00:00.123456Z"))

    assert sorted(postgresql.pulled(state, LATER, lookback="0 seconds")[0]) == [1, 2]


def test_a_row_deleted_softly_leaves_the_facts(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    postgresql.run(
        "alter table orders add deleted_at timestamptz",
        "insert into orders select n, 'new', '2026-11-21 11:00Z' from generate_series(1, 2) n",
    )
    query = "select id, note, updated_at, deleted_at from orders where updated_at >= :since"
    refresh = refresh_of(postgresql, query=query, deleted="deleted_at")
    refresh.run()
    postgresql.run(
        "update orders set deleted_at = '2026-11-21 12:01Z', updated_at = '2026-11-21 12:01Z' "
        "where id = 2"
    )
    refresh.run(LATER)

    assert refresh.facts() == [1]


def test_a_row_that_is_gone_leaves_the_facts_where_all_are_read(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    postgresql.run(_order(1, "2026-11-21 11:00Z"), _order(2, "2026-11-21 11:00Z"))
    refresh = refresh_of(postgresql, query="select id, note from orders", cursor=None)
    refresh.run()
    postgresql.run("delete from orders where id = 2")
    refresh.run(LATER)

    assert refresh.facts() == [1]


def test_a_table_that_was_emptied_empties_the_facts_where_all_are_read(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    postgresql.run(_order(1, "2026-11-21 11:00Z"))
    refresh = refresh_of(postgresql, query="select id, note from orders", cursor=None)
    refresh.run()
    postgresql.run("delete from orders")
    refresh.run(LATER)

    assert refresh.facts() == []


def test_a_transaction_that_commits_after_the_pull_is_seen_by_the_next(postgresql: Shop) -> None:
    with psycopg.connect(postgresql.url) as late:
        late.execute(_order(1, "2026-11-21 11:52Z"))
        postgresql.run(_order(2, "2026-11-21 11:59Z"))
        ids, state = postgresql.pulled()
        late.commit()

    assert ids == [2]
    assert sorted(postgresql.pulled(state, LATER)[0]) == [1, 2]


def test_a_late_commit_is_seen_where_the_cursor_is_a_number_too(postgresql: Shop) -> None:
    by_number = {"cursor": "id", "query": "select id, note from orders where id >= :since"}
    postgresql.run(_order(1, "2026-11-21 11:00Z"))
    _, state = postgresql.pulled(now=NOON - dt.timedelta(minutes=15), **by_number)
    with psycopg.connect(postgresql.url) as late:
        late.execute(_order(2, "2026-11-21 11:55Z"))
        postgresql.run(_order(3, "2026-11-21 11:56Z"))
        ids, state = postgresql.pulled(state, NOON, **by_number)
        late.commit()

    assert ids == [1, 3]
    assert postgresql.pulled(state, LATER, **by_number)[0] == [1, 2, 3]


def test_rows_written_during_a_pull_wait_for_the_next(postgresql: Shop) -> None:
    postgresql.run(
        "insert into orders select n, '', '2026-11-21 11:00Z' from generate_series(1, 9) n"
    )
    batches = postgresql.batches(page_size=2)
    first = next(batches)
    postgresql.run(_order(10, "2026-11-21 11:00Z"))

    assert first.rows.num_rows + sum(batch.rows.num_rows for batch in batches) == 9


def test_a_time_with_zone_is_a_moment(postgresql: Shop, refresh_of: Callable[..., Refresh]) -> None:
    postgresql.run(
        "alter database postgres set timezone = 'America/New_York'",
        _order(1, "2026-03-29 03:30:00.123456+02"),
    )
    refresh = refresh_of(postgresql, timezone="Europe/Berlin")
    refresh.run()

    assert refresh.facts("updated_at") == [dt.datetime(2026, 3, 29, 1, 30, 0, 123456)]


def test_a_time_without_zone_is_read_in_the_declared_one(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    postgresql.run(
        "alter table orders alter updated_at type timestamp",
        _order(1, "2026-01-10 12:00"),
        _order(2, "2026-07-10 12:00"),
    )
    refresh = refresh_of(postgresql, timezone="Europe/Berlin")
    refresh.run()

    assert refresh.facts("updated_at") == [
        dt.datetime(2026, 1, 10, 11),
        dt.datetime(2026, 7, 10, 10),
    ]


def test_a_time_that_the_query_frees_of_its_zone_is_one_of_the_declared_zone(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    postgresql.run("alter database postgres set timezone = 'Asia/Kolkata'")
    moment = "'2026-07-10 22:30Z'::timestamptz"
    query = f"select 1 as id, {moment}::timestamp as freed, {moment}::date as day"
    refresh = refresh_of(postgresql, query=query, cursor=None, timezone="Europe/Berlin")
    refresh.run()

    assert refresh.facts("freed, day") == [(dt.datetime(2026, 7, 10, 22, 30), dt.date(2026, 7, 11))]


def test_a_moment_before_standard_time_is_read(postgresql: Shop) -> None:
    postgresql.run(_order(1, "0001-01-01 00:00:00Z"))

    assert postgresql.rows(timezone="Europe/Berlin")[0]["updated_at"].year == 1


def test_a_change_after_the_clock_was_put_back_is_seen(postgresql: Shop) -> None:
    postgresql.run("alter table orders alter updated_at type timestamp")
    berlin = {"timezone": "Europe/Berlin"}
    postgresql.run(_order(1, "2026-10-25 02:58"))
    _, state = postgresql.pulled(now=dt.datetime(2026, 10, 25, 0, 59), **berlin)
    postgresql.run(_order(2, "2026-10-25 02:10"))

    assert 2 in postgresql.pulled(state, dt.datetime(2026, 10, 25, 1, 15), **berlin)[0]


def test_a_number_keeps_every_digit(postgresql: Shop, refresh_of: Callable[..., Refresh]) -> None:
    query = (
        "select 1 as id, 12345678901234567890.123456789012::numeric(32, 12) as declared, "
        "0.1::numeric + 0.2 as free, 9007199254740993 as large, 0.00123::numeric(3, 5) as small, "
        "12345::numeric(3, -2) as round"
    )
    refresh = refresh_of(postgresql, query=query, cursor=None)
    refresh.run()

    assert refresh.facts("declared, free, large, small, round") == [
        (
            Decimal("12345678901234567890.123456789012"),
            Decimal("0.3"),
            9007199254740993,
            Decimal("0.00123"),
            Decimal("12300"),
        )
    ]


def test_a_declared_number_keeps_its_type(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    query = "select 1 as id, 1.5::numeric(12, 2) as amount"
    refresh = refresh_of(postgresql, query=query, cursor=None)
    refresh.run()

    assert refresh.facts("typeof(amount)") == ["DECIMAL(12,2)"]


def test_texts_in_any_script_arrive_as_they_are(postgresql: Shop) -> None:
    note = 'Grüße, "漢字"\n\tשלום; 🙂 \\N \\.'
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        connection.execute("insert into orders values (1, %s, '2026-11-21')", [note])

    assert postgresql.rows()[0]["note"] == note


def test_an_empty_text_is_not_an_unknown_one(postgresql: Shop) -> None:
    postgresql.run(
        _order(1, "2026-11-20", note=""), "insert into orders values (2, null, '2026-11-21')"
    )

    assert [row["note"] for row in postgresql.rows()] == ["", None]


def test_a_text_that_looks_like_no_number_stays_a_text(postgresql: Shop) -> None:
    postgresql.run(_order(1, "2026-11-20", note="NaN"))

    assert postgresql.rows()[0]["note"] == "NaN"


def test_types_without_a_twin_come_as_their_texts(postgresql: Shop) -> None:
    postgresql.run("create type mood as enum ('glad', 'sad')")
    query = """
        select '{"a": [1, null]}'::jsonb as b, '{"a":1}'::json as j, 'glad'::mood as m,
            '{1,2}'::int[] as i, '6a1f0c1e-0000-4000-8000-000000000001'::uuid as u,
            '\\xDEAD'::bytea as raw, 'ab'::char(8) as padded, '1 day 2 hours'::interval as span
    """

    assert postgresql.rows(query=query, cursor=None, key=None) == [
        {
            "b": '{"a": [1, null]}',
            "j": '{"a":1}',
            "m": "glad",
            "i": "{1,2}",
            "u": "6a1f0c1e-0000-4000-8000-000000000001",
            "raw": "dead",
            "padded": "ab",
            "span": "P1DT2H",
        }
    ]


def test_no_number_and_no_moment_are_unknown(postgresql: Shop) -> None:
    query = """
        select 'NaN'::numeric as a, 'NaN'::float8 as b, '-Infinity'::real as c,
            'infinity'::timestamptz as d, '-infinity'::date as e, null::int as f
    """

    assert set(postgresql.rows(query=query, cursor=None, key=None)[0].values()) == {None}


def test_a_value_beyond_the_calendar_spoils_no_other_column(postgresql: Shop) -> None:
    query = "select 1 as id, '0044-03-15 BC'::date as day, 1.5::numeric(4, 2) as amount"

    assert postgresql.rows(query=query, cursor=None) == [
        {"id": 1, "day": "0044-03-15 BC", "amount": Decimal("1.50")}
    ]


def test_a_moment_beside_one_beyond_the_calendar_stays_a_moment(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    postgresql.run(_order(1, "2026-07-10 12:00Z"), _order(2, "0044-03-15 12:00Z BC"))
    refresh = refresh_of(postgresql, timezone="Europe/Berlin")
    refresh.run()

    assert refresh.facts("updated_at") == [dt.datetime(2026, 7, 10, 12)]
    assert refresh.warehouse.state("shop")["value"] == "2026-07-10 12:00:00+00"


def test_a_row_that_cannot_be_read_is_rejected_and_the_rest_lands(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    query = "select * from (values (1, '0044-03-15 BC'::date), (2, '2026-01-01')) t (id, day)"
    refresh = refresh_of(postgresql, query=query, cursor=None)
    refresh.run()

    assert refresh.facts() == [2]
    assert refresh.warehouse.reports()[0].rejected_rows == 1


def test_columns_are_mapped_as_in_a_file(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    refresh = refresh_of(
        postgresql,
        into="payments",
        key=None,
        cursor=None,
        query="select 7 as no, 'c' as kind, '31.12.2026 23:30' as at, '12.345' as amount, 3 as x",
        timezone="Europe/Berlin",
        columns={
            "entry_id": "no",
            "kind": {"values": {"c": "charge"}},
            "occurred_at": {"from": "at", "format": "%d.%m.%Y %H:%M"},
            "currency": {"value": "EUR"},
        },
    )
    refresh.run()

    assert refresh.facts("entry_id, kind, occurred_at, amount, currency, x", "payments") == [
        ("7", "charge", dt.datetime(2026, 12, 31, 22, 30), Decimal("12.35"), "EUR", 3)
    ]


def test_a_row_from_the_future_does_not_hide_what_changes_today(postgresql: Shop) -> None:
    postgresql.run(_order(1, "2099-01-01"), _order(2, "2026-11-21 11:00Z"))
    _, state = postgresql.pulled()
    postgresql.run(_order(3, "2026-11-21 12:10Z"))

    assert postgresql.pulled(state, LATER)[0] == [3, 1]


def test_a_start_leaves_older_rows_out(postgresql: Shop) -> None:
    postgresql.run(_order(1, "2026-01-31 22:59Z"), _order(2, "2026-01-31 23:00Z"))

    assert postgresql.pulled(start=dt.date(2026, 2, 1), timezone="Europe/Berlin")[0] == [2]


def test_until_leaves_out_what_came_after_the_start_of_the_pull(postgresql: Shop) -> None:
    postgresql.run(_order(1, "2026-11-21 11:59Z"), _order(2, "2026-11-21 12:01Z"))
    query = "select id, updated_at from orders where updated_at >= :since and updated_at < :until"

    assert postgresql.pulled(query=query)[0] == [1]


@pytest.mark.parametrize(
    "column",
    ["updated_at::date", "updated_at::timestamp", "id", "id::numeric", "id::text", "id::float8"],
)
def test_anything_that_grows_can_be_a_cursor(postgresql: Shop, column: str) -> None:
    postgresql.run(_order(1, "2026-11-19"), _order(2, "2026-11-20"), _order(3, "2026-11-21"))
    chosen = {
        "cursor": "c",
        "query": f"select id, {column} as c from orders where {column} >= :since",
        "lookback": "0 seconds",
    }
    _, state = postgresql.pulled(**chosen)

    assert postgresql.pulled(state, LATER, **chosen)[0] == [3]


def test_a_parameter_may_be_reckoned_with(postgresql: Shop) -> None:
    postgresql.run(_order(1, "2026-11-21 11:00Z"))
    query = "select id, updated_at from orders where updated_at >= :since - interval '1 day'"

    assert postgresql.pulled(query=query)[0] == [1]


def test_a_cursor_of_another_type_starts_over(postgresql: Shop) -> None:
    postgresql.run(_order(1, "2026-11-01"), _order(2, "2026-11-21"))
    _, state = postgresql.pulled()
    postgresql.run(
        "alter table orders alter updated_at type bigint using extract(epoch from updated_at)"
    )

    assert postgresql.pulled(state, LATER)[0] == [1, 2]


def test_another_query_starts_over(postgresql: Shop) -> None:
    postgresql.run(_order(1, "2026-11-01"), _order(2, "2026-11-21"))
    _, state = postgresql.pulled()
    query = "select id, upper(note) as note, updated_at from orders where updated_at >= :since"

    assert postgresql.pulled(state, LATER, query=query)[0] == [1, 2]


def test_appended_rows_come_in_one_batch(postgresql: Shop) -> None:
    postgresql.run("insert into orders select n, '', '2026-11-21' from generate_series(1, 9) n")
    batches = list(
        postgresql.batches(
            query="select id from orders", cursor=None, key=None, mode="append", page_size=2
        )
    )

    assert [batch.rows.num_rows for batch in batches] == [9]


def test_a_pull_that_is_cut_off_keeps_what_landed_and_goes_on_from_there(
    postgresql: Shop, refresh_of: Callable[..., Refresh]
) -> None:
    postgresql.run(
        "insert into orders select n, repeat('x', 100), "
        "'2026-11-20'::timestamptz + n * interval '1 ms' from generate_series(1, 200000) n"
    )
    refresh = refresh_of(postgresql)
    run = refresh.warehouse.begin("shop", NOON)
    with pytest.raises(SourceError) as cut_off:
        for batch in postgresql.batches(page_size=20_000):
            refresh.warehouse.land(run, "shop", batch)
            postgresql.run(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where backend_type = 'client backend' and pid <> pg_backend_pid()"
            )
    refresh.warehouse.finish(run, error="cut off", advice=None, finished_at=NOON, as_of=None)
    landed = refresh.facts("count(*), max(updated_at)")[0]
    kept = dt.datetime.fromisoformat(refresh.warehouse.state("shop")["value"])
    refresh.run(LATER)

    assert "closed the connection" in cut_off.value.what
    assert 20_000 <= landed[0] < 200_000
    assert kept.replace(tzinfo=None) == landed[1]
    assert refresh.facts("count(*), count(distinct id)")[0] == (200_000, 200_000)


def test_rows_may_take_longer_to_land_than_the_database_may_be_silent(postgresql: Shop) -> None:
    postgresql.run(
        "insert into orders select n, repeat('x', 1000), '2026-11-21' "
        "from generate_series(1, 20000) n"
    )
    batches = postgresql.batches(page_size=8_000, timeout="2 seconds")
    seen = next(batches).rows.num_rows
    with psycopg.connect(postgresql.url) as clock:
        clock.execute("select pg_sleep(2.2)")
    seen += sum(batch.rows.num_rows for batch in batches)

    assert seen == 20_000


# It ends at once: only what a pull takes is measured, not how libraries take themselves down.
_PULL = """
import datetime, os, pathlib, resource, sys
from connectors import sql
from connectors.contract import Context
options = sql.Options(connector="sql", url=sys.argv[1], into="purchases", key="id", cursor="id",
    query="select n as id, md5(n::text) as note, n * 1.5::numeric(12, 2) as amount, "
    "now() as at from generate_series(1, %s) n where n >= :since" % sys.argv[2])
rows = 0
for batch in sql.pull(options, {}, Context(pathlib.Path(), datetime.datetime(2026, 11, 21))):
    rows += batch.rows.num_rows
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
os._exit(0)
"""


def _rows_and_memory(url: str, rows: int) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", _PULL, url, str(rows)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found, memory = map(int, done.stdout.split())
    # macOS counts bytes, Linux kilobytes.
    return found, memory // (1 if sys.platform == "linux" else 1024)


def test_a_million_rows_take_no_more_memory_than_some(server: PostgreSQLServer) -> None:
    _, some = _rows_and_memory(server.url(), 300_000)
    rows, many = _rows_and_memory(server.url(), 1_000_000)

    assert rows == 1_000_000
    assert many - some < 50_000


def test_a_check_proves_a_read_only_transaction_and_reads_one_row(postgresql: Shop) -> None:
    postgresql.run(_order(2, "2026-11-21 11:30Z", "late"), _order(1, "2026-11-21 11:00Z"))

    told = list(sql.check(postgresql.options(), Context(postgresql.home, NOON)))

    assert told[0].startswith("PostgreSQL ")
    assert told[1:] == [
        "Nothing can be written there.",
        "The query selects id (INTEGER), note (VARCHAR), updated_at (TIMESTAMP).",
        "Its first row reads id = 1, note = new, updated_at = 2026-11-21 11:00:00+00:00.",
        "A pull reads what is new by updated_at into purchases (mode upsert, by id).",
    ]


def test_a_check_of_a_table_that_may_not_be_read_names_the_permission(
    server: PostgreSQLServer, postgresql: Shop
) -> None:
    postgresql.run("drop role if exists stranger", "create role stranger login")
    options = postgresql.options(url=server.url(user="stranger"))

    with pytest.raises(SourceError) as refused:
        list(sql.check(options, Context(postgresql.home, NOON)))

    assert "permission denied for table orders" in refused.value.what
