"""What the benchmarks compare are the same numbers, and they see it where they are not."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks import company, company_home, questions
from benchmarks.answering import Cost, Refused, answering
from benchmarks.by_hand import by_hand
from benchmarks.figures import kept
from benchmarks.ours import ours
from benchmarks.peers import NotInstalled
from benchmarks.questions import differences, medians
from kpi.editions import open_edition

ROWS = 2_000


@pytest.mark.parametrize("scattered", [False, True])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_an_edition_answers_the_six_metrics_as_the_sql_written_by_hand_does(
    zone: str, scattered: bool
) -> None:
    vocabulary = company.vocabulary_text(zone, company.SIX_AND_PARTS)

    with company_home.published(ROWS, vocabulary, scattered=scattered) as home:
        database = company_home.analysts(ROWS, scattered=scattered)
        with duckdb.connect(str(database), read_only=True) as connection:
            expected = connection.execute(by_hand(zone)).fetchall()
        found = ours(open_edition(home))

    plain = [
        [(month, *(n if n is None else float(n) for n in numbers)) for month, *numbers in rows]
        for rows in (found, expected)
    ]
    assert len(expected) == 24
    assert differences(*plain) is None


def test_a_way_that_answers_takes_turns_in_a_process_of_its_own() -> None:
    database = company_home.analysts(ROWS)

    with answering(sys.executable, "benchmarks.by_hand", database, "UTC") as way:
        costs = [way.once() for _ in range(3)]

    assert len(way.rows) == 24
    assert way.rows[6][0] == "2024-07-01"
    assert way.rows[6][2] is None
    assert all(cost.wall > 0 and cost.cpu > 0 and cost.peak > 10 for cost in costs)


def test_a_way_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(Refused, match="has ended"),
        answering(sys.executable, "benchmarks.by_hand", tmp_path / "nothing.duckdb", "UTC"),
    ):
        pass


def test_who_cannot_be_installed_is_left_out_and_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def python_of(name: str) -> Path:
        raise NotInstalled(f"there is no {name} here")

    monkeypatch.setattr(questions, "python_of", python_of)

    questions.compare(ROWS, "UTC", rounds=1)

    (figures,) = kept()["questions"].values()
    assert list(figures["ways"]) == ["hand-written SQL", "ours"]
    assert figures["ways"]["hand-written SQL"]["ratio"] == 1
    assert figures["left_out"]["Sidemantic"] == "there is no Sidemantic here"
    assert "left out: there is no MetricFlow here" in capsys.readouterr().out


def test_answers_that_differ_are_told_apart() -> None:
    right = [("2024-01-01", 1.0, None)]

    assert differences([("2024-01-01", 1.0 + 1e-12, None)], right) is None
    assert differences([("2024-01-01", 1.001, None)], right) is not None
    assert differences([("2024-02-01", 1.0, None)], right) is not None
    assert differences([("2024-01-01", 1.0, 0.0)], right) is not None
    assert differences([("2024-01-01", None, None)], right) is not None
    assert differences([], right) is not None


def test_later_rows_happen_after_the_last_day() -> None:
    table = company.drawn("orders", ROWS, ROWS, ROWS + 3)

    assert {moment.date().isoformat() for moment in table["ordered_at"].to_pylist()} <= {
        "2026-01-01",
        "2026-01-02",
    }
    assert table["order_id"].to_pylist() == [ROWS, ROWS + 1, ROWS + 2]


@pytest.mark.parametrize("scattered", [False, True])
def test_rows_come_in_the_order_of_time_or_scattered_over_it(scattered: bool) -> None:
    database = company_home.analysts(ROWS, scattered=scattered)

    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute("select ordered_at from orders order by order_id").fetchall()

    moments = [moment for (moment,) in rows]
    half_a_year = dt.timedelta(days=180)
    parts = [moments[at : at + ROWS // 10] for at in range(0, ROWS, ROWS // 10)]
    assert all((max(part) - min(part) > half_a_year) == scattered for part in parts)
    assert (min(moments).date(), max(moments).date()) == (company.FIRST, company.LAST)


def test_medians_are_those_of_the_rounds_ratios() -> None:
    turns = [
        {"by hand": Cost(10, 10, 1), "ours": Cost(5, 20, 2)},
        {"by hand": Cost(20, 10, 1), "ours": Cost(5, 10, 3)},
        {"by hand": Cost(10, 10, 1), "ours": Cost(5, 30, 1)},
    ]

    assert medians(turns, "ours") == {
        "wall": 5,
        "cpu": 20,
        "peak": 3,
        "ratio": 2,
        "wall_ratio": 0.5,
    }
