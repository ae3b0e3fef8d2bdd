"""Empty working databases for tests: laid out once, then copied."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

from kpi.warehouse import Warehouse


def working_database(path: Path) -> Path:
    """Puts a database without a row at this path, and returns the path.

    To lay one out takes longer than all else that a small test asks of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_laid_out())
    return path


@lru_cache(maxsize=1)
def _laid_out() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        with Warehouse(path):
            pass
        return path.read_bytes()
