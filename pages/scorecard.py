"""The joint scorecard: every metric of both sides by outcome, and what is worth a question."""

from pages.parts import frame, summary
from pages.parts.kept import kept_scorecard
from pages.parts.one_list import one_list
from pages.parts.rows import side_by_side

edition = frame.edition()
formats = edition.vocabulary.formats

with frame.head("Scorecard"):
    grain = frame.choice(
        "period",
        "Period",
        {"week": "Last complete week", "month": "Month", "quarter": "Quarter"},
    )
    view = frame.choice("view", "View", {"sides": "Side by side", "list": "One list"})
    show = frame.choice("show", "Filter", {"all": "All", "attention": "Needs attention"})

card = kept_scorecard(edition, grain)
kept = [row for row in card.rows if show == "all" or row.needs_attention]
if kept:
    draw = side_by_side if view == "sides" else one_list
    rows = draw(card, formats, kept.__contains__)
else:
    everything = frame.link("scorecard", "Show all", period=grain, view=view)
    rows = summary.nothing_to_show(card, everything)

frame.about(edition, summary.counted(card, formats))
frame.sheet("scorecard", summary.questions(card, formats) + rows + summary.legend())
