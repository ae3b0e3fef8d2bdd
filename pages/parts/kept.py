"""Scorecards that are computed once and kept while they are current."""

from __future__ import annotations

import datetime as dt

import streamlit as st

from kpi.editions import Edition
from kpi.periods import Period
from kpi.scorecard import Scorecard, last_period, scorecard
from kpi.so_far import scorecard_so_far
from pages.parts import frame


def kept_scorecard(edition: Edition, grain: str, period: Period | None = None) -> Scorecard:
    """The scorecard of an edition; within a minute everybody gets the same."""
    period = period or last_period(edition, grain)
    return _scorecard(_version(edition), period, frame.now(), edition)


def kept_scorecard_so_far(edition: Edition, grain: str) -> Scorecard:
    """The same for the period that has only begun."""
    last = last_period(edition, grain)
    return _so_far(_version(edition), last, frame.now(), edition)


def _version(edition: Edition) -> tuple[str, int, dt.datetime]:
    # A home folder that is emptied and filled again counts its editions from one again.
    return str(edition.path), edition.number, edition.published_at


@st.cache_resource(max_entries=16, show_spinner=False)
def _scorecard(
    version: tuple[str, int, dt.datetime], period: Period, now: dt.datetime, _edition: Edition
) -> Scorecard:
    return scorecard(_edition, period.grain, now=now, period=period)


@st.cache_resource(max_entries=8, show_spinner=False)
def _so_far(
    version: tuple[str, int, dt.datetime], last: Period, now: dt.datetime, _edition: Edition
) -> Scorecard:
    return scorecard_so_far(_edition, _scorecard(version, last, now, _edition))
