"""A Spark cluster beyond this machine: its facts, and the rows that it answers statements with.

The cluster is reached through Spark Connect, at an address such as `sc://host:15002`. It reads the
facts where they lie, in Parquet or in tables of its catalogue; only results come back.
"""

from __future__ import annotations

import importlib.util
import itertools
import logging
import re
import socket
import threading
import urllib.parse
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from kpi.compiler import Statement
from kpi.imprint import every_day
from kpi.periods import Calendar
from kpi.questions import NotComputable
from kpi.spark_sql import DAYS, SETTINGS, spark_sql, view_name

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

# Seconds until a cluster has to be there, and until a statement has to be answered.
_REACHED = 10.0
_ANSWERED = 600.0
_PORT = 15002
_WORK = itertools.count()

# DuckDB's types as Spark reads them from Parquet.
_TYPES = {
    "VARCHAR": "string",
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "DOUBLE": "double",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
}
_INTEGERS = ("tinyint", "smallint", "int", "bigint")
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")

_Result = TypeVar("_Result")


class EngineFailed(Exception):
    """A cluster that cannot be reached, died, has no such facts or takes too long, in words."""


@dataclass(frozen=True)
class Parquet:
    """Facts in Parquet, as the cluster sees them: a file, or a folder of files in subfolders.

    What the names of subfolders say (`month=2026-03`) is no column of the facts.
    """

    path: str


@dataclass(frozen=True)
class CatalogueTable:
    """Facts in a table that the cluster knows by name, for example `lake.facts.incidents`."""

    name: str


@contextmanager
def cluster(address: str, *, time_limit: float = _ANSWERED) -> Iterator[Cluster]:
    """The cluster at a Spark Connect address for the length of a `with`; raises EngineFailed.

    A statement that takes longer than `time_limit` seconds is given up there and here.
    """
    opened = Cluster(address, time_limit=time_limit)
    try:
        yield opened
    finally:
        opened.close()


class Cluster:
    """A session with a cluster; one statement at a time. No message shows its address's secrets."""

    def __init__(self, address: str, *, time_limit: float = _ANSWERED) -> None:
        """Opens a session; raises EngineFailed where nobody answers within ten seconds."""
        self._secrets = _secrets(address)
        self._at, host, port = _place(address)
        self._time_limit = time_limit
        self._columns: dict[str, Mapping[str, str]] = {}
        self._has_days = False
        _refuse_without_pyspark()
        try:
            socket.create_connection((host, port), timeout=_REACHED).close()
        except OSError as error:
            raise EngineFailed(f"{self._named} cannot be reached: {_reason(error)}.") from error
        self._session = self._within(_REACHED * 6, "opening a session", lambda: _session(address))
        # Left open, the library waits for ever when the program ends.
        self._close = weakref.finalize(self, _closed, self._session)

    def close(self) -> None:
        """Lets go of the session and of all that was registered in it."""
        with suppress(EngineFailed):
            self._within(_REACHED, "closing the session", self._close)

    @property
    def facts(self) -> Mapping[str, Mapping[str, str]]:
        """The registered fact tables with their columns and DuckDB types."""
        return self._columns

    def register(
        self, table: str, columns: Mapping[str, str], place: Parquet | CatalogueTable
    ) -> None:
        """Makes a fact table known to statements; `columns` are its names and DuckDB types.

        Columns of types that Spark has not are left out; the statement that names one is refused.
        Raises EngineFailed where there is no such table, where a column is missing or is another
        type than it should be.
        """

        def view() -> None:
            with self._told(f"the table {table}"):
                frame = self._frame(place)
                there = {name.lower(): kind for name, kind in frame.dtypes}
                taken = [
                    self._taken(table, name, kind, there)
                    for name, kind in columns.items()
                    if _spark_type(kind)
                ]
                frame.selectExpr(*taken).createOrReplaceTempView(f"`{view_name(table)}`")

        self._within(self._time_limit, f"reading the table {table}", view)
        self._columns[table] = dict(columns)

    def set_calendar(self, calendar: Calendar) -> None:
        """Gives the cluster the days that quarters and years are looked up in."""

        def view() -> None:
            with self._told("the days of the calendar"):
                frame = self._session.createDataFrame(every_day(calendar))
                frame.createOrReplaceTempView(DAYS)

        self._within(self._time_limit, "taking the calendar", view)
        self._has_days = True

    def rows(self, statement: Statement) -> list[tuple[Any, ...]]:
        """The rows of a statement, as DuckDB would answer it.

        Raises EngineRefused where Spark cannot give the same numbers, NotComputable where the rows
        do not allow the statement, EngineFailed where the cluster fails.
        """
        sql = spark_sql(statement, self._columns)
        tables = [name for name in self._columns if f"`{view_name(name)}`" in sql]
        if f"`{DAYS}`" in sql and not self._has_days:
            raise EngineFailed(f"{self._named} has not been given the calendar yet.")
        what = f"a question of {', '.join(tables)}" if tables else "a question"

        def answer() -> list[tuple[Any, ...]]:
            with self._told(what):
                table = self._session.sql(sql).toArrow()
            # By position: two columns may have one name.
            return list(zip(*(column.to_pylist() for column in table.columns), strict=True))

        return self._within(self._time_limit, what, answer)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The same of a statement in two parts, as `kpi.answers` asks an edition."""
        return self.rows(Statement(sql, parameters))

    @property
    def _named(self) -> str:
        return f"The Spark cluster at {self._at}"

    def _frame(self, place: Parquet | CatalogueTable) -> DataFrame:
        if isinstance(place, CatalogueTable):
            return self._session.table(place.name)
        # A column that came later is missing in older files, where it is null.
        reader = self._session.read.option("mergeSchema", "true")
        return reader.parquet(place.path)

    def _taken(self, table: str, name: str, kind: str, there: Mapping[str, str]) -> str:
        """A column as the view selects it: as it is, or made wider without changing a value."""
        column = "`" + name.replace("`", "``") + "`"
        found, wanted = there.get(name.lower()), _spark_type(kind)
        if found is None:
            raise EngineFailed(f"{self._named} has no column '{name}' in the table {table}.")
        if found == wanted:
            return column
        wider = found in _INTEGERS and wanted in _INTEGERS[_INTEGERS.index(found) :]
        # The session's zone is UTC, so a moment stays the same.
        if wider or (found == "timestamp" and wanted == "timestamp_ntz"):
            return f"CAST({column} AS {wanted}) AS {column}"
        what = f"{self._named} has the column '{name}' of the table {table} as {found}"
        raise EngineFailed(f"{what}, not as {wanted}: the numbers might differ.")

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turns the library's errors into ours, which say what was done and show no secret."""
        from pyspark.errors import PySparkException
        from pyspark.errors.exceptions.connect import SparkConnectGrpcException

        try:
            yield
        except PySparkException as error:
            condition = error.getCondition() or ""
            words = self._shown(str(error))
            if condition in ("TABLE_OR_VIEW_NOT_FOUND", "PATH_NOT_FOUND"):
                raise EngineFailed(f"{self._named} does not have {what}: {words}") from None
            lost = type(error) is SparkConnectGrpcException or "RETRIES" in condition
            if lost or condition.startswith(("INVALID_HANDLE", "INTERNAL_ERROR", "NO_ACTIVE")):
                raise EngineFailed(f"{self._named} failed at {what}: {words}") from None
            raise NotComputable(f"{self._named} refuses {what}: {words}") from None
        except (EngineFailed, NotComputable):
            raise
        except Exception as error:
            if type(error).__module__.startswith(("grpc", "pyspark")):
                words = self._shown(str(error))
                raise EngineFailed(f"{self._named} failed at {what}: {words}") from None
            raise

    def _shown(self, text: str) -> str:
        """The first line of a message, without secrets."""
        line = next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return line[:500]

    def _within(self, seconds: float, what: str, work: Callable[[], _Result]) -> _Result:
        """What the work gives; raises EngineFailed where that takes longer."""
        done: list[_Result] = []
        failed: list[BaseException] = []

        # By its tag no other piece of work is stopped, however late the stop arrives there.
        tag, session = f"work-{next(_WORK)}", getattr(self, "_session", None)

        def run() -> None:
            try:
                if session is not None:
                    session.addTag(tag)
                done.append(work())
            except BaseException as error:
                failed.append(error)

        # The library waits for a cluster that hangs; whoever asked must not.
        thread = threading.Thread(target=run, daemon=True, name="spark")
        thread.start()
        thread.join(seconds)
        if thread.is_alive():
            if session is not None:
                _stop(session, tag)
            raise EngineFailed(f"{self._named} took longer than {seconds:g} s for {what}.")
        if failed:
            raise failed[0]
        return done[0]


def _closed(session: SparkSession) -> None:
    with suppress(Exception):
        session.client.close()


def _stop(session: SparkSession, tag: str) -> None:
    """Has the cluster stop a piece of work, without waiting until it says that it did."""

    def stop() -> None:
        with suppress(Exception):
            session.interruptTag(tag)

    threading.Thread(target=stop, daemon=True, name="spark-stop").start()


def _refuse_without_pyspark() -> None:
    if importlib.util.find_spec("pyspark") is None:
        what = "To ask a Spark cluster, what it needs must be installed"
        raise EngineFailed(f"{what}: pip install -r requirements-spark.txt")


def _session(address: str) -> SparkSession:
    with warnings.catch_warnings():
        # It warns of versions of pandas, which takes no part in what is used here.
        warnings.simplefilter("ignore")
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    # It would print each error with its whole trace, and with the address, beside raising it.
    logging.getLogger("SQLQueryContextLogger").disabled = True
    warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")
    session = SparkSession(address)
    session.client.set_retry_policies([DefaultPolicy(max_retries=4, max_backoff=2000)])
    with warnings.catch_warnings():
        # Some settings are on their way out; a cluster may have set them all the same.
        warnings.simplefilter("ignore")
        for name, value in SETTINGS.items():
            session.conf.set(name, value)
    return session


def _place(address: str) -> tuple[str, str, int]:
    """What may be shown of an address, its host and its port; raises EngineFailed."""
    parts = urllib.parse.urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if parts.scheme != "sc" or not host:
        raise EngineFailed("The address of a Spark cluster is written sc://host:port.")
    return f"{host}:{port or _PORT}", host, port or _PORT


def _secrets(address: str) -> list[str]:
    """What an address holds beside host and port, longest first: tokens, users, headers."""
    _, _, parameters = address.partition(";")
    values = [pair.partition("=")[2] for pair in parameters.split(";")]
    values.append(urllib.parse.urlsplit(address).password or "")
    named = {each for value in values for each in (value, urllib.parse.unquote(value))}
    return sorted((each for each in named if len(each) > 3), key=len, reverse=True)


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {_REACHED:g} s"
    return (error.strerror or str(error)).lower()


def _spark_type(kind: str) -> str | None:
    """A DuckDB type as Spark calls it; None for one that it has not."""
    decimal = _DECIMAL.fullmatch(kind)
    return f"decimal({decimal[1]},{decimal[2]})" if decimal else _TYPES.get(kind)
