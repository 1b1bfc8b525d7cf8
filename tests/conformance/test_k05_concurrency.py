"""K 5, the API's part: at limit N the next call gets 409 and leaves no row; a freed slot lets it in."""

from __future__ import annotations

import asyncio

from tests.api.world import World
from tests.conformance.shapes import s1, total


async def test_over_the_limit(world: World) -> None:
    await world.http.patch("/v1/workspace/limits", json={"concurrency_limit": 2})
    answers = await asyncio.gather(*(world.http.post("/v1/calls", json=s1(world)) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409, 409]
    assert await total(world) == 2
    assert len(world.queue.calls) == 2
    refused = next(answer for answer in answers if answer.status_code == 409).json()
    assert (refused["error"], refused["code"]) == ("Conflict", "concurrency_limit_reached")
    limits = (await world.http.get("/v1/workspace/limits")).json()
    assert (limits["concurrency_limit"], limits["active_calls"], limits["peak"]) == (2, 2, 2)


async def test_a_call_that_ends_frees_its_slot(world: World) -> None:
    await world.http.patch("/v1/workspace/limits", json={"concurrency_limit": 1})
    first = (await world.http.post("/v1/calls", json=s1(world))).json()
    assert (await world.http.post("/calls", json=s1(world))).status_code == 409
    ended = await world.http.post(f"/v1/calls/{first['call_id']}/hangup")
    assert ended.json()["status"] == "cancelled"
    assert (await world.http.post("/calls", json=s1(world))).status_code == 201
