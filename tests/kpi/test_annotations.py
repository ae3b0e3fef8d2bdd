"""What the vocabulary marks is found on the charts of the metrics that it bears on."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from kpi.annotations import MOST, marked, marks
from kpi.fitting import against_facts
from kpi.vocabulary_file import load_vocabulary
from kpi.yaml_text import Refused
from tests.kpi.memory import Memory, Rows, vocabulary_text

MARKS = {"from": "opened_at", "to": "resolved_at", "name": "title", "where": "severity = 'sev1'"}
METRICS = {
    "incidents": "count(*) from incidents",
    "answers": "count(*) from surveys",
    "elsewhere": {"value": "count(*) from surveys", "outcome": "grow"},
    "checkout": {"value": "max(ms) from probes where service = 'Checkout'", "outcome": "grow"},
    "not_checkout": {"value": "max(ms) from probes where not (service = 'Checkout')"},
    "either": {
        "value": "max(ms) from probes where service = 'Checkout' or ms > 5",
        "outcome": "grow",
    },
}
FIRST, LAST = dt.date(2026, 3, 1), dt.date(2026, 4, 1)


def text(declared: dict[str, Any] | None = None) -> str:
    declared = MARKS if declared is None else declared
    return vocabulary_text(
        METRICS,
        tables={
            "incidents": {"time": "opened_at", "by": ["service"], "marks": declared},
            "surveys": {"time": "seen"},
            "probes": {"time": "seen", "by": ["service"]},
        },
        dimensions=("service",),
        outcomes=("reliable", "grow"),
    )


def edition(*incidents: tuple[Any, ...], declared: dict[str, Any] | None = None) -> Memory:
    """Incidents as title, service, severity, opened, resolved."""
    columns = (
        "title VARCHAR, service VARCHAR, severity VARCHAR, "
        "opened_at TIMESTAMP, resolved_at TIMESTAMP"
    )
    return Memory(
        text(declared),
        {
            "incidents": Rows(columns, incidents),
            "surveys": Rows("seen TIMESTAMP"),
            "probes": Rows("seen TIMESTAMP, service VARCHAR, ms INTEGER"),
        },
    )


def incident(
    title: str | None = "Down",
    service: str = "Checkout",
    severity: str = "sev1",
    opened: str = "2026-03-10 10:00",
    hours: float | None = 2,
) -> tuple[Any, ...]:
    begin = dt.datetime.fromisoformat(opened)
    end = None if hours is None else begin + dt.timedelta(hours=hours)
    return title, service, severity, begin, end


def names(memory: Memory, metric: str) -> list[str]:
    found = marks(memory, memory.vocabulary.metrics[metric], FIRST, LAST)
    return [mark.name for mark in found.shown]


def test_what_is_declared_is_marked_with_its_name_begin_and_end() -> None:
    memory = edition(incident(), incident("Slow", severity="sev2"))
    (mark,) = marks(memory, memory.vocabulary.metrics["incidents"], FIRST, LAST).shown

    assert (mark.name, str(mark.begin)) == ("Down", "2026-03-10 10:00:00")
    assert mark.lasted == dt.timedelta(hours=2)


def test_only_what_began_within_the_days_is_marked() -> None:
    memory = edition(
        incident("before", opened="2026-02-28 23:59"),
        incident("first", opened="2026-03-01 00:00"),
        incident("after", opened="2026-04-01 00:00"),
    )

    assert names(memory, "incidents") == ["first"]


def test_a_metric_of_the_same_outcome_is_marked_and_one_of_another_is_not() -> None:
    memory = edition(incident())

    assert names(memory, "answers") == ["Down"]
    assert names(memory, "elsewhere") == []


def test_a_metric_confined_to_a_member_is_marked_with_what_happened_to_it() -> None:
    memory = edition(incident("here"), incident("there", service="Search"))

    assert names(memory, "checkout") == ["here"]


@pytest.mark.parametrize(("metric", "found"), [("not_checkout", ["here", "there"]), ("either", [])])
def test_a_metric_that_only_names_a_member_is_not_confined_to_it(
    metric: str, found: list[str]
) -> None:
    memory = edition(incident("here"), incident("there", service="Search"))

    assert names(memory, metric) == found


def test_the_longest_are_shown_in_order_of_time_and_the_rest_is_counted() -> None:
    rows = [
        incident(f"{hours} h", opened=f"2026-03-{10 + hours} 10:00", hours=hours)
        for hours in range(1, 9)
    ]
    memory = edition(*reversed(rows))
    found = marks(memory, memory.vocabulary.metrics["incidents"], FIRST, LAST)

    assert [mark.name for mark in found.shown] == ["4 h", "5 h", "6 h", "7 h", "8 h"]
    assert (len(found.shown), found.more) == (MOST, 3)


def test_what_goes_on_has_lasted_longest() -> None:
    rows = [incident(f"{day}", opened=f"2026-03-{day} 10:00") for day in range(10, 15)]
    memory = edition(*rows, incident("open", opened="2026-03-20 10:00", hours=None))
    found = marks(memory, memory.vocabulary.metrics["incidents"], FIRST, LAST)

    assert found.shown[-1].name == "open"
    assert found.shown[-1].lasted is None


def test_a_row_without_a_name_is_called_what_a_row_is() -> None:
    assert names(edition(incident(None)), "incidents") == ["one row"]


def test_a_table_whose_columns_are_missing_marks_nothing_and_check_tells_which() -> None:
    declared = {**MARKS, "name": "headline", "where": "serverity = 'sev1'"}
    memory = edition(incident(), declared=declared)
    columns = {name: facts.columns for name, facts in memory.facts.items()}
    said = [problem.what for problem in against_facts(memory.vocabulary, columns, memory.query)]

    assert names(memory, "incidents") == []
    assert "'incidents' has no column 'headline'." in said
    assert "'incidents' has no column 'serverity'." in said


def test_a_condition_that_is_not_understood_is_refused_in_its_place() -> None:
    with pytest.raises(Refused) as refused:
        load_vocabulary(text({**MARKS, "where": "severity ="}))

    (problem,) = refused.value.problems
    assert "incomplete" in problem.what


def test_all_that_is_marked_is_found_whatever_it_bears_on_in_order_of_time() -> None:
    days = [f"2026-03-{day:02} 10:00" for day in range(20, 9, -1)]
    memory = edition(
        *(incident(day, opened=day) for day in days),
        incident("Slow", severity="sev2"),
        incident("Later", opened="2026-04-01 00:00"),
    )

    found, tables = marked(memory, FIRST, LAST)

    assert [mark.name for mark in found] == sorted(days)
    assert len(days) > MOST
    assert tables == ("incidents",)
    assert marked(memory, LAST, dt.date(2026, 5, 1))[0][0].name == "Later"


def test_without_any_mark_no_table_is_named() -> None:
    assert marked(edition(incident(severity="sev2")), FIRST, LAST) == ((), ())
