"""Functions of agents over HTTP: what is kept of them, and what is refused at saving, in sentences (contract C.5)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World, agent_body

URL = "https://api.example.com/orders"


def custom(name: str = "check_order", **config: Any) -> dict[str, Any]:
    return {"display_name": name, "type": "custom", "description": "Looks up.", "config": {"url": URL, **config}}


async def refused(world: World, *functions: dict[str, Any]) -> str:
    answer = await world.http.post("/v1/agents", json={**agent_body(), "agent_functions": list(functions)})
    assert answer.status_code == 400, answer.text
    return " | ".join(answer.json()["message"])


async def test_a_custom_function_is_kept_as_it_was_understood(world: World) -> None:
    sent = custom(
        api_endpoint=URL,
        http_method="get",
        timeout=5000,
        headers=[{"key": "X-Shop", "value": "{{shop}}"}],
        parameters=[{"name": "size", "type": "enum", "options": ["s", "l"], "required": True}],
        response_variables={"customer.name": "$.data[0].name"},
    )
    del sent["config"]["url"]
    [kept] = (await world.agent(agent_functions=[sent]))["agent_functions"]
    assert kept["config"] == {
        "url": URL,
        "method": "GET",
        "timeout_ms": 5000,
        "headers": {"X-Shop": "{{shop}}"},
        "parameters": {
            "type": "object",
            "properties": {"size": {"type": "string", "enum": ["s", "l"]}},
            "required": ["size"],
        },
        "response_variables": {"customer.name": "$.data[0].name"},
    }


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"url": ""}, "config.url should not be empty"),
        ({"url": "https://x.example/{{name"}, 'config.url "{{" at character'),
        ({"method": "FETCH"}, "config.method must be one of: GET, POST, PUT, PATCH, DELETE"),
        ({"timeout_ms": 120_001}, "config.timeout_ms must be at most 120000"),
        ({"headers": {"Host": "evil"}}, 'config.headers cannot hold the header "Host"'),
        ({"headers": {"X-A": "a\nb"}}, 'has a value for "X-A" that a header cannot carry'),
        ({"parameters": {"type": "string"}}, "config.parameters must be a JSON schema of an object"),
        ({"parameters": {"type": "object", "properties": {"a": {"type": "text"}}}}, 'has the property "a", whose type'),
        ({"parameters": {"type": "object", "required": ["b"]}}, "requires b, which is not among its properties"),
        ({"response_variables": {"a b": "x"}}, 'has the name "a b"'),
        ({"response_variables": {"a": "x..y"}}, 'has the path "x..y"'),
        ({"url": "http://api.example.com/"}, "agent_functions[0].config.url must be an https URL"),
        ({"url": "https://127.0.0.1/x"}, "127.0.0.1 is a private or reserved address"),
        ({"url": "https://{{host}}@10.0.0.1/"}, "must not contain a user name or password"),
        ({"url": "https://localhost/x"}, "must be publicly reachable; localhost is not"),
    ],
)
async def test_what_could_never_work_is_refused_at_saving(world: World, config: Any, sentence: str) -> None:
    assert sentence in await refused(world, custom(**config))


async def test_names_become_snake_case_and_must_differ(world: World) -> None:
    made = await world.agent(agent_functions=[custom("Check Order"), custom("check order 2")])
    assert [one["display_name"] for one in made["agent_functions"]] == ["Check Order", "check order 2"]
    said = await refused(world, custom("Check Order"), custom("check_order"), custom("7th"), custom("Größe"))
    assert 'agent_functions[1].display_name "check_order" is the name of agent_functions[0] already' in said
    assert 'agent_functions[2].display_name "7th" cannot be called' in said
    assert 'agent_functions[3].display_name "Größe" cannot be called' in said


def transfer(**config: Any) -> dict[str, Any]:
    return {"display_name": "connect", "type": "call_transfer", "description": "To a person.", "config": config}


async def test_a_transfer_is_kept_as_it_was_understood(world: World) -> None:
    sent = transfer(transfer_destinations="+1 (415) 555-0111 | {{desk}}|sip:desk@pbx.example", sequential_delay=15)
    [kept] = (await world.agent(agent_functions=[sent]))["agent_functions"]
    assert kept["config"] == {
        "destinations": ["+1 (415) 555-0111", "{{desk}}", "sip:desk@pbx.example"],
        "ring_timeout_sec": 15,
    }
    assert (await world.agent(agent_functions=[transfer()]))["agent_functions"][0]["config"] == {}


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"destinations": ["anna"]}, 'config.destinations has "anna", which nobody can call: use E.164'),
        ({"destinations": ["sip:a@b c"]}, "which nobody can call"),
        ({"destinations": ["+14155550111"] * 8}, "config.destinations"),
        ({"destinations": ["{{desk"]}, 'config.destinations[0] "{{" at character'),
        ({"hunt_mode": "parallel"}, "config.hunt_mode cannot be parallel: destinations are tried one after the other"),
        ({"ring_timeout_sec": 1}, "config.ring_timeout_sec must be at least 5"),
    ],
)
async def test_a_transfer_that_cannot_work_is_refused_in_a_sentence(
    world: World, config: dict[str, Any], sentence: str
) -> None:
    assert sentence in await refused(world, transfer(**config))


async def test_types_that_cannot_run_yet_are_kept_as_they_are(world: World) -> None:
    sent = {"display_name": "text", "type": "sms", "description": "", "config": {"text": "Hello"}}
    assert (await world.agent(agent_functions=[sent]))["agent_functions"] == [sent]


async def test_only_speech_to_speech_agents_are_born_with_end_call(world: World) -> None:
    assert (await world.agent())["agent_functions"] == []
    [function] = (await world.agent(pipeline_type="Speech_To_Speech"))["agent_functions"]
    assert (function["type"], function["display_name"]) == ("end_call", "end_call")
    assert (await world.agent(pipeline_type="Speech_To_Speech", agent_functions=[]))["agent_functions"] == []
