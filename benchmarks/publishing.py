"""What an edition costs: of all facts at first, and of what one day brings on top.

Run it with `python -m benchmarks.publishing [FACTS] [--rounds N]`. FACTS are those of all five
tables together. Every round publishes a new home for the first time, and then, in one and the same
home, an edition after each of the things that happen later. What lands does so as a connector's
batch would; landing is told apart from publishing, and every edition must answer what its facts
say. What is printed are medians, and how many times as much CPU the first edition of a round took.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks import company
from benchmarks.by_hand import by_hand
from benchmarks.company_home import FRESH, SOURCES, fill, land
from benchmarks.figures import Spent, keep, middle, spending
from benchmarks.ours import ours
from benchmarks.peers import DATA
from benchmarks.questions import differences
from kpi.editions import open_edition
from kpi.publishing import publish_open
from kpi.warehouse import Warehouse

ROUNDS = 5
FIRST_EDITION = "first edition"
_DAY = dt.timedelta(days=1)


class Company:
    """A home in which one thing happens after another."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder = folder
        self.rows = rows
        self.warehouse = fill(folder, rows)
        self.metrics = company.vocabulary_text()
        self.now = FRESH
        self.told = rows  # the first row of each table that has not been told yet
        self.touched = rows // 3  # a row of long ago that nothing has happened to

    def new_day(self, warehouse: Warehouse) -> None:
        """Every source tells of one more day."""
        until = self.told + max(self.rows // company.DAYS, 1)
        for table in company.TABLES:
            land(warehouse, table, self._drawn(table, self.told, until), self.now)
        self.told = until

    def late_row(self, warehouse: Warehouse) -> None:
        """An order of long ago is told only now."""
        order = self._long_ago("orders")
        late = pa.array([-self.touched], pa.int64())
        land(warehouse, "orders", order.set_column(0, "order_id", late), self.now)

    def changed_row(self, warehouse: Warehouse) -> None:
        """An incident of long ago is resolved a day later than it was said to be."""
        incident = self._long_ago("incidents")
        (opened,) = incident["opened_at"].to_pylist()
        at = incident.column_names.index("resolved_at")
        resolved = pa.array([opened + _DAY], incident["resolved_at"].type)
        land(warehouse, "incidents", incident.set_column(at, "resolved_at", resolved), self.now)

    def deleted_row(self, warehouse: Warehouse) -> None:
        """An answer of long ago is gone at its source."""
        answer = self._long_ago("surveys").append_column("gone", pa.array([True]))
        told = land(warehouse, "surveys", answer, self.now, deleted="gone")
        assert told.deleted == 1

    def changed_definition(self, warehouse: Warehouse) -> None:
        """A metric is counted by another condition; no fact lands."""
        one, other = "count(*) from deployments where status = ", ("'succeeded'", "'failed'")
        before, after = other if f"value: {one}{other[0]}" in self.metrics else other[::-1]
        self.metrics = self.metrics.replace(f"value: {one}{before}", f"value: {one}{after}")

    def edition(self, happened: Callable[[Warehouse], None] | None) -> tuple[Spent, Spent]:
        """What it costs to land this, and to publish it."""
        self.now += _DAY
        self.touched += 1
        with Warehouse(self.warehouse) as warehouse:
            with spending() as landing:
                if happened is not None:
                    happened(warehouse)
            with spending() as publishing:
                publish_open(self.folder, warehouse, self.metrics, SOURCES, self.now)
        return landing, publishing

    def prove(self) -> None:
        """Ends the benchmark where the edition does not answer what its facts say."""
        # As much memory as it takes: an edition would refuse to hold so many rows for a median.
        with duckdb.connect(str(self.warehouse), read_only=True) as facts:
            counted = facts.execute(by_hand()).fetchall()
        asked = ours(open_edition(self.folder))
        found, expected = (
            [(str(m), *(n if n is None else float(n) for n in numbers)) for m, *numbers in rows]
            for rows in (asked, counted)
        )
        if different := differences(found, expected):
            raise SystemExit(f"the edition does not hold what its facts say: {different}")

    def _long_ago(self, table: str) -> pa.Table:
        return self._drawn(table, self.touched, self.touched + 1)

    def _drawn(self, table: str, first: int, last: int) -> pa.Table:
        return company.drawn(table, self.rows, first, last)


def measure(rows: int, rounds: int) -> dict[str, list[tuple[Spent, Spent]]]:
    """What landing and publishing cost, by what had happened, round by round."""
    found: dict[str, list[tuple[Spent, Spent]]] = {}
    with tempfile.TemporaryDirectory(dir=DATA) as kept:
        later = Company(Path(kept), rows)
        later.edition(None)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=DATA) as new:
                first = Company(Path(new), rows).edition(None)
            found.setdefault(FIRST_EDITION, []).append(first)
            for happened in (
                later.new_day,
                later.late_row,
                later.changed_row,
                later.deleted_row,
                later.changed_definition,
            ):
                name = happened.__name__.replace("_", " ")
                found.setdefault(name, []).append(later.edition(happened))
                later.prove()
    return found


def main(facts: int, rounds: int) -> None:
    """Prints and keeps the medians."""
    rows = facts // len(company.TABLES)
    found = measure(rows, rounds)
    print(f"{len(company.TWENTY)} metrics, {rows:,} rows in each of five tables")
    first = [publishing.cpu for _, publishing in found[FIRST_EDITION]]
    told: dict[str, dict[str, float]] = {}
    for name, pairs in found.items():
        landing, publishing = (middle(side) for side in zip(*pairs, strict=True))
        ratio = statistics.median(f / p.cpu for f, (_, p) in zip(first, pairs, strict=True))
        told[name] = {**vars(publishing), "landing": landing.wall, "times": ratio}
        print(f"{name:20} {publishing}; the first took {ratio:5.2f} x; landed in {landing}")
    keep("publishing", str(facts), {"facts": facts, "editions": told})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("facts", nargs="?", type=float, default=1e6)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    main(int(given.facts), given.rounds)
