"""A load over HTTP that is killed goes on where it was, loses nothing and doubles nothing."""

from __future__ import annotations

import datetime as dt
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kpi.warehouse import Warehouse
from tests.connectors.stripe_peer import KEY, StripePeer, transaction

ROOT = Path(__file__).parents[2]
KILLS = 50
WEEKS, A_WEEK = 800, 10
START = dt.datetime(2005, 1, 3, tzinfo=dt.UTC)
NOW = START + dt.timedelta(weeks=WEEKS)
# As a refresh does it: whole windows with the state that follows from them.
CHILD = """
import datetime as dt, sys
from pathlib import Path
import pyarrow as pa
from connectors import stripe
from connectors.contract import Context
from kpi.warehouse import Warehouse

path, url, key, now = Path(sys.argv[1]), *sys.argv[2:4], dt.datetime.fromisoformat(sys.argv[4])
options = stripe.Options.model_validate(
    {"connector": "stripe", "url": url, "token": key, "into": "payments",
     "start": "2005-01-03", "page_size": 1}
)
pa.array([1])  # the first one loads pandas, which takes as long as until the next kill
with Warehouse(path) as warehouse:
    run = warehouse.begin("ledger", now)
    print("ready", flush=True)
    for batch in stripe.pull(options, warehouse.state("ledger"), Context(path.parent, now)):
        warehouse.land(run, "ledger", batch)
    warehouse.finish(run, error=None, advice=None, finished_at=now, as_of=None)
"""


def found(path: Path) -> tuple[int, int, int, int]:
    """Rows, different rows, the sum of all amounts, and how far the load has come (seconds)."""
    with Warehouse(path) as warehouse:
        ((rows, distinct, total),) = warehouse.connection.execute(
            "select count(*), count(distinct entry_id), coalesce(sum(amount_minor), 0) "
            "from main.payments"
        ).fetchall()
        return rows, distinct, int(total), warehouse.state("ledger").get("until") or 0


@pytest.mark.servers
def test_a_load_that_is_killed_fifty_times_comes_to_the_ledger_of_its_system(
    tmp_path: Path,
) -> None:
    path, peer, moments = tmp_path / "warehouse.duckdb", StripePeer(), random.Random(5)
    for number in range(WEEKS * A_WEEK):
        at = START + number * dt.timedelta(weeks=1) / A_WEEK
        peer.ledger.put(transaction(f"txn_{number:05}", int(at.timestamp()), number + 1, fee=0))
    command = [sys.executable, "-c", CHILD, str(path)]
    told = NOW.replace(tzinfo=None).isoformat()
    seen = []
    with peer.serving() as server:
        words = [*command, server.url, KEY, told]
        for _ in range(KILLS):
            with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as child:
                assert child.stdout is not None and child.stdout.readline() == b"ready\n"
                time.sleep(moments.uniform(0.0, 0.5))
                child.send_signal(signal.SIGKILL)
            seen.append(found(path))
        subprocess.run(words, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)

    entries = WEEKS * A_WEEK
    assert [rows - distinct for rows, distinct, _, _ in seen] == [0] * KILLS
    assert [reached for *_, reached in seen] == sorted(reached for *_, reached in seen)
    assert 0 < seen[-1][0] < entries
    assert found(path)[:3] == (entries, entries, entries * (entries + 1) // 2)
