"""Keeps rollups up to date in the working database: only of the days on which rows changed.

Every statement reads the views that metrics read, so what is kept says what the facts say. Who is
killed in between leaves days noted as touched, and the next publication computes them again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

import duckdb

from connectors.contract import SourceError
from kpi import daily_parts, rollups
from kpi.daily_parts import DayAxis
from kpi.editions import DatabaseError
from kpi.exact_answers import ExactAxis
from kpi.expression import Aggregate
from kpi.keeper import Keeper, Limits, digest
from kpi.plan import fact_value
from kpi.questions import Facts, QuestionRefused, alone
from kpi.reach import OVERLAPPING, AsOf, Latest, Own, Reach
from kpi.rollups import Rollup, counted, parts, present
from kpi.touched import Touched
from kpi.transaction import transaction
from kpi.vocabulary import Metric, Vocabulary

Axis = DayAxis | ExactAxis
# Counted up when what is kept changes its form, so that all of it is computed anew.
_LAYOUT = 1
_FLOATING = ("DOUBLE", "FLOAT")
_MEND = "Mend its facts or the metrics that take them, then refresh again."
_log = logging.getLogger(__name__)


def roll_up(
    connection: duckdb.DuckDBPyConnection,
    vocabulary: Vocabulary,
    facts: Mapping[str, Facts],
    changed_rows: Touched,
    limits: Limits | None = None,
) -> None:
    """Brings what is kept of these facts up to date with what was touched.

    What cannot be computed is not kept: facts answer, or say why not.
    """
    keeper = Keeper(connection, vocabulary, alone(facts), changed_rows, limits or Limits())
    wanted = {axis.name: axis for axis in _axes(keeper)}
    known = _known(connection)
    changed = False
    for name in known.keys() - wanted.keys():
        _forget(connection, name)
        changed = True
    for name, axis in wanted.items():
        changed |= _bring_up(keeper, axis, known.get(name))
    if changed:
        daily_parts.stand_together(connection)


# By axis, the digest of what was kept and what that is.
_Known = tuple[str, list[Rollup]]


def _known(connection: duckdb.DuckDBPyConnection) -> dict[str, _Known]:
    found: dict[str, _Known] = {}
    rows = connection.execute("select axis, digest, told from kpi.rollups order by axis")
    for axis, digest_of, told in rows.fetchall():
        found.setdefault(axis, (digest_of, []))[1].append(rollups.from_json(told))
    return found


def _bring_up(keeper: Keeper, axis: Axis, known: _Known | None) -> bool:
    """Brings one axis up to date, all or nothing; False where it was already."""
    connection = keeper.connection
    try:
        with transaction(connection):
            # What is worth keeping is decided again when there are four times as many facts.
            magnitude = keeper.count(axis.table).bit_length() // 2
            means = digest(_LAYOUT, duckdb.__version__, axis.meaning(keeper), magnitude)
            same = known is not None and known[0] == means and not keeper.touched.all(axis.table)
            found = axis.bring_up(keeper, known[1] if known and same else ())
            if found is not None:
                connection.execute("delete from kpi.rollups where axis = ?", (axis.name,))
                for rollup in found:
                    row = (axis.name, means, rollups.to_json(rollup))
                    connection.execute("insert into kpi.rollups values (?, ?, ?)", row)
    except (DatabaseError, QuestionRefused) as error:
        why = str(error).partition("\n")[0]
        if keeper.is_elsewhere(axis.table):
            # Nobody else can answer: there would be no number at all.
            raise SourceError(f"{axis.table} cannot be rolled up: {why}", _MEND) from error
        _log.warning("'%s' is not kept ready: %s", axis.name, why)
        keeper.by_day.pop((axis.table, axis.time), None)
        _forget(connection, axis.name)
        return True
    return found is not None


def _forget(connection: duckdb.DuckDBPyConnection, axis: str) -> None:
    connection.execute("delete from kpi.rollups where axis = ?", (axis,))
    daily_parts.drop(connection, axis)


def _axes(keeper: Keeper) -> Iterator[Axis]:
    """What is to be kept of facts that are there, so that all their metrics can be answered."""
    days: dict[tuple[str, str, AsOf | None], list[Metric]] = {}
    exact: dict[tuple[str, str, Reach], list[Metric]] = {}
    for metric in keeper.vocabulary.metrics.values():
        if metric.inputs or not _is_there(keeper, metric):
            continue
        table, time = metric.tables[0], keeper.vocabulary.time_column(metric)
        if _adds_up(keeper, metric):
            level = metric.reach if isinstance(metric.reach, AsOf) else None
            days.setdefault((table, time, level), []).append(metric)
        elif keeper.is_worth_answers(table):
            exact.setdefault((table, time, metric.reach), []).append(metric)
            if isinstance(metric.reach, OVERLAPPING):
                # Signals are judged on the rows that are a period's own.
                exact.setdefault((table, time, Own()), []).append(metric)
    for (table, time, level), metrics in days.items():
        yield DayAxis(table, time, level, _parts(metrics), _words(keeper, table))
    for (table, time, reach), metrics in exact.items():
        yield ExactAxis(table, time, reach, tuple(metrics))


def _is_there(keeper: Keeper, metric: Metric) -> bool:
    facts = keeper.facts.get(metric.tables[0])
    time = keeper.vocabulary.time_column(metric)
    return facts is not None and facts.columns.get(time) in ("DATE", "TIMESTAMP")


def _adds_up(keeper: Keeper, metric: Metric) -> bool:
    """Whether a metric follows from parts of each day, exactly."""
    value = fact_value(metric)
    if isinstance(metric.reach, Latest):
        return False
    if not all(parts(aggregate, value.condition) for aggregate in value.aggregates):
        return False
    return not isinstance(metric.reach, AsOf) or all(
        _can_be_taken_away(keeper, metric.tables[0], aggregate) for aggregate in value.aggregates
    )


def _can_be_taken_away(keeper: Keeper, table: str, aggregate: Aggregate) -> bool:
    """Whether what closes can be subtracted: not from a lowest, nor from a sum of rounded parts."""
    if aggregate.kind in ("min", "max"):
        return False
    columns = keeper.columns(table, parts(aggregate, None), f'main."{table}" as t', "_p")
    return all(column.type not in _FLOATING for column in columns.values())


def _parts(metrics: list[Metric]) -> tuple[str, ...]:
    """The SQL of every part of these metrics, with what each rests on and how many rows it has."""
    found: dict[str, None] = {}
    for metric in metrics:
        value = fact_value(metric)
        found[present(value.condition)] = None
        for aggregate in value.aggregates:
            own = (*parts(aggregate, value.condition), counted(aggregate, value.condition))
            found |= dict.fromkeys(own)
    return tuple(sorted(found))


def _words(keeper: Keeper, table: str) -> tuple[str, ...]:
    """What facts are divided by: their own dimensions, and the keys by which others are found."""
    declared = keeper.vocabulary.tables[table]
    wanted = (*declared.by, *(lookup.on for lookup in declared.lookup))
    columns = keeper.facts[table].columns
    return tuple(word for word in dict.fromkeys(wanted) if word in columns)
