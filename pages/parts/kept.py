"""Scorecards that are computed once and kept while they are current."""

from __future__ import annotations

import datetime as dt

import streamlit as st

from kpi.editions import Edition
from kpi.scorecard import Scorecard, scorecard
from kpi.so_far import scorecard_so_far
from pages.parts import frame


def kept_scorecard(edition: Edition, grain: str) -> Scorecard:
    """The scorecard of an edition; within a minute everybody gets the same."""
    # A home folder that is emptied and filled again counts its editions from one again.
    version = (str(edition.path), edition.number, edition.published_at)
    return _scorecard(version, grain, frame.now(), edition)


def kept_scorecard_so_far(edition: Edition, grain: str) -> Scorecard:
    """The same for the period that has only begun."""
    version = (str(edition.path), edition.number, edition.published_at)
    return _so_far(version, grain, frame.now(), edition)


@st.cache_resource(max_entries=8, show_spinner=False)
def _so_far(
    version: tuple[str, int, dt.datetime], grain: str, now: dt.datetime, _edition: Edition
) -> Scorecard:
    return scorecard_so_far(_edition, _scorecard(version, grain, now, _edition))


@st.cache_resource(max_entries=8, show_spinner=False)
def _scorecard(
    version: tuple[str, int, dt.datetime], grain: str, now: dt.datetime, _edition: Edition
) -> Scorecard:
    return scorecard(_edition, grain, now=now)
