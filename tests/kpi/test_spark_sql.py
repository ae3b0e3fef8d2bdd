"""Statements on a Spark cluster: the same numbers as DuckDB's, for each thing that can be asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from kpi.questions import Question
from kpi.spark import Cluster
from tests.kpi.memory import Memory, Rows, vocabulary_text
from tests.kpi.on_spark import both, differences, register

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
        for hour in range(-14, 38, 4):
            i = len(rows)
            at = moment(day) + dt.timedelta(hours=hour, minutes=30 * (i % 2)) - tick * (i % 3 == 0)
            ended = None if i % 5 == 0 else at + dt.timedelta(minutes=7 * i + 1, seconds=i % 60)
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
