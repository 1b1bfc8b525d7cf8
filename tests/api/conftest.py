from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.world import Furnished, World, furnish, open_world


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """A file with two workspaces: made once, copied for each test."""
    return asyncio.run(furnish(tmp_path_factory.mktemp("furnished") / "dialnexa.db"))


@pytest.fixture
async def world(furnished: Furnished, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path) as opened:
        yield opened
