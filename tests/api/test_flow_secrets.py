"""Secrets in graphs, their layouts and default variables: treated as those of functions are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy import select, update

from dialnexa.kit.outgoing import Answer
from dialnexa.platform.agents import sealing
from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.agents.models import AgentVersion
from tests.api.world import VAULT, World, agent_body

MASK = "********"
CLEAR = ("node-1234567890", "url-1234567890", "layout-1234567890", "default-1234567890")
LOOK_UP: dict[str, Any] = {
    "id": "look",
    "type": "function",
    "config": {
        "function": "check_order",
        "arguments": {"api_key": "node-1234567890", "order": "{{order}}"},
        "headers": [{"key": "X-Api-Key", "value": "node-1234567890"}, {"key": "X-Shop", "value": "north"}],
        "url": "https://shop.example/orders?token=url-1234567890",
    },
}
FLOW: dict[str, Any] = {
    "nodes": [{"id": "start", "type": "start", "message": "Hello."}, LOOK_UP, {"id": "bye", "type": "end"}],
    "edges": [{"from": "start", "to": "look"}, {"from": "look", "to": "bye"}],
}
LAYOUT = json.dumps({"look": {"x": 1, "api_token": "layout-1234567890"}}, indent=1)
DEFAULTS = {"crm_token": "default-1234567890", "shop": "north"}
FIELDS: dict[str, Any] = {"flow": FLOW, "node_positions": LAYOUT, "default_dynamic_variables": DEFAULTS}


async def _row(world: World, agent_id: str) -> Mapping[str, Any]:
    async with world.database.read() as session:
        query = select(AgentVersion.config).where(AgentVersion.agent_id == agent_id, AgentVersion.number == 1)
        return cast("Mapping[str, Any]", await session.scalar(query))


async def _in_clear(world: World, agent_id: str) -> dict[str, Any]:
    """Return the fields as a call gets them."""
    config = sealing.in_clear(AgentConfig.model_validate(await _row(world, agent_id)), VAULT)
    return config.model_dump(mode="json", include=set(FIELDS))


def _told(answer: object) -> list[str]:
    text = json.dumps(answer)
    return [secret for secret in (*CLEAR, "sealed(") if secret in text]


async def _patched(world: World, agent_id: str, **fields: Any) -> dict[str, Any]:
    answer = await world.http.patch(f"/v1/agents/{agent_id}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _same(clear: Mapping[str, Any]) -> bool:
    """Tell whether the fields are what was sent; the layout may be spaced otherwise."""
    return {**clear, "node_positions": json.loads(clear["node_positions"])} == {
        **FIELDS,
        "node_positions": json.loads(LAYOUT),
    }


async def test_the_row_holds_no_secret_in_clear_and_a_call_gets_them_all(world: World) -> None:
    agent = await world.agent(**FIELDS)
    row = json.dumps(await _row(world, agent["id"]))
    assert [secret for secret in CLEAR if secret in row] == []
    assert _same(await _in_clear(world, agent["id"]))


async def test_no_answer_tells_a_secret(world: World) -> None:
    agent = await world.agent(**FIELDS)
    path = f"/v1/agents/{agent['id']}"
    published = (await world.http.post(f"{path}/publish")).json()
    await _patched(world, agent["id"], flow={**FLOW, "nodes": FLOW["nodes"][:1], "edges": []}, node_positions=None)
    places = (path, f"{path}/versions/1", f"{path}/export", f"{path}/versions/compare", f"/v1/agents2/{agent['id']}")
    read = [await world.http.get(one) for one in (*places, "/v1/agents2", "/v1/audit-log")]
    answers = [agent, published, *(one.json() for one in read)]
    assert [_told(one) for one in answers] == [[]] * len(answers)
    look = agent["flow"]["nodes"][1]["config"]
    assert look["arguments"] == {"api_key": MASK, "order": "{{order}}"}
    assert look["headers"] == [{"key": "X-Api-Key", "value": MASK}, {"key": "X-Shop", "value": "north"}]
    assert look["url"] == f"https://shop.example/orders?token={MASK}"
    assert json.loads(agent["node_positions"]) == {"look": {"x": 1, "api_token": MASK}}
    assert agent["default_dynamic_variables"] == {"crm_token": MASK, "shop": "north"}
    left_out = (await world.http.get(f"{path}/export?version=1")).json()["secrets_left_out"]
    assert "flow.nodes[1].config.arguments.api_key" in left_out
    assert "default_dynamic_variables.crm_token" in left_out


async def test_what_was_read_can_be_sent_back_in_either_form_and_nothing_changes(world: World) -> None:
    agent = await world.agent(**FIELDS)
    before = await _row(world, agent["id"])
    await _patched(world, agent["id"], **{name: agent[name] for name in FIELDS})
    assert await _row(world, agent["id"]) == before
    nested = (await world.http.get(f"/v1/agents2/{agent['id']}")).json()["current_version"]
    again = await world.http.patch(f"/v1/agents2/{agent['id']}", json={"prompts": nested["prompts"]})
    assert again.status_code == 200, again.text
    assert await _row(world, agent["id"]) == before


async def test_masks_follow_the_ids_of_nodes_when_the_graph_is_edited(world: World) -> None:
    agent = await world.agent(**FIELDS)
    flow, layout = agent["flow"], json.loads(agent["node_positions"])
    flow["nodes"].insert(1, {"id": "ask", "type": "conversation", "prompt": "Ask for the order."})
    flow["nodes"][2]["label"] = "Look it up"
    layout["look"]["x"] = 2
    defaults = {"crm_token": MASK, "region": "eu"}
    await _patched(world, agent["id"], flow=flow, node_positions=json.dumps(layout), default_dynamic_variables=defaults)
    clear = await _in_clear(world, agent["id"])
    assert clear["flow"]["nodes"][2] == {**LOOK_UP, "label": "Look it up"}
    assert json.loads(clear["node_positions"]) == {"look": {"x": 2, "api_token": "layout-1234567890"}}
    assert clear["default_dynamic_variables"] == {"crm_token": "default-1234567890", "region": "eu"}


async def test_a_mask_with_nothing_behind_it_is_refused(world: World) -> None:
    made = await world.http.post("/v1/agents", json={**agent_body(), "default_dynamic_variables": {"crm_token": MASK}})
    agent = await world.agent()
    changed = await world.http.patch(
        f"/v1/agents/{agent['id']}", json={"flow": {"nodes": [{**LOOK_UP, "token": MASK}]}}
    )
    assert (made.status_code, changed.status_code) == (400, 400)
    assert made.json()["message"][0].startswith("default_dynamic_variables.crm_token is ********, which stands for a")
    assert changed.json()["message"][0].startswith("flow.nodes[0].token is ********, which stands for a")


async def test_the_same_secret_sent_again_is_no_difference_and_another_is(world: World) -> None:
    agent = await world.agent(**FIELDS)
    await world.http.post(f"/v1/agents/{agent['id']}/publish")
    await _patched(world, agent["id"], **FIELDS)
    compare = f"/v1/agents/{agent['id']}/versions/compare"
    assert (await world.http.get(compare)).json()["identical"] is True
    await _patched(world, agent["id"], default_dynamic_variables={**DEFAULTS, "crm_token": "another-12345"})
    found = (await world.http.get(compare)).json()
    assert [one["field"] for one in found["changed"]] == ["default_dynamic_variables"]
    assert _told(found) == []


async def test_what_was_stored_in_clear_is_masked_at_once_and_sealed_when_changed(world: World) -> None:
    agent = await world.agent(**FIELDS)
    older = {**await _row(world, agent["id"]), **FIELDS}
    async with world.database.write() as session:
        await session.execute(update(AgentVersion).where(AgentVersion.agent_id == agent["id"]).values(config=older))
    assert _told((await world.http.get(f"/v1/agents/{agent['id']}")).json()) == []
    await _patched(world, agent["id"], title="Eve")
    assert [secret for secret in CLEAR if secret in json.dumps(await _row(world, agent["id"]))] == []
    assert _same(await _in_clear(world, agent["id"]))


async def test_a_function_is_tried_with_the_default_variables_and_opens_no_stranger(
    world: World, monkeypatch: Any
) -> None:
    asked: list[Mapping[str, str]] = []

    async def send(_method: str, _url: str, *, headers: Mapping[str, str], **_: Any) -> Answer:
        asked.append(headers)
        return Answer(200, {}, b"{}")

    monkeypatch.setattr(world.app.state.outgoing, "send", send)
    config = {"url": "https://shop.example/", "headers": {"X-Crm": "{{crm_token}}", "X-Mine": "{{mine}}"}}
    function = {"display_name": "look", "type": "custom", "description": "", "config": config}
    agent = await world.agent(agent_functions=[function], default_dynamic_variables=DEFAULTS)
    stolen = f"sealed({VAULT.seal('of another workspace')})"
    path = f"/v1/agents/{agent['id']}/functions/look/test"
    tried = await world.http.post(path, json={"variables": {"mine": stolen}})
    assert tried.json()["ok"], tried.text
    assert (asked[0]["X-Crm"], asked[0]["X-Mine"]) == ("default-1234567890", stolen)
