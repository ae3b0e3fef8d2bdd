"""Starts a real PostgreSQL for tests: its own folder, its own port, reachable from here only."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.programs import program

# Nothing here has to survive a crash, so nothing waits for a disk.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_connections": "40",
    "autovacuum": "off",
}


@dataclass(frozen=True)
class PostgreSQLServer:
    """A running server; its superuser `postgres` needs no password."""

    port: int

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The address of one of its databases."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def empty(self) -> None:
        """Leaves nothing in the database `postgres`; faster by far than making another one."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("drop schema public cascade")
            connection.execute("create schema public")
            connection.execute("grant usage on schema public to public")
            connection.execute("alter database postgres reset all")


@contextmanager
def running_postgresql(access: Sequence[str] = ()) -> Iterator[PostgreSQLServer]:
    """A server for the length of a `with`; `access` are lines to put first into its pg_hba.conf."""
    initdb = program("initdb", package="postgresql")
    control = program("pg_ctl", package="postgresql")
    # The server must not run as root, nor can its user look into root's own folders.
    home = Path(tempfile.mkdtemp(prefix="kpi-postgresql-"))
    runs_as: dict[str, Any] = {}
    if os.geteuid() == 0:
        owner = _unprivileged()
        os.chown(home, owner.pw_uid, owner.pw_gid)
        runs_as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    data = home / "data"

    def run(*command: str) -> None:
        done = subprocess.run(
            command, cwd=home, capture_output=True, text=True, check=False, **runs_as
        )
        if done.returncode:
            log = home / "log"
            told = log.read_text() if log.exists() else ""
            raise RuntimeError(f"{command[0]}: {done.stdout}{done.stderr}{told}")

    try:
        run(
            *(initdb, "-D", str(data), "-U", "postgres", "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        rules = data / "pg_hba.conf"
        rules.write_text("\n".join([*access, rules.read_text()]))
        port = _free_port()
        settings = _SETTINGS | {"port": str(port)}
        chosen = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        run(control, "-D", str(data), "-l", str(home / "log"), "-o", chosen, "-w", "start")
        try:
            yield PostgreSQLServer(port)
        finally:
            run(control, "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd:
    users = {user.pw_name: user for user in pwd.getpwall()}
    return users.get("postgres") or users["nobody"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
