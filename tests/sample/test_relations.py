"""What an analyst can find in the sample company, found again from its exports by pandas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tests.sample import exports

SEVERE = ["sev1", "sev2"]


def weeks_ago(times: pd.Series) -> pd.Series:
    """0 for the running week, 1 for the last complete one; weeks of Berlin, from UTC instants."""
    local = times.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    return local_weeks_ago(local)


def local_weeks_ago(days: pd.Series) -> pd.Series:
    monday = pd.Timestamp("2026-11-16")
    return -((days.dt.normalize() - monday).dt.days // 7)


def hours_later(first: pd.Series, second: pd.Series) -> pd.Series:
    return (second - first) / pd.Timedelta(hours=1)


def test_a_failed_deployment_is_followed_by_an_incident_far_more_often(
    deployments: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    opened = incidents.sort_values("opened_at")[["service", "opened_at"]]
    pairs = pd.merge_asof(
        deployments.sort_values("deployed_at"),
        opened,
        left_on="deployed_at",
        right_on="opened_at",
        by="service",
        direction="forward",
        tolerance=pd.Timedelta(hours=4),
    )

    followed = pairs["opened_at"].notna().groupby(pairs["failed"]).mean()
    assert 0.35 < followed[True] < 0.5
    assert followed[True] > 3 * followed[False]


def test_the_incident_names_the_deployment_that_caused_it(
    deployments: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    caused = incidents.dropna(subset=["caused_by"]).merge(
        deployments, left_on="caused_by", right_on="deployment_id", suffixes=("", "_of_run")
    )

    delay = hours_later(caused["deployed_at"], caused["opened_at"])
    assert len(caused) == incidents["caused_by"].notna().sum() > 300
    assert caused["failed"].all()
    assert (caused["service"] == caused["service_of_run"]).all()
    # Two hours more where the clock of that night shows an hour twice.
    assert delay.between(0.2, 6).all()


def orders_around(
    orders: pd.DataFrame, incidents: pd.DataFrame, chosen: pd.Series
) -> tuple[pd.Series, int]:
    """Orders by hour after an opening, as a share of the same hour a week before and after."""
    hourly = orders["ordered_at"].dt.floor("h").value_counts()
    openings = incidents.loc[chosen, "opened_at"].dt.floor("h")
    shares = {}
    for hour in range(-6, 24):
        at = openings + pd.Timedelta(hours=hour)
        weeks = [at + pd.Timedelta(weeks=week) for week in (-2, -1, 1, 2)]
        usual = sum(hourly.reindex(week, fill_value=0).sum() for week in weeks) / len(weeks)
        shares[hour] = hourly.reindex(at, fill_value=0).sum() / usual
    return pd.Series(shares), len(openings)


def test_a_severe_incident_on_the_checkout_costs_orders_for_some_hours(
    orders: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    chosen = (incidents["service"] == "Checkout") & incidents["severity"].isin(SEVERE)
    share, events = orders_around(orders, incidents, chosen)

    assert events > 80
    assert share.loc[1:2].mean() < 0.65
    assert 0.7 < share.loc[4:6].mean() < 0.95
    assert 0.9 < share.loc[-6:-1].mean() < 1.1
    assert 0.9 < share.loc[9:23].mean() < 1.1


def test_incidents_of_other_services_cost_no_orders(
    orders: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    chosen = (incidents["service"] != "Checkout") & incidents["severity"].isin(SEVERE)
    share, events = orders_around(orders, incidents, chosen)

    assert events > 150
    assert 0.92 < share.loc[0:6].mean() < 1.08


def test_nps_follows_severe_incidents_some_weeks_later(home: Path, incidents: pd.DataFrame) -> None:
    answers = exports.table(home, "surveys").dropna(subset=["score"])
    balance = (answers["score"] >= 9).astype(int) - (answers["score"] <= 6).astype(int)
    nps = 100 * balance.groupby(weeks_ago(answers["answered_at"])).mean()
    severe = incidents[incidents["severity"].isin(SEVERE)]
    counts = severe.groupby(weeks_ago(severe["opened_at"])).size().reindex(range(1, 157))
    felt = counts.rolling(3, center=True).mean()

    # The score of a week against the incidents of `lag` weeks before it; the last weeks left out,
    # whose incidents nobody has answered for yet.
    lags = {lag: nps.loc[1:140].corr(felt.shift(-lag).loc[1:140]) for lag in range(-4, 9)}
    slope = np.polyfit(felt.shift(-4).loc[1:140].reindex(nps.loc[1:140].index), nps.loc[1:140], 1)
    assert min(lags, key=lags.get) == 4
    assert lags[4] < -0.75
    assert -5.5 < slope[0] < -3.5


def test_those_who_turned_away_lately_are_mostly_in_emea(home: Path) -> None:
    answers = exports.table(home, "surveys")
    away = answers[answers["score"] <= 6]
    lately = weeks_ago(away["answered_at"]) <= 9

    in_emea = (away["region"] == "EMEA").groupby(lately).mean()
    assert in_emea[True] > 0.65
    assert 0.45 < in_emea[False] < 0.55


def test_availability_falls_by_minutes_for_every_severe_incident(
    home: Path, incidents: pd.DataFrame
) -> None:
    uptime = exports.table(home, "uptime")
    down = uptime.groupby(weeks_ago(uptime["hour"]))["down_seconds"].sum().loc[1:] / 60
    severe = incidents[incidents["severity"].isin(SEVERE)]
    counts = severe.groupby(weeks_ago(severe["opened_at"])).size().loc[1 : down.index.max()]

    slope, base = np.polyfit(counts, down, 1)
    assert 8 < slope < 10
    assert 5 < base < 15


def test_downtime_lies_in_the_hours_of_incidents(home: Path, incidents: pd.DataFrame) -> None:
    uptime = exports.table(home, "uptime")
    severe = incidents[incidents["severity"].isin(SEVERE)]
    hours = severe.assign(hour=severe["opened_at"].dt.floor("h"))[["service", "hour"]]
    hit = uptime.merge(hours.drop_duplicates(), on=["service", "hour"])

    usual = uptime["down_seconds"].mean()
    assert hit["down_seconds"].mean() > 30 * usual


def test_customers_call_the_day_after_a_severe_incident(
    home: Path, orders: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    contacts = exports.table(home, "contacts")
    days = pd.date_range(orders["ordered_at"].min().normalize(), periods=1080, freq="D")
    daily = pd.DataFrame(
        {
            "contacts": contacts["opened_at"].dt.normalize().value_counts(),
            "orders": orders["ordered_at"].dt.normalize().value_counts(),
        }
    ).reindex(days)
    severe = incidents[incidents["severity"].isin(SEVERE)]
    counts = severe["opened_at"].dt.normalize().value_counts().reindex(days, fill_value=0)
    rate = 1000 * daily["contacts"] / daily["orders"]

    effect = {lag: rate.corr(counts.shift(lag)) for lag in range(-3, 5)}
    assert max(effect, key=effect.get) == 1
    assert effect[1] > 0.25
    assert abs(effect[-2]) < 0.12


def test_deploy_lead_time_stepped_down_nine_weeks_ago(home: Path) -> None:
    changes = exports.table(home, "changes")
    hours = hours_later(changes["committed_at"], changes["deployed_at"])
    weekly = hours.groupby(weeks_ago(changes["deployed_at"])).median()

    assert weekly.loc[1:9].max() < 24.5
    assert weekly.loc[10:].min() > 25


def test_the_change_failure_rate_rose_lately_and_it_is_the_mobile_app(
    deployments: pd.DataFrame,
) -> None:
    ago = weeks_ago(deployments["deployed_at"])
    weekly = 100 * deployments["failed"].groupby(ago).mean()
    lately = deployments[ago.between(1, 3)]
    by_service = lately.groupby("service")["failed"].mean()

    assert weekly.loc[5:].max() < 12.5
    assert weekly.loc[1] > 16
    assert by_service["Mobile app"] > 2 * by_service.drop("Mobile app").max()


def test_orders_have_a_week_a_year_and_growth(orders: pd.DataFrame) -> None:
    local = orders["ordered_at"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    day = local.dt.tz_localize(None).dt.normalize().value_counts().sort_index()
    by_weekday = day.groupby(day.index.day_of_week).mean()

    assert by_weekday.idxmax() == 6
    for year in (2024, 2025):
        assert day[f"{year}-12-01" : f"{year}-12-10"].mean() > 1.2 * day[f"{year}-07"].mean()
    assert 1.05 < day["2026-01":"2026-10"].sum() / day["2025-01":"2025-10"].sum() < 1.2


def test_one_calendar_month_has_no_survey(home: Path) -> None:
    at = exports.table(home, "surveys")["answered_at"].dt.tz_localize("UTC")
    local = at.dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    monthly = local.dt.to_period("M").value_counts().sort_index()
    months = pd.period_range("2023-12", "2026-10", freq="M")

    assert months[~months.isin(monthly.index)].astype(str).tolist() == ["2025-09"]
    assert monthly.loc["2023-12":"2026-10"].min() > 200


def test_monitoring_began_later_and_was_blind_for_some_hours(home: Path) -> None:
    uptime = exports.table(home, "uptime")
    blind = uptime.groupby("hour")["unknown_seconds"].min()

    assert weeks_ago(uptime["hour"]).max() == 65
    assert (blind == 3600).sum() == 5


def test_cost_per_order_stepped_down_nine_weeks_ago(home: Path, orders: pd.DataFrame) -> None:
    costs = exports.table(home, "cloud_cost")
    spent = costs.groupby(local_weeks_ago(costs["day"]))["cost"].sum()
    placed = orders.groupby(weeks_ago(orders["ordered_at"])).size()
    each = (spent / placed).loc[1:100]

    assert each.loc[1:9].mean() < each.loc[10:].mean() - 0.25
    assert 2.75 < each.loc[1:9].mean() < 3.1
