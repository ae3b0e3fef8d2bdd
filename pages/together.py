"""Two metrics on one time axis: whether they move together, and what incidents came with."""

import streamlit as st

from kpi.moving_together import in_order
from pages.parts import (
    chart_picture,
    cost_of_events,
    export_menu,
    exports,
    frame,
    relation_charts,
    relation_words,
    relations,
    shading,
    together_charts,
)
from pages.parts.over_time import over_time
from pages.parts.which_pair import about_pair, pick_pair, usual_pair

GRAINS = {"week": "Week", "month": "Month"}
EARLIER = {"it": "IT first", "business": "Business first"}
WIDTHS = (2.15, 1)

edition = frame.edition()
formats = edition.vocabulary.formats
usual = usual_pair(edition)
with frame.head("Together"):
    one, other = pick_pair(edition, usual)
    grain = frame.choice("period", "Period", GRAINS)
    export_menu.draw(edition, exports.of_metrics(edition, (one, other), grain, frame.now()))
frame.about(edition, about_pair(edition, one, other))

first, second = in_order(one, other)
courses = [over_time(edition, metric, grain, frame.now()) for metric in (one, other)]
shaded, what = shading.marked(edition, courses)
left, right = st.columns(WIDTHS, gap="medium")
with left:
    frame.sheet("axis", shading.heading(courses, what))
    if any(moment.complete for course in courses for moment in course.moments):
        together_charts.draw_two(*courses, shaded, what)
        chart_picture.offer("chart_two", together_charts.file_name(*courses))
        frame.sheet("shaded", shading.listed(edition, shaded, what))
with right:
    frame.sheet("relation_heading", '<h2 class="section apart">Do they move together?</h2>')
    reverse = False
    if (first.side, second.side) == ("it", "business"):
        reverse = frame.choice("first", "Earlier side", EARLIER) == "business"
    found = relations.association(edition, first, second, grain, reverse)
    said = relation_words.sentence(formats, edition.vocabulary.metrics, found)
    grounds = relation_words.grounds(edition.vocabulary, found)
    frame.sheet(
        "relation", f'<p class="finding" role="status">{said}</p><p class="grounds">{grounds}</p>'
    )
    if found.lags:
        relation_charts.draw_lags(
            formats, found, edition.vocabulary.metrics, relation_words.plain(said)
        )
        chart_picture.offer("chart_lags", f"{found.first}_with_{found.second}_by_{grain}s_of_lag")
        frame.sheet("lag_numbers", relation_words.by_lag(formats, found))
cost_of_events.show(edition, second)
