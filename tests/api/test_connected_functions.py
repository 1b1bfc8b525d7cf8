"""Functions with calendars and integrations: what is refused when they are saved, and trying them without a call."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.kit.outgoing import Answer
from tests.api.test_calendars import make
from tests.api.world import World


def function(kind: str, **config: Any) -> dict[str, Any]:
    return {"display_name": "it", "type": kind, "config": config}


@pytest.mark.parametrize(
    ("kind", "config", "sentence"),
    [
        ("book_calendar", {}, "needs calendar_id"),
        ("book_calendar", {"calendar_id": "cal_none"}, "names no calendar: cal_none"),
        ("check_calendar_availability", {"api_key": "k", "calendar_id": "mine"}, "needs api_key and event_type_id"),
        ("check_calendar_availability", {"calendar_id": "cal_1", "timezone": "Mars"}, "is no time zone"),
        ("integration", {"provider_key": "fax", "action_key": "send"}, "not one of: http, slack"),
        ("integration", {"provider_key": "slack", "action_key": "dance"}, "Slack does: post_message"),
        ("integration", {"provider_key": "slack", "action_key": "post_message"}, "url should not be empty"),
        (
            "integration",
            {"provider_key": "http", "action_key": "request", "action_config": {"url": "http://10.0.0.1/"}},
            "must be an https URL",
        ),
    ],
)
async def test_what_cannot_work_is_refused_when_saved(
    world: World, kind: str, config: dict[str, Any], sentence: str
) -> None:
    agent = await world.agent()
    body = {"agent_functions": [function(kind, **config)]}
    answer = await world.http.patch(f"/v1/agents/{agent['id']}", json=body)
    assert (answer.status_code, sentence in str(answer.json()["message"])) == (400, True), answer.text


async def test_the_settings_of_older_clients_are_understood(world: World) -> None:
    sent = function("check_calendar_availability", api_key="cal_live_x", calendar_id=3)
    [kept] = (await world.agent(agent_functions=[sent]))["agent_functions"]
    assert kept["config"]["calendar_id"] == "3"


async def test_a_function_is_tried_as_a_call_would_run_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    calendar = await make(world, hours={"mon": [["09:00", "10:00"]]})
    order = {
        "display_name": "Check order",
        "type": "custom",
        "config": {
            "url": "https://api.example.com/orders/{{shop}}",
            "parameters": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
        },
    }
    asked: list[str] = []

    async def send(method: str, url: str, **_: Any) -> Answer:
        asked.append(f"{method} {url}")
        return Answer(200, {"content-type": "application/json"}, b'{"status": "shipped"}')

    monkeypatch.setattr(world.app.state.outgoing, "send", send)
    look = {**function("check_calendar_availability", calendar_id=calendar), "display_name": "look"}
    bye = {"display_name": "bye", "type": "end_call"}
    agent = await world.agent(agent_functions=[order, look, bye])
    path = f"/v1/agents/{agent['id']}/functions"

    tried = await world.http.post(f"{path}/check_order/test", json={"arguments": {"id": 7}, "variables": {"shop": "n"}})
    assert tried.json() == {
        "name": "check_order",
        "type": "custom",
        "ok": True,
        "result": '{"status": "shipped"}',
        "took_ms": 0,
    }
    assert asked == ["POST https://api.example.com/orders/n"]
    wrong = (await world.http.post(f"{path}/check_order/test", json={"arguments": {"id": "x"}})).json()
    assert (wrong["ok"], "is not of type 'integer'" in wrong["result"]) == (False, True)
    assert len(asked) == 1, "what does not fit the schema asks nobody"
    free = (await world.http.post(f"{path}/look/test", json={})).json()
    assert (free["ok"], "Monday, May 25" in free["result"]) == (True, True)
    assert (await world.http.post(f"{path}/bye/test", json={})).status_code == 400
    unknown = await world.http.post(f"{path}/nothing/test", json={})
    assert (unknown.status_code, "check_order, look, bye" in unknown.json()["message"]) == (404, True)


async def test_integrations_are_listed_with_what_they_need(world: World) -> None:
    listed = (await world.http.get("/v1/integrations")).json()["data"]
    assert [one["provider_key"] for one in listed] == ["http", "slack"]
    assert listed[1]["actions"][0]["action_config"].keys() == {"webhook_url"}
