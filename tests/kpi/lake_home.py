"""A home folder with facts in a lake, and one into which the same facts land, for comparing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from connectors.contract import Parquet
from kpi import editions
from kpi.answers import Cell, ask
from kpi.editions import Edition
from kpi.questions import Question
from kpi.refresh import Outcome, refresh
from kpi.sources import EngineAddress
from tests.kpi.homes import Clock, Heard
from tests.kpi.memory import vocabulary_text

NOW = dt.datetime(2026, 4, 20, 9)
# (id, at, region, shop, amount, pages, closed)
Row = tuple[str, str | None, str | None, int | None, str | None, int | None, str | None]
_COLUMNS = (
    "id varchar, at_time timestamp, region varchar, shop integer, amount decimal(12, 3), "
    "pages integer, closed timestamp"
)
METRICS: Mapping[str, Any] = {
    "visits": "count(*) from clicks",
    "spent": "sum(amount) from clicks where region = 'north'",
    "share": {"value": "100 * count_if(pages > 5) / count(pages) from clicks", "empty": 0},
    "mean": "avg(amount) from clicks",
    "lowest": "min(pages) from clicks",
    "middle": "median(amount) from clicks",
    "customers": "count(distinct region) from clicks",
    "still_open": {
        "value": "count(*) from clicks",
        "as_of": {"from": "at_time", "to": "closed"},
    },
    "ended": {"value": "count(*) from clicks", "time": "closed"},
    "last_fortnight": {"value": "median(pages) from clicks", "window": "14 days"},
    "sold": "sum(price) from sales",
    "sold_per_visit": "sold / visits",
}
SHOPS = [(1, "2020-01-01", "EMEA"), (2, "2020-01-01", "APAC"), (3, "2020-01-01", None)]


def definitions(metrics: Mapping[str, Any] = METRICS) -> str:
    """The vocabulary over clicks (in a lake, or landed), sales and shops."""
    tables = {
        "clicks": {
            "time": "at_time",
            "by": ["region"],
            "lookup": {"shops": {"on": "shop", "by": ["market"]}},
        },
        "sales": {"time": "at_time", "by": ["region"]},
        "shops": {"time": "opened", "by": []},
    }
    return vocabulary_text(
        metrics,
        tables=tables,
        dimensions=("region", "market"),
        calendar={"timezone": "Europe/Berlin", "fiscal_year_starts": "april"},
    )


def click(number: int, day: str, **other: Any) -> Row:
    """A click on a day, its other values made from its number."""
    made: dict[str, Any] = {
        "at": f"{day} {number % 24:02}:30:00",
        "region": ("north", "south", None)[number % 3],
        "shop": (1, 2, 3, 4, None)[number % 5],
        "amount": f"{number}.125" if number % 4 else None,
        "pages": number % 9,
        "closed": f"{day} 23:59:59" if number % 2 else None,
    }
    made |= other
    return (f"c{number}", *made.values())


@dataclass
class LakeHome:
    """Two homes in a folder: `lake` leaves its clicks where they are, `landed` lands them all."""

    folder: Path
    address: str
    metrics: Mapping[str, Any] = field(default_factory=lambda: METRICS)
    heard: Heard = field(default_factory=Heard)

    def __post_init__(self) -> None:
        if self.files.exists():
            return
        self.files.mkdir(parents=True)
        lake = {
            "connector": "lake",
            "engine": "spark",
            "address": "${SPARK_REMOTE}",
            "into": "clicks",
            "files": str(self.files),
        }
        landed = {
            "connector": "file",
            "path": f"{self.files}/**/*.parquet",
            "into": "clicks",
            "mode": "replace",
        }
        for home, clicks in ((self.lake, lake), (self.landed, landed)):
            home.mkdir()
            write_sources(home, clicks)
            self.define(home, self.metrics)
            columns = "shop integer, opened date, market varchar"
            write_parquet(home / "shops.parquet", columns, SHOPS)
            sales = [(f"s{n}", f"2026-03-{1 + n % 30:02} 11:00:00", "north", n) for n in range(60)]
            columns = "id varchar, at_time timestamp, region varchar, price integer"
            write_parquet(home / "sales.parquet", columns, sales)

    @property
    def files(self) -> Path:
        """The folder in which the clicks lie."""
        return self.folder / "clicks"

    @property
    def place(self) -> Parquet:
        """The same folder as a cluster is told of it."""
        return Parquet(str(self.files))

    @property
    def lake(self) -> Path:
        """The home that leaves the clicks where they are."""
        return self.folder / "lake_home"

    @property
    def landed(self) -> Path:
        """The home into which the clicks land."""
        return self.folder / "landed_home"

    def where(self, source: str) -> EngineAddress:
        """The cluster that reads the clicks."""
        return EngineAddress(self.address, 600)

    def at(self, address: str) -> LakeHome:
        """The same homes, where the cluster has this address."""
        return LakeHome(self.folder, address)

    def define(self, home: Path, metrics: Mapping[str, Any]) -> None:
        """Puts these metrics into a home's vocabulary."""
        (home / "metrics.yaml").write_text(definitions(metrics))

    def put(self, name: str, rows: Sequence[Row]) -> None:
        """Writes clicks into a file of this name, `march/a`, in the place of one that is there."""
        write_parquet(self.files / f"{name}.parquet", _COLUMNS, rows)

    def remove(self, name: str) -> None:
        """Removes a file with clicks."""
        (self.files / f"{name}.parquet").unlink()

    def refresh(self, home: Path, at: dt.datetime = NOW, **how: Any) -> Outcome:
        """Refreshes one of the homes at this moment; what is said is in `heard`."""
        self.heard = Heard()
        env = {"SPARK_REMOTE": self.address}
        return refresh(home, voice=self.heard, now=Clock(at), env=env, **how)

    def refresh_both(self) -> tuple[Edition, Edition]:
        """Refreshes both homes; the editions that follow, of the lake and of what landed."""
        for home in (self.lake, self.landed):
            outcome = self.refresh(home)
            assert outcome.exit_code == 0, self.heard.text
        return editions.open_edition(self.lake), editions.open_edition(self.landed)


def write_sources(home: Path, clicks: Mapping[str, Any]) -> None:
    """Declares the source of clicks in a home, and those of sales and shops, which land."""
    landed = {"connector": "file", "mode": "replace"}
    sources = {
        "clickstream": dict(clicks),
        "till": {**landed, "path": "sales.parquet", "into": "sales"},
        "estate": {**landed, "path": "shops.parquet", "into": "shops"},
    }
    (home / "sources.yaml").write_text(json.dumps({"version": 1, "sources": sources}))


def write_parquet(path: Path, columns: str, rows: Sequence[Sequence[Any]]) -> None:
    """Writes rows of these columns, as in CREATE TABLE, into a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    with duckdb.connect() as connection:
        connection.execute(f"create table written ({columns})")
        if rows:
            places = ", ".join("?" for _ in rows[0])
            connection.executemany(f"insert into written values ({places})", rows)
        connection.execute(f"copy written to '{unfinished}' (format parquet)")
    unfinished.replace(path)


def answers(edition: Edition, metric: str, grain: str, *by: str, **more: Any) -> list[Cell]:
    """What an edition says of a metric from before the first row up to what was told last."""
    start, end = dt.date(2026, 1, 1), dt.date(2026, 4, 21)
    return list(ask(edition, Question((metric,), grain, by, start=start, end=end, **more)).cells)
