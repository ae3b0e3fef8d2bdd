"""One metric: what it means, whose it is, how it stands over time, and the rows behind it."""

import streamlit as st

from kpi.questions import can_be_asked
from pages.parts import (
    chart_picture,
    chart_words,
    charts,
    definition,
    export_menu,
    exports,
    frame,
    metric_head,
    metric_rows,
    moves_with,
    pickers,
    weeks_and_months,
    why_it_changed,
)
from pages.parts.changes import metric_changes
from pages.parts.lineage import lineage
from pages.parts.over_time import file_name, over_time
from pages.parts.which_metric import NAME, options, which_metric

GRAINS = {"week": "Week", "month": "Month", "quarter": "Quarter"}

edition = frame.edition()
metric = which_metric(edition)

with frame.head(metric.label):
    pickers.pick(
        NAME,
        "Metric",
        options(edition, metric),
        default=metric.name,
        resets=("by", "against", "part", "rows", "rows-", "where-"),
    )
    # Of a budget by month there are no weeks.
    known = {g: word for g, word in GRAINS.items() if can_be_asked(edition.vocabulary, metric, g)}
    grain = frame.choice("period", "Period", known or {"year": "Year"})
    export_menu.draw(edition, exports.of_metrics(edition, (metric,), grain, frame.now()))

course = over_time(edition, metric, grain, frame.now())
frame.about(edition, metric_head.meaning(edition, metric, frame.now()))
frame.sheet("numbers", metric_head.four_numbers(edition, course))

shown = pickers.tabs(
    "tab",
    {
        "over-time": f"{grain.capitalize()} by {grain}",
        "breakdown": "Why did it change",
        "weeks-and-months": "Weeks and months",
        "moves-with": "Moves with",
        "definition": "Definition",
        "rows": "Rows",
    },
)
if shown["over-time"].open:
    with shown["over-time"]:
        frame.sheet("reading", chart_words.reading(course))
        if course.moments:
            charts.draw_over_time(course)
            chart_picture.offer("over_time", file_name(course))
            if course.happened:
                frame.sheet("happened", chart_words.happened(course))
            frame.sheet("chart_numbers", chart_words.numbers(course))
if shown["breakdown"].open:
    with shown["breakdown"]:
        why_it_changed.show(edition, course)
if shown["weeks-and-months"].open:
    with shown["weeks-and-months"]:
        weeks_and_months.show(edition, metric, frame.now())
if shown["moves-with"].open:
    with shown["moves-with"]:
        moves_with.show(edition, course)
if shown["definition"].open:
    with shown["definition"]:
        left, right = st.columns(2, gap="medium")
        with left:
            frame.sheet("formula", definition.formula(edition, metric))
        with right:
            frame.sheet("entry", definition.entry_head(edition, metric))
            st.code(metric.entry, language="yaml", wrap_lines=True)
        frame.sheet("lineage", lineage(edition, metric, frame.now()))
        frame.sheet("changes", metric_changes(edition, metric.name))
        with st.expander("The SQL statement of this question"):
            st.code(definition.sql_text(edition, course), language="sql", wrap_lines=True)
if shown["rows"].open:
    with shown["rows"]:
        metric_rows.show(edition, course)
