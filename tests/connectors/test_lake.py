"""Facts that stay in a lake: what an entry may say, and what a check says of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from connectors import lake
from connectors.contract import CatalogueTable, Context, Parquet, Place, SourceError, Stays
from kpi import sources
from kpi.sources import EngineAddress, engine_address
from kpi.yaml_text import Refused

ENTRY = {
    "connector": "lake",
    "engine": "spark",
    "address": "sc://host:15002",
    "into": "clicks",
    "files": "/srv/lake/clicks",
}
NOW = dt.datetime(2026, 3, 10)
TEXT = """
version: 1
sources:
  clickstream:
    connector: lake
    engine: spark
    address: {address}
    into: clicks
    files: /srv/lake/clicks
"""


class Seen:
    """An engine that has one table."""

    def columns(self, place: Place) -> Mapping[str, str]:
        assert place == Parquet("/srv/lake/clicks")
        return {f"c{number}": "BIGINT" for number in range(10)}

    def count(self, place: Place) -> int:
        return 12_000


def options(**other: str | None) -> lake.Options:
    return lake.Options.model_validate(ENTRY | other)


def test_rows_stay_where_they_are() -> None:
    (batch,) = lake.pull(options(), {}, Context(Path(), NOW))
    (other,) = lake.pull(options(files=None, table="lake.clicks"), {}, Context(Path(), NOW))

    assert (batch.into, batch.rows) == ("clicks", Stays(Parquet("/srv/lake/clicks")))
    assert other.rows == Stays(CatalogueTable("lake.clicks"))


@pytest.mark.parametrize("other", [{"files": None}, {"table": "lake.clicks"}])
def test_facts_lie_in_one_place(other: dict[str, str | None]) -> None:
    with pytest.raises(ValidationError, match="name either 'files'"):
        options(**other)


@pytest.mark.parametrize("into", ["Clicks", "_clicks", "two words", ""])
def test_a_table_in_a_lake_has_a_plain_name(into: str) -> None:
    with pytest.raises(ValidationError, match="into"):
        options(into=into)


def test_a_check_says_what_is_there() -> None:
    said = list(lake.check(options(), Context(Path(), NOW, engine=Seen)))

    assert said == [
        "The cluster is reached.",
        "/srv/lake/clicks has the columns c0 BIGINT, c1 BIGINT, c2 BIGINT, c3 BIGINT, c4 BIGINT, "
        "c5 BIGINT, c6 BIGINT, c7 BIGINT and 2 more.",
        "It has 12,000 rows. A pull leaves them there.",
    ]


def test_without_an_engine_a_check_fails_in_words() -> None:
    with pytest.raises(SourceError, match="No engine can be reached from here"):
        list(lake.check(options(), Context(Path(), NOW)))


def test_a_written_token_is_refused_where_it_stands() -> None:
    with pytest.raises(Refused, match="'address' holds a secret") as refused:
        sources.parse(TEXT.format(address="sc://host:15002/;token=s3cr3t"))

    assert "s3cr3t" not in str(refused.value)
    assert "${CLICKSTREAM_ADDRESS}" in str(refused.value)


def test_the_address_of_an_engine_comes_from_the_environment() -> None:
    declared = sources.parse(TEXT.format(address="${SPARK_REMOTE}")).sources

    address = engine_address(declared, {"SPARK_REMOTE": "sc://host:15002/;token=s3cr3t"})

    assert address("clickstream") == EngineAddress("sc://host:15002/;token=s3cr3t", 600)
    with pytest.raises(SourceError, match="'other' lie in a lake, and"):
        address("other")
    with pytest.raises(SourceError, match="The environment variable SPARK_REMOTE is not set"):
        engine_address(declared, {})("clickstream")
