"""The 24 traps that metric layers fall into, each with small facts and exact numbers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kpi.answers import Answer
from kpi.periods import GRAINS, period_of
from kpi.questions import QuestionRefused
from kpi.vocabulary_file import load_vocabulary
from tests.kpi.asking import EVENTS, TABLES, answer, by_period, edition, only, values
from tests.kpi.memory import Memory, Rows, vocabulary_text

SHOP = {
    "orders": {"time": "ordered_at", "by": ["region"]},
    "incidents": {"time": "opened_at", "by": ["region", "service"]},
}
ORDERS = "ordered_at TIMESTAMP, region VARCHAR, amount DECIMAL(12,2)"
INCIDENTS = "opened_at TIMESTAMP, region VARCHAR, service VARCHAR, resolved_at TIMESTAMP"


def shop(
    metrics: dict[str, Any],
    orders: list[tuple[Any, ...]],
    incidents: list[tuple[Any, ...]],
    fresh: str = "2026-12-31",
) -> Memory:
    """An edition of orders and incidents."""
    text = vocabulary_text(metrics, tables=SHOP, dimensions=("region", "service"))
    tables = {
        "orders": Rows(ORDERS, [(*row, *(None,) * (3 - len(row))) for row in orders]),
        "incidents": Rows(INCIDENTS, [(*row, *(None,) * (4 - len(row))) for row in incidents]),
    }
    return Memory(text, tables, fresh_until=dt.datetime.fromisoformat(fresh))


def by_key(found: Answer) -> dict[Any, Any]:
    return {cell.keys: cell.value for cell in found.cells}


# 1
def test_two_fact_tables_asked_together_do_not_multiply_each_others_rows() -> None:
    metrics = {
        "revenue": "sum(amount) from orders",
        "opened": "count(*) from incidents",
        "each": "revenue / opened",
    }
    orders = [("2026-01-01", "EMEA", 10), ("2026-01-02", "EMEA", 20), ("2026-01-03", "EMEA", 30)]
    incidents = [("2026-01-01", "EMEA"), ("2026-01-02", "EMEA")]

    found = answer(
        shop(metrics, orders, incidents), metrics=("revenue", "opened", "each"), by=("region",)
    )

    assert values(found) == [60, 2, 30]


# 1
def test_looking_up_a_word_by_a_key_with_several_rows_is_refused_and_not_multiplied() -> None:
    tables = {
        "incidents": {"time": "opened_at", "lookup": {"services": {"on": "service", "by": "team"}}}
    }
    text = vocabulary_text({"m": "count(*) from incidents"}, tables=tables, dimensions=("team",))
    rows = [("2026-01-01", None, "Shop"), ("2026-01-02", None, "Search"), ("2026-01-03",)]

    def asked(*services: tuple[str | None, str]) -> Answer:
        facts = {
            "incidents": Rows(INCIDENTS, [(*row, *(None,) * (4 - len(row))) for row in rows]),
            "services": Rows("service VARCHAR, team VARCHAR", services),
        }
        return answer(Memory(text, facts), by=("team",))

    assert by_key(asked(("Shop", "Red"), (None, "Blue"), (None, "Blue"))) == {
        ("Red",): 1,
        (None,): 2,
    }
    with pytest.raises(QuestionRefused, match=r"key .service. with several rows"):
        asked(("Shop", "Red"), ("Shop", "Blue"))


# 2
def test_a_ratio_over_time_is_the_ratio_of_the_sums_and_no_average_of_ratios() -> None:
    memory = edition(
        "100 * count_if(ok) / count(ok)",
        ("2026-01-01", "EMEA", None, None, None, True),
        *[("2026-01-02", "APAC", None, None, None, False)] * 3,
    )

    assert values(answer(memory, "day")) == [100, 0]
    assert values(answer(memory, "month")) == [25]
    assert values(answer(memory, "total")) == [25]


# 2
def test_a_ratio_of_two_metrics_divides_last_at_every_grain() -> None:
    metrics = {
        "revenue": "sum(amount) from orders",
        "placed": "count(*) from orders",
        "each": "revenue / placed",
    }
    orders = [("2026-01-01", "EMEA", 10), *[("2026-01-02", "EMEA", 50)] * 3]

    memory = shop(metrics, orders, [])

    assert values(answer(memory, "day", metrics=("each",))) == [10, 50]
    assert values(answer(memory, "month", metrics=("each",))) == [40]


# 3
def test_a_median_and_a_distinct_count_of_a_month_come_from_its_rows_not_its_days() -> None:
    metrics = {"half": "median(x) from events", "people": "count(distinct team) from events"}
    rows = [("2026-01-01", None, "a", x) for x in (1, 1, 1)] + [("2026-01-02", None, "a", 9)]

    memory = edition(metrics, *rows)

    assert values(answer(memory, "day", metrics=("half", "people"))) == [1, 1, 9, 1]
    assert values(answer(memory, "month", metrics=("half", "people"))) == [1, 1]


# 4
def test_a_period_that_is_not_over_or_began_before_the_data_is_not_complete() -> None:
    rows = [("2026-01-20",), ("2026-02-10",), ("2026-03-02",)]

    found = answer(edition("count(*)", *rows, fresh="2026-03-15"))

    assert [(str(c.period), c.complete) for c in found.cells] == [
        ("2026-01-01", False),
        ("2026-02-01", True),
        ("2026-03-01", False),
    ]


# 4
def test_a_comparison_with_a_month_that_was_told_of_only_in_part_is_not_complete() -> None:
    metrics = {"m": "count(*) from events", "growth": "m / ago(m, '1 month')"}
    rows = [("2026-01-20",), ("2026-02-10",), ("2026-02-11",), ("2026-03-10",)]

    found = answer(edition(metrics, *rows), metrics=("growth",))

    assert [(c.value, c.complete) for c in found.cells] == [(None, False), (2, False), (0.5, True)]


# 5
def test_the_month_before_has_its_31st_day() -> None:
    metrics = {"m": "sum(x) from events", "before": "ago(m, '1 month')"}
    rows = [("2026-03-01", None, None, 1), ("2026-03-31 23:59", None, None, 30)]

    memory = edition(metrics, *rows)

    april = answer(memory, "month", "2026-04-01", "2026-05-01", metrics=("before",))
    assert values(april) == [31]
    assert values(answer(memory, "total", "2026-04-01", "2026-05-01", metrics=("before",))) == [31]


# 5
def test_a_day_that_the_month_before_lacks_is_set_against_its_last_also_as_a_total() -> None:
    metrics = {"m": "sum(x) from events", "before": "ago(m, '1 month')"}
    memory = edition(metrics, ("2026-02-28", None, None, 7))

    for last in ("2026-03-29", "2026-03-30"):
        after = str(dt.date.fromisoformat(last) + dt.timedelta(days=1))
        assert values(answer(memory, "day", last, after, metrics=("before",))) == [7]
        assert values(answer(memory, "total", last, after, metrics=("before",))) == [7]


# 6
def test_a_year_ago_is_the_same_date_also_across_a_leap_day() -> None:
    metrics = {"m": "sum(x) from events", "before": "ago(m, '1 year')"}
    rows = [("2023-03-01", None, None, 1), ("2023-02-28", None, None, 2)]

    memory = edition(metrics, *rows)

    found = answer(memory, "day", "2024-02-28", "2024-03-02", metrics=("before",))
    assert by_period(found) == {"2024-02-28": 2, "2024-02-29": 2, "2024-03-01": 1}
    assert values(answer(memory, "year", "2024-01-01", "2025-01-01", metrics=("before",))) == [3]


# 7
def test_an_instant_falls_on_the_local_day_and_a_date_stays_where_it_is() -> None:
    text = vocabulary_text(
        {"at": "count(*) from events", "on": {"value": "count(*) from events", "time": "day"}},
        tables={"events": {"time": "at_utc"}},
        calendar={"timezone": "America/New_York"},
    )
    # The 8th of March has 23 hours there: from 05:00 to 04:00 UTC.
    rows = [(f"2026-03-{moment}", "2026-03-08") for moment in ("08 04:59", "08 05:00", "09 03:59")]
    memory = Memory(text, {"events": Rows("at_utc TIMESTAMP, day DATE", rows)})

    found = answer(memory, "day", "2026-03-07", "2026-03-10", metrics=("at", "on"))

    assert values(found) == [1, 0, 2, 3, 0, 0]


# 8
@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP"])
def test_a_week_begins_as_the_calendar_says_for_dates_and_instants_alike(kind: str) -> None:
    text = vocabulary_text(
        {"m": "count(*) from events", "before": "ago(m, '1 week')"},
        tables={"events": {"time": "moment"}},
        calendar={"timezone": "UTC", "week_starts": "sunday"},
    )
    rows = [(f"2026-01-{day}",) for day in ("03", "04", "10", "11")]  # the 4th is a Sunday
    memory = Memory(text, {"events": Rows(f"moment {kind}", rows)})

    found = answer(memory, "week", metrics=("m", "before"))

    assert [(str(c.period), c.metric, c.value) for c in found.cells if c.value] == [
        ("2025-12-28", "m", 1),
        ("2026-01-04", "m", 2),
        ("2026-01-04", "before", 1),
        ("2026-01-11", "m", 1),
        ("2026-01-11", "before", 2),
    ]


# 8
def test_weeks_do_not_drift_over_the_turn_of_the_year() -> None:
    memory = edition("count(*)", *[(f"2026-01-{d:02}",) for d in range(1, 12)])

    found = answer(memory, "week", "2025-12-29", "2026-01-12")

    assert by_period(found) == {"2025-12-29": 4, "2026-01-05": 7}


# 9
@pytest.mark.parametrize("grain", ["day", "total"])
def test_the_end_of_a_range_is_not_within_it(grain: str) -> None:
    memory = edition(
        "count(*)", ("2026-01-01 00:00",), ("2026-01-01 23:59:59.999999",), ("2026-01-02",)
    )

    assert values(answer(memory, grain, "2026-01-01", "2026-01-02")) == [2]


# 9
def test_a_window_reaches_from_its_first_midnight_to_the_last_and_no_further() -> None:
    memory = edition(
        {"m": {"value": "count(*) from events", "window": "2 days"}},
        *[
            (moment,)
            for moment in ("2026-01-01 23:59:59", "2026-01-02", "2026-01-03 23:59:59", "2026-01-04")
        ],
    )

    assert values(answer(memory, "day", "2026-01-03", "2026-01-04")) == [2]


# 10
def test_a_period_without_rows_is_there_and_a_count_is_0_where_an_average_is_unknown() -> None:
    metrics = {
        "many": "count(*) from events",
        "sum": "sum(x) from events",
        "filled": {"value": "sum(x) from events", "empty": 0},
        "mean": "avg(x) from events",
        "share": "count_if(ok) / count(ok) from events",
        "each": "filled / many",
        "all": "filled + many",
    }
    rows = [("2026-01-05", None, None, 4), ("2026-03-05", None, None, 6)]

    found = answer(edition(metrics, *rows), metrics=tuple(metrics))

    february = [c.value for c in found.cells if str(c.period) == "2026-02-01"]
    assert february == [0, None, 0, None, None, None, 0]


# 10
def test_before_the_first_day_and_after_the_last_news_nothing_is_known() -> None:
    metrics = {"m": "count(*) from events", "s": {"value": "sum(x) from events", "empty": 0}}
    memory = edition(metrics, ("2026-02-10", None, None, 1), fresh="2026-03-10")

    found = answer(memory, "month", "2026-01-01", "2026-05-01", metrics=("m", "s"))

    assert values(found) == [None, None, 1, 1, 0, 0, None, None]


# 11
def test_an_answer_without_a_score_is_not_in_the_denominator() -> None:
    nps = "100 * (count_if(x >= 9) - count_if(x <= 6)) / count(x)"
    rows = [("2026-01-01", None, None, x) for x in (9, 10, 3, 8, None, None)]

    cell = only(answer(edition(nps, *rows)))

    assert (cell.value, cell.n) == (25, 4)


# 11
def test_a_division_by_zero_is_unknown() -> None:
    metrics = {
        "m": "sum(x) / count_if(ok) from events",
        "f": "a / b",
        "a": "sum(x) from events",
        "b": "count_if(ok) from events",
    }
    memory = edition(metrics, ("2026-01-01", None, None, 5, None, False))

    assert values(answer(memory, metrics=("m", "f"))) == [None, None]


# 12
def test_rows_without_a_key_are_a_visible_row_and_meet_across_tables() -> None:
    metrics = {
        "opened": "count(*) from incidents",
        "placed": "count(*) from orders",
        "each": "opened / placed",
    }
    memory = shop(
        metrics,
        [("2026-01-01", None), ("2026-01-02", None), ("2026-01-02", "EMEA")],
        [("2026-01-01", None)],
    )

    found = answer(memory, metrics=("opened", "placed", "each"), by=("region",))

    assert [(c.keys, c.metric, c.value) for c in found.cells] == [
        (("EMEA",), "opened", 0),
        (("EMEA",), "placed", 1),
        (("EMEA",), "each", 0),
        ((None,), "opened", 1),
        ((None,), "placed", 2),
        ((None,), "each", 0.5),
    ]


# 13
def test_a_period_is_provisional_until_late_rows_have_had_their_time() -> None:
    def whole(fresh: str) -> bool:
        return only(
            answer(
                edition("count(*)", ("2026-01-01",), fresh=fresh, settles_after="2 days"),
                "month",
                "2026-01-01",
                "2026-02-01",
            )
        ).complete

    assert not whole("2026-02-02 23:59:59")
    assert whole("2026-02-03")


# 14
def test_a_rolling_window_takes_the_rows_before_the_asked_range() -> None:
    metrics = {
        "month": {"value": "count(*) from events", "window": "30 days"},
        "ever": {"value": "count(*) from events", "window": "all"},
        "year": {"value": "count(*) from events", "to_date": "year"},
    }
    rows = [(d,) for d in ("2025-12-20", "2026-01-05", "2026-01-25", "2026-02-03")]

    found = answer(
        edition(metrics, *rows), "day", "2026-02-03", "2026-02-05", metrics=tuple(metrics)
    )

    assert values(found) == [3, 4, 3, 2, 4, 3]


# 15
def test_a_shifted_window_is_still_a_window() -> None:
    metrics = {
        "m": {"value": "count(*) from events", "window": "7 days"},
        "before": "ago(m, '1 week')",
        "earlier": "ago(before, '1 week')",
    }
    rows = [(f"2026-01-{d:02}",) for d in (1, 2, 9, 14, 15)]
    memory = edition(metrics, *rows)

    found = answer(memory, "day", "2026-01-15", "2026-01-16", metrics=("m", "before", "earlier"))

    assert values(found) == [3, 1, 1]
    assert values(answer(memory, "day", "2026-01-08", "2026-01-09")) == [1]


# 16
def test_a_level_is_each_entitys_last_value_summed_and_never_a_sum_over_days() -> None:
    metrics = {"stock": {"value": "sum(x) from events", "latest": "team"}}
    rows = [
        ("2026-01-01", "EMEA", "a", 10),
        ("2026-01-20", "APAC", "a", 7),
        ("2026-01-02", "EMEA", "b", 5),
        ("2026-02-10", "EMEA", "a", 1),
    ]
    memory = edition(metrics, *rows)

    found = answer(memory, metrics=("stock",))
    assert by_period(found) == {"2026-01-01": 12, "2026-02-01": 6}
    january = answer(
        memory, "month", "2026-01-01", "2026-02-01", metrics=("stock",), by=("region",)
    )
    assert by_key(january) == {("APAC",): 7, ("EMEA",): 5}


# 17
def test_a_formula_of_formulas_protects_every_leaf() -> None:
    metrics = {
        "opened": "count(*) from incidents",
        "placed": "count(*) from orders",
        "rate": "opened / placed",
        "per_thousand": "1000 * rate",
        "twice": "per_thousand + rate",
    }
    orders = [("2026-01-01", "EMEA")] * 4
    incidents = [("2026-01-01", "EMEA")] * 2

    found = answer(shop(metrics, orders, incidents), metrics=("twice",), by=("region",))

    assert values(found) == [500.5]


# 18
def test_money_is_summed_in_the_reporting_currency_of_the_rows_own_day() -> None:
    text = vocabulary_text(
        {"revenue": "sum(amount) from payments"},
        tables={"payments": {"time": "occurred_at", "by": ["region"]}},
        dimensions=("region",),
    )
    columns = (
        "occurred_at TIMESTAMP, region VARCHAR, amount_minor BIGINT, currency VARCHAR, "
        "amount DECIMAL(18,2)"
    )
    rows = [
        ("2026-01-01", "EMEA", 1000, "EUR", "10.00"),
        ("2026-01-01", "AMER", 1000, "USD", "9.20"),
        ("2026-01-02", "AMER", 1000, "USD", "9.10"),
        ("2026-01-02", "APAC", 1000, "JPY", None),  # no rate is stored: unknown, not 1000
    ]

    cell = only(answer(Memory(text, {"payments": Rows(columns, rows)}), metrics=("revenue",)))

    assert (cell.value, cell.n) == (28.3, 3)


# 19
def test_time_to_restore_is_counted_when_restored_and_the_open_ones_stand_beside_it() -> None:
    metrics = {
        "restore": {
            "value": "median(hours_between(opened_at, resolved_at)) from incidents",
            "time": "resolved_at",
        },
        "open": {
            "value": "count(*) from incidents",
            "as_of": {"from": "opened_at", "to": "resolved_at"},
        },
        "opened": "count(*) from incidents",
    }
    incidents = [
        ("2026-01-30", None, None, "2026-02-01"),
        ("2026-01-31", None, None, None),
        ("2026-02-02", None, None, "2026-02-02 10:00"),
    ]

    found = answer(
        shop(metrics, [], incidents), "month", "2026-01-01", "2026-03-01", metrics=tuple(metrics)
    )

    assert values(found) == [None, 2, 2, 29, 1, 1]


# 20
def test_parts_may_exceed_the_total_and_the_total_comes_from_the_rows() -> None:
    memory = edition(
        "count(distinct team)",
        ("2026-01-01", "EMEA", "a"),
        ("2026-01-02", "APAC", "a"),
        ("2026-01-03", "APAC", "b"),
    )

    assert by_key(answer(memory, by=("region",))) == {("APAC",): 2, ("EMEA",): 1}
    assert values(answer(memory)) == [2]


# 21
def test_a_dimension_that_one_input_lacks_is_refused_by_name() -> None:
    metrics = {
        "opened": "count(*) from incidents",
        "placed": "count(*) from orders",
        "rate": "opened / placed",
    }
    memory = shop(metrics, [("2026-01-01", "EMEA")], [("2026-01-01", "EMEA", "Shop")])

    with pytest.raises(QuestionRefused, match="'rate' cannot be broken down by 'service'"):
        answer(memory, metrics=("rate",), by=("service",))
    with pytest.raises(QuestionRefused, match="'placed' cannot be filtered by 'service'"):
        answer(memory, metrics=("placed",), where=("service = 'Shop'",))
    assert values(answer(memory, metrics=("rate",), by=("region",))) == [1]


# 22
def test_an_answer_has_every_row_however_many_there_are() -> None:
    rows = [(f"2026-01-{1 + n % 28:02}", f"r{n}") for n in range(3000)]

    found = answer(edition("count(*)", *rows), by=("region",))

    assert len(found.cells) == 3000
    assert sum(cell.value or 0 for cell in found.cells) == 3000


# 23
def test_a_key_does_not_shadow_the_column_that_the_value_reads() -> None:
    columns = "at_utc TIMESTAMP, x INTEGER, d0 VARCHAR, s0 INTEGER, a0 INTEGER"
    text = vocabulary_text(
        {"m": "sum(x) + sum(s0) + sum(a0) from events", "people": "count(distinct d0) from events"},
        tables={"events": {"time": "at_utc", "by": ["x", "d0"]}},
        dimensions=("x", "d0"),
    )
    rows = [("2026-01-01", 1, "a", 10, 100), ("2026-01-01", 2, "b", 10, 100)]
    memory = Memory(text, {"events": Rows(columns, rows)})

    found = answer(memory, metrics=("m", "people"), by=("x", "d0"))

    assert [(c.keys, c.metric, c.value) for c in found.cells] == [
        ((1, "a"), "m", 111),
        ((1, "a"), "people", 1),
        ((2, "b"), "m", 112),
        ((2, "b"), "people", 1),
    ]


# 23
def test_a_looked_up_word_that_the_facts_have_themselves_is_told() -> None:
    events = {**TABLES["events"], "by": [], "lookup": {"teams": {"on": "region", "by": "team"}}}
    text = vocabulary_text(
        {"m": "count(*) from events"}, tables={"events": events}, dimensions=("team",)
    )
    memory = Memory(
        text,
        {
            "events": Rows(EVENTS, [("2026-01-01", "EMEA", "own", None, None, None)]),
            "teams": Rows("region VARCHAR, team VARCHAR", [("EMEA", "looked up")]),
        },
    )

    with pytest.raises(QuestionRefused, match=r"'team' .* a column of events itself"):
        answer(memory, by=("team",))


# 24
def test_the_target_of_a_flow_is_shared_out_over_days_and_a_level_is_held() -> None:
    metrics = {
        "sold": {"value": "count(*) from events", "target": "310 per month"},
        "open": {"value": "count(*) from events", "target": 5},
    }
    text = vocabulary_text(metrics, tables={"events": {"time": "at_utc"}})
    vocabulary = load_vocabulary(text)

    def target(name: str, grain: str, day: str) -> float | None:
        found = vocabulary.metrics[name].target
        assert found is not None
        period = period_of(vocabulary.calendar, grain, dt.date.fromisoformat(day))
        return found.value(vocabulary.calendar, period)

    assert target("sold", "day", "2026-01-01") == 10
    assert target("sold", "week", "2026-01-05") == 70
    assert target("sold", "month", "2026-02-01") == 310
    # Three days of January at 10, four of February at 310 / 28.
    assert target("sold", "week", "2026-01-29") == pytest.approx(6 * 10 + 310 / 28)
    assert target("sold", "year", "2026-01-01") == pytest.approx(12 * 310)
    assert [target("open", grain, "2026-01-29") for grain in GRAINS] == [5] * 5


# 24
def test_the_target_of_a_flow_changes_on_its_day_also_within_a_period() -> None:
    metric = {
        "value": "count(*) from events",
        "target": {"from 2026-01": "70 per week", "from 2026-01-08": "140 per week"},
    }
    vocabulary = load_vocabulary(
        vocabulary_text({"m": metric}, tables={"events": {"time": "at_utc"}})
    )
    found = vocabulary.metrics["m"].target
    assert found is not None
    week = period_of(vocabulary.calendar, "week", dt.date(2026, 1, 5))

    assert found.value(vocabulary.calendar, week) == pytest.approx(3 * 10 + 4 * 20)
