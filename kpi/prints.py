"""What tells whether facts in a lake have changed: how many rows, and what they add up to, by day.

A row's print is a number made from all of its columns. The prints of a day add up to the same
number whatever files its rows lie in and in whatever order; where a row differs, so does the sum
(but for one chance in 2^64).
"""

from __future__ import annotations

from collections.abc import Mapping

from kpi.spark_literals import literal
from kpi.touched import EARLIEST, LATEST

# The column that says which file a row lies in.
FILE = "_file"
# In place of a column: all rows of a file, whatever their days.
ALL = ""


def times_of(columns: Mapping[str, str]) -> list[str]:
    """The columns, of these names and DuckDB types, by whose days rows are told apart."""
    return [name for name, kind in columns.items() if kind in ("DATE", "TIMESTAMP")]


def spark_sql(columns: Mapping[str, str]) -> str:
    """The statement over `{rows}` that gives file, field, day, number of rows and sum of prints.

    `columns` are names and DuckDB types. For each of the times there is a row for every UTC day
    that it has (null for rows without), and one with `ALL` for all rows of the file.
    """
    # A null is passed over, so that it stands beside each value whether there is one.
    told = ", ".join(f"{name}, isnull({name})" for name in map(_name, columns))
    selected = [f"{FILE} AS _file", f"xxhash64({told}) AS _print"]
    sets, field, day = [FILE], literal(ALL), "CAST(NULL AS DATE)"
    for index, time in enumerate(times_of(columns)):
        own, moment = f"_day{index}", _name(time)
        within = f"greatest(least(CAST({moment} AS DATE), DATE '{LATEST}'), DATE '{EARLIEST}')"
        selected.append(f"CASE WHEN {moment} IS NOT NULL THEN {within} END AS {own}")
        sets.append(f"{FILE}, {own}")
        field = f"CASE WHEN grouping({own}) = 0 THEN {literal(time.lower())} ELSE {field} END"
        day = f"coalesce({own}, {day})"
    return (
        f"SELECT {FILE} AS file, {field} AS field, {day} AS day, count(*) AS number, "
        "CAST(sum(CAST(_print AS DECIMAL(38, 0))) AS DECIMAL(38, 0)) AS print "
        f"FROM (SELECT {', '.join(selected)} FROM {{rows}}) "
        f"GROUP BY GROUPING SETS ({', '.join(f'({each})' for each in sets)})"
    )


def _name(column: str) -> str:
    return "`" + column.replace("`", "``") + "`"
