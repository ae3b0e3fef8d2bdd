"""Statements on a Spark cluster: the same numbers as DuckDB's, for each thing that can be asked."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Parquet
from kpi.answers import statement
from kpi.compiler import Statement
from kpi.questions import NotComputable, Question
from kpi.spark import Cluster
from kpi.spark_sql import RARE
from tests.kpi.memory import Memory, Rows, vocabulary_text
from tests.kpi.on_spark import both, differences, register, rows_of

pytestmark = pytest.mark.spark

GRAINS = ("day", "week", "month", "quarter", "year", "total")
TABLES: Mapping[str, Mapping[str, Any]] = {
    "events": {
        "time": "happened_at",
        "by": ["a", "b"],
        "lookup": {"places": {"on": "site", "by": ["c"]}},
    },
    "visits": {"time": "day", "by": ["b", "a"]},
    "nothing": {"time": "day", "by": ["a", "b"]},
}
COLUMNS = {
    "events": "happened_at TIMESTAMP, ended_at TIMESTAMP, due DATE, site VARCHAR, a VARCHAR, "
    "b VARCHAR, x INTEGER, y BIGINT, m DECIMAL(12,2), f DOUBLE, flag BOOLEAN, who INTEGER",
    "visits": "day DATE, until DATE, a VARCHAR, b VARCHAR, x INTEGER, m DECIMAL(12,2)",
    "nothing": "day DATE, a VARCHAR, b VARCHAR, x INTEGER",
    "places": "site VARCHAR, c VARCHAR",
}
HOSTILE = (
    "it's",
    'say "no"',
    "back\\slash",
    "a\\'b",
    "${spark.app.name}",
    "`tick`; drop table x --",
    "100%_",
    "\\u0041",
    "line\nbreak",
    "Ünï – 漢 😀",
    " padded ",
    "",
)
KEYS = ("k", "K", None, *HOSTILE)
EVERY_KIND = {
    "counted": "count(*) from events",
    "counted_column": "count(x) from events",
    "counted_if": "count_if(x >= 2) from events",
    "counted_if_flag": "count_if(flag) from events where x > 0",
    "distinct_texts": "count(distinct a) from events",
    "distinct_numbers": "count(distinct m) from events",
    "summed": "sum(x) from events",
    "summed_large": "sum(y) from events",
    "summed_decimals": "sum(m) from events",
    "summed_floats": "sum(f) from events",
    "product": "sum(x * m) from events",
    "square": "sum(m * m) from events",
    "average": "avg(x) from events",
    "average_decimals": "avg(m) from events",
    "average_floats": "avg(f) from events",
    "average_filtered": "avg(m) filter (where flag) from events",
    "least_of_them": "min(m) from events",
    "largest": "max(x) from events",
    "largest_float": "max(f) from events",
    "any_flag": "max(flag) from events",
    "middle": "median(m) from events",
    "middle_filtered": "median(x) filter (where flag) from events where m > 0",
    "ninetieth": "percentile(m, 0.9) from events",
    "seventh": "percentile(f, 0.07) from events",
    "none_of_them": "percentile(x, 0) from events",
    "at_rank": "percentile_disc(m, 0.9) from events",
    "at_low_rank": "percentile_disc(f, 0.07) from events",
    "at_rank_filtered": "percentile_disc(x, 0.5) filter (where flag) from events",
    "lasted": "avg(minutes_between(happened_at, ended_at)) from events",
    "lasted_hours": "sum(hours_between(happened_at, ended_at)) from events",
    "lasted_days": "median(days_between(happened_at, due)) from events",
    "share": "100 * count_if(x >= 3) / count(x) from events",
    "ratio": "sum(m) / sum(x) from events",
    "ratio_within": "avg(m / x) from events",
    "part": "sum(m) / 3 from events",
    "changed_sign": "-sum(x) - -sum(m) from events",
    "chosen": "sum(case when flag then x when m > 1 then 2 else 0 end) from events",
    "simple_chosen": "sum(case a when 'k' then 1 when 'K' then 2 end) from events",
    "chosen_if": "sum(if(flag, m, 0)) from events",
    "filled": "sum(coalesce(x, 0) + coalesce(m, 1.5)) from events",
    "bounded": "sum(greatest(x, m, 0)) + sum(least(x, 1)) from events",
    "distances": "sum(abs(x - m)) from events",
    "no_zeros": "count(nullif(x, 0)) from events",
    "small_factor": "sum(x * 1e-3) + sum(x * 0.001) from events",
    "waiting": "sum(due - date '2026-01-01') from events",
}
CONDITIONS = {
    "x between 0 and 2",
    "x not between 0 and 2",
    "a in ('k', 'it''s')",
    "a not in ('k', 'it''s')",
    "a like '%a%'",
    "a not like '%\\%'",
    "a like 'back\\slash'",
    "a like '100%_'",
    "a like '_'",
    "a like 'Ü_ï – _ _'",
    "a like ''",
    "flag is true",
    "flag is not false",
    "flag is null",
    "not (flag and x > 1 or m < 0)",
    "due = '2026-03-29'",
    "due >= date '2026-03-29'",
    "happened_at >= '2026-03-29'",
    "happened_at < '2026-03-29 01:30:00'",
    "happened_at < timestamp '2026-03-29 01:30:00'",
    "happened_at < due",
    "m in (-9.99, 1.50)",
    "m <> x",
    "f < 0.3",
    "f <> m",
    "due - date '2026-01-01' > 80",
}


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def events(days: Sequence[str]) -> list[tuple[Any, ...]]:
    """Rows at odd times of these days and beside their midnights, in which everything varies."""
    rows: list[tuple[Any, ...]] = []
    tick = dt.timedelta(microseconds=1)
    for number, day in enumerate(days):
        # The last two are within and over the hour that clocks leave out in some zone or other.
        for hour in (*range(-14, 38, 4), 2, 1):
            i = len(rows)
            at = moment(day) + dt.timedelta(hours=hour, minutes=30 * (i % 2)) - tick * (i % 3 == 0)
            ended = None if i % 5 == 0 else at + dt.timedelta(minutes=7 * i + 1, seconds=i % 60)
            if hour in (1, 2):
                ended = at + dt.timedelta(hours=2)
            rows.append(
                (
                    None if i % 31 == 30 else at,
                    ended,
                    (at + dt.timedelta(days=i % 9)).date(),
                    ("s1", "s2", "s3", "elsewhere", None)[i % 5],
                    KEYS[i % len(KEYS)],
                    ("p", "q", None)[number % 3],
                    None if i % 7 == 6 else i % 6 - 2,
                    None if i % 4 == 3 else 10**15 + i,
                    None if i % 6 == 5 else (i * 37 % 1999 - 999) / 100,
                    None if i % 8 == 7 else i * 0.1 - 3,
                    (True, False, None)[i % 3],
                    (1, 2, None)[i % 3],
                )
            )
    return rows


def visits(days: Sequence[str]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for number, day in enumerate(days):
        for off in range(-3, 4):
            first = moment(day).date() + dt.timedelta(days=off)
            until = None if off == 2 else first + dt.timedelta(days=number % 5)
            a, b = KEYS[(number + off) % 4], ("p", None)[off % 2]
            rows.append((first, until, a, b, off, None if off == 0 else number + 0.25))
    return rows


DAYS = ("2025-12-31", "2026-02-28", "2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25")
PLACES = [("s1", "north"), ("s2", "south"), ("s3", None)]


def world(
    metrics: Mapping[str, Any],
    *,
    days: Sequence[str] = DAYS,
    zone: str = "Europe/Berlin",
    **starts: str,
) -> Memory:
    """Facts around these days, with these metrics."""
    calendar = {"timezone": zone, **starts}
    text = vocabulary_text(metrics, tables=TABLES, dimensions=("a", "b", "c"), calendar=calendar)
    rows = {"events": events(days), "visits": visits(days), "nothing": [], "places": PLACES}
    filled = {name: Rows(columns, rows[name]) for name, columns in COLUMNS.items()}
    return Memory(text, filled)


@pytest.fixture(scope="module")
def cluster(spark_address: str) -> Iterator[Cluster]:
    opened = Cluster(spark_address)
    yield opened
    opened.close()


@pytest.fixture
def apart(spark_address: str) -> Iterator[Cluster]:
    """A session of its own, for other facts."""
    opened = Cluster(spark_address)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def berlin(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Memory:
    """The world in which most is asked; the cluster has the same facts."""
    memory = world(EVERY_KIND)
    register(cluster, memory, tmp_path_factory.mktemp("berlin"))
    cluster.set_calendar(memory.vocabulary.calendar)
    return memory


def adopt(memory: Memory, metrics: Mapping[str, Any], zone: str = "Europe/Berlin") -> Memory:
    """The same facts with other metrics."""
    text = vocabulary_text(
        metrics, tables=TABLES, dimensions=("a", "b", "c"), calendar={"timezone": zone}
    )
    memory.adopt(text)
    return memory


def asked(
    metrics: Mapping[str, Any],
    grain: str = "month",
    by: tuple[str, ...] = (),
    where: tuple[str, ...] = (),
    start: str = "2025-12-29",
    end: str = "2026-05-02",
) -> Question:
    first, last = dt.date.fromisoformat(start), dt.date.fromisoformat(end)
    return Question(tuple(metrics), grain, by, where, first, last)


@pytest.mark.parametrize("grain", GRAINS)
def test_every_kind_of_metric_is_the_same_at_every_grain(
    cluster: Cluster, berlin: Memory, grain: str
) -> None:
    adopt(berlin, EVERY_KIND)

    expected, found = both(cluster, berlin, asked(EVERY_KIND, grain))

    assert differences(expected, found) == []


def test_conditions_are_the_same_where_metrics_have_them(cluster: Cluster, berlin: Memory) -> None:
    metrics = {
        f"m{index}": f"count(*) filter (where {condition}) from events"
        for index, condition in enumerate(CONDITIONS)
    }
    adopt(berlin, metrics)

    expected, found = both(cluster, berlin, asked(metrics, "total"))

    assert all(n > 0 for n in expected[0][1::2]), expected
    assert differences(expected, found) == []


def test_hostile_texts_are_the_same_where_metrics_have_them(
    cluster: Cluster, berlin: Memory
) -> None:
    # A vocabulary holds no line break and, as it is written here, no smiley.
    written = [text.replace("'", "''") for text in HOSTILE if "\n" not in text and "😀" not in text]
    metrics = {
        f"m{index}": f"count_if(a = '{text}') + 10 * count_if(a like '{text}') from events"
        for index, text in enumerate(written)
    }
    adopt(berlin, metrics)

    expected, found = both(cluster, berlin, asked(metrics, "year"))

    assert any(row[1] for row in expected)
    assert differences(expected, found) == []


@pytest.mark.parametrize(
    "where",
    [
        ("a in (" + ", ".join("'" + text.replace("'", "''") + "'" for text in HOSTILE) + ")",),
        ("a = 'it''s' or a like 'back\\%'", "b is not null"),
        ("a = '${spark.app.name}'",),
        ("not (a = 'k' or b in ('p', 'q')) or a is null",),
        ("c = 'north' or c is null",),
    ],
)
def test_filters_of_a_question_are_the_same(
    cluster: Cluster, berlin: Memory, where: tuple[str, ...]
) -> None:
    adopt(berlin, EVERY_KIND)

    expected, found = both(cluster, berlin, asked(("counted", "middle"), "quarter", ("b",), where))

    assert any(row[3] for row in expected)
    assert differences(expected, found) == []


LETTERS = {
    "capitals": "count(distinct upper(a)) + count_if(upper(a) like 'ÜNÏ – 漢 _') from events",
    "small": "count(distinct lower(a)) + count_if(lower(a) = 'k') from events",
}
ROUNDED = {
    "round_decimal": "sum(round(m, 1)) from events",
    "round_decimal_whole": "sum(round(m)) from events",
    "round_decimal_tens": "sum(round(m, -1)) from events",
    "round_decimal_far": "sum(round(m, 5)) from events",
    "round_whole": "sum(round(x, 1)) from events",
    "round_tens": "sum(round(y, -1)) from events",
    "round_float": "sum(round(f, 1)) from events",
    "round_float_whole": "sum(round(f)) from events",
    "round_float_tens": "sum(round(f, -1)) from events",
    "round_ratio": "round(100 * sum(m) / sum(x), 2) from events",
    "round_half": "sum(round(m / 2, 2)) from events",
    "round_average": "round(avg(m), 1) from events",
}


def test_letters_and_rounding_are_the_same(cluster: Cluster, berlin: Memory) -> None:
    metrics = {**LETTERS, **ROUNDED}
    adopt(berlin, metrics)

    expected, found = both(cluster, berlin, asked(metrics, "month"))

    assert differences(expected, found) == []


REACHES: Mapping[str, Any] = {
    "of_a_month": {"value": "sum(m) from events", "window": "1 month"},
    "of_90_days": {"value": "count(distinct a) from events", "window": "90 days"},
    "ever": {"value": "count(*) from events", "window": "all"},
    "days_of_month": {"value": "sum(x) from visits", "window": "30 days"},
    "in_month": {"value": "count(*) from events", "to_date": "month"},
    "in_quarter": {"value": "median(m) from events", "to_date": "quarter"},
    "in_year": {"value": "sum(m) from visits", "to_date": "year"},
    "open": {"value": "count(*) from events", "as_of": {"from": "happened_at", "to": "ended_at"}},
    "open_days": {"value": "sum(x) from events", "as_of": {"from": "happened_at", "to": "due"}},
    "opened": {"value": "count(*) from events", "as_of": {"from": "happened_at"}},
    "present": {"value": "count(*) from visits", "as_of": {"from": "day", "to": "until"}},
    "last": {"value": "sum(m) from events", "latest": {"per": "who", "carry": False}},
    "last_carried": {"value": "sum(m) from events", "latest": {"per": "a", "carry": True}},
    "last_day": {"value": "sum(x) from visits", "latest": {"per": "a", "carry": False}},
    "last_day_carried": {"value": "count(*) from visits", "latest": {"per": "b", "carry": True}},
}


@pytest.mark.parametrize("grain", GRAINS)
def test_every_reach_is_the_same_at_every_grain(
    cluster: Cluster, berlin: Memory, grain: str
) -> None:
    adopt(berlin, REACHES)

    expected, found = both(cluster, berlin, asked(REACHES, grain, start="2026-02-20"))

    assert differences(expected, found) == []


FORMULAS: Mapping[str, Any] = {
    "counted": {"value": "count(*) from events", "empty": 0},
    "summed": {"value": "sum(m) from events", "empty": 2.5},
    # Of three places DuckDB would keep two: a sum of decimals has no room for more.
    "visited": {"value": "sum(m) from visits", "empty": 0.25},
    "unknown": "sum(x) from nothing",
    "none": {"value": "count(*) from nothing", "empty": 0},
    "each": "summed / counted",
    "beside": {"value": "100 * (visited - summed) / visited", "empty": 1},
    "growth": "100 * (counted - ago(counted, '1 year')) / ago(counted, '1 year')",
    "before": "coalesce(ago(summed, '3 months'), 0) + visited",
    "nested": "growth + round(each, 2) - least(before, each, 5)",
    "with_nothing": "coalesce(unknown, 0) + none",
    "score": {
        "value": "100 * (count_if(x >= 3) - count_if(x <= 0)) / count(x) from events",
        "margin": "nps",
    },
    "share": {"value": "100 * count_if(x >= 3) / count(x) from events", "margin": "share"},
}


@pytest.mark.parametrize(
    ("grain", "by"),
    [
        ("month", ()),
        ("quarter", ("a",)),
        ("year", ("b", "a")),
        ("total", ()),
        ("total", ("a", "b")),
        ("day", ("b",)),
    ],
)
def test_formulas_margins_and_empty_periods_are_the_same(
    cluster: Cluster, berlin: Memory, grain: str, by: tuple[str, ...]
) -> None:
    adopt(berlin, FORMULAS)
    ago = [name for name in FORMULAS if grain == "day" or name != "before"]
    names = FORMULAS if grain in ("month", "day", "total") else [n for n in ago if n != "nested"]

    # From before the first to after the last row.
    expected, found = both(
        cluster, berlin, asked(tuple(names), grain, by, start="2025-10-01", end="2026-11-30")
    )

    assert differences(expected, found) == []


@pytest.mark.parametrize("by", [("a",), ("b", "a"), ("c",), ("c", "b")])
def test_breakdowns_with_keys_that_nobody_knows_are_the_same(
    cluster: Cluster, berlin: Memory, by: tuple[str, ...]
) -> None:
    adopt(berlin, EVERY_KIND)

    expected, found = both(cluster, berlin, asked(EVERY_KIND, "quarter", by))

    assert any(None in row[1 : 1 + len(by)] for row in expected)
    assert differences(expected, found) == []


ZONES = {
    # zone, first day of the week, first month of the fiscal year, days on which its clocks change
    "Australia/Lord_Howe": ("sunday", "july", ("2026-04-04", "2026-04-05", "2026-10-03")),
    "America/New_York": ("sunday", "april", ("2026-03-07", "2026-03-08", "2026-11-01")),
    "Europe/Berlin": ("monday", "january", ("2026-03-28", "2026-03-29", "2026-10-25")),
    "Pacific/Apia": ("saturday", "february", ("2011-12-29", "2011-12-30", "2011-12-31")),
}
BY_TIME: Mapping[str, Any] = {
    "counted": "count(*) from events",
    "ended": {"value": "sum(m) from events", "time": "ended_at"},
    "due": {"value": "count(distinct a) from events", "time": "due"},
    "visited": "sum(x) from visits",
    "of_a_week": {"value": "sum(m) from events", "window": "7 days"},
    "of_quarter": {"value": "count(*) from events", "to_date": "quarter"},
    "open": {"value": "count(*) from events", "as_of": {"from": "happened_at", "to": "ended_at"}},
    "last": {"value": "sum(x) from events", "latest": {"per": "who", "carry": True}},
}


@pytest.mark.parametrize("zone", ZONES)
def test_days_weeks_quarters_and_years_are_those_of_the_calendar(
    apart: Cluster, tmp_path: Path, zone: str
) -> None:
    week, year, days = ZONES[zone]
    memory = world(BY_TIME, days=days, zone=zone, week_starts=week, fiscal_year_starts=year)
    register(apart, memory, tmp_path)
    apart.set_calendar(memory.vocabulary.calendar)
    start, end = min(days)[:8] + "01", f"{int(max(days)[:4]) + 1}-01-15"

    wrong = {}
    for grain in GRAINS:
        question = asked(tuple(BY_TIME), grain, ("b",) if grain == "day" else (), (), start, end)
        expected, found = both(apart, memory, question)
        wrong[grain] = differences(expected, found)

    assert wrong == {grain: [] for grain in GRAINS}


def test_a_range_of_many_changes_of_clocks_is_the_same(apart: Cluster, tmp_path: Path) -> None:
    days = ("1985-03-31", "1999-12-31", "2026-03-29")
    memory = world({"m": "count(*) from events"}, days=days)
    register(apart, memory, tmp_path)
    question = asked(("m",), "month", ("b",), (), "1980-01-01", "2026-12-31")

    expected, found = both(apart, memory, question)

    assert differences(expected, found) == []


def test_times_before_the_calendar_and_without_end_are_the_same(
    apart: Cluster, tmp_path: Path
) -> None:
    metrics = {
        "ever": {"value": "count(*) from events", "window": "all"},
        "open": {
            "value": "count(*) from events",
            "as_of": {"from": "happened_at", "to": "ended_at"},
        },
    }
    memory = world(metrics, days=DAYS[:1])
    for first, last in (
        ("0001-01-01", "infinity"),
        ("1582-10-10 12:00", None),
        ("1969-12-31 23:59:59.999999", "2026-01-31 23:00:00"),
        ("-infinity", "9999-12-31"),
    ):
        memory.query(
            "INSERT INTO main.events (happened_at, ended_at) VALUES ($a, $b)",
            {"a": first, "b": last},
        )
    register_whole(apart, memory, tmp_path)

    expected, found = both(apart, memory, asked(metrics, "month"))

    assert differences(expected, found) == []


def register_whole(apart: Cluster, memory: Memory, folder: Path) -> None:
    """Each table as one file: a time without end is in no month."""
    for table, facts in memory.facts.items():
        path = folder / f"{table}.parquet"
        memory.query(f"COPY main.\"{table}\" TO '{path}' (FORMAT parquet)")
        apart.register(table, facts.columns, Parquet(str(path)))


LOOKED_UP = {"m": "count(*) from events"}


def test_a_key_that_is_looked_up_twice_fails_in_both(apart: Cluster, tmp_path: Path) -> None:
    memory = world(LOOKED_UP)
    memory.query("INSERT INTO main.places VALUES ('s1', 'twice')")
    register(apart, memory, tmp_path)
    question = asked(LOOKED_UP, "month", ("c",))

    for engine in (memory.query, apart.query):
        told = statement(memory, question)
        with pytest.raises(NotComputable, match=r"has a key .site. with several rows"):
            engine(told.sql, told.parameters)


def test_every_letter_is_the_same_in_capitals_and_small(apart: Cluster, tmp_path: Path) -> None:
    tables = {"letters": {"time": "day", "by": ["a"]}}
    text = vocabulary_text({"m": "count(*) from letters"}, tables=tables, dimensions=("a",))
    memory = Memory(text, {"letters": Rows("day DATE, a VARCHAR")})
    rare = re.compile(RARE)
    letters = [chr(i) for i in range(1, 0x110000) if not 0xD800 <= i < 0xE000]
    letters = [letter for letter in letters if not rare.match(letter)] + ["ΑΣ", "ΣΑΣ", "Straße"]
    memory.query(
        "INSERT INTO main.letters SELECT DATE '2026-01-01', unnest($letters)", {"letters": letters}
    )
    register(apart, memory, tmp_path)
    spelt = Statement(
        'SELECT t."a", upper(t."a") AS u, lower(t."a") AS l FROM main."letters" AS t '
        'WHERE upper(t."a") <> t."a" OR lower(t."a") <> t."a" ORDER BY t."a"',
        {},
    )

    expected, found = rows_of(apart, memory, spelt)

    assert len(expected) > 2500
    assert differences(expected, found) == []


def test_a_letter_that_is_rare_is_refused(apart: Cluster, tmp_path: Path) -> None:
    memory = world({"m": "count_if(upper(a) = 'X') from events"})
    memory.query("INSERT INTO main.events (happened_at, a) VALUES ('2026-01-01', 'ﬁn')")
    register(apart, memory, tmp_path)
    told = statement(memory, asked(("m",)))

    with pytest.raises(NotComputable, match="cannot write a text in upper case"):
        apart.rows(told)


def test_a_percentile_by_rank_counts_in_decimals(apart: Cluster, tmp_path: Path) -> None:
    shares = ("0.07", "0.1", "0.29", "0.55", "0.57", "0.7", "0.93", "0", "1", "0.005")
    metrics = {
        f"m{index}": f"percentile_disc(f, {share}) from events"
        for index, share in enumerate(shares)
    }
    metrics |= {
        f"n{index}": f"percentile(f, {share}) from events" for index, share in enumerate(shares)
    }
    memory = world(metrics, days=())
    # Of so many rows in each month, that the rank is a whole number.
    for month in range(1, 13):
        memory.query(
            "INSERT INTO main.events (happened_at, f) SELECT $at::TIMESTAMP, range / 3 "
            f"FROM range({month * 100 if month % 2 else month * 7})",
            {"at": f"2026-{month:02}-15"},
        )
    register(apart, memory, tmp_path)

    expected, found = both(
        apart, memory, asked(metrics, "month", start="2026-01-01", end="2026-12-31")
    )

    assert differences(expected, found) == []


def test_a_float_is_rounded_as_the_same_float(apart: Cluster, tmp_path: Path) -> None:
    metrics = {
        f"m{index}": f"{kind}(round(f, {places})) from events"
        for index, (kind, places) in enumerate(
            (kind, places) for kind in ("sum", "max") for places in (0, 1, 2, 3, -1, -2, 15)
        )
    }
    metrics["whole"] = "max(round(f)) from events"
    memory = world(metrics, days=())
    floats = (2.675, 1.005, 0.285, -0.5, 0.5, 2.5, 0.49999999999999994, 1e300, -1e-300, 15.0, 1e16)
    for day, number in enumerate((*floats, 25.0, 4503599627370497.5, 1e308, -2.5), start=1):
        memory.query(
            "INSERT INTO main.events (happened_at, f) VALUES ($at::TIMESTAMP, $f)",
            {"at": f"2026-01-{day:02}", "f": number},
        )
    register(apart, memory, tmp_path)

    expected, found = both(
        apart, memory, asked(metrics, "day", start="2026-01-01", end="2026-01-18")
    )

    assert differences(expected, found) == []
