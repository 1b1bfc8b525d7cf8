"""Databases for the tests of the platform: SQLite always, PostgreSQL too where the machine has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform.postgres import BINARIES, Cluster, cluster


@pytest.fixture(scope="session")
def empty_cluster() -> Iterator[Cluster]:
    """A server without any tables of ours."""
    with cluster() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"] if BINARIES else ["sqlite"])
def blank_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of one's own without any tables, of each kind the machine has."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'blank.db'}"
    server: Cluster = request.getfixturevalue("empty_cluster")
    return server.url(server.create())
