"""Restatements: a published number that a later edition changes is recorded, with the cause."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from connectors.contract import Batch, Column, Shape
from kpi import answers, editions, history, publishing
from kpi.__main__ import app
from kpi.editions import Edition
from kpi.imprint import Declaration, Declarations
from kpi.publishing import NotPublished
from kpi.questions import NotComputable
from kpi.restated import Restated
from kpi.scorecard import scorecard
from kpi.vocabulary_file import load_vocabulary
from kpi.warehouse import Warehouse
from tests.kpi.asking import day
from tests.kpi.memory import vocabulary_text
from tests.working_database import working_database

NOON = dt.datetime(2026, 3, 10, 12)
DAY = dt.timedelta(days=1)
TABLES = {"sales": {"time": "at"}}
# A week before the first that counts, so that January is complete.
JANUARY = {"a": ("2025-12-30", 1.0), "b": ("2026-01-07", 10.0), "c": ("2026-01-20", 4.0)}
SOLD: dict[str, Any] = {"value": "sum(x) from sales", "decimals": 1}

Rows = Mapping[str, tuple[str, float | None]]


def text(calendar: dict[str, str] | None = None, **metrics: Any) -> str:
    """A vocabulary of one table; by default with the one metric `sold`."""
    return vocabulary_text(metrics or {"sold": SOLD}, tables=TABLES, calendar=calendar)


class Shop:
    """A home folder whose one source always delivers all its rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at = NOON
        self._opened: Warehouse | None = None

    def warehouse(self) -> Warehouse:
        """The working database, opened once for a delivery and the edition that follows it."""
        if self._opened is None:
            path = self.folder / "data" / "warehouse.duckdb"
            self._opened = Warehouse(path if path.exists() else working_database(path))
        return self._opened

    def deliver(self, rows: Rows, as_of: dt.datetime | None = None) -> None:
        table = pa.table(
            {
                "id": pa.array(list(rows), pa.string()),
                "at": pa.array([f"{day} 10:00:00" for day, _ in rows.values()], pa.string()),
                "x": pa.array([x for _, x in rows.values()], pa.float64()),
            }
        )
        shape = Shape(
            (Column("id"), Column("at", type="timestamp"), Column("x", type="double")),
            key=("id",),
            mode="replace",
        )
        warehouse = self.warehouse()
        run = warehouse.begin("till", self.at)
        warehouse.land(run, "till", Batch("sales", table, shape, "test", state={}))
        finished = as_of or self.at
        warehouse.finish(run, error=None, advice=None, finished_at=self.at, as_of=finished)

    def publish(self, vocabulary: str | None = None) -> Edition:
        """Publishes an hour after the time before."""
        self.at += dt.timedelta(hours=1)
        till = Declaration("till", "file", "File", ("sales",), DAY)
        vocabulary = vocabulary or text()
        with self.warehouse() as warehouse:
            self._opened = None
            publishing.publish_open(
                self.folder, warehouse, vocabulary, Declarations(False, (till,)), self.at
            )
        return editions.latest(self.folder)

    def kpi(self, *words: str) -> Any:
        return CliRunner().invoke(app, ["--home", str(self.folder), *words])


@pytest.fixture(scope="module")
def first_edition(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    made = Shop(tmp_path_factory.mktemp("first"))
    made.deliver(JANUARY)
    made.publish()
    return made


@pytest.fixture
def shop(tmp_path: Path, first_edition: Shop) -> Shop:
    """A shop whose first edition tells of January and February."""
    shutil.copytree(first_edition.folder, tmp_path, dirs_exist_ok=True)
    copied = Shop(tmp_path)
    copied.at = first_edition.at
    return copied


def found(edition: Edition, grain: str = "month", metric: str = "sold") -> dict[str, Any]:
    """What was restated: old, new and cause by the first day of the period."""
    return {
        str(start): (what.old, what.new, what.cause)
        for (name, of, start), what in sorted(edition.restated.items())
        if (name, of) == (metric, grain)
    }


# --- what the facts change ----------------------------------------------------------------------


def test_a_first_edition_restates_nothing(shop: Shop) -> None:
    assert editions.open_edition(shop.folder).restated == {}


def test_the_same_facts_restate_nothing(shop: Shop) -> None:
    shop.deliver(JANUARY)

    assert shop.publish().restated == {}


def test_a_late_row_restates_its_week_and_its_month(shop: Shop) -> None:
    shop.deliver({**JANUARY, "late": ("2026-01-21", 2.5)})
    edition = shop.publish()

    assert edition.restated == {
        ("sold", "month", day("2026-01-01")): Restated(14.0, 16.5, 2, shop.at, "data"),
        ("sold", "week", day("2026-01-19")): Restated(4.0, 6.5, 2, shop.at, "data"),
    }


def test_a_changed_row_restates_its_periods(shop: Shop) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    edition = shop.publish()

    assert found(edition) == {"2026-01-01": (14.0, 13.0, "data")}
    assert found(edition, "week") == {"2026-01-05": (10.0, 9.0, "data")}


def test_a_deleted_row_makes_a_known_number_unknown(shop: Shop) -> None:
    rest = {key: row for key, row in JANUARY.items() if key != "c"}
    shop.deliver(rest)
    edition = shop.publish()

    assert found(edition) == {"2026-01-01": (14.0, 10.0, "data")}
    assert found(edition, "week") == {"2026-01-19": (4.0, None, "data")}


def test_an_unknown_number_that_becomes_known_is_restated(shop: Shop) -> None:
    shop.deliver({**JANUARY, "d": ("2026-02-10", 8.0)})

    assert found(shop.publish()) == {"2026-02-01": (None, 8.0, "data")}


def test_deleting_the_first_rows_restates_what_lay_before_the_new_beginning(shop: Shop) -> None:
    shop.deliver({"c": JANUARY["c"]})
    edition = shop.publish()

    # December lay before the first full month and was never complete.
    assert found(edition) == {"2026-01-01": (14.0, 4.0, "data")}
    assert found(edition, "week") == {"2026-01-05": (10.0, None, "data")}


def test_a_period_that_is_complete_for_the_first_time_is_not_restated(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.at = dt.datetime(2026, 1, 25, 12)
    shop.deliver(JANUARY)
    shop.publish()
    shop.at = NOON
    shop.deliver({**JANUARY, "d": ("2026-01-30", 7.0)})

    assert shop.publish().restated == {}


def test_an_earlier_first_row_completes_periods_and_restates_none(shop: Shop) -> None:
    shop.deliver({**JANUARY, "z": ("2025-11-03", 3.0)})

    assert shop.publish().restated == {}


def test_a_difference_below_the_decimals_is_no_restatement(shop: Shop) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 10.04)})

    assert shop.publish().restated == {}


def test_the_last_bits_of_a_sum_are_no_restatement_at_an_edge(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    rounded = text(sold={**SOLD, "decimals": 0})
    shop.deliver({"a": JANUARY["a"], "b": ("2026-01-07", 2.5)})
    shop.publish(rounded)
    shop.deliver({"a": JANUARY["a"], "b": ("2026-01-07", math.nextafter(2.5, 3))})

    assert shop.publish(rounded).restated == {}


def test_a_source_that_told_of_less_than_before_unsays_nothing(shop: Shop) -> None:
    shop.deliver(JANUARY, as_of=dt.datetime(2026, 1, 10))
    while_late = shop.publish()
    shop.deliver({**JANUARY, "c": ("2026-01-20", 5.0)})
    afterwards = shop.publish()

    assert while_late.restated == {}
    assert found(afterwards, "week") == {"2026-01-19": (4.0, 5.0, "data")}


def test_the_mark_of_a_period_tells_of_its_last_restatement_and_the_log_of_all(shop: Shop) -> None:
    for x in (11.0, 12.0):
        shop.deliver({**JANUARY, "b": ("2026-01-07", x)})
        edition = shop.publish()

    months = [row for row in log(shop, "sold") if row["grain"] == "month"]
    assert found(edition) == {"2026-01-01": (15.0, 16.0, "data")}
    assert [(row["old"], row["new"], row["edition"]) for row in months] == [
        (15.0, 16.0, 3),
        (14.0, 15.0, 2),
    ]


# --- what the definitions change ----------------------------------------------------------------


def test_a_changed_formula_restates_by_definition(shop: Shop) -> None:
    edition = shop.publish(text(sold={**SOLD, "value": "2 * sum(x) from sales"}))

    assert found(edition) == {"2026-01-01": (14.0, 28.0, "definition")}


def test_a_changed_input_restates_the_formula_above_by_definition(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.deliver(JANUARY)
    twice = {"value": "2 * sold", "decimals": 1}
    shop.publish(text(sold=SOLD, twice=twice))

    edition = shop.publish(text(sold={**SOLD, "value": "max(x) from sales"}, twice=twice))

    assert found(edition, metric="twice") == {"2026-01-01": (28.0, 20.0, "definition")}


def test_another_time_zone_restates_by_definition(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    # Ten in the morning in UTC is midnight in Kiritimati: the day after has begun.
    shop.deliver({**JANUARY, "d": ("2026-01-31", 5.0)})
    shop.publish()

    edition = shop.publish(text(calendar={"timezone": "Pacific/Kiritimati"}))

    assert found(edition)["2026-01-01"] == (19.0, 14.0, "definition")


def test_other_weeks_are_other_periods_and_restate_none(shop: Shop) -> None:
    edition = shop.publish(text(calendar={"timezone": "UTC", "week_starts": "sunday"}))

    assert found(edition, "week") == {}
    assert found(edition, "month") == {}


def test_what_a_table_counts_by_belongs_to_the_definition(shop: Shop) -> None:
    changed = vocabulary_text({"sold": SOLD}, tables={"sales": {"time": "_first_seen"}})
    edition = shop.publish(changed)

    assert found(edition)["2026-01-01"] == (14.0, None, "definition")


def test_new_words_change_no_definition_and_later_facts_are_the_cause(shop: Shop) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    renamed = {**SOLD, "label": "New", "target": "5 per week", "min_sample": 2}

    edition = shop.publish(text(sold=renamed))

    assert found(edition) == {"2026-01-01": (14.0, 13.0, "data")}


@pytest.mark.parametrize(
    "entry",
    [
        {"value": "sum(x) from sales where x > 1"},
        {"time": "_first_seen"},
        {"empty": 0},
        {"window": "90 days"},
    ],
)
def test_the_digest_differs_with_everything_that_makes_the_number(entry: dict[str, Any]) -> None:
    before = history.digests(load_vocabulary(text()))
    after = history.digests(load_vocabulary(text(sold={**SOLD, **entry})))

    assert before != after


def test_a_metric_that_is_removed_and_comes_back_starts_anew(shop: Shop) -> None:
    other = {"value": "max(x) from sales"}
    shop.publish(text(other=other))
    edition = shop.publish(text(sold={**SOLD, "value": "3 * sum(x) from sales"}))

    assert edition.restated == {}


# --- nothing is lost or doubled -----------------------------------------------------------------


def test_a_publish_that_died_before_the_copy_is_told_once_and_by_the_number_that_came(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_put_copy", dies)
        with pytest.raises(Killed):
            shop.publish()
    shop.deliver({**JANUARY, "b": ("2026-01-07", 8.0)})
    edition = shop.publish()

    months = [row for row in log(shop) if row["grain"] == "month"]
    assert [(row["old"], row["new"], row["edition"]) for row in months] == [(14.0, 12.0, 2)]
    assert found(edition) == {"2026-01-01": (14.0, 12.0, "data")}


def test_a_number_that_was_copied_and_never_pointed_at_is_skipped_with_what_it_said(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(publishing, "_point_at", dies)
            with pytest.raises(Killed):
                shop.publish()
    edition = shop.publish()

    months = [row for row in log(shop) if row["grain"] == "month"]
    assert [(row["old"], row["new"]) for row in months] == [(14.0, 13.0)]
    assert {row["edition"] for row in months} == {edition.number}


def test_what_an_unpublished_number_took_back_was_never_restated(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_put_copy", dies)
        with pytest.raises(Killed):
            shop.publish()
    shop.deliver(JANUARY)

    assert shop.publish().restated == {}
    assert log(shop) == []


def test_a_first_publish_that_died_leaves_nothing_to_restate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path)
    shop.deliver(JANUARY)
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_put_copy", dies)
        with pytest.raises(Killed):
            shop.publish()
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})

    assert shop.publish().restated == {}


def test_a_publish_that_is_killed_after_the_pointer_was_published(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_clear_old", dies)
        with pytest.raises(Killed):
            shop.publish()
    edition = shop.publish()

    assert found(edition) == {"2026-01-01": (14.0, 13.0, "data")}
    assert {what.edition for what in edition.restated.values()} == {2}


def test_a_refused_known_answer_records_nothing(shop: Shop) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    with pytest.raises(NotPublished, match=r"must be 14\.0, but is 13\.0"):
        shop.publish(text(sold={**SOLD, "test": {"period": "2026-01", "equals": 14}}))

    assert found(shop.publish()) == {"2026-01-01": (14.0, 13.0, "data")}


def test_one_metric_that_cannot_be_computed_hides_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = text(sold=SOLD, most={"value": "max(x) from sales", "decimals": 1})
    shop.publish(both)
    shop.deliver({**JANUARY, "b": ("2026-01-07", 20.0)})
    real = answers.ask

    def ask(edition: Any, question: Any) -> Any:
        if "most" in question.metrics:
            raise NotComputable("too much")
        return real(edition, question)

    with monkeypatch.context() as patched:
        patched.setattr(answers, "ask", ask)
        while_refused = shop.publish(both)
    afterwards = shop.publish(both)

    assert found(while_refused) == {"2026-01-01": (14.0, 24.0, "data")}
    assert found(while_refused, metric="most") == {}
    assert found(afterwards, metric="most") == {"2026-01-01": (10.0, 20.0, "data")}


class Killed(BaseException):
    """A process that is gone."""


def dies(*_: object) -> None:
    raise Killed


# --- how it is told -----------------------------------------------------------------------------


def log(shop: Shop, *words: str) -> list[dict[str, Any]]:
    result = shop.kpi("restated", *words, "--format", "json")
    assert result.exit_code == 0, result.stderr
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_the_row_of_the_scorecard_knows_that_its_number_was_restated(shop: Shop) -> None:
    shop.deliver({**JANUARY, "d": ("2026-02-10", 8.0)})
    edition = shop.publish()

    (monthly,) = scorecard(edition, "month", now=shop.at).rows
    (weekly,) = scorecard(edition, "week", now=shop.at).rows

    assert monthly.restated == Restated(None, 8.0, 2, shop.at, "data")
    assert weekly.restated is None


def test_the_command_lists_the_newest_first(shop: Shop) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    shop.publish()
    shop.publish(text(sold={**SOLD, "value": "2 * sum(x) from sales"}))

    assert [(row["edition"], row["grain"], row["period"], row["cause"]) for row in log(shop)] == [
        (3, "month", "2026-01-01", "definition"),
        (3, "week", "2026-01-19", "definition"),
        (3, "week", "2026-01-05", "definition"),
        (2, "month", "2026-01-01", "data"),
        (2, "week", "2026-01-05", "data"),
    ]


def test_the_command_writes_csv_with_a_time(shop: Shop) -> None:
    shop.deliver({**JANUARY, "b": ("2026-01-07", 9.0)})
    shop.publish()

    rows = list(csv.DictReader(io.StringIO(shop.kpi("restated", "--format", "csv").stdout)))

    assert rows[0] == {
        "metric": "sold",
        "grain": "month",
        "period": "2026-01-01",
        "old": "14.0",
        "new": "13.0",
        "edition": "2",
        "at": "2026-03-10T14:00:00",
        "cause": "data",
    }


def test_the_command_takes_only_the_asked_metrics(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.deliver(JANUARY)
    both = text(sold=SOLD, most={"value": "max(x) from sales"})
    shop.publish(both)
    shop.deliver({**JANUARY, "b": ("2026-01-07", 20.0)})
    shop.publish(both)

    assert {row["metric"] for row in log(shop)} == {"sold", "most"}
    assert {row["metric"] for row in log(shop, "most")} == {"most"}


def test_an_unknown_metric_is_refused_with_the_nearest(shop: Shop) -> None:
    result = shop.kpi("restated", "solt")

    assert result.exit_code == 2
    assert "There is no metric 'solt'. Did you mean 'sold'?" in result.stderr


def test_before_the_first_edition_the_command_says_what_to_do(tmp_path: Path) -> None:
    result = Shop(tmp_path).kpi("restated")

    assert result.exit_code == 1
    assert "Run `python -m kpi refresh`" in result.stderr


def test_where_nothing_was_restated_the_command_says_so(shop: Shop) -> None:
    result = shop.kpi("restated")

    assert result.exit_code == 0
    assert "Nothing was restated." in result.stderr
