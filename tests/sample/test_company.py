"""The sample company's exports: the same every time, readable as declared, and like real ones."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pandas as pd
import pytest

from kpi.vocabulary_file import load_vocabulary
from sample.company import Company, write
from sample.timeline import timeline
from tests.sample import exports
from tests.sample.conftest import UNTIL

ROLES = {
    "Customer care",
    "Delivery",
    "Finance",
    "Operations",
    "Platform",
    "Product",
    "Sales",
    "Service desk",
}


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_and_moment_write_the_same_bytes(tmp_path: Path, home: Path) -> None:
    write(tmp_path, UNTIL)

    assert digests(tmp_path) == digests(home / "data" / "sample")


def test_another_seed_writes_another_company(tmp_path: Path, home: Path) -> None:
    write(tmp_path, UNTIL, seed=21)

    here, there = digests(tmp_path), digests(home / "data" / "sample")
    same = {name for name in here if here[name] == there.get(name)}
    assert same == {"ideas/ideas.csv"}


def test_a_moment_with_a_zone_is_the_same_as_that_moment_in_utc(tmp_path: Path) -> None:
    berlin = dt.timezone(dt.timedelta(hours=1))

    assert timeline(UNTIL.replace(hour=13, tzinfo=berlin)).until == timeline(UNTIL).until


def test_writing_again_leaves_no_export_of_the_earlier_day(tmp_path: Path) -> None:
    write(tmp_path, UNTIL)
    stranger = tmp_path / "shop" / "notes.txt"
    stranger.write_text("keep me")

    written = write(tmp_path, UNTIL - dt.timedelta(days=400))

    assert {p for p in tmp_path.rglob("*") if p.is_file()} == {*written, stranger}


def test_the_sample_is_three_years_and_about_two_hundred_thousand_facts(home: Path) -> None:
    tables = {entry["into"] for entry in exports.declared().values()}
    facts = {name: exports.table(home, name) for name in tables}
    ordered = facts["orders"]["ordered_at"]

    assert 180_000 < sum(len(rows) for rows in facts.values()) < 250_000
    assert pd.Timedelta(days=1085) < ordered.max() - ordered.min() < pd.Timedelta(days=1100)
    assert ordered.max() < pd.Timestamp(UNTIL)


@pytest.mark.parametrize("name", sorted(exports.declared()))
def test_every_export_reads_as_its_source_declares(home: Path, name: str) -> None:
    rows, unread = exports.read(home, name)

    assert len(unread) == (4 if name == "answers" else 0)
    assert (len(rows) == 0) == (name == "ideas")


def test_every_column_that_a_source_names_is_in_its_export(home: Path) -> None:
    entries = exports.declared()
    named = {
        (name, rule if isinstance(rule, str) else rule["from"])
        for name, entry in entries.items()
        for rule in entry.get("columns", {}).values()
        if isinstance(rule, str) or "from" in rule
    }

    found = {
        (name, header)
        for name, entry in entries.items()
        for header in exports.raw(home, entry).columns
    }
    assert named <= found


def test_local_times_come_back_as_the_instants_they_were_written_from(
    facts: Company, orders: pd.DataFrame, incidents: pd.DataFrame
) -> None:
    assert orders["ordered_at"].tolist() == facts.orders["ordered_at"].tolist()
    assert sorted(incidents["opened_at"]) == sorted(facts.incidents["opened_at"])
    assert sorted(incidents["resolved_at"].dropna()) == sorted(
        facts.incidents["resolved_at"].dropna()
    )


def test_decimal_commas_come_back_as_the_same_money(home: Path, orders: pd.DataFrame) -> None:
    ledger = exports.table(home, "payments")
    charged = ledger.loc[ledger["kind"] == "charge", "amount"].sum()
    paid_by_now = orders["amount"].sum()

    # The last orders of the hour are charged within three minutes, which may be after its end.
    assert paid_by_now - 1000 < charged <= paid_by_now + 0.001


def test_hours_of_monitoring_add_up(home: Path) -> None:
    uptime = exports.table(home, "uptime")
    kinds = ["up_seconds", "down_seconds", "maintenance_seconds", "unknown_seconds"]

    assert (uptime[kinds].sum(axis=1) == 3600).all()
    assert (uptime[kinds] >= 0).all(axis=None)


def test_nothing_has_happened_after_the_moment_of_writing(home: Path) -> None:
    latest = {
        column: rows[column].max()
        for name in ("incidents", "deployments", "changes", "payments", "surveys", "contacts")
        for rows in [exports.table(home, name)]
        for column in rows.select_dtypes("datetime").columns
    }

    assert {name for name, last in latest.items() if last >= pd.Timestamp(UNTIL)} == set()


def test_billing_is_four_days_late_and_the_other_files_are_not(home: Path) -> None:
    folder = home / "data" / "sample"
    moment = UNTIL.replace(tzinfo=dt.UTC).timestamp()
    ages = {str(p.relative_to(folder)): moment - p.stat().st_mtime for p in folder.rglob("*.*")}

    assert ages.pop("billing/renewals.csv") == 4 * 86400
    assert set(ages.values()) == {0}
    due = exports.table(home, "renewals")["due_on"]
    assert due.max() == pd.Timestamp(2026, 11, 16)


def test_a_reopened_incident_counts_once_with_its_last_resolution(home: Path) -> None:
    entry = exports.declared()["desk"]
    raw = exports.raw(home, entry)
    again = raw[raw.duplicated("number", keep=False)].sort_values(["number", "sys_mod_count"])
    rows, _ = exports.read(home, "desk")

    kept = rows.set_index("incident_id").loc[again["number"].unique()]
    first = pd.to_datetime(again["resolved_at"].iloc[::2], format="%d-%m-%Y %H:%M:%S")
    assert len(kept) > 20
    assert (kept["reopened"] == 1).all()
    resolved = kept["resolved_at"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    later = resolved.dt.tz_localize(None).values > first.values
    assert later[kept["resolved_at"].notna()].all()


def test_some_incidents_are_still_open(incidents: pd.DataFrame) -> None:
    open_ = incidents[incidents["resolved_at"].isna()]

    assert 3 <= len(open_) <= 40
    assert (open_["status"] != "Resolved").all()


@pytest.mark.parametrize("file", ["metrics.yaml", "examples/service-desk/metrics.yaml"])
def test_every_owner_is_a_role(file: str) -> None:
    vocabulary = load_vocabulary((exports.PROJECT / file).read_text("utf-8"), file)

    entries = [*vocabulary.metrics.values(), *vocabulary.outcomes.values()]
    assert {role for e in entries for role in (e.owners.it, e.owners.business)} <= ROLES


def test_no_export_has_a_column_about_a_person(home: Path) -> None:
    telling = ("author", "assigned", "caller_id", "customer_name", "email", "mail", "phone", "user")
    headers = {
        header.lower()
        for entry in exports.declared().values()
        for header in exports.raw(home, entry).columns
    }

    assert {header for header in headers for word in telling if word in header} == set()


def test_every_table_of_the_vocabulary_is_fed_by_a_source() -> None:
    text = (exports.PROJECT / "metrics.yaml").read_text("utf-8")
    tables = set(load_vocabulary(text).tables)

    assert tables == {entry["into"] for entry in exports.declared().values()}


def test_one_outcome_has_no_business_metric_and_the_others_have_both_sides() -> None:
    shown = load_vocabulary((exports.PROJECT / "metrics.yaml").read_text("utf-8")).shown
    sides = {m.outcome: {o.side for o in shown if o.outcome == m.outcome} for m in shown}

    assert len(shown) >= 18
    assert sides == {
        "reliable": {"it", "business", "joint"},
        "fast": {"it", "business"},
        "grow": {"it", "business", "joint"},
        "worth": {"it", "joint"},
    }
