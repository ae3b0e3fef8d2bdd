"""What PostgreSQL refuses is told with its own word, its place and the cure, never a password."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from connectors.contract import SourceError
from tests.connectors.databases.shop import Shop
from tests.postgresql_server import PostgreSQLServer

pytestmark = pytest.mark.servers

_SECRET = "open-sesame"


@pytest.fixture(scope="module")
def clerk(server: PostgreSQLServer) -> Iterator[str]:
    """The address of a user who needs a password and may read nothing."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"create role clerk login password '{_SECRET}'")
        yield server.url(user="clerk").replace("clerk@", f"clerk:{_SECRET}@")
        connection.execute("drop role clerk")


def _error(shop: Shop, **changed: Any) -> SourceError:
    with pytest.raises(SourceError) as refused:
        list(shop.batches(**changed))
    return refused.value


def test_a_wrong_password_is_told_without_it(postgresql: Shop, clerk: str) -> None:
    error = _error(postgresql, url=clerk.replace(_SECRET, "shut-sesame"))

    assert "refuses the password of the user 'clerk'" in error.what
    assert "sesame" not in str(error)


def test_a_missing_password_is_asked_for(postgresql: Shop, clerk: str) -> None:
    error = _error(postgresql, url=clerk.replace(f":{_SECRET}", ""))

    assert "wants a password for the user 'clerk'" in error.what


def test_a_missing_database_is_named(postgresql: Shop, server: PostgreSQLServer) -> None:
    assert "has no database 'shpo'" in _error(postgresql, url=server.url("shpo")).what


def test_a_missing_user_is_named(postgresql: Shop, server: PostgreSQLServer) -> None:
    assert "has no user 'nobody'" in _error(postgresql, url=server.url(user="nobody")).what


def test_a_server_that_is_not_there_is_named(postgresql: Shop) -> None:
    error = _error(postgresql, url=f"postgresql://clerk:{_SECRET}@127.0.0.1:1/shop")

    assert error.what == "Nothing listens for PostgreSQL at 127.0.0.1:1."


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://clerk:open@sesame@127.0.0.1/shop",
        "postgresql://clerk:open/sesame@127.0.0.1/shop",
        "postgresql://clerk:open#sesame@127.0.0.1/shop",
        "postgresql://clerk:open?sesame@127.0.0.1/shop",
        "postgresql://clerk:open%sesame@127.0.0.1/shop",
        "postgresql://clerk@127.0.0.1:sesame/shop",
        "postgresql://clerk:sesame@127.0.0.1:99999/shop",
        "postgresql://clerk:sesame@127.0.0.1/shop?nonsense=sesame",
        "postgresql://clerk:sesame@[127.0.0.1/shop",
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(postgresql: Shop, url: str) -> None:
    assert "sesame" not in str(_error(postgresql, url=url))


def test_a_table_that_may_not_be_read_is_named_with_the_grant(postgresql: Shop, clerk: str) -> None:
    error = _error(postgresql, url=clerk)

    assert "permission denied for table orders" in error.what
    assert "grant select on orders to clerk" in error.advice


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select id\nform orders", 'at or near "orders" (line 2 of the query: form orders)'),
        ("select idd from orders", 'column "idd" does not exist (line 1 of the query'),
        ("select id from ordres", 'relation "ordres" does not exist'),
        ("select 1 / id as id from orders", "division by zero"),
        ("select 1", "Column 1 of the query has no name"),
        ("select id, note as id from orders", "selects 'id' twice"),
    ],
)
def test_a_mistake_in_the_query_is_told_in_the_databases_own_words(
    postgresql: Shop, query: str, told: str
) -> None:
    postgresql.run("insert into orders values (0, '', now())")

    assert told in _error(postgresql, query=query, cursor=None).what


@pytest.mark.parametrize(
    "query",
    [
        "with gone as (delete from orders returning id) select id from gone",
        "select id from orders for update",
        "select nextval('numbers')::int as id",
        "select spoil() as id",
    ],
)
def test_a_query_that_would_write_is_refused_and_writes_nothing(
    postgresql: Shop, query: str
) -> None:
    postgresql.run(
        "create sequence numbers",
        "insert into orders values (1, '', now())",
        "create function spoil() returns int language sql as 'delete from orders returning id'",
    )
    error = _error(postgresql, query=query, cursor=None)
    with psycopg.connect(postgresql.url) as connection:
        kept = connection.execute("select count(*) from orders").fetchone()

    assert error.what.startswith("The query would write: ")
    assert kept == (1,)


def test_what_a_read_only_transaction_lets_through_is_undone(postgresql: Shop) -> None:
    list(postgresql.batches(query="select lo_creat(-1) as id", cursor=None))
    with psycopg.connect(postgresql.url) as connection:
        made = connection.execute("select count(*) from pg_largeobject_metadata").fetchone()

    assert made == (0,)


def test_a_query_cannot_give_itself_the_right_to_write(postgresql: Shop) -> None:
    query = "select 1 as id, set_config('transaction_read_only', 'off', false) as x"

    assert "read-only transaction" in _error(postgresql, query=query, cursor=None).what


@pytest.mark.parametrize(
    "query",
    [
        "select 1 as id, pg_sleep(9)::text as x",
        "select 1 as id, x from generate_series(1, 2) x where pg_sleep(9) is not null",
    ],
)
def test_a_database_that_is_silent_too_long_is_given_up(postgresql: Shop, query: str) -> None:
    error = _error(postgresql, query=query, cursor=None, timeout="1 second")

    assert "did not answer within 1 seconds" in error.what


def test_a_statement_that_was_given_up_does_not_go_on_in_the_server(postgresql: Shop) -> None:
    _error(postgresql, query="select pg_sleep(60)::text as x", cursor=None, timeout="1 second")
    with psycopg.connect(postgresql.url, autocommit=True) as connection:
        for _ in range(50):
            sleeping = connection.execute(
                "select count(*) from pg_stat_activity, pg_sleep(0.1) where state = 'active' "
                "and query like 'copy %pg_sleep%' and pid <> pg_backend_pid()"
            ).fetchone()
            if sleeping == (0,):
                break

    assert sleeping == (0,)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"cursor": "updated"}, "`cursor` names 'updated'"),
        ({"cursor": "updated"}, "Did you mean 'updated_at'?"),
        ({"deleted": "gone"}, "`deleted` names 'gone'"),
        ({"columns": {"amount": "amnt"}}, "`columns: amount` names 'amnt'"),
        ({"key": "order_id"}, "The key 'order_id' of purchases is not selected"),
    ],
)
def test_a_name_that_is_not_selected_is_told(
    postgresql: Shop, changed: dict[str, Any], told: str
) -> None:
    assert told in _error(postgresql, **changed).what


def test_an_empty_cursor_is_refused_before_anything_lands(postgresql: Shop) -> None:
    postgresql.run("insert into orders values (1, '', now()), (2, '', null)")
    query = "select id, updated_at from orders where updated_at >= :since or updated_at is null"

    assert "The cursor 'updated_at' is empty" in _error(postgresql, query=query, page_size=1).what


def test_a_cursor_that_does_not_grow_is_refused(postgresql: Shop) -> None:
    query = "select id, '{}'::jsonb as b from orders where :since is not null"

    assert "does not grow" in _error(postgresql, query=query, cursor="b").what


@pytest.mark.parametrize("key", ["start", "until"])
def test_a_number_cannot_be_held_to_a_time(postgresql: Shop, key: str) -> None:
    until = " and updated_at < :until" if key == "until" else ""
    query = f"select id, updated_at from orders where id >= :since{until}"
    start = "2026-01-01" if key == "start" else None

    assert (
        "but the cursor 'id' is integer"
        in _error(postgresql, query=query, cursor="id", start=start).what
    )
