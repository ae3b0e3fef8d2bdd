"""How many incidents a second of CPU brings over HTTP, page by page, into the working database.

    python -m benchmarks.paging [RECORDS] [--page-size 1000] [--peer-python PATH]
                                [--peer-records 50000]

A server in a process of its own makes up the records. Whoever pulls them is a process of its own
too, whose CPU (all its threads) and peak memory are measured; imports do not count. PATH is a
Python that has `dlt[duckdb]` and pyarrow installed: its REST source and we then pull the fewer
records of `--peer-records` in turn, because a first pull of all of them would take it minutes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from connectors import paging
from connectors.bundles import bundles
from connectors.contract import Batch, Column, Pages, Shape
from connectors.http import Session
from kpi.warehouse import Warehouse

ROUNDS = 3
PROJECT = Path(__file__).parents[1]
_PEER = Path(__file__).with_name("peer_dlt.py")
NOW = dt.datetime(2026, 11, 21, 10)
FIELDS = {
    "id": "id",
    "title": "title",
    "status": "status",
    "created_at": "created_at",
    "acknowledged_at": "acknowledged_at",
    "resolved_at": "resolved_at",
    "service": "service.summary",
    "priority": "priority.summary",
    "region": "region",
    "reopened": "reopened",
    "customer_facing": "customer_facing",
}
SHAPE = Shape(
    (
        Column("incident_id", "id"),
        Column("title"),
        Column("status"),
        Column("opened_at", "created_at"),
        Column("acknowledged_at"),
        Column("resolved_at"),
        Column("service"),
        Column(
            "severity",
            "priority",
            values={f"P{n}": f"sev{n}" for n in range(1, 5)},
            otherwise="unknown",
        ),
        Column("region"),
        Column("reopened"),
        Column("customer_facing"),
    ),
    key=("incident_id",),
)


@dataclass(frozen=True)
class Cost:
    """What one pull took and brought."""

    seconds: float
    cpu: float
    megabytes: float
    rows: int
    resolved: int

    @property
    def pace(self) -> float:
        """Records for each second of CPU."""
        return self.rows / self.cpu


# --- the system that is asked ---------------------------------------------------------------------


def incident(number: int) -> dict[str, object]:
    """One incident as such systems give it; nearly 600 bytes of JSON."""
    opened = dt.datetime(2024, 1, 1) + dt.timedelta(seconds=60 * number)
    moment = "%Y-%m-%dT%H:%M:%SZ"
    is_resolved = number % 50 != 0
    resolved = (opened + dt.timedelta(minutes=3 + number % 600)).strftime(moment)
    id_ = f"Q{number:012d}"
    return {
        "id": id_,
        "incident_number": number,
        "title": f"Payments: error rate above 2 % on node {number % 977}, upstream timed out",
        "status": "resolved" if is_resolved else "triggered",
        "urgency": ("high", "low")[number % 2],
        "created_at": opened.strftime(moment),
        "acknowledged_at": (opened + dt.timedelta(minutes=2)).strftime(moment),
        "resolved_at": resolved if is_resolved else None,
        "service": {
            "id": f"S{number % 40:06d}",
            "type": "service",
            "summary": f"api-{number % 40}",
        },
        "priority": {"id": f"P{number % 5:06d}", "summary": f"P{1 + number % 5}"},
        "escalation_policy": {"id": f"E{number % 7:06d}", "summary": "Follow the sun"},
        "region": ("EMEA", "AMER", "APAC")[number % 3],
        "reopened": number % 11 // 10,
        "customer_facing": number % 4 == 0,
        "html_url": f"https://incidents.example/incidents/{id_}",
    }


def answer(query: str, records: int) -> bytes:
    """The page after a cursor, and the cursor of the next one."""
    asked = parse_qs(query)
    begin = int(asked.get("cursor", ["0"])[0])
    end = min(begin + int(asked["limit"][0]), records)
    found = [incident(number) for number in range(begin, end)]
    page = {"incidents": found, "next": str(end) if end < records else None}
    return json.dumps(page, separators=(",", ":")).encode()


def serve(records: int) -> None:
    """Answers until it is ended; says its port first."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = answer(urlsplit(self.path).query, records)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


@contextmanager
def serving(records: int) -> Iterator[str]:
    """The address of a system with so many incidents."""
    command = [sys.executable, "-m", "benchmarks.paging", "--serve", str(records)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


# --- those who ask --------------------------------------------------------------------------------


def pages(url: str, page_size: int) -> Iterator[bytes]:
    """Every page as it came, turned and guarded as a connector's pages are."""
    with Session(url, timeout=dt.timedelta(seconds=60)) as session:
        turned = paging.by_cursor(
            session,
            "incidents",
            {"limit": page_size},
            cursor="cursor",
            following=paging.at("next"),
            records="incidents",
        )
        yield from (page.content for page in turned)


def pull(url: str, page_size: int, warehouse: Warehouse) -> None:
    """Pulls and lands everything."""
    run = warehouse.begin("incidents", NOW)
    for documents in bundles(pages(url, page_size)):
        rows = Pages(documents, "incidents", FIELDS)
        warehouse.land(run, "incidents", Batch("incidents", rows, SHAPE, "incidents"))
    warehouse.finish(run, error=None, advice=None, finished_at=NOW, as_of=None)


def child(url: str, page_size: int) -> None:
    """Pulls in this process, and prints what it cost and brought."""
    with tempfile.TemporaryDirectory() as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        with Warehouse(Path(folder) / "warehouse.duckdb") as warehouse:
            pull(url, page_size, warehouse)
            seconds, used = time.perf_counter() - wall, time.process_time() - cpu
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            ((rows, resolved),) = warehouse.connection.execute(
                "select count(distinct incident_id), count(resolved_at) from main.incidents"
            ).fetchall()
    # macOS counts bytes, Linux kilobytes.
    print(seconds, used, peak / (1024 if sys.platform == "linux" else 1024**2), rows, resolved)


def ours(url: str, page_size: int) -> Cost:
    """What our pull costs, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.paging", "--pull", url]
    return _cost([*command, "--page-size", str(page_size)])


def theirs(python: Path, url: str, page_size: int) -> Cost:
    """What the peer's pull costs."""
    with tempfile.TemporaryDirectory() as folder:
        return _cost([str(python), str(_PEER), url, str(page_size)], folder)


def _cost(command: list[str], folder: str | None = None) -> Cost:
    # The peer tells its makers of every run unless it is asked not to.
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
    done = subprocess.run(
        command, cwd=folder or PROJECT, env=os.environ | quiet, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit("a pull has failed; its error stands above")
    seconds, cpu, megabytes, rows, resolved = done.stdout.split()[-5:]
    return Cost(float(seconds), float(cpu), float(megabytes), int(rows), int(resolved))


# --- the figures ----------------------------------------------------------------------------------


def show(name: str, cost: Cost) -> None:
    """Prints one line."""
    print(
        f"{name:22} {cost.rows:>10,} records {cost.pace:>9,.0f} a CPU second "
        f"{cost.rows / cost.seconds:>9,.0f} a second {cost.megabytes:6.0f} MB",
        flush=True,
    )


def compare(python: Path, records: int, page_size: int) -> None:
    """Prints our pace, the peer's, and their ratio, round by round."""
    ratios = []
    with serving(records) as url:
        for _ in range(ROUNDS):
            pair = ours(url, page_size), theirs(python, url, page_size)
            if len({(cost.rows, cost.resolved) for cost in pair}) > 1:
                raise SystemExit("the peer has other incidents than we")
            show("ours", pair[0])
            show("dlt, REST to Parquet", pair[1])
            ratios.append(pair[0].pace / pair[1].pace)
    print(f"ours brings {statistics.median(ratios):.1f} times as many records a CPU second")


def main(records: int, page_size: int, python: Path | None, peer_records: int) -> None:
    """Pulls everything once, and the fewer records in turn with a peer where one is given."""
    size = len(answer(f"limit={page_size}", records))
    print(f"pages of {page_size:,} records, {size / min(page_size, records):.0f} bytes each")
    with serving(records) as url:
        found = ours(url, page_size)
        show("ours", found)
    if found.rows != records:
        raise SystemExit(f"{found.rows:,} of {records:,} incidents arrived")
    if python is not None:
        compare(python, min(peer_records, records), page_size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--page-size", type=int, default=1000)
    parser.add_argument("--peer-python", type=Path)
    parser.add_argument("--peer-records", type=int, default=50_000)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--pull", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        serve(given.serve)
    elif given.pull is not None:
        child(given.pull, given.page_size)
    else:
        main(given.records, given.page_size, given.peer_python, given.peer_records)
