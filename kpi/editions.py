"""Opens editions: immutable, numbered sets of facts and definitions that everybody reads alike."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import duckdb

from kpi import reports
from kpi.expression import quoted
from kpi.files import parts_folder, segment_file
from kpi.questions import Facts, NotComputable, QuestionRefused
from kpi.reader import Reader
from kpi.redefined import Changes, read_changes
from kpi.reports import Freshness, SourceReport, TableReport, freshness
from kpi.restated import Key, Restated, read_log
from kpi.vocabulary import Vocabulary
from kpi.vocabulary_file import load_vocabulary
from kpi.yaml_text import Refused

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "DatabaseError",
    "Edition",
    "Freshness",
    "NoEdition",
    "Pointer",
    "SourceReport",
    "TableReport",
    "TookTooLong",
    "current",
    "editions_folder",
    "freshness",
    "latest",
    "open_edition",
    "pointer_file",
]

# What a database raises, for those who do not open one.
DatabaseError = duckdb.Error

Parameters = Mapping[str, Any] | Sequence[Any]
Result = TypeVar("Result")

# How long one question may take before it is stopped.
TIME_LIMIT = dt.timedelta(seconds=30)
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "memory_limit": "1GB",
    "max_execution_time": str(int(TIME_LIMIT.total_seconds() * 1000)),
}
_AT_THE_LIMIT = "Query exceeded maximum execution time"
_ASK_LESS = "Ask for fewer metrics, a shorter range or a coarser grain."
_TRIES = 5
_KEPT_OPEN = 2
# Pages ask the same texts again and again; of these many it is kept what the database read in them.
_REMEMBERED = 128


class NoEdition(Exception):
    """There is nothing to read yet; the text says what to do about it."""


class TookTooLong(QuestionRefused):
    """A question was stopped at the time limit."""


@dataclass(frozen=True)
class Pointer:
    """What the file CURRENT says: the edition to read, and what it was made of."""

    number: int
    file: str
    published_at: dt.datetime
    version: int  # of the working database
    vocabulary: str  # SHA-256 of the text of metrics.yaml
    sources: str  # SHA-256 of what the screens show of sources.yaml

    def to_json(self) -> str:
        """The pointer as it stands in its file."""
        values = {**vars(self), "published_at": self.published_at.isoformat()}
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Pointer:
        """The pointer in a text; raises ValueError where it is none."""
        try:
            values = json.loads(text)
            return cls(
                **{**values, "published_at": dt.datetime.fromisoformat(values["published_at"])}
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a pointer: {error}") from error


class Edition:
    """One open edition: its facts, the definitions they are computed with, its sources' reports."""

    def __init__(self, path: Path) -> None:
        """Opens a file; raises duckdb.Error where that cannot be done. Use `latest` instead."""
        self.path = path
        self._connection = _open(path)
        self._statements: dict[str, duckdb.Statement] = {}
        row = self.query("select number, published_at, sample, vocabulary_text from kpi.edition")
        self.number: int = row[0][0]
        self.published_at: dt.datetime = row[0][1]
        self.sample: bool = row[0][2]
        self.vocabulary_text: str = row[0][3]
        self.reports: tuple[SourceReport, ...] = reports.read_sources(self.query, self.published_at)
        self.tables: Mapping[str, TableReport] = reports.read_tables(self.query)
        self.columns: Mapping[str, Mapping[str, str]] = reports.read_columns(self.query)
        # The last restatement of every number that had one.
        self.restated: Mapping[Key, Restated] = dict(reversed(read_log(self.query)))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The definitions; raises Refused where another version of this program wrote them."""
        return load_vocabulary(self.vocabulary_text)

    @cached_property
    def facts(self) -> Mapping[str, Facts]:
        """What questions must know of every fact table that has columns."""
        return reports.read_facts(self.query, self.tables, self.vocabulary.calendar)

    @cached_property
    def redefined(self) -> tuple[Changes, ...]:
        """What this and earlier editions changed of the definitions, the newest first."""
        try:
            return read_changes(self.query)
        except NotComputable:
            return ()  # an edition of another version of this program

    def under(self, vocabulary: Vocabulary) -> Edition:
        """These facts under definitions that are not published, seen by nobody else.

        Their calendar and their tables must be the edition's own.
        """
        tried = copy(self)
        tried.__dict__["vocabulary"] = vocabulary
        # What was restated are published numbers.
        tried.restated = {}
        return tried

    def reading(self, reader: Reader) -> Edition:
        """This edition, where questions that its own rows do not answer are asked of lakes, too."""
        asking = copy(self)
        calendar = self.vocabulary.calendar
        facts = reports.read_facts(self.query, self.tables, calendar, reader).items()
        asking.__dict__["facts"] = {n: replace(each, stands_alone=False) for n, each in facts}
        return asking

    @cached_property
    def fresh_until(self) -> Mapping[str, dt.datetime]:
        """Up to when (naive UTC) the sources of each fact table have told."""
        return reports.fresh_until(self.tables)

    def query(self, sql: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
        """The rows of one statement; raises QuestionRefused for one that cannot run."""
        return self._run(sql, parameters, duckdb.DuckDBPyConnection.fetchall)

    def frame(self, sql: str, parameters: Parameters = ()) -> pd.DataFrame:
        """The rows of one statement as a data frame; raises QuestionRefused."""
        return self._run(sql, parameters, duckdb.DuckDBPyConnection.df)

    def batches(self, sql: str, rows: int) -> pa.RecordBatchReader:
        """The rows of one statement that needs no parameter, so many at a time."""
        return self._connection.cursor().sql(sql).to_arrow_reader(rows)

    def _run(
        self, sql: str, parameters: Parameters, fetch: Callable[[duckdb.DuckDBPyConnection], Result]
    ) -> Result:
        # Threads that share one connection get each other's rows; a cursor for each question
        # keeps them apart.
        cursor = self._connection.cursor()
        try:
            return fetch(cursor.execute(self._statement(cursor, sql), parameters or None))
        except duckdb.InterruptException as error:
            if _AT_THE_LIMIT not in str(error):
                raise
            raise TookTooLong(f"The question took too long and was stopped. {_ASK_LESS}") from error
        except duckdb.OutOfMemoryException as error:
            raise QuestionRefused(f"The question needs too much memory. {_ASK_LESS}") from error
        except (duckdb.DataError, duckdb.ProgrammingError) as error:
            first_line = str(error).partition("\n")[0]
            raise NotComputable(f"The database refuses this question: {first_line}") from error

    def _statement(self, cursor: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
        """The one statement of a text; to read it takes a quarter of what a whole question costs.

        A statement holds no values and no plan: threads may execute the same one at once.
        """
        found = self._statements.get(sql)
        if found is None:
            (found,) = cursor.extract_statements(sql)
            if len(self._statements) >= _REMEMBERED:
                self._statements.clear()
            self._statements[sql] = found
        return found


def editions_folder(home: Path) -> Path:
    """Where the editions of a home folder lie."""
    return home / "data" / "editions"


def pointer_file(home: Path) -> Path:
    """The file that says which edition is the current one."""
    return editions_folder(home) / "CURRENT"


def current(home: Path) -> Pointer | None:
    """The edition to read, None before the first; raises NoEdition where the pointer is damaged."""
    file = pointer_file(home)
    try:
        return Pointer.from_json(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise NoEdition(
            f"{file} is damaged ({error}). Run `python -m kpi refresh --no-pull` to write it anew."
        ) from error


def open_edition(home: Path) -> Edition:
    """A new handle on the current edition; raises NoEdition where there is none.

    Screens ask `latest`, which opens each edition once.
    """
    return _with_current(home, Edition)


def latest(home: Path, *, with_vocabulary: bool = True) -> Edition:
    """The current edition, opened once a process and shared by its threads.

    `with_vocabulary=False` is for those who have definitions of their own: reading these takes
    longer than all else.

    Looks at the pointer every time. An edition that is no longer the current one is let go without
    closing it, so that whoever still reads it can finish. Raises NoEdition where there is none.
    """
    return _with_current(home.resolve(), _shared, with_vocabulary)


_open_editions: OrderedDict[Path, Edition] = OrderedDict()
_opening = threading.RLock()


def _shared(path: Path) -> Edition:
    with _opening:
        edition = _open_editions.get(path)
        if edition is None:
            edition = _open_editions[path] = Edition(path)
        _open_editions.move_to_end(path)
        while len(_open_editions) > _KEPT_OPEN:
            _open_editions.popitem(last=False)
        return edition


def _with_current(home: Path, opener: type[Edition] | Any, with_vocabulary: bool = True) -> Edition:
    """Opens what the pointer says; a file that was cleared away meanwhile means a newer pointer."""
    for _ in range(_TRIES):
        pointer = current(home)
        if pointer is None:
            raise NoEdition(f"There are no numbers in {home} yet. Run `python -m kpi refresh`.")
        path = editions_folder(home) / pointer.file
        try:
            edition: Edition = opener(path)
            if with_vocabulary:
                # Read here, where it is known what to say of one that cannot be.
                _ = edition.vocabulary
            return edition
        except duckdb.IOException:
            if path.exists():
                raise
        except (QuestionRefused, Refused) as error:
            raise NoEdition(
                f"{path} was published by another version of this program. "
                "Run `python -m kpi refresh --no-pull` to publish it anew."
            ) from error
    raise NoEdition(f"{path} is gone. Run `python -m kpi refresh --no-pull` to write it anew.")


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    with _opening:
        # The same settings everywhere: DuckDB refuses a second opener of a file with other ones.
        connection = duckdb.connect(str(path), read_only=True, config=_SETTINGS)
        locked = connection.execute("select current_setting('lock_configuration')").fetchall()
        if locked != [(True,)]:
            _attach_segments(connection, path)
            # Both can only be set once everything is open, so the lock comes after them.
            connection.execute("set global enable_external_access = false")
            connection.execute("set global TimeZone = 'UTC'")
            connection.execute("set global lock_configuration = true")
        return connection


def _attach_segments(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Opens the files of large tables, which the edition's views read."""
    folder = parts_folder(path)
    if not folder.is_dir():
        return
    for (name,) in connection.execute("select name from kpi.segments").fetchall():
        file = str(segment_file(folder, name)).replace("'", "''")
        connection.execute(f"attach '{file}' as {quoted(name)} (read_only)")
