"""K 7: variables are case-sensitive, unreferenced ones are ignored, values are data and stay as they came.

What an agent says with them is rendered by ``dialnexa.kit.templates``, which has tests of its own.
"""

from __future__ import annotations

from typing import Any

from tests.api.world import World
from tests.conformance.shapes import CUSTOMER, place


async def call(world: World, agent: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
    return await place(world, {"to_number": CUSTOMER, "agent_id": agent["id"], "variables": variables})


async def test_case_matters(world: World) -> None:
    agent = await world.agent(is_published=True)
    assert (await call(world, agent, {"Customer_Name": "Alex"}))["unresolved_variables"] == ["customer_name"]


async def test_what_nobody_references_is_kept_and_ignored(world: World) -> None:
    agent = await world.agent(is_published=True)
    record = await call(world, agent, {"customer_name": "Alex", "unused": [1, 2]})
    assert record["unresolved_variables"] == []
    assert record["variables"] == {"customer_name": "Alex", "unused": [1, 2]}


async def test_a_missing_value_falls_back_to_the_defaults(world: World) -> None:
    prompt = 'Call {{customer_name}} of {{company}} about {{topic | default: "news"}}, {{nothing}}.'
    agent = await world.agent(
        is_published=True, prompt_text=prompt, default_dynamic_variables={"customer_name": "friend"}
    )
    assert (await call(world, agent, {}))["unresolved_variables"] == ["company", "nothing"]


async def test_a_value_that_looks_like_a_template_is_data(world: World) -> None:
    agent = await world.agent(is_published=True)
    record = await call(world, agent, {"customer_name": "{{secret}} {{"})
    assert record["unresolved_variables"] == []
    assert record["variables"] == {"customer_name": "{{secret}} {{"}


async def test_a_strict_agent_wants_them_all(world: World) -> None:
    agent = await world.agent(is_published=True, require_variables=True)
    body = {"to_number": CUSTOMER, "agent_id": agent["id"], "variables": {}}
    answer = await world.http.post("/v1/calls", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, ["variables.customer_name should not be empty"])
