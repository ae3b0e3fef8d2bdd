"""The page of one metric: its head, its chart, its parts, its definition, its rows."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from kpi.answers import ask, statement
from kpi.editions import Edition
from kpi.questions import Question
from pages.parts import charts, style
from pages.parts.over_time import over_time
from tests.pages.app import cells, figure, open_app, sheets, shown, words
from tests.pages.branches import EVIL, VOCABULARY
from tests.pages.company import DAY, NOON, WEEK, weeks
from tests.published import Home


@pytest.fixture(scope="module")
def built(with_branches: Path) -> Path:
    return with_branches


def last_week(edition: Edition, metric: str, **asked: Any) -> Question:
    start = (NOON - WEEK - DAY).date()
    return Question((metric,), "week", start=start, end=start + WEEK, **asked)


# --- which metric ----------------------------------------------------------------------------


def test_without_a_name_the_first_worth_a_question_opens(edition: Edition) -> None:
    assert "How many of the sales came back." in sheets(open_app("metric"))["about"]


def test_an_unknown_name_offers_the_nearest(edition: Edition) -> None:
    html = sheets(open_app("metric", m="takngs"))["unknown"]

    assert words(html).startswith("Edition 1 has no metric takngs . The nearest is Takings .")
    assert 'href="metric?m=takings"' in html


def test_an_unknown_name_is_also_looked_up_among_other_names(edition: Edition) -> None:
    assert 'href="metric?m=returned"' in sheets(open_app("metric", m="rma"))["unknown"]


def test_a_strange_name_cannot_get_out(edition: Edition) -> None:
    html = shown(open_app("metric", m=EVIL))

    assert EVIL not in html
    assert "&lt;img" in html


@pytest.mark.parametrize(
    "address",
    [
        {"period": "decade"},
        {"tab": "nowhere"},
        {"tab": "rows", "rows-page": "many", "at": "yesterday", "part": "lost"},
        {"tab": "rows", "rows-page": "9999", "where-branch": "Atlantis"},
        {"tab": "breakdown", "by": "weather", "at": "2026-03-05"},
    ],
)
def test_an_address_with_nonsense_opens_what_it_can(
    edition: Edition, address: dict[str, str]
) -> None:
    app = open_app("metric", m="returned", **address)

    assert not app.exception
    assert "75.0" in words(sheets(app)["numbers"])


# --- the head --------------------------------------------------------------------------------


def test_the_head_says_what_it_means_and_whose_it_is(edition: Edition) -> None:
    about = words(sheets(open_app("metric", m="returned"))["about"])

    assert about.startswith(
        "How many of the sales came back. Joint Also called RMA · Owned together by "
        "Floor (business) and Platform (IT) · for Customers buy more · tills fresh , 0 min old"
    )


def test_a_late_source_says_so_beside_its_name(edition: Edition) -> None:
    assert "doors 7 d late" in words(sheets(open_app("metric", m="footfall"))["about"])


def test_a_helper_says_that_it_is_one(edition: Edition) -> None:
    assert "helper, not on the scorecard" in sheets(open_app("metric", m="sales"))["about"]


def test_four_numbers_say_how_it_stands(edition: Edition) -> None:
    numbers = words(sheets(open_app("metric", m="returned"))["numbers"])

    assert numbers == (
        "Week 10, 2–8 Mar 2026 75.0 % 65.0 worse than week 9 · n 8 "
        "Target ≤ 20.0 % Off target · near within 1 point "
        "Routine range up to 28.9 % average 14.4 · from 39 weeks "
        "Signal Worse above its range"
    )


def test_the_number_is_the_scorecards(edition: Edition) -> None:
    numbers = words(sheets(open_app("metric", m="takings"))["numbers"])
    card = words(sheets(open_app())["scorecard"])

    value = re.findall(r"2026 ([\d,]+) €", numbers)[0]
    assert f"{value} €" in card


def test_a_flow_says_how_its_target_was_shared_out(edition: Edition) -> None:
    numbers = words(sheets(open_app("metric", m="takings", period="month"))["numbers"])

    assert "Feb 2026" in numbers
    assert "Target ≥ 520 €" in numbers
    assert "from 130 per week" in numbers


def test_a_late_metric_names_the_period_it_cannot_tell_of(edition: Edition) -> None:
    numbers = words(sheets(open_app("metric", m="footfall"))["numbers"])

    assert numbers.startswith("Week 9, 23 Feb – 1 Mar 2026")
    assert "week 10 is not complete yet" in numbers


def test_a_metric_without_rows_says_what_is_missing(edition: Edition) -> None:
    app = open_app("metric", m="wishes")

    assert "No rows yet" in sheets(app)["numbers"]
    assert "No period has a known value yet" in sheets(app)["reading"]
    assert not app.get("plotly_chart")


def test_too_few_weeks_are_not_judged(edition: Edition) -> None:
    numbers = words(sheets(open_app("metric", m="returned", period="quarter"))["numbers"])

    assert "too early: 2 of 12 quarters known" in numbers
    assert "Not judged from 12 complete quarters on" in numbers


# --- the chart -------------------------------------------------------------------------------


def test_the_chart_draws_every_complete_week_and_nothing_else(edition: Edition) -> None:
    _, line, signals, begun = figure(open_app("metric", m="returned"))["data"]
    first = dt.date.fromisoformat(line["x"][0])
    answer = ask(edition, Question(("returned",), "week", start=first))

    whole = [cell for cell in answer.cells if cell.complete]
    assert line["y"] == [cell.value for cell in whole]
    assert line["x"] == [str(cell.period) for cell in whole]
    assert signals["x"] == ["2026-03-02"]
    assert begun["x"] == ["2026-03-09"]


def test_signals_are_diamonds_and_what_is_not_over_is_hollow(edition: Edition) -> None:
    _, _, signals, begun = figure(open_app("metric", m="returned"))["data"]

    assert signals["marker"]["symbol"] == "diamond"
    assert begun["marker"]["color"] == style.COLOURS["light"]["background"]
    assert begun["hovertext"][0].endswith("incomplete, not judged")


def test_limits_average_and_target_stand_in_words_at_the_edge(edition: Edition) -> None:
    notes = figure(open_app("metric", m="returned"))["layout"]["annotations"]

    assert [note["text"] for note in notes if note["xref"] == "paper"] == [
        "limit 28.9",
        "target ≤ 20.0",
        "average 14.4",
        "incomplete",
    ]


def test_the_target_steps_where_it_changed_and_names_the_step_before(edition: Edition) -> None:
    spec = figure(open_app("metric", m="takings"))
    target = spec["data"][0]
    notes = [note["text"] for note in spec["layout"]["annotations"]]

    at = dict(zip(target["x"], target["y"], strict=True))
    assert target["line"]["shape"] == "hvh"
    assert (at["2025-12-22"], at["2026-01-05"]) == (100, 130)
    assert {"target ≥ 100", "target ≥ 130"} <= set(notes)


def test_the_words_of_neighbouring_targets_stand_on_two_sides_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins = {"2025-10": 70, "2025-12": 60, "2026-01": 50, "2026-02": 40}
    dated = ", ".join(f"from {month}: {target} per week" for month, target in begins.items())
    text = VOCABULARY.replace("  footfall:\n", f"  footfall:\n    target: {{{dated}}}\n")
    home = Home(tmp_path, text)
    counts = [{"day": at.date(), "branch": "North", "people": 40} for _, at in weeks(NOON, 20)]
    home.bring("doors", "visits", counts, at=NOON, key=("day", "branch"))
    edition = home.publish(NOON)

    course = over_time(edition, edition.vocabulary.metrics["footfall"], "week", NOON)
    notes = charts.process_chart(course, style.COLOURS["light"]).layout.annotations

    # A week across two of them has its share of both, and no words of its own.
    sides = {note.text: note.yshift > 0 for note in notes if note.xref != "paper"}
    assert sides == {"target ≥ 70.0": True, "target ≥ 60.0": False, "target ≥ 50.0": True}


def test_a_flow_names_what_was_agreed_where_its_share_differs(edition: Edition) -> None:
    spec = figure(open_app("metric", m="takings", period="month"))
    notes = [note["text"] for note in spec["layout"]["annotations"]]

    assert "≥ 100 per week" in notes


def test_an_unknown_week_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path, VOCABULARY)
    days = [NOON - back * WEEK for back in range(20, 0, -1) if back != 7]
    counts = [{"day": at.date(), "branch": "North", "people": 40} for at in days]
    home.bring("doors", "visits", counts, at=NOON, key=("day", "branch"))
    edition = home.publish(NOON)
    course = over_time(edition, edition.vocabulary.metrics["footfall"], "week", NOON)
    line = charts.process_chart(course, style.COLOURS["light"]).data[0]

    assert line.y[-7] is None
    assert None not in line.y[-6:]
    assert line.connectgaps is False


def test_the_chart_is_told_to_those_who_do_not_see_it(edition: Edition) -> None:
    (chart,) = open_app("metric", m="returned").get("plotly_chart")

    assert chart.proto.alt == (
        "Share returned by week, 39 known weeks from 9–15 Jun 2025 to 2–8 Mar 2026, between 10.0 "
        "and 75.0 %. Latest: 75.0 %, Week 10. Target ≤ 20.0: off target. Routine range up to 28.9. "
        "Signals: Week 10 above its range."
    )


def test_the_numbers_of_the_chart_can_be_read_below_it(edition: Edition) -> None:
    rows = cells(sheets(open_app("metric", m="returned"))["chart_numbers"])

    assert len(rows) == 40
    assert rows[0][-1] == "incomplete, not judged"
    assert rows[1] == ["Week 10", "2–8 Mar 2026", "75.0", "≤ 20.0", "8", "Worse: above its range"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_has_the_visitors_colours(edition: Edition, theme: style.Theme) -> None:
    app = open_app("metric", m="returned")
    app.context = {"theme": theme}
    line = figure(app.run())["data"][1]

    assert line["line"]["color"] == style.COLOURS[theme]["text"]


def test_a_metric_is_asked_for_its_past_once_and_for_its_days_so_far(
    edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    query = Edition.query

    def noted(self: Edition, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return query(self, sql, parameters)

    monkeypatch.setattr(Edition, "query", noted)
    open_app("metric", m="takings", period="quarter")

    # The scorecard, where the test comes from, asks for all its metrics with weeks.
    mine = [sql for sql in asked if '"takings"' in sql and '"returned"' not in sql]
    assert len(mine) == 3
    assert len(set(mine)) == 2


# --- the breakdown ---------------------------------------------------------------------------


def test_each_part_is_the_metrics_own_answer_for_it(edition: Edition) -> None:
    html = sheets(open_app("metric", m="takings", tab="breakdown"))["parts"]
    answer = ask(edition, last_week(edition, "takings", by=("branch",)))

    found = {row[0]: row[1] for row in cells(html)[:-1]}
    expected = {cell.keys[0]: cell.value for cell in answer.cells}
    assert found == {
        "North": f"{expected['North']:.0f}",
        "South": f"{expected['South']:.0f}",
        "(none)": f"{expected[None]:.0f}",
        "&lt;img src=x onerror=alert(1)&gt;": f"{expected[EVIL]:.0f}",
    }


def test_the_last_row_is_the_whole_and_not_a_sum(edition: Edition) -> None:
    html = sheets(open_app("metric", m="returned", tab="breakdown"))["parts"]

    assert cells(html)[-1] == ["All", "75.0 %", "", "8", "10.0", "65.0 worse"]
    assert "The parts do not add up" in html


def test_parts_that_add_up_say_so(edition: Edition) -> None:
    html = sheets(open_app("metric", m="takings", tab="breakdown"))["parts"]
    rows = cells(html)

    assert "The parts add up to the whole." in html
    assert sum(int(row[1]) for row in rows[:-1]) == int(rows[-1][1].removesuffix(" €"))


def test_parts_of_too_few_rows_are_flagged(edition: Edition) -> None:
    html = sheets(open_app("metric", m="returned", tab="breakdown"))["parts"]

    assert "too few, 2 of 3" in html


def test_a_part_leads_to_its_rows(edition: Edition) -> None:
    html = sheets(open_app("metric", m="returned", tab="breakdown"))["parts"]

    rows = "metric?m=returned&amp;tab=rows&amp;period=week&amp;at=2026-03-02&amp;where-branch="
    assert f'href="{rows}North"' in html
    assert f'href="{rows}%28none%29"' in html


def test_another_dimension_and_period_can_be_chosen(edition: Edition) -> None:
    app = open_app("metric", m="sales", tab="breakdown", by="channel", at="2026-02-23")

    assert {row[0] for row in cells(sheets(app)["parts"])} == {"counter", "phone", "All"}
    assert "week 9, 23 Feb – 1 Mar 2026" in sheets(app)["parts"]


def test_a_formula_is_broken_down_by_what_its_inputs_share(edition: Edition) -> None:
    html = sheets(open_app("metric", m="per_visit", tab="breakdown"))["parts"]
    answer = ask(edition, last_week(edition, "per_visit", by=("branch",)))

    assert "By branch" in words(html)
    assert {row[0] for row in cells(html)} >= {"North", "South", "All"}
    assert len(cells(html)) == len(answer.cells) + 1


def test_without_a_dimension_there_is_nothing_to_break_down(edition: Edition) -> None:
    html = sheets(open_app("metric", m="wishes", tab="breakdown"))["parts"]

    assert "Nothing to break it down by: its fact table has none." in html


# --- the definition --------------------------------------------------------------------------


def test_the_definition_shows_value_entry_and_statement(edition: Edition) -> None:
    app = open_app("metric", m="takings", tab="definition")
    entry, sql = (code.value for code in app.code)
    asked = statement(edition, last_week(edition, "takings"))

    assert "from sales\nwhere kind in" in sheets(app)["formula"]
    assert entry == edition.vocabulary.metrics["takings"].entry
    assert sql.endswith(asked.sql)
    assert "2026-02-23" in sql.removesuffix(asked.sql)


def test_the_definition_says_in_words_how_periods_are_counted(edition: Edition) -> None:
    said = words(sheets(open_app("metric", m="takings", tab="definition"))["formula"])

    assert "in the period of sold_at , each row of sales being one sale" in said
    assert "1 day after a period has ended" in said
    assert "Without rows a period counts as 0" in said


@pytest.mark.parametrize(
    ("metric", "words_"),
    [
        ("sales", "a period counts as 0"),
        ("returned", "a period is unknown, not 0"),
        ("per_visit", "a period is unknown, not 0"),
    ],
)
def test_what_a_period_without_rows_is_worth_is_said(
    edition: Edition, metric: str, words_: str
) -> None:
    assert words_ in words(sheets(open_app("metric", m=metric, tab="definition"))["formula"])


def test_a_formula_shows_where_it_comes_from_down_to_the_sources(edition: Edition) -> None:
    html = sheets(open_app("metric", m="per_visit", tab="definition"))["lineage"]

    boxes = re.findall(r'<div class="node[^>]*><span class="cut">(.*?)</span>', html)
    assert [words(box) for box in boxes] == [
        "tills",
        "doors",
        "sales",
        "visits",
        "Sales counted",
        "Footfall &lt;img src=x onerror=alert(1)&gt;",
        "Sales per visitor",
    ]
    assert html.count("<path") == 2 * 6


def test_a_metric_names_those_that_are_computed_from_it(edition: Edition) -> None:
    html = sheets(open_app("metric", m="sales", tab="definition"))["lineage"]

    assert "Used by" in html
    assert 'href="metric?m=per_visit&amp;tab=definition"' in html


# --- the rows --------------------------------------------------------------------------------


def test_the_rows_heading_agrees_with_the_number(edition: Edition) -> None:
    head = words(sheets(open_app("metric", m="takings", tab="rows"))["row_count"])
    (cell,) = ask(edition, last_week(edition, "takings")).cells

    assert head.startswith(f"{cell.n} rows behind {cell.value:.0f} € Takings, week 10,")
    assert head.endswith("each one sale, from sales")


def test_rows_can_be_filtered_by_dimension(edition: Edition) -> None:
    app = open_app("metric", m="takings", tab="rows", **{"where-branch": "North"})
    (cell,) = ask(edition, last_week(edition, "takings", where=("branch = 'North'",))).cells

    assert words(sheets(app)["row_count"]).startswith(f"{cell.n} rows behind {cell.value:.0f} €")
    assert {row[2] for row in cells(sheets(app)["rows"])} == {"North"}


def test_rows_without_a_branch_can_be_found(edition: Edition) -> None:
    app = open_app("metric", m="sales", tab="rows", **{"where-branch": "(none)"})

    assert {row[2] for row in cells(sheets(app)["rows"])} == {"(none)"}


def test_the_rows_of_a_part_can_be_singled_out(edition: Edition) -> None:
    app = open_app("metric", m="returned", tab="rows", part="returned")

    assert words(sheets(app)["row_count"]).startswith("6 rows where returned , behind 75.0 %")


def test_rows_of_another_period_come_with_its_number(edition: Edition) -> None:
    app = open_app("metric", m="returned", tab="rows", at="2026-02-23")

    assert words(sheets(app)["row_count"]).startswith("10 rows behind 10.0 %")


def test_the_rows_of_a_formula_are_those_of_one_input(edition: Edition) -> None:
    first = open_app("metric", m="per_visit", tab="rows")
    second = open_app("metric", m="per_visit", tab="rows", rows="footfall", at="2026-02-23")

    assert "Sales counted, week 9" in words(sheets(first)["row_count"])
    assert words(sheets(second)["row_count"]).endswith("each one branch for one day, from visits")


def test_times_stand_on_the_local_clock_with_the_zone_named(edition: Edition) -> None:
    html = sheets(open_app("metric", m="sales", tab="rows"))["rows"]

    assert "Sold at, Berlin" in html
    assert cells(html)[-1][1] == "Wed 4 Mar 2026, 01:00"


def test_long_lists_are_paged(edition: Edition) -> None:
    quarter = {"m": "sales", "tab": "rows", "period": "quarter", "at": "2025-10-01"}
    first = open_app("metric", **quarter)
    second = open_app("metric", **quarter, **{"rows-page": "2"})

    total = int(words(sheets(first)["row_count"]).split()[0])
    ids = [row[0] for app in (first, second) for row in cells(sheets(app)["rows"])]
    assert len(ids) == len(set(ids)) == min(total, 100)


def test_a_filter_leads_back_to_the_first_page(edition: Edition) -> None:
    app = open_app("metric", m="sales", tab="rows", period="quarter", **{"rows-page": "2"})

    app.selectbox(key="pick_where-channel").set_value("phone").run()

    assert app.query_params["where-channel"] == "phone"
    assert "rows-page" not in app.query_params


def test_another_metric_keeps_the_tab_and_drops_the_filters(edition: Edition) -> None:
    app = open_app("metric", m="sales", tab="rows", **{"where-channel": "phone"})

    app.selectbox(key="pick_m").set_value("takings").run()

    assert app.query_params["m"] == "takings"
    assert app.query_params["tab"] == "rows"
    assert "where-channel" not in app.query_params


def test_the_download_says_how_many_rows_it_brings(edition: Edition) -> None:
    app = open_app("metric", m="takings", tab="rows", **{"where-branch": "North"})

    (button,) = [b for b in app.get("download_button") if b.proto.label.startswith("Download")]
    assert button.proto.label == "Download 2 rows, CSV"
    assert not button.proto.disabled


def test_a_period_without_rows_says_so(edition: Edition) -> None:
    html = sheets(open_app("metric", m="wishes", tab="rows"))["rows"]

    assert "No period has any row yet." in html


# --- texts from outside ----------------------------------------------------------------------


@pytest.mark.parametrize("tab", ["over-time", "breakdown", "definition", "rows"])
@pytest.mark.parametrize("metric", ["footfall", "takings", "sales", "per_visit"])
def test_no_text_from_outside_gets_out_of_its_place(
    edition: Edition, tab: str, metric: str
) -> None:
    app = open_app("metric", m=metric, tab=tab)

    assert not app.exception
    assert EVIL not in shown(app)
    assert not any(EVIL in chart.proto.spec for chart in app.get("plotly_chart"))
