"""Agents over HTTP: drafts, publishing, versions, rollback, in both forms (contract B.14, C.2, C.3)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World, agent_body


async def test_a_new_agent_is_a_draft_with_every_default(world: World) -> None:
    agent = await world.agent()
    assert agent["id"].startswith("agent_")
    assert agent["agent_version_id"].startswith("av_")
    assert (agent["version_number"], agent["is_published"], agent["live_version_number"]) == (1, False, None)
    expected: dict[str, Any] = {
        "agent_type": "Single_Prompt_Agent",
        "pipeline_type": "Cascaded",
        "llm_temperature": 0.1,
        "voice_speed": 1,
        "transcription_mode": "optimize_for_speed",
        "responsiveness": 0.5,
        "reminder_message_interval": 9,
        "reminder_message_frequency": 1,
        "voicemail_detection": True,
        "voicemail_message": "Please leave a message after the beep.",
        "termination_key": "#",
        "end_call_on_silence_sec": 15,
        "max_call_duration_sec": 600,
        "pause_before_speaking_sec": 2,
        "ring_duration_sec": 30,
        "agent_functions": [],
    }
    assert {name: agent[name] for name in expected} == expected
    assert agent["created_at"] == agent["createdAt"] == "2026-05-23T12:00:00.000Z"


async def test_publishing_freezes_the_version_and_opens_the_next_draft(world: World) -> None:
    agent = await world.agent(welcome_message="Hello!")
    published = await world.http.post(f"/v1/agents/{agent['id']}/publish")
    assert published.status_code == 200
    body = published.json()
    assert (body["version_number"], body["is_published"], body["live_version_number"]) == (1, True, 1)
    assert body["agent_version_id"] == body["live_agent_version_id"] == agent["agent_version_id"]
    assert [(version["number"], version["is_published"]) for version in body["versions"]] == [(2, False), (1, True)]
    assert body["versions"][0]["welcome_message"] == "Hello!"

    locked = await world.http.patch(f"/v1/agents/{agent['id']}", json={"version_number": 1, "title": "Changed"})
    assert locked.status_code == 400
    assert locked.json()["message"] == "Version 1 is published and locked. Edit draft version 2 instead."


async def test_a_published_version_never_changes(world: World) -> None:
    agent = await world.agent(prompt_text="First.")
    await world.http.post(f"/v1/agents/{agent['id']}/publish")
    await world.http.patch(f"/v1/agents/{agent['id']}", json={"prompt_text": "Second."})
    first = (await world.http.get(f"/v1/agents/{agent['id']}/versions/1")).json()
    second = (await world.http.get(f"/v1/agents/{agent['id']}/versions/2")).json()
    assert (first["prompt_text"], second["prompt_text"]) == ("First.", "Second.")


async def test_patching_touches_only_what_is_sent_and_null_resets(world: World) -> None:
    agent = await world.agent(voice_speed=2, agent_functions=[{"displayName": "bye", "type": "end_call"}])
    path = f"/v1/agents/{agent['id']}"
    kept = (await world.http.patch(path, json={"title": "Grace"})).json()
    assert (kept["title"], kept["voice_speed"], len(kept["agent_functions"])) == ("Grace", 2, 1)
    assert kept["agent_functions"][0]["display_name"] == "bye"
    reset = (await world.http.patch(path, json={"voice_speed": None, "agent_functions": []})).json()
    assert (reset["voice_speed"], reset["agent_functions"]) == (1, [])


async def test_patch_with_is_published_publishes_the_change(world: World) -> None:
    agent = await world.agent()
    answer = await world.http.patch(
        f"/v1/agents/{agent['id']}", json={"version_number": 1, "title": "Live", "is_published": True}
    )
    assert (answer.json()["is_published"], answer.json()["title"]) == (True, "Live")


async def test_rolling_back_pins_an_older_version_until_the_next_publishing(world: World) -> None:
    agent = await world.agent()
    path = f"/v1/agents/{agent['id']}"
    for _ in range(2):
        await world.http.post(f"{path}/publish")
    back = await world.http.post(f"{path}/rollback", json={"version_number": 1})
    assert (back.status_code, back.json()["live_version_number"]) == (200, 1)
    assert (await world.http.post(f"{path}/rollback", json={"version_number": 3})).status_code == 400
    unknown = await world.http.post(f"{path}/rollback", json={"version_number": 9})
    assert unknown.status_code == 404
    assert unknown.json()["message"] == f"Agent {agent['id']} has no version 9. Published versions: 1, 2."
    again = await world.http.post(f"{path}/publish")
    assert again.json()["live_version_number"] == 3


async def test_versions_are_listed_newest_first(world: World) -> None:
    agent = await world.agent(version_title="The first")
    await world.http.post(f"/v1/agents/{agent['id']}/publish")
    listed = (await world.http.get(f"/v1/agents/{agent['id']}/versions")).json()
    assert [version["title"] for version in listed["data"]] == ["Version 2", "The first"]
    assert listed["data"][1]["is_live"] is True
    assert listed["data"][1]["published_by"].startswith("key_")
    assert listed["meta"]["total"] == 2


async def test_the_flat_list_is_an_object_and_the_nested_one_an_envelope(world: World) -> None:
    await world.agent(title="Newest")
    flat = (await world.http.get("/v1/agents")).json()
    assert list(flat) == ["agents"]
    assert [agent["title"] for agent in flat["agents"]] == ["Newest", "Demo: appointment reminder"]
    assert "agent_functions" not in flat["agents"][0]
    nested = (await world.http.get("/agents2", params={"limit": 1})).json()
    assert nested["data"][0]["current_version"]["prompts"]["prompt_text"] == "You call {{customer_name}}."
    assert nested["meta"] == {
        "page": 1,
        "limit": 1,
        "total": 2,
        "totalPages": 2,
        "totalItems": 2,
        "itemsPerPage": 1,
        "currentPage": 1,
        "totalIsExact": True,
    }


NESTED = {
    "title": "Nested",
    "language": {"id": "lang_en_in", "details": {"name": "English", "code": "en-IN"}},
    "conversation_start_type": "user",
    "prompts": {
        "prompt_text": "Be brief.",
        "welcome_message": "Hi {{name}}",
        "default_dynamic_variables": {"name": "you"},
    },
    "llm": {"id": "builtin/flow", "fallback": {"fallback_llm_enabled": True}, "settings": {"temperature": 0.7}},
    "voice": {"id": "builtin/flite/rms", "settings": {"speed": 1.5}},
    "telephony": {"call_limits": {"end_call_on_silence_sec": 180, "ring_duration_sec": 20}},
    "speech": {"interruption_sensitivity": 0.9},
    "reminders": {"reminder_message_interval": 12},
    "functions": [{"display_name": "bye", "type": "end_call", "description": "", "config": {}}],
}


async def test_the_nested_form_goes_in_and_comes_out_alike(world: World) -> None:
    made = await world.http.post("/agents2", json=NESTED)
    assert made.status_code == 201, made.text
    current = made.json()["current_version"]
    for group, value in NESTED.items():
        if isinstance(value, dict) and group != "language":
            assert _within(value, current[group]), group
    assert current["language"] == {"id": "lang_en_in"}
    assert current["functions"] == NESTED["functions"]
    assert (current["number"], current["is_published"]) == (1, False)
    assert "x-dialnexa-ignored-fields" not in made.headers

    flat = (await world.http.get(f"/v1/agents/{made.json()['id']}")).json()
    assert (flat["llm_temperature"], flat["voice_speed"], flat["end_call_on_silence_sec"]) == (0.7, 1.5, 180)

    patched = await world.http.patch(f"/v1/agents2/{made.json()['id']}", json={"voice": {"settings": {"speed": 2}}})
    current = patched.json()["current_version"]
    assert (current["voice"]["settings"]["speed"], current["prompts"]["prompt_text"]) == (2, "Be brief.")


def _within(part: dict[str, Any], whole: dict[str, Any]) -> bool:
    return all(
        _within(value, whole[key]) if isinstance(value, dict) else whole[key] == value for key, value in part.items()
    )


async def test_mistakes_in_the_nested_form_are_spelled_as_it_spells_them(world: World) -> None:
    answer = await world.http.post(
        "/agents2", json={"title": "x", "prompts": {"prompt_text": 5}, "voice": {"settings": {"speed": 99}}}
    )
    assert answer.status_code == 400
    assert answer.json()["message"] == [
        "prompts.prompt_text must be a string",
        "voice.settings.speed must be at most 4.0",
    ]


async def test_unknown_fields_are_ignored_but_named(world: World) -> None:
    flat = await world.http.post(
        "/v1/agents", json={**agent_body(), "colour": "red", "agent_functions": [{"type": "end_call", "mood": 1}]}
    )
    assert flat.status_code == 201
    assert set(flat.headers["x-dialnexa-ignored-fields"].split(", ")) == {"colour", "mood"}
    nested = await world.http.post("/agents2", json={"title": "x", "voice": {"settings": {"warmth": 1}}, "colour": 1})
    assert set(nested.headers["x-dialnexa-ignored-fields"].split(", ")) == {"voice.settings.warmth", "colour"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"title": ""}, "title should not be empty"),
        ({"title": "x" * 71}, "title must be 70 characters or fewer (received 71)"),
        ({"title": None}, "title must be a string"),
        ({"llm_temperature": 3}, "llm_temperature must be at most 2.0"),
        ({"digit_limit": 1.5}, "digit_limit must be a whole number"),
        (
            {"conversation_start_type": "shout"},
            "conversation_start_type must be one of: user, agent_dynamic",
        ),
        ({"termination_key": "x"}, "termination_key must match ^[0-9*#]$"),
        ({"welcome_message": "Hi {{name"}, 'welcome_message "{{" at character 4 is never closed; write {{name}}'),
        ({"flow": {"edges": []}}, 'flow must be an object with "nodes"'),
        ({"agent_functions": [{"type": "dance"}]}, "agent_functions[0].type must be one of: end_call, call_transfer"),
        ({"boosted_keywords": "fine, not_fine"}, 'boosted_keywords has the term "not_fine"'),
        ({"end_call_on_silence_sec": 10}, "end_call_on_silence_sec (10) must exceed reminder_message_interval (9)"),
        (
            {"pipeline_type": "Speech_To_Speech", "max_call_duration_sec": 5000},
            "must be at most 3600",
        ),
        ({"fallback_stt_enabled": True}, "stt_fallback_transcriber_id must name a transcriber other"),
        ({"prompt_text": " "}, "needs a prompt"),
        ({"allow_interruptions": "perhaps"}, "allow_interruptions must be true or false"),
    ],
)
async def test_each_mistake_gets_a_sentence(world: World, fields: dict[str, Any], message: str) -> None:
    answer = await world.http.post("/v1/agents", json={**agent_body(), **fields})
    assert answer.status_code == 400, answer.text
    said = answer.json()["message"]
    assert message in (said if isinstance(said, str) else " | ".join(said))


async def test_required_fields_are_named_together(world: World) -> None:
    answer = await world.http.post("/v1/agents", json={})
    assert answer.json() == {
        "statusCode": 400,
        "message": [f"{name} should not be empty" for name in ("title", "prompt_text", "language_id", "voice_id")],
        "error": "Bad Request",
    }


async def test_a_deleted_agent_is_gone_and_off_its_numbers(world: World) -> None:
    agent = await world.agent()
    await world.http.post(f"/v1/agents/{agent['id']}/publish")
    number = (await world.http.get("/v1/phone-numbers")).json()["data"][0]
    path = f"/v1/phone-numbers/{number['id']}"
    await world.http.patch(path, json={"agent_id": agent["id"], "outbound_agent_version_id": agent["agent_version_id"]})
    deleted = await world.http.delete(f"/v1/agents/{agent['id']}")
    assert deleted.json() == {"success": True, "message": "Agent deleted successfully", "id": agent["id"]}
    assert (await world.http.get(f"/v1/agents/{agent['id']}")).status_code == 404
    after = (await world.http.get(path)).json()
    assert (after["agent_id"], after["outbound_agent_version_id"]) == (None, None)


async def test_publishing_claims_and_detaches_numbers(world: World) -> None:
    number = (await world.http.get("/v1/phone-numbers")).json()["data"][0]
    agent = await world.agent()
    path = f"/v1/agents/{agent['id']}"
    await world.http.patch(path, json={"inbound_phone_number_id": number["id"]})
    untouched = (await world.http.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert untouched["agent_id"] == world.home.agent_id, "routing moves only with publishing"
    await world.http.patch(path, json={"is_published": True, "inbound_phone_number_id": number["id"]})
    claimed = (await world.http.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert (claimed["agent_id"], claimed["inbound_agent_version_id"]) == (agent["id"], agent["agent_version_id"])
    await world.http.patch(path, json={"is_published": True, "inbound_phone_number_id": ""})
    detached = (await world.http.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert detached["agent_id"] is None
