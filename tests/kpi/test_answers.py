"""What a number is: its n, nothing and the unknown, division, ratios, medians."""

from __future__ import annotations

import pytest

from kpi.answers import ask_apart
from kpi.questions import Question, QuestionRefused
from tests.kpi.asking import (
    EVENTS,
    TABLES,
    WORDS,
    answer,
    by_period,
    day,
    edition,
    moment,
    only,
    values,
)
from tests.kpi.memory import Memory, Rows, vocabulary_text

# --- n --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "n"),
    [
        ("count(*)", 4),
        ("count(x)", 3),
        ("sum(x)", 3),
        ("sum(x) filter (where x > 1)", 2),
        ("count_if(x > 2)", 3),
        ("count(distinct ok)", 2),
        ("median(x)", 3),
        # Several aggregates: the largest, so that a share's n is its denominator.
        ("count_if(ok) / count(*)", 4),
        ("100 * count_if(ok) / count(x)", 3),
        ("sum(x) filter (where ok) / sum(x) filter (where not ok)", 1),
    ],
)
def test_n_counts_the_rows_that_a_number_rests_on(value: str, n: int) -> None:
    rows = [("2026-01-05", "a", None, x, None, ok) for x, ok in [(1, None), (2, True), (3, False)]]

    memory = edition(value, *rows, ("2026-01-06", "a"))

    assert only(answer(memory, "month")).n == n


def test_n_counts_only_rows_that_the_metrics_condition_takes() -> None:
    memory = edition(
        {"m": "sum(x) from events where region = 'a'"},
        ("2026-01-05", "a", None, 1),
        ("2026-01-05", "b", None, 2),
    )

    assert only(answer(memory)).n == 1


def test_n_of_a_formula_is_that_of_its_smallest_input() -> None:
    metrics = {"p": "count(*) from events", "q": "count(x) from events", "m": "p / q"}

    memory = edition(metrics, ("2026-01-05", "a", None, 1), ("2026-01-06",), ("2026-01-07",))

    assert only(answer(memory)).n == 1


def test_n_of_nothing_is_zero() -> None:
    memory = edition("sum(x)", ("2026-01-05", "a", None, 1), ("2026-03-05", "a", None, 1))

    assert [cell.n for cell in answer(memory).cells] == [1, 0, 1]


# --- empty periods --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["count(*)", "count(x)", "count_if(x > 1)", "count(distinct x)"])
def test_a_count_of_nothing_is_zero(value: str) -> None:
    memory = edition(value, ("2026-01-05", "a", None, 2), ("2026-03-05", "a", None, 2))

    assert by_period(answer(memory))["2026-02-01"] == 0


@pytest.mark.parametrize("value", ["sum(x)", "avg(x)", "min(x)", "max(x)", "median(x)"])
def test_anything_else_of_nothing_is_unknown(value: str) -> None:
    memory = edition(value, ("2026-01-05", "a", None, 2), ("2026-03-05", "a", None, 2))

    assert by_period(answer(memory))["2026-02-01"] is None


@pytest.mark.parametrize("grain", ["month", "total"])
def test_a_count_is_unknown_before_the_first_day(grain: str) -> None:
    memory = edition("count(*)", ("2026-03-15",))

    assert values(answer(memory, grain, "2026-02-01", "2026-03-01")) == [None]


def test_a_period_that_ends_where_the_first_day_begins_is_unknown() -> None:
    memory = edition("count(*)", ("2026-03-01",))

    assert values(answer(memory, "month", "2026-02-01", "2026-04-01")) == [None, 1]


def test_a_stray_row_of_the_year_1_does_not_make_a_count_before_the_first_day_known() -> None:
    memory = edition("count(*)", ("2026-03-15",), ("0001-01-01",))

    assert values(answer(memory, "month", "2026-02-01", "2026-04-01")) == [None, 1]


def test_a_count_is_known_from_the_period_that_holds_the_first_day() -> None:
    memory = edition("count_if(x > 1)", ("2026-03-15", "a", None, 0), fresh="2026-05-10 12:00")

    found = by_period(answer(memory, "month", "2026-02-01", "2026-07-01"))

    assert found == {
        "2026-02-01": None,
        "2026-03-01": 0,
        "2026-04-01": 0,
        "2026-05-01": 0,
        "2026-06-01": None,
    }


def test_a_source_that_told_until_midnight_has_not_told_of_the_day_after() -> None:
    at_midnight = edition("count(*)", ("2026-03-01",), fresh="2026-03-03 00:00:00")
    just_after = edition("count(*)", ("2026-03-01",), fresh="2026-03-03 00:00:01")

    assert values(answer(at_midnight, "day", "2026-03-02", "2026-03-04")) == [0, None]
    assert values(answer(just_after, "day", "2026-03-02", "2026-03-04")) == [0, 0]


def test_rows_of_the_future_are_counted_and_do_not_make_other_counts_zero() -> None:
    metrics = {
        "m": "count(*) from events where ok",
        "other": "count(*) from events where not ok",
    }
    memory = edition(
        metrics,
        ("2026-03-01", "a", None, None, None, False),
        ("2026-08-01", "a", None, None, None, True),
        fresh="2026-04-01",
    )

    found = answer(memory, "month", "2026-08-01", "2026-09-01", metrics=("m", "other"))

    assert values(found) == [1, None]


def test_empty_fills_from_the_first_day_on_as_far_as_the_sources_told() -> None:
    memory = edition(
        {"m": {"value": "sum(x) from events", "empty": 5}},
        ("2026-03-15", "a", None, 2),
        fresh="2026-05-10",
    )

    found = by_period(answer(memory, "month", "2026-02-01", "2026-07-01"))

    assert list(found.values()) == [None, 2, 5, 5, None]


def test_what_is_said_of_an_empty_period_is_not_rounded_beside_decimals() -> None:
    memory = edition(
        {"m": {"value": "sum(money) from events", "empty": 0.125}}, ("2026-03-15", "a")
    )

    assert values(answer(memory, start="2026-04-01", end="2026-05-01")) == [0.125]


def test_empty_fills_also_where_every_argument_is_unknown() -> None:
    memory = edition({"m": {"value": "sum(x) from events", "empty": 0}}, ("2026-03-15", "a"))

    assert values(answer(memory)) == [0]


def test_inputs_are_filled_before_a_formula_divides() -> None:
    metrics = {
        "p": "count(*) from events where region = 'a'",
        "q": {"value": "sum(x) from events", "empty": 4},
        "m": "p / q",
    }
    memory = edition(metrics, ("2026-01-05", "a", None, 2), ("2026-03-05", "a", None, 2))

    assert values(answer(memory)) == [0.5, 0, 0.5]


def test_a_formula_may_say_what_nothing_is_as_well() -> None:
    metrics = {
        "p": "sum(x) from events",
        "m": {"value": "2 * p", "empty": 1},
    }
    memory = edition(metrics, ("2026-01-05", "a", None, 2), ("2026-03-05", "a", None, 2))

    assert values(answer(memory)) == [4, 1, 4]


def test_a_formula_says_what_nothing_is_only_where_all_its_tables_were_told_of() -> None:
    text = vocabulary_text(
        {
            "p": "sum(x) from events",
            "q": "sum(x) from more",
            "m": {"value": "p / q", "empty": 7},
        },
        tables={**TABLES, "more": {"time": "at_utc", "by": ["region"]}},
        dimensions=WORDS,
    )
    row = ("2026-01-05", "a", None, 2, None, None)
    fresh = {"events": moment("2026-04-01"), "more": moment("2026-03-01")}
    memory = Memory(
        text, {"events": Rows(EVENTS, [row]), "more": Rows(EVENTS, [row])}, fresh_until=fresh
    )

    assert values(answer(memory, "month", "2026-01-01", "2026-04-01")) == [1, 7, None]


def test_a_table_that_nothing_has_filled_is_unknown() -> None:
    text = vocabulary_text(
        {"m": "count(*) from events", "never": "count(*) from never", "r": "m / never"},
        tables={**TABLES, "never": {"time": "at_utc", "by": ["region"]}},
        dimensions=WORDS,
    )
    memory = Memory(text, {"events": Rows(EVENTS, [("2026-01-05", "a", None, 1, None, None)])})

    found = answer(memory, metrics=("m", "never", "r"), by=("region",))

    assert [(c.value, c.n, c.complete) for c in found.cells] == [
        (1, 1, False),
        (None, 0, False),
        (None, 0, False),
    ]


# --- division and arithmetic ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["sum(x) / count_if(x > 9)", "sum(x / (x - x))", "1 / (sum(x) - sum(x))", "sum(x) / 0"],
)
def test_a_division_by_zero_is_unknown(value: str) -> None:
    memory = edition(value, ("2026-01-05", "a", None, 2))

    assert values(answer(memory)) == [None]


def test_a_formula_that_divides_by_a_zero_count_is_unknown() -> None:
    metrics = {
        "p": "count(*) from events",
        "q": "count_if(x > 9) from events",
        "m": "p / q",
        "deep": "1 + 1 / m",
    }
    memory = edition(metrics, ("2026-01-05", "a", None, 2))

    assert values(answer(memory, metrics=("m", "deep"))) == [None, None]


def test_whole_numbers_divide_into_fractions() -> None:
    memory = edition("count_if(x > 1) / count(*)", *[("2026-01-05", "a", None, x) for x in (1, 2)])

    assert values(answer(memory)) == [0.5]


def test_what_is_beyond_every_number_is_unknown() -> None:
    memory = edition("1e308 * sum(x) * 10", ("2026-01-05", "a", None, 2))

    assert values(answer(memory)) == [None]


def test_a_value_that_is_no_number_is_refused() -> None:
    memory = edition("max(at_utc)", ("2026-01-05",))

    with pytest.raises(QuestionRefused, match="The value of 'm' is not a number but '2026-01-05"):
        answer(memory)


# --- ratios, medians, decimals --------------------------------------------------------------------

RATIO_ROWS = [
    ("2026-01-01", "a", None, 1, None, True),
    *[("2026-01-02", "a", None, 1, None, ok) for ok in (True, False, False)],
    ("2026-02-01", "b", None, 1, None, False),
]


@pytest.mark.parametrize(
    ("grain", "expected"),
    [("day", [1, 1 / 3, 0]), ("month", [2 / 4, 0]), ("year", [2 / 5]), ("total", [2 / 5])],
)
def test_a_ratio_is_a_ratio_of_sums_at_every_grain(grain: str, expected: list[float]) -> None:
    memory = edition("count_if(ok) / count(ok)", *RATIO_ROWS)

    known = [value for value in values(answer(memory, grain)) if value is not None]

    assert known == pytest.approx(expected)


def test_a_ratio_of_metrics_is_a_ratio_of_sums_as_well() -> None:
    metrics = {
        "p": "count_if(ok) from events",
        "q": "count(ok) from events",
        "m": "p / q",
    }

    assert values(answer(edition(metrics, *RATIO_ROWS), "year")) == [2 / 5]


def test_a_median_is_taken_from_rows_at_every_grain() -> None:
    rows = [("2026-01-01", "a", None, x) for x in (1, 1, 1)] + [("2026-01-02", "a", None, 10)]

    memory = edition("median(x)", *rows)

    assert values(answer(memory, "day")) == [1, 10]
    assert values(answer(memory, "month")) == [1]


def test_a_distinct_count_is_taken_from_rows_at_every_grain() -> None:
    memory = edition("count(distinct x)", *[(f"2026-01-0{d}", "a", None, 7) for d in (1, 2, 3)])

    assert values(answer(memory, "day")) == [1, 1, 1]
    assert values(answer(memory, "month")) == [1]


def test_medians_and_percentiles_of_decimals_keep_their_decimals() -> None:
    rows = [("2026-01-01", "a", None, None, money) for money in ("570.84", "570.85")]
    metrics = {
        "m": "median(money) from events",
        "p": "percentile(money, 0.5) from events",
    }

    found = answer(edition(metrics, *rows), metrics=("m", "p"))

    assert values(found) == pytest.approx([570.845, 570.845], abs=1e-9)


def test_money_adds_up_exactly() -> None:
    memory = edition("sum(money)", *[("2026-01-01", "a", None, None, "0.10")] * 30)

    assert values(answer(memory)) == [3.0]


@pytest.mark.parametrize(
    ("share", "between", "one_of_them"),
    [("0", 1, 1), ("0.5", 2.5, 2), ("0.9", 3.7, 4), ("1", 4, 4)],
)
def test_a_percentile_lies_between_values_and_a_discrete_one_is_one_of_them(
    share: str, between: float, one_of_them: float
) -> None:
    metrics = {
        "m": f"percentile(x, {share}) from events",
        "d": f"percentile_disc(x, {share}) from events",
    }
    rows = [("2026-01-01", "a", None, x) for x in (4, 1, 3, 2)]

    found = answer(edition(metrics, *rows), metrics=("m", "d"))

    assert values(found) == pytest.approx([between, one_of_them])


def test_time_between_is_fractional_on_instants_and_whole_on_days() -> None:
    text = vocabulary_text(
        {
            "hours": "sum(hours_between(a, b)) from spans",
            "days": "sum(days_between(a, b)) from spans",
            "local_days": "sum(days_between(p, q)) from spans",
            "back": "sum(minutes_between(b, a)) from spans",
        },
        tables={"spans": {"time": "a"}},
    )
    rows = Rows(
        "a TIMESTAMP, b TIMESTAMP, p DATE, q DATE",
        [("2026-01-01 10:00:00", "2026-01-02 22:00:01.8", "2026-01-01", "2026-01-03")],
    )

    found = answer(Memory(text, {"spans": rows}), metrics=("hours", "days", "local_days", "back"))

    assert values(found) == pytest.approx([36.0005, 36.0005 / 24, 2, -2160.03])


# --- conditions and unknown values ----------------------------------------------------------------


def test_a_share_leaves_rows_without_an_answer_out_of_its_denominator() -> None:
    memory = edition(
        "100 * (count_if(x >= 9) - count_if(x <= 6)) / count(x)",
        *[("2026-01-01", "a", None, x) for x in (10, 9, 7, 3, None, None)],
    )

    assert values(answer(memory)) == [25]


def test_a_condition_that_is_unknown_takes_no_row() -> None:
    memory = edition(
        {"m": "count(*) from events where x <> 1"},
        *[("2026-01-01", "a", None, x) for x in (1, 2, None)],
    )

    assert values(answer(memory)) == [1]


def test_conditions_of_metrics_that_are_asked_together_stay_apart() -> None:
    metrics = {
        "p": "count(*) from events where x = 1",
        "q": "sum(x) filter (where ok) from events where x > 1",
        "all": "count(*) from events",
    }
    rows = [("2026-01-01", "a", None, x, None, x != 3) for x in (1, 2, 3)]

    found = answer(edition(metrics, *rows), metrics=("p", "q", "all"))

    assert values(found) == [1, 2, 3]


def test_a_row_without_a_time_is_in_no_period() -> None:
    memory = edition("count(*)", ("2026-01-05",), (None,))

    assert values(answer(memory, "total")) == [1]


def test_one_metric_that_its_rows_do_not_allow_leaves_the_others_their_numbers() -> None:
    memory = edition(
        {"m": "count(*) from events", "bad": "count_if(lower(region) in (1, 2)) from events"},
        ("2026-03-02", "EMEA"),
    )

    found, refused = ask_apart(
        memory, Question(("m", "bad"), start=day("2026-03-01"), end=day("2026-04-01"))
    )

    assert [(cell.metric, cell.value) for cell in found.cells] == [("m", 1)]
    assert list(refused) == ["bad"]
