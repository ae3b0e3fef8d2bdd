"""The joint scorecard: every metric of both sides by outcome, and what is worth a question."""

import streamlit as st

from kpi.scorecard import last_period, period_at
from pages.parts import export_menu, exports, frame, other_periods, summary
from pages.parts.kept import kept_scorecard, kept_scorecard_so_far
from pages.parts.one_list import one_list
from pages.parts.rows import side_by_side

edition = frame.edition()
formats = edition.vocabulary.formats

with frame.head("Scorecard"):
    asked = frame.choice(
        "period",
        "Period",
        {
            "week": "Last complete week",
            "month": "Month",
            "quarter": "Quarter",
            "week-so-far": "This week so far",
            "month-so-far": "This month",
            "quarter-so-far": "This quarter",
        },
    )
    view = frame.choice("view", "View", {"sides": "Side by side", "list": "One list"})
    show = frame.choice("show", "Filter", {"all": "All", "attention": "Needs attention"})
    grain, _, begun = asked.partition("-")
    last = last_period(edition, grain)
    if begun:
        card = kept_scorecard_so_far(edition, grain)
    else:
        named = st.query_params.get(other_periods.NAME, "")
        card = kept_scorecard(edition, grain, period_at(edition, grain, named))
    taken = exports.of_scorecard(edition, card, show)
    export_menu.draw(edition, taken, exports.pdf_of_scorecard(edition, card, show))

kept = [row for row in card.rows if show == "all" or row.needs_attention]
if kept:
    draw = side_by_side if view == "sides" else one_list
    rows = draw(card, formats, kept.__contains__)
else:
    everything = frame.link("scorecard", "Show all", period=asked, view=view)
    rows = summary.nothing_to_show(card, everything)

others = other_periods.around(card, formats, last, view)
frame.about(edition, summary.counted(card, formats, last) + frame.beside(others))
frame.sheet("scorecard", summary.questions(card, formats) + rows + summary.legend(card))
