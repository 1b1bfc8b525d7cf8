"""Programs written for the published Python client of the first generation run with only the base URL changed.

The requests are written out as that client sends them (contract B.3 S3, B.14, K.14): unversioned routes, the nested
agent body, ``phone_number`` with ``agent_version_number``, ``metadata`` always there. Nothing here uses a package.
"""

from __future__ import annotations

from typing import Any

from tests.api.world import World

AGENT: dict[str, Any] = {
    "title": "Appointment reminder",
    "is_published": False,
    "timezone": "America/New_York",
    "language": {"id": "lang_en_us"},
    "conversation_start_type": "agent",
    "allow_interruptions": True,
    "prompts": {
        "prompt_text": "You remind {{customer_name}} of an appointment.",
        "welcome_message": "Hello {{customer_name}}.",
        "default_dynamic_variables": {"customer_name": "there"},
    },
    "llm": {"id": "builtin/flow", "settings": {"temperature": 0.3}},
    "voice": {"id": "builtin/auto", "settings": {"speed": 1.1}},
    "telephony": {"call_limits": {"max_call_duration_sec": 600, "end_call_on_silence_sec": 30}},
    "speech": {"responsiveness": 0.8, "background_sound": None},
    "functions": [],
}


async def test_agents_are_made_listed_read_and_changed(world: World) -> None:
    made = (await world.http.post("/agents2", json=AGENT)).json()
    assert made["id"] == made["current_version"]["agent_id"]
    assert made["current_version"]["title"] == "Appointment reminder"
    assert made["current_version"]["prompts"]["welcome_message"] == "Hello {{customer_name}}."
    assert made["current_version"]["telephony"]["call_limits"]["max_call_duration_sec"] == 600
    assert made["current_version"]["voice"]["settings"]["speed"] == 1.1

    listed = (await world.http.get("/agents2", params={"page": 1, "limit": 30})).json()
    assert made["id"] in [agent["id"] for agent in listed["data"]]
    assert listed["meta"]["limit"] == 30

    got = (await world.http.get(f"/agents2/{made['id']}")).json()
    assert got["current_version"]["prompts"] == made["current_version"]["prompts"]

    # Its examples say "agent", at the top and inside of prompts.
    changes = {"title": "Reminder", "prompts": {"welcome_message": "Good morning.", "conversation_start_type": "agent"}}
    answer = await world.http.patch(f"/agents2/{made['id']}", json=changes)
    changed = answer.json()["current_version"]
    assert "x-dialnexa-ignored-fields" not in answer.headers
    assert (changed["title"], changed["prompts"]["welcome_message"]) == ("Reminder", "Good morning.")
    assert changed["prompts"]["prompt_text"] == AGENT["prompts"]["prompt_text"]


async def test_an_agent_that_never_was_published_may_not_call(world: World) -> None:
    made = (await world.http.post("/agents2", json=AGENT)).json()
    body = {"phone_number": "+16505550199", "agent_id": made["id"], "agent_version_number": 1, "metadata": {}}
    answer = await world.http.post("/calls", json=body)
    assert answer.status_code == 403
    assert answer.json()["error"] == "Forbidden"


async def test_calls_are_created_listed_and_read(world: World) -> None:
    made = (await world.http.post("/agents2", json={**AGENT, "is_published": True})).json()
    body = {
        "phone_number": "+16505550199",
        "agent_id": made["id"],
        "agent_version_number": 1,
        "metadata": {"customer_name": "Alex Rivera"},
    }
    answer = await world.http.post("/calls", json=body)
    created = answer.json()
    assert answer.status_code == 201, created
    # Its README reads call_id, its example reads id.
    assert created.get("call_id") == created.get("id")
    assert created["to_phone_number"] == "+16505550199"
    assert (created["agent_id"], created["agent_version_number"]) == (made["id"], 1)
    assert answer.headers["deprecation"] == "true"

    query = {"page": 1, "limit": 30, "agent_id": made["id"], "from": "2026-05-01T00:00:00Z"}
    listed = (await world.http.get("/calls", params=query)).json()
    assert [one["id"] for one in listed["data"]] == [created["id"]]
    query["from"] = "2026-06-01T00:00:00Z"
    assert (await world.http.get("/calls", params=query)).json()["data"] == []

    got = (await world.http.get(f"/calls/{created['id']}")).json()
    assert {"id", "agent_id", "status", "metadata", "created_at", "ended_at", "recording_url"} <= got.keys()
    # Without `variables`, that client's `metadata` fills the prompt (H.2).
    assert got["variables"] == got["metadata"] == {"customer_name": "Alex Rivera"}


async def test_metadata_may_be_empty_and_mistakes_are_named_in_its_own_words(world: World) -> None:
    home = world.home
    body = {"phone_number": "+16505550199", "agent_id": home.agent_id, "agent_version_number": 1, "metadata": {}}
    assert (await world.http.post("/calls", json=body)).status_code == 201
    wrong = await world.http.post("/calls", json={**body, "phone_number": "16505550199x"})
    assert wrong.json() == {
        "statusCode": 400,
        "message": ["phone_number must be a valid E.164 phone number"],
        "error": "Bad Request",
    }
    unknown = await world.http.post("/calls", json={**body, "agent_version_number": 99})
    assert unknown.status_code == 404
