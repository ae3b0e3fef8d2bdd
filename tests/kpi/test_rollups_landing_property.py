"""Random deliveries through the real warehouse: what is kept follows whatever changes rows."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi import touched
from kpi.answers import ask
from kpi.draft import Draft
from kpi.imprint import Imprint, columns_of_facts, write
from kpi.questions import Question, alone
from kpi.rolling_up import roll_up
from kpi.vocabulary_file import load_vocabulary
from kpi.warehouse import Warehouse
from tests.kpi.deliveries import FIRST, NOON, Step, bring, declared, definitions, steps
from tests.kpi.kept_and_facts import EVERYTHING, by_place, same
from tests.working_database import working_database

_tables = itertools.count()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    path = tmp_path_factory.mktemp("rollups") / "warehouse.duckdb"
    with Warehouse(working_database(path)) as opened:
        yield opened


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
        columns = columns_of_facts(connection)
        changed = touched.Touched(connection)
        write(
            connection,
            Imprint(
                number=1,
                published_at=NOON,
                version=1,
                vocabulary=vocabulary,
                declarations=declared(self.table),
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
    bring(warehouse, table, FIRST)
    numbers = Numbers(warehouse, table)
    numbers.refuse_differences()

    for step in every:
        bring(warehouse, table, step)
        numbers.refuse_differences()
