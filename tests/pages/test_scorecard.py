"""The scorecard page shows what the scorecard says, in every state."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from kpi.editions import editions_folder, pointer_file
from kpi.questions import QuestionRefused
from tests.pages.app import open_app, row, sheets, shown, words
from tests.pages.company import DAY, NOON, VOCABULARY, WEEK, weeks
from tests.published import Home


def publish_again(home: Path) -> None:
    """The next day's edition, with a worse availability."""
    next_one = Home(home, VOCABULARY, sample=True)
    outage = [{"id": "x", "at": NOON - WEEK, "x": 1.0}]
    next_one.bring("more", "availability", outage, at=NOON, key=("id",))
    next_one.publish(NOON + DAY)


def renamed(home: Path, old: str, new: str) -> None:
    """Publishes the company anew with another text in its vocabulary."""
    assert old in VOCABULARY
    Home(home, VOCABULARY.replace(old, new), sample=True).publish(NOON)


# --- what was restated ---------------------------------------------------------------------------


def test_a_restated_number_is_marked_with_what_it_was_when_and_why(published: Path) -> None:
    publish_again(published)

    for view in ("sides", "list"):
        html = sheets(open_app(view=view))["scorecard"]
        said = "99.95 → 50.48, 11 Mar 2026 (edition 2): the data changed"
        assert f'<i class="restated" title="{said}">' in row(html, "uptime")
        assert "restated" not in row(html, "incidents")


def test_the_legend_says_what_the_r_means(published: Path) -> None:
    html = sheets(open_app())["scorecard"]

    assert words(html[html.index('class="legend"') :]).endswith("r restated Owners: business · IT")


def test_the_metrics_own_page_marks_its_restated_number(published: Path) -> None:
    publish_again(published)

    numbers = sheets(open_app("metric", m="uptime"))["numbers"]

    assert "99.95 → 50.48, 11 Mar 2026 (edition 2): the data changed" in numbers


# --- what is counted -------------------------------------------------------------------------


def test_the_count_line_names_the_period_and_adds_up(published: Path) -> None:
    about = words(sheets(open_app())["about"])

    assert about.startswith(
        "Week 10, 2–8 Mar 2026 · 3 of 8 on target · 1 near · 1 off target · 3 without status · "
        "1 signal · 1 source late · 1 source failing"
    )


def test_the_edition_is_named_with_its_time_on_the_local_clock(published: Path) -> None:
    about = words(sheets(open_app())["about"])

    assert about.endswith("Sample data Edition 1 · Tue 10 Mar 2026, 13:00 Berlin")


def test_what_is_worth_a_question_comes_with_its_numbers(published: Path) -> None:
    html = sheets(open_app())["scorecard"]

    asked = words(html[: html.index('<div class="bands">')])
    assert asked == "Worth a question: Customer-facing incidents 9 against 3, above its range"


def test_without_enough_periods_it_is_too_early_for_a_question(published: Path) -> None:
    html = shown(open_app(period="quarter"))

    assert "too early to say, a signal takes 12 quarters of numbers" in html


def test_needing_attention_leaves_rows_out_and_no_count_changes(published: Path) -> None:
    everything = open_app()
    filtered = open_app(show="attention")

    assert "Service availability" not in shown(filtered)
    assert "Customer-facing incidents" in shown(filtered)
    assert sheets(filtered)["about"] == sheets(everything)["about"]
    assert "2 of 6 on target, 1 off" in sheets(filtered)["scorecard"]


def test_when_nothing_needs_attention_the_page_says_so(home: Path) -> None:
    calm = Home(home, VOCABULARY[: VOCABULARY.index("  incidents:\n    label")])
    for table in ("availability", "detections"):
        rows = [{"id": str(back), "at": at, "x": 100.0 - back} for back, at in weeks(NOON, 3)]
        low = [{**r, "x": 5.0} for r in rows] if table == "detections" else rows
        calm.bring(table, table, low, at=NOON, key=("id",), as_of=NOON)
    calm.publish(NOON)

    html = shown(open_app(show="attention", period="week"))

    assert "Nothing needs attention" in html
    assert 'href="./?period=week&amp;view=sides"' in html


def test_a_vocabulary_without_a_metric_to_show_says_how_to_begin(published: Path) -> None:
    only = VOCABULARY[: VOCABULARY.index("  detected:")]
    helper = (
        "  helper: {label: H, definition: H., side: it, outcome: worth, internal: true, good: up,"
    )
    owners = "owners: {it: Platform, business: Sales}, value: count(*) from bills}"
    Home(published, f"{only}{helper} {owners}\n").publish(NOON)

    html = shown(open_app())

    assert "No metric yet" in html
    assert "0 of 0 on target" in html


# --- rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("uptime", "99.95 % ≥ 99.90 · On target"),
        ("detected", "29 % ≤ 25 · Near"),
        ("incidents", "9 ≤ 3 · Off target"),
        ("load", "65 % No target"),
        ("nps", "46 pts ≥ 45 · Too few 18 of 30"),
        ("idea", "— ≤ 45.0 · No data"),
    ],
)
def test_every_status_is_a_word_beside_its_number(published: Path, metric: str, said: str) -> None:
    assert said in words(row(shown(open_app()), metric))


def test_every_status_has_a_shape_of_its_own(published: Path) -> None:
    html = shown(open_app())

    metrics = ("uptime", "detected", "incidents", "load", "nps", "idea")
    shapes = {re.search(r'<svg class="shape .*?</svg>', row(html, m))[0] for m in metrics}  # type: ignore[index]
    assert len(shapes) == len(metrics)


def test_a_late_row_says_how_late_and_which_week_it_shows(published: Path) -> None:
    churn = words(row(shown(open_app()), "churn"))

    assert "week 9 1.72 % 5 d late · ≤ 1.80 · On target" in churn


def test_a_failing_source_is_said_beside_the_status(published: Path) -> None:
    assert "failing, 0 min old · ≤ 900 · On target" in words(row(shown(open_app()), "bills"))


def test_a_signal_is_said_with_its_direction_and_judgement(published: Path) -> None:
    incidents = row(shown(open_app()), "incidents")

    assert "Worse: above its range" in words(incidents)
    assert 'aria-label="up"' in incidents
    assert "6 worse" in words(incidents)


def test_owners_stand_business_first(published: Path) -> None:
    assert "IT: Sales · Platform" in words(row(shown(open_app()), "uptime"))


def test_joint_metrics_come_first_with_what_they_mean(published: Path) -> None:
    html = shown(open_app())

    joint = row(html, "detected")
    assert 'class="across row"' in joint
    assert "Share of incidents that customers noticed first." in joint
    assert html.index(joint) < html.index(row(html, "uptime"))


def test_a_side_without_a_metric_says_so(published: Path) -> None:
    html = shown(open_app())

    assert "No business metric yet · Try an entry" in words(html)
    assert 'href="vocabulary?try=worth.business"' in html
    assert "No IT metric yet" not in html


def test_a_name_opens_its_metric_for_the_same_period(published: Path) -> None:
    assert 'href="metric?m=uptime&amp;period=month"' in shown(open_app(period="month"))


def test_the_past_is_told_in_a_sentence(published: Path) -> None:
    drawn = row(shown(open_app()), "uptime")

    assert 'role="img" aria-label="26 weeks, from 99.97 % to 99.95 %; routine range' in drawn
    assert "; target at least 99.90; Routine" in drawn


def test_a_week_without_numbers_interrupts_the_line(home: Path) -> None:
    company_home = Home(home, VOCABULARY)
    rows = [{"id": str(b), "at": at, "x": 99.0} for b, at in weeks(NOON, 20) if b not in (4, 5)]
    company_home.bring("availability", "availability", rows, at=NOON, key=("id",), as_of=NOON)
    company_home.publish(NOON)

    line = re.search(r'class="line" d="([^"]+)"', row(shown(open_app()), "uptime"))

    assert line is not None
    assert line[1].count("M") == 2


def test_one_list_has_a_row_for_each_metric_in_ten_columns(published: Path) -> None:
    html = shown(open_app(view="list"))

    assert html.count('<th scope="col"') == 10
    assert html.count('<th scope="row">') == 8
    assert "5 d late" in row(html, "churn")
    assert "No business metric yet" in html


# --- texts from outside ----------------------------------------------------------------------


def test_a_label_with_markup_is_shown_as_text(published: Path) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    renamed(published, "label: Service availability", f"label: '{nasty}'")

    for view in ("sides", "list"):
        html = shown(open_app(view=view))

        assert "<img" not in html
        assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_a_quote_in_a_definition_stays_inside_its_attribute(published: Path) -> None:
    nasty = """'Who left" onmouseover="alert(1)'"""
    renamed(published, "Who left.", nasty)

    html = shown(open_app())

    assert 'onmouseover="' not in html
    assert "Who left&quot; onmouseover=&quot;alert(1)" in html


def test_a_label_of_ten_thousand_characters_is_cut(published: Path) -> None:
    renamed(published, "Customer churn", "L" * 10_000)

    html = shown(open_app())

    assert "L" * 499 + "…" in html
    assert "L" * 501 not in html


def test_marks_that_turn_the_direction_of_text_are_left_out(published: Path) -> None:
    renamed(published, "Customer churn", "Churn \u202e reversed")

    html = shown(open_app())

    assert "\u202e" not in html
    assert "Churn  reversed" in html


# --- the address -----------------------------------------------------------------------------


def test_the_address_restores_every_choice(published: Path) -> None:
    app = open_app(period="month", view="list", show="attention")

    assert words(sheets(app)["about"]).startswith("Feb 2026 ·")
    assert [c.value for c in app.segmented_control] == ["month", "list", "attention"]


def test_a_choice_is_kept_in_the_address_by_its_id(published: Path) -> None:
    app = open_app()

    app.segmented_control(key="choice_period").set_value("quarter").run()

    assert app.query_params["period"] == "quarter"
    assert words(sheets(app)["about"]).startswith("Q4 2025, 1 Oct – 31 Dec 2025 ·")


def test_the_first_choice_is_unsaid_in_the_address(published: Path) -> None:
    app = open_app(period="month")

    app.segmented_control(key="choice_period").set_value("week").run()

    assert "period" not in app.query_params


def test_an_address_that_names_nothing_known_shows_the_default(published: Path) -> None:
    app = open_app(period="<script>", view="", show="everything")

    assert words(sheets(app)["about"]).startswith("Week 10,")


# --- editions that come and go ---------------------------------------------------------------


def test_before_the_first_edition_the_page_says_what_to_run(home: Path) -> None:
    html = shown(open_app())

    assert "No numbers yet" in html
    assert "make run" in html
    assert "python -m kpi refresh" in html


def test_a_damaged_pointer_is_told_with_what_to_do(published: Path) -> None:
    pointer_file(published).write_text("not a pointer")

    html = shown(open_app())

    assert "The current numbers are missing" in html
    assert "python -m kpi refresh --no-pull" in html


def test_a_damaged_edition_is_told_with_what_to_do(published: Path) -> None:
    for file in editions_folder(published).glob("*.duckdb"):
        file.write_bytes(b"not a database")

    html = shown(open_app())

    assert "This edition cannot be read" in html
    assert "python -m kpi refresh --no-pull" in html


def test_a_new_edition_is_shown_at_the_next_rerun(published: Path) -> None:
    app = open_app()
    publish_again(published)

    app.run()

    assert "Edition 2 · Wed 11 Mar 2026" in words(sheets(app)["about"])


def test_an_edition_that_is_cleared_away_between_two_clicks_is_replaced(published: Path) -> None:
    app = open_app()
    first = next(editions_folder(published).glob("000001*"))
    publish_again(published)
    first.unlink()

    app.segmented_control(key="choice_period").set_value("month").run()

    assert "Edition 2" in sheets(app)["about"]
    assert "3 of 8 on target" not in sheets(app)["about"]


def test_ages_follow_the_clock_while_the_numbers_stay(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = shown(open_app(view="list"))
    monkeypatch.setattr("pages.parts.frame.now", lambda: NOON + dt.timedelta(hours=7))
    late = shown(open_app(view="list"))

    assert "0 min" in row(early, "uptime")
    assert "7 h" in row(late, "uptime")
    assert re.findall(r'class="number">([^<]+)', early) == re.findall(
        r'class="number">([^<]+)', late
    )


def test_a_question_that_is_refused_is_told_with_its_reason(
    published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise QuestionRefused("The question took too long and was stopped. Ask for less.")

    monkeypatch.setattr("pages.parts.kept.scorecard", refuse)

    html = shown(open_app())

    assert "This question cannot be answered" in html
    assert "The question took too long and was stopped. Ask for less." in html


def test_what_goes_wrong_is_told_in_words_and_logged_in_full(
    published: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pages.parts.kept.scorecard", lambda *_, **__: 1 / 0)

    app = open_app(period="quarter")

    assert not app.exception
    assert "This page could not be shown" in shown(app)
    assert "division by zero" not in shown(app)
    assert "ZeroDivisionError: division by zero" in caplog.text
