"""Databases for the tests of calls: SQLite always, PostgreSQL too where the machine has it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from dialnexa import engine
from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from tests.platform.calls.house import House, build
from tests.platform.calls.serving import Api, serve
from tests.platform.postgres import BINARIES, Cluster, cluster


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy: migrating once is faster than once per test."""
    path = tmp_path_factory.mktemp("schema") / "empty.db"
    migrate(f"sqlite:///{path}")
    engine.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[tuple[Cluster, str]]:
    """A server, and the name of a migrated database to copy."""
    with cluster() as server:
        template = server.create()
        migrate(server.url(template))
        engine.migrate(server.url(template))
        yield server, template


@pytest.fixture
def url(empty_sqlite: Path, tmp_path: Path) -> str:
    """A database of one's own."""
    shutil.copy(empty_sqlite, tmp_path / "dialnexa.db")
    return f"sqlite:///{tmp_path / 'dialnexa.db'}"


@pytest.fixture(params=["sqlite", "postgresql"] if BINARIES else ["sqlite"])
def any_url(request: pytest.FixtureRequest) -> str:
    """A database of one's own, of each kind the machine has."""
    if request.param == "sqlite":
        return request.getfixturevalue("url")
    server, template = request.getfixturevalue("postgres")
    return server.url(server.create(template=template))


@pytest.fixture
async def house(url: str) -> AsyncIterator[House]:
    async with Database.open(url) as database:
        yield await build(database)


@pytest.fixture
async def any_house(any_url: str) -> AsyncIterator[House]:
    async with Database.open(any_url) as database:
        yield await build(database)


@pytest.fixture
async def api(house: House, tmp_path: Path) -> AsyncIterator[Api]:
    async with serve(house, tmp_path) as served:
        yield served
