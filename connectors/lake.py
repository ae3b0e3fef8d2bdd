"""Facts in a lake too large for one machine: they stay there, and a Spark cluster reads them.

What metrics need of them is computed on the cluster when they change, and only that is fetched.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from connectors import contract
from connectors.contract import (
    Batch,
    CatalogueTable,
    Context,
    Duration,
    Parquet,
    Place,
    Shape,
    Stays,
)

TABLES: tuple[str, ...] = ()
_SHOWN = 8

ENTRY = """\
connector: lake
engine: spark
address: ${SPARK_REMOTE}              # sc://host:15002; pip install -r requirements-spark.txt
into: clicks                          # the fact table's name in metrics.yaml
files: /srv/lake/clicks               # a folder of Parquet files, as the cluster sees it
# table: lake.facts.clicks            # or instead a table of the cluster's catalogue
every: 1 hour
# timeout: 10 minutes                 # what one statement may take there
"""


class Options(contract.Options):
    """Which facts are read where they lie, and by which engine."""

    engine: Literal["spark"]
    address: str = Field(min_length=1)
    timeout: Duration = dt.timedelta(minutes=10)
    into: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    files: str | None = Field(default=None, min_length=1)
    table: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _lie_in_one_place(self) -> Options:
        if (self.files is None) == (self.table is None):
            raise ValueError("name either 'files', a folder of Parquet files, or a 'table'")
        return self


def system(options: Options) -> str:
    """Without the address, which may hold a token."""
    return "Lake · Spark"


def pull(options: Options, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
    """Says where the rows are; what of them has changed is found out there."""
    yield Batch(options.into, Stays(_place(options)), Shape(columns=()), _named(options))


def check(options: Options, context: Context) -> Iterator[str]:
    """Reaches the cluster, and finds the facts with their columns."""
    engine, place = context.engine(), _place(options)
    yield "The cluster is reached."
    columns = engine.columns(place)
    first = ", ".join(f"{name} {kind}" for name, kind in list(columns.items())[:_SHOWN])
    more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
    yield f"{_named(options)} has the columns {first}{more}."
    yield f"It has {engine.count(place):,} rows. A pull leaves them there."


def _named(options: Options) -> str:
    return options.files or f"The table {options.table}"


def _place(options: Options) -> Place:
    if options.files is not None:
        return Parquet(options.files)
    assert options.table is not None
    return CatalogueTable(options.table)
