"""What happened is marked on a chart, named below it, and told to those who do not see it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from pages.parts import frame, style
from tests.pages.app import figure, open_app, sheets, words
from tests.pages.branches import EVIL
from tests.pages.company import NOON, WEEK, weeks
from tests.published import Home

VOCABULARY = """\
version: 1
tables:
  answers: {row: one answer, time: answered_at}
  incidents:
    row: one incident
    time: opened_at
    marks: {from: opened_at, to: resolved_at, name: title, where: "severity = 'sev1'"}
outcomes:
  reliable: {label: Reliable, definition: It works, owners: {it: Platform, business: Care}}
metrics:
  happy:
    label: Happy
    definition: How happy customers are.
    side: business
    outcome: reliable
    owners: {it: Platform, business: Care}
    value: avg(score) from answers
    good: up
  incidents:
    label: Incidents
    definition: How many there were.
    side: it
    outcome: reliable
    owners: {it: Platform, business: Care}
    value: count(*) from incidents
    good: down
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A company with seven bad incidents in the last fourteen weeks, one of them with two."""
    monkeypatch.setenv("KPI_HOME", str(tmp_path))
    monkeypatch.setattr(frame, "now", lambda: NOON)
    home = Home(tmp_path, VOCABULARY)
    answers = [{"id": str(back), "answered_at": at, "score": 5.0} for back, at in weeks(NOON, 20)]
    home.bring("desk", "answers", answers, at=NOON, key=("id",))
    begins = [NOON - back * WEEK for back in (14, 10, 8, 6, 4, 2)]
    bad = [(at, at + dt.timedelta(hours=hours)) for hours, at in enumerate(begins, 1)]
    bad.append((begins[-1], begins[-1] + dt.timedelta(hours=9)))
    rows = [
        {
            "id": str(number),
            "title": EVIL if number == 6 else f"Outage {number}",
            "severity": "sev1",
            "opened_at": begin,
            "resolved_at": end,
        }
        for number, (begin, end) in enumerate(bad)
    ]
    rows.append({**rows[0], "id": "mild", "severity": "sev3", "title": "Mild"})
    home.bring("pager", "incidents", rows, at=NOON, key=("id",))
    home.publish(NOON)
    return tmp_path


def test_the_week_in_which_it_began_is_shaded_and_numbered(home: Path) -> None:
    app = open_app("metric", m="happy")
    layout = figure(app)["layout"]
    off = style.COLOURS["light"]["off"]

    routine = style.COLOURS["light"]["routine"]
    shaded = [s for s in layout["shapes"] if s["type"] == "rect" and s["fillcolor"] != routine]
    numbers = [n["text"] for n in layout["annotations"] if n["font"]["color"] == off]
    assert len(shaded) == 4
    assert numbers == ["<b>1</b>", "<b>2</b>", "<b>3</b>", "<b>4</b>"]
    # A week's point stands on its Monday: the shade reaches half a week to both sides.
    last = dt.datetime.fromisoformat(shaded[-1]["x1"]) - dt.datetime.fromisoformat(shaded[-1]["x0"])
    assert last == WEEK


def test_a_shade_reaches_from_foot_to_head_and_lies_above_the_routine_range(home: Path) -> None:
    layout = figure(open_app("metric", m="happy"))["layout"]
    drawn = [s for s in layout["shapes"] if s["type"] == "rect"]
    routine = style.COLOURS["light"]["routine"]

    assert [s["fillcolor"] == routine for s in drawn] == [True, False, False, False, False]
    # Plotly draws all that refers to the paper below all that refers to axes alone.
    assert {s.get("yref", "y") for s in drawn} == {"y"}
    assert {(s["y0"], s["y1"]) for s in drawn[1:]} == {tuple(layout["yaxis"]["range"])}


def test_the_longest_are_named_below_and_the_rest_is_counted(home: Path) -> None:
    said = words(sheets(open_app("metric", m="happy"))["happened"])

    assert "Outage 5 (6 h)" in said
    assert "Outage 0" not in said
    assert "Mild" not in said
    assert "2 more that were shorter are not marked" in said


def test_what_happened_is_told_in_the_text_of_the_chart(home: Path) -> None:
    (chart,) = open_app("metric", m="happy").get("plotly_chart")

    assert "Marked: Week 9 " in chart.proto.alt or "Marked: Week 8 " in chart.proto.alt
    assert chart.proto.alt.endswith("2 more that were shorter are not marked.")


def test_a_name_from_outside_cannot_get_out(home: Path) -> None:
    app = open_app("metric", m="happy")

    assert EVIL not in sheets(app)["happened"]
    assert EVIL not in json.dumps(figure(app))
