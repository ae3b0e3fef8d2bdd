"""What an entry for a database may say, and what is told where it cannot mean anything."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors import sql
from connectors.contract import Context, SourceError
from kpi import sources
from kpi.yaml_text import Refused

_ENTRY = {
    "connector": "sql",
    "url": "postgresql://db.example/shop",
    "into": "purchases",
    "key": "id",
    "cursor": "updated_at",
    "query": "select id, updated_at from orders where updated_at >= :since",
}


def _options(**changed: Any) -> sql.Options:
    entry = {key: value for key, value in (_ENTRY | changed).items() if value is not None}
    return sql.Options.model_validate(entry)


def test_with_a_cursor_rows_are_merged() -> None:
    assert _options().mode == "upsert"


def test_without_a_cursor_all_rows_are_replaced() -> None:
    assert _options(cursor=None, query="select id from orders").mode == "replace"


def test_a_canonical_table_knows_its_key() -> None:
    assert _options(into="uptime", key=None).key == ("service", "hour")


def test_a_key_may_be_several_columns() -> None:
    assert _options(key=["shop", "id"]).key == ("shop", "id")


@pytest.mark.parametrize(
    ("changed", "key", "told"),
    [
        ({"url": "mysql://db/shop"}, "url", "unknown database 'mysql://'"),
        ({"url": "postgressql://db/shop"}, "url", "Did you mean 'postgresql'?"),
        ({"url": "shop.db"}, "url", "sqlite:///file.db"),
        ({"url": "sqlite://shop.db"}, "url", "three strokes"),
        ({"mode": "replace"}, "mode", "leave mode out"),
        ({"mode": "append"}, "mode", "leave mode out"),
        ({"key": None}, "key", "tell one row from another"),
        ({"cursor": None}, "query", "':since' needs a 'cursor'"),
        ({"query": "select 1 as id"}, "query", "where updated_at >= :since"),
        ({"query": "drop table orders"}, "query", "must be one SELECT"),
        (
            {"cursor": None, "query": "select 1 as id", "start": "2026-01-01"},
            "query",
            "'start' needs a 'cursor'",
        ),
        ({"timezone": "Europe/Berln"}, "timezone", "Did you mean 'Europe/Berlin'?"),
        ({"page_size": 0}, "page_size", "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_key(
    changed: dict[str, Any], key: str, told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        _options(**changed)
    (problem,) = refused.value.errors()

    assert problem["loc"] == (key,)
    assert told in problem["msg"]


def test_a_url_is_not_shown_with_the_options() -> None:
    assert "open-sesame" not in repr(_options(url="postgresql://clerk:open-sesame@db/shop"))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://db/shop", "SQL · PostgreSQL"),
        ("postgres://db/shop", "SQL · PostgreSQL"),
        ("sqlite:///shop.db", "SQL · SQLite"),
    ],
)
def test_a_system_is_called_by_its_name(url: str, name: str) -> None:
    assert sql.system(_options(url=url)) == name


def test_a_mistake_is_told_with_its_line() -> None:
    text = """\
version: 1
sources:
  shop:
    connector: sql
    url: ${SHOP_DATABASE_URL}
    into: purchases
    key: id
    curser: updated_at
    query: |
      select id, updated_at
      from orders where (updated_at >= :since
"""
    with pytest.raises(Refused) as refused:
        sources.parse(text)
    told = str(refused.value)

    assert "sources.yaml:8:5: unknown key 'curser'. Did you mean 'cursor'?" in told
    assert "sources.yaml:9:12: 'query': the '(' in line 2 of the query is never closed." in told


def test_progress_counts_the_rows(tmp_path: Path) -> None:
    told: list[int] = []
    (tmp_path / "shop.db").touch()
    options = _options(
        url="sqlite:///shop.db",
        cursor=None,
        query="select 1 as id union select 2 union select 3",
        page_size=2,
    )
    context = Context(
        tmp_path, dt.datetime(2026, 11, 21), progress=lambda done, total: told.append(done)
    )
    list(sql.pull(options, {}, context))

    assert told == [2, 3]


def test_a_full_pull_reads_everything_again(tmp_path: Path) -> None:
    (tmp_path / "shop.db").touch()
    options = _options(
        url="sqlite:///shop.db",
        cursor="id",
        query="select 1 as id where 1 >= :since union select 2 where 2 >= :since",
        lookback="0 seconds",
    )
    now = dt.datetime(2026, 11, 21)
    (first,) = sql.pull(options, {}, Context(tmp_path, now))
    (second,) = sql.pull(options, first.state or {}, Context(tmp_path, now))
    (full,) = sql.pull(options, first.state or {}, Context(tmp_path, now, full=True))

    assert [batch.rows.num_rows for batch in (first, second, full)] == [2, 1, 2]


# --- check --------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The home folder of a SQLite database with two orders."""
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(
            "create table orders (id integer, amount decimal(12, 2), updated_at timestamp);"
            "insert into orders values (2, 9.5, '2026-11-20 10:00:00'),"
            "(1, 7, '2026-11-19 10:00:00');"
        )
    return tmp_path


def _checked(home: Path, **changed: Any) -> list[str]:
    options = _options(url="sqlite:///shop.db", **changed)
    return list(sql.check(options, Context(home, dt.datetime(2026, 11, 21))))


def test_a_check_connects_reads_one_row_and_names_the_types(shop: Path) -> None:
    query = "select id, amount, updated_at from orders where updated_at >= :since"

    assert _checked(shop, query=query) == [
        "SQLite shop.db lets us in.",
        "Nothing can be written there.",
        "The query selects id (BIGINT), amount (DECIMAL(12,2)), updated_at (TIMESTAMP).",
        "Its first row reads id = 1, amount = 7, updated_at = 2026-11-19 10:00:00.",
        "A pull reads what is new by updated_at into purchases (mode upsert, by id).",
    ]


def test_a_check_without_a_cursor_says_that_everything_is_read(shop: Path) -> None:
    told = _checked(shop, cursor=None, query="select id from orders")

    assert told[-1] == "A pull reads all its rows into purchases (mode replace, by id)."


def test_a_check_of_a_query_without_rows_says_so(shop: Path) -> None:
    query = "select id, updated_at from orders where updated_at >= :since and id > 9"

    assert "It finds no rows yet." in _checked(shop, query=query)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"query": "select id, updated_at from ordres where updated_at >= :since"}, "ordres"),
        ({"cursor": "updated"}, "Did you mean 'updated_at'?"),
        ({"key": "order_id"}, "The key 'order_id' of purchases is not selected."),
        (
            {"query": "select id, null as updated_at from orders where 1 or updated_at >= :since"},
            "The cursor 'updated_at' is empty in some rows",
        ),
    ],
)
def test_a_check_refuses_what_a_pull_would(shop: Path, changed: dict[str, Any], told: str) -> None:
    with pytest.raises(SourceError) as refused:
        _checked(shop, **changed)

    assert told in str(refused.value)


def test_a_check_leaves_the_database_as_it_was(shop: Path) -> None:
    before = (shop / "shop.db").read_bytes()

    _checked(shop)

    assert (shop / "shop.db").read_bytes() == before
