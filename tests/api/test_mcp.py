"""The MCP server, asked by the SDK's own client: its tools are the API, with the API's keys, scopes and limits."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

from dialnexa.api.mcp.operations import build
from dialnexa.api.mcp.tools import ENTRIES
from dialnexa.platform.tenancy.rate_limits import Rate, RateLimits
from tests.api.contract import document
from tests.api.world import UNLIMITED, Furnished, World, open_world

BUSY = "+16505550110"
URL = "http://dialnexa.test/v1/mcp"


@asynccontextmanager
async def asking(world: World, key: str | None = None, **options: Any) -> AsyncGenerator[Client]:
    headers = {"Authorization": f"Bearer {key or world.home.keys.secret_key}"}
    transport = httpx2.ASGITransport(world.app)
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers) as http,
        Client(streamable_http_client(URL, http_client=http), **options) as client,
    ):
        yield client


def told(result: CallToolResult) -> Any:
    (text,) = result.content
    assert text.type == "text"
    return json.loads(text.text)


def call_of(world: World, **more: Any) -> dict[str, Any]:
    return {"to_number": BUSY, "agent_id": world.home.agent_id, **more}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_of_either_age_reads_the_api(world: World, mode: str) -> None:
    async with asking(world, mode=mode) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {entry.name for entry in ENTRIES}
        result = await client.call_tool("list_agents", {})
    assert told(result) == (await world.http.get("/v1/agents")).json() == result.structured_content


async def test_every_tool_is_an_operation_with_a_schema_of_its_own(world: World) -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    for name, operation in build(document(world.app), ENTRIES).items():
        schema = operation.tool.input_schema
        Draft202012Validator.check_schema(schema)
        assert "#/components" not in json.dumps(schema), name
        assert operation.in_path <= set(schema["required"] if operation.in_path else ()), name
        assert operation.tool.description, name


async def test_each_tool_says_what_it_does_to_the_world(world: World) -> None:
    async with asking(world) as client:
        hints = {tool.name: (tool.annotations, tool.meta) for tool in (await client.list_tools()).tools}
    for entry in ENTRIES:
        annotations, meta = hints[entry.name]
        assert annotations is not None
        assert meta is not None
        reads = ("list_", "get_", "search_", "compare_", "check_")
        assert annotations.read_only_hint is entry.name.startswith(reads), entry.name
        assert annotations.destructive_hint is (entry.destructive or entry.billable), entry.name
        assert meta == {"dialnexa/group": entry.group, "dialnexa/billable": entry.billable}
    assert {entry.name for entry in ENTRIES if entry.billable} >= {"create_call"}
    assert all(entry.destructive for entry in ENTRIES if entry.method == "DELETE")


async def test_an_agent_is_made_published_and_taken_away(world: World) -> None:
    async with asking(world) as client:
        fields = {"title": "Ada", "language_id": "en", "voice_id": "builtin/auto", "prompt_text": "Hi."}
        made = told(await client.call_tool("create_agent", fields))
        assert told(await client.call_tool("publish_agent", {"agent_id": made["id"]}))["live_version_number"] == 1
        found = told(await client.call_tool("get_agent_version", {"agent_id": made["id"], "number": 1}))
        assert (found["number"], found["is_published"]) == (1, True)
        assert not (await client.call_tool("delete_agent", {"agent_id": made["id"]})).is_error
        gone = await client.call_tool("get_agent", {"agent_id": made["id"]})
    assert (gone.is_error, told(gone)["statusCode"]) == (True, 404)


async def test_ids_with_slashes_arrive_whole(world: World) -> None:
    async with asking(world) as client:
        voice = told(await client.call_tool("get_voice", {"voice_id": "builtin/espeak/en-us+f3"}))
        assert voice["name"] == "Ella"
        assert (await client.call_tool("get_voice", {"voice_id": ".."})).is_error


async def test_mistakes_are_results_that_say_what_to_mend(world: World) -> None:
    async with asking(world) as client:
        wrong = await client.call_tool("create_call", {"to_phone_number": "nobody", "confirm": True})
        assert wrong.is_error
        assert "agent_id should not be empty" in told(wrong)["message"]
        unknown = await client.call_tool("get_agent", {"agent_id": "agent_1", "colour": "red"})
        assert "colour is not an argument of get_agent" in told(unknown)["message"]
        assert (await client.call_tool("get_agent", {})).is_error
        with pytest.raises(MCPError, match="tools/list names all"):
            await client.call_tool("make_coffee", {})


async def test_a_call_waits_for_somebody_to_agree(world: World) -> None:
    async with asking(world) as client:
        asked = await client.call_tool("create_call", call_of(world))
        assert asked.is_error
        assert "confirm: true" in told(asked)["message"]
        assert world.queue.calls == []
        placed = told(await client.call_tool("create_call", call_of(world, confirm=True)))
    assert (placed["status"], placed["to_number"]) == ("queued", BUSY)
    assert len(world.queue.calls) == 1


@pytest.mark.parametrize(("answer", "placed"), [("accept", 1), ("decline", 0)])
async def test_a_client_that_can_ask_its_person_is_asked_to(world: World, answer: Any, placed: int) -> None:
    asked: list[str] = []

    async def person(_context: object, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action=answer, content={"confirm": True} if answer == "accept" else None)

    async with asking(world, elicitation_callback=person) as client:
        result = await client.call_tool("create_call", call_of(world))
    assert BUSY in asked[0]
    assert (result.is_error, len(world.queue.calls)) == (placed == 0, placed)


async def test_a_foreign_key_sees_nothing_of_ours(world: World) -> None:
    async with asking(world, world.neighbour.key) as client:
        gone = await client.call_tool("get_agent", {"agent_id": world.home.agent_id})
        assert told(gone)["statusCode"] == 404
        for tool in (await client.list_tools()).tools:
            if tool.name.startswith("list_") and "required" not in tool.input_schema:
                text = json.dumps(told(await client.call_tool(tool.name, {})))
                assert world.home.agent_id not in text, tool.name
                assert world.home.from_number not in text, tool.name


async def test_scopes_are_those_of_the_key(world: World) -> None:
    reader = (await world.key(type="restricted", scopes=["agents:read"]))["secret"]
    async with asking(world, reader) as client:
        assert not (await client.call_tool("list_agents", {})).is_error
        refused = await client.call_tool("list_calls", {})
    assert (refused.is_error, told(refused)["code"]) == (True, "missing_scope")


async def test_who_may_not_in_gets_the_api_s_own_refusals(world: World) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream"}
    for key, status in ((None, 401), ("sk_live_unknown", 401), (world.home.keys.publishable_key, 403)):
        async with world.as_(key) as http:
            answer = await http.post("/v1/mcp", json=body, headers=headers)
        assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert (await world.http.get("/v1/mcp")).status_code == 405
    foreign = await world.http.post("/v1/mcp", json=body, headers={**headers, "Origin": "https://evil.example"})
    assert foreign.status_code == 403
    local = await world.http.post("/v1/mcp", json=body, headers={**headers, "Origin": "http://localhost:6274"})
    assert local.status_code == 200


async def test_a_tool_counts_as_one_request_of_its_key(furnished: Furnished, tmp_path: Path) -> None:
    limits = RateLimits(Rate(60, 6), Rate(0, 0), UNLIMITED.address)
    async with open_world(furnished, tmp_path, rate_limits=limits) as world:
        headers = {"Accept": "application/json, text/event-stream"}
        params = {"name": "list_agents", "arguments": {}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answers = [await world.http.post("/v1/mcp", json=body, headers=headers) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 6 + [429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers[:6]] == ["5", "4", "3", "2", "1", "0"]
    assert int(answers[-1].headers["retry-after"]) >= 1


async def test_the_calls_bucket_binds_here_too(furnished: Furnished, tmp_path: Path) -> None:
    limits = RateLimits(UNLIMITED.key, Rate(60, 1), UNLIMITED.address)
    async with open_world(furnished, tmp_path, rate_limits=limits) as world, asking(world) as client:
        results = [await client.call_tool("create_call", call_of(world, confirm=True)) for _ in range(2)]
    assert [result.is_error for result in results] == [False, True]
    assert told(results[1])["statusCode"] == 429
