"""The shared vocabulary: every metric with its meaning and owners, then the words below them."""

from dataclasses import replace

import streamlit as st

from pages.parts import frame, pickers
from pages.parts.glossary import glossary
from pages.parts.search import Search
from pages.parts.vocabulary_list import Listed, metric_list
from pages.parts.which_metric import nearest

edition = frame.edition()
vocabulary, formats = edition.vocabulary, edition.vocabulary.formats

with frame.head("Vocabulary"):
    side = frame.choice(
        "side", "Side", {"all": "All", "it": "IT", "business": "Business", "joint": "Joint"}
    )
helpers = sum(metric.internal for metric in vocabulary.metrics.values())
shown = len(vocabulary.metrics) - helpers
counts = (
    f"<b>{formats.several(shown, 'metric')}</b>",
    formats.several(len(vocabulary.outcomes), "outcome"),
    formats.several(len(vocabulary.dimensions), "dimension"),
    formats.several(len(vocabulary.tables), "fact table"),
    formats.several(helpers, "helper"),
)
frame.about(edition, " · ".join(counts))
typed = pickers.search(
    "q", "Search", "Search names, definitions, other names and owners: SLA, attrition, speed …"
)

search = Search(typed)
today = vocabulary.calendar.local_day(edition.published_at)
listed = Listed(vocabulary, search, side, st.query_params.get("open", ""), today)
words = glossary(edition, search) if side == "all" else ""
if listed.metrics or words:
    frame.sheet("vocabulary", (metric_list(listed) if listed.metrics else "") + words)
elif side != "all" and replace(listed, side="all").metrics:
    everywhere = frame.link("vocabulary", "Search all sides", q=search.typed)
    frame.sheet(
        "vocabulary",
        '<div class="nothing" role="status"><h2>Nothing on this side</h2>'
        f"<p>“{frame.escaped(search.typed)}” is known elsewhere. {everywhere}</p></div>",
    )
else:
    near = nearest(edition, search.typed)
    offer = (
        f"Did you mean {frame.link('metric', frame.escaped(near.label), m=near.name)}? "
        if near
        else ""
    )
    frame.sheet(
        "vocabulary",
        f'<div class="nothing" role="status"><h2>Nothing here is called '
        f"“{frame.escaped(search.typed)}”</h2><p>{offer}Search other words, or "
        f"{frame.link('vocabulary', 'show everything')}. What both sides need and nobody has "
        "defined yet belongs into metrics.yaml, with an owner on each side.</p></div>",
    )
