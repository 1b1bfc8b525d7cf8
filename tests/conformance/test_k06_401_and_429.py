"""K 6: the body of a 401 exactly, and the four headers of a 429."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialnexa.platform.tenancy.rate_limits import Rate, RateLimits
from tests.api.world import Furnished, World, open_world
from tests.conformance.shapes import s1, total


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer sk_live_unknown"}, {"Authorization": "Basic x"}])
async def test_without_a_valid_key(world: World, header: dict[str, str]) -> None:
    async with world.as_(None) as stranger:
        answer = await stranger.post("/v1/calls", content=b"not even JSON", headers=header)
    assert answer.status_code == 401
    assert answer.json() == {"statusCode": 401, "message": "Unauthorized", "error": "Unauthorized"}


async def test_over_the_rate(furnished: Furnished, tmp_path: Path) -> None:
    limits = RateLimits(key=Rate(600, 600), calls=Rate(60, 2), address=Rate(600, 600))
    async with open_world(furnished, tmp_path, rate_limits=limits) as world:
        answers = [await world.http.post("/v1/calls", json=s1(world)) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201, 201, 429]
        names = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
        assert all(name in answer.headers for answer in answers for name in names)
        assert [answer.headers.get("Retry-After") for answer in answers] == [None, None, "1"]
        assert answers[2].json()["error"] == "Too Many Requests"
        assert await total(world) == 2
        world.clock.later(seconds=1)
        assert (await world.http.post("/v1/calls", json=s1(world))).status_code == 201
