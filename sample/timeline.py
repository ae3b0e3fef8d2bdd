"""Three years of whole local weeks, hour by hour, ending with the week that holds `until`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

ZONE = "Europe/Berlin"
WEEKS = 157
HOUR = np.timedelta64(3600, "s")
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Timeline:
    """Weeks run from local Monday to local Monday; every instant is naive UTC.

    `edges` holds the start of each week and the end of the last. The other arrays have one entry
    an hour: its start, its week, its local day, weekday (0 is Monday) and hour of the clock, and
    whether the clock shows that hour twice (the night when summer time ends).
    """

    until: np.datetime64
    edges: np.ndarray
    hours: np.ndarray
    week: np.ndarray
    day: np.ndarray
    weekday: np.ndarray
    clock: np.ndarray
    twice: np.ndarray

    @property
    def today(self) -> np.datetime64:
        """The local day that holds `until`."""
        return np.datetime64(local(np.array([self.until]))[0], "D")

    def month_before(self, months: int) -> np.datetime64:
        """The calendar month that lies so many months before the running one."""
        month: np.datetime64 = self.today.astype("datetime64[M]") - np.timedelta64(months, "M")
        return month

    def draw(
        self, rng: np.random.Generator, week: int, weights: np.ndarray, count: int
    ) -> np.ndarray:
        """`count` instants within a week, its hours chosen by their weights."""
        begin, end = np.searchsorted(self.week, (week, week + 1))
        shares = weights[begin:end] / weights[begin:end].sum()
        chosen = rng.choice(self.hours[begin:end], size=count, p=shares)
        return np.asarray(chosen + rng.integers(0, 3600, size=count).astype("timedelta64[s]"))


def timeline(until: dt.datetime) -> Timeline:
    """The weeks up to `until`, cut to the whole hour; a naive `until` is UTC."""
    aware = until if until.tzinfo else until.replace(tzinfo=dt.UTC)
    moment = pd.Timestamp(aware).tz_convert("UTC").floor("h")
    monday = moment.tz_convert(ZONE).tz_localize(None).normalize()
    monday -= pd.Timedelta(days=monday.day_of_week)
    mondays = pd.date_range(end=monday + pd.Timedelta(weeks=1), periods=WEEKS + 1, freq="7D")
    edges = mondays.tz_localize(ZONE).tz_convert("UTC").tz_localize(None).to_numpy()
    edges = edges.astype("datetime64[s]")
    hours = np.arange(edges[0], edges[-1], HOUR)
    clock = local(hours)
    return Timeline(
        until=np.datetime64(moment.tz_localize(None), "s"),
        edges=edges,
        hours=hours,
        week=np.searchsorted(edges, hours, side="right") - 1,
        day=clock.astype("datetime64[D]"),
        weekday=pd.DatetimeIndex(clock).day_of_week.to_numpy(),
        clock=pd.DatetimeIndex(clock).hour.to_numpy(),
        twice=pd.Series(clock).duplicated(keep=False).to_numpy(),
    )


def local(times: np.ndarray) -> np.ndarray:
    """What a clock in Berlin shows at these UTC instants; NaT stays NaT."""
    index = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(ZONE).tz_localize(None)
    return index.to_numpy().astype("datetime64[s]")


def clear(times: np.ndarray) -> np.ndarray:
    """The same instants, two hours later where a clock in Berlin would show them twice.

    A local time without its offset cannot say which of the two it means, so an export with
    local times would not give back the instant it was written from.
    """
    shown = local(times)
    known = pd.DatetimeIndex(shown).tz_localize(ZONE, ambiguous="NaT", nonexistent="NaT")
    twice = known.isna() & ~np.isnat(shown)
    return np.where(twice, times + 2 * HOUR, times)
