"""Figures that benchmarks keep in `benchmarks/data/figures.json`, with their day and machine."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import DATA

FILE = DATA / "figures.json"


@dataclass
class Spent:
    """Seconds by the clock, and of this process's CPU."""

    wall: float = 0.0
    cpu: float = 0.0

    def __str__(self) -> str:
        return f"{self.wall:.2f} s, {self.cpu:.2f} s CPU"


@contextmanager
def spending(spent: Spent | None = None) -> Iterator[Spent]:
    """Adds what is done meanwhile to what was spent before."""
    spent = spent or Spent()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield spent
    finally:
        spent.wall += time.perf_counter() - wall
        spent.cpu += time.process_time() - cpu


def middle(several: Sequence[Spent]) -> Spent:
    """The medians."""
    return Spent(
        statistics.median(spent.wall for spent in several),
        statistics.median(spent.cpu for spent in several),
    )


def keep(section: str, name: str, figures: dict[str, Any]) -> None:
    """Keeps the figures of one measurement in place of those before."""
    everything = kept()
    everything.setdefault(section, {})[name] = {
        "taken": dt.date.today().isoformat(),
        "machine": machine(),
        "busy": round(os.getloadavg()[0], 1),
        **figures,
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


def kept() -> dict[str, dict[str, dict[str, Any]]]:
    """All figures, by section and name."""
    if not FILE.exists():
        return {}
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def machine() -> str:
    """The processor, its cores, the memory and the system."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    memory = f"{pages * size / 2**30:.0f} GiB"
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {memory}, {system}"


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
