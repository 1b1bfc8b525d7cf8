"""Retention over HTTP: the operator's rules, and a workspace's own."""

from __future__ import annotations

from dialnexa.platform.retention.rules import Defaults
from tests.api.conftest import furnished, world
from tests.api.world import World

__all__ = ["furnished", "world"]
PATH = "/v1/workspace/retention"


async def test_a_workspace_sets_its_own_rules_and_gives_them_up(world: World) -> None:
    world.app.state.retention = Defaults({**Defaults().days, "events": 90})
    before = (await world.http.get(PATH)).json()
    assert (before["events_days"], before["recordings_days"], before["own"]) == (90, 0, [])
    changed = (await world.http.patch(PATH, json={"recordings_days": 30, "events_days": 0})).json()
    assert (changed["recordings_days"], changed["events_days"]) == (30, 0)
    assert changed["own"] == ["events_days", "recordings_days"]
    assert (await world.http.get(PATH)).json() == changed
    assert (await world.http.patch(PATH, json={"recordings_days": 7})).json()["recordings_days"] == 7
    back = {"recordings_days": None, "events_days": None}
    assert (await world.http.patch(PATH, json=back)).json() == before


async def test_limits(world: World) -> None:
    for body, why in (
        ({"audit_days": 1}, "audit_days must be at least 30, or 0 to keep it for ever"),
        ({"events_days": -1}, "events_days must be at least 0"),
        ({"events_days": 40_000}, "events_days must be at most 36500"),
    ):
        answer = await world.http.patch(PATH, json=body)
        assert (answer.status_code, answer.json()["message"]) == (400, [why])
    async with world.as_(world.home.keys.test_secret_key) as tester:
        assert (await tester.patch(PATH, json={"events_days": 1})).status_code == 403
