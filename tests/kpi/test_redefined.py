"""What editions change of definitions is recorded in them, and outlives the files before them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from kpi import editions, publishing, redefining
from kpi.editions import Edition
from kpi.redefined import Redefined
from kpi.redefining import changes
from kpi.yaml_text import read_yaml
from tests.published import DAY, Home

NOON = dt.datetime(2026, 3, 10, 12)
FIRST = """\
version: 1
calendar: {timezone: Europe/Berlin}
tables:
  sales: {row: one sale, time: at}
outcomes:
  grow: {label: We grow, definition: More of it., owners: {it: Platform, business: Sales}}
metrics:
  takings:
    label: Takings
    definition: What customers paid.
    side: business
    outcome: grow
    owners: {it: Platform, business: Sales}
    value: sum(x) from sales
    good: up
    target: 100 per week
"""
COUNTED = """\
  counted:
    label: Sales counted
    definition: How often.
    side: it
    outcome: grow
    owners: {it: Platform, business: Sales}
    value: count(*) from sales
    good: up
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home folder with one edition of ten weeks of sales."""
    home = Home(tmp_path, FIRST)
    rows = [{"id": str(n), "at": NOON - n * DAY, "x": 10.0} for n in range(1, 71)]
    home.bring("tills", "sales", rows, at=NOON, key=("id",), as_of=NOON)
    home.publish(NOON)
    return home


def published(home: Home, text: str, day: int = 1) -> Edition:
    home.vocabulary = text
    return home.publish(NOON + day * DAY)


def told(edition: Edition) -> list[Redefined]:
    return [one for each in edition.redefined for entry in each.entries.values() for one in entry]


def test_the_first_edition_changes_nothing(home: Home) -> None:
    assert editions.open_edition(home.folder).redefined == ()


def test_facts_alone_change_no_definition(home: Home) -> None:
    home.bring("tills", "sales", [{"id": "new", "at": NOON, "x": 1.0}], at=NOON, key=("id",))

    assert home.publish(NOON + DAY).redefined == ()


def test_every_changed_key_is_told_as_it_was_and_as_it_is(home: Home) -> None:
    text = FIRST.replace("Takings", "Turnover").replace("target: 100", "target: 120")
    text = text.replace("    good: up\n", "    good: up\n    unit: EUR\n")

    edition = published(home, text.replace("business: Sales}}", "business: Shops}}"))

    at = NOON + DAY
    entry = (2, at, "metrics", "takings")
    assert told(edition) == [
        Redefined(*entry, "label", "Takings", "Turnover"),
        Redefined(*entry, "target", "100 per week", "120 per week"),
        Redefined(*entry, "unit", None, "EUR"),
        Redefined(
            2,
            at,
            "outcomes",
            "grow",
            "owners",
            "{it: Platform, business: Sales}",
            "{it: Platform, business: Shops}",
        ),
    ]


def test_metrics_come_and_go_with_their_whole_entries(home: Home) -> None:
    came = published(home, FIRST + COUNTED)
    went = published(home, FIRST, 2)

    entry = "counted:\n" + "\n".join(f"  {x.strip()}" for x in COUNTED.splitlines()[1:])
    assert told(came) == [Redefined(2, NOON + DAY, "metrics", "counted", None, None, entry)]
    assert told(went)[0] == Redefined(3, NOON + 2 * DAY, "metrics", "counted", None, entry, None)


def test_a_comment_or_another_way_to_write_it_changes_nothing(home: Home) -> None:
    text = "# agreed\n" + FIRST.replace("label: Takings", 'label: "Takings"')

    assert published(home, text).redefined == ()


def test_what_a_changed_definition_restated_is_counted(home: Home) -> None:
    edition = published(home, FIRST.replace("sum(x)", "2 * sum(x)"))

    (found,) = edition.redefined
    assert {*found.restated} == {"takings"}
    weeks = [k for k, r in edition.restated.items() if k[1] == "week" and r.cause == "definition"]
    assert found.restated["takings"]["week"] == len(weeks) > 5


def test_the_calendar_is_told_as_one(home: Home) -> None:
    edition = published(home, FIRST.replace("Europe/Berlin", "Europe/Paris"))

    assert [(one.section, one.name, one.new) for one in told(edition)] == [
        ("calendar", "", "{timezone: Europe/Paris}")
    ]


def test_the_newest_comes_first_and_outlives_the_files_before(home: Home) -> None:
    for number in range(2, 8):
        edition = published(home, FIRST.replace("Takings", f"Takings {number}"), number)

    assert [each.edition for each in edition.redefined] == [7, 6, 5, 4, 3, 2]
    assert len(list(editions.editions_folder(home.folder).glob("*.duckdb"))) == 3


def test_the_oldest_editions_changes_are_dropped_as_wholes(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redefining, "KEPT", 3)
    for number in range(2, 5):
        text = FIRST.replace("Takings", f"T {number}").replace("paid", f"paid {number}")
        edition = published(home, text, number)

    assert [each.edition for each in edition.redefined] == [4]


def test_one_edition_that_changes_more_than_is_kept_is_kept_whole(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redefining, "KEPT", 1)
    edition = published(home, FIRST.replace("Takings", "T").replace("100", "120"))

    assert len(told(edition)) == 2


def test_who_is_killed_before_the_pointer_leaves_no_change_that_nobody_saw(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "_point_at", killed)
        with pytest.raises(KeyboardInterrupt):
            published(home, FIRST.replace("Takings", "Never seen"))
    edition = published(home, FIRST.replace("Takings", "Turnover"), 2)

    assert [(one.edition, one.old, one.new) for one in told(edition)] == [
        (edition.number, "Takings", "Turnover")
    ]


def test_an_edition_that_is_published_anew_tells_what_the_lost_one_told(home: Home) -> None:
    lost = published(home, FIRST.replace("Takings", "Turnover"))
    lost.path.unlink()

    again = published(home, FIRST.replace("Takings", "Turnover"), 2)

    assert again.number == 3
    assert told(again) == told(lost)


def test_an_edition_of_another_version_tells_of_none(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = editions.open_edition(home.folder)
    monkeypatch.setattr("kpi.redefined._LOG", "select * from kpi.not_there")

    assert edition.redefined == ()


@pytest.mark.parametrize("text", ["", "[]", "metrics: 3", "metrics: {a: 1}", "metrics:\n  a:\n"])
def test_a_text_of_any_shape_can_be_compared(text: str) -> None:
    first, other = (read_yaml(each, "") for each in (FIRST, text))

    assert list(changes(first, other))
    assert list(changes(other, first))
