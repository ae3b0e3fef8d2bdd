"""The sample's numbers, through every layer, against the same numbers by plain pandas."""

from __future__ import annotations

import datetime as dt
import shutil

import pytest

from kpi.answers import ask
from kpi.editions import Edition, open_edition
from kpi.judge import Status
from kpi.questions import Question
from kpi.refresh import refresh
from kpi.scorecard import Row, scorecard
from sample.company import Company, write
from tests.sample import exports
from tests.sample.by_hand import last_week
from tests.sample.conftest import UNTIL
from tests.sample.statuses import EXPECTED


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """The sample, refreshed and published at the moment it was written."""
    home = tmp_path_factory.mktemp("published")
    for file in ("metrics.yaml", "sources.yaml"):
        shutil.copy(exports.PROJECT / file, home)
    write(home / "data" / "sample", UNTIL)
    outcome = refresh(home, now=lambda: UNTIL)

    assert outcome.exit_code == 0
    return open_edition(home)


@pytest.fixture(scope="module")
def rows(edition: Edition) -> dict[str, Row]:
    return {row.metric.name: row for row in scorecard(edition, "week", now=UNTIL).rows}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_metric_of_the_last_week_is_what_pandas_makes_of_the_facts(
    edition: Edition, facts: Company, name: str
) -> None:
    week = (dt.date(2026, 11, 9), dt.date(2026, 11, 16))
    (cell,) = ask(edition, Question((name,), "week", start=week[0], end=week[1])).cells

    value, n = last_week(facts, UNTIL)[name]
    assert cell.value == pytest.approx(value, rel=1e-9)
    assert cell.n == n
    assert cell.complete


def test_the_scorecard_shows_the_planned_mix(rows: dict[str, Row]) -> None:
    assert {name: row.status for name, row in rows.items()} == {
        **EXPECTED,
        "churn": Status.ON_TARGET,
        "idea_to_first_use": Status.NO_DATA,
    }


def test_only_what_billing_feeds_is_late(rows: dict[str, Row]) -> None:
    assert {name for name, row in rows.items() if row.late} == {"churn"}


def test_worth_a_question_are_incidents_recommendation_and_failed_changes(
    edition: Edition,
) -> None:
    questions = scorecard(edition, "week", now=UNTIL).questions

    assert [row.metric.name for row in questions] == [
        "customer_facing_incidents",
        "nps",
        "change_failure_rate",
    ]


def test_some_signals_are_better_some_worse_and_some_metrics_are_routine(
    rows: dict[str, Row],
) -> None:
    said = {name: row.signal.verdict.value for name, row in rows.items() if row.signal}

    worse = {"uptime", "customer_facing_incidents", "nps", "change_failure_rate"}
    better = {"deploy_lead_time", "deploys", "feature_adoption", "it_cost_per_order"}
    assert {name for name in worse if said.get(name) == "worse"} == worse
    assert {name for name in better if said.get(name) == "better"} == better
    assert said.keys().isdisjoint(
        {"time_to_restore", "checkout_conversion", "checkout_response", "churn", "idle_spend"}
    )


def test_the_four_unreadable_answers_are_kept_with_their_reason(edition: Edition) -> None:
    rejects = edition.query("select row_text, reason from kpi.rejects where source = 'answers'")

    assert len(rejects) == 4
    assert all(text and reason for text, reason in rejects)
