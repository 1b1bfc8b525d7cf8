"""Secrets of functions: sealed in the row, masked in answers, kept when a mask comes back, sent as they were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from sqlalchemy import select, update

from dialnexa.kit.outgoing import Answer
from dialnexa.platform.agents import sealing
from dialnexa.platform.agents.functions import AgentFunction
from dialnexa.platform.agents.models import AgentVersion
from tests.api.world import VAULT, World, agent_body

MASK = "********"
CLEAR = ("tok-1234567890", "key-1234567890", "query-1234567890", "url-1234567890", "cal-1234567890", "T0/B0/hook-123")
ORDERS: dict[str, Any] = {
    "display_name": "Check order",
    "type": "custom",
    "description": "",
    "config": {
        "url": "https://shop.example/orders?lang=en&api_key=url-1234567890",
        "api_token": "tok-1234567890",
        "headers": {"X-Api-Key": "key-1234567890", "X-Crm": "{{crm}}", "Authorization": "Bearer {{crm_token}}"},
        "query_parameters": {"access_token": "query-1234567890", "page": "1"},
        "response_variables": {"session_token": "$.data.token"},
    },
}
LOOK: dict[str, Any] = {
    "display_name": "look",
    "type": "check_calendar_availability",
    "description": "",
    "config": {"api_key": "cal-1234567890", "event_type_id": "7"},
}
POST: dict[str, Any] = {
    "display_name": "post",
    "type": "integration",
    "description": "",
    "config": {
        "provider_key": "slack",
        "action_key": "post_message",
        "action_config": {"webhook_url": "https://hooks.slack.example/T0/B0/hook-123"},
    },
}
CRM: dict[str, Any] = {
    "display_name": "crm",
    "type": "integration",
    "description": "",
    "config": {
        "provider_key": "http",
        "action_key": "request",
        "action_config": {
            "url": "https://crm.example/",
            "headers": [{"key": "X-Shop", "value": "north"}, {"key": "X-Api-Key", "value": "key-1234567890"}],
        },
    },
}
FUNCTIONS = [ORDERS, LOOK, POST, CRM]


async def _row(world: World, agent_id: str, number: int = 1) -> Mapping[str, Any]:
    async with world.database.read() as session:
        query = select(AgentVersion.config).where(AgentVersion.agent_id == agent_id, AgentVersion.number == number)
        return cast("Mapping[str, Any]", await session.scalar(query))


async def _in_clear(world: World, agent_id: str, number: int = 1) -> list[dict[str, Any]]:
    """Return the functions of a version as a call gets them."""
    stored = (await _row(world, agent_id, number))["agent_functions"]
    return [
        one.model_dump(mode="json")
        for one in sealing.opened([AgentFunction.model_validate(one) for one in stored], VAULT)
    ]


def _told(answer: object) -> list[str]:
    text = json.dumps(answer)
    return [secret for secret in (*CLEAR, "sealed(") if secret in text]


async def _patched(world: World, agent_id: str, *functions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await world.http.patch(f"/v1/agents/{agent_id}", json={**fields, "agent_functions": list(functions)})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_row_holds_no_secret_in_clear_and_a_call_gets_them_all(world: World) -> None:
    agent = await world.agent(agent_functions=FUNCTIONS)
    row = json.dumps(await _row(world, agent["id"]))
    assert [secret for secret in CLEAR if secret in row] == []
    assert await _in_clear(world, agent["id"]) == FUNCTIONS


async def test_no_answer_tells_a_secret(world: World) -> None:
    agent = await world.agent(agent_functions=FUNCTIONS)
    path = f"/v1/agents/{agent['id']}"
    published = (await world.http.post(f"{path}/publish")).json()
    places = (path, f"{path}/versions", f"{path}/versions/1", f"{path}/export", f"/v1/agents2/{agent['id']}")
    read = [await world.http.get(one) for one in (*places, "/v1/agents2", "/v1/audit-log")]
    answers = [agent, published, *(one.json() for one in read)]
    assert [_told(one) for one in answers] == [[]] * len(answers)
    orders, look, post, crm = (one["config"] for one in agent["agent_functions"])
    assert orders["url"] == f"https://shop.example/orders?lang=en&api_key={MASK}"
    assert orders["headers"] == {"X-Api-Key": MASK, "X-Crm": "{{crm}}", "Authorization": "Bearer {{crm_token}}"}
    assert orders["query_parameters"] == {"access_token": MASK, "page": "1"}
    assert orders["response_variables"] == {"session_token": "$.data.token"}
    assert (orders["api_token"], look["api_key"], post["action_config"]["webhook_url"]) == (MASK, MASK, MASK)
    assert crm["action_config"]["headers"] == [{"key": "X-Shop", "value": "north"}, {"key": "X-Api-Key", "value": MASK}]


async def test_what_was_read_can_be_sent_back_and_nothing_changes(world: World) -> None:
    agent = await world.agent(agent_functions=FUNCTIONS)
    before = await _row(world, agent["id"])
    flat = await _patched(world, agent["id"], *agent["agent_functions"])
    assert flat["agent_functions"] == agent["agent_functions"]
    nested = (await world.http.get(f"/v1/agents2/{agent['id']}")).json()["current_version"]
    again = await world.http.patch(f"/v1/agents2/{agent['id']}", json={"functions": nested["functions"]})
    assert again.status_code == 200, again.text
    assert await _row(world, agent["id"]) == before


async def test_masks_follow_names_when_the_rest_is_edited(world: World) -> None:
    agent = await world.agent(agent_functions=FUNCTIONS)
    orders, look, post, crm = agent["agent_functions"]
    orders["config"] |= {"url": f"https://shop.example/v2?api_key={MASK}&lang=de", "api_token": "tok-new"}
    crm["config"]["action_config"]["headers"].reverse()
    look["display_name"] = "Look it up"
    await _patched(world, agent["id"], crm, look, orders, post)
    crm, look, orders, post = (one["config"] for one in await _in_clear(world, agent["id"]))
    assert orders["url"] == "https://shop.example/v2?api_key=url-1234567890&lang=de"
    assert (orders["api_token"], orders["headers"]) == ("tok-new", ORDERS["config"]["headers"])
    assert crm["action_config"]["headers"] == CRM["config"]["action_config"]["headers"][::-1]
    assert (look, post) == (LOOK["config"], POST["config"]), "renamed in its place, and untouched"


async def test_a_mask_with_nothing_behind_it_is_refused(world: World) -> None:
    masked = {**ORDERS, "config": {"url": "https://shop.example/", "api_token": MASK}}
    made = await world.http.post("/v1/agents", json={**agent_body(), "agent_functions": [masked]})
    agent = await world.agent(agent_functions=[POST])
    told = await world.http.patch(f"/v1/agents/{agent['id']}", json={"agent_functions": [masked, POST]})
    for answer in (made, told):
        [sentence] = answer.json()["message"]
        assert (answer.status_code, "send the secret itself" in sentence) == (400, True)
        assert sentence.startswith("agent_functions[0].config.api_token is ********")


async def test_secrets_go_along_with_versions_and_copies(world: World) -> None:
    agent = await world.agent(agent_functions=FUNCTIONS)
    path = f"/v1/agents/{agent['id']}"
    await world.http.post(f"{path}/publish")
    copy = (await world.http.post(f"{path}/duplicate")).json()
    await _patched(world, agent["id"], {**ORDERS, "config": {**ORDERS["config"], "api_token": "tok-second-12"}})
    await world.http.post(f"{path}/publish")
    redeployed = await _patched(world, agent["id"], *agent["agent_functions"], version_number=1, update_deployment=True)
    await world.http.post(f"{path}/versions/1/restore")
    draft = (await world.http.get(path)).json()["version_number"]
    assert await _in_clear(world, copy["id"]) == FUNCTIONS
    assert await _in_clear(world, agent["id"], redeployed["version_number"]) == FUNCTIONS
    assert await _in_clear(world, agent["id"], draft) == FUNCTIONS
    assert (await _in_clear(world, agent["id"], 2))[0]["config"]["api_token"] == "tok-second-12"


async def test_the_same_secret_sent_again_is_no_difference(world: World) -> None:
    agent = await world.agent(agent_functions=FUNCTIONS)
    await world.http.post(f"/v1/agents/{agent['id']}/publish")
    await _patched(world, agent["id"], *FUNCTIONS)
    compare = f"/v1/agents/{agent['id']}/versions/compare"
    assert (await world.http.get(compare)).json()["identical"] is True
    await _patched(world, agent["id"], {**ORDERS, "config": {**ORDERS["config"], "api_token": "other"}}, *FUNCTIONS[1:])
    found = (await world.http.get(compare)).json()
    assert [one["name"] for one in found["functions"]["changed"]] == ["check_order"]
    assert _told(found) == []


async def test_what_was_stored_in_clear_is_masked_at_once_and_sealed_when_changed(world: World) -> None:
    agent = await world.agent(agent_functions=FUNCTIONS)
    older = {**await _row(world, agent["id"]), "agent_functions": FUNCTIONS}
    async with world.database.write() as session:
        await session.execute(update(AgentVersion).where(AgentVersion.agent_id == agent["id"]).values(config=older))
    shown = (await world.http.get(f"/v1/agents/{agent['id']}")).json()
    assert (_told(shown), shown["agent_functions"]) == ([], agent["agent_functions"])
    assert await _in_clear(world, agent["id"]) == FUNCTIONS
    await world.http.patch(f"/v1/agents/{agent['id']}", json={"title": "Eve"})
    assert [secret for secret in CLEAR if secret in json.dumps(await _row(world, agent["id"]))] == []
    assert await _in_clear(world, agent["id"]) == FUNCTIONS


async def test_a_sealed_secret_from_elsewhere_opens_to_itself(world: World) -> None:
    stolen = f"sealed({VAULT.seal('of another workspace')})"
    sent = {**ORDERS, "config": {"url": f"https://evil.example/{stolen}", "api_token": stolen}}
    agent = await world.agent(agent_functions=[sent])
    assert await _in_clear(world, agent["id"]) == [sent]


@pytest.mark.parametrize("length", [500, 501])
async def test_a_limit_counts_what_was_sent_and_not_what_sealing_makes_of_it(world: World, length: int) -> None:
    key = {**LOOK, "config": {**LOOK["config"], "api_key": "k" * length}}
    made = await world.http.post("/v1/agents", json={**agent_body(), "agent_functions": [key]})
    assert made.status_code == (201 if length == 500 else 400)
    if length == 500:
        agent_id = made.json()["id"]
        assert (await world.http.get(f"/v1/agents/{agent_id}")).status_code == 200
        assert await _in_clear(world, agent_id) == [key]


async def test_a_function_is_tried_with_its_secrets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Mapping[str, str]]] = []

    async def send(_method: str, url: str, *, headers: Mapping[str, str], **_: Any) -> Answer:
        asked.append((url, headers))
        return Answer(200, {}, b"{}")

    monkeypatch.setattr(world.app.state.outgoing, "send", send)
    tenant = {**ORDERS, "config": {**ORDERS["config"], "headers": {}, "api_token": "tok-{{tenant}}-12"}}
    agent = await world.agent(agent_functions=[tenant, POST])
    for name in ("check_order", "post"):
        tried = await world.http.post(
            f"/v1/agents/{agent['id']}/functions/{name}/test",
            json={"arguments": {"text": "Hi."}, "variables": {"tenant": "north"}},
        )
        assert tried.json()["ok"], tried.text
    (orders, headers), (slack, _) = asked
    assert headers["Authorization"] == "Bearer tok-north-12"
    assert orders == "https://shop.example/orders?lang=en&api_key=url-1234567890&access_token=query-1234567890&page=1"
    assert slack == POST["config"]["action_config"]["webhook_url"]
