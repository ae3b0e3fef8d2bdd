"""Scorecards that are computed once and kept while they are current."""

from __future__ import annotations

import datetime as dt

import streamlit as st

from kpi.editions import Edition
from kpi.scorecard import Scorecard, scorecard
from pages.parts import frame


def kept_scorecard(edition: Edition, grain: str) -> Scorecard:
    """The scorecard of an edition; within a minute everybody gets the same."""
    # A home folder that is emptied and filled again counts its editions from one again.
    version = (str(edition.path), edition.number, edition.published_at)
    return _scorecard(version, grain, frame.now(), edition)


@st.cache_resource(max_entries=8, show_spinner=False)
def _scorecard(
    version: tuple[str, int, dt.datetime], grain: str, now: dt.datetime, _edition: Edition
) -> Scorecard:
    return scorecard(_edition, grain, now=now)
