"""What an entry for a database may say, and what is told where it cannot mean anything."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors import sql
from connectors.contract import Context
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
