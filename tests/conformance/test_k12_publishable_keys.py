"""K 12, the 403 part: a publishable key places no phone call and reads nothing."""

from __future__ import annotations

import pytest

from tests.api.world import World
from tests.conformance.shapes import s1, total


@pytest.mark.parametrize("path", ["/v1/calls", "/calls", "/agents2", "/v1/call-logs", "/v1/api-keys"])
async def test_reading(world: World, path: str) -> None:
    async with world.as_(world.home.keys.publishable_key) as browser:
        answer = await browser.get(path)
    assert answer.status_code == 403
    assert "Use a secret key" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/v1/calls", "/calls"])
async def test_calling(world: World, path: str) -> None:
    async with world.as_(world.home.keys.publishable_key) as browser:
        assert (await browser.post(path, json=s1(world))).status_code == 403
    assert await total(world) == 0
