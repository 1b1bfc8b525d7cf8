"""Versions over HTTP: history, comparison, restoring, and updating what is deployed (contract C.3, B.14)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from tests.api.world import World


async def _published(world: World, **fields: Any) -> dict[str, Any]:
    agent = await world.agent(**fields)
    return (await world.http.post(f"/v1/agents/{agent['id']}/publish")).json()


async def _first_number(world: World) -> dict[str, Any]:
    return (await world.http.get("/v1/phone-numbers")).json()["data"][0]


ORDERS: dict[str, Any] = {
    "displayName": "Check order",
    "type": "custom",
    "config": {"url": "https://shop.example/orders", "api_token": "sk-very-secret-token-1234", "timeout_ms": 5000},
}
FLOW = {
    "start_node_id": "start",
    "nodes": [
        {"id": "start", "type": "start", "message": "Hello."},
        {"id": "bye", "type": "end", "message": "Goodbye."},
    ],
    "edges": [{"id": "out", "from": "start", "to": "bye", "condition": {"type": "always"}}],
}


async def test_the_history_tells_publisher_and_live_routes(world: World) -> None:
    agent = await _published(world)
    number = await _first_number(world)
    await world.http.patch(
        f"/v1/phone-numbers/{number['id']}",
        json={"agent_id": agent["id"], "outbound_agent_version_id": agent["agent_version_id"]},
    )
    await world.http.post(f"/v1/agents/{agent['id']}/publish")
    third, second, first = (await world.http.get(f"/v1/agents/{agent['id']}/versions")).json()["data"]
    assert first["published_by_name"] == "Secret key"
    assert (third["is_on_live_route"], third["published_by_name"], third["live_routes"]) == (False, None, [])
    route = {"phone_number_id": number["id"], "phone_number": number["phone_number"]}
    assert second["live_routes"] == [{**route, "direction": "inbound"}], "who names the agent reaches its live version"
    assert first["live_routes"] == [{**route, "direction": "outbound"}]
    assert (second["is_live"], first["is_live"], first["is_on_live_route"]) == (True, False, True)


async def test_comparing_tells_fields_functions_and_nodes(world: World) -> None:
    flow_agent = {"agent_type": "Conversational_Flow_Agent", "prompt_text": "", "flow": FLOW}
    agent = await _published(
        world, **flow_agent, voice_speed=1, agent_functions=[ORDERS, {"displayName": "bye", "type": "end_call"}]
    )
    path = f"/v1/agents/{agent['id']}"
    changed_order = {**ORDERS, "config": {**ORDERS["config"], "api_token": "sk-another-token-1234"}}
    changed_flow = {
        "start_node_id": "start",
        "nodes": [
            {"id": "start", "type": "start", "message": "Good morning."},
            {"id": "end", "type": "end", "message": "Goodbye."},
        ],
        "edges": [{"id": "out", "from": "start", "to": "end", "condition": {"type": "always"}}],
    }
    functions = [changed_order, {"displayName": "hand over", "type": "call_transfer"}]
    await world.http.patch(path, json={"voice_speed": 1.5, "agent_functions": functions, "flow": changed_flow})
    found = (await world.http.get(f"{path}/versions/compare", params={"from": 1, "to": 2})).json()
    assert (found["from"]["number"], found["to"]["number"], found["identical"]) == (1, 2, False)
    assert found["changed"] == [
        {"field": "voice_speed", "nested_field": "voice.settings.speed", "before": 1.0, "after": 1.5}
    ]
    assert (found["functions"]["added"], found["functions"]["removed"]) == (["hand_over"], ["bye"])
    (order,) = found["functions"]["changed"]
    assert order["name"] == "check_order"
    assert order["changed"][0]["field"] == "config"
    assert "very-secret" not in str(found), "secrets are compared, not shown"
    assert (found["flow"]["nodes"]["added"], found["flow"]["nodes"]["removed"]) == (["end"], ["bye"])
    assert found["flow"]["nodes"]["changed"][0]["name"] == "start"
    assert found["flow"]["nodes"]["changed"][0]["changed"] == [
        {"field": "message", "nested_field": "message", "before": "Hello.", "after": "Good morning."}
    ]
    assert [edge["name"] for edge in found["flow"]["edges"]["changed"]] == ["out"]


async def test_comparing_by_default_what_is_live_with_the_draft(world: World) -> None:
    agent = await _published(world)
    path = f"/v1/agents/{agent['id']}/versions/compare"
    found = (await world.http.get(path)).json()
    assert (found["from"]["number"], found["to"]["number"], found["identical"]) == (1, 2, True)
    unknown = await world.http.get(path, params={"to": 7})
    assert unknown.status_code == 404
    assert unknown.json()["message"] == f"Agent {agent['id']} has no version 7. Published versions: 1."
    assert (await world.http.get(path, params={"from": "one"})).status_code == 400


async def test_restoring_begins_the_draft_again_from_an_old_version(world: World) -> None:
    agent = await _published(world, prompt_text="First.", version_title="The first")
    path = f"/v1/agents/{agent['id']}"
    await world.http.patch(path, json={"prompt_text": "Second.", "title": "Renamed"})
    restored = (await world.http.post(f"{path}/versions/1/restore")).json()
    assert (restored["version_number"], restored["is_published"]) == (2, False)
    assert (restored["prompt_text"], restored["title"], restored["live_version_number"]) == ("First.", "Ada", 1)
    assert restored["versions"][0]["title"] == "Version 2"
    assert (await world.http.post(f"{path}/versions/9/restore")).status_code == 404


async def test_updating_a_deployment_puts_a_changed_copy_in_its_place(world: World) -> None:
    agent = await _published(world, prompt_text="Deployed.")
    path, number = f"/v1/agents/{agent['id']}", await _first_number(world)
    await world.http.patch(
        f"/v1/phone-numbers/{number['id']}", json={"inbound_agent_version_id": agent["agent_version_id"]}
    )
    draft = (await world.http.patch(path, json={"prompt_text": "In work."})).json()
    answer = await world.http.patch(
        path, json={"version_number": 1, "update_deployment": True, "welcome_message": "Hello!"}
    )
    assert answer.status_code == 200, answer.text
    updated = answer.json()
    assert (updated["version_number"], updated["is_published"], updated["live_version_number"]) == (2, True, 2)
    assert (updated["prompt_text"], updated["welcome_message"]) == ("Deployed.", "Hello!")
    first = (await world.http.get(f"{path}/versions/1")).json()
    assert first["welcome_message"] == "", "what was published never changes"
    still = (await world.http.get(path)).json()
    assert (still["agent_version_id"], still["version_number"]) == (draft["agent_version_id"], 3)
    assert (still["prompt_text"], still["versions"][0]["title"]) == ("In work.", "Version 3")
    routed = (await world.http.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert routed["inbound_agent_version_id"] == updated["agent_version_id"]


async def test_updating_a_version_that_is_not_live_leaves_the_live_one_live(world: World) -> None:
    agent = await _published(world)
    path = f"/agents2/{agent['id']}"
    await world.http.post(f"{path}/publish")
    body = {"version_number": 1, "is_deployement": True, "prompts": {"welcome_message": "Hi."}}
    updated = (await world.http.patch(path, json=body)).json()
    assert (updated["version_number"], updated["live_version_number"]) == (3, 2)


async def test_every_answer_tells_what_is_not_carried_out_here(world: World) -> None:
    flow_agent = {"agent_type": "Conversational_Flow_Agent", "prompt_text": "", "flow": FLOW}
    agent = await world.agent(**flow_agent, voice_temperature=0.5)
    assert [one["field"] for one in agent["warnings"]] == ["voice_temperature"]
    assert "never vary" in agent["warnings"][0]["message"]
    nested = (await world.http.get(f"/agents2/{agent['id']}")).json()
    assert [one["field"] for one in nested["warnings"]] == ["voice.settings.temperature"]
    version = (await world.http.get(f"/v1/agents/{agent['id']}/versions/1")).json()
    assert version["warnings"] == agent["warnings"]


async def test_a_list_of_many_agents_is_two_queries(world: World) -> None:
    for _ in range(3):
        agent = await _published(world)
        await world.http.post(f"/v1/agents/{agent['id']}/publish")
    asked = list[str]()

    @event.listens_for(world.database.engine.sync_engine, "before_cursor_execute")
    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM agents" in statement:
            asked.append(statement)

    listed = (await world.http.get("/v1/agents")).json()["agents"]
    assert [one["live_version_number"] for one in listed[:3]] == [2, 2, 2]
    assert len(asked) == 2
    assert "agent_versions.config" not in asked[1], "older versions are listed without their settings"
    asked.clear()
    nested = (await world.http.get("/agents2", params={"limit": 2, "page": 2})).json()
    assert (len(nested["data"]), nested["meta"]["total"]) == (2, 4)
    assert [one["number"] for one in nested["data"][0]["versions"]] == [3, 2, 1]
    assert len(asked) == 3
