"""What the pages cost: first load, rerun, a hundred readers at once, memory over many sessions.

Run it with `python -m benchmarks.pages [READERS] [SESSIONS]`. The dashboard of the sample company
runs as a process of its own. Times depend on what else the machine does, which the load average
beside them tells; bytes, requests, CPU and memory do not.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.sessions import Session
from kpi.refresh import refresh
from sample.company import write
from tests.pages.served import Served, chromium, serving, settled

PROJECT = Path(__file__).parents[1]
READERS, SESSIONS = 100, 1000
THINKING = 10.0  # seconds between two questions of one reader
ROUNDS = 3  # questions of each reader
_TICKS = os.sysconf("SC_CLK_TCK")
# What readers look at, by page and query: mostly the scorecard, then one metric.
_WALK = (("", ""), ("", "period=month"), ("", ""), ("", "view=list"))
_RERUNS = (("", ""), ("", "period=month"), ("metric", "m=uptime"), ("metric", "m=nps"))
_RERUNS += (("metric", "m=uptime&tab=breakdown"), ("vocabulary", ""), ("sources", ""))


def fill(home: Path) -> None:
    """The sample company's home, refreshed and published."""
    for name in ("metrics.yaml", "sources.yaml"):
        (home / name).write_text((PROJECT / name).read_text(encoding="utf-8"), encoding="utf-8")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None, microsecond=0)
    write(home / "data" / "sample", now)
    refresh(home, now=lambda: now)


def cpu(server: Served) -> float:
    """The CPU seconds that the server has taken so far."""
    fields = Path(f"/proc/{server.process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident(server: Served) -> float:
    """The memory that the server holds, in MB."""
    lines = Path(f"/proc/{server.process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def busy() -> str:
    return f"load average {os.getloadavg()[0]:.1f}"


def said(what: str, figure: str, limit: str = "") -> None:
    print(f"{what:44} {figure}" + (f"   (limit {limit})" if limit else ""), flush=True)


# --- in Chromium --------------------------------------------------------------------------------


def first_load(browser: Browser, server: Served, path: str) -> None:
    """Bytes and requests of a visit with an empty cache, and what packing them cost the server."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    sizes: list[int] = []
    network.on("Network.loadingFinished", lambda told: sizes.append(told["encodedDataLength"]))
    before, started = cpu(server), time.perf_counter()
    page.goto(server.address + path)
    settled(page)
    shown = _until_drawn(page, started) if "metric" in path else time.perf_counter() - started
    page.wait_for_timeout(1000)
    spent = cpu(server) - before
    said(
        f"first load of {path}",
        f"{sum(sizes) / 1e6:.2f} MB in {len(sizes)} requests, {spent * 1000:.0f} ms CPU, "
        f"shown after {shown:.1f} s at {busy()}",
        "1.2 MB" if path == "/" else "",
    )
    context.close()


def _until_drawn(page: Page, started: float) -> float:
    page.locator(".js-plotly-plot .main-svg").first.wait_for(state="visible", timeout=60_000)
    return time.perf_counter() - started


def chart(browser: Browser, server: Served) -> None:
    """That the chart comes with the first run of the script: nothing is asked after it."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sent: list[object] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    page.goto(f"{server.address}/metric?m=uptime")
    settled(page)
    page.locator(".js-plotly-plot .main-svg").first.wait_for(state="visible", timeout=60_000)
    page.wait_for_timeout(1000)
    said("questions until a metric's chart is drawn", str(len(sent)), "1")
    context.close()


def one_screen(browser: Browser, server: Served) -> None:
    """How far the scorecard is from having to be scrolled."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(server.address)
    settled(page)
    legend = page.locator(".legend").bounding_box()
    assert legend is not None
    rows = page.locator(".row").count()
    said(f"{rows} metrics and the legend end at", f"{legend['y'] + legend['height']:.0f} px", "900")
    context.close()


# --- without a browser --------------------------------------------------------------------------


async def reruns(server: Served, rounds: int = 40) -> None:
    """The server's CPU for a full run of each page whose answers are kept."""
    async with Session(server.address) as session:
        for page, query in _RERUNS:
            await session.run(page, query)
            before = cpu(server)
            for _ in range(rounds):
                await session.run(page, query)
            spent = 1000 * (cpu(server) - before) / rounds
            said(f"CPU of a rerun of /{page}?{query}", f"{spent:.0f} ms", "80 ms")


async def readers(server: Served, count: int) -> None:
    """Many open sessions, each asking, reading, and asking again."""
    took: list[float] = []

    async def read(seed: int) -> None:
        chance = random.Random(seed)
        async with Session(server.address) as session:
            await asyncio.sleep(chance.uniform(0, THINKING))
            await session.run()
            for _ in range(ROUNDS):
                await asyncio.sleep(chance.uniform(0.5, 1.5) * THINKING)
                took.append(await session.run(*chance.choice(_WALK)))

    before, started = cpu(server), time.perf_counter()
    await asyncio.gather(*map(read, range(count)))
    seconds = time.perf_counter() - started
    p50, p95 = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    share = 100 * (cpu(server) - before) / seconds
    said(
        f"{count} readers, a full rerun",
        f"p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms, {share:.0f} % of a core, {busy()}",
        "p95 1000 ms",
    )


async def many_sessions(server: Served, count: int) -> None:
    """Memory while sessions come and go, ten at a time."""

    async def visit() -> None:
        async with Session(server.address) as session:
            await session.run()
            await session.run("metric", "m=uptime")

    held: dict[int, float] = {}
    for done in range(10, count + 1, 10):
        await asyncio.gather(*(visit() for _ in range(10)))
        if done % max(count // 10, 10) == 0:
            held[done] = resident(server)
    said("memory after so many sessions", ", ".join(f"{n}: {mb:.0f} MB" for n, mb in held.items()))
    later = {n: mb for n, mb in held.items() if n >= count // 2}
    if len(later) > 1:
        slope = statistics.linear_regression(list(later), list(later.values())).slope
        said("growth over the second half", f"{slope * 1000:.1f} kB a session")


def main(count: int = READERS, sessions: int = SESSIONS) -> None:
    """Prints every figure beside its limit."""
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        with serving(Path(folder)) as server:
            with chromium() as browser:
                for path in ("/", "/", "/metric?m=uptime"):
                    first_load(browser, server, path)
                chart(browser, server)
                one_screen(browser, server)
            asyncio.run(reruns(server))
            asyncio.run(readers(server, count))
            asyncio.run(many_sessions(server, sessions))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
