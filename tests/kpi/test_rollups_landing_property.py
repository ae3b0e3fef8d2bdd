"""Random deliveries through the real warehouse: what is kept follows whatever changes rows."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Batch, Column, Present, Shape
from kpi import touched
from kpi.answers import ask
from kpi.draft import Draft
from kpi.imprint import Declaration, Declarations, Imprint, columns_of_facts, write
from kpi.questions import Question, alone
from kpi.rolling_up import roll_up
from kpi.vocabulary_file import load_vocabulary
from kpi.warehouse import Warehouse
from tests.kpi.memory import vocabulary_text
from tests.kpi.test_rollups_property import EVERYTHING, by_place, same
from tests.working_database import working_database

NOON = dt.datetime(2026, 4, 10, 12)
_tables = itertools.count()
COLUMNS = (
    Column("id"),
    Column("opened", type="timestamp"),
    Column("closed", type="timestamp"),
    Column("region"),
    Column("n", type="integer"),
)


@dataclass(frozen=True)
class Raw:
    """One row as a system tells it; days are counted from 1 March 2026."""

    id: str
    opened: int | None
    closed: int | None
    region: str | None
    n: int | None
    gone: bool


@dataclass(frozen=True)
class Step:
    """What one refresh brings: rows, or only what the system still has."""

    source: str
    mode: str  # upsert, replace, append or reconcile
    rows: tuple[Raw, ...]


raws = st.builds(
    Raw,
    id=st.sampled_from("abcdef"),
    opened=st.one_of(st.integers(0, 40), st.none()),
    closed=st.one_of(st.integers(0, 60), st.none(), st.none()),
    region=st.sampled_from(["north", "south", None]),
    n=st.one_of(st.integers(-3, 9), st.none()),
    gone=st.booleans().map(bool),
)
steps = st.builds(
    Step,
    source=st.sampled_from(["desk", "shop"]),
    mode=st.sampled_from(["upsert", "upsert", "upsert", "replace", "reconcile"]),
    rows=st.lists(raws, max_size=5).map(tuple),
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path = tmp_path_factory.mktemp("rollups") / "warehouse.duckdb"
    with Warehouse(working_database(path)) as opened:
        yield opened


def moment(day: int | None) -> dt.datetime | None:
    """Half past eleven in the evening, UTC: the next day in Berlin."""
    if day is None:
        return None
    return dt.datetime(2026, 3, 1, 23, 30) + dt.timedelta(days=day)


def bring(warehouse: Warehouse, table: str, step: Step) -> None:
    """Lands what a step brings, as a refresh does."""
    run = warehouse.begin(step.source, NOON)
    ids = list(dict.fromkeys(raw.id for raw in step.rows))
    if step.mode == "reconcile":
        keys = pa.table({"id": pa.array(ids, pa.string())})
        present = Present(table, "opened", dt.datetime(2026, 3, 1), dt.datetime(2026, 3, 25), keys)
        warehouse.reconcile(run, step.source, [present], anyway=True)
    else:
        columns = {
            "id": pa.array([raw.id for raw in step.rows], pa.string()),
            "opened": pa.array([moment(raw.opened) for raw in step.rows], pa.timestamp("us")),
            "closed": pa.array([moment(raw.closed) for raw in step.rows], pa.timestamp("us")),
            "region": pa.array([raw.region for raw in step.rows], pa.string()),
            "n": pa.array([raw.n for raw in step.rows], pa.int32()),
            "gone": pa.array([raw.gone for raw in step.rows], pa.bool_()),
        }
        shape = Shape(COLUMNS, key=("id",), mode=step.mode, deleted="gone")
        warehouse.land(run, step.source, Batch(table, pa.table(columns), shape, "test", state={}))
    warehouse.finish(run, error=None, advice=None, finished_at=NOON, as_of=None)


def definitions(table: str) -> str:
    """One metric of each kind."""
    metrics: Mapping[str, Any] = {
        "count_of_all": f"count(*) from {table}",
        "total": f"sum(n) from {table} where region = 'north'",
        "mean": f"avg(n) from {table}",
        "lowest": f"min(n) from {table}",
        "middle": f"median(n) from {table}",
        "different": f"count(distinct region) from {table}",
        "open": {"value": f"count(*) from {table}", "as_of": {"from": "opened", "to": "closed"}},
        "open_n": {"value": f"avg(n) from {table}", "as_of": {"from": "opened", "to": "closed"}},
        "oldest": {"value": f"max(n) from {table}", "as_of": {"from": "opened", "to": "closed"}},
        "month": {"value": f"sum(n) from {table}", "window": "1 month"},
        "closed": {"value": f"count(*) from {table}", "time": "closed"},
    }
    tables = {table: {"time": "opened", "by": ["region"]}}
    calendar = {"timezone": "Europe/Berlin"}
    return vocabulary_text(metrics, tables=tables, dimensions=["region"], calendar=calendar)


@dataclass
class Numbers:
    """A table's numbers as they would be published, from what is kept or from the facts alone."""

    warehouse: Warehouse
    table: str
    first: bool = field(default=True)

    def refuse_differences(self) -> None:
        """Publishes, and asks every metric at two grains both ways."""
        vocabulary = load_vocabulary(definitions(self.table))
        connection = self.warehouse.connection
        declared = tuple(
            Declaration(name, "file", "File", (self.table,), None) for name in ("desk", "shop")
        )
        columns = columns_of_facts(connection)
        changed = touched.Touched(connection)
        write(
            connection,
            Imprint(
                number=1,
                published_at=NOON,
                version=1,
                vocabulary=vocabulary,
                declarations=Declarations(False, declared),
                columns={self.table: columns[self.table]},
            ),
            changed,
        )
        roll_up(connection, vocabulary, Draft(connection, vocabulary).facts, changed, EVERYTHING)
        touched.forget(connection)
        draft = Draft(connection, vocabulary)
        self._refuse_miscounts()
        assert draft.facts[self.table].rollups
        asked: list[tuple[str, tuple[str, ...]]] = [
            ("day", ()),
            ("week", ("region",)),
            ("month", ()),
        ]
        for grain, by in asked:
            days = dt.date(2026, 2, 20), dt.date(2026, 5, 10)
            question = Question(tuple(vocabulary.metrics), grain, by, (), *days)
            kept = by_place(ask(draft, question))
            facts = draft.facts
            draft.facts = alone(facts)
            expected = by_place(ask(draft, question))
            draft.facts = facts
            assert kept.keys() == expected.keys()
            for place, cell in expected.items():
                assert same(kept[place].value, cell.value), place
                assert kept[place].n == cell.n, place

    def _refuse_miscounts(self) -> None:
        """What is remembered of rows and days is what counting them anew would find."""

        def query(sql: str) -> list[tuple[Any, ...]]:
            return self.warehouse.connection.execute(sql).fetchall()

        counted = "select source, rows from kpi.counted where fact_table = '{}' and rows > 0"
        expected = "select _source, count(*) from {} group by 1"
        assert sorted(query(counted.format(self.table))) == sorted(
            query(expected.format(self.table))
        )
        days = query(f"select first_day, last_day from kpi.tables where name = '{self.table}'")
        berlin = "cast(timezone('Europe/Berlin', timezone('UTC', opened)) as date)"
        assert days == query(f"select min({berlin}), max({berlin}) from {self.table}")


@settings(max_examples=12, deadline=None, derandomize=True)
@given(every=st.lists(steps, min_size=2, max_size=4))
def test_what_is_kept_follows_every_delivery(warehouse: Warehouse, every: list[Step]) -> None:
    table = f"t{next(_tables)}"
    # Something is there at first, so that the table has columns.
    bring(warehouse, table, Step("desk", "upsert", (Raw("a", 1, 9, "north", 2, gone=False),)))
    numbers = Numbers(warehouse, table)
    numbers.refuse_differences()

    for step in every:
        bring(warehouse, table, step)
        numbers.refuse_differences()
