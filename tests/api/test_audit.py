"""The audit log: every write, who made it, what it changed, and never a secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World, agent_body


async def _log(world: World, **search: str) -> list[dict[str, Any]]:
    answer = await world.http.get("/v1/audit-log", params=search)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_change_is_written_down_with_what_was_before(world: World) -> None:
    number = (await world.http.get("/v1/phone-numbers")).json()["data"][0]
    path = f"/v1/organization-phone-numbers/{number['id']}"
    headers = {"User-Agent": "curl/8", "Idempotency-Key": "k"}
    changed = await world.http.patch(path, json={"label": "Front desk"}, headers=headers)
    await world.http.patch(path, json={"label": "Front desk"}, headers=headers)  # answered from memory, not done again
    (entry,) = await _log(world)
    assert entry["action"] == "PATCH /v1/organization-phone-numbers/{number_id}"
    assert entry["target"] == path
    assert entry["changes"] == [
        {
            "object": "phone_numbers",
            "id": number["id"],
            "before": {"label": "Sandbox"},
            "after": {"label": "Front desk"},
        }
    ]
    assert (entry["actor"]["type"], entry["actor"]["name"]) == ("api_key", "Secret key")
    assert (entry["address"], entry["user_agent"]) == ("127.0.0.1", "curl/8")
    assert entry["request_id"] == changed.headers["x-request-id"]
    assert entry["created_at"] == "2026-05-23T12:00:00.000Z"


async def test_what_failed_and_what_only_looked_is_not_in_it(world: World) -> None:
    await world.http.get("/v1/agents")
    await world.http.post("/v1/api-keys", json={"name": ""})
    await world.http.delete(f"/v1/agents/{world.neighbour.agent_id}")
    assert await _log(world) == []


async def test_the_unversioned_routes_are_logged_under_the_same_names(world: World) -> None:
    await world.http.post("/api-keys", json={"name": "CRM"})
    (entry,) = await _log(world)
    assert (entry["action"], entry["target"]) == ("POST /v1/api-keys", "/v1/api-keys")


async def test_a_placed_call_is_named_and_not_told(world: World) -> None:
    body = {"to_number": "+16505550199", "agent_id": world.home.agent_id, "variables": {"name": "Ada Secretive"}}
    placed = await world.http.post("/v1/calls", json=body)
    assert placed.status_code == 201, placed.text
    answer = await world.http.get("/v1/audit-log")
    (entry,) = answer.json()["data"]
    assert entry["changes"] == [{"object": "calls", "id": placed.json()["id"], "before": None, "after": None}]
    assert "Secretive" not in answer.text
    assert "6505550199" not in answer.text


async def test_no_secret_gets_in(world: World) -> None:
    made = await world.key(name="CRM", secret="imported-key-0123456789")
    trunk = {
        "phoneNumber": "+12025550134",
        "terminationUri": "sip.carrier.example",
        "sipTrunkUserName": "acme",
        "sipTrunkPassword": "s3cret-pass",
        "headers": {"X-Token": "s3cret-header"},
    }
    assert (await world.http.post("/v1/phone-numbers/sip-trunks", json=trunk)).status_code == 201
    hook = {
        "url": "https://user:s3cret-auth@hooks.example/x?token=s3cret-query",
        "events": ["*"],
        "is_active": False,
        "secret": "s3cret-signing-0123",
    }
    await world.http.post("/v1/user-webhooks", json=hook)
    text = (await world.http.get("/v1/audit-log")).text
    assert "s3cret" not in text
    assert made["secret"] not in text
    assert "acme" in text


async def test_entries_are_found_by_actor_action_target_and_time(world: World) -> None:
    first = await world.key(name="first")
    world.clock.later(hours=1)
    async with world.as_(first["secret"]) as other:
        await other.post("/v1/agents", json=agent_body())
    await world.http.delete(f"/v1/api-keys/{first['id']}")
    assert [entry["action"] for entry in await _log(world)] == [
        "DELETE /v1/api-keys/{key_id}",
        "POST /v1/agents",
        "POST /v1/api-keys",
    ]
    assert [entry["action"] for entry in await _log(world, actor_id=first["id"])] == ["POST /v1/agents"]
    assert len(await _log(world, action="delete")) == 1
    assert len(await _log(world, target=first["id"])) == 1
    assert len(await _log(world, since="2026-05-23T12:30:00Z")) == 2
    assert len(await _log(world, until="2026-05-23T12:30:00Z")) == 1
    assert (await world.http.get("/v1/audit-log?since=yesterday")).status_code == 400


async def test_the_log_cannot_be_changed(world: World) -> None:
    for verb in ("post", "patch", "put", "delete"):
        assert (await world.http.request(verb, "/v1/audit-log")).status_code == 405


@pytest.mark.parametrize("key", ["test_secret_key", "secret_key"])
async def test_both_modes_write_into_one_log(world: World, key: str) -> None:
    async with world.as_(getattr(world.home.keys, key)) as other:
        await other.post("/v1/api-keys", json={"name": "x"})
    assert len(await _log(world)) == 1
