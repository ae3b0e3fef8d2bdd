"""Random facts, vocabularies and questions near days on which calendars and clocks turn.

Every kind of metric, at every grain, by none to two dimensions, filtered, in five calendars; each
expression both as text and as a function for the oracle.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from kpi.questions import Question
from tests.kpi import oracle
from tests.kpi.memory import Memory, Rows, vocabulary_text
from tests.kpi.oracle import minus, over, plus, times

EXAMPLES = int(os.environ.get("KPI_EXAMPLES", "100"))
# The same examples every time, so that a red run is red for everybody; many are new ones.
SAME_EVERY_TIME = "KPI_EXAMPLES" not in os.environ
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = ("january", "february", "march", "april", "may", "june", "july")
# zone, first day of the week, first month of the fiscal year
CALENDARS = (
    ("Australia/Lord_Howe", 6, 7),
    ("America/New_York", 6, 4),
    ("Europe/Berlin", 0, 1),
    ("UTC", 5, 2),
    ("Pacific/Apia", 0, 6),
)
# Days on which clocks change in one of these zones, or on which years, months and leap days turn.
ANCHORS = tuple(
    dt.datetime.fromisoformat(day)
    for day in (
        "2011-12-30",  # a day that Apia left out
        "2024-02-29",
        "2025-12-31",
        "2026-03-08",
        "2026-03-29",
        "2026-03-31",
        "2026-04-05",
        "2026-06-30",
        "2026-10-04",
        "2026-10-25",
        "2026-11-01",
    )
)
TABLES: dict[str, dict[str, Any]] = {
    "events": {
        "time": "happened_at",
        "by": ["a", "b"],
        "settles_after": "2 days",
        "lookup": {"places": {"on": "site", "by": ["c"]}},
    },
    "visits": {"time": "day", "by": ["b", "a"]},
    "plans": {"time": "month", "by": ["a", "b"], "grain": "month"},
}
SETTLES_AFTER = {"events": dt.timedelta(days=2)}
COMMON = "a VARCHAR, b VARCHAR, x INTEGER, m DECIMAL(12,2), flag BOOLEAN, who INTEGER"
COLUMNS = {
    "events": f"happened_at TIMESTAMP, ended_at TIMESTAMP, due DATE, site VARCHAR, {COMMON}",
    "visits": f"day DATE, until DATE, {COMMON}",
    "plans": f"month DATE, {COMMON}",
}
TIMES = {
    "events": ("happened_at", "ended_at", "due"),
    "visits": ("day", "until"),
    "plans": ("month",),
}
# Where an event's site is; of another site nothing is known.
PLACES = {"s1": "north", "s2": "south", "s3": None}

# --- expressions, each as text and as a function ------------------------------------------------


def known(*words: str) -> Callable[[Callable[..., Any]], Callable[[oracle.FactRow], Any]]:
    """A function of these columns that is unknown where one of them is."""

    def wrap(function: Callable[..., Any]) -> Callable[[oracle.FactRow], Any]:
        def of(row: oracle.FactRow) -> Any:
            values = [row[word] for word in words]
            return None if None in values else function(*values)

        return of

    return wrap


def both(left: bool | None, right: bool | None) -> bool | None:
    """Three-valued `and`."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: bool | None, right: bool | None) -> bool | None:
    """Three-valued `or`."""
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


CONDITIONS = {
    "x >= 2": known("x")(lambda x: x >= 2),
    "x < 0 or flag": lambda row: either(known("x")(lambda x: x < 0)(row), row["flag"]),
    "flag": lambda row: row["flag"],
    "not flag": known("flag")(lambda flag: not flag),
    "flag is not null": lambda row: row["flag"] is not None,
    "a = 'k' and x between 0 and 2": lambda row: both(
        known("a")(lambda a: a == "k")(row), known("x")(lambda x: 0 <= x <= 2)(row)
    ),
    "a in ('k', 'it''s')": known("a")(lambda a: a in ("k", "it's")),
    "b not like 'p%'": known("b")(lambda b: not b.startswith("p")),
    "m <> 0": known("m")(lambda m: m != 0),
}
FILTERS = {
    "a = 'k'": known("a")(lambda a: a == "k"),
    "a is null or b = 'p'": lambda row: either(
        row["a"] is None, known("b")(lambda b: b == "p")(row)
    ),
    "not (b in ('p', 'q'))": known("b")(lambda b: b not in ("p", "q")),
    "upper(a) <> 'K'": known("a")(lambda a: a.upper() != "K"),
}
# Conditions on what only events look up.
FILTERS_OF_PLACES = {
    "c = 'north'": known("c")(lambda c: c == "north"),
    "c is null": lambda row: row["c"] is None,
}
NUMBERS = {
    "x": known("x")(Fraction),
    "m": known("m")(Fraction),
    "x + m": known("x", "m")(lambda x, m: Fraction(x) + Fraction(m)),
    "2 * x - 1": known("x")(lambda x: Fraction(2 * x - 1)),
    "m / x": known("m", "x")(lambda m, x: None if x == 0 else float(m) / x),
    "coalesce(x, 0)": lambda row: Fraction(row["x"] or 0),
    "case when flag then x end": known("flag", "x")(lambda flag, x: Fraction(x) if flag else None),
}
MINUTES = {
    "minutes_between(happened_at, ended_at)": known("happened_at", "ended_at")(
        lambda a, b: (b - a) / dt.timedelta(minutes=1)
    )
}
DAYS = {"days_between(day, until)": known("day", "until")(lambda a, b: float((b - a).days))}
# Formulas over two inputs, whether those are aggregates or metrics.
FORMULAS: dict[str, Callable[[oracle.Number, oracle.Number], oracle.Number]] = {
    "{0} / {1}": over,
    "100 * ({0} - {1}) / {1}": lambda p, q: over(times(100, minus(p, q)), q),
    "{0} + {1}": plus,
    "{1} - 2 * {0}": lambda p, q: minus(q, times(2, p)),
    "{0} / ({1} / {0})": lambda p, q: over(p, over(q, p)),
    "coalesce({0}, 0) + {1}": lambda p, q: plus(0 if p is None else p, q),
}


KINDS = (
    "sum",
    "count",
    "star",
    "count_if",
    "avg",
    "min",
    "max",
    "median",
    "percentile",
    "disc",
    "distinct",
)


@st.composite
def aggregates(draw: st.DrawFn, table: str) -> tuple[str, oracle.Aggregate]:
    """One aggregate over this table."""
    kind = draw(st.sampled_from(KINDS))
    everywhere = {**NUMBERS, **{"events": MINUTES, "visits": DAYS}.get(table, {})}
    number = draw(st.sampled_from(sorted(everywhere)))
    condition = draw(st.sampled_from(sorted(CONDITIONS)))
    column = draw(st.sampled_from(["a", "x", "m", "flag"]))
    share = draw(st.sampled_from(["0", "0.25", "0.5", "0.9", "1"]))
    text, argument = {
        "star": ("count(*)", lambda row: 1),
        "count": (f"count({column})", lambda row: row[column]),
        "distinct": (f"count(distinct {column})", lambda row: row[column]),
        "count_if": (f"count_if({condition})", CONDITIONS[condition]),
        "percentile": (f"percentile({number}, {share})", everywhere[number]),
        "disc": (f"percentile_disc({number}, {share})", everywhere[number]),
    }.get(kind, (f"{kind}({number})", everywhere[number]))
    keeps: Callable[[oracle.FactRow], bool | None] = lambda row: True  # noqa: E731
    if draw(st.integers(0, 3)) == 0:
        filtered = draw(st.sampled_from(sorted(CONDITIONS)))
        text, keeps = f"{text} filter (where {filtered})", CONDITIONS[filtered]
    kind = "count" if kind == "star" else kind
    return text, oracle.Aggregate(kind, argument, keeps, float(share))


SPANS: tuple[oracle.Span, ...] = (
    (1, "day"),
    (7, "day"),
    (30, "day"),
    (1, "week"),
    (2, "week"),
    (1, "month"),
    (3, "month"),
    (7, "month"),
    (1, "quarter"),
    (1, "year"),
    (2, "year"),
)
# What can be looked back by at each grain; now and then another is drawn, which is refused.
WHOLE: dict[str, tuple[oracle.Span, ...]] = {
    "day": SPANS,
    "week": tuple(span for span in SPANS if span not in ((1, "day"), (30, "day"))),
    "month": SPANS[5:],
    "quarter": ((3, "month"), (1, "quarter"), (1, "year"), (2, "year")),
    "year": ((1, "year"), (2, "year")),
    "total": SPANS,
}


def written(span: oracle.Span) -> str:
    """A length of time as an analyst writes it."""
    return f"{span[0]} {span[1]}{'s' * (span[0] != 1)}"


def everything(row: oracle.FactRow) -> bool:
    """The condition that is not there."""
    return True


@st.composite
def reaches(draw: st.DrawFn, table: str) -> tuple[dict[str, Any], Any]:
    """The key of an entry that says which rows a period takes, and the same for the oracle."""
    kind = draw(st.sampled_from(["own", "own", "window", "to_date", "as_of", "latest"]))
    if kind == "window":
        span = draw(st.sampled_from([*SPANS, (90, "day"), None]))
        return {"window": written(span) if span else "all"}, oracle.Window(span)
    if kind == "to_date":
        unit = draw(st.sampled_from(["month", "quarter", "year"]))
        return {"to_date": unit}, oracle.ToDate(unit)
    if kind == "as_of":
        start = draw(st.sampled_from(TIMES[table]))
        end = draw(st.sampled_from([None, *TIMES[table]]))
        return {"as_of": {"from": start, **({"to": end} if end else {})}}, oracle.AsOf(start, end)
    if kind == "latest":
        per, carry = draw(st.sampled_from(["who", "a"])), draw(st.booleans())
        short = carry and draw(st.booleans())
        return {"latest": per if short else {"per": per, "carry": carry}}, oracle.Latest(per, carry)
    return {}, None


@st.composite
def margins(draw: st.DrawFn) -> tuple[str, list[oracle.Aggregate], Any, str]:
    """A share or a net promoter score, which have a margin."""

    def part(kind: str, argument: Callable[[oracle.FactRow], Any]) -> oracle.Aggregate:
        return oracle.Aggregate(kind, argument, everything)

    high = part("count_if", known("x")(lambda x: x >= 3))
    low = part("count_if", known("x")(lambda x: x <= 0))
    every = part("count", lambda row: row["x"])
    if draw(st.booleans()):
        text = "100 * (count_if(x >= 3) - count_if(x <= 0)) / count(x)"
        return text, [high, low, every], lambda p, d, n: over(times(100, minus(p, d)), n), "nps"
    text = "100 * count_if(x >= 3) / count(x)"
    return text, [high, every], lambda p, n: over(times(100, p), n), "share"


@st.composite
def fact_metrics(draw: st.DrawFn) -> tuple[dict[str, Any], oracle.FactMetric]:
    """A metric of one of the tables, as an entry and as the oracle sees it."""
    table = draw(st.sampled_from(["events", "events", "events", "visits", "visits", "plans"]))
    margin = None
    text: str
    formula: Callable[..., Any]
    if draw(st.integers(0, 7)) == 0:
        text, parts, formula, margin = draw(margins())
    else:
        drawn = [draw(aggregates(table))]
        text, formula = drawn[0][0], lambda p: p
        if draw(st.booleans()):
            drawn.append(draw(aggregates(table)))
            shape = draw(st.sampled_from(sorted(FORMULAS)))
            # An aggregate that stands twice in the text is two aggregates with the same answer.
            text, formula = shape.format(drawn[0][0], drawn[1][0]), FORMULAS[shape]
        parts = [part for _, part in drawn]
    text = f"{text} from {table}"
    keeps: Callable[[oracle.FactRow], bool | None] = everything
    if draw(st.booleans()):
        condition = draw(st.sampled_from(sorted(CONDITIONS)))
        text, keeps = f"{text} where {condition}", CONDITIONS[condition]
    key, reach = draw(reaches(table))
    entry: dict[str, Any] = {"value": text, **key, **({"margin": margin} if margin else {})}
    time = TABLES[table]["time"]
    if not isinstance(reach, oracle.AsOf) and draw(st.integers(0, 2)) == 0:
        time = entry["time"] = draw(st.sampled_from(TIMES[table]))
    empty = draw(st.sampled_from([None, None, 0.0, 2.5]))
    if empty is not None:
        entry["empty"] = empty
    return entry, oracle.FactMetric(table, time, parts, formula, keeps, empty, reach, margin)


@st.composite
def vocabularies(draw: st.DrawFn, grain: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Entries of metrics.yaml, most of which can be asked at this grain, also for the oracle."""
    entries: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    for index in range(draw(st.integers(1, 3))):
        entries[f"m{index}"], metrics[f"m{index}"] = draw(fact_metrics())
    for index in range(draw(st.integers(0, 3))):
        texts, inputs = [], []
        for _ in range(2):
            named = draw(st.sampled_from(sorted(metrics)))
            pool = SPANS if draw(st.integers(0, 20)) == 0 else WHOLE[grain]
            span = draw(st.sampled_from(pool)) if draw(st.booleans()) else None
            texts.append(f"ago({named}, '{written(span)}')" if span else named)
            inputs.append((named, span))
        shape = draw(st.sampled_from(sorted(FORMULAS)))
        name = f"f{index}"
        entries[name] = {"value": shape.format(*texts)}
        empty = draw(st.sampled_from([None, None, 1.0]))
        if empty is not None:
            entries[name]["empty"] = empty
        metrics[name] = oracle.FormulaMetric(inputs, FORMULAS[shape], empty)
    return entries, metrics


# --- facts and questions ------------------------------------------------------------------------


@st.composite
def moments(draw: st.DrawFn, anchor: dt.datetime) -> dt.datetime:
    """A time near an anchor: mostly within days of it, sometimes just beside a midnight."""
    minutes = draw(st.one_of(st.integers(-200, 200), st.integers(-4000, 4000))) * 30
    # Also where looking back from there leads to.
    earlier = draw(st.sampled_from([0, 0, 0, 0, 1, 7, 28, 31, 90, 365, 731]))
    beside = draw(st.sampled_from([0, 0, -1, 1]))
    return anchor + dt.timedelta(minutes=minutes, microseconds=beside, days=-earlier)


WORDS = st.sampled_from(["k", "l", "it's", None])
SITES = st.sampled_from([*PLACES, "elsewhere", None])
AMOUNTS = st.one_of(st.none(), st.integers(-999, 999).map(lambda cents: Decimal(cents).scaleb(-2)))


def rows_near(anchor: dt.datetime, table: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of a table around an anchor, with unknown values and unknown times."""
    common = {
        "a": WORDS,
        "b": st.sampled_from(["p", "q", None]),
        "x": st.one_of(st.none(), st.integers(-2, 4)),
        "m": AMOUNTS,
        "flag": st.sampled_from([True, False, None]),
        "who": st.sampled_from([1, 2, 3, None]),
    }
    moment = st.one_of(moments(anchor), moments(anchor), moments(anchor), st.none())
    day = moment.map(lambda value: value.date() if value else None)
    times_of = {
        "events": {"happened_at": moment, "ended_at": moment, "due": day, "site": SITES},
        "visits": {"day": day, "until": day},
        "plans": {"month": day.map(lambda value: value.replace(day=1) if value else None)},
    }
    rows = st.fixed_dictionaries({**times_of[table], **common})
    if table == "events":
        rows = rows.map(lambda row: {**row, "c": PLACES.get(row["site"])})
    return st.lists(rows, max_size=14)


GRAIN_NAMES = ("day", "week", "month", "quarter", "year", "total")


@st.composite
def questions(
    draw: st.DrawFn, anchor: dt.datetime, grain: str, metrics: Mapping[str, Any]
) -> Question:
    """A question about some of these metrics near the anchor."""
    longest = {"day": 12, "week": 40, "month": 150, "quarter": 200, "year": 400, "total": 100}
    start = anchor.date() + dt.timedelta(days=draw(st.integers(-12, 6)))
    end = start + dt.timedelta(days=draw(st.integers(1, longest[grain])))
    asked = draw(st.permutations(sorted(metrics)))[: draw(st.integers(1, len(metrics)))]
    choices: list[tuple[str, ...]] = [(), (), ("a",), ("b",), ("a", "b"), ("b", "a")]
    filters = sorted(FILTERS)
    if all(tables_below(metrics, name) == {"events"} for name in asked):
        choices += [("c",), ("c", "a"), ("b", "c")]
        filters += sorted(FILTERS_OF_PLACES)
    by = draw(st.sampled_from(choices))
    where = draw(st.lists(st.sampled_from(filters), max_size=2, unique=True))
    return Question(tuple(asked), grain, by, tuple(where), start, end)


def tables_below(metrics: Mapping[str, Any], name: str) -> set[str]:
    """Every fact table below a metric."""
    metric = metrics[name]
    if isinstance(metric, oracle.FactMetric):
        return {metric.table}
    return set().union(*(tables_below(metrics, each) for each, _ in metric.inputs))


@lru_cache
def edition(calendar: tuple[str, int, int]) -> Memory:
    """An edition of this calendar, to be filled again for each example."""
    return Memory(vocabulary_of(calendar, {"m": "count(*) from events"}), {})


def filled(table: str, rows: Sequence[Mapping[str, Any]]) -> Rows:
    """The rows in the order of the table's columns."""
    columns = COLUMNS[table]
    names = [column.split()[0] for column in columns.split(", ")]
    return Rows(columns, [[row[name] for name in names] for row in rows])


def vocabulary_of(calendar: tuple[str, int, int], entries: Mapping[str, Any]) -> str:
    """A whole vocabulary with these metrics."""
    zone, week_starts, fiscal_year_starts = calendar
    described = {
        "timezone": zone,
        "week_starts": WEEKDAYS[week_starts],
        "fiscal_year_starts": MONTHS[fiscal_year_starts - 1],
    }
    return vocabulary_text(entries, tables=TABLES, dimensions=("a", "b", "c"), calendar=described)


def fill(
    memory: Memory,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    fresh: Mapping[str, dt.datetime],
) -> None:
    """Puts these rows into an edition, beside the places that events are looked up in."""
    places = Rows("site VARCHAR, c VARCHAR", list(PLACES.items()))
    memory.fill(
        {**{table: filled(table, rows[table]) for table in TABLES}, "places": places}, fresh
    )
