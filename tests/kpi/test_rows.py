"""The rows behind a number are the ones that it counts."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pytest

from kpi import rows
from kpi.answers import ask
from kpi.csv_export import csv_text
from kpi.editions import Edition
from kpi.periods import Period, period_of
from kpi.questions import QuestionRefused
from kpi.rows import RowsQuestion, all_rows, count_rows, equals, facts_below, keys, rows_behind
from tests.published import Home

VOCABULARY = """\
version: 1
calendar: {timezone: Europe/Berlin}
dimensions:
  service: {label: Service, definition: What is down.}
  region: {label: Region, definition: Where.}
tables:
  incidents: {row: one incident, time: opened_at, by: [service, region]}
  payments: {row: one ledger entry, time: occurred_at, by: [region]}
  days: {row: one day, time: day, by: [region]}
  never: {row: nothing, time: at, by: []}
outcomes:
  reliable: {label: Reliable, definition: It works., owners: {it: Platform, business: Sales}}
metrics:
"""
VALUES = {
    "incidents_opened": "count(*) from incidents",
    "urgent": "count(*) from incidents where severity in ('sev1', 'sev2')",
    "share_failed": "100 * count_if(failed) / count(failed) from incidents",
    "slow": "count_if(hours_between(opened_at, resolved_at) > 4) from incidents",
    "restore": "median(minutes_between(opened_at, resolved_at)) from incidents",
    "refund_rate": "100 * sum(amount) filter (where kind = 'refund')"
    " / sum(amount) filter (where kind = 'charge') from payments",
    "services": "count(distinct service) from incidents",
    "largest": "max(amount) from payments",
    "visits": "sum(visits) from days",
    "nothing": "count(*) from never",
    "per_visit": "incidents_opened / visits",
    "deeper": "per_visit + urgent / visits",
}
WEEK = Period("week", dt.date(2026, 3, 23), dt.date(2026, 3, 30))  # clocks go forward on the 29th
HOSTILE = "O'Brien\"; drop table incidents; --"


def _vocabulary() -> str:
    entries = []
    for name, value in VALUES.items():
        time = "\n    time: resolved_at" if name == "restore" else ""
        entries.append(
            f"  {name}:\n    label: {name}\n    definition: It is.\n    side: it\n"
            f"    outcome: reliable\n    owners: {{it: Platform, business: Sales}}\n"
            f"    value: {value}\n    good: up{time}\n"
        )
    return VOCABULARY + "".join(entries)


def _incident(number: int) -> dict[str, object]:
    opened = dt.datetime(2026, 3, 20) + dt.timedelta(hours=5 * number)
    return {
        "incident_id": f"i{number:03}",
        "opened_at": opened,
        "resolved_at": None if number % 7 == 0 else opened + dt.timedelta(hours=number % 9),
        "service": ("Checkout", "Search", None)[number % 3],
        "region": HOSTILE if number % 4 == 0 else "EMEA",
        "severity": f"sev{number % 4 + 1}",
        "failed": (True, False, None)[number % 3],
    }


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    at = dt.datetime(2026, 4, 2, 6)
    home = Home(tmp_path_factory.mktemp("home"), _vocabulary())
    home.bring("pager", "incidents", [_incident(i) for i in range(80)], at=at, key=("incident_id",))
    payments = [
        {
            "entry_id": f"p{i}",
            "occurred_at": dt.datetime(2026, 3, 27, 12),
            "kind": ("charge", "refund", "fee")[i % 3],
            "amount": i,
            "region": "EMEA",
        }
        for i in range(30)
    ]
    home.bring("ledger", "payments", payments, at=at, key=("entry_id",))
    days = [
        {"day": dt.date(2026, 3, 20) + dt.timedelta(days=i), "region": r, "visits": 10 * i}
        for i in range(14)
        for r in ("EMEA", "APAC")
    ]
    home.bring("web", "days", days, at=at)
    return home.publish(dt.datetime(2026, 4, 2, 7))


FROM_FACTS = [name for name, value in VALUES.items() if " from " in value]


@pytest.mark.parametrize("metric", [n for n in FROM_FACTS if n != "refund_rate"])
@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_there_are_as_many_rows_as_the_number_counts(
    edition: Edition, metric: str, grain: str
) -> None:
    period = period_of(edition.vocabulary.calendar, grain, dt.date(2026, 3, 27))
    question = RowsQuestion(metric, period)
    cell = ask(edition, question.number).cells[0]

    assert rows_behind(edition, question).total == cell.n


def test_parts_that_count_different_rows_show_the_rows_of_all_of_them(edition: Edition) -> None:
    question = RowsQuestion("refund_rate", WEEK)
    cell = ask(edition, question.number).cells[0]

    assert rows_behind(edition, question).total == 20
    assert cell.n == 10


@pytest.mark.parametrize("key", [HOSTILE, "EMEA"])
def test_a_filter_keeps_rows_and_number_together(edition: Edition, key: str) -> None:
    question = RowsQuestion("urgent", WEEK, (equals("region", key),))
    cell = ask(edition, question.number).cells[0]
    found = rows_behind(edition, question)

    assert found.total == cell.n == cell.value
    assert {row[3] for row in found.rows} == {key}


def test_a_missing_key_can_be_filtered_for(edition: Edition) -> None:
    found = rows_behind(edition, RowsQuestion("incidents_opened", WEEK, (equals("service", None),)))

    assert found.total > 0
    assert {row[2] for row in found.rows} == {None}


def test_rows_of_the_last_day_end_at_local_midnight_when_clocks_change(edition: Edition) -> None:
    found = rows_behind(edition, RowsQuestion("incidents_opened", WEEK), size=500)
    times = [row[1] for row in found.rows]

    assert max(times) < dt.datetime(2026, 3, 29, 22)
    assert min(times) >= dt.datetime(2026, 3, 22, 23)


def test_the_time_is_the_one_that_the_number_is_counted_on(edition: Edition) -> None:
    found = rows_behind(edition, RowsQuestion("restore", WEEK))
    time = next(i for i, column in enumerate(found.columns) if column.role == "time")

    assert found.columns[time].name == "resolved_at"
    assert all(row[time] is not None for row in found.rows)


def test_what_each_row_gives_to_a_computed_value_stands_beside_it(edition: Edition) -> None:
    found = rows_behind(edition, RowsQuestion("restore", WEEK), size=500)
    names = [column.name for column in found.columns]
    opened, resolved = names.index("opened_at"), names.index("resolved_at")
    counted = next(i for i, column in enumerate(found.columns) if column.role == "counted")

    assert all(
        row[counted] == (row[resolved] - row[opened]).total_seconds() / 60 for row in found.rows
    )


def test_rows_come_from_the_latest_on_with_their_source_and_first_sight(edition: Edition) -> None:
    found = rows_behind(edition, RowsQuestion("incidents_opened", WEEK))
    names = [column.name for column in found.columns]

    assert names[:4] == ["incident_id", "opened_at", "service", "region"]
    assert [column.role for column in found.columns][-2:] == ["source", "first seen"]
    assert found.rows[0][-2:] == ("pager", dt.datetime(2026, 4, 2, 6))
    assert [row[1] for row in found.rows] == sorted((row[1] for row in found.rows), reverse=True)


@pytest.mark.parametrize("metric", ["incidents_opened", "visits", "refund_rate"])
def test_pages_hold_every_row_once(edition: Edition, metric: str) -> None:
    question = RowsQuestion(metric, WEEK)
    total = rows_behind(edition, question).total
    paged = [
        row
        for page in range(1, total // 3 + 2)
        for row in rows_behind(edition, question, page=page, size=3).rows
    ]

    assert paged == list(all_rows(edition, question).rows)
    assert len(set(paged)) == total


def test_parts_single_out_what_an_aggregate_looks_for(edition: Edition) -> None:
    question = RowsQuestion("share_failed", WEEK)
    counted = count_rows(edition, question)
    failed = rows_behind(edition, RowsQuestion("share_failed", WEEK, part="failed"), size=500)
    cell = ask(edition, question.number).cells[0]

    assert list(counted) == [None, "failed"]
    assert failed.total == counted["failed"] == round((cell.value or 0) * cell.n / 100)


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("slow", ["hours_between(opened_at, resolved_at) > 4"]),
        ("refund_rate", ["kind = 'refund'", "kind = 'charge'"]),
        ("urgent", []),
    ],
)
def test_parts_are_named_as_the_analyst_wrote_them(
    edition: Edition, metric: str, names: list[str]
) -> None:
    found = rows.parts(edition.vocabulary.metrics[metric])

    assert [part.name for part in found] == names


def test_a_formula_names_the_metrics_whose_rows_there_are(edition: Edition) -> None:
    with pytest.raises(QuestionRefused, match="one of: incidents_opened, visits, urgent"):
        rows_behind(edition, RowsQuestion("deeper", WEEK))


def test_a_formula_comes_down_to_each_input_once(edition: Edition) -> None:
    found = facts_below(edition.vocabulary, edition.vocabulary.metrics["deeper"])

    assert [metric.name for metric in found] == ["incidents_opened", "visits", "urgent"]


def test_an_unknown_part_is_refused_with_the_known_ones(edition: Edition) -> None:
    with pytest.raises(QuestionRefused, match=r"no part 'lost'\. Parts: failed"):
        rows_behind(edition, RowsQuestion("share_failed", WEEK, part="lost"))


def test_a_filter_on_a_strange_dimension_is_refused(edition: Edition) -> None:
    with pytest.raises(QuestionRefused, match="cannot be filtered by 'service'"):
        rows_behind(edition, RowsQuestion("visits", WEEK, (equals("service", "Checkout"),)))


def test_a_table_that_never_came_has_no_rows(edition: Edition) -> None:
    question = RowsQuestion("nothing", WEEK)

    assert rows_behind(edition, question).total == 0
    assert count_rows(edition, question) == {None: 0}


def test_values_to_filter_by_come_by_frequency(edition: Edition) -> None:
    assert keys(edition, RowsQuestion("incidents_opened", WEEK), "region") == ("EMEA", HOSTILE)


def test_a_download_that_would_be_too_large_says_what_to_do(
    edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "LARGEST_DOWNLOAD", 5)

    with pytest.raises(QuestionRefused, match="Choose a shorter period or a filter"):
        all_rows(edition, RowsQuestion("incidents_opened", WEEK))


def test_a_download_holds_exactly_the_rows_of_all_pages(edition: Edition) -> None:
    found = all_rows(edition, RowsQuestion("incidents_opened", WEEK))
    text = csv_text([c.name for c in found.columns], found.rows, edition.vocabulary.calendar)
    read = list(csv.DictReader(io.StringIO(text)))

    assert [row["incident_id"] for row in read] == [row[0] for row in found.rows]
    assert read[0]["region"] == found.rows[0][3]
    assert read[0]["opened_at"] == "2026-03-29T21:00:00+02:00"
