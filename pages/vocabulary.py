"""The shared vocabulary: every metric with its meaning and owners, then the words below them."""

import streamlit as st

from pages.parts import export_menu, exports, frame, pickers, try_entry
from pages.parts.changes import changes_list
from pages.parts.glossary import glossary
from pages.parts.search import Search
from pages.parts.vocabulary_list import Listed, metric_list, nothing_found

edition = frame.edition()
vocabulary, formats = edition.vocabulary, edition.vocabulary.formats

with frame.head("Vocabulary"):
    show = frame.choice("show", "View", {"now": "As agreed", "changes": "What changed"})
    sides = {"all": "All", "it": "IT", "business": "Business", "joint": "Joint"}
    # A change may concern both sides, and what they share.
    side = frame.choice("side", "Side", sides) if show == "now" else "all"
    offer = exports.of_vocabulary(edition, side) if show == "now" else exports.of_changes(edition)
    export_menu.draw(edition, offer)
helpers = sum(metric.internal for metric in vocabulary.metrics.values())
shown = len(vocabulary.metrics) - helpers
counts = (
    f"<b>{formats.several(shown, 'metric')}</b>",
    formats.several(len(vocabulary.outcomes), "outcome"),
    formats.several(len(vocabulary.dimensions), "dimension"),
    formats.several(len(vocabulary.tables), "fact table"),
    formats.several(helpers, "helper"),
)
opener = try_entry.opener("Try an entry")
frame.about(edition, " · ".join(counts) + frame.beside(opener))

place = st.container()
if try_entry.asked():
    # The pane comes first: who opened it goes on there, and on a phone need not pass the list.
    with st.container(key="beside"):
        pane, place = st.columns([2, 3], gap="medium")
    with pane:
        try_entry.show(edition)
if show == "changes":
    with place:
        frame.sheet("changes", changes_list(edition))
    st.stop()
with place:
    typed = pickers.search(
        "q", "Search", "Search names, definitions, owners, dimensions and units: SLA, attrition …"
    )
    search = Search(typed)
    today = vocabulary.calendar.local_day(edition.published_at)
    names = {"": ""} | {m.name: m.label for m in vocabulary.metrics.values()}
    opened = frame.chosen_of("open", "Metric", names, "")
    listed = Listed(vocabulary, search, side, opened, today, edition.reports)
    words = glossary(edition, search) if side == "all" else ""
    found = (metric_list(listed) if listed.metrics else "") + words
    frame.sheet("vocabulary", found or nothing_found(edition, listed))
