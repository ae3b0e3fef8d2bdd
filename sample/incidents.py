"""Incidents, and what they did to the hours in which customers could reach a service."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sample.story import REGION_SHARES, REGIONS, SERVICES, Story, strata
from sample.timeline import WEEKS, Timeline, clear

# The share of failed deployments after which an incident of the same service is opened.
_FOLLOWED = 0.38
_FACING = SERVICES[:5]
_FACING_SHARES = (0.34, 0.2, 0.16, 0.14, 0.16)
_CALM_SHARES = (0.08, 0.28, 0.22, 0.2, 0.22)
_SYMPTOMS = {
    "Checkout": ("payment step fails", "basket is empty after login", "orders time out"),
    "Search": ("no results", "results are slow", "filters are ignored"),
    "Catalogue": ("prices are missing", "pictures do not load", "stock is out of date"),
    "Login": ("sign-in fails", "reset mail does not arrive", "session ends too early"),
    "Mobile app": ("app does not start", "push messages are late", "basket does not load"),
    "Back office": ("report is missing", "printing fails", "access is needed", "job is late"),
}
# Monitoring watches what customers use, and began later than the rest.
MONITORED_WEEKS = 66


def incidents(
    rng: np.random.Generator, time: Timeline, plan: Story, deployed: pd.DataFrame
) -> pd.DataFrame:
    """One row an incident in the order of opening; `resolved_at` is NaT while it is open."""
    waking = np.where((time.clock >= 7) & (time.clock < 23), 1.0, 0.25)
    failed = deployed[deployed["failed"]]
    rows = pd.concat(
        [_week(rng, time, plan, failed[failed["week"] == w], waking, w) for w in range(WEEKS)],
        ignore_index=True,
    )
    rows = rows.sort_values("opened_at", kind="stable", ignore_index=True)
    count = len(rows)
    regions = rng.choice(REGIONS, size=count, p=REGION_SHARES).astype(object)
    regions[rng.random(count) < 0.25] = None
    rows["region"] = regions
    rows["title"] = [f"{s}: {rng.choice(_SYMPTOMS[s])}" for s in rows["service"]]
    rows["acknowledged_at"] = rows["opened_at"] + _minutes(rng.uniform(2, 12, count))
    # A customer or a colleague waits for a person; an alert waits for whoever is on call.
    reported = rows["heard_from"] != "monitoring"
    rows["reopened"] = (reported & (rng.random(count) < 0.04)).astype(int)
    forgotten = (rows["heard_from"] == "colleagues") & (rng.random(count) < 0.01)
    opened = rows["opened_at"].to_numpy()
    resolved = clear(opened + _minutes(rows["minutes"].to_numpy()).to_numpy())
    rows["resolved_at"] = np.where(forgotten, np.datetime64("NaT"), resolved)
    rows["first_resolved_at"] = clear(
        opened + _minutes(0.4 * rows["minutes"].to_numpy()).to_numpy()
    )
    return rows


def _week(
    rng: np.random.Generator,
    time: Timeline,
    plan: Story,
    failed: pd.DataFrame,
    waking: np.ndarray,
    week: int,
) -> pd.DataFrame:
    severe, minor, internal = plan.severe[week], plan.minor[week], plan.internal[week]
    facing = severe + minor
    calm = WEEKS - 1 - week <= 2
    service = np.concatenate(
        [
            rng.choice(_FACING, size=facing, p=_CALM_SHARES if calm else _FACING_SHARES),
            np.full(internal, "Back office", dtype=object),
        ]
    ).astype(object)
    opened = time.draw(rng, week, waking, facing + internal)
    caused = np.full(facing + internal, None, dtype=object)
    _follow(rng, failed, severe, facing, (service, opened, caused))
    return pd.DataFrame(
        {
            "week": week,
            "service": service,
            "severity": _severity(rng, severe, minor, internal),
            "opened_at": clear(opened),
            "minutes": np.concatenate(
                [
                    plan.restore[week] * np.exp(0.35 * strata(rng, severe)),
                    180 * np.exp(0.7 * rng.normal(size=minor)),
                    1200 * np.exp(1.0 * rng.normal(size=internal)),
                ]
            ),
            "customer_facing": np.arange(facing + internal) < facing,
            "heard_from": _heard_from(rng, facing, internal, recent=WEEKS - 1 - week <= 3),
            "caused_by": caused,
        }
    )


def _severity(rng: np.random.Generator, severe: int, minor: int, internal: int) -> np.ndarray:
    return np.concatenate(
        [
            np.where(rng.random(severe) < 0.25, "sev1", "sev2"),
            np.full(minor, "sev3"),
            np.where(rng.random(internal) < 0.3, "sev3", "sev4"),
        ]
    )


def _follow(
    rng: np.random.Generator,
    failed: pd.DataFrame,
    severe: int,
    facing: int,
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """Moves some incidents to the hours after a failed deployment of the same service."""
    service, opened, caused = rows
    chosen = failed.iloc[rng.permutation(len(failed))[: round(_FOLLOWED * len(failed))]]
    free = {
        # Half of the followers are severe: each kind gives its rows from the front.
        True: list(np.concatenate([rng.permutation(severe), np.arange(severe, facing)])),
        False: list(range(facing, len(service))),
    }
    turn = True
    for run, of, at in zip(chosen["run"], chosen["service"], chosen["finished_at"], strict=True):
        slots = free[of != "Back office"]
        if not slots:
            continue
        slot = slots.pop(0 if turn else -1)
        turn = not turn
        service[slot], caused[slot] = of, run
        opened[slot] = at.to_datetime64() + np.timedelta64(int(rng.uniform(0.2, 4) * 3600), "s")


def _heard_from(rng: np.random.Generator, facing: int, internal: int, recent: bool) -> np.ndarray:
    """Just over a quarter from customers lately, less before; the rest monitoring noticed."""
    first = facing // 4 + 1 if recent else round(facing * rng.normal(0.23, 0.02))
    heard = np.full(facing, "monitoring", dtype=object)
    heard[rng.permutation(facing)[:first]] = "customers"
    return np.concatenate([heard, np.full(internal, "colleagues", dtype=object)])


def _minutes(values: np.ndarray) -> pd.Series:
    return pd.Series((np.asarray(values) * 60).astype("timedelta64[s]"))


def uptime(
    rng: np.random.Generator, time: Timeline, plan: Story, opened: pd.DataFrame
) -> pd.DataFrame:
    """One row a service and hour since monitoring began; the seconds add up to the hour."""
    first = np.searchsorted(time.week, WEEKS - MONITORED_WEEKS)
    hours, week = time.hours[first:], time.week[first:]
    down = np.zeros((len(SERVICES), len(hours)))
    _outages(rng, plan, opened, hours, down)
    _blips(rng, hours, week, down)
    maintenance = np.zeros_like(down)
    nights = (time.weekday[first:] == 6) & (time.clock[first:] >= 2) & (time.clock[first:] < 4)
    sundays = week[nights]
    # Every fourth Sunday night is announced, each time for another service.
    planned = sundays % 4 == 0
    maintenance[sundays[planned] // 4 % len(SERVICES), np.flatnonzero(nights)[planned]] = 3600
    unknown = _gaps(rng, week, down.shape)
    unknown = np.minimum(unknown, 3600 - maintenance)
    down = np.minimum(down.round(), 3600 - maintenance - unknown)
    shape = down.shape
    return pd.DataFrame(
        {
            "service": np.repeat(SERVICES, shape[1]),
            "hour": np.tile(hours, shape[0]),
            "up_seconds": (3600 - maintenance - unknown - down).ravel(),
            "down_seconds": down.ravel(),
            "maintenance_seconds": maintenance.ravel(),
            "unknown_seconds": unknown.ravel(),
        }
    )


def _outages(
    rng: np.random.Generator,
    plan: Story,
    opened: pd.DataFrame,
    hours: np.ndarray,
    down: np.ndarray,
) -> None:
    """Shares a week's planned downtime out to its severe incidents, severity 1 twice as dense."""
    rows = opened[opened["severity"].isin(["sev1", "sev2"]) & (opened["opened_at"] >= hours[0])]
    weight = rows["minutes"] * np.where(rows["severity"] == "sev1", 2, 1)
    minutes = plan.down[rows["week"]] - 10
    share = minutes * weight / weight.groupby(rows["week"]).transform("sum") / rows["minutes"]
    starts = ((rows["opened_at"].to_numpy() - hours[0]) / np.timedelta64(1, "s")).astype(float)
    ends = starts + rows["minutes"].to_numpy() * 60
    for service, start, end, part in zip(
        rows["service"], starts, ends, np.minimum(share, 1), strict=True
    ):
        for hour in range(int(start // 3600), min(int(end // 3600) + 1, len(hours))):
            overlap = min(end, (hour + 1) * 3600) - max(start, hour * 3600)
            down[SERVICES.index(service), hour] += overlap * part


def _blips(rng: np.random.Generator, hours: np.ndarray, week: np.ndarray, down: np.ndarray) -> None:
    """Ten minutes a week that nobody opened an incident for."""
    for number in np.unique(week):
        begin, end = np.searchsorted(week, (number, number + 1))
        at = rng.integers(begin, end, 10)
        np.add.at(down, (rng.integers(0, len(SERVICES), 10), at), 60)


def _gaps(rng: np.random.Generator, week: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Seconds in which monitoring itself was blind: neither up nor down."""
    unknown = np.where(rng.random(shape) < 0.0006, rng.integers(120, 3600, shape), 0)
    unknown[:, week >= WEEKS - 4] = 0
    blind = np.searchsorted(week, WEEKS - 21) + 60
    unknown[:, blind : blind + 5] = 3600
    return unknown
