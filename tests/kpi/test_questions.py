"""What can be asked, over which periods, and how everything else is refused."""

from __future__ import annotations

import datetime as dt

import pytest

from kpi.periods import Calendar
from kpi.questions import Question, QuestionRefused, asked_periods, check_question
from kpi.vocabulary_file import load_vocabulary
from tests.kpi.memory import vocabulary_text

START, END = dt.date(2026, 1, 1), dt.date(2026, 7, 1)

VOCABULARY = load_vocabulary(
    vocabulary_text(
        {
            "opened": {
                "value": "count(*) from incidents",
                "also_called": ["defect reports"],
            },
            "nps": "100 * (count_if(score >= 9) - count_if(score <= 6)) / count(score)"
            " from surveys",
            "orders": "count(*) from orders",
            "per_order": "1000 * opened / orders",
        },
        tables={
            "incidents": {"time": "opened_at", "by": ["service", "region"]},
            "surveys": {"time": "answered_at", "by": ["region"]},
            "orders": {"time": "ordered_at", "by": ["region", "order"]},
        },
        dimensions=("service", "region", "order"),
    )
)


# --- ranges -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grain", "start", "end"),
    [
        ("day", "2026-02-11", "2026-05-20"),
        ("week", "2026-02-09", "2026-05-25"),
        ("month", "2026-02-01", "2026-06-01"),
        ("quarter", "2026-01-01", "2026-07-01"),
        ("year", "2026-01-01", "2027-01-01"),
        ("total", "2026-02-11", "2026-05-20"),
    ],
)
def test_a_range_widens_to_whole_periods_except_for_a_total(
    grain: str, start: str, end: str
) -> None:
    question = Question(("opened",), grain, start=dt.date(2026, 2, 11), end=dt.date(2026, 5, 20))

    found = asked_periods(Calendar(), question)

    assert [found[0].start.isoformat(), found[-1].end.isoformat()] == [start, end]


def test_a_range_of_whole_periods_stays_as_it_is() -> None:
    question = Question(("opened",), "month", start=START, end=END)

    found = asked_periods(Calendar(), question)

    assert (found[0].start, found[-1].end) == (START, END)


# --- questions that are refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (Question(()), "No metric is asked for."),
        (Question(("opend",)), "There is no metric 'opend'. Did you mean 'opened'?"),
        (
            Question(("zzz",)),
            "There is no metric 'zzz'. `python -m kpi metrics` lists what there is.",
        ),
        (
            Question(("Defect Reports",)),
            "There is no metric 'Defect Reports'. Did you mean 'opened'?",
        ),
        (
            Question(("nps",), by=("region,order",)),
            "There is no dimension 'region,order'. Write each alone: --by region --by order.",
        ),
        (Question(("opened",), "weak"), "There is no grain 'weak'. Did you mean 'week'?"),
        (
            Question(("opened",), "hour"),
            "There is no grain 'hour'. Known: day, week, month, quarter, year, total.",
        ),
        (
            Question(("opened",), by=("regoin",)),
            "There is no dimension 'regoin'. Did you mean 'region'?",
        ),
        (
            Question(("opened",), by=("team",)),
            "There is no dimension 'team'. Dimensions: service, region, order.",
        ),
        (
            Question(("nps",), by=("service",)),
            "'nps' cannot be broken down by 'service': surveys has no service."
            " It can be by region.",
        ),
        (
            Question(("per_order",), by=("service",)),
            "'per_order' cannot be broken down by 'service': orders has no service."
            " It can be by region.",
        ),
        (
            Question(("nps",), where=("service = 'x'",)),
            "'nps' cannot be filtered by 'service': surveys has no service. It can be by region.",
        ),
        (
            Question(("nps",), where=("value > 3",)),
            "There is no dimension 'value'. Dimensions: service, region, order.",
        ),
        (
            Question(("nps",), where=("region",)),
            "The filter 'region' is refused: a filter must be a condition. Write one over"
            " dimensions, for example region = 'EMEA'.",
        ),
        (
            Question(("nps",), start=END, end=START),
            "The range ends (2026-01-01) before it has begun (2026-07-01):"
            " the end is the day after the last, at least 2026-07-02.",
        ),
        (
            Question(("nps",), start=START, end=START),
            "The range ends (2026-01-01) before it has begun (2026-01-01):"
            " the end is the day after the last, at least 2026-01-02.",
        ),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(question: Question, expected: str) -> None:
    with pytest.raises(QuestionRefused) as refused:
        check_question(VOCABULARY, question)

    assert str(refused.value) == expected


def test_everything_wrong_with_a_question_is_told_at_once() -> None:
    question = Question(("opend", "nps"), "weak", ("service", "regoin"), ("score > 3",))

    with pytest.raises(QuestionRefused) as refused:
        check_question(VOCABULARY, question)

    assert len(str(refused.value).splitlines()) == 5
