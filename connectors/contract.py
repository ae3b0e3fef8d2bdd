"""What the refresh asks of every connector: checked options in, batches of rows out."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import pyarrow as pa
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

Mode = Literal["replace", "append", "upsert"]

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_DURATION = re.compile(r"\s*(\d+)\s*(second|minute|hour|day|week)s?\s*")


def _duration(value: object) -> object:
    if isinstance(value, dt.timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a number and a unit, for example '15 minutes' or '1 day'")
    return dt.timedelta(seconds=int(match[1]) * _UNITS[match[2]])


# "15 minutes", "1 hour", "2 days" as people write them in YAML.
Duration = Annotated[dt.timedelta, BeforeValidator(_duration)]


class SourceError(Exception):
    """A source cannot be read: what happened, and the one thing to do about it."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what} {advice}")
        self.what = what
        self.advice = advice


class Options(BaseModel):
    """The keys that every source in `sources.yaml` may have; each connector adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connector: str
    every: Duration | None = None
    start: dt.date | None = None
    lookback: Duration = dt.timedelta(minutes=10)
    timeout: Duration = dt.timedelta(seconds=60)


class SystemOptions(Options):
    """The keys of every system that is asked over HTTP; each has its own default for `url`.

    `page_size` is how many records one page brings; None means as many as the system allows.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str
    token: SecretStr
    page_size: int | None = Field(default=None, ge=1)
    # Reading again a little of what was read before costs less than missing a late change.
    lookback: Duration = dt.timedelta(hours=1)


class Named(BaseModel):
    """Where a record has a word of ours, and what its words mean: `{from: FIELD, map: {P1: sev1}}`.

    `source` is a path in a record, `service.summary`. Some systems have numbers for words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    source: str = Field(alias="from", min_length=1)
    map: Mapping[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """How one raw column becomes one typed column of a fact table."""

    name: str
    source: str | None = None  # the raw column's name; None means the same name
    type: str | None = None  # a DuckDB type; None means the canonical table's, else the raw one
    formats: tuple[str, ...] = ()  # strptime formats, tried in order; none means ISO 8601
    timezone: str | None = None  # zone of a naive time; None means UTC
    missing: tuple[str, ...] = ()  # texts that mean "no value", beside the empty one
    decimal: Literal[".", ","] = "."
    values: Mapping[str, str] = field(default_factory=dict)  # the source's word -> ours
    otherwise: str | None = None  # for a word that is not in `values`; None keeps the word
    constant: Any = None  # a value of its own, where no raw column gives it


@dataclass(frozen=True)
class Shape:
    """How raw rows become rows of one fact table, and which of them are the same row."""

    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    order: str | None = None  # of several rows with one key the greatest in this column is the last
    mode: Mode = "upsert"
    deleted: str | None = (
        None  # a raw column: where it is true or set, the row is gone at its source
    )


@dataclass(frozen=True)
class Scan:
    """Rows that the database reads by itself: a table function with plain values for arguments."""

    function: Literal["read_csv", "read_parquet"]
    paths: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Pages:
    """JSON answers as they came, which the database reads without a detour through Python.

    `records` leads to the list of records in each document (`data.items`; empty where the document
    is the list itself). `fields` says what is taken of a record: raw column -> path
    (`service.summary`); a number in a path counts the places of a list from 0. A path that a record
    lacks gives null, one that ends at a list or a mapping its JSON text.
    """

    documents: tuple[bytes, ...]
    records: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Parquet:
    """Facts in Parquet, as an engine sees them: a file, or a folder of files in subfolders.

    What the names of subfolders say (`region=north`) is a value in every row below.
    """

    path: str


@dataclass(frozen=True)
class CatalogueTable:
    """Facts in a table that an engine knows by name, for example `lake.facts.incidents`."""

    name: str


Place = Parquet | CatalogueTable


@dataclass(frozen=True)
class Stays:
    """Rows that stay where they lie: an engine reads them there, and only results are fetched."""

    place: Place


@dataclass(frozen=True)
class Batch:
    """Rows of one fact table that land together with the state that follows from them.

    `state` is what the connector wants back at its next pull; None leaves the old one, so a
    connector whose source promises no order gives it with its last batch only. `as_of` (UTC) is
    the moment the delivery speaks of, where that is earlier than the start of the pull (a file's
    last change). `origin` names the place in a rejected row's report: a file, a query, an address.
    """

    into: str
    rows: pa.Table | pa.RecordBatchReader | Scan | Pages | Stays
    shape: Shape
    origin: str
    state: Mapping[str, Any] | None = None
    as_of: dt.datetime | None = None


@dataclass(frozen=True)
class Present:
    """The keys of all rows that a system still has in a stretch of time.

    Of the source's rows in `into` whose `time` lies in [start, end) (naive UTC), those whose key is
    not in `keys` (the columns of the table's key, as texts) are gone at their source.
    """

    into: str
    time: str
    start: dt.datetime
    end: dt.datetime
    keys: pa.Table


class Engine(Protocol):
    """What reads facts where they lie."""

    def columns(self, place: Place) -> Mapping[str, str]:
        """The columns there, with the DuckDB types of their values; raises SourceError."""

    def count(self, place: Place) -> int:
        """How many rows are there; raises SourceError."""


def _no_engine() -> Engine:
    raise SourceError("No engine can be reached from here.", "Run `python -m kpi refresh`.")


@dataclass(frozen=True)
class Context:
    """What a connector may know of the run: naive UTC times, the home folder, a progress voice."""

    home: Path
    now: dt.datetime
    full: bool = False
    # rows so far, rows in all where known: shown as rate and time left
    progress: Callable[[int, int | None], None] = lambda done, total: None
    # a system asks us to wait: for how many seconds, and why
    waiting: Callable[[float, str], None] = lambda seconds, why: None
    # something that a person should know, which stops nothing; said once a run
    notice: Callable[[str], None] = lambda text: None
    # the engine that reads the source's facts, open until the run is over
    engine: Callable[[], Engine] = _no_engine


class Connector(Protocol):
    """A module in this folder, named as `connector:` names it in `sources.yaml`.

    `TABLES` are the fact tables it fills where an entry names none. `ENTRY` is an entry for
    `sources.yaml`, commented, without its name: what `kpi source add` writes.
    """

    Options: type[Options]
    TABLES: tuple[str, ...]
    ENTRY: str

    def system(self, options: Any) -> str:
        """The system's name as people know it, for example 'SQL · PostgreSQL'."""

    def pull(self, options: Any, state: Mapping[str, Any], context: Context) -> Iterator[Batch]:
        """The rows that are new or changed since `state`; raises SourceError."""

    def check(self, options: Any, context: Context) -> Iterator[str]:
        """Proves, one sentence at a time, that a pull will do: the system is reached, the
        credential taken, each permission there, one record read; then what a pull would do.

        Raises SourceError at the first that does not hold. Nothing lands.
        """


class Reconciled(Protocol):
    """What a connector has on top where its system can list what it still has."""

    def present(
        self, options: Any, state: Mapping[str, Any], context: Context
    ) -> Iterator[Present]:
        """Everything that the system still has, window by window; raises SourceError."""
