"""K 14: the published Python client runs with only the base URL changed, and so do its requests without it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import World
from tests.conformance import older_client
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


@pytest.fixture(scope="module")
def package() -> Path:
    return older_client.install()


@pytest.mark.e2e
async def test_the_program_of_its_readme_runs_as_it_stands(world: World, package: Path, tmp_path: Path) -> None:
    program = older_client.readme_program(package)
    # Batch calls are a resource of their own; the rest are the README's placeholders.
    program, cut = re.subn(r"# Batch Calls\n.*?(?=# Agents\n)", "", program, flags=re.DOTALL)
    assert cut == 1
    for placeholder, ours in {
        "your_api_key": world.home.keys.secret_key,
        "+15555551234": CUSTOMER,
        "agent_123": world.home.agent_id,
        "llm_123": "builtin/flow",
        "voice_abc": "builtin/auto",
    }.items():
        assert placeholder in program
        program = program.replace(placeholder, ours)
    async with older_client.served(world.app) as base_url:
        await older_client.run(program, base_url=base_url, package=package, folder=tmp_path)
    [agent] = [one for one in (await world.http.get("/agents2")).json()["data"] if one["id"] != world.home.agent_id]
    assert agent["current_version"]["prompts"]["prompt_text"] == "Hello!"
    assert (agent["current_version"]["version_number"], agent["title"]) == (1, "Updated Title")
    [call] = (await world.http.get("/calls")).json()["data"]
    assert (call["to_number"], call["metadata"]) == (CUSTOMER, {"source": "sdk"})


EVERYTHING = """
import json
from dialnexa import NexaClient
from dialnexa.http import HttpError

client = NexaClient(api_key=KEY, timeout_ms=60_000)
said = {}
made = client.agents.create(AGENT)
said["made"] = made["data"]
said["published"] = client.agents.update(made["data"]["id"], {"version_number": 1, "is_published": True})
said["agent"] = client.agents.get(made["data"]["agent_id"])
said["agents"] = client.agents.list()
order = {"phone_number": CUSTOMER, "agent_id": made["data"]["id"], "agent_version_number": 1}
said["call"] = client.calls.create(metadata={"customer_name": "Alex Rivera"}, **order)
said["found"] = client.calls.get(said["call"]["call_id"])
said["calls"] = client.calls.list(agent_id=order["agent_id"], call_id=said["call"]["id"], from_="2026-01-01", limit=5)
said["language"] = client.languages.get(client.languages.list()[0]["id"])
said["llm"] = client.llms.get(client.llms.list()[0]["id"])
found = client.voices.list(provider_name="builtin", accent="british", gender="female", name="Emma", page=1, limit=10)
said["voices"] = found
said["voice"] = client.voices.get(found["voices"][0]["id"])
mistakes = {"refused": {"phone_number": "nobody"}, "unknown": {"agent_id": "agent_9"}}
for name, mistake in mistakes.items():
    try:
        client.calls.create(metadata={}, **{**order, **mistake})
    except HttpError as error:
        said[name] = [error.status_code, error.data["message"]]
with open("said.json", "w") as file:
    json.dump(said, file)
"""


@pytest.mark.e2e
async def test_every_method_of_it_finds_what_it_reads(world: World, package: Path, tmp_path: Path) -> None:
    given = f"KEY, CUSTOMER, AGENT = {world.home.keys.secret_key!r}, {CUSTOMER!r}, {AGENT!r}\n"
    async with older_client.served(world.app) as base_url:
        await older_client.run(given + EVERYTHING, base_url=base_url, package=package, folder=tmp_path)
    said = json.loads((tmp_path / "said.json").read_text())
    agent_id = said["made"]["id"]
    assert said["made"] == {"id": agent_id, "agent_id": agent_id}
    assert said["published"]["current_version"]["is_published"] is True
    assert said["agent"]["title"] == AGENT["title"]
    assert agent_id in [agent["id"] for agent in said["agents"]["data"]]
    call = said["found"]
    assert (call["agent_id"], call["agent_version_number"], call["status"]) == (agent_id, 1, "queued")
    assert call["variables"] == call["metadata"] == {"customer_name": "Alex Rivera"}
    assert [one["id"] for one in said["calls"]["data"]] == [said["call"]["call_id"]]
    assert (said["language"]["id"], said["llm"]["id"]) == ("lang_en", "builtin/flow")
    assert said["voices"]["voices"] == [said["voice"]]
    assert said["refused"] == [400, ["phone_number must be a valid E.164 phone number"]]
    assert said["unknown"][0] == 404
