"""Agents as files: out of one workspace and into another, with nothing secret and nothing silently lost."""

from __future__ import annotations

import json
from typing import Any

from tests.api.world import World

FUNCTION = {
    "displayName": "Check order",
    "type": "custom",
    "config": {
        "url": "https://shop.example/orders?api_key=in-the-url",
        "api_token": "very-secret-token",
        "headers": {"X-Api-Key": "also-secret", "Accept": "application/json", "Authorization": "Bearer {{crm_token}}"},
        "parameters": {"type": "object", "properties": {"token": {"type": "string"}}},
    },
}


async def _export(world: World, agent_id: str, **query: Any) -> dict[str, Any]:
    answer = await world.http.get(f"/v1/agents/{agent_id}/export", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_file_brings_back_the_same_agent(world: World) -> None:
    agent = await world.agent(
        welcome_message="Hi {{name}}", voice_speed=1.5, agent_functions=[{"displayName": "bye", "type": "end_call"}]
    )
    file = await _export(world, agent["id"])
    assert (file["format"], file["format_version"]) == ("dialnexa.agent", 1)
    assert file == await _export(world, agent["id"]), "the same version gives the same file"
    answer = await world.http.post("/v1/agents/import", json=file, params={"title": "Imported"})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["problems"], made["notes"], made["dry_run"]) == ([], [], False)
    assert (made["agent"]["title"], made["agent"]["is_published"]) == ("Imported", False)
    again = await _export(world, made["agent"]["id"])
    assert {**again["agent"], "title": "Ada"} == file["agent"]


async def test_a_published_version_is_exported_by_its_number(world: World) -> None:
    agent = await world.agent(prompt_text="First.")
    await world.http.post(f"/v1/agents/{agent['id']}/publish")
    await world.http.patch(f"/v1/agents/{agent['id']}", json={"prompt_text": "Second."})
    assert (await _export(world, agent["id"], version=1))["agent"]["prompt_text"] == "First."
    assert (await _export(world, agent["id"]))["agent"]["prompt_text"] == "Second."


async def test_secrets_stay_behind_and_are_named(world: World) -> None:
    agent = await world.agent(agent_functions=[FUNCTION])
    file = await _export(world, agent["id"])
    assert file["secrets_left_out"] == [
        "agent_functions[0].config.url",
        "agent_functions[0].config.api_token",
        "agent_functions[0].config.headers.X-Api-Key",
    ]
    written = json.dumps(file)
    assert not [secret for secret in ("very-secret", "also-secret", "in-the-url") if secret in written]
    config = file["agent"]["agent_functions"][0]["config"]
    assert config["url"] == "https://shop.example/orders?api_key="
    assert config["headers"] == {"Accept": "application/json", "Authorization": "Bearer {{crm_token}}"}
    assert config["parameters"]["properties"] == {"token": {"type": "string"}}
    notes = (await world.http.post("/v1/agents/import", json=file)).json()["notes"]
    assert "agent.agent_functions[0].config.api_token is a secret and was left out; set it again." in notes


async def test_what_is_missing_here_is_replaced_and_told(world: World) -> None:
    file = await _export(world, (await world.agent())["id"])
    file["agent"] |= {
        "voice_id": "elevenlabs/rachel",
        "voice_model_id": "turbo",
        "llm_id": "gpt-9",
        "fallback_voices": [{"voice_id": "builtin/flite/rms"}, {"voice_id": "cartesia/x"}],
        "knowledge_base_ids": ["kb_elsewhere"],
        "webhook_id": "webhook_elsewhere",
    }
    told = await world.http.post("/v1/agents/import", json=file, params={"dry_run": True})
    assert (told.status_code, told.json()["agent"], told.json()["problems"]) == (200, None, [])
    notes = told.json()["notes"]
    assert notes == [
        'agent.llm_id "gpt-9" is not available here; the installation\'s default takes its place.',
        'agent.voice_id "elevenlabs/rachel" is not available here; builtin/auto takes its place.',
        'agent.voice_model_id "turbo" does not go with the voice; dropped.',
        'agent.fallback_voices has "cartesia/x", which is not available here; dropped.',
        'agent.webhook_id "webhook_elsewhere" is no webhook of this workspace; dropped.',
        'agent.knowledge_base_ids has "kb_elsewhere", no knowledge base of this workspace; dropped.',
    ]
    made = (await world.http.post("/v1/agents/import", json=file)).json()
    assert made["notes"] == notes
    assert (made["agent"]["voice_id"], made["agent"]["llm_id"]) == ("builtin/auto", None)
    assert [voice["voice_id"] for voice in made["agent"]["fallback_voices"]] == ["builtin/flite/rms"]


async def test_all_problems_of_a_file_are_told_and_nothing_is_made(world: World) -> None:
    file = await _export(world, (await world.agent())["id"])
    before = (await world.http.get("/v1/agents")).json()
    bad = {**file, "agent": {**file["agent"], "voice_speed": 9, "title": "", "colour": "red"}}
    refused = await world.http.post("/v1/agents/import", json=bad)
    assert refused.status_code == 400
    sentences = ["agent.title should not be empty", "agent.voice_speed must be at most 4.0"]
    assert sorted(refused.json()["message"]) == sentences
    dry = await world.http.post("/v1/agents/import", json=bad, params={"dry_run": True})
    assert (dry.status_code, sorted(dry.json()["problems"])) == (200, sentences)
    assert dry.headers["x-dialnexa-ignored-fields"] == "agent.colour"
    loopback = {**file["agent"], "agent_functions": [{"type": "custom", "config": {"url": "http://127.0.0.1/"}}]}
    guarded = await world.http.post("/v1/agents/import", json={**file, "agent": loopback})
    assert guarded.status_code == 400
    assert guarded.json()["message"][0].startswith("agent.agent_functions[0].config.url ")
    assert (await world.http.get("/v1/agents")).json() == before


async def test_files_of_other_formats_are_refused_with_a_reason(world: World) -> None:
    file = await _export(world, (await world.agent())["id"])
    newer = await world.http.post("/v1/agents/import", json={**file, "format_version": 2})
    assert newer.json()["message"] == [
        "format_version 2 was written by a newer DialNexa; this one reads up to 1. Update it first."
    ]
    other = await world.http.post("/v1/agents/import", json={"format": "something", "format_version": 1, "agent": {}})
    assert other.json()["message"] == ["format must be one of: dialnexa.agent"]


async def test_the_nested_form_is_read_too_and_an_unfinished_agent_says_what_is_missing(world: World) -> None:
    agent = {
        "title": "Flow",
        "agent_type": "Conversational_Flow_Agent",
        "voice": {"settings": {"speed": 1.2}},
        "prompts": {"welcome_message": "Hello."},
    }
    body = {"format": "dialnexa.agent", "format_version": 1, "agent": agent}
    made = (await world.http.post("/agents2/import", json=body)).json()
    assert (made["agent"]["voice_speed"], made["agent"]["welcome_message"]) == (1.2, "Hello.")
    assert made["notes"][0].startswith("It cannot be published yet: flow should not be empty")
