"""Moves with: the other metrics of the same outcome, each with its association to this one."""

from __future__ import annotations

from kpi.association import Association
from kpi.editions import Edition
from kpi.moving_together import LOOKED_AT
from kpi.vocabulary import Metric
from pages.parts import frame, relation_words, relations
from pages.parts.frame import escaped, link
from pages.parts.over_time import OverTime

_SIDES = {"it": "IT", "joint": "Joint", "business": "Business"}


def show(edition: Edition, course: OverTime) -> None:
    """The whole tab."""
    metric = course.row.metric
    # Two metrics have too few quarters in common to say anything.
    grain = course.grain if course.grain in LOOKED_AT else "month"
    found = relations.moves_with(edition, metric, grain)
    frame.sheet("moves_with", table(edition, metric, found, grain))


def table(edition: Edition, metric: Metric, found: tuple[Association, ...], grain: str) -> str:
    """A row for each other metric: its name opens both together."""
    formats = edition.vocabulary.formats
    outcome = escaped(edition.vocabulary.outcomes[metric.outcome].label)
    if not found:
        return f'<p class="muted">No other metric is for {outcome}.</p>'
    lines = "".join(_line(edition, metric, one) for one in found)
    by = "" if grain != "month" else " by month"
    return (
        f'<p class="muted small">The other metrics for {outcome}{by}, the clearest first. '
        f"A name opens both together.</p>"
        '<div class="box" tabindex="0" role="region" aria-label="Moves with">'
        f'<table class="relations"><caption class="sr">How other metrics move with '
        f'{escaped(metric.label)}</caption><thead><tr><th scope="col">Metric</th>'
        f'<th scope="col">Side</th><th scope="col">Where {escaped(metric.label)} is higher, it is'
        f"</th></tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
        f'<p class="muted small">Rank correlation of what trend, season and the earlier '
        f"metric's past do not foretell, over up to {formats.several(LOOKED_AT[grain], grain)}. "
        f"Intervals are widened for all lags of {formats.several(len(found), 'pair')} together. "
        "Moving together is not proof of cause.</p>"
    )


def _line(edition: Edition, metric: Metric, found: Association) -> str:
    metrics = edition.vocabulary.metrics
    other = metrics[found.second if found.first == metric.name else found.first]
    address = {"m": found.first, "with": found.second}
    if found.grain != "week":
        address["period"] = found.grain
    name = link("together", escaped(other.label), classes="name", **address)
    clear = "strong" if found.clear else "muted"
    said = escaped(relation_words.short(edition.vocabulary.formats, metrics, found, metric))
    return (
        f'<tr><th scope="row">{name}</th><td class="muted">{_SIDES[other.side]}</td>'
        f'<td class="{clear}">{said}</td></tr>'
    )
