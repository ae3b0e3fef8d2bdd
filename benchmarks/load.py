"""Many readers at once while an editor publishes: one process against three behind nginx.

Run it with `python -m benchmarks.load [READERS]... [--seconds N] [--thinking N] [--short]`. The
sample company's dashboard runs as real processes; readers are open sessions that ask, read for a
while, and ask again. Meanwhile an edited vocabulary is published every few seconds. Each run must
show the newest edition that was there when it was asked for, and no session may ever see an older
one than before. Readers, editor and servers share this machine: the load average tells how much
of it was left.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import websockets

from benchmarks.figures import keep
from benchmarks.pages import cpu, fill, resident
from benchmarks.replicas import Proxy, proxied
from benchmarks.sessions import Session
from kpi.editions import current
from tests.pages.served import Served, serving

PROJECT = Path(__file__).parents[1]
READERS = (10, 50, 100, 200)
REPLICAS = 3
THINKING = 10.0  # seconds between two questions of one reader, on average
SECONDS = 60.0  # how long readers go on
PUBLISHING = 5.0  # seconds between the end of one publication and the next
_SHORT: tuple[tuple[int, ...], float, float] = ((10,), 3.0, 15.0)  # readers, thinking, seconds
# What readers look at, by page and query: mostly the scorecard, then one metric.
_WALK = (
    ("", ""),
    ("", "period=month"),
    ("", ""),
    ("", "view=list"),
    ("metric", "m=uptime"),
    ("metric", "m=nps"),
    ("vocabulary", ""),
)
_LABEL = "    label: Service availability"


@dataclass(frozen=True)
class Run:
    """One run that a reader asked for: when, how long it took, what it has shown."""

    reader: int
    asked: float
    took: float
    edition: int | None


@dataclass
class Seen:
    """What became of everything that was asked and published."""

    runs: list[Run] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    published: list[tuple[float, int]] = field(default_factory=list)  # since when which edition

    def stale(self) -> int:
        """How many runs have shown an older edition than was published when they were asked for."""
        return sum(
            run.edition is not None
            and run.edition < max((n for at, n in self.published if at <= run.asked), default=0)
            for run in self.runs
        )

    def backwards(self) -> int:
        """How many runs have shown an older edition than the same reader's run before."""
        found = 0
        newest: dict[int, int] = {}
        for run in sorted(self.runs, key=lambda run: run.asked):
            if run.edition is not None:
                found += run.edition < newest.get(run.reader, 0)
                newest[run.reader] = run.edition
        return found


async def read(seen: Seen, address: str, reader: int, thinking: float, until: float) -> None:
    """One reader, from the first look to the end; what goes wrong is counted."""
    chance = random.Random(reader)
    # Not all at once: nobody's office arrives in one second.
    await asyncio.sleep(chance.uniform(0, thinking))
    try:
        cookie = await asyncio.to_thread(_first_answer, address)
        async with Session(address, cookie) as session:
            await session.run()
            while time.perf_counter() < until:
                await asyncio.sleep(chance.uniform(0.5, 1.5) * thinking)
                asked = time.perf_counter()
                took = await session.run(*chance.choice(_WALK))
                seen.runs.append(Run(reader, asked, took, session.edition))
                if session.edition is None:
                    seen.errors["a page without an edition"] += 1
    except (OSError, TimeoutError, websockets.WebSocketException) as error:
        seen.errors[type(error).__name__] += 1


def _first_answer(address: str) -> str | None:
    """What a browser does first; the cookie that came with it."""
    with urllib.request.urlopen(address, timeout=60) as answer:
        given: str | None = answer.headers["Set-Cookie"]
    return given.partition(";")[0] if given else None


async def edit(seen: Seen, home: Path, until: float) -> None:
    """An editor who publishes another label every few seconds."""
    text = (PROJECT / "metrics.yaml").read_text(encoding="utf-8")
    assert _LABEL in text
    while time.perf_counter() < until:
        label = f"{_LABEL} {_edition(home) + 1}"
        (home / "metrics.yaml").write_text(text.replace(_LABEL, label, 1), encoding="utf-8")
        refresh = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kpi", "--home", str(home), "refresh", "--no-pull"),
            cwd=PROJECT,
            stderr=asyncio.subprocess.DEVNULL,
        )
        if await refresh.wait():
            seen.errors["an edition that was not published"] += 1
        seen.published.append((time.perf_counter(), _edition(home)))
        await asyncio.sleep(PUBLISHING)


def _edition(home: Path) -> int:
    pointer = current(home)
    assert pointer is not None
    return pointer.number


@dataclass(frozen=True)
class Way:
    """A way to serve: its address, its processes by name, and the proxy if there is one."""

    name: str
    address: str
    processes: dict[str, Served]
    proxy: Proxy | None = None


def served(stack: ExitStack, home: Path, replicas: int) -> Way:
    """So many dashboards on one home, behind nginx if there are several."""
    dashboards = [stack.enter_context(serving(home)) for _ in range(replicas)]
    if replicas == 1:
        return Way("one process", dashboards[0].address, {"server": dashboards[0]})
    hosts = [urlsplit(dashboard.address).netloc for dashboard in dashboards]
    proxy = stack.enter_context(proxied(hosts))
    processes = {f"replica {n}": each for n, each in enumerate(dashboards, 1)}
    processes["nginx"] = proxy.served
    return Way(f"{replicas} replicas", proxy.served.address, processes, proxy)


async def measure(
    home: Path, way: Way, readers: int, thinking: float, seconds: float
) -> tuple[Seen, dict[str, tuple[float, float]]]:
    """What was seen, and the share of a core and the MB of each process."""
    seen = Seen(published=[(time.perf_counter(), _edition(home))])
    before = {name: cpu(process) for name, process in way.processes.items()}
    started = time.perf_counter()
    until = started + thinking + seconds
    everybody = (read(seen, way.address, n, thinking, until) for n in range(readers))
    await asyncio.gather(edit(seen, home, until), *everybody)
    lasted = time.perf_counter() - started
    used = {
        name: (100 * (cpu(process) - before[name]) / lasted, resident(process))
        for name, process in way.processes.items()
    }
    return seen, used


def tell(
    way: Way, readers: int, seen: Seen, used: dict[str, tuple[float, float]]
) -> dict[str, object]:
    """Prints what was seen, and gives it as figures."""
    took = [1000 * run.took for run in seen.runs]
    p50, p95, p99 = (quantile(took, share) for share in (0.50, 0.95, 0.99))
    moved = sum(len(met) > 1 for met in way.proxy.met().values()) if way.proxy else 0
    wrong = {
        **seen.errors,
        "older than published": seen.stale(),
        "older than seen before": seen.backwards(),
        "visitors that changed their replica": moved,
    }
    wrong = {what: count for what, count in wrong.items() if count}
    print(
        f"{way.name:12} {readers:4} readers {len(took):5} runs"
        f"  p50 {p50:6.0f} ms  p95 {p95:6.0f} ms  p99 {p99:6.0f} ms"
        f"  {len(seen.published) - 1} editions, load average {os.getloadavg()[0]:.1f}"
    )
    for name, (share, megabytes) in used.items():
        print(f"{'':12} {name:10} {share:4.0f} % of a core, {megabytes:4.0f} MB")
    print(f"{'':12} wrong: {wrong or 'nothing'}", flush=True)
    figures: dict[str, object] = {"way": way.name, "readers": readers, "runs": len(took)}
    figures |= {"p50": p50, "p95": p95, "p99": p99, "editions": len(seen.published) - 1}
    return figures | {"wrong": wrong, "processes": used}


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of all lies; not a number where there are too few."""
    if len(values) < 2:
        return float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[round(100 * share) - 1]


def main(readers: Sequence[int], thinking: float, seconds: float) -> int:
    """Prints and keeps it for both ways; the exit code is 1 where anything went wrong."""
    wrong = False
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        fill(home)
        for replicas in (1, REPLICAS):
            with ExitStack() as stack:
                way = served(stack, home, replicas)
                for count in readers:
                    seen, used = asyncio.run(measure(home, way, count, thinking, seconds))
                    figures = tell(way, count, seen, used)
                    figures["thinking"] = thinking
                    keep("load", f"{way.name} {count}", figures)
                    wrong = wrong or bool(figures["wrong"])
    return int(wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", type=int, default=READERS)
    parser.add_argument("--thinking", type=float, default=THINKING)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--short", action="store_true", help="ten readers, a quarter of a minute")
    given = parser.parse_args()
    if given.short:
        sys.exit(main(*_SHORT))
    sys.exit(main(given.readers, given.thinking, given.seconds))
