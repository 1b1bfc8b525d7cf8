"""Inputs without measure: each gets a sentence, none reaches the database, none is a 500."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dialnexa.api.app import create_app
from dialnexa.platform.tenancy.rate_limits import Rate, RateLimiter
from dialnexa.settings import Settings
from tests.api.world import NOON, World

HUGE = 2**63


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/calls", {"to_phone_number": "+16505550199", "agent_id": "{agent}", "agent_version_number": HUGE}),
        ("GET", f"/v1/agents/{{agent}}/versions/{HUGE}", None),
        ("PATCH", "/v1/agents/{agent}", {"version_number": HUGE}),
        ("POST", "/v1/agents/{agent}/rollback", {"version_number": HUGE}),
        ("GET", f"/v1/calls/{{call}}/timeline?after={HUGE}", None),
        ("GET", "/v1/calls?agent_version_name=" + "a" * 101, None),
        ("GET", "/v1/calls?call_id=" + ",".join(f"call_{number}" for number in range(201)), None),
        ("GET", "/v1/calls?duration_min=inf", None),
        ("PATCH", "/v1/agents/{agent}", {"timezone": "z" * 65}),
    ],
)
async def test_too_much_is_a_400(world: World, method: str, path: str, body: dict[str, Any] | None) -> None:
    ids = {"{agent}": world.home.agent_id, "{call}": world.neighbour.call_id}
    for name, value in ids.items():
        path = path.replace(name, value)
        body = None if body is None else json.loads(json.dumps(body).replace(name, value))
    answer = await world.http.request(method, path, json=body)
    assert answer.status_code == 400, answer.text
    assert "most" in answer.text or "fewer" in answer.text or "finite" in answer.text or "between" in answer.text


async def test_a_body_may_be_deep_but_not_endless(world: World) -> None:
    body = {"to_phone_number": "+16505550199", "agent_id": world.home.agent_id}
    assert (await world.http.post("/v1/calls", json={**body, "variables": nested(60)})).status_code == 201
    answer = await world.http.post("/v1/calls", json={**body, "variables": nested(400)})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        "The body is nested deeper than 64 levels; flatten it.",
    )


async def test_amounts_of_any_size_are_compared(world: World) -> None:
    for query in ("duration_min=1.5", "duration_max=1e300", "latency_min=1e12"):
        assert (await world.http.get(f"/v1/calls?{query}")).status_code == 200
    for query in ("duration_min=1e308", "duration_max=1.5e308"):  # seconds here: infinite in milliseconds
        assert (await world.http.get(f"/v1/call-logs?{query}")).status_code == 200


async def test_a_test_key_changes_nothing_that_live_calls_depend_on(world: World) -> None:
    live = next(key for key in (await world.http.get("/v1/api-keys")).json()["data"] if key["environment"] == "live")
    number = (await world.http.get("/v1/organization-phone-numbers")).json()["data"][0]
    async with world.as_(world.home.keys.test_secret_key) as tester:
        tried = [
            await tester.delete(f"/v1/api-keys/{live['id']}"),
            await tester.patch(f"/v1/organization-phone-numbers/{number['id']}", json={"agent_id": None}),
            await tester.delete(f"/v1/organization-phone-numbers/{number['id']}"),
            await tester.patch("/v1/telephony-config", json={"allow_premium": True}),
            await tester.patch("/v1/workspace/limits", json={"concurrency_limit": 0}),
        ]
    assert [answer.status_code for answer in tried] == [403] * 5
    assert all("use a live key" in answer.json()["message"] for answer in tried)
    assert (await world.http.get("/v1/api-keys")).status_code == 200


async def test_an_unknown_part_of_the_reference(world: World) -> None:
    answer = await world.http.get("/docs/none.js")
    assert (answer.status_code, answer.json()["error"]) == (404, "Not Found")


def test_without_a_limit_no_header_speaks_of_one() -> None:
    assert RateLimiter().take("key", Rate(0, 0)).headers(NOON) == {}


async def test_rate_limits_are_settings(tmp_path: Any) -> None:
    settings = Settings(data=tmp_path, rate_limit_key_per_minute=7, rate_limit_calls_per_minute=5)
    async with create_app(settings) as app:
        limits = app.state.rate_limiter.limits
    assert (limits.key.per_minute, limits.calls.per_minute) == (7, 5)


def test_settings_do_not_show_their_secrets() -> None:
    shown = repr(Settings(llm_api_key="sk-hidden", database_url="postgresql://me:hidden@db/x"))
    assert "hidden" not in shown
