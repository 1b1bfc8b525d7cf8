"""K 13: ``/call-logs`` answers 304 to its own ETag; log id and call id both resolve."""

from __future__ import annotations

import pytest

from tests.api.world import World
from tests.conformance.shapes import place, s1


async def test_nothing_new_is_a_304(world: World) -> None:
    await place(world, s1(world))
    first = await world.http.get("/v1/call-logs")
    again = await world.http.get("/v1/call-logs", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    await place(world, s1(world))
    assert (await world.http.get("/v1/call-logs", headers={"If-None-Match": first.headers["ETag"]})).status_code == 200


@pytest.mark.parametrize("path", ["/v1/call-logs/{}/details", "/v1/call-logs/{}", "/v1/calls/{}", "/calls/{}"])
async def test_both_ids_mean_the_call(world: World, path: str) -> None:
    call_id = (await place(world, s1(world)))["call_id"]
    log_id = call_id.replace("call_", "log_")
    for known in (call_id, log_id):
        answer = await world.http.get(path.format(known))
        assert answer.status_code == 200, answer.text
        assert answer.json()["call_id"] == call_id
