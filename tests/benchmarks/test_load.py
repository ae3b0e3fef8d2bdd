"""What readers saw of editions is judged rightly."""

from __future__ import annotations

import math

from benchmarks.load import Run, Seen, quantile


def test_a_run_that_shows_less_than_was_published_when_it_was_asked_for_is_stale() -> None:
    seen = Seen(published=[(0.0, 1), (10.0, 2)])
    seen.runs += [Run(0, 9.0, 2.0, 1), Run(0, 10.5, 0.1, 2), Run(1, 10.5, 0.1, 1)]

    assert seen.stale() == 1


def test_a_reader_who_sees_less_than_before_goes_backwards() -> None:
    seen = Seen(published=[(0.0, 1)])
    seen.runs += [Run(0, 1.0, 0.1, 2), Run(1, 2.0, 0.1, 1), Run(0, 3.0, 0.1, 1)]

    assert seen.backwards() == 1


def test_quantiles_lie_among_the_values() -> None:
    values = [float(n) for n in range(101)]

    assert [quantile(values, share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert math.isnan(quantile([1.0], 0.5))
