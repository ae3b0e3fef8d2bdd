"""Every number that a page shows is what `kpi query` answers to the same question."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from kpi.__main__ import app
from kpi.comparisons import year_before
from kpi.editions import Edition, latest
from kpi.formats import decimals
from kpi.periods import DAY, period_of
from kpi.vocabulary_file import load_vocabulary
from pages.parts import frame
from tests.pages.app import ROOT, open_app, sheets

VOCABULARY = load_vocabulary((ROOT / "metrics.yaml").read_text(encoding="utf-8"))
SHOWN = [metric.name for metric in VOCABULARY.shown]
BREAKDOWNS = [(m.name, word) for m in VOCABULARY.metrics.values() for word in m.dimensions]
GRAINS = ("week", "month", "quarter")
FIRST, BEYOND = "2023-01-01", "2027-12-31"
UNKNOWN = "—"

Key = tuple[Any, ...]


@pytest.fixture
def edition(sample: Path, monkeypatch: pytest.MonkeyPatch) -> Edition:
    """The sample's edition, at the moment it was published."""
    monkeypatch.setenv("KPI_HOME", str(sample))
    found = latest(sample)
    monkeypatch.setattr(frame, "now", lambda: found.published_at)
    return found


@cache
def queried(
    home: Path, metric: str, grain: str, *by: str, start: str = FIRST, end: str = BEYOND
) -> Mapping[Key, dict[str, Any]]:
    """What the command line answers, by the period's first day and the dimensions' values."""
    words = ["--home", str(home), "query", metric, "--grain", grain, "--format", "json"]
    words += [word for dimension in by for word in ("--by", dimension)]
    done = CliRunner().invoke(app, [*words, "--from", start, "--to", end])
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return {(each["period"], *(each[word] for word in by)): each for each in found}


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def number(shown: str) -> Decimal | None:
    """A displayed number as a person reads it; None for the dash that stands for unknown."""
    if shown == UNKNOWN:
        return None
    assert re.fullmatch(r"[−+]?\d{1,3}(,\d{3})*(\.\d+)?", shown), shown
    return Decimal(shown.replace(",", "").replace("−", "-"))


def agrees(shown: str, value: float | None) -> bool:
    """Whether a displayed number is this value, rounded to the decimals that are displayed."""
    told = number(shown)
    if told is None or value is None:
        return told is None and value is None
    exponent = told.as_tuple().exponent
    assert isinstance(exponent, int)
    return told == Decimal(value).quantize(Decimal(1).scaleb(exponent), ROUND_HALF_EVEN)


def scorecard_numbers(html: str, view: str) -> dict[str, tuple[str, str]]:
    """The displayed number and target of every row, by the metric that its name opens."""
    if view == "list":
        rows = [row for row in re.findall(r"<tr>.*?</tr>", html, re.S) if 'class="number"' in row]
    else:
        rows = re.split(r'<div role="row" class="(?:half|across) row">', html)[1:]
    found = {}
    for row in rows:
        (name,) = re.findall(r'href="metric\?m=(\w+)', row)
        (value,) = re.findall(r'<b class="number">(.*?)</b>', row)
        found[name] = (value, row)
    return found


@pytest.mark.parametrize("view", ["sides", "list"])
@pytest.mark.parametrize("grain", GRAINS)
def test_the_scorecard_says_what_a_query_answers(
    edition: Edition, sample: Path, grain: str, view: str
) -> None:
    html = sheets(open_app(period=grain, view=view))["scorecard"]

    found = scorecard_numbers(html, view)
    wrong = {
        name: shown
        for name, (shown, _) in found.items()
        if not agrees(shown, last_told(queried(sample, name, grain), edition)["value"])
    }
    assert sorted(found) == sorted(SHOWN)
    assert wrong == {}


@pytest.mark.parametrize("grain", GRAINS)
def test_the_scorecards_changes_are_the_differences_of_what_queries_answer(
    edition: Edition, sample: Path, grain: str
) -> None:
    found = scorecard_numbers(sheets(open_app(period=grain))["scorecard"], "sides")

    wrong = {}
    for name, (_, row) in found.items():
        (cell,) = re.findall(r'class="change"[^>]*>(.*?)<div class="sub"', row, re.S)
        answer = queried(sample, name, grain)
        told = last_told(answer, edition)
        before = told["period"] and [day for (day,) in answer if day < told["period"]][-1]
        values = (answer[(day,)]["value"] for day in (before, told["period"]) if day)
        places = decimals(VOCABULARY.metrics[name])
        both = [Decimal(value) for value in values if value is not None]
        amount = round(abs(both[1] - both[0]), places) if len(both) == 2 else None
        if number(plain(cell)) != amount:
            wrong[name] = (plain(cell), amount)
    assert len(found) == len(SHOWN)
    assert wrong == {}


def last_told(answer: Mapping[Key, dict[str, Any]], edition: Edition) -> dict[str, Any]:
    """The last complete period of an answer, as a scorecard shows it; unknown without any."""
    complete = [cell for cell in answer.values() if cell["complete"]]
    if all(cell["value"] is None for cell in complete):
        return {"value": None, "period": None}
    return max(complete, key=lambda cell: cell["period"])


def rows_of(html: str) -> list[list[str]]:
    """The words of every cell of the tables' bodies and feet, by row."""
    lines = re.findall(r"<tr>(.*?)</tr>", html.partition("</thead>")[2], re.S)
    return [[plain(c) for c in re.findall(r"<t[hd].*?</t[hd]>", line, re.S)] for line in lines]


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("name", VOCABULARY.metrics)
def test_a_metrics_page_says_what_a_query_answers(
    edition: Edition, sample: Path, name: str, grain: str
) -> None:
    page = open_app("metric", m=name, period=grain)

    answer = queried(sample, name, grain)
    shown = sheets(page)
    (big,) = re.findall(r'class="big">(.*?)</div>', shown["numbers"], re.S)[:1]
    assert agrees(plain(big).split()[0], last_told(answer, edition)["value"])
    if "chart_numbers" not in shown:
        assert all(cell["value"] is None for cell in answer.values() if cell["complete"])
        return
    told = rows_of(shown["chart_numbers"])
    today = VOCABULARY.calendar.local_day(edition.published_at).isoformat()
    begun = sorted((day for (day,) in answer if day <= today), reverse=True)
    drawn = drawn_values(page)
    assert drawn.keys() <= set(begun[: len(told)])
    for row, day in zip(told, begun[: len(told)], strict=True):
        cell = answer[(day,)]
        assert agrees(row[2].split()[0], cell["value"]), (row, cell)
        assert int(row[4].replace(",", "")) == cell["n"], (row, cell)
        assert drawn.get(day) == cell["value"], (row, cell)


def drawn_values(page: AppTest) -> dict[str, float | None]:
    """What the chart's points stand for, by the first day of the period, unrounded."""
    (chart,) = page.get("plotly_chart")
    points = [trace for trace in json.loads(chart.proto.spec)["data"] if "hovertext" in trace]
    return {day: y for trace in points for day, y in zip(trace["x"], trace["y"], strict=True)}


@pytest.mark.parametrize(("name", "word"), BREAKDOWNS)
def test_a_breakdown_says_what_a_query_answers(
    edition: Edition, sample: Path, name: str, word: str
) -> None:
    whole = last_told(queried(sample, name, "week"), edition)
    if whole["period"] is None:
        pytest.skip("no period has a number yet")
    page = open_app("metric", m=name, tab="breakdown", by=word)

    *parts, everything = rows_of(sheets(page)["parts"])
    answer = queried(sample, name, "week", word)
    before = (dt.date.fromisoformat(whole["period"]) - dt.timedelta(weeks=1)).isoformat()
    for part, value, _, n, earlier, _ in parts:
        key = None if part == "(none)" else part.partition(" too few")[0]
        cell = answer[(whole["period"], key)]
        assert agrees(value, cell["value"]), (part, cell)
        assert int(n.replace(",", "")) == cell["n"], (part, cell)
        assert agrees(earlier, answer.get((before, key), {"value": None})["value"]), part
    # Every part that has a row in either week is there.
    known = {key for (day, key), cell in answer.items() if day == whole["period"] and cell["n"]}
    assert len(known) <= len(parts)
    assert agrees(everything[1].split()[0], whole["value"])
    assert int(everything[3].replace(",", "")) == whole["n"]


def total(home: Path, metric: str, first: dt.date, beyond: dt.date) -> float | None:
    """What the command line answers for a range of days as a whole."""
    found = queried(home, metric, "total", start=first.isoformat(), end=beyond.isoformat())
    (cell,) = found.values()
    value: float | None = cell["value"]
    return value


@pytest.mark.parametrize("grain", GRAINS)
def test_the_scorecard_so_far_says_what_a_query_answers_for_as_many_days(
    edition: Edition, sample: Path, grain: str
) -> None:
    html = sheets(open_app(period=f"{grain}-so-far"))["scorecard"]

    calendar = VOCABULARY.calendar
    first = period_of(calendar, grain, calendar.local_day(edition.published_at)).start
    found = scorecard_numbers(html, "sides")
    wrong = {}
    for name, (shown, row) in found.items():
        days = re.search(r">(\d+) of \d+ days<", row)
        value = total(sample, name, first, first + int(days[1]) * DAY) if days else None
        if not agrees(shown, value):
            wrong[name] = (shown, value)
    assert sorted(found) == sorted(SHOWN)
    assert wrong == {}


@pytest.mark.parametrize("name", SHOWN)
def test_weeks_and_months_say_what_a_query_answers(
    edition: Edition, sample: Path, name: str
) -> None:
    shown = sheets(open_app("metric", m=name, tab="weeks-and-months"))
    if "six_twelve_numbers" not in shown:
        pytest.skip("no period has a number yet")
    lines = re.findall(r"<tr class=.*?</tr>", shown["six_twelve_numbers"], re.S)
    now, before = ([plain(c) for c in re.findall(r"<td>(.*?)</td>", r, re.S)] for r in lines[:2])
    heads = re.findall(r'<th scope="col" title=[^>]*>(.*?)</th>', shown["six_twelve_numbers"])
    weeks = sum(head.startswith("Week") for head in heads)

    for grain, columns in (("week", slice(0, weeks)), ("month", slice(weeks, None))):
        answer = queried(sample, name, grain)
        # The last complete ones, and the one that has begun where anything of it is known.
        begun = sum("so far" in head for head in heads[columns])
        whole = [day for (day,), cell in answer.items() if cell["complete"]]
        days = sorted(whole)[-(len(heads[columns]) - begun) :]
        days += sorted(d for (d,) in answer if d > days[-1])[:begun]
        for day, one, other in zip(days, now[columns], before[columns], strict=True):
            year = year_before(VOCABULARY.calendar, period_of(VOCABULARY.calendar, grain, at(day)))
            cell = answer.get((year.start.isoformat(),), {"value": None, "complete": False})
            assert agrees(one, answer[(day,)]["value"]), (day, one)
            # Neither of the two is compared before it is complete.
            both = answer[(day,)]["complete"] and cell["complete"]
            assert agrees(other, cell["value"] if both else None), (day, other)


@pytest.mark.parametrize(("name", "word"), BREAKDOWNS)
def test_why_it_changed_holds_what_a_query_answers_against_each_other(
    edition: Edition, sample: Path, name: str, word: str
) -> None:
    whole = last_told(queried(sample, name, "week"), edition)
    html = sheets(open_app("metric", m=name, tab="breakdown", by=word)).get("why", "")
    if "<table" not in html or whole["period"] is None:
        pytest.skip("this change cannot be split")
    *parts, everything = rows_of(html)
    answer = queried(sample, name, "week", word)
    day, before = whole["period"], (at(whole["period"]) - 7 * DAY).isoformat()

    places = decimals(VOCABULARY.metrics[name])
    for part in parts:
        held = next(cell for cell in part if ("→" in cell and "%" not in cell) or not cell)
        if not held:
            continue  # several members together have no value of their own
        key = None if part[0] == "(none)" else part[0]
        for shown, when in zip(held.split(" → "), (before, day), strict=True):
            assert agrees(shown, answer.get((when, key), {"value": None})["value"]), part
    change = number(everything[-1])
    moved = Decimal(whole["value"]) - Decimal(queried(sample, name, "week")[(before,)]["value"])
    # As printed the parts add up to the printed change.
    assert change == sum(filter(None, (number(part[-1]) for part in parts)))
    assert change == round(moved, places)


def at(day: str) -> dt.date:
    return dt.date.fromisoformat(day)


@pytest.mark.parametrize("name", SHOWN)
def test_together_draws_what_a_query_answers(edition: Edition, sample: Path, name: str) -> None:
    charts = open_app("together", m=name).get("plotly_chart")
    answer = queried(sample, name, "week")
    points = [t for t in json.loads(charts[0].proto.spec)["data"] if "hovertext" in t]
    (course,) = [trace for trace in points if trace.get("yaxis", "y") == "y"]

    drawn = {
        period_of(VOCABULARY.calendar, "week", at(middle[:10])).start.isoformat(): y
        for middle, y in zip(course["x"], course["y"], strict=True)
    }
    assert drawn == {day: answer[(day,)]["value"] for day in drawn}
    # Up to the last complete week; nothing of a metric that has no number in any of them.
    told = last_told(answer, edition)
    whole = [day for (day,), cell in answer.items() if cell["complete"]]
    assert max(drawn, default=None) == (max(whole) if told["period"] else None)
