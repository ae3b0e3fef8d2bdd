"""Links from a scorecard to those of other periods, so that an old one can be seen again."""

from __future__ import annotations

from kpi.formats import Formats
from kpi.periods import FIRST_DAY, Period, step
from kpi.scorecard import JUDGED, Scorecard
from pages.parts.frame import escaped, link
from pages.parts.over_time import in_sentence

NAME = "at"


def around(card: Scorecard, formats: Formats, last: Period, view: str) -> str:
    """'‹ week 46 · week 48 so far ›'; each opens in the same view, with every row."""
    calendar = formats.calendar
    before, after = (step(calendar, card.period, count) for count in (-1, 1))
    said = []
    # As many periods as are judged must lie within the calendar.
    if step(calendar, before, 1 - JUDGED[card.grain]).start >= FIRST_DAY:
        said.append(_link(before, formats, last, view, "‹ {}"))
    if not card.incomplete:
        said.append(_link(after, formats, last, view, "{} ›"))
    if card.period < last:
        said.append(_link(last, formats, last, view, "latest"))
    return " · ".join(said)


def _link(period: Period, formats: Formats, last: Period, view: str, words: str) -> str:
    name = in_sentence(formats.period(period))
    asked, at = period.grain, {NAME: period.start.isoformat()}
    if period > last:
        asked, at, name = f"{asked}-so-far", {}, f"{name} so far"
    elif period == last:
        at = {}
    where = {"period": asked, **at, "view": view}
    return link("scorecard", escaped(words.format(name)), **where)
