"""Reads the current edition again and again until stdin ends, and tells what was wrong."""

from __future__ import annotations

import json
import select
import sys
import time
import traceback
from pathlib import Path

from kpi.editions import latest

PAGES = """
select coalesce(sum(rows), 0)::bigint, coalesce(sum(ids), 0)::bigint, min(rows), max(rows)
from (select count(*) as rows, count(distinct id) as ids from things group by page)
"""


def read(home: Path, page: int) -> dict[str, object]:
    """Reads until stdin ends: how often, how many editions, and everything that was wrong."""
    reads, wrong = 0, []
    numbers, most = [0], 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        try:
            edition = latest(home)
            rows, ids, smallest, largest = edition.query(PAGES)[0]
        except Exception:
            wrong.append(traceback.format_exc())
            continue
        reads += 1
        if rows != ids or {smallest, largest} - {page, None}:
            wrong.append(f"edition {edition.number}: {rows} rows, {ids} ids, a page is not whole")
        if edition.number < numbers[-1] or rows < most:
            wrong.append(f"edition {edition.number} with {rows} rows after {numbers[-1]}, {most}")
        if edition.number != numbers[-1]:
            numbers.append(edition.number)
        most = max(most, rows)
        time.sleep(0.02)
    return {"reads": reads, "editions": len(numbers) - 1, "wrong": wrong[:5]}


if __name__ == "__main__":
    print(json.dumps(read(Path(sys.argv[1]), int(sys.argv[2]))))
