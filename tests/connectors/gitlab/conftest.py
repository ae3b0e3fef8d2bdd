"""A played GitLab, and a working database that is filled from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import gitlab
from tests.connectors.landed import Landing
from tests.gitlab_server import GitLab
from tests.peer import Clock, Server


@pytest.fixture
def system(clock: Clock) -> GitLab:
    return GitLab(clock)


@pytest.fixture
def server(system: GitLab) -> Iterator[Server]:
    with system.peer.serving() as server:
        yield server


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path, gitlab)
