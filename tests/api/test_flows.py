"""Conversation graphs over HTTP: a draft must be readable, a version must make sense (contract C.12)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.api.world import World, agent_body

BROKEN = {
    "nodes": [
        {"id": "hello", "type": "start", "message": "Hi."},
        {"id": "ask", "type": "conversation", "config": {"expect": "colour"}},
    ],
    "edges": [],
}
END = {"id": "end", "type": "end", "message": "Goodbye."}


def flow(*nodes: dict[str, Any], edges: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    start = {"id": "start", "type": "start", "message": "Hello.", "anything": [1, {"kept": True}]}
    return {"nodes": [start, END, *nodes], "edges": edges or [{"id": "e1", "from": "start", "to": "end"}]}


async def flow_agent(world: World, **fields: Any) -> dict[str, Any]:
    return await world.agent(agent_type="Conversational_Flow_Agent", prompt_text="", **fields)


async def test_a_graph_is_read_at_saving_and_its_mistakes_name_the_node(world: World) -> None:
    agent = await flow_agent(world)
    for answer in (
        await world.http.patch(f"/v1/agents/{agent['id']}", json={"flow": BROKEN}),
        await world.http.post("/v1/agents", json={**agent_body(), "flow": BROKEN}),
    ):
        assert answer.status_code == 400
        assert any(one.startswith("flow: node 'ask'") for one in answer.json()["message"])
    nested = await world.http.patch(f"/v1/agents2/{agent['id']}", json={"prompts": {"flow": BROKEN}})
    assert nested.json()["message"][0].startswith("prompts.flow: node 'ask'")


async def test_a_flow_agent_needs_its_graph_only_to_be_published(world: World) -> None:
    agent = await flow_agent(world)
    refused = await world.http.post(f"/v1/agents/{agent['id']}/publish")
    assert refused.status_code == 400
    assert "flow should not be empty" in refused.json()["message"][0]
    await world.http.patch(f"/v1/agents/{agent['id']}", json={"flow": flow()})
    published = await world.http.post(f"/v1/agents/{agent['id']}/publish")
    assert published.json()["flow"] == flow()


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (flow(edges=[{"id": "e1", "from": "start", "to": "nowhere"}]), "flow: edge 'e1' from node 'start' to node 'no"),
        (flow({"id": "t", "type": "transfer", "config": {"destinations": ["Bob"]}}), "which nobody can call"),
        (flow({"id": "f", "type": "function", "config": {"function": "find"}}), "flow: node 'f': names the function"),
    ],
)
async def test_a_half_made_graph_can_be_saved_and_not_published(
    world: World, broken: dict[str, Any], problem: str
) -> None:
    agent = await flow_agent(world, flow=broken)
    for refused in (
        await world.http.post(f"/v1/agents/{agent['id']}/publish"),
        await world.http.patch(f"/v1/agents/{agent['id']}", json={"is_published": True}),
        await world.http.post("/v1/agents", json={**agent, "is_published": True}),
    ):
        assert refused.status_code == 400
        assert any(problem in one for one in refused.json()["message"]), refused.text


async def test_a_graph_can_be_checked_before_it_is_published(world: World) -> None:
    lost = {"id": "ask", "type": "conversation", "message": "Which {{town}}?"}
    agent = await flow_agent(world, flow=flow(lost, {"id": "s", "type": "sms"}))
    found = (await world.http.get(f"/v1/agents/{agent['id']}/versions/1/flow-check")).json()
    assert "node 's': does not say what to send; set config.text" in found["problems"]
    assert "node 'ask': cannot be reached from the start" in found["warnings"]
    assert any("uses {{town}}" in one for one in found["warnings"])
    await world.http.patch(f"/v1/agents/{agent['id']}", json={"default_dynamic_variables": {"town": "Rome"}})
    again = (await world.http.get(f"/v1/agents/{agent['id']}/versions/1/flow-check")).json()
    assert not any("uses {{town}}" in one for one in again["warnings"])


async def test_an_agent_with_a_prompt_has_no_graph_to_check(world: World) -> None:
    agent = await world.agent()
    found = await world.http.get(f"/v1/agents/{agent['id']}/versions/1/flow-check")
    assert found.json() == {"problems": [], "warnings": []}


async def test_the_example_of_the_guide_is_published_without_a_warning(world: World) -> None:
    page = (Path(__file__).parents[2] / "docs" / "flows.md").read_text()
    (command,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    made = await world.http.post("/v1/agents", json=json.loads(command.split("-d '")[1].rstrip().removesuffix("'")))
    assert made.status_code == 201, made.text
    assert made.json()["is_published"]
    assert made.headers.get("x-dialnexa-ignored-fields") is None
    found = await world.http.get(f"/v1/agents/{made.json()['id']}/versions/1/flow-check")
    assert found.json() == {"problems": [], "warnings": []}
