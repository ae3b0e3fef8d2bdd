"""Merges staged rows into their fact table, inside the caller's transaction."""

from __future__ import annotations

from typing import NamedTuple

import duckdb

from kpi import touched
from kpi.fact_tables import columns_of, name_of
from kpi.parsing import literal, quoted
from kpi.staging import Origin, Staged, names


class Counts(NamedTuple):
    """What became of the rows of a delivery."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    deleted: int = 0


# Every staged row that met a fact: its row there (target), whether it cannot be read (bad), is
# gone at its source (gone), was gone here (was_gone), and holds other values (differs).
_MATCHED = "temp.main.matched"
_CHANGED = "not bad and not gone and (differs or was_gone)"
_UNCHANGED = "not bad and case when gone then was_gone else not (differs or was_gone) end"


def merge(staged: Staged) -> Counts:
    """Brings the fact table up to the staged rows."""
    keyless = not staged.plan.key
    if staged.whole:
        return _become_table(staged)
    if staged.anew or keyless or staged.mode == "append":
        dropped = staged.anew or (keyless and staged.mode == "replace")
        gone = _drop_rows(staged) if dropped else 0
        return Counts(new=_insert(staged, "true"), deleted=gone)
    _match(staged)
    counts = _count(staged)
    # Before anything is added: what is added now has not vanished.
    deleted = _mark_vanished(staged) if staged.mode == "replace" else 0
    newly_gone = f"select target from {_MATCHED} where gone and not was_gone"
    deleted += mark_deleted(staged.connection, staged.origin, newly_gone)
    if counts.changed:
        _rewrite_changed(staged)
    if counts.new:
        _insert(staged, f"rowid not in (select staged from {_MATCHED})")
    if counts.unchanged:
        _see_again(staged)
    staged.connection.execute(f"drop table {_MATCHED}")
    return Counts(counts.new, counts.changed, counts.unchanged, deleted)


def _become_table(staged: Staged) -> Counts:
    into = staged.origin.into
    touched.note_all(staged.connection, into)
    staged.connection.execute(f"drop table {name_of(into)}")
    staged.connection.execute(f"alter table {staged.table} rename to {quoted(into)}")
    return Counts(new=staged.rows)


def _insert(staged: Staged, where: str) -> int:
    own = names(staged.plan.types())
    system = staged.origin.system()
    wanted = f"{_alive(staged)} and {where}"
    # A time that is not delivered is not known: that is noted, too.
    known = columns_of(staged.connection, staged.origin.into)
    items = [
        quoted(name) if name in staged.plan.types() else f"cast(null as {kind}) as {quoted(name)}"
        for name, kind in known.items()
    ]
    added = f"(select {', '.join(items)} from {staged.table} where {wanted})"
    touched.note_rows(staged.connection, staged.origin.into, known, added)
    return affected(
        staged.connection,
        f"insert into {name_of(staged.origin.into)} ({own}, {names(system)}) "
        f"select {own}, {', '.join(system.values())} from {staged.table} "
        f"where {wanted} order by rowid",
    )


def _drop_rows(staged: Staged) -> int:
    into = staged.origin.into
    own = f"{name_of(into)} where _source = {literal(staged.origin.source)}"
    _note(staged.connection, into, f"(select * from {own})")
    return affected(staged.connection, f"delete from {own}")


def _note(connection: duckdb.DuckDBPyConnection, into: str, rows: str) -> None:
    """Notes rows of a fact table as touched, as they are now."""
    touched.note_rows(connection, into, columns_of(connection, into), rows)


def _match(staged: Staged) -> None:
    plan = staged.plan
    same = " and ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in plan.key)
    differs = " or ".join(
        f"t.{quoted(name)} is distinct from s.{quoted(name)}"
        for name in plan.types()
        if name not in plan.key
    )
    staged.connection.execute(
        f"create or replace temp table matched as select s.rowid as staged, t.rowid as target, "
        f"s._reason is not null as bad, {'s._gone' if plan.gone else 'false'} as gone, "
        f"t._deleted_at is not null as was_gone, {differs or 'false'} as differs "
        f"from {name_of(staged.origin.into)} t join {staged.table} s on {same} "
        f"where t._source = {literal(staged.origin.source)}"
    )


def _count(staged: Staged) -> Counts:
    ((changed, unchanged, alive, known),) = staged.connection.execute(
        # Not count_if, which DuckDB 2.0 leaves unknown over no rows.
        f"select count(*) filter (where {_CHANGED}), count(*) filter (where {_UNCHANGED}), "
        f"(select count(*) from {staged.table} where {_alive(staged)}), "
        f"count(*) filter (where not bad and not gone) from {_MATCHED}"
    ).fetchall()
    return Counts(alive - known, changed, unchanged)


def _alive(staged: Staged) -> str:
    return "_reason is null" + (" and not _gone" if staged.plan.gone else "")


def _rewrite_changed(staged: Staged) -> None:
    """Replaces the changed rows. Deleting and adding is faster than updating every column."""
    connection, fact = staged.connection, name_of(staged.origin.into)
    delivered = staged.plan.types()
    system = staged.origin.system() | {"_first_seen": "t._first_seen"}
    # A column that this delivery does not have keeps its value.
    items = [
        f"{'s' if name in delivered else 't'}.{quoted(name)}"
        for name in columns_of(connection, staged.origin.into)
    ]
    items += [f"{sql} as {quoted(name)}" for name, sql in system.items()]
    connection.execute(
        f"create or replace temp table rewritten as select {', '.join(items)} "
        f"from {_MATCHED} m join {staged.table} s on s.rowid = m.staged "
        f"join {fact} t on t.rowid = m.target where {_CHANGED}"
    )
    into, changed = staged.origin.into, f"select target from {_MATCHED} where {_CHANGED}"
    _note(connection, into, f"(select * from {fact} where rowid in ({changed}))")
    _note(connection, into, "temp.main.rewritten")
    connection.execute(f"delete from {fact} where rowid in ({changed})")
    connection.execute(f"insert into {fact} by name from temp.main.rewritten")
    connection.execute("drop table temp.main.rewritten")


def mark_deleted(connection: duckdb.DuckDBPyConnection, origin: Origin, targets: str) -> int:
    """Marks rows as deleted at their source; `targets` selects their rowids."""
    gone = f"(select * from {name_of(origin.into)} where rowid in ({targets}))"
    _note(connection, origin.into, gone)
    return affected(
        connection,
        f"update {name_of(origin.into)} set _deleted_at = timestamp {literal(origin.at)}, "
        f"_run = {origin.run} where rowid in ({targets})",
    )


def mark_restored(connection: duckdb.DuckDBPyConnection, origin: Origin, targets: str) -> None:
    """Marks deleted rows as there again; `targets` selects their rowids."""
    back = f"(select * from {name_of(origin.into)} where rowid in ({targets}))"
    _note(connection, origin.into, back)
    connection.execute(
        f"update {name_of(origin.into)} set _deleted_at = null, _run = {origin.run}, "
        f"_last_seen = timestamp {literal(origin.at)} where rowid in ({targets})"
    )


def _mark_vanished(staged: Staged) -> int:
    # A rejected row is there, even though it cannot be read: its old version stays.
    fact = name_of(staged.origin.into)
    return mark_deleted(
        staged.connection,
        staged.origin,
        f"select rowid from {fact} where _source = {literal(staged.origin.source)} "
        f"and _deleted_at is null and rowid not in (select target from {_MATCHED})",
    )


def _see_again(staged: Staged) -> None:
    staged.connection.execute(
        f"update {name_of(staged.origin.into)} "
        f"set _last_seen = timestamp {literal(staged.origin.at)} "
        f"where rowid in (select target from {_MATCHED} where {_UNCHANGED} and not gone)"
    )


def affected(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Runs a statement that changes rows, and says how many."""
    ((rows,),) = connection.execute(sql).fetchall()
    return int(rows)
