"""Writes facts the way each system of the sample company would export them."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sample.timeline import local
from sample.workbook import write_sheet

_UTC = pa.timestamp("us", tz="UTC")
_NAIVE = pa.timestamp("us")


def pager(rows: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """The on-call tool: Parquet, zoned times, priorities P1 to P3."""
    mine = rows[rows["heard_from"] == "monitoring"]
    open_ = mine["resolved_at"].isna()
    columns = {
        "id": [f"Q{number:07d}" for number in range(1, len(mine) + 1)],
        "title": mine["title"],
        "service_name": mine["service"],
        "priority": mine["severity"].str.replace("sev", "P"),
        "billing_region": mine["region"],
        "status": np.where(open_, "acknowledged", "resolved"),
        "created_at": _stamps(mine["opened_at"], _UTC),
        "first_acknowledged_at": _stamps(mine["acknowledged_at"], _UTC),
        "resolved_at": _stamps(mine["resolved_at"], _UTC),
        "customer_impact": mine["customer_facing"],
        "caused_by_run": mine["caused_by"],
    }
    yield _parquet(folder / "pager" / "incidents.parquet", columns)


def desk(rows: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """The service desk: a CSV a year, local times, `?` for missing, two rows where re-opened."""
    mine = rows[rows["heard_from"] != "monitoring"]
    words = {"sev1": "1 - Critical", "sev2": "2 - High", "sev3": "3 - Moderate", "sev4": "4 - Low"}
    last = pd.DataFrame(
        {
            "number": [f"INC{number:07d}" for number in range(1, len(mine) + 1)],
            "short_description": mine["title"].to_numpy(),
            "business_service": mine["service"].to_numpy(),
            "priority": mine["severity"].map(words).to_numpy(),
            "location": mine["region"].fillna("?").to_numpy(),
            "incident_state": np.where(mine["resolved_at"].isna(), "In Progress", "Resolved"),
            "reopen_count": mine["reopened"].to_numpy(),
            "sys_mod_count": np.where(mine["reopened"] > 0, 6, 2),
            "opened_at": _text(mine["opened_at"], "%d-%m-%Y %H:%M:%S"),
            "resolved_at": _text(mine["resolved_at"], "%d-%m-%Y %H:%M:%S"),
            "caller_type": np.where(mine["heard_from"] == "customers", "Customer", "Employee"),
            "u_customer_facing": np.where(mine["customer_facing"], "true", "false"),
            "caused_by": mine["caused_by"].fillna("?").to_numpy(),
        }
    )
    before = last[last["reopen_count"] > 0].assign(
        incident_state="Resolved", reopen_count=0, sys_mod_count=2
    )
    first = mine.loc[(mine["reopened"] > 0).to_numpy(), "first_resolved_at"]
    before["resolved_at"] = _text(first, "%d-%m-%Y %H:%M:%S")
    both = pd.concat([before, last]).sort_values(["number", "sys_mod_count"])
    year = both["opened_at"].str[6:10]
    for name, part in both.groupby(year):
        yield _csv(folder / "desk" / f"incidents-{name}.csv", part)


def monitoring(uptime: pd.DataFrame, probes: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """Hourly availability as Parquet; test purchases as CSV, ISO times, NaN for lost ones."""
    seconds = ("up_seconds", "down_seconds", "maintenance_seconds", "unknown_seconds")
    columns = {
        "service": uptime["service"],
        "hour": _stamps(uptime["hour"], _NAIVE),
        **{name: uptime[name].astype(float) for name in seconds},
    }
    yield _parquet(folder / "monitoring" / "uptime.parquet", columns)
    text = pd.DataFrame(
        {
            "target": "Checkout",
            "time": probes["probed_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration_ms": probes["response_ms"].map("{:.1f}".format).replace("nan", "NaN"),
            "capacity_percent": probes["capacity_used"].map("{:.1f}".format).replace("nan", "NaN"),
        }
    )
    yield _csv(folder / "monitoring" / "probes.csv", text)


def ci(deployments: pd.DataFrame, changes: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """The build system: deployments and the changes in them, both Parquet with UTC times."""
    columns: dict[str, object] = {
        name: deployments[name] for name in ("run", "service", "version", "conclusion")
    }
    columns["finished_at"] = _stamps(deployments["finished_at"], _UTC)
    yield _parquet(folder / "ci" / "deployments.parquet", columns)
    columns = {name: changes[name] for name in ("change_id", "deployment_id", "service")}
    for name in ("committed_at", "merged_at", "deployed_at"):
        columns[name] = _stamps(changes[name], _NAIVE)
    yield _parquet(folder / "ci" / "changes.parquet", columns)


def shop(orders: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """A German shop: a Latin-1 CSV a year with semicolons, decimal commas and local times."""
    text = pd.DataFrame(
        {
            "Bestellnummer": orders["order_id"],
            "Bestellzeit": _text(orders["ordered_at"], "%d.%m.%Y %H:%M:%S"),
            "Region": orders["region"],
            "Sortiment": orders["product"],
            "Kanal": orders["channel"].map({"Web shop": "Webshop", "Mobile app": "App"}),
            "Betrag": [f"{cents // 100},{cents % 100:02d}" for cents in orders["cents"]],
            "Währung": "EUR",
        }
    )
    for year, part in text.groupby(text["Bestellzeit"].str[6:10]):
        path = folder / "shop" / f"bestellungen-{year}.csv"
        yield _csv(path, part, delimiter=";", encoding="latin-1")


def ledger(payments: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """The payment provider's ledger: Parquet with exact decimals."""
    columns = {
        "entry_id": payments["entry_id"],
        "kind": payments["kind"],
        "occurred_at": _stamps(payments["occurred_at"], _NAIVE),
        "amount": _money(payments["cents"]),
        "currency": np.full(len(payments), "EUR"),
        "region": payments["region"],
        "product": payments["product"],
    }
    yield _parquet(folder / "ledger" / "payments.parquet", columns)


def web(visits: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """Web analytics: whole local days, the month written first."""
    text = pd.DataFrame(
        {
            "Date": visits["day"].dt.strftime("%m/%d/%Y"),
            "Market": visits["region"],
            "Platform": visits["channel"].map({"Web shop": "web", "Mobile app": "app"}),
            "Sessions": visits["visits"],
            "Sessions with basket": visits["basket_visits"],
            "Sessions with new feature": visits["new_feature_visits"],
        }
    )
    yield _csv(folder / "web" / "visits.csv", text)


def survey(answers: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """The survey tool: a CSV a quarter, two date formats, four rows that nobody can read."""
    at = answers["answered_at"]
    # The form changed hands between two offices, and each writes dates its own way.
    dashes, slashes = _text(at, "%d-%m-%Y %H:%M"), _text(at, "%d/%m/%Y %H:%M")
    score = answers["score"].map("{:.0f}".format).replace("nan", "N/A")
    text = pd.DataFrame(
        {
            "Response ID": answers["response_id"],
            "Submitted": np.where(np.arange(len(answers)) % 3 == 0, slashes, dashes),
            "How likely are you to recommend us?": score,
            "Country group": answers["region"],
            "Buying as": answers["segment"],
        }
    )
    days = pd.DatetimeIndex(local(at.to_numpy()))
    quarter = pd.Series([f"{d.year}-q{d.quarter}" for d in days], index=text.index, dtype=object)
    for name, part in text.groupby(quarter):
        if name == quarter.iloc[-1]:
            part = _with_unreadable(part)
        yield _csv(folder / "survey" / f"nps-{name}.csv", part)


def _with_unreadable(rows: pd.DataFrame) -> pd.DataFrame:
    year = rows["Submitted"].iloc[-1][6:10]
    day = rows["Submitted"].iloc[-1]
    broken = [
        ("R-900001", day, "9,5", "EMEA", "Private"),
        ("R-900002", f"30-02-{year} 09:10", "8", "EMEA", "Company"),
        ("R-900003", day, "nine", "Americas", "Private"),
        ("", day, "6", "APAC", "Company"),
    ]
    half = len(rows) // 2
    unreadable = pd.DataFrame(broken, columns=rows.columns)
    return pd.concat([rows.iloc[:half], unreadable, rows.iloc[half:]])


def billing(renewals: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """Billing: a CSV of the subscriptions that were due, in ISO dates."""
    text = pd.DataFrame(
        {
            "subscription": renewals["subscription_id"],
            "due": renewals["due_on"].dt.strftime("%Y-%m-%d"),
            "plan": renewals["product"],
            "region": renewals["region"],
            "outcome": np.where(renewals["renewed"], "renewed", "cancelled"),
        }
    )
    yield _csv(folder / "billing" / "renewals.csv", text)


def ideas(folder: Path) -> Iterator[Path]:
    """The product board: set up, but nothing went through it yet."""
    header = pd.DataFrame(columns=["Idea", "Product", "Proposed", "First used"])
    yield _csv(folder / "ideas" / "ideas.csv", header)


def finance(costs: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """Finance: an Excel workbook a year, a line for each day and service."""
    header = ("Date", "Service", "Cost EUR", "Plan EUR", "of which idle EUR")
    for name, part in costs.groupby(costs["day"].dt.year):
        path = _place(folder / "finance" / f"cloud-cost-{name}.xlsx")
        cells = zip(
            part["day"].dt.date,
            part["service"],
            *(part[kind] / 100 for kind in ("cost", "planned", "idle")),
            strict=True,
        )
        write_sheet(path, "Cost", header, cells)
        yield path


def care(contacts: pd.DataFrame, folder: Path) -> Iterator[Path]:
    """Customer care's own database: SQLite, times as UTC text."""
    path = _place(folder / "care.db")
    path.unlink(missing_ok=True)
    at = contacts["opened_at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    rating = [None if np.isnan(value) else int(value) for value in contacts["rating"]]
    rows = zip(
        contacts["contact_id"], at, contacts["region"], contacts["topic"], rating, strict=True
    )
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(
            "create table contacts (contact_id text primary key, opened_at timestamp not null, "
            "region text, topic text, rating integer)"
        )
        database.executemany("insert into contacts values (?, ?, ?, ?, ?)", rows)
    yield path


def _stamps(times: pd.Series, kind: pa.DataType) -> pa.Array:
    return pa.array(times.to_numpy().astype("datetime64[us]")).cast(_NAIVE).cast(kind)


def _text(times: pd.Series, pattern: str) -> np.ndarray:
    """Local times as text; empty where there is none."""
    shown = pd.Series(local(times.to_numpy())).dt.strftime(pattern)
    return shown.fillna("").to_numpy()


def _money(cents: pd.Series) -> pa.Array:
    return pa.array([Decimal(int(c)).scaleb(-2) for c in cents], pa.decimal128(18, 2))


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _csv(path: Path, rows: pd.DataFrame, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    rows.to_csv(_place(path), sep=delimiter, index=False, lineterminator="\n", encoding=encoding)
    return path


def _parquet(path: Path, columns: dict[str, object]) -> Path:
    # Without pandas' own metadata: an export carries none, and it names versions.
    arrays = {
        name: values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)
        for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), _place(path))
    return path
