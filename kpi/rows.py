"""The rows behind a number: those that the number counts, a page at a time."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kpi.answers import Readable
from kpi.expression import ROW, FactValue, quoted
from kpi.periods import Period
from kpi.questions import Facts, Question, QuestionRefused, check_question
from kpi.reach import AsOf, Latest, first_day
from kpi.vocabulary import Metric, Vocabulary

PAGE = 50
# What a browser still takes as one file, and a server keeps in memory while it does.
LARGEST_DOWNLOAD = 200_000

SOURCE, FIRST_SEEN = "_source", "_first_seen"
_OWN_ID = "_id"
_COLUMN = re.compile(rf'"{ROW}"\."((?:[^"]|"")+)"')
# As `hours_between(a, b)` and its like are spelt out for the database.
_BETWEEN = re.compile(r"\(\(EPOCH_US\((.+?)\) - EPOCH_US\((.+?)\)\) / (\d+)000000\.0\)")
_SPANS = {"60": "minutes", "3600": "hours", "86400": "days"}
_UNTIL = "_until"
_VALUES = 500  # of a dimension, that a filter offers


@dataclass(frozen=True)
class RowsQuestion:
    """Which rows: behind this metric's number of this period, under these conditions.

    `part` narrows them to one of the metric's parts, by its name.
    """

    metric: str
    period: Period
    where: tuple[str, ...] = ()
    part: str | None = None

    @property
    def number(self) -> Question:
        """The question whose number these rows make."""
        period = self.period
        return Question((self.metric,), period.grain, (), self.where, period.start, period.end)


@dataclass(frozen=True)
class Part:
    """Rows that one aggregate of a metric singles out: the failed ones of all deployments."""

    name: str
    condition: str


@dataclass(frozen=True)
class Column:
    """One column of the rows: its name, DuckDB type, and what it is to the metric."""

    name: str
    type: str
    role: str  # time, dimension, fact, counted, source or first seen

    @property
    def is_number(self) -> bool:
        return self.type.startswith(_NUMBERS)


@dataclass(frozen=True)
class Rows:
    """Some of the rows behind a number, the latest first, with how many there are in all."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int


_NUMBERS = (
    "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
    "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
    "FLOAT", "DOUBLE", "DECIMAL",
)  # fmt: skip


def facts_below(vocabulary: Vocabulary, metric: Metric) -> tuple[Metric, ...]:
    """The metrics whose rows a number rests on: itself, or all that its formula comes down to."""
    if not metric.inputs:
        return (metric,)
    found: dict[str, Metric] = {}
    for name in metric.inputs:
        for below in facts_below(vocabulary, vocabulary.metrics[name]):
            found[below.name] = below
    return tuple(found.values())


def parts(metric: Metric) -> tuple[Part, ...]:
    """What the metric's aggregates single out among its rows, in the order of its value."""
    found: dict[str, Part] = {}
    for aggregate in _value(metric).aggregates:
        chosen = [aggregate.condition] if aggregate.condition else []
        chosen += [aggregate.counted] if aggregate.kind == "count_if" else []
        if chosen:
            name = " and ".join(_readable(sql) for sql in chosen)
            found[name] = Part(name, " AND ".join(f"({sql})" for sql in chosen))
    return tuple(found.values())


def rows_behind(
    edition: Readable, question: RowsQuestion, *, page: int = 1, size: int = PAGE
) -> Rows:
    """One page of the rows, from 1; raises QuestionRefused.

    They are all rows that at least one aggregate of the metric counts: the same fact table, time,
    conditions and period as the number's own.
    """
    return _read(edition, question, limit=size, offset=(page - 1) * size)


def all_rows(edition: Readable, question: RowsQuestion) -> Rows:
    """Every row, for a download; raises QuestionRefused where they are too many for one."""
    total = count_rows(edition, question)[question.part]
    if total > LARGEST_DOWNLOAD:
        raise QuestionRefused(
            f"{total:,} rows are more than one file can hold here ({LARGEST_DOWNLOAD:,}). "
            "Choose a shorter period or a filter."
        )
    return _read(edition, question, limit=LARGEST_DOWNLOAD, offset=0)


def count_rows(edition: Readable, question: RowsQuestion) -> Mapping[str | None, int]:
    """How many rows there are, under None, and how many of each part; raises QuestionRefused."""
    metric, facts = _checked(edition, question)
    singled = parts(metric)
    if facts is None:
        return dict.fromkeys((None, *(part.name for part in singled)), 0)
    selected = ["count(*)", *(f"count(*) FILTER (WHERE {part.condition})" for part in singled)]
    where, parameters = _where(edition, replace(question, part=None), metric, facts)
    sql = f"SELECT {', '.join(selected)} FROM {_from(edition.vocabulary, metric)} WHERE {where}"
    counted = edition.query(sql, parameters)[0]
    return dict(zip((None, *(part.name for part in singled)), counted, strict=True))


def keys(edition: Readable, question: RowsQuestion, dimension: str) -> tuple[Any, ...]:
    """The values of a dimension among these rows, the most frequent first, at most 500."""
    metric, facts = _checked(edition, question)
    if facts is None or dimension not in facts.columns:
        return ()
    where, parameters = _where(edition, question, metric, facts)
    key = f"{ROW}.{quoted(dimension)}"
    sql = (
        f"SELECT {key} FROM {_from(edition.vocabulary, metric)} WHERE {where} "
        f"GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {_VALUES}"
    )
    return tuple(row[0] for row in edition.query(sql, parameters))


def equals(dimension: str, key: Any) -> str:
    """The condition that a dimension has this value, as a question's `where` takes it."""
    name = quoted(dimension)
    if key is None:
        return f"{name} is null"
    if isinstance(key, bool):
        return f"{name} = {str(key).lower()}"
    if isinstance(key, (int, float, decimal.Decimal)):
        return f"{name} = {key}"
    kind = {dt.date: "date ", dt.datetime: "timestamp "}.get(type(key), "")
    text = str(key).replace("'", "''")
    return f"{name} = {kind}'{text}'"


def _read(edition: Readable, question: RowsQuestion, *, limit: int, offset: int) -> Rows:
    metric, facts = _checked(edition, question)
    if facts is None:
        return Rows((), (), 0)
    columns, selected = _columns(edition.vocabulary, metric, facts)
    where, parameters = _where(edition, question, metric, facts)
    source = f"FROM {_from(edition.vocabulary, metric)} WHERE {where}"
    total = edition.query(f"SELECT count(*) {source}", parameters)[0][0]
    # Rows of one moment keep their order from page to page: by source, by their id there, and
    # where they have none by all that they say.
    own = [name for name in facts.columns if not name.startswith("_")]
    order = [f"{ROW}.{quoted(edition.vocabulary.time_column(metric))} DESC"]
    order += [f"{ROW}.{quoted(n)}" for n in (SOURCE, _OWN_ID, *own) if n in facts.columns]
    sql = (
        f"SELECT {', '.join(selected)} {source} "
        f"ORDER BY {', '.join(order)} LIMIT $limit OFFSET $offset"
    )
    rows = edition.query(sql, parameters | {"limit": limit, "offset": offset})
    return Rows(columns, tuple(rows), total)


def _checked(edition: Readable, question: RowsQuestion) -> tuple[Metric, Facts | None]:
    check_question(edition.vocabulary, question.number)
    metric = edition.vocabulary.metrics[question.metric]
    if metric.inputs:
        names = ", ".join(below.name for below in facts_below(edition.vocabulary, metric))
        raise QuestionRefused(f"'{metric.name}' is a formula. Ask for the rows of one of: {names}.")
    known = [part.name for part in parts(metric)]
    if question.part is not None and question.part not in known:
        listed = ", ".join(known) or "none"
        raise QuestionRefused(f"'{metric.name}' has no part '{question.part}'. Parts: {listed}.")
    facts = edition.facts.get(metric.tables[0])
    if facts is not None and facts.reader is not None:
        what = f"{metric.tables[0]} lies in a lake, and its rows are not copied."
        raise QuestionRefused(f"{what} They can be seen there.")
    return metric, facts


def _where(
    edition: Readable, question: RowsQuestion, metric: Metric, facts: Facts
) -> tuple[str, dict[str, Any]]:
    """What a row must fulfil, with the values that it is compared with."""
    vocabulary = edition.vocabulary
    value = _value(metric)
    wheres, parameters = _reached(vocabulary, metric, facts, question.period)
    wheres += [f"({value.condition})"] if value.condition else []
    wheres += _counted(value)
    for condition in check_question(vocabulary, question.number):
        wheres.append(f"({condition.sql})")
        parameters |= condition.parameters
    wheres += [f"({part.condition})" for part in parts(metric) if part.name == question.part]
    return " AND ".join(wheres), parameters


def _reached(
    vocabulary: Vocabulary, metric: Metric, facts: Facts, period: Period
) -> tuple[list[str], dict[str, Any]]:
    """That the period's number takes the row: its own, those of its window, those open then."""
    calendar, time = vocabulary.calendar, vocabulary.time_column(metric)

    def bound(column: str, day: dt.date) -> dt.date:
        return day if facts.columns.get(column) == "DATE" else calendar.midnight(day)

    wheres = [f"{ROW}.{quoted(time)} < $high"]
    parameters: dict[str, Any] = {"high": bound(time, period.end)}
    low = first_day(calendar, metric.reach, period)
    if low is not None:
        wheres.append(f"{ROW}.{quoted(time)} >= $low")
        parameters["low"] = bound(time, low)
    if isinstance(metric.reach, AsOf) and metric.reach.end is not None:
        closed = metric.reach.end
        wheres.append(f"coalesce({ROW}.{quoted(closed)}, 'infinity') >= $until")
        parameters["until"] = bound(closed, period.end)
    if isinstance(metric.reach, Latest):
        wheres.append(f"coalesce({ROW}.{_UNTIL}, 'infinity') >= $high")
    return wheres, parameters


def _counted(value: FactValue) -> Iterator[str]:
    """That at least one aggregate counts the row."""
    either = []
    for aggregate in value.aggregates:
        both = [f"({aggregate.condition})"] if aggregate.condition else []
        both += [f"({aggregate.counted}) IS NOT NULL"] if aggregate.counted != "*" else []
        if not both:
            return
        either.append(f"({' AND '.join(both)})")
    yield f"({' OR '.join(dict.fromkeys(either))})"


def _columns(
    vocabulary: Vocabulary, metric: Metric, facts: Facts
) -> tuple[tuple[Column, ...], list[str]]:
    """The columns in the order in which people look for them, and the SQL of each."""
    own = {name: kind for name, kind in facts.columns.items() if not name.startswith("_")}
    time = vocabulary.time_column(metric)
    words = [word for word in metric.dimensions if word in own]
    # A table's first column is what its rows are known by, unless it is the time or a dimension.
    first = [name for name in list(own)[:1] if name != time and name not in words]
    rest = [name for name in own if name not in (*first, time, *words)]
    each = _each(_value(metric))
    columns = [
        *(Column(name, own[name], "fact") for name in first),
        Column(time, own.get(time, ""), "time"),
        *(Column(word, own[word], "dimension") for word in words),
        *([Column(metric.name, "DOUBLE", "counted")] if each else []),
        *(Column(name, own[name], "fact") for name in rest),
        *(
            Column(name, facts.columns[name], role)
            for name, role in ((SOURCE, "source"), (FIRST_SEEN, "first seen"))
            if name in facts.columns
        ),
    ]
    selected = [
        each if each and column.role == "counted" else f"{ROW}.{quoted(column.name)}"
        for column in columns
    ]
    return tuple(columns), selected


def _each(value: FactValue) -> str | None:
    """What each row gives to a value that is one aggregate of something computed from the row."""
    aggregate = value.aggregates[0]
    alone = len(value.aggregates) == 1 and value.formula.sql({"a0": "x"}).strip("()") == "x"
    plain = aggregate.counted == "*" or _COLUMN.fullmatch(aggregate.counted)
    return None if plain or not alone or aggregate.is_count else aggregate.counted


def _readable(sql: str) -> str:
    """A condition as it is written, without the marks that only the database needs."""
    plain = _COLUMN.sub(lambda match: match[1].replace('""', '"'), sql)
    return _BETWEEN.sub(lambda m: f"{_SPANS.get(m[3], m[3])}_between({m[2]}, {m[1]})", plain)


def _from(vocabulary: Vocabulary, metric: Metric) -> str:
    table = f"main.{quoted(metric.tables[0])}"
    if isinstance(metric.reach, Latest):
        # Each entity's rows hold from their moment until its next one.
        per, time = quoted(metric.reach.per), quoted(vocabulary.time_column(metric))
        table = (
            f"(SELECT *, min({time}) OVER (PARTITION BY {per} ORDER BY {time} GROUPS BETWEEN "
            f"1 FOLLOWING AND UNBOUNDED FOLLOWING) AS {_UNTIL} FROM {table} "
            f"WHERE {time} IS NOT NULL)"
        )
    return f"{table} AS {ROW}"


def _value(metric: Metric) -> FactValue:
    assert isinstance(metric.value, FactValue)
    return metric.value
