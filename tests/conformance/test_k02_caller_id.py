"""K 2: S1 without ``from_number`` → 400; S2 without a number to call from → the workspace's own."""

from __future__ import annotations

from tests.api.world import World
from tests.conformance.shapes import place, s1, s2, total


async def test_s1_needs_its_from_number(world: World) -> None:
    body = s1(world)
    del body["from_number"]
    answer = await world.http.post("/v1/calls", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, ["from_number should not be empty"])
    assert await total(world) == 0


async def test_s2_takes_the_workspace_s_number(world: World) -> None:
    assert (await place(world, s2(world)))["from_number"] == "+14155550100"


async def test_s2_may_name_one(world: World) -> None:
    record = await place(world, s2(world, from_phone_number="+1 415 555 0100"))
    assert record["from_phone_number"] == "+14155550100"
