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
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.contract import CatalogueTable, Parquet, Place, SourceError
from kpi import prints
from kpi.compiler import Statement
from kpi.imprint import every_day
from kpi.lake_tables import LakeFile
from kpi.periods import Calendar
from kpi.questions import NotComputable
from kpi.reader import tuples
from kpi.spark_columns import duckdb_type, spark_type, widens
from kpi.spark_literals import literal
from kpi.spark_sql import DAYS, SETTINGS, spark_sql, view_name

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

# Seconds until a cluster has to be there, and until a statement has to be answered.
_REACHED = 10.0
_ANSWERED = 600.0
_PORT = 15002
_WORK = itertools.count()

# What is told of a file: where the cluster reads it, how it names it beside each row, its state.
_FILE = {
    "path": "path",
    "address": "_metadata.file_path AS address",
    "modified": "CAST(modificationTime AS TIMESTAMP_NTZ) AS modified",
    "size": "length AS size",
}
# What stands in the folder of a table of these formats.
_OTHER_FORMATS = {"Delta": "_delta_log/*.json", "Iceberg": "metadata/*.metadata.json"}

_DETAILS = re.compile(r'^\s*details = "(.+)"$', re.MULTILINE)

_Result = TypeVar("_Result")


class EngineFailed(SourceError):
    """A cluster that cannot be reached, died, has no such facts or takes too long, in words."""

    def __init__(self, what: str, advice: str = "Nothing here has changed. Try again.") -> None:
        super().__init__(what, advice)


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

    def columns(self, place: Place) -> dict[str, str]:
        """The columns of facts with the DuckDB types that hold their values; raises EngineFailed.

        Columns of other types are left out, and those whose names begin with `_`: these are ours.
        """

        def look() -> dict[str, str]:
            with self._told(_shown(place)):
                self._refuse_other_formats(place)
                kinds = self._frame(place).dtypes
            found = {name: duckdb_type(kind) for name, kind in kinds if not name.startswith("_")}
            return {name: kind for name, kind in found.items() if kind is not None}

        return self._within(self._time_limit, f"looking at {_shown(place)}", look)

    def count(self, place: Place) -> int:
        """How many facts there are; raises EngineFailed."""

        def count() -> int:
            with self._told(_shown(place)):
                return int(self._frame(place).count())

        return self._within(self._time_limit, f"counting {_shown(place)}", count)

    def files(self, place: Parquet) -> tuple[LakeFile, ...]:
        """The files that facts lie in, of which no content is read; raises EngineFailed."""

        def look() -> pa.Table:
            with self._told(_shown(place)):
                self._refuse_other_formats(place)
                listed = self._session.read.format("binaryFile").load(place.path)
                return listed.selectExpr(*_FILE.values()).toArrow()

        found = self._within(self._time_limit, f"looking at {_shown(place)}", look)
        return tuple(sorted((LakeFile(*row) for row in tuples(found)), key=lambda file: file.path))

    def prints(
        self, place: Place, columns: Mapping[str, str], files: Iterable[LakeFile] | None
    ) -> pa.Table:
        """What `kpi.prints` tells of facts, of these files or of all; raises EngineFailed."""

        def ask() -> pa.Table:
            with self._told(_shown(place)):
                frame = self._frame(place, files)
                path = "''" if files is None else "_metadata.file_path"
                taken = self._taken(_shown(place), frame, columns)
                frame = frame.selectExpr(*taken, f"{path} AS {prints.FILE}")
                return self._session.sql(prints.spark_sql(columns), rows=frame).toArrow()

        return self._within(self._time_limit, f"looking at {_shown(place)}", ask)

    def register(
        self,
        table: str,
        columns: Mapping[str, str],
        place: Place,
        files: Iterable[LakeFile] | None = None,
    ) -> None:
        """Makes a fact table known to statements; `columns` are its names and DuckDB types.

        Columns of types that Spark has not are left out; the statement that names one is refused.
        Of Parquet only these `files` are read, where they are given. Raises EngineFailed where
        there is no such table, where a column is missing or is another type than it should be.
        """

        def view() -> None:
            with self._told(f"the table {table}"):
                frame = self._frame(place, files)
                known = {name: kind for name, kind in columns.items() if spark_type(kind)}
                self._show(table, frame, known)

        self._within(self._time_limit, f"reading the table {table}", view)
        self._columns[table] = dict(columns)

    def hand_over(self, table: str, columns: Mapping[str, str], rows: pa.Table) -> None:
        """Makes rows from here known to statements as a fact table; raises EngineFailed."""

        def view() -> None:
            with self._told(f"the table {table}"):
                self._show(table, self._session.createDataFrame(rows), columns)

        self._within(self._time_limit, f"handing over the table {table}", view)
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
        """The rows of a statement, as DuckDB would answer it; raises what `fetch` does."""
        return tuples(self.fetch(statement.sql, statement.parameters))

    def fetch(self, sql: str, parameters: Mapping[str, Any]) -> pa.Table:
        """The same rows as a table.

        Raises EngineRefused where Spark cannot give the same numbers, NotComputable where the rows
        do not allow the statement, EngineFailed where the cluster fails.
        """
        translated = spark_sql(Statement(sql, parameters), self._columns)
        tables = [name for name in self._columns if f"`{view_name(name)}`" in translated]
        if f"`{DAYS}`" in translated and not self._has_days:
            raise EngineFailed(f"{self._named} has not been given the calendar yet.")
        what = f"a question of {', '.join(tables)}" if tables else "a question"

        def answer() -> pa.Table:
            with self._told(what, is_question=True):
                return self._session.sql(translated).toArrow()

        return self._within(self._time_limit, what, answer)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The same of a statement in two parts, as `kpi.answers` asks an edition."""
        return self.rows(Statement(sql, parameters))

    @property
    def _named(self) -> str:
        return f"The Spark cluster at {self._at}"

    def _frame(self, place: Place, files: Iterable[LakeFile] | None = None) -> DataFrame:
        if isinstance(place, CatalogueTable):
            return self._session.table(place.name)
        # A column that came later is missing in older files, where it is null.
        frame = self._session.read.option("mergeSchema", "true").parquet(place.path)
        if files is None:
            return frame
        # Spark does not open the others.
        return frame.where(_one_of(files))

    def _refuse_other_formats(self, place: Place) -> None:
        """Formats above Parquet keep files that count no more, and lists of those that do."""
        if not isinstance(place, Parquet):
            return
        for name, marks in _OTHER_FORMATS.items():
            try:
                found = (
                    self._session.read.format("binaryFile").load(f"{place.path}/{marks}").head(1)
                )
            except Exception as error:
                if "PATH_NOT_FOUND" in str(error):
                    continue
                raise
            if found:
                what = f"{place.path} is a table of {name}, whose files are not all to be read."
                raise EngineFailed(f"{what} Name it as a `table` of the cluster's catalogue.")

    def _show(self, table: str, frame: DataFrame, columns: Mapping[str, str]) -> None:
        taken = self._taken(f"the table {table}", frame, columns)
        frame.selectExpr(*taken).createOrReplaceTempView(f"`{view_name(table)}`")

    def _taken(self, what: str, frame: DataFrame, columns: Mapping[str, str]) -> list[str]:
        """The columns as they are selected; raises EngineFailed where one is not as it should."""
        there = {name.lower(): kind for name, kind in frame.dtypes}
        return [
            self._selected(what, name, there.get(name.lower()), spark_type(kind))
            for name, kind in columns.items()
        ]

    def _selected(self, what: str, name: str, found: str | None, wanted: str | None) -> str:
        """A column as it is, or made wider without changing a value."""
        column = "`" + name.replace("`", "``") + "`"
        if found is None:
            raise EngineFailed(f"{self._named} has no column '{name}' in {what}.")
        if found == wanted:
            return column
        if widens(found, wanted):
            return f"CAST({column} AS {wanted}) AS {column}"
        has = f"{self._named} has the column '{name}' of {what} as {found}"
        raise EngineFailed(f"{has}, not as {wanted}: the numbers might differ.")

    @contextmanager
    def _told(self, what: str, *, is_question: bool = False) -> Iterator[None]:
        """Turns the library's errors into ours, which say what was done and show no secret.

        Where it `is_question`, what the cluster refuses is not computable.
        """
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
            refused = f"{self._named} refuses {what}: {words}"
            if is_question:
                raise NotComputable(refused) from None
            raise EngineFailed(refused) from None
        except (EngineFailed, NotComputable):
            raise
        except Exception as error:
            if type(error).__module__.startswith(("grpc", "pyspark")):
                words = self._shown(str(error))
                raise EngineFailed(f"{self._named} failed at {what}: {words}") from None
            raise

    def _shown(self, text: str) -> str:
        """The first line of a message, without secrets; of a broken wire what was said of it."""
        said = _DETAILS.search(text)
        text = said[1] if said else text
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


def _one_of(files: Iterable[LakeFile]) -> str:
    """That a row lies in one of these files."""
    addresses = ", ".join(literal(file.address) for file in files)
    return f"_metadata.file_path IN ({addresses})" if addresses else "false"


def _shown(place: Place) -> str:
    return place.path if isinstance(place, Parquet) else f"the table {place.name}"
