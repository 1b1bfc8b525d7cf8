"""A PostgreSQL of our own for the tests that need one: a fresh cluster in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from dialnexa.kit.ids import ulid

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) if os.name == "posix" else []
BINARIES = _FOUND[-1].parent if _FOUND else None
"""Where PostgreSQL's programs are; ``None`` on machines without it."""


@dataclass(frozen=True)
class Cluster:
    """A running server."""

    port: int
    _control: tuple[str, ...] = ()
    """The command that tells the server what to do."""

    def restart(self) -> None:
        """Take the server down in the middle of whatever it does, as a crash would, and bring it up again."""
        subprocess.run([*self._control, "-m", "immediate", "restart"], check=True, capture_output=True, cwd="/")

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, *, template: str = "template0") -> str:
        """Make a database; return its name."""
        name = f"t_{ulid()}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # pyright: ignore[reportArgumentType, reportCallIssue]
        return name


@contextmanager
def cluster() -> Generator[Cluster]:
    """Run a server on a free port of loopback."""
    assert BINARIES is not None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    run: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        run = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    data = folder / "data"
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [str(BINARIES / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options]
    stop = [str(BINARIES / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"]
    init = [str(BINARIES / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*run, *init], check=True, capture_output=True, cwd=folder)
    subprocess.run([*run, *control, "start"], check=True, capture_output=True, cwd=folder)
    try:
        yield Cluster(port, (*run, *control))
    finally:
        subprocess.run([*run, *stop], check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)
