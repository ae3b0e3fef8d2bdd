"""Numbers are judged by rule: against a target, against before, and against routine variation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kpi.judge import (
    ENOUGH,
    Change,
    Good,
    Judged,
    Signal,
    Status,
    Stretch,
    Verdict,
    change,
    judge,
    status,
)

# --- status -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "good", "expected"),
    [
        (100, "up", Status.ON_TARGET),
        (99.9, "up", Status.ON_TARGET),
        (99.87, "up", Status.NEAR),
        (99.85, "up", Status.NEAR),
        (99.84, "up", Status.OFF_TARGET),
        (100, "down", Status.OFF_TARGET),
        (99.95, "down", Status.NEAR),
        (99.9, "down", Status.ON_TARGET),
        (-5, "down", Status.ON_TARGET),
    ],
)
def test_status_follows_from_target_tolerance_and_direction(
    value: float, good: Good, expected: Status
) -> None:
    assert status(value, 10, target=99.9, tolerance=0.05, good=good) is expected


@pytest.mark.parametrize(
    ("value", "target", "tolerance", "good"),
    [
        (99.85, 99.9, 0.05, "up"),
        (99.95, 99.9, 0.05, "down"),
        (0.3, 0.1, 0.2, "down"),
        (1.1, 1.0, 0.1, "down"),
        (4.35 * 100, 440, 5, "up"),
        (-0.3, -0.1, 0.2, "up"),
    ],
)
def test_the_edge_of_the_tolerance_is_near_whatever_binary_fractions_say(
    value: float, target: float, tolerance: float, good: Good
) -> None:
    assert status(value, 1, target=target, tolerance=tolerance, good=good) is Status.NEAR


@pytest.mark.parametrize(
    ("value", "target"), [(0.1 + 0.2, 0.3), (1.1 * 3, 3.3), (100 * 0.29, 29), (7 / 10 * 10, 7)]
)
@pytest.mark.parametrize("good", ["up", "down"])
def test_a_target_that_is_met_but_for_a_binary_fraction_is_met(
    value: float, target: float, good: Good
) -> None:
    assert status(value, 1, target=target, tolerance=0, good=good) is Status.ON_TARGET


def test_without_tolerance_there_is_no_near() -> None:
    assert status(99.8, 1, target=99.9, tolerance=0, good="up") is Status.OFF_TARGET


def test_a_target_of_zero_can_be_met_and_missed() -> None:
    assert status(0, 1, target=0, tolerance=0, good="down") is Status.ON_TARGET
    assert status(1, 1, target=0, tolerance=0, good="down") is Status.OFF_TARGET


def test_a_number_without_a_target_has_none() -> None:
    assert status(5, 1, target=None, tolerance=0, good="up") is Status.NO_TARGET


@pytest.mark.parametrize("target", [None, 10])
def test_an_unknown_number_is_no_data_whatever_its_target(target: float | None) -> None:
    found = status(None, 0, target=target, tolerance=1, good="up", min_sample=30)

    assert found is Status.NO_DATA


@pytest.mark.parametrize(
    ("n", "expected"), [(29, Status.TOO_FEW), (30, Status.ON_TARGET), (31, Status.ON_TARGET)]
)
def test_a_number_on_too_few_rows_is_flagged(n: int, expected: Status) -> None:
    assert status(50, n, target=45, tolerance=3, good="up", min_sample=30) is expected


amounts = st.floats(-1e6, 1e6, allow_nan=False)


@given(amounts, amounts, st.floats(0, 1e6))
def test_up_and_down_are_mirror_images(value: float, target: float, tolerance: float) -> None:
    up = status(value, 1, target=target, tolerance=tolerance, good="up")
    down = status(-value, 1, target=-target, tolerance=tolerance, good="down")

    assert up is down


# --- change -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "before", "good", "expected"),
    [
        (12, 10, "up", Change(2, Verdict.BETTER)),
        (12, 10, "down", Change(2, Verdict.WORSE)),
        (8, 10, "up", Change(-2, Verdict.WORSE)),
        (8, 10, "down", Change(-2, Verdict.BETTER)),
        (10, 10, "down", Change(0, Verdict.SAME)),
    ],
)
def test_a_change_is_a_difference_and_a_verdict(
    value: float, before: float, good: Good, expected: Change
) -> None:
    assert change(value, before, good) == expected


@pytest.mark.parametrize(("value", "before"), [(None, 1), (1, None), (None, None)])
def test_there_is_no_change_to_or_from_the_unknown(
    value: float | None, before: float | None
) -> None:
    assert change(value, before, "up") is None


@pytest.mark.parametrize(
    ("value", "decimals", "verdict"),
    [
        (10.04, 1, Verdict.SAME),
        (10.06, 1, Verdict.BETTER),
        (9.96, 1, Verdict.SAME),
        (10.4, 0, Verdict.SAME),
        (10.04, 2, Verdict.BETTER),
        (10.04, None, Verdict.BETTER),
    ],
)
def test_nothing_below_the_shown_decimals_is_better_or_worse(
    value: float, decimals: int | None, verdict: Verdict
) -> None:
    found = change(value, 10, "up", decimals)

    assert found is not None
    assert found.verdict is verdict


# --- signals ------------------------------------------------------------------------------------

# Twelve points whose chart can be drawn with a pencil: they add up to 126, an average of 10.5;
# they move by 2, 1, 2, 1, ... eleven times, 17 in all, so the limits lie 2.66 x 17 / 11 away.
ROUTINE = [10, 12, 11, 9] * 3


def found(values: Sequence[float | None], good: Good = "up") -> list[str | None]:
    """At each point the rule that signals there."""
    return [signal.rule if signal else None for signal in judge(values, good).signals]


def latest(values: Sequence[float | None], good: Good = "up") -> Signal:
    signal = judge(values, good).latest
    assert signal is not None
    return signal


def test_limits_are_the_average_and_2_66_times_the_mean_moving_range() -> None:
    limits = judge(ROUTINE, "up").limits

    assert limits is not None
    assert limits.average == pytest.approx(10.5)
    assert limits.upper == pytest.approx(10.5 + 2.66 * 17 / 11)
    assert limits.lower == pytest.approx(10.5 - 2.66 * 17 / 11)
    assert limits.points == 12


def test_routine_variation_signals_nothing() -> None:
    assert found(ROUTINE) == [None] * 12


def test_a_point_outside_the_limits_signals() -> None:
    # With 20 the average is 146 / 13 and the points move by 28 in 12 steps: the limit is 17.44.
    assert found([*ROUTINE, 20]) == [None] * 12 + ["outside"]


def test_a_point_just_within_the_limits_does_not_signal() -> None:
    # With 16 the average is 142 / 13 and the points move by 24 in 12 steps: the limit is 16.24.
    assert found([*ROUTINE, 16]) == [None] * 13


@pytest.mark.parametrize(
    ("value", "good", "side", "verdict"),
    [
        (30, "up", "above", Verdict.BETTER),
        (30, "down", "above", Verdict.WORSE),
        (-10, "up", "below", Verdict.WORSE),
        (-10, "down", "below", Verdict.BETTER),
    ],
)
def test_a_signal_has_a_side_and_a_verdict(
    value: float, good: Good, side: str, verdict: Verdict
) -> None:
    assert latest([*ROUTINE, value], good) == Signal("outside", side, 1, verdict)


def test_points_outside_in_a_row_are_counted() -> None:
    assert latest([*ROUTINE, *ROUTINE, *ROUTINE, 30, 31]).points == 2


def test_the_eighth_point_in_a_row_on_one_side_signals() -> None:
    before, high = [14, 8] * 5, [12, 13] * 4

    assert found([*before, *high]) == [None] * 17 + ["run"]
    assert latest([*before, *high]).points == 8
    assert latest([*before, *high, 12]).points == 9


def test_seven_points_in_a_row_on_one_side_do_not_signal() -> None:
    assert found([*[14, 8] * 5, *([12, 13] * 4)[:7]]) == [None] * 17


def test_a_point_on_the_average_ends_a_run() -> None:
    # Sixteen points that add up to 176: the average is 11, and the twelfth lies on it.
    values = [13, 9, 13, 9, 13, 9, 13, 2, 12, 12, 12, 12, 11, 12, 12, 12]

    assert found(values)[8:] == [None] * 8


def test_points_short_of_half_way_to_the_limit_do_not_signal() -> None:
    # The average is 166 / 14 and the points move by 31 in 13 steps: half way to the limit is
    # 11.86 + 2.66 x 2.38 / 2 = 15.03.
    assert found([*[12, 10] * 5, 15, 15, 11, 15]) == [None] * 14


def test_three_of_the_last_four_points_nearer_to_a_limit_signal() -> None:
    # The average is 167.5 / 14 and the points move by 32.5 in 13 steps: half way to the limit is
    # 11.96 + 2.66 x 2.5 / 2 = 15.29.
    values = [*[12, 10] * 5, 15.5, 15.5, 11, 15.5]

    judged = judge(values, "up")

    assert judged.limits is not None
    half_way = (judged.limits.average + judged.limits.upper) / 2
    assert [value > half_way for value in values[-4:]] == [True, True, False, True]
    assert judged.signals[-1] == Signal("near", "above", 3, Verdict.BETTER)
    assert judged.signals[:-1] == (None,) * 13


def test_a_point_far_from_the_limit_does_not_signal_after_three_that_were_near() -> None:
    values = [*[12.5, 9.5] * 5, 16, 16, 16, 12.5]

    assert found(values) == [None] * 12 + ["near", None]


def test_near_points_on_both_sides_are_not_added_up() -> None:
    values = [11, 10, 11, 10, 11, 10, 11, 10, 13.5, 7.5, 13.5, 7.5]

    assert "near" not in found(values)


def test_outside_is_told_before_a_run() -> None:
    values = [*[8, 10] * 6, *[11, 12] * 4, 40]

    assert latest(values).rule == "outside"


@pytest.mark.parametrize("count", [0, 1, 2, ENOUGH - 1])
def test_fewer_than_twelve_points_are_not_judged(count: int) -> None:
    judged = judge([1, 100] * (count // 2) + [1] * (count % 2), "up")

    assert judged == Judged((None,) * count, (Stretch(0, None),))
    assert judged.latest is None


def test_unknown_points_do_not_count_to_the_twelve() -> None:
    assert judge([*ROUTINE[:11], None, None], "up").limits is None


def test_unknown_points_are_left_out_and_interrupt_nothing() -> None:
    before, high = [14, 8] * 5, [12, 13] * 4
    gaps = [*before, None, *high[:4], None, None, *high[4:]]

    assert judge(gaps, "up").limits == judge([*before, *high], "up").limits
    assert found(gaps) == [None] * 20 + ["run"]
    assert found([*gaps, None])[-1] is None


@pytest.mark.parametrize("value", [0, 5, 0.1, 1 / 3, 1e-9, 1e12 / 7])
def test_a_series_that_never_moves_signals_nothing(value: float) -> None:
    assert found([value] * 30) == [None] * 30


def test_any_move_of_a_series_that_had_never_moved_before_signals() -> None:
    assert found([5] * 40 + [6])[-1] == "outside"


# Numbers that binary fractions hold exactly, so that a shift or a scale rounds nothing.
series = st.lists(st.one_of(st.none(), st.integers(-50, 50)), min_size=12, max_size=40)


def near_an_edge(values: Sequence[float | None]) -> bool:
    """Whether the last digit of a float decides on a point."""
    judged = judge(values, "up")
    if judged.limits is None:
        return False
    reach = judged.limits.upper - judged.limits.average
    offsets = [abs(v - judged.limits.average) for v in values if v is not None]
    edges = [abs(o - edge) for o in offsets for edge in (reach, reach / 2)]
    return min(edges, default=1.0) < 1e-6


@given(series, st.sampled_from([0.25, 0.5, 2, 1024]), st.integers(-1000, 1000))
def test_signals_do_not_depend_on_unit_or_zero_point(
    values: list[int | None], scale: float, shift: int
) -> None:
    assume(not near_an_edge(values))
    moved = [None if value is None else value * scale + shift for value in values]

    assert judge(moved, "up").signals == judge(values, "up").signals


@given(series)
def test_a_series_upside_down_signals_on_the_other_side(values: list[int | None]) -> None:
    assume(not near_an_edge(values))
    mirrored = [None if value is None else -value for value in values]

    pairs = zip(judge(values, "up").signals, judge(mirrored, "down").signals, strict=True)

    sides = {"above": "below", "below": "above"}
    for here, there in pairs:
        assert (here is None) == (there is None)
        if here is not None and there is not None:
            assert (here.rule, here.points, here.verdict) == (
                there.rule,
                there.points,
                there.verdict,
            )
            assert here.side == sides[there.side]


@given(series, st.integers(0, 40))
def test_gaps_change_no_signal(values: list[int | None], at: int) -> None:
    with_gap = [*values[:at], None, *values[at:]]
    at = min(at, len(values))

    signals = list(judge(with_gap, "up").signals)

    assert signals.pop(at) is None
    assert tuple(signals) == judge(values, "up").signals


# --- a chart from the literature ----------------------------------------------------------------

# The trade deficits of the United States by month, in billions of dollars, with which Donald
# Wheeler opens "Understanding Variation" (1993). Those of 1987 add up to 153.0 and move by 18.3 in
# eleven steps; those of 1988 add up to 120.5.
DEFICITS_1987 = [10.7, 13.0, 11.4, 11.5, 12.5, 14.1, 14.8, 14.1, 12.6, 16.0, 11.7, 10.6]
DEFICITS_1988 = [10.0, 11.4, 7.9, 9.5, 8.0, 11.8, 10.5, 11.2, 9.2, 10.1, 10.4, 10.5]


def test_the_limits_of_wheelers_example_are_his() -> None:
    limits = judge(DEFICITS_1987, "down").limits

    assert limits is not None
    assert (round(limits.average, 2), round(limits.lower, 2), round(limits.upper, 2)) == (
        12.75,
        8.32,
        17.18,
    )


def test_no_month_of_wheelers_first_year_is_a_signal() -> None:
    assert found(DEFICITS_1987) == [None] * 12


def test_taken_as_one_both_years_of_wheelers_example_signal() -> None:
    # 273.5 in 24 months, moving by 36.0 in 23 steps: the average is 11.40, the upper limit 15.56,
    # half way to it 13.48. From February on ten months lie above the average.
    signals = judge([*DEFICITS_1987, *DEFICITS_1988], "down").signals

    assert [(i, s.rule, s.side, s.points) for i, s in enumerate(signals) if s] == [
        (7, "near", "above", 3),
        (8, "run", "above", 8),
        (9, "outside", "above", 1),
        (10, "run", "above", 10),
    ]


# --- stretches ----------------------------------------------------------------------------------


def test_each_stretch_has_its_own_limits_and_the_latest_are_the_last_ones() -> None:
    judged = judge([*DEFICITS_1987, *DEFICITS_1988], "down", [12])

    assert judged.stretches == (
        Stretch(0, judge(DEFICITS_1987, "down").limits),
        Stretch(12, judge(DEFICITS_1988, "down").limits),
    )
    assert judged.limits == judge(DEFICITS_1988, "down").limits
    assert judged.signals == (None,) * 24


def test_a_step_at_a_break_is_no_signal() -> None:
    stepped = [*ROUTINE, *[value + 100 for value in ROUTINE]]

    assert any(found(stepped))
    assert judge(stepped, "up", [12]).signals == (None,) * 24


def test_no_rule_looks_across_a_break() -> None:
    # Five points above the average end the first stretch, and seven begin the second.
    before, after = [*[14, 8] * 5, *[12, 13] * 2, 12], [13, *[12, 13] * 3, *[8, 14] * 5]
    together = [*before, *after]

    assert "run" in found(together)
    assert judge(together, "up", [15]).signals == (None,) * 32


def test_a_stretch_of_fewer_than_twelve_known_points_is_not_judged() -> None:
    judged = judge([*ROUTINE, *[100, None] * 11], "up", [12])

    assert judged.limits is None
    assert judged.latest is None
    assert judged.stretches[0].limits == judge(ROUTINE, "up").limits


def test_a_short_stretch_in_the_middle_leaves_those_around_it_judged() -> None:
    judged = judge([*ROUTINE, 100, 0, *ROUTINE], "up", [12, 14])

    assert [stretch.start for stretch in judged.stretches] == [0, 12, 14]
    assert [stretch.limits is None for stretch in judged.stretches] == [False, True, False]


@pytest.mark.parametrize("nowhere", [[], [0], [12], [99], [-3]])
def test_a_break_before_the_first_or_after_the_last_point_changes_nothing(
    nowhere: list[int],
) -> None:
    assert judge(ROUTINE, "up", nowhere) == judge(ROUTINE, "up")


def test_the_order_of_breaks_and_their_number_do_not_matter() -> None:
    values = [*ROUTINE, *ROUTINE, *ROUTINE]

    assert judge(values, "up", [24, 12, 24]) == judge(values, "up", [12, 24])


@given(series, st.integers(1, 39))
def test_judging_in_stretches_is_judging_each_alone(values: list[int | None], at: int) -> None:
    at = min(at, len(values) - 1)
    before, after = judge(values[:at], "up"), judge(values[at:], "up")

    judged = judge(values, "up", [at])

    assert judged.signals == (*before.signals, *after.signals)
    assert [stretch.limits for stretch in judged.stretches] == [before.limits, after.limits]


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        (Signal("outside", "above", 1, Verdict.WORSE), "above its range"),
        (Signal("outside", "below", 2, Verdict.WORSE), "below its range, 2 weeks running"),
        (Signal("run", "above", 9, Verdict.BETTER), "9 weeks above average"),
        (Signal("near", "below", 3, Verdict.WORSE), "3 of 4 weeks near its lower limit"),
        (Signal("near", "above", 4, Verdict.WORSE), "3 of 4 weeks near its upper limit"),
    ],
)
def test_a_signal_is_told_in_a_few_words(signal: Signal, expected: str) -> None:
    assert signal.words("week") == expected
