"""How many calls may be held at once, are held, and were (contract B.12)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.world import World


async def _call(world: World) -> httpx.Response:
    return await world.http.post("/v1/calls", json={"to_number": "+16505550199", "agent_id": world.home.agent_id})


async def _limits(world: World) -> dict[str, Any]:
    return (await world.http.get("/v1/workspace/limits")).json()


async def test_the_gauge_is_live_and_each_day_has_its_peak(world: World) -> None:
    first = (await _call(world)).json()
    await _call(world)
    assert ((await _limits(world))["active_calls"], (await _limits(world))["peak"]) == (2, 2)
    assert (await world.http.post(f"/v1/calls/{first['id']}/hangup")).status_code == 200
    world.clock.later(days=1)
    await _call(world)
    now = await _limits(world)
    assert (now["active_calls"], now["peak"], now["peak_at"]) == (2, 2, "2026-05-23T12:00:00.000Z")
    assert now["peaks"] == [{"date": "2026-05-24", "peak": 2}, {"date": "2026-05-23", "peak": 2}]


async def test_a_number_has_a_limit_of_its_own(world: World) -> None:
    number = (await world.http.get("/v1/phone-numbers")).json()["data"][0]
    wanted = {"of": "number", "id": number["id"], "max_concurrent": 1}
    changed = (await world.http.patch("/v1/workspace/limits", json={"limits": [wanted]})).json()
    assert changed["concurrency_limit"] == 25
    assert [(one["of"], one["id"], one["max_concurrent"]) for one in changed["limits"]] == [("number", number["id"], 1)]
    assert (await _call(world)).status_code == 201
    refused = await _call(world)
    assert (refused.status_code, "Phone number concurrency limit" in refused.json()["message"]) == (409, True)
    assert (await _limits(world))["limits"][0]["active_calls"] == 1
    await world.http.patch("/v1/workspace/limits", json={"limits": [{**wanted, "max_concurrent": None}]})
    assert (await _limits(world))["limits"] == []
    assert (await _call(world)).status_code == 201


@pytest.mark.parametrize("of", ["number", "trunk", "account"])
async def test_a_neighbour_s_things_get_no_limit_from_here(world: World, of: str) -> None:
    theirs = {"number": world.neighbour.number_id, "trunk": world.neighbour.trunk_id, "account": "acct_none"}[of]
    body = {"limits": [{"of": of, "id": theirs, "max_concurrent": 0}]}
    assert (await world.http.patch("/v1/workspace/limits", json=body)).status_code == 404
