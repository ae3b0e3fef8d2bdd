"""Whatever happens between pulls, and wherever a pull breaks off, the facts become the table."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.connectors.databases.shop import NOON, Shop

_LOOK_BACK = 10  # minutes, the default
_ids = st.integers(1, 4)
_steps = st.one_of(
    st.tuples(st.just("write"), _ids),
    st.tuples(st.just("delete"), _ids),
    st.tuples(st.just("write late"), _ids),
    st.tuples(st.just("commit late"), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 25)),
    # How many rows a batch, and after how many batches the pull is killed.
    st.tuples(st.just("pull"), st.tuples(st.integers(1, 3), st.integers(1, 4))),
)
_slow = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@dataclass
class _Day:
    """A shop's day: its table as it should be, and the facts that pulls have made of it."""

    shop: Shop
    cursor: str
    spelling: str = "%Y-%m-%d %H:%M:%S"
    minute: int = 0
    changes: Any = field(default_factory=lambda: itertools.count(1))
    table: dict[int, str] = field(default_factory=dict)
    late: tuple[int, str, int] | None = None
    facts: dict[int, str] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    def step(self, kind: str, detail: Any) -> None:
        if kind == "wait":
            if self.late and self.minute + detail - self.late[2] >= _LOOK_BACK:
                self.commit()
            self.minute += detail
        elif kind == "commit late":
            self.commit()
        elif kind == "pull":
            self.pull(*detail)
        elif self.late is None or self.late[0] != detail:
            self.write(detail, kind)

    def write(self, number: int, kind: str) -> None:
        change = next(self.changes)
        note = "gone" if kind == "delete" else f"change {change}"
        moment = (NOON + dt.timedelta(minutes=self.minute)).strftime(self.spelling)
        statement = f"insert into orders values ({number}, '{note}', '{moment}', {change})"
        if kind != "write late":
            self.apply(number, note, statement)
        elif self.late is None:
            self.late = (number, statement, self.minute)

    def commit(self) -> None:
        if self.late:
            number, statement, _ = self.late
            self.apply(number, statement.split("'")[1], statement)
            self.late = None

    def apply(self, number: int, note: str, statement: str) -> None:
        self.shop.run(f"delete from orders where id = {number}", statement)
        self.table[number] = note

    def pull(self, page_size: int, killed_after: int | None) -> None:
        batches = self.shop.batches(
            self.state,
            NOON + dt.timedelta(minutes=self.minute),
            cursor=self.cursor,
            query=f"select id, note, {self.cursor} from orders where {self.cursor} >= :since",
            page_size=page_size,
        )
        for batch in itertools.islice(batches, killed_after):
            for row in batch.rows.to_pylist():
                self.facts[row["id"]] = row["note"]
            self.state = dict(batch.state or {})

    def end(self) -> None:
        self.commit()
        self.pull(2, None)


def _lived(day: _Day, steps: list[tuple[str, Any]]) -> _Day:
    for kind, detail in steps:
        day.step(kind, detail)
    day.end()
    return day


@pytest.mark.parametrize("cursor", ["updated_at", "change"])
@_slow
@given(steps=st.lists(_steps, max_size=25))
def test_facts_from_sqlite_become_the_table(
    sqlite: Shop, cursor: str, steps: list[tuple[str, Any]]
) -> None:
    sqlite.run("drop table orders", "create table orders (id, note, updated_at, change integer)")
    day = _lived(_Day(sqlite, cursor), steps)

    assert day.facts == day.table


@pytest.mark.servers
@pytest.mark.parametrize(
    ("cursor", "type_"),
    [("updated_at", "timestamptz"), ("updated_at", "timestamp"), ("change", "timestamptz")],
)
@_slow
@given(steps=st.lists(_steps, max_size=25))
def test_facts_from_postgresql_become_the_table(
    postgresql: Shop, cursor: str, type_: str, steps: list[tuple[str, Any]]
) -> None:
    postgresql.run(
        "drop table orders",
        f"create table orders (id integer, note text, updated_at {type_}, change bigint)",
    )
    day = _lived(_Day(postgresql, cursor, "%Y-%m-%d %H:%M:%SZ"), steps)

    assert day.facts == day.table


def test_the_property_notices_a_missing_look_back(
    sqlite: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqlite.run("drop table orders", "create table orders (id, note, updated_at, change integer)")
    honest = sqlite.batches
    monkeypatch.setattr(
        sqlite, "batches", lambda *given, **named: honest(*given, **named, lookback="0 seconds")
    )
    steps = [("write late", 1), ("wait", 1), ("write", 2), ("pull", (2, 4)), ("commit late", None)]
    day = _lived(_Day(sqlite, "updated_at"), steps)

    assert day.facts != day.table
