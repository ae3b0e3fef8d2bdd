"""Which metric a page shows: the one in the address, else the first worth a question."""

from __future__ import annotations

import difflib

import streamlit as st

from kpi.editions import Edition
from kpi.vocabulary import Metric
from pages.parts import frame
from pages.parts.kept import kept_scorecard

NAME = "m"


def which_metric(edition: Edition) -> Metric:
    """The metric to show; where there is none, says why, offers the nearest, stops the page."""
    vocabulary = edition.vocabulary
    asked = st.query_params.get(NAME)
    if asked is not None and asked in vocabulary.metrics:
        return vocabulary.metrics[asked]
    if asked:
        _unknown(edition, asked)
    if not vocabulary.shown:
        with frame.head("Metrics"):
            pass
        frame.about(edition, "<b>0 metrics</b>")
        frame.state(
            "No metric yet",
            "The vocabulary of this edition has none that screens list. "
            "Add one to metrics.yaml, check it, and publish.",
            command="python -m kpi check\npython -m kpi refresh --no-pull",
        )
        st.stop()
    card = kept_scorecard(edition, "week")
    return (card.questions or card.rows)[0].metric


def options(edition: Edition, metric: Metric) -> dict[str, str]:
    """Names and labels to choose from, in the vocabulary's order."""
    shown = edition.vocabulary.shown
    listed = [m for m in edition.vocabulary.metrics.values() if m in shown or m is metric]
    labels = [m.label for m in listed]
    # Two metrics of one label are told apart by their names.
    return {
        m.name: m.label if labels.count(m.label) == 1 else f"{m.label} ({m.name})" for m in listed
    }


def nearest(edition: Edition, asked: str) -> Metric | None:
    """The metric whose name, label or other name is closest to a word."""
    known: dict[str, Metric] = {}
    for metric in edition.vocabulary.metrics.values():
        for word in (metric.name, metric.label, *metric.also_called):
            known.setdefault(word.lower(), metric)
    close = difflib.get_close_matches(asked.lower(), known, n=1, cutoff=0.6)
    return known[close[0]] if close else None


def _unknown(edition: Edition, asked: str) -> None:
    near = nearest(edition, asked)
    offer = (
        f"The nearest is {frame.link('metric', frame.escaped(near.label), m=near.name)}. "
        if near
        else ""
    )
    with frame.head("No such metric"):
        pass
    frame.about(edition, "")
    frame.sheet(
        "unknown",
        f'<div class="state" role="status"><p>Edition {edition.number} has no metric '
        f"<b>{frame.escaped(asked)}</b>. {offer}{_since(edition, asked)}"
        f"{frame.link('vocabulary', 'look it up in the vocabulary')}.</p></div>",
    )
    st.stop()


def _since(edition: Edition, asked: str) -> str:
    """Which edition took the metric away, where one is known to have."""
    for changes in edition.redefined:
        told = changes.entries.get(("metrics", asked), ())
        if any(one.key is None and one.new is None for one in told):
            what = frame.link("vocabulary", "what changed", show="changes")
            return f"Edition {changes.edition} took it away: see {what}, or "
    return "It may have been renamed since the link was made: "
