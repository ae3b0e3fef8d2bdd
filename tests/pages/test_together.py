"""The page of two metrics together: which two, whether they move together, what events cost."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from kpi.editions import Edition
from pages.parts import frame
from tests.pages.app import open_app, sheets, shown, words
from tests.pages.company import NOON, company
from tests.pages.pairs import EVIL


@pytest.fixture(scope="module")
def built(with_pairs: Path) -> Path:
    return with_pairs


def figures(app: AppTest) -> dict[str, dict[str, Any]]:
    """The charts by what they are: two, lags, cost."""
    found = {}
    for chart in app.get("plotly_chart"):
        found[chart.proto.id.rpartition("chart_")[2]] = json.loads(chart.proto.spec)
    return found


# --- which two -----------------------------------------------------------------------------------


def test_the_clearest_pair_of_the_first_outcome_opens(edition: Edition) -> None:
    app = open_app("together")

    assert [box.value for box in app.selectbox][:2] == ["incidents", "contacts"]
    assert words(sheets(app)["about"]).startswith("For It works · owned together by Care")


def test_the_association_is_one_sentence_with_strength_interval_and_n(edition: Edition) -> None:
    said = words(sheets(open_app("together"))["relation"])

    assert re.match(
        r"Higher Incidents goes with higher Contacts in the same week : strength 0\.\d\d "
        r"\(95 % interval 0\.\d\d to 0\.\d\d\), \d\d weeks\.",
        said,
    )
    assert "Moving together is not proof of cause." in said


def test_two_that_have_nothing_to_do_with_each_other_say_so(edition: Edition) -> None:
    said = words(sheets(open_app("together", m="incidents", **{"with": "visits"}))["relation"])

    assert said.startswith(("No clear association.", "Too little data."))


def test_a_metric_without_rows_has_too_little_data(edition: Edition) -> None:
    app = open_app("together", m="ideas", **{"with": "contacts"})

    assert "Both are known in 0 weeks of the last 156; 24 are needed." in words(
        sheets(app)["relation"]
    )
    assert "lags" not in figures(app)


def test_both_are_computed_from_the_same_rows_is_said(edition: Edition) -> None:
    said = words(sheets(open_app("together", m="contacts", **{"with": "wait"}))["relation"])

    assert "Both are computed from contacts, so that part of it may be arithmetic." in said


@pytest.mark.parametrize(
    ("name", "what"), [("m", "first metric"), ("with", "second metric"), ("cost", "metric")]
)
def test_an_unknown_metric_is_said_to_be_none_and_the_nearest_is_offered(
    edition: Edition, name: str, what: str
) -> None:
    html = sheets(open_app("together", **{"period": "month", name: "vists"}))[f"missed_{name}"]

    assert words(html).startswith(f"There is no {what} “vists” here; the link may be older.")
    assert f"{name}=visits" in html and "period=month" in html


def test_a_metric_is_not_shown_with_itself(edition: Edition) -> None:
    app = open_app("together", m="contacts", **{"with": "contacts"})

    assert not app.exception
    assert [box.value for box in app.selectbox][:2] == ["contacts", "incidents"]
    assert not [name for name in sheets(app) if name.startswith("missed")]


def test_the_business_may_be_the_earlier_one(edition: Edition) -> None:
    app = open_app("together", first="business")

    chart = figures(app)["lags"]
    assert max(x for trace in chart["data"] for x in trace["x"]) == 0
    assert "Incidents" in words(chart["layout"]["xaxis"]["title"]["text"])


@pytest.mark.parametrize(
    "address",
    [
        {"period": "decade", "first": "nobody"},
        {"severity": "sev9", "service": "=Nowhere", "events": "parties"},
        {"cost": "visits", "severity": "sev2"},
        {"m": "visits", "with": "orders"},
        {"period": "month"},
    ],
)
def test_an_address_with_nonsense_opens_what_it_can(
    edition: Edition, address: dict[str, str]
) -> None:
    app = open_app("together", **address)

    assert not app.exception
    assert {"about", "relation", "cost"} <= set(sheets(app))


def test_a_hostile_text_cannot_get_out(edition: Edition) -> None:
    app = open_app("together", m="ideas")

    assert EVIL not in shown(app)
    assert EVIL not in json.dumps(figures(app))


# --- the charts ----------------------------------------------------------------------------------


def test_two_charts_share_their_time_and_have_a_value_axis_each(edition: Edition) -> None:
    chart = figures(open_app("together"))["two"]

    axes = {trace["yaxis"] for trace in chart["data"] if trace["mode"] == "lines+markers"}
    assert axes == {"y", "y2"}
    assert chart["layout"]["xaxis"]["matches"] == "x2"
    assert "overlaying" not in chart["layout"]["yaxis2"]


def test_what_the_vocabulary_marks_is_shaded_and_listed(edition: Edition) -> None:
    app = open_app("together")

    shapes = figures(app)["two"]["layout"]["shapes"]
    listed = sheets(app)["shaded"]
    assert "shaded: marked incidents" in words(sheets(app)["axis"])
    assert f"Marked incidents: {len(shapes)}" in words(listed)
    assert f"Shaded: {len(shapes)} marked incidents." in app.get("plotly_chart")[0].proto.alt


def test_neither_chart_hides_the_shading_that_lies_below_both(edition: Edition) -> None:
    layout = figures(open_app("together"))["two"]["layout"]

    assert {shape["layer"] for shape in layout["shapes"]} == {"below"}
    assert layout["plot_bgcolor"].endswith(",0)")


def test_the_mark_of_a_shaded_incident_names_the_day_on_which_it_was_opened(
    edition: Edition,
) -> None:
    app = open_app("together")

    marks = next(t for t in figures(app)["two"]["data"] if t.get("yaxis") == "y3")
    listed = re.findall(r"<td class=\"muted nowrap\">(.*?)</td>", sheets(app)["shaded"])
    days = [text.partition("<br>")[0] for text in marks["hovertext"]]
    assert listed == days[::-1][: len(listed)]


def test_each_chart_is_told_to_those_who_do_not_see_it(edition: Edition) -> None:
    told = [chart.proto.alt for chart in open_app("together").get("plotly_chart")]

    assert len(told) == 3
    assert all(len(text) > 40 and "<b>" not in text for text in told)


# --- what did it cost ----------------------------------------------------------------------------


def test_orders_lost_after_incidents_on_the_checkout_are_found(edition: Edition) -> None:
    found = sheets(open_app("together", cost="orders", severity="sev2", service="=Checkout"))

    said = words(found["cost"])
    assert re.match(r"[\d.]+ less Orders over the first 8 hours after one of these incidents", said)
    assert "no clear difference, as it should be" in said
    assert re.search(r"\d+ events from .* to .*; \d+ more left out: \d+ because", said)


def test_the_parts_show_which_service_it_was(edition: Edition) -> None:
    html = sheets(open_app("together", cost="orders", severity="sev2"))["cost"]

    first = html.partition("<tbody>")[2].partition("</tr>")[0]
    assert "Checkout" in first and "strong" in first
    assert "service=%3DCheckout" in first


def test_a_median_is_refused_with_the_reason_and_an_offer(edition: Edition) -> None:
    html = sheets(open_app("together", cost="wait"))["cost"]

    assert "it takes a median, which hours do not add up to" in words(html)
    assert "cost=orders" in html


def test_a_metric_without_hours_is_taken_by_the_day(edition: Edition) -> None:
    found = sheets(open_app("together", cost="visits", service="=Search"))

    assert "Visits, days from the start of an event on" in words(found["cost_heading"])


def test_too_few_events_say_so(edition: Edition) -> None:
    app = open_app("together", cost="visits", severity="sev2")

    assert words(sheets(app)["cost"]).startswith("Too few events.")
    assert "cost" not in figures(app)


def test_without_any_table_of_events_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company(tmp_path)
    monkeypatch.setenv("KPI_HOME", str(tmp_path))
    monkeypatch.setattr(frame, "now", lambda: NOON)

    app = open_app("together")

    assert not app.exception
    assert "Neither incidents nor deployments" in words(sheets(app)["cost"])
