"""How samples become seconds: against a plain count of every single second."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.uptime import Census, Measured, Samples, measured, spans

STEP = dt.timedelta(seconds=15)
HOUR = 3600


def samples(*pairs: tuple[float, int]) -> Samples:
    times, values = zip(*pairs, strict=True)
    return Samples(
        np.array([round(time * 1000) for time in times]), np.array(values, dtype=np.bool_)
    )


def every(step: float, begin: float, end: float, value: int = 1) -> list[tuple[float, int]]:
    return [(begin + step * n, value) for n in range(int((end - begin) / step))]


def kinds(*probes: Samples, length: int = HOUR, **arguments: object) -> list[int]:
    """Seconds up, down, in maintenance and unknown from 0 to `length`."""
    announced = arguments.pop("announced", [])
    edges = np.array([0, length])
    return measured(list(probes), announced, edges, **arguments).seconds[0].tolist()  # type: ignore[arg-type]


def test_samples_in_step_leave_nothing_unknown():
    assert kinds(samples(*every(15, 0, HOUR))) == [3600, 0, 0, 0]


def test_a_sample_speaks_until_the_next_one():
    seen = samples(*every(15, 0, 1500), *every(15, 1500, 1800, 0), *every(15, 1800, HOUR))

    assert kinds(seen) == [3300, 300, 0, 0]


def test_one_lost_sample_is_one_step_unknown():
    pairs = every(15, 0, HOUR)
    del pairs[100]

    assert kinds(samples(*pairs)) == [3585, 0, 0, 15]


def test_samples_that_come_a_little_early_or_late_are_not_lost():
    late = [(time + (0.4 if n % 3 else -3.7), 1) for n, (time, _) in enumerate(every(15, 15, 3630))]

    assert kinds(samples((0, 1), *late), step=STEP) == [3600, 0, 0, 0]


def test_the_step_is_found_although_a_third_of_the_samples_is_lost():
    pairs = [pair for n, pair in enumerate(every(15, 0, HOUR)) if n % 3]

    assert kinds(samples(*pairs)) == [2400, 0, 0, 1200]


def test_a_found_step_is_five_minutes_at_most():
    assert kinds(samples((0, 1), (1800, 1))) == [600, 0, 0, 3000]


def test_a_declared_step_is_believed():
    seen = samples((0, 1), (1800, 1))

    assert kinds(seen, step=dt.timedelta(minutes=30)) == [3600, 0, 0, 0]


def test_a_single_sample_speaks_for_a_minute():
    assert kinds(samples((600, 0))) == [0, 60, 0, 3540]


def test_no_sample_is_unknown_and_neither_up_nor_down():
    assert kinds() == [0, 0, 0, 3600]


def test_a_sample_at_the_edge_of_two_hours_counts_once():
    seen = samples(*every(60, 0, 2 * HOUR))
    rows = measured([seen], [], np.array([0, HOUR, 2 * HOUR])).seconds

    assert rows.tolist() == [[3600, 0, 0, 0], [3600, 0, 0, 0]]


def test_announced_maintenance_comes_before_up_down_and_unknown():
    seen = samples(*every(15, 0, 1200), *every(15, 1200, 2400, 0))
    notice = spans(samples(*every(60, 900, 2700)), None)

    assert kinds(seen, announced=[notice]) == [900, 0, 1800, 900]


def test_a_zero_announces_nothing():
    notice = spans(samples(*every(60, 0, HOUR, 0)), None)

    assert kinds(samples(*every(15, 0, HOUR)), announced=[notice]) == [3600, 0, 0, 0]


@pytest.mark.parametrize(
    ("combine", "expected"), [("all", [1800, 1800, 0, 0]), ("any", [3000, 600, 0, 0])]
)
def test_probes_that_disagree_are_combined_as_declared(combine, expected):
    one = samples(*every(15, 0, 1200), *every(15, 1200, 2400, 0), *every(15, 2400, HOUR))
    other = samples(*every(15, 0, 1800), *every(15, 1800, 3000, 0), *every(15, 3000, HOUR))

    assert kinds(one, other, combine=combine) == expected


@pytest.mark.parametrize("combine", ["all", "any"])
def test_a_probe_without_samples_is_not_heard(combine):
    one, other = samples(*every(15, 0, HOUR)), samples(*every(15, 0, 1800))

    assert kinds(one, other, combine=combine) == [3600, 0, 0, 0]


probe = st.lists(
    st.tuples(st.integers(0, 400_000), st.booleans()),
    min_size=1,
    max_size=40,
    unique_by=lambda pair: pair[0],
).map(sorted)


@given(
    probes=st.lists(probe, max_size=3), notices=st.lists(probe, max_size=2), either=st.booleans()
)
def test_every_second_is_of_exactly_one_kind(probes, notices, either):
    def seconds(pairs: list[tuple[int, bool]], step: int) -> list[tuple[range, bool]]:
        found = []
        for place, (time, value) in enumerate(pairs):
            after = pairs[place + 1][0] if place + 1 < len(pairs) else None
            end = after if after is not None and after - time <= 1.5 * step else time + step
            found.append((range((time + 500) // 1000, (end + 500) // 1000), value))
        return found

    as_samples = [Samples(*map(np.array, zip(*pairs, strict=True))) for pairs in probes]
    announced = [
        spans(Samples(*map(np.array, zip(*pairs, strict=True))), STEP) for pairs in notices
    ]
    edges = np.arange(60, 361, 100)
    rows = measured(
        as_samples, announced, edges, step=STEP, combine="any" if either else "all"
    ).seconds

    heard = [each for pairs in probes for each in seconds(pairs, 15_000)]
    notice = [each for pairs in notices for each in seconds(pairs, 15_000)]
    counted = np.zeros((3, 4), dtype=int)
    for second in range(60, 360):
        said = {value for stretch, value in heard if second in stretch}
        if any(second in stretch and value for stretch, value in notice):
            kind = 2
        elif not said:
            kind = 3
        else:
            kind = 0 if (any(said) if either else all(said)) else 1
        counted[(second - 60) // 100, kind] += 1

    assert rows.tolist() == counted.tolist()


# --- which services have which hours ------------------------------------------------------------

DAY = 24 * HOUR


def seen(first: int | None, last: int | None) -> Measured:
    return Measured(np.zeros((0, 4), dtype=np.int64), first, last, 0)


def hours(*numbers: int) -> np.ndarray:
    return np.array([number * HOUR for number in numbers])


def test_a_new_service_begins_with_the_hour_of_its_first_sample():
    census = Census({}, None, full=False)
    here = census.expects("shop", seen(2 * HOUR + 1200, 3 * HOUR), hours(0, 1, 2, 3))

    assert here.tolist() == [False, False, True, True]


def test_a_silent_service_is_unknown_for_a_week_and_then_gone():
    census = Census({"shop": 10 * HOUR}, until=11 * HOUR, full=False)
    here = census.expects("shop", seen(None, None), hours(10, 11, 7 * 24 + 9, 7 * 24 + 10))

    assert here.tolist() == [False, True, True, False]
    assert census.present(10 * HOUR + 7 * DAY) == {}


def test_a_service_that_comes_back_after_a_week_begins_anew():
    census = Census({"shop": 0}, until=HOUR, full=False)
    back = 10 * 24
    here = census.expects("shop", seen(back * HOUR, back * HOUR), hours(back - 1, back))

    assert here.tolist() == [False, True]


@pytest.mark.parametrize(("full", "known"), [(True, {}), (False, {"shop": 5 * HOUR})])
def test_an_hour_that_has_aged_out_in_part_does_not_replace_the_whole_one(full, known):
    census = Census(known, until=5 * HOUR if known else None, full=full)
    here = census.expects("shop", seen(2 * HOUR + 1200, 5 * HOUR), hours(1, 2, 3, 4))

    assert here.tolist() == [False, False, True, True]


def test_an_hour_never_brought_is_brought_although_its_beginning_is_unknown():
    census = Census({"shop": HOUR}, until=2 * HOUR, full=False)
    here = census.expects("shop", seen(4 * HOUR + 1200, 5 * HOUR), hours(1, 2, 3, 4, 5))

    assert here.tolist() == [False, True, True, True, True]
