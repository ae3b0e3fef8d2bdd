"""An edition in memory: real DuckDB, fact tables made from rows, a vocabulary from a few words."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import duckdb

from kpi import rollups, touched
from kpi.editions import SourceReport
from kpi.imprint import every_day
from kpi.keeper import Limits
from kpi.period_rows import extent
from kpi.periods import Calendar
from kpi.questions import Facts, NotComputable, alone
from kpi.restated import Key, Restated
from kpi.rolling_up import roll_up
from kpi.vocabulary import Metric, Vocabulary
from kpi.vocabulary_file import load_vocabulary

Row = Sequence[Any]
OWNERS = {"it": "Platform", "business": "Sales"}
TODAY = dt.datetime(2026, 11, 21, 9)
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Rows:
    """A fact table: its columns as in `CREATE TABLE`, and its rows; a time may be a text."""

    columns: str
    rows: Sequence[Row] = ()


def vocabulary_text(
    metrics: Mapping[str, str | Mapping[str, Any]],
    *,
    tables: Mapping[str, Mapping[str, Any]],
    dimensions: Sequence[str] = (),
    calendar: Mapping[str, str] | None = None,
    outcomes: Sequence[str] = ("reliable",),
) -> str:
    """A whole metrics.yaml (JSON is YAML) around these values; what is not given is made up."""
    entries = {}
    for name, given in metrics.items():
        entry = {"value": given} if isinstance(given, str) else given
        made_up = {
            "label": name.capitalize().replace("_", " "),
            "definition": f"What {name} means.",
            "side": "it",
            "outcome": outcomes[0],
            "owners": OWNERS,
            "good": "up",
        }
        entries[name] = made_up | dict(entry)
    described = {"label": "Label", "definition": "What it means."}
    whole = {
        "version": 1,
        "calendar": dict(calendar or {"timezone": "UTC"}),
        "dimensions": {word: described for word in dimensions},
        "tables": {name: {"row": "one row", **table} for name, table in tables.items()},
        "outcomes": {name: {**described, "owners": OWNERS} for name in outcomes},
        "metrics": entries,
    }
    return json.dumps(whole, indent=1)


def metric(**given: Any) -> Metric:
    """A metric with these keys."""
    text = vocabulary_text(
        {"m": {"value": "count(*) from t", **given}}, tables={"t": {"time": "at_utc"}}
    )
    return load_vocabulary(text).metrics["m"]


class Memory:
    """What `kpi.answers.Readable` and the scorecard ask for, without a file or a refresh.

    `fresh_until` is how far the sources of every table have told, or of each by its name; a table
    that is left out there has never been told of.
    """

    def __init__(
        self,
        vocabulary: Vocabulary | str,
        tables: Mapping[str, Rows],
        *,
        fresh_until: dt.datetime | Mapping[str, dt.datetime] = TODAY,
        published_at: dt.datetime = TODAY,
        reports: Sequence[SourceReport] = (),
    ) -> None:
        if isinstance(vocabulary, str):
            vocabulary = load_vocabulary(vocabulary)
        self.vocabulary = vocabulary
        self.published_at = published_at
        self.reports = tuple(reports)
        self.restated: dict[Key, Restated] = {}
        self.facts: dict[str, Facts] = {}
        # Beside the calendar's days, for a database of its own takes ten times as long to open.
        self._connection = calendar_database(vocabulary.calendar).cursor()
        name = f"edition_{next(_NUMBERS)}"
        self._connection.execute(
            f"ATTACH ':memory:' AS {name}; USE {name};"
            "CREATE SCHEMA kpi; CREATE VIEW kpi.days AS FROM memory.kpi.days"
        )
        self.fill(tables, fresh_until)

    def fill(
        self,
        tables: Mapping[str, Rows],
        fresh_until: dt.datetime | Mapping[str, dt.datetime] = TODAY,
    ) -> None:
        """Puts these fact tables in the place of those before."""
        for name in self.facts:
            self.query(f'DROP TABLE main."{name}"')
        # Whatever a test made of `facts`: what was kept of other rows must not be found again.
        self._connection.execute("DROP SCHEMA IF EXISTS rollups CASCADE")
        self._connection.execute("DROP TABLE IF EXISTS kpi.rollups")
        if isinstance(fresh_until, dt.datetime):
            fresh_until = dict.fromkeys(tables, fresh_until)
        self.fresh_until = dict(fresh_until)
        self.facts = {name: self._fill(name, table) for name, table in tables.items()}

    def roll_up(self, limits: Limits | None = None) -> None:
        """Keeps ready what questions ask for, as a publication does."""
        self._connection.execute(rollups.TABLE + touched.TABLE)
        facts = alone(self.facts)
        roll_up(self._connection, self.vocabulary, facts, touched.Touched(self._connection), limits)
        touched.forget(self._connection)
        kept = rollups.read(self.query)
        self.facts = {n: replace(f, rollups=kept.get(n, ())) for n, f in facts.items()}

    def change(self, table: str, old: str, change: str, new: str) -> None:
        """Changes rows as a refresh does: what they were and what they become is noted.

        `old` and `new` select rows, before the change and after it.
        """
        columns = self.facts[table].columns
        touched.note_rows(self._connection, table, columns, f"({old})")
        self._connection.execute(change)
        touched.note_rows(self._connection, table, columns, f"({new})")

    def adopt(self, vocabulary: str) -> None:
        """Puts these definitions in the place of those before; the calendar must be the same."""
        adopted = load_vocabulary(vocabulary)
        assert adopted.calendar == self.vocabulary.calendar
        self.vocabulary = adopted

    def query(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of one statement; raises QuestionRefused for one that cannot run."""
        try:
            return self._connection.execute(sql, parameters or None).fetchall()
        except duckdb.Error as error:
            raise NotComputable(f"The database refuses this question: {error}") from error

    def _fill(self, name: str, table: Rows) -> Facts:
        self.query(f'CREATE TABLE main."{name}" ({table.columns})')
        if table.rows:
            places = ", ".join("?" for _ in table.rows[0])
            values = ", ".join(f"({places})" for _ in table.rows)
            flat = [value for row in table.rows for value in row]
            self._connection.execute(f'INSERT INTO main."{name}" VALUES {values}', flat)
        columns = {row[0]: row[1] for row in self.query(f'DESCRIBE main."{name}"')}
        fresh = self.fresh_until.get(name)
        # What is told at midnight sharp says nothing of the day that begins there.
        told = self._local_day(fresh - dt.timedelta(microseconds=1)) if fresh else None
        return Facts(columns, self._first_day(name, columns), told)

    def _first_day(self, name: str, columns: Mapping[str, str]) -> dt.date | None:
        declared = self.vocabulary.tables.get(name)
        if declared is None or declared.time not in columns:
            return None
        ((first, _),) = self.query(extent(name, declared.time))
        return self._local_day(first)

    def _local_day(self, moment: dt.datetime | dt.date | None) -> dt.date | None:
        if isinstance(moment, dt.datetime):
            return self.vocabulary.calendar.local_day(moment)
        return moment


@lru_cache(maxsize=16)
def calendar_database(calendar: Calendar) -> duckdb.DuckDBPyConnection:
    """The days of a calendar as an edition keeps them; every edition attaches itself beside."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    connection.register("every_day", every_day(calendar))
    connection.execute("CREATE SCHEMA kpi; CREATE TABLE kpi.days AS FROM every_day")
    connection.unregister("every_day")
    return connection
