"""K 3: what fills the prompt. S1's metadata never does, S2's does, and ``variables`` — even empty — always wins."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World
from tests.conformance.shapes import CUSTOMER, place


async def published(world: World) -> dict[str, Any]:
    """An agent whose prompt wants ``customer_name``."""
    return await world.agent(is_published=True)


@pytest.mark.parametrize(
    ("more", "fills"),
    [
        ({"metadata": {"customer_name": "Alex"}}, False),
        ({"variables": {"customer_name": "Alex"}, "metadata": {"customer_name": "Eve"}}, True),
    ],
)
async def test_a_version_s_call_fills_from_variables_only(world: World, more: dict[str, Any], fills: bool) -> None:
    agent = await published(world)
    body = {"from_number": "+14155550100", "to_number": CUSTOMER, "agent_version_id": agent["live_agent_version_id"]}
    record = await place(world, {**body, **more})
    assert record["unresolved_variables"] == ([] if fills else ["customer_name"])
    assert record["variables"] == more.get("variables", {})
    assert record["metadata"] == more["metadata"]


@pytest.mark.parametrize(
    ("more", "fills"),
    [
        ({"metadata": {"customer_name": "Alex"}}, True),
        ({"metadata": {"customer_name": "Alex"}, "variables": {}}, False),
    ],
)
async def test_an_agent_s_call_fills_from_metadata_unless_variables_are_sent(
    world: World, more: dict[str, Any], fills: bool
) -> None:
    agent = await published(world)
    record = await place(world, {"to_phone_number": CUSTOMER, "agent_id": agent["id"], **more})
    assert record["unresolved_variables"] == ([] if fills else ["customer_name"])
    assert record["metadata"] == {"customer_name": "Alex"}
