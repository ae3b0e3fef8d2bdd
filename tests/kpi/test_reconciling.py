"""What a system has no more is marked as deleted, and only that: compared first, marked at once."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.contract import Batch, Column, Present, Shape, SourceError
from kpi.reconciling import Differences
from kpi.warehouse import Warehouse
from tests.working_database import working_database

NOON = dt.datetime(2026, 3, 10, 12)
LATER = NOON + dt.timedelta(days=1)
YEAR = (dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1))
_tables = itertools.count()


def day(number: int) -> dt.datetime:
    return dt.datetime(2026, 1, 1) + dt.timedelta(days=number)


class Desk:
    """A working database with one table of (id, part, at, n) that two sources may fill."""

    def __init__(self, warehouse: Warehouse, table: str = "things") -> None:
        self.warehouse = warehouse
        self.table = table

    def land(self, rows: Sequence[Mapping[str, Any]], source: str = "desk", **shape: Any) -> None:
        columns = (
            Column("id"),
            Column("part", type="INTEGER"),
            Column("at", type="TIMESTAMP"),
            Column("n", type="INTEGER"),
        )
        made = Shape(columns, key=("id", "part"), **shape)
        batch = Batch(self.table, pa.Table.from_pylist(list(rows)), made, "here")
        run = self.warehouse.begin(source, NOON)
        self.warehouse.land(run, source, batch)
        self.warehouse.finish(run, error=None, advice=None, finished_at=NOON, as_of=None)

    def present(
        self,
        keys: Collection[tuple[str, int]],
        window: tuple[dt.datetime, dt.datetime] = YEAR,
    ) -> Present:
        texts = {"id": [id_ for id_, _ in keys], "part": [str(part) for _, part in keys]}
        table = pa.table(texts, pa.schema([("id", pa.string()), ("part", pa.string())]))
        return Present(self.table, "at", *window, keys=table)

    def reconcile(
        self, *presents: Present, source: str = "desk", anyway: bool = False
    ) -> Differences:
        run = self.warehouse.begin(source, LATER)
        found = self.warehouse.reconcile(run, source, presents, anyway=anyway)
        self.warehouse.finish(run, error=None, advice=None, finished_at=LATER, as_of=None)
        return found

    def live(self, source: str = "desk") -> list[str]:
        return [
            id_
            for (id_,) in self.warehouse.connection.execute(
                f"select id from main.{self.table} where _source = ? order by id", [source]
            ).fetchall()
        ]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        return self.warehouse.connection.execute(sql).fetchall()


def thing(id_: str, at: dt.datetime = NOON, part: int = 1, n: int = 0) -> dict[str, Any]:
    return {"id": id_, "part": str(part), "at": at, "n": n}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Warehouse(working_database(tmp_path / "warehouse.duckdb")) as warehouse:
        yield Desk(warehouse)


def test_a_row_that_the_system_does_not_list_is_marked_as_deleted_in_this_run(desk: Desk) -> None:
    desk.land([thing("a"), thing("b")])

    found = desk.reconcile(desk.present([("a", 1)]))

    assert found == Differences(compared=2, vanished=1)
    assert desk.live() == ["a"]
    assert desk.ask("select _deleted_at, _run, n from facts.things where id = 'b'") == [
        (LATER, 2, 0)
    ]
    assert desk.ask("select deleted_rows from kpi.runs where run = 2") == [(1,)]


def test_a_deleted_row_that_the_system_lists_again_is_restored(desk: Desk) -> None:
    desk.land([thing("a", n=7), thing("b")])
    desk.reconcile(desk.present([("b", 1)]))

    found = desk.reconcile(desk.present([("a", 1), ("b", 1)]))

    assert found == Differences(compared=1, restored=1)
    assert desk.live() == ["a", "b"]
    assert desk.ask("select n, _deleted_at, _last_seen, _run from facts.things where id = 'a'") == [
        (7, None, LATER, 3)
    ]
    assert desk.ask("select changed_rows from kpi.runs where run = 3") == [(1,)]


def test_a_row_outside_the_listed_time_is_left_alone(desk: Desk) -> None:
    desk.land([thing("before", day(9)), thing("first", day(10)), thing("after", day(20))])

    desk.reconcile(desk.present([], (day(10), day(20))))

    assert desk.live() == ["after", "before"]


def test_a_row_without_a_time_is_left_alone(desk: Desk) -> None:
    desk.land([{**thing("timeless"), "at": None}, thing("timely")])

    desk.reconcile(desk.present([]))

    assert desk.live() == ["timeless"]


def test_the_rows_of_another_source_are_left_alone(desk: Desk) -> None:
    desk.land([thing("a")], source="desk")
    desk.land([thing("a")], source="shop")

    desk.reconcile(desk.present([]), source="desk")

    assert (desk.live("desk"), desk.live("shop")) == ([], ["a"])


def test_a_row_that_moved_into_another_listed_stretch_is_still_there(desk: Desk) -> None:
    desk.land([thing("moved", day(10))])

    early, late = (day(0), day(15)), (day(15), day(30))
    desk.reconcile(desk.present([], early), desk.present([("moved", 1)], late))

    assert desk.live() == ["moved"]


def test_what_the_system_has_and_we_do_not_is_counted_once(desk: Desk) -> None:
    desk.land([thing("a")])
    early, late = (day(0), day(60)), (day(60), day(90))

    found = desk.reconcile(
        desk.present([("new", 1), ("new", 2)], early), desk.present([("a", 1), ("new", 2)], late)
    )

    assert found == Differences(compared=1, lacking=2)


def test_what_a_system_has_before_anything_landed_is_all_lacking(desk: Desk) -> None:
    found = desk.reconcile(desk.present([("a", 1), ("b", 1)]))

    assert found == Differences(lacking=2)


def test_a_system_that_lists_nothing_at_all_changes_nothing(desk: Desk) -> None:
    desk.land([thing("a")])

    assert desk.reconcile() == Differences()
    assert desk.live() == ["a"]


def test_listed_keys_are_read_as_those_of_a_delivery_are(desk: Desk) -> None:
    connection = desk.warehouse.connection
    columns = (Column("service"), Column("hour"), Column("up_seconds"))
    rows = pa.table(
        {"service": ["shop", "shop"], "hour": [day(1), day(2)], "up_seconds": [3600.0, 3600.0]}
    )
    run = desk.warehouse.begin("probe", NOON)
    desk.warehouse.land(run, "probe", Batch("uptime", rows, Shape(columns), "here"))
    keys = pa.table({"service": ["shop"], "hour": [f"{day(1).isoformat()}Z"]})

    found = desk.warehouse.reconcile(run, "probe", [Present("uptime", "hour", *YEAR, keys=keys)])

    assert found == Differences(compared=2, vanished=1)
    assert connection.execute("select hour from main.uptime").fetchall() == [(day(1),)]


def test_a_listed_key_that_cannot_be_read_stops_the_comparison(desk: Desk) -> None:
    desk.land([thing("a")])
    keys = pa.table({"id": ["a"], "part": ["one"]})

    with pytest.raises(SourceError, match=r"1 of the keys .* cannot be read"):
        desk.reconcile(Present("things", "at", *YEAR, keys=keys))

    assert desk.live() == ["a"]


def test_rows_that_are_told_apart_otherwise_than_they_are_listed_are_not_compared(
    desk: Desk,
) -> None:
    desk.land([thing("a")])
    keys = pa.table({"id": ["b"]})

    with pytest.raises(SourceError, match="by id, but its rows are told apart by id, part"):
        desk.reconcile(Present("things", "at", *YEAR, keys=keys))

    assert desk.live() == ["a"]


@pytest.mark.parametrize(
    ("rows", "gone", "is_refused"),
    [
        (21, 21, True),
        (20, 20, False),  # of a few rows all may go
        (210, 21, False),  # one in ten may go
        (209, 21, True),
    ],
)
def test_more_rows_than_can_be_believed_do_not_vanish(
    desk: Desk, rows: int, gone: int, is_refused: bool
) -> None:
    desk.land([thing(f"{number:03}") for number in range(rows)])
    there = [(f"{number:03}", 1) for number in range(gone, rows)]

    try:
        desk.reconcile(desk.present(there))
        refused = ""
    except SourceError as error:
        refused = str(error)

    assert bool(refused) == is_refused
    assert len(desk.live()) == (rows if is_refused else rows - gone)
    if is_refused:
        assert refused.startswith(f"21 of the {rows} rows compared are not listed")


def test_of_a_comparison_that_is_refused_nothing_is_kept(desk: Desk) -> None:
    desk.land([thing(f"{number:02}") for number in range(50)])
    desk.reconcile(desk.present([(f"{number:02}", 1) for number in range(1, 50)]))
    version = desk.warehouse.version()
    run = desk.warehouse.begin("desk", LATER)

    with pytest.raises(SourceError, match="too many to believe"):
        # 00 is back, and half of the others are gone.
        there = [(f"{number:02}", 1) for number in range(25)]
        desk.warehouse.reconcile(run, "desk", [desk.present(there)])

    assert len(desk.live()) == 49
    assert desk.warehouse.version() == version
    assert desk.ask("select count(*) from duckdb_tables() where temporary") == [(0,)]


def test_who_knows_that_they_are_gone_can_say_so(desk: Desk) -> None:
    desk.land([thing(f"{number:02}") for number in range(50)])

    found = desk.reconcile(desk.present([("00", 1)]), anyway=True)

    assert found == Differences(compared=50, vanished=49)
    assert desk.live() == ["00"]


def test_a_list_that_breaks_off_changes_nothing(desk: Desk) -> None:
    desk.land([thing("a", day(1)), thing("b", day(40))])
    run = desk.warehouse.begin("desk", LATER)

    def half() -> Iterator[Present]:
        yield desk.present([], (day(0), day(30)))
        raise SourceError("The system is tired.", "Let it rest.")

    with pytest.raises(SourceError, match="tired"):
        desk.warehouse.reconcile(run, "desk", half())

    assert desk.live() == ["a", "b"]


# --- any story ----------------------------------------------------------------------------------

Key = tuple[str, int]
DAYS = 6


@dataclass
class System:
    """What a system has, and what we should have of it: key -> (day, n), and whether deleted."""

    rows: dict[Key, tuple[int, int]] = field(default_factory=dict)
    facts: dict[Key, tuple[int, int, bool]] = field(default_factory=dict)

    def deliver(self, keys: Collection[Key]) -> list[dict[str, Any]]:
        there = [key for key in keys if key in self.rows]
        for key in there:
            self.facts[key] = (*self.rows[key], False)
        return [thing(k[0], day(self.rows[k][0]), k[1], self.rows[k][1]) for k in there]

    def listed(self, start: int, end: int) -> list[Key]:
        return [key for key, (at, _) in self.rows.items() if start <= at < end]

    def compare(self, windows: Sequence[tuple[int, int]]) -> Differences:
        listed = {key for window in windows for key in self.listed(*window)}
        compared = vanished = restored = 0
        for key, (at, n, gone) in self.facts.items():
            inside = any(start <= at < end for start, end in windows)
            compared += inside and not gone
            if gone and key in listed:
                self.facts[key] = (at, n, False)
                restored += 1
            elif not gone and inside and key not in listed:
                self.facts[key] = (at, n, True)
                vanished += 1
        return Differences(compared, vanished, restored, len(listed - set(self.facts)))


keys = st.tuples(st.sampled_from("abcd"), st.integers(1, 2))
steps = st.one_of(
    st.tuples(st.just("write"), keys, st.integers(0, DAYS - 1), st.integers(0, 3)),
    st.tuples(st.just("delete"), keys),
    st.tuples(st.just("deliver"), st.sets(keys)),
    st.tuples(st.just("reconcile"), st.sets(st.integers(0, DAYS), min_size=2, max_size=4)),
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with Warehouse(tmp_path_factory.mktemp("model") / "warehouse.duckdb") as opened:
        yield opened


@pytest.mark.slow
@settings(max_examples=25)
@given(story=st.lists(steps, max_size=14))
def test_any_story_of_deletions_and_deliveries_ends_in_the_systems_truth(
    warehouse: Warehouse, story: list[tuple[Any, ...]]
) -> None:
    desk = Desk(warehouse, f"things_{next(_tables)}")
    desk.land([thing("a")], source="shop")
    system = System()
    for what, *given_ in story:
        if what == "write":
            key, at, n = given_
            system.rows[key] = (at, n)
        elif what == "delete":
            system.rows.pop(given_[0], None)
        elif what == "deliver":
            if rows := system.deliver(sorted(given_[0])):
                desk.land(rows)
        else:
            windows = list(itertools.pairwise(sorted(given_[0])))
            presents = [desk.present(system.listed(*w), (day(w[0]), day(w[1]))) for w in windows]
            assert desk.reconcile(*presents) == system.compare(windows)
    if rows := system.deliver(sorted(system.rows)):
        desk.land(rows)

    desk.reconcile(desk.present(sorted(system.rows)))

    live = desk.ask(f"select id, part, \"at\", n from main.{desk.table} where _source = 'desk'")
    truth = [(id_, part, day(at), n) for (id_, part), (at, n) in system.rows.items()]
    assert sorted(live) == sorted(truth)
    assert desk.live("shop") == ["a"]


# --- parts of rows ------------------------------------------------------------------------------


def land_incidents(warehouse: Warehouse) -> None:
    """Two incidents; the first was opened twice and once was thought to be a third time."""
    incidents = [{"incident_id": id_, "opened_at": "2026-03-01"} for id_ in ("a", "b")]
    episodes = [
        {"incident_id": id_, "episode": n, "opened_at": f"2026-03-0{n}", "gone": gone}
        for id_, n, gone in (("a", 1, False), ("a", 2, False), ("a", 3, False), ("b", 1, False))
    ]
    never = [{**episodes[2], "gone": True}]
    run = warehouse.begin("desk", NOON)
    for into, rows in (
        ("incidents", incidents),
        ("incident_episodes", episodes),
        ("incident_episodes", never),
    ):
        columns = tuple(Column(name) for name in rows[0] if name != "gone")
        shape = Shape(columns, deleted="gone")
        warehouse.land(run, "desk", Batch(into, pa.Table.from_pylist(rows), shape, "here"))
    warehouse.finish(run, error=None, advice=None, finished_at=NOON, as_of=None)


def compare_incidents(warehouse: Warehouse, *ids: str, at: dt.datetime = LATER) -> list[str]:
    """The live episodes after a comparison with the incidents that the system lists."""
    keys = pa.table({"incident_id": pa.array(ids, pa.string())})
    run = warehouse.begin("desk", at)
    warehouse.reconcile(run, "desk", [Present("incidents", "opened_at", *YEAR, keys=keys)])
    warehouse.finish(run, error=None, advice=None, finished_at=at, as_of=None)
    rows = warehouse.connection.execute(
        "select incident_id, episode from main.incident_episodes order by all"
    ).fetchall()
    return [f"{id_}{episode}" for id_, episode in rows]


def test_the_episodes_of_an_incident_that_is_gone_are_gone_with_it(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land_incidents(warehouse)

        assert compare_incidents(warehouse, "b") == ["b1"]


def test_the_episodes_of_an_incident_that_is_back_are_those_that_went_with_it(
    tmp_path: Path,
) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land_incidents(warehouse)
        compare_incidents(warehouse, "b")

        again = compare_incidents(warehouse, "a", "b", at=LATER + dt.timedelta(days=1))

        assert again == ["a1", "a2", "b1"]


def land_deployments(warehouse: Warehouse, source: str) -> None:
    """Three deployments; the first brought two changes, the second one, the third none."""
    deployments = [{"deployment_id": id_, "deployed_at": "2026-03-01"} for id_ in ("a", "b", "c")]
    changes = [
        {"change_id": id_, "service": "shop", "deployment_id": of, "author": "dev"}
        for id_, of in (("1", "a"), ("2", "a"), ("3", "b"), ("4", None))
    ]
    run = warehouse.begin(source, NOON)
    for into, rows in (("deployments", deployments), ("changes", changes)):
        shape = Shape(tuple(map(Column, rows[0])))
        warehouse.land(run, source, Batch(into, pa.Table.from_pylist(rows), shape, "here"))
    warehouse.finish(run, error=None, advice=None, finished_at=NOON, as_of=None)


def compare_deployments(warehouse: Warehouse, *ids: str, at: dt.datetime = LATER) -> list[str]:
    """The live changes of one source after a comparison with the deployments that it lists."""
    keys = pa.table({"deployment_id": pa.array(ids, pa.string())})
    run = warehouse.begin("desk", at)
    warehouse.reconcile(run, "desk", [Present("deployments", "deployed_at", *YEAR, keys=keys)])
    warehouse.finish(run, error=None, advice=None, finished_at=at, as_of=None)
    rows = warehouse.connection.execute(
        "select change_id from main.changes where _source = 'desk' order by all"
    ).fetchall()
    return [id_ for (id_,) in rows]


def test_the_changes_of_a_deployment_go_and_come_back_with_it(tmp_path: Path) -> None:
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        land_deployments(warehouse, "desk")
        land_deployments(warehouse, "shop")
        gone = compare_deployments(warehouse, "b", "c")
        of_another = warehouse.connection.execute(
            "select count(*) from main.changes where _source = 'shop'"
        ).fetchall()
        back = compare_deployments(warehouse, "a", "b", "c", at=LATER + dt.timedelta(days=1))

        assert gone == ["3", "4"]
        assert of_another == [(4,)]
        assert back == ["1", "2", "3", "4"]
