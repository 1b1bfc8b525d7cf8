"""The conformance tests speak HTTP only, to a served API with two workspaces in it, on each database there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from dialnexa.platform.tenancy.bootstrap import Home
from tests.api.conftest import furnished
from tests.api.world import Furnished, Neighbour, World, open_world, people, serve
from tests.platform.postgres import BINARIES, Cluster, cluster

__all__ = ["furnished"]

DATABASES = ["sqlite", "postgresql"] if BINARIES else ["sqlite"]


@dataclass(frozen=True)
class Template:
    """A PostgreSQL database with both workspaces in it, to copy."""

    server: Cluster
    name: str
    home: Home
    neighbour: Neighbour


@pytest.fixture(scope="session")
def server() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture(scope="session")
def template(server: Cluster) -> Template:
    name = server.create()
    migrate(server.url(name))

    async def fill() -> tuple[Home, Neighbour]:
        async with Database.open(server.url(name)) as database:
            return await people(database)

    return Template(server, name, *asyncio.run(fill()))


@pytest.fixture(params=DATABASES)
def copied(request: pytest.FixtureRequest) -> Furnished | Template:
    """What the world of one test is copied from."""
    return request.getfixturevalue("furnished" if request.param == "sqlite" else "template")


@pytest.fixture
async def world(copied: Furnished | Template, tmp_path: Path) -> AsyncIterator[World]:
    if isinstance(copied, Furnished):
        async with open_world(copied, tmp_path) as opened:
            yield opened
        return
    url = copied.server.url(copied.server.create(template=copied.name))
    async with Database.open(url) as database, serve(database, copied.home, copied.neighbour, tmp_path) as opened:
        yield opened
