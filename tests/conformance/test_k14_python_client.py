"""K 14: the requests of the published Python client on ``/agents2`` and ``/calls``, as it sends them."""

from __future__ import annotations

from typing import Any

from tests.api.world import World
from tests.conformance.shapes import CUSTOMER

AGENT: dict[str, Any] = {
    "title": "Support Agent",
    "language": {"id": "lang_en_us"},
    "prompts": {
        "prompt_text": "You help {{customer_name}}.",
        "welcome_message": "Hello!",
        "conversation_start_type": "agent",
    },
    "voice": {"id": "builtin/auto"},
    "telephony": {"call_limits": {"end_call_on_silence_sec": 180, "max_call_duration_sec": 600}},
}


async def test_agents(world: World) -> None:
    made = await world.http.post("/agents2", json=AGENT)
    assert made.status_code == 201, made.text
    agent_id = made.json()["id"]
    assert made.json()["current_version"]["prompts"]["welcome_message"] == "Hello!"
    listed = (await world.http.get("/agents2", params={"page": 1, "limit": 30})).json()
    assert agent_id in [agent["id"] for agent in listed["data"]]
    assert listed["meta"]["limit"] == 30
    changed = await world.http.patch(f"/agents2/{agent_id}", json={"title": "Sales Agent", "is_published": True})
    assert changed.status_code == 200, changed.text
    assert (await world.http.get(f"/agents2/{agent_id}")).json()["title"] == "Sales Agent"


async def test_calls(world: World) -> None:
    body = {"phone_number": CUSTOMER, "agent_id": world.home.agent_id, "agent_version_number": 1, "metadata": {}}
    made = (await world.http.post("/calls", json=body)).json()
    assert made["call_id"] == made["id"]
    listed = (await world.http.get("/calls", params={"page": 1, "limit": 30, "from": "2026-01-01"})).json()
    assert [call["id"] for call in listed["data"]] == [made["id"]]
    found = (await world.http.get(f"/calls/{made['id']}")).json()
    assert (found["to_phone_number"], found["agent_version_number"]) == (CUSTOMER, 1)


async def test_seed_000_a_refused_payload_is_never_worth_repeating(world: World) -> None:
    """Its client repeats 502, 503, 504 and broken connections only, so a bad payload must be a 4xx with sentences."""
    answer = await world.http.post("/v1/calls", json={"to_phone_number": CUSTOMER})
    assert (answer.status_code, answer.json()["message"]) == (400, ["agent_id should not be empty"])


async def test_seed_000_repeating_after_a_lost_answer_calls_once(world: World) -> None:
    body = {"to_phone_number": CUSTOMER, "agent_id": world.home.agent_id}
    sent = [await world.http.post("/v1/calls", json=body, headers={"Idempotency-Key": "order-17"}) for _ in range(3)]
    assert len({answer.json()["call_id"] for answer in sent}) == 1
    assert len(world.queue.calls) == 1
