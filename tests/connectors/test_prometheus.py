"""Uptime as a real Prometheus knows it: 90 days of history, a live target, and bad days."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from connectors import http, prometheus, promql
from connectors.contract import Batch, Context, SourceError
from connectors.prometheus import Options, check, connected, measure, pull
from kpi.warehouse import Landed, Warehouse
from tests.peer import Answer, Request, serving
from tests.prometheus_server import (
    blackbox_exporter,
    free_port,
    listens,
    probing,
    running,
    wait_for,
    write_history,
)
from tests.prometheus_server import prometheus as running_prometheus

HOUR, DAY = 3600, 86400
FIRST = 1767571200  # 2026-01-05, a midnight
DAYS = 90
LAST = FIRST + DAYS * DAY
UP, DOWN, MAINTENANCE, UNKNOWN = range(4)

# What happened, in seconds since FIRST. Samples of `shop` lie exactly on the hours' edges; those
# of `mail` come 7.123 seconds later.
SHOP_DOWN = [
    (3 * DAY + 10 * HOUR, 3 * DAY + 10 * HOUR + 1800),
    (10 * DAY + 22 * HOUR + 3015, 11 * DAY + HOUR + 600),
    (20 * DAY + 2 * HOUR + 900, 20 * DAY + 2 * HOUR + 2700),
    (20 * DAY + 2 * HOUR + 3000, 20 * DAY + 3 * HOUR + 600),
]
ANNOUNCED = [(20 * DAY + 2 * HOUR, 20 * DAY + 3 * HOUR)]
MAIL_LOST = [
    (0, 7),
    (5 * DAY + 13 * HOUR + 427, 5 * DAY + 15 * HOUR + 427),
    (6 * DAY + 9 * HOUR + 7, 6 * DAY + 9 * HOUR + 22),
]
MAIL_DOWN = [(5 * DAY + 15 * HOUR + 427, 5 * DAY + 15 * HOUR + 727)]
LATE_FROM, LATE_TO = 40 * DAY + 10 * HOUR + 1200, 60 * DAY + 12 * HOUR
AWAY_DAY = FIRST + 30 * DAY


def inside(second: float, stretches: list[tuple[int, int]]) -> bool:
    return any(begin <= second < end for begin, end in stretches)


def history() -> Iterator[str]:
    """Samples as OpenMetrics wants them: one series after the other, each in order of time."""
    yield "# TYPE announced gauge"
    for second in range(0, DAYS * DAY, 60):
        is_on = int(inside(second, ANNOUNCED))
        yield f'announced{{instance="shop:443"}} {is_on} {FIRST + second}'
    yield "# TYPE edge_success gauge"
    for second in range(0, DAY, 60):
        down = inside(second, [(12 * HOUR, 13 * HOUR)])
        if not inside(second, [(15 * HOUR, 16 * HOUR)]):
            yield f'edge_success{{service="pay",from="east"}} {int(not down)} {AWAY_DAY + second}'
    for second in range(0, DAY, 60):
        down = inside(second, [(12 * HOUR + 1800, 13 * HOUR + 1800)])
        yield f'edge_success{{service="pay",from="west"}} {int(not down)} {AWAY_DAY + second}'
    yield "# TYPE late_success gauge"
    for second in range(LATE_FROM, LATE_TO, 60):
        yield f'late_success{{instance="late"}} 1 {FIRST + second}'
    yield "# TYPE early_success gauge"
    for second in [*range(0, HOUR - 70, 60), HOUR - 70, *range(HOUR + 10, 2 * HOUR, 60)]:
        yield f'early_success{{instance="early"}} 1 {FIRST + second}'
    yield "# TYPE latency_seconds gauge"
    yield f'latency_seconds{{instance="shop:443"}} 0.25 {FIRST + 60}'
    yield "# TYPE partly_success gauge"
    for second in range(0, HOUR, 60):
        value = "NaN" if inside(second, [(600, 1200)]) else "1"
        yield f'partly_success{{instance="shop:443"}} {value} {FIRST + second}'
    yield "# TYPE probe_success gauge"
    for second in range(0, DAYS * DAY, 15):
        up = int(not inside(second + 7, MAIL_DOWN))
        if not inside(second + 7, MAIL_LOST):
            yield f'probe_success{{instance="mail:25",job="b"}} {up} {FIRST + second + 7}.123'
    for second in range(0, DAYS * DAY, 15):
        up = int(not inside(second, SHOP_DOWN))
        yield f'probe_success{{instance="shop:443",job="b"}} {up} {FIRST + second}'


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus with 90 days of history."""
    folder = tmp_path_factory.mktemp("past")
    write_history(folder, history())
    with running_prometheus(folder) as url:
        yield url


def options(url: str, **more: Any) -> Options:
    return Options(connector="prometheus", url=url, timeout=dt.timedelta(seconds=30), **more)


def at(epoch: float) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(seconds=epoch)


def context(now: float, full: bool = False) -> Context:
    return Context(home=Path(), now=at(now), full=full)


def pulled(
    chosen: Options, now: float = LAST, state: dict[str, Any] | None = None, full: bool = False
) -> list[Batch]:
    return list(pull(chosen, state or {}, context(now, full)))


def rows(batches: list[Batch]) -> pa.Table:
    return pa.concat_tables([batch.rows for batch in batches])


def seconds(batches: list[Batch], service: str) -> dict[int, list[float]]:
    """Of each hour (seconds since 1970) the four kinds of seconds."""
    return {
        int((row["hour"] - at(0)).total_seconds()): [
            row[kind]
            for kind in ("up_seconds", "down_seconds", "maintenance_seconds", "unknown_seconds")
        ]
        for row in rows(batches).to_pylist()
        if row["service"] == service
    }


def truth(
    down: list[tuple[int, int]], unknown: list[tuple[int, int]], quiet: list[tuple[int, int]]
) -> dict[int, list[float]]:
    """The same, counted second by second from what happened."""
    kind = np.full(DAYS * DAY, UP, dtype=np.int8)
    for stretches, meaning in ((down, DOWN), (unknown, UNKNOWN), (quiet, MAINTENANCE)):
        for begin, end in stretches:
            kind[begin:end] = meaning
    by_hour = kind.reshape(-1, HOUR)
    counts = [(by_hour == meaning).sum(axis=1).tolist() for meaning in range(4)]
    return {
        FIRST + n * HOUR: list(map(float, hour)) for n, hour in enumerate(zip(*counts, strict=True))
    }


# --- 90 days ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def brought(past: str) -> list[Batch]:
    names = {"shop:443": "shop", "mail:25": "mail"}
    return pulled(options(past, maintenance="announced", service={"map": names}))


@pytest.mark.servers
def test_every_hour_of_90_days_adds_up_to_itself(brought):
    table = rows(brought).to_pylist()
    sums = {
        row["up_seconds"]
        + row["down_seconds"]
        + row["maintenance_seconds"]
        + row["unknown_seconds"]
        for row in table
    }

    assert sums == {3600.0}
    assert len(table) == 2 * DAYS * 24


@pytest.mark.servers
def test_outages_and_maintenance_are_measured_to_the_second(brought):
    assert seconds(brought, "shop") == truth(SHOP_DOWN, [], ANNOUNCED)


@pytest.mark.servers
def test_what_the_monitor_missed_is_unknown_and_neither_up_nor_down(brought):
    assert seconds(brought, "mail") == truth(MAIL_DOWN, MAIL_LOST, [])


@pytest.mark.servers
def test_the_measured_availability_is_the_true_one(brought):
    found = np.array(list(seconds(brought, "shop").values())).sum(axis=0)
    outages = sum(end - begin for begin, end in SHOP_DOWN)
    announced = sum(end - begin for begin, end in ANNOUNCED)
    out_in_maintenance = 1800 + 600

    down = outages - out_in_maintenance
    known = DAYS * DAY - announced
    assert found[UP] / (found[UP] + found[DOWN]) == (known - down) / known


@pytest.mark.servers
def test_an_hour_speaks_of_itself_only_and_the_state_of_the_last_complete_one(past):
    batch = pulled(options(past), now=LAST - 1200)[-1]

    assert batch.state["until"] == at(LAST - HOUR).isoformat()
    assert max(row["hour"] for row in batch.rows.to_pylist()) == at(LAST - 2 * HOUR)


@pytest.mark.servers
def test_the_next_pull_reads_the_last_hours_again_and_brings_the_same(past):
    first = pulled(options(past), now=LAST - 5 * HOUR)
    second = pulled(options(past), now=LAST, state=first[-1].state)

    again = seconds(second, "shop:443")
    whole = truth(SHOP_DOWN, [], [])
    assert again == {hour: whole[hour] for hour in range(LAST - 7 * HOUR, LAST, HOUR)}


@pytest.mark.servers
def test_a_state_survives_being_written_down(past):
    state = pulled(options(past), now=FIRST + 2 * DAY)[-1].state

    assert json.loads(json.dumps(state)) == state


def landed(warehouse: Warehouse, chosen: Options, now: float) -> list[Landed]:
    run = warehouse.begin("probes", at(now))
    batches = pull(chosen, warehouse.state("probes"), context(now))
    found = [warehouse.land(run, "probes", batch) for batch in batches]
    warehouse.finish(run, error=None, advice=None, finished_at=at(now), as_of=None)
    return found


@pytest.mark.servers
def test_hours_land_once_however_often_they_are_read(past, tmp_path):
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        landed(warehouse, options(past), FIRST + 4 * DAY)
        again = landed(warehouse, options(past), FIRST + 4 * DAY + HOUR)[-1]
        (found,) = warehouse.connection.execute(
            "select count(*), sum(down_seconds), typeof(any_value(hour)) from uptime "
            "where service = 'shop:443'"
        ).fetchall()

    assert (again.new, again.changed, again.unchanged) == (2, 0, 4)
    assert found == (4 * 24 + 1, 1800.0, "TIMESTAMP")


@pytest.mark.servers
def test_a_service_that_gets_a_name_does_not_stay_under_its_label_as_well(past, tmp_path):
    named = options(past, service={"map": {"shop:443": "Shop"}})
    with Warehouse(tmp_path / "warehouse.duckdb") as warehouse:
        landed(warehouse, options(past), FIRST + 2 * DAY)
        landed(warehouse, named, FIRST + 2 * DAY + HOUR)
        found = warehouse.connection.execute(
            "select service, count(*) from uptime group by all order by all"
        ).fetchall()

    assert found == [("Shop", 49), ("mail:25", 49)]


@pytest.mark.servers
def test_hours_older_than_prometheus_keep_their_former_name(past):
    state = dict(pulled(options(past), now=FIRST + HOUR)[-1].state)
    named = options(past, service={"map": {"shop:443": "Shop"}})
    batches = pulled(named, now=FIRST + DAY, state=state)

    gone = [row for row in rows(batches).to_pylist() if row["gone"]]
    assert {row["service"] for row in gone} == {"shop:443"}
    assert min(row["hour"] for row in gone) == at(FIRST)


@pytest.mark.servers
def test_a_change_of_question_that_is_cut_off_begins_again(past, monkeypatch):
    state = pulled(options(past), now=FIRST + HOUR)[-1].state
    monkeypatch.setattr(prometheus, "_ROWS_A_BATCH", 1)
    batches = pulled(options(past, combine="any"), now=FIRST + 2 * DAY, state=state)

    assert len(batches) > 1
    assert [batch.state is None for batch in batches] == [True] * (len(batches) - 1) + [False]


@pytest.mark.servers
@pytest.mark.parametrize(
    "more", [{"maintenance": "announced"}, {"step": "1 minute"}, {"combine": "any"}]
)
def test_another_question_reads_all_hours_again(past, more):
    first = pulled(options(past), now=FIRST + 2 * DAY)
    again = pulled(options(past, **more), now=FIRST + 2 * DAY, state=first[-1].state)

    assert len(seconds(again, "mail:25")) == 48


@pytest.mark.servers
def test_a_first_pull_begins_where_it_is_told(past):
    batches = pulled(options(past, start="2026-04-01"))

    assert min(row["hour"] for row in rows(batches).to_pylist()) == dt.datetime(2026, 4, 1)


@pytest.mark.servers
def test_a_pull_within_the_first_hour_brings_nothing_yet(past):
    batches = pulled(options(past), now=FIRST + 1800)

    assert [batch.rows.num_rows for batch in batches] == [0]


@pytest.mark.servers
def test_a_service_begins_and_ends_with_its_monitoring(past):
    late = seconds(pulled(options(past, up="late_success")), "late")

    assert min(late) == FIRST + 40 * DAY + 10 * HOUR
    assert late[min(late)] == [2400, 0, 0, 1200]
    assert late[FIRST + LATE_TO] == [0, 0, 0, 3600]
    # A week after its last sample, of 11:59, it counts as gone.
    assert max(late) == FIRST + LATE_TO + 7 * DAY - HOUR


@pytest.mark.servers
def test_an_hour_that_prometheus_holds_in_part_is_not_read_anew_over_the_whole_one(past):
    late = seconds(pulled(options(past, up="late_success"), full=True), "late")

    assert min(late) == FIRST + 40 * DAY + 11 * HOUR


@pytest.mark.servers
def test_hours_that_prometheus_no_longer_holds_stay_as_they_are(past):
    long_ago = FIRST - 40 * DAY
    state = dict(pulled(options(past), now=FIRST + HOUR)[-1].state)
    state |= {"until": at(long_ago).isoformat(), "services": {"shop:443": long_ago - 15}}
    shop = seconds(pulled(options(past), now=FIRST + DAY, state=state), "shop:443")

    assert min(shop) == long_ago
    assert shop[long_ago] == [0, 0, 0, 3600]
    assert shop[FIRST] == [3600, 0, 0, 0]


@pytest.mark.servers
@pytest.mark.parametrize(
    ("combine", "noon", "one_oclock"),
    [("all", [0, 3600, 0, 0], [1800, 1800, 0, 0]), ("any", [1800, 1800, 0, 0], [3600, 0, 0, 0])],
)
def test_several_probes_of_a_service_are_combined_as_declared(past, combine, noon, one_oclock):
    chosen = options(past, up="edge_success", service={"from": "service"}, combine=combine)
    pay = seconds(pulled(chosen, now=AWAY_DAY + DAY), "pay")

    assert (pay[AWAY_DAY + 12 * HOUR], pay[AWAY_DAY + 13 * HOUR]) == (noon, one_oclock)
    assert pay[AWAY_DAY + 15 * HOUR] == [3600, 0, 0, 0]


@pytest.mark.servers
def test_the_next_sample_may_come_after_the_hour(past):
    early = seconds(pulled(options(past, up="early_success"), now=FIRST + HOUR), "early")

    assert early[FIRST] == [3600, 0, 0, 0]


@pytest.mark.servers
def test_the_state_never_goes_back_while_hours_are_read_again(past, monkeypatch):
    monkeypatch.setattr(prometheus, "_ROWS_A_BATCH", 1)
    first = pulled(options(past), now=FIRST + 3 * DAY)
    again = pulled(
        options(past, lookback="2 days"), now=FIRST + 3 * DAY + HOUR, state=first[-1].state
    )

    assert len(again) > 1
    assert min(batch.state["until"] for batch in again) == first[-1].state["until"]


@pytest.mark.servers
def test_a_sample_that_is_not_a_number_is_unknown(past):
    partly = seconds(pulled(options(past, up="partly_success"), now=FIRST + HOUR), "shop:443")

    assert partly[FIRST] == [3000, 0, 0, 600]


@pytest.mark.servers
def test_maintenance_without_a_service_label_is_everybodys(past):
    chosen = options(past, maintenance="max(announced)", start="2026-01-25")
    batches = pulled(chosen, now=FIRST + 21 * DAY)

    night = FIRST + 20 * DAY + 2 * HOUR
    assert seconds(batches, "mail:25")[night] == [0, 0, 3600, 0]
    assert seconds(batches, "shop:443")[night] == [0, 0, 3600, 0]


# --- questions ----------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Prometheus is asked, noted on the way."""
    noted: list[dict[str, Any]] = []
    ask = http.Session.json

    def note(session: http.Session, path: str, **arguments: Any) -> Any:
        noted.append(arguments["form"])
        return ask(session, path, **arguments)

    monkeypatch.setattr(http.Session, "json", note)
    return noted


@pytest.mark.servers
@pytest.mark.parametrize("step", [1, 15])
def test_no_question_is_for_more_points_than_prometheus_gives(past, asked, step):
    expression = "last_over_time(probe_success[15s]) == bool 1"
    chosen = options(past, up=expression, step=f"{step} seconds", start="2026-01-10")
    found = seconds(pulled(chosen, now=FIRST + 7 * DAY), "mail:25")

    ranges = [each for each in asked if "step" in each]
    points = [(each["end"] - each["start"]) / each["step"] + 1 for each in ranges]
    assert max(points) <= 11_000
    assert sum(hour[DOWN] for hour in found.values()) == 300


@pytest.mark.servers
def test_an_expression_sees_the_same_outages_as_the_samples(past):
    expression = "last_over_time(probe_success[15s]) == bool 1"
    chosen = options(past, up=expression, step="15 seconds")
    found = np.array(list(seconds(pulled(chosen), "shop:443").values()))

    assert found.sum(axis=0).tolist() == [
        DAYS * DAY - sum(end - begin for begin, end in SHOP_DOWN),
        sum(end - begin for begin, end in SHOP_DOWN),
        0,
        0,
    ]


@pytest.mark.servers
def test_many_samples_are_asked_for_in_shorter_stretches(past, asked, monkeypatch):
    monkeypatch.setattr(prometheus, "_SAMPLES", 2_000)
    batches = pulled(options(past), now=FIRST + 2 * DAY)

    stretches = [int(re.search(r"\[(\d+)s\]", each["query"])[1]) for each in asked[-5:]]
    assert max(stretches) < 5 * HOUR
    whole = truth(SHOP_DOWN, [], [])
    assert seconds(batches, "shop:443") == {
        hour: whole[hour] for hour in range(FIRST, FIRST + 2 * DAY, HOUR)
    }


@pytest.mark.servers
def test_many_rows_come_in_several_batches_each_with_its_state(past, monkeypatch):
    monkeypatch.setattr(prometheus, "_ROWS_A_BATCH", 500)
    batches = pulled(options(past))

    states = [batch.state["until"] for batch in batches]
    assert len(batches) > 5
    assert states == sorted(set(states))
    assert seconds(batches, "shop:443") == truth(SHOP_DOWN, [], [])


@pytest.mark.parametrize(
    ("expression", "is_selector"),
    [
        ("probe_success", True),
        (' probe_success {job="a}b", instance =~ "x.*",} ', True),
        ('{__name__="probe_success"}', True),
        ("{'probe.success', job!~`a`}", True),
        ("probe_success == bool 1", False),
        ("max by (instance) (probe_success)", False),
        ('probe_success{job="b"} offset 1h', False),
        ("probe_success[5m]", False),
    ],
)
def test_a_selector_is_told_from_an_expression(expression, is_selector):
    assert promql.is_selector(expression) is is_selector


def scraped(includes_edge: bool) -> Any:
    """A server that cuts ranges like Prometheus 2 (with both edges), or 3 (without the first)."""

    def answer(request: Request) -> Answer:
        form = parse_qs(request.body)
        times = list(range(FIRST, FIRST + 6 * HOUR, 450))
        kind = "matrix"
        if form["query"] == ["vector(1)"]:
            kind, result = "vector", [{"metric": {}, "value": [FIRST, "1"]}]
        elif "step" in form:
            result = [{"metric": {}, "values": [[FIRST + DAY, "1"]]}]
        else:
            end = int(form["time"][0])
            begin = end - int(re.search(r"\[(\d+)s\]", form["query"][0])[1])
            values = [
                [t, str(t // 450 % 2)]
                for t in times
                if begin < t <= end or (includes_edge and t == begin)
            ]
            result = [{"metric": {"instance": "shop"}, "values": values}]
        data = {"resultType": kind, "result": result}
        return Answer(json.dumps({"status": "success", "data": data}).encode())

    return answer


def test_a_range_with_its_first_edge_and_one_without_give_the_same_seconds(monkeypatch):
    # So that every edge of a question has a sample: 450 seconds and a second either way.
    monkeypatch.setattr(prometheus, "_margin", lambda options: 450)
    found = []
    for includes_edge in (True, False):
        with serving(scraped(includes_edge)) as server:
            chosen = options(server.url, step="450 seconds", start="2026-01-05")
            found.append(seconds(pulled(chosen, now=FIRST + 6 * HOUR), "shop"))

    assert found[0] == found[1]
    assert set(map(tuple, found[0].values())) == {(1800, 1800, 0, 0)}


@pytest.mark.parametrize("ahead", [600, 5 * HOUR])
def test_a_clock_of_ours_that_is_ahead_lands_no_hour_that_is_still_to_come(ahead):
    theirs = FIRST + 3 * HOUR - 300
    with serving(scraped(includes_edge=True), now=lambda: theirs) as server:
        chosen = options(server.url, step="450 seconds", start="2026-01-05")
        first = pulled(chosen, now=theirs + ahead)
        theirs += HOUR
        second = pulled(chosen, now=theirs + ahead, state=dict(first[-1].state))

    assert set(seconds(first, "shop")) == {FIRST, FIRST + HOUR}
    assert seconds(second, "shop")[FIRST + 2 * HOUR] == [1800, 1800, 0, 0]
    assert second[-1].state["until"] == at(FIRST + 3 * HOUR).isoformat()


def test_hours_that_a_clock_ahead_has_skipped_are_read_once_they_are_over():
    with serving(scraped(includes_edge=True), now=lambda: FIRST + 4 * HOUR) as server:
        chosen = options(server.url, step="450 seconds", start="2026-01-05")
        ahead = dict(pulled(chosen, now=FIRST + 2 * HOUR)[-1].state)
        ahead["until"] = at(FIRST + 9 * HOUR).isoformat()
        found = pulled(chosen, now=FIRST + 4 * HOUR, state=ahead)

    assert seconds(found, "shop")[FIRST + 3 * HOUR] == [1800, 1800, 0, 0]
    assert found[-1].state["until"] == at(FIRST + 4 * HOUR).isoformat()


# --- a live target ------------------------------------------------------------------------------


@pytest.mark.servers
def test_a_live_outage_is_as_long_as_it_was_and_a_dead_monitor_is_none(tmp_path):
    port, prober, log = free_port(), free_port(), tmp_path / "target.log"
    serve = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    target = f"http://127.0.0.1:{port}"
    with running(serve, log) as server:
        wait_for(lambda: listens(port), "the target listens")
        with (
            running_prometheus(tmp_path, probing(target, prober)) as url,
            connected(chosen := options(url, step="1 second")) as session,
            blackbox_exporter(tmp_path, prober) as monitor,
        ):

            def seen() -> list[str]:
                found = session.json("api/v1/query", {"query": "probe_success"})["data"]["result"]
                return [series["value"][1] for series in found]

            def watched(begin: int, end: int) -> list[int]:
                found = measure(session, chosen, begin, end, width=end - begin, expected=[target])
                return found[target].seconds[0].tolist()

            wait_for(lambda: seen() == ["1"], "the target is seen to be up")
            begin = int(time.time()) + 1
            time.sleep(3)
            server.kill()
            server.wait()
            killed = time.time()
            wait_for(lambda: seen() == ["0"], "the target is seen to be down")
            time.sleep(6)
            with running(serve, log):
                wait_for(lambda: listens(port), "the target listens again")
                outage = time.time() - killed
                wait_for(lambda: seen() == ["1"], "the target is seen to be up again")
                time.sleep(2)
                monitor.kill()
                monitor.wait()
                end = int(time.time()) - 1
                wait_for(lambda: seen() == [], "nobody looks at the target any more")
                time.sleep(4)
            known, blind = watched(begin, end), watched(end + 4, int(time.time()))
            hour = begin // HOUR * HOUR
            with connected(chosen) as session:
                hours = measure(session, chosen, hour, hour + 2 * HOUR)[target].seconds

    assert sum(known) == end - begin
    # A scrape a second, and times rounded to seconds: so far a measured outage may be off.
    assert known[DOWN] <= outage + 2
    assert known[DOWN] + known[UNKNOWN] >= outage - 2
    assert blind[:UNKNOWN] == [0, 0, 0]
    assert hours[:, DOWN].sum() == known[DOWN]
    assert set(hours.sum(axis=1).tolist()) == {3600}


# --- bad days -----------------------------------------------------------------------------------


def failure(chosen: Options, now: float = LAST) -> str:
    with pytest.raises(SourceError) as caught:
        pulled(chosen, now=now)
    return str(caught.value)


@pytest.mark.servers
def test_a_question_that_prometheus_refuses_comes_with_its_own_words(past):
    said = failure(options(past, up="sum(probe_success"))

    assert "Prometheus refuses `up`" in said
    assert "parse error: unclosed left parenthesis" in said


@pytest.mark.servers
def test_a_refused_maintenance_names_its_own_key(past):
    said = failure(options(past, maintenance="probe_success and"))

    assert "Prometheus refuses `maintenance`" in said


@pytest.mark.servers
def test_a_series_that_is_not_0_or_1_is_an_error(past):
    said = failure(options(past, up="latency_seconds"))

    assert '`up` must be 0 or 1, but latency_seconds{instance="shop:443"} is 0.25' in said


@pytest.mark.servers
def test_a_label_that_is_not_there_is_named_with_those_that_are(past):
    said = failure(options(past, service={"from": "app"}))

    assert "has no label 'app'" in said
    assert "it has: instance, job" in said


@pytest.mark.servers
def test_a_question_that_finds_nothing_is_an_error_at_the_first_pull(past):
    said = failure(options(past, up="prob_success"))

    assert "Prometheus has no sample of prob_success since" in said


@pytest.mark.servers
def test_a_refused_password_is_an_error_and_the_right_one_is_not(tmp_path):
    hashed = "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
    with running_prometheus(tmp_path, web_config=f"basic_auth_users: {{kpi: {hashed}}}") as url:
        refused = failure(options(url, user="kpi", password="open sesam"))
        let_in = failure(options(url, user="kpi", password="open sesame"))

    assert "refuses `user` and `password` (401 Unauthorized" in refused
    assert "has no sample" in let_in


def test_token_and_tenant_are_sent_along():
    with serving(lambda request: Answer(status=400)) as server:
        failure(options(server.url, token="t0ken", tenant="ours"))

        headers = server.asked[0].headers
        assert (headers["Authorization"], headers["X-Scope-OrgID"]) == ("Bearer t0ken", "ours")


def test_a_part_of_an_answer_is_no_answer():
    body = {"status": "success", "data": {"resultType": "matrix", "result": []}}
    partial = json.dumps(body | {"warnings": ["store 2 is away"]}).encode()
    with serving(lambda request: Answer(partial)) as server:
        said = failure(options(server.url))

    assert "only a part of the answer: store 2 is away" in said


def test_a_system_that_limits_how_far_a_question_reaches_is_read_from_the_start_declared():
    cut = scraped(includes_edge=True)

    def answer(request: Request) -> Answer:
        too_far = Answer(b'{"error": "the query time range exceeds the limit"}', status=422)
        return too_far if "step=" in request.body else cut(request)

    with serving(answer) as server:
        said = failure(options(server.url))
        found = pulled(options(server.url, start="2026-01-05"), now=FIRST + HOUR)

    assert "the query time range exceeds the limit" in said
    assert "declare `start`" in said
    assert set(seconds(found, "shop")) == {FIRST}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!doctype html>Sign in", "a web page instead of data"),
        (b"ready", "not JSON: 'ready'"),
        (b'{"status": "ok"}', "The answer is not one of Prometheus's"),
        (b"[1]", "The answer is not one of Prometheus's"),
        (b'{"data": {"resultType": "scalar", "result": []}}', "`up` gives a scalar, not series"),
    ],
)
def test_what_does_not_come_from_a_prometheus_is_an_error(body, words):
    with serving(lambda request: Answer(body)) as server:
        assert words in failure(options(server.url))


def test_a_prometheus_that_is_not_there_is_an_error(clock):
    assert "Nothing answers at http://127.0.0.1:" in failure(
        options(f"http://127.0.0.1:{free_port()}")
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"user": "kpi"}, "go together"),
        ({"token": "t", "user": "kpi", "password": "p"}, "write either 'token'"),
        ({"step": "0 seconds"}, "at least 1 second"),
        ({"service": {"form": "app"}}, "form"),
    ],
)
def test_options_that_make_no_sense_are_refused(more, words):
    with pytest.raises(ValidationError, match=words):
        options("http://127.0.0.1", **more)


# --- check --------------------------------------------------------------------------------------


def checked(chosen: Options, now: float = LAST) -> list[str]:
    return list(check(chosen, context(now)))


def unchecked(chosen: Options, now: float = LAST) -> str:
    with pytest.raises(SourceError) as caught:
        checked(chosen, now)
    return str(caught.value)


@pytest.mark.servers
def test_a_check_counts_the_series_and_names_the_services_and_the_first_hour(past):
    chosen = options(past, maintenance="announced", service={"map": {"shop:443": "Shop"}})

    assert checked(chosen) == [
        f"{past} answers as a Prometheus does.",
        "`up` gives 2 series now, of these services: Shop, mail:25.",
        "`maintenance` gives 1 series now.",
        "A first pull looks from 2026-01-04 on, and brings whole hours into uptime.",
    ]


@pytest.mark.servers
def test_a_check_of_a_series_that_is_not_there_now_says_so(past):
    said = unchecked(options(past), now=LAST + DAY)

    assert "No series of probe_success has a sample now." in said


@pytest.mark.servers
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"up": "sum(probe_success"}, "Prometheus refuses `up`"),
        ({"up": "2 * probe_success"}, "`up` must be 0 or 1"),
        ({"up": "1"}, "`up` gives a scalar, not series"),
        ({"maintenance": "probe_success and"}, "Prometheus refuses `maintenance`"),
        ({"service": {"from": "app"}}, "has no label 'app'"),
    ],
)
def test_a_check_refuses_what_a_pull_would(past, more, words):
    assert words in unchecked(options(past, **more))
