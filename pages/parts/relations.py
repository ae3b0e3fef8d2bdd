"""What the pages know of relations: computed once for an edition and kept."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import streamlit as st

from kpi import annotations, event_study, moving_together
from kpi.annotations import Mark
from kpi.association import Association
from kpi.editions import Edition
from kpi.event_study import Cost
from kpi.events import instants
from kpi.hourly import Hourly, hourly
from kpi.vocabulary import Metric, Outcome

Version = tuple[str, int, dt.datetime]
# What events are chosen by: the values of each dimension, as a key that can be kept.
Chosen = tuple[tuple[str, tuple[str, ...]], ...]


def association(
    edition: Edition, one: Metric, other: Metric, grain: str, reverse: bool
) -> Association:
    """How two metrics move together."""
    return _association(_version(edition), one.name, other.name, grain, reverse, edition)


def moves_with(edition: Edition, metric: Metric, grain: str) -> tuple[Association, ...]:
    """The other metrics of a metric's outcome, the clearest first."""
    return _moves_with(_version(edition), metric.name, grain, edition)


def of_outcome(edition: Edition, outcome: Outcome, grain: str) -> tuple[Association, ...]:
    """The IT metrics of an outcome with its business metrics, the clearest first."""
    return _of_outcome(_version(edition), outcome.name, grain, edition)


def marked(
    edition: Edition, start: dt.date, end: dt.date
) -> tuple[tuple[Mark, ...], tuple[str, ...]]:
    """All that is marked within these days, and the tables it is from."""
    return _marked(_version(edition), start, end, edition)


def cost(edition: Edition, metric: Metric, table: str, where: Chosen, compared: int = 1) -> Cost:
    """What the chosen events did to a metric; raises QuestionRefused where it has no hours."""
    return _cost(_version(edition), metric.name, table, where, compared, edition)


def hours(edition: Edition, metric: Metric, table: str) -> Hourly:
    """A metric by the hour, as far as the events of a table are known too."""
    return _hours(_version(edition), metric.name, table, edition)


def _version(edition: Edition) -> Version:
    return (str(edition.path), edition.number, edition.published_at)


@st.cache_resource(max_entries=64, show_spinner=False)
def _association(
    version: Version, one: str, other: str, grain: str, reverse: bool, _edition: Edition
) -> Association:
    metrics: Mapping[str, Metric] = _edition.vocabulary.metrics
    return moving_together.together(_edition, metrics[one], metrics[other], grain, reverse=reverse)


@st.cache_resource(max_entries=64, show_spinner=False)
def _moves_with(
    version: Version, name: str, grain: str, _edition: Edition
) -> tuple[Association, ...]:
    return moving_together.moves_with(_edition, _edition.vocabulary.metrics[name], grain)


@st.cache_resource(max_entries=16, show_spinner=False)
def _of_outcome(
    version: Version, name: str, grain: str, _edition: Edition
) -> tuple[Association, ...]:
    return moving_together.of_outcome(_edition, _edition.vocabulary.outcomes[name], grain)


@st.cache_resource(max_entries=64, show_spinner=False)
def _marked(
    version: Version, start: dt.date, end: dt.date, _edition: Edition
) -> tuple[tuple[Mark, ...], tuple[str, ...]]:
    return annotations.marked(_edition, start, end)


@st.cache_resource(max_entries=64, show_spinner=False)
def _cost(
    version: Version, name: str, table: str, where: Chosen, compared: int, _edition: Edition
) -> Cost:
    of = hours(_edition, _edition.vocabulary.metrics[name], table)
    return event_study.cost(of, instants(_edition, table, dict(where)), compared=compared)


@st.cache_resource(max_entries=16, show_spinner=False)
def _hours(version: Version, name: str, table: str, _edition: Edition) -> Hourly:
    return hourly(_edition, _edition.vocabulary.metrics[name], beside=(table,))
