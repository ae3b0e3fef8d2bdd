"""Finds the real servers, browsers, packages and published schemas that some tests need."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

_PROJECT = Path(__file__).parents[1]

# Debian keeps PostgreSQL's server programs out of PATH, nginx out of that of everybody but root;
# macOS keeps Chrome in its applications; what comes from PyPI and is no part of the program has an
# environment of its own.
_ELSEWHERE = (
    _PROJECT / ".venv" / "localstripe" / "bin",
    Path("/usr/sbin"),
    *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
    Path("/Applications/Google Chrome.app/Contents/MacOS"),
)


def program(*names: str, package: str) -> str:
    """The path of the first of these programs; without any, fails in CI and skips on a laptop."""
    for name in names:
        found = shutil.which(name)
        if found:
            return found
        for folder in _ELSEWHERE:
            if os.access(folder / name, os.X_OK):
                return str(folder / name)
    return _lacking(names[0], package)


def file(path: str, *, package: str) -> Path:
    """A file of an installed package, below the project; without it as `program` does."""
    found = _PROJECT / path
    return found if found.is_file() else _lacking(found.name, package)


def package(name: str, *, requirements: str) -> Path:
    """The folder of an installed Python package; without it as `program` does."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        return _lacking(name, f"{name} by pip install -r {requirements}")
    return Path(found.origin).parent


def _lacking(name: str, package: str) -> NoReturn:
    reason = f"needs {name}: install the package {package} (see docs/development.md)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
