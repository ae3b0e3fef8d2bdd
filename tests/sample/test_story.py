"""The last weeks look alike on whichever day the sample is written."""

from __future__ import annotations

import datetime as dt

import pytest

from kpi.judge import status
from kpi.periods import DAY, period_of
from kpi.vocabulary_file import load_vocabulary
from sample.company import company
from sample.timeline import timeline
from tests.sample import exports
from tests.sample.by_hand import last_week
from tests.sample.statuses import EXPECTED

MOMENTS = [dt.datetime(2026, 11, 16, 5) + dt.timedelta(days=53 * n, hours=5 * n) for n in range(7)]


@pytest.mark.parametrize("until", MOMENTS, ids=lambda moment: f"{moment:%a-%d-%b-%Y}")
def test_the_last_complete_week_has_the_same_statuses(until: dt.datetime) -> None:
    vocabulary = load_vocabulary((exports.PROJECT / "metrics.yaml").read_text("utf-8"))
    week = period_of(vocabulary.calendar, "week", until.date() - 7 * DAY)
    found = {}
    for name, (value, n) in last_week(company(timeline(until), seed=20), until).items():
        metric = vocabulary.metrics[name]
        found[name] = status(
            float(value),
            n,
            target=metric.target.value(vocabulary.calendar, week) if metric.target else None,
            tolerance=metric.tolerance,
            good=metric.good,
            min_sample=metric.min_sample,
        )

    assert found == EXPECTED
