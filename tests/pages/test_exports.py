"""The tables that pages hand over say what the pages show."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kpi.csv_export import csv_text
from kpi.editions import Edition
from kpi.export import Export
from kpi.scorecard import period_at, scorecard
from kpi.so_far import scorecard_so_far
from pages.parts import breakdown, export_menu, exports, weeks_and_months, why_it_changed
from pages.parts.export_menu import Offer
from pages.parts.over_time import over_time
from tests.pages.branches import BRANCHES, EVIL, VOCABULARY, branches
from tests.pages.company import NOON
from tests.published import Home


@pytest.fixture(scope="module")
def edition(tmp_path_factory: pytest.TempPathFactory) -> Edition:
    """The company with branches."""
    return branches(tmp_path_factory.mktemp("branches"))


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Where the page stands; called, it sets what its address says."""

    def at(**address: str) -> None:
        monkeypatch.setattr(exports.st, "query_params", address)

    monkeypatch.setattr(export_menu, "address", lambda: "http://host/page")
    at()
    return at


def rows(offer: Offer) -> list[dict[str, Any]]:
    """The rows of an offer, each by its columns."""
    made = offer.make()
    return [dict(zip(made.columns, row, strict=True)) for row in made.rows]


def about(export: Export) -> dict[str, Any]:
    return dict(export.about)


def test_a_metric_has_a_row_for_every_period_of_its_chart(edition: Edition) -> None:
    metric = edition.vocabulary.metrics["takings"]
    course = over_time(edition, metric, "week", NOON)

    found = rows(exports.of_metrics(edition, (metric,), "week", NOON))

    assert [(r["period"], r["value"], r["n"], r["complete"], r["target"]) for r in found] == [
        (m.period.start, m.value, m.n, m.complete, m.target) for m in course.moments
    ]
    assert [r["complete"] for r in found[-2:]] == [True, False]
    assert (found[0]["target"], found[-1]["target"]) == (100, 130)


def test_a_metric_says_the_range_and_the_signal_of_each_period(edition: Edition) -> None:
    metric = edition.vocabulary.metrics["returned"]
    limits = over_time(edition, metric, "week", NOON).row.judged.limits
    assert limits is not None

    last, open_one = rows(exports.of_metrics(edition, (metric,), "week", NOON))[-2:]

    assert (last["routine_lower"], last["routine_upper"]) == (limits.lower, limits.upper)
    assert last["signal"] == "worse: above its range"
    assert (open_one["routine_lower"], open_one["signal"]) == (None, None)


def test_a_breakdown_has_every_part_and_tells_a_missing_name_from_a_text(edition: Edition) -> None:
    metric = edition.vocabulary.metrics["takings"]
    course = over_time(edition, metric, "week", NOON)
    moment = course.shown
    assert moment is not None
    parts = breakdown.parts_of(edition, metric, "branch", moment.period)

    found = rows(breakdown.offer(edition, metric, "branch", moment, parts))

    assert {r["branch"] for r in found} == set(BRANCHES)
    assert sum(r["value"] for r in found) == moment.value
    assert [(r["value"], r["before"]) for r in found] == [(p.value, p.before) for p in parts]


def test_a_scorecard_names_its_period_where_the_edition_alone_does_not_tell_it(
    edition: Edition,
) -> None:
    week = scorecard(edition, now=NOON)
    earlier = scorecard(edition, now=NOON, period=period_at(edition, "week", "2026-W08"))

    assert [
        exports.of_scorecard(edition, card, "all").name
        for card in (week, earlier, scorecard_so_far(edition, week))
    ] == ["scorecard-week", "scorecard-week-2026-02-16", "scorecard-week-so-far"]


def test_contributions_come_with_all_members_and_add_up_to_the_change(edition: Edition) -> None:
    metric = edition.vocabulary.metrics["returned"]
    course = over_time(edition, metric, "week", NOON)
    moment, before = course.shown, course.before
    assert moment is not None
    assert before is not None
    assert moment.value is not None
    assert before.value is not None
    found = why_it_changed.explained(edition, metric, moment.period, before.period)
    one = next(each for each in found if not isinstance(each, str) and each.dimension == "branch")

    offer = why_it_changed.offer(edition, course, one, moment, before.period)

    parts = rows(offer)
    assert offer.name == "returned-2026-03-02-against-2026-02-23-by-branch"
    assert {r["branch"] for r in parts} == set(BRANCHES)
    amount = sum(r["contribution"] for r in parts)
    assert amount == pytest.approx(moment.value - before.value)
    assert sum(r["mix"] + r["rate"] for r in parts) == pytest.approx(amount)
    assert about(offer.make())["Chosen"] == "week 10 against week 9"


def test_weeks_and_months_have_a_row_for_each_column_with_the_year_before(
    edition: Edition,
) -> None:
    metric = edition.vocabulary.metrics["takings"]
    shown = weeks_and_months.weeks_and_months(edition, metric, NOON)

    found = rows(weeks_and_months.offer(edition, shown))

    assert [(r["grain"], r["period"], r["value"], r["year_before"]) for r in found] == [
        (c.moment.period.grain, c.moment.period.start, c.moment.value, c.before)
        for c in shown.columns
    ]
    assert {r["grain"] for r in found} == {"week", "month"}
    assert all(r["status"] is None for r in found if not r["complete"])


def test_what_changed_in_the_vocabulary_is_taken_key_by_key(tmp_path: Path) -> None:
    branches(tmp_path)
    again = Home(tmp_path, VOCABULARY.replace("tolerance: 1", "tolerance: 2"))
    edition = again.publish(NOON + dt.timedelta(hours=1))

    (row,) = rows(exports.of_changes(edition))

    assert (row["changed_in"], row["section"], row["name"]) == (2, "metrics", "returned")
    assert (row["key"], row["before"], row["now"]) == ("tolerance", "1", "2")


def test_the_vocabulary_has_the_metrics_that_the_search_leaves(
    edition: Edition, page: Callable[..., None]
) -> None:
    page(q="RMA")

    made = exports.of_vocabulary(edition, "all").make()

    assert [row[0] for row in made.rows] == ["returned"]
    assert about(made)["Chosen"] == "“RMA”"


def test_the_vocabulary_says_what_a_metric_is(edition: Edition) -> None:
    found = {r["metric"]: r for r in rows(exports.of_vocabulary(edition, "all"))}

    assert list(found) == list(edition.vocabulary.metrics)
    takings = found["takings"]
    assert (takings["owner_business"], takings["owner_it"]) == ("Sales", "Shop systems")
    assert takings["also_called"] == f"turnover, {EVIL}"
    assert (takings["target"], takings["target_per"], takings["good"]) == (130, "week", "up")
    assert (takings["dimensions"], takings["fact_tables"]) == ("branch, channel", "sales")
    assert found["sales"]["helper"] is True
    assert found["sales"]["used_by"] == "per_visit"


def test_the_vocabulary_of_one_side_is_said_to_be_that(edition: Edition) -> None:
    made = exports.of_vocabulary(edition, "joint").make()

    assert {row[3] for row in made.rows} == {"joint"}
    assert about(made)["Chosen"] == "side joint"


def test_the_sources_come_with_what_depends_on_them(edition: Edition) -> None:
    found = {r["source"]: r for r in rows(exports.of_sources(edition, NOON, "all"))}

    assert set(found) == {"tills", "doors", "box"}
    assert (found["tills"]["freshness"], found["tills"]["every"]) == ("fresh", "every day")
    assert found["tills"]["fact_tables"] == "sales"
    assert "takings" in found["tills"]["metrics"]
    assert (found["box"]["freshness"], found["box"]["rows"]) == ("no rows yet", 0)
    assert found["box"]["fresh_until"] is None


def test_only_sources_that_need_attention_are_taken_where_only_they_are_shown(
    edition: Edition,
) -> None:
    made = exports.of_sources(edition, NOON + dt.timedelta(hours=1), "attention").make()

    assert [row[0] for row in made.rows] == ["doors"]
    assert about(made)["Chosen"] == "Needs attention"


def test_every_file_says_its_edition_zone_and_address(edition: Edition) -> None:
    metric = edition.vocabulary.metrics["takings"]

    for offer in (
        exports.of_scorecard(edition, scorecard(edition, now=NOON), "all"),
        exports.of_metrics(edition, (metric,), "week", NOON),
        exports.of_vocabulary(edition, "all"),
        exports.of_changes(edition),
        exports.of_sources(edition, NOON, "all"),
    ):
        said = about(offer.make())
        assert said["Edition"] == edition.number
        assert said["Times are those of"] == "Europe/Berlin"
        assert said["Address"] == "http://host/page"


def test_a_hostile_text_is_one_cell_of_the_csv(edition: Edition) -> None:
    made = exports.of_vocabulary(edition, "all").make()
    text = csv_text(made.columns, made.rows, edition.vocabulary.calendar)

    read = list(csv.DictReader(io.StringIO(text)))
    assert [r["label"] for r in read if r["metric"] == "footfall"] == [f"Footfall {EVIL}"]


def test_nothing_is_computed_until_it_is_asked_for(
    edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("computed")

    card = scorecard(edition, now=NOON)
    monkeypatch.setattr(exports, "scorecard_export", fail)
    monkeypatch.setattr(exports, "over_time", fail)
    monkeypatch.setattr(exports, "by_need", fail)

    exports.of_scorecard(edition, card, "all")
    exports.of_metrics(edition, (edition.vocabulary.metrics["takings"],), "week", NOON)
    exports.of_sources(edition, NOON, "all")
