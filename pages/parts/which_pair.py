"""Which two metrics are looked at together: those in the address, else the clearest there are."""

from __future__ import annotations

import streamlit as st

from kpi.editions import Edition
from kpi.moving_together import in_order
from kpi.vocabulary import Metric
from pages.parts import frame, pickers, relations, which_metric
from pages.parts.frame import escaped

FIRST, SECOND = "m", "with"
_SIDES = {"it": "IT", "joint": "Joint", "business": "Business"}


def pick_pair(edition: Edition, usual: tuple[Metric, Metric]) -> tuple[Metric, Metric]:
    """Two lists of all metrics: IT's own first in the one, the business's first in the other.

    A metric is never shown with itself: the second is then the one that it would have been.
    """
    one = _pick(edition, FIRST, "First metric", ("it", "joint", "business"), usual[0])
    if st.query_params.get(SECOND) == one.name:
        del st.query_params[SECOND]
    second = usual[1] if usual[1] != one else _partner(edition, one)
    return one, _pick(edition, SECOND, "Second metric", ("business", "joint", "it"), second)


def _pick(
    edition: Edition, name: str, label: str, sides: tuple[str, ...], default: Metric
) -> Metric:
    known = edition.vocabulary.metrics
    asked = known.get(st.query_params.get(name, ""), default)
    labels = which_metric.options(edition, asked)
    listed = {
        metric: f"{_SIDES[side]}: {labels[metric]}"
        for side in sides
        for metric in labels
        if known[metric].side == side
    }
    return known[pickers.pick(name, label, listed, default=default.name, width=270)]


def usual_pair(edition: Edition) -> tuple[Metric, Metric]:
    """The pair of the first outcome with both sides that moves together most clearly.

    Where there are not two metrics to look at, says so and stops the page.
    """
    vocabulary = edition.vocabulary
    for outcome in vocabulary.outcomes.values() if len(vocabulary.shown) > 1 else ():
        found = relations.of_outcome(edition, outcome, "week")
        if found:
            return vocabulary.metrics[found[0].first], vocabulary.metrics[found[0].second]
    if len(vocabulary.shown) < 2:
        frame.state(
            "Nothing to look at together yet",
            "The vocabulary of this edition has no two metrics that screens list. "
            "Add them to metrics.yaml, check it, and publish.",
            command="python -m kpi check\npython -m kpi refresh --no-pull",
        )
        st.stop()
    first = next((m for m in vocabulary.shown if m.side == "it"), vocabulary.shown[0])
    return in_order(first, _partner(edition, first))


def _partner(edition: Edition, metric: Metric) -> Metric:
    """The first other metric, of the other side and the same outcome if there is one."""
    others = [m for m in edition.vocabulary.shown if m != metric]
    return max(others, key=lambda m: (m.side != metric.side, m.outcome == metric.outcome))


def about_pair(edition: Edition, one: Metric, other: Metric) -> str:
    """What both are for, and who owns them together, as HTML."""
    outcomes = dict.fromkeys(edition.vocabulary.outcomes[m.outcome] for m in (one, other))
    said = [
        f"<b>{escaped(outcome.label)}</b> · owned together by <b>{escaped(outcome.owners.business)}"
        f"</b> (business) and <b>{escaped(outcome.owners.it)}</b> (IT)"
        for outcome in outcomes
    ]
    return f"For {' · '.join(said)}"
