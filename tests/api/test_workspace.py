"""The workspace itself: its name, where it is, what a day may cost (contract I.2)."""

from __future__ import annotations

import httpx
import pytest

from dialnexa.platform.tenancy import repository, wallet
from tests.api.world import World


async def _spend(world: World, usd: float) -> None:
    async with world.database.write() as session:
        account = await repository.default_account(session, world.home.workspace_id, livemode=True)
        owner = (account.workspace_id, account.id)
        wallet.spend(session, owner, "call", usd, reference="call_1", note="", now=world.clock.now())


async def _call(world: World) -> httpx.Response:
    return await world.http.post("/v1/calls", json={"to_number": "+16505550199", "agent_id": world.home.agent_id})


async def test_a_workspace_is_renamed_and_placed(world: World) -> None:
    before = (await world.http.get("/v1/workspace")).json()
    assert (before["name"], before["timezone"], before["default_country"]) == ("My workspace", "UTC", None)
    body = {"name": " Acme ", "timezone": "Europe/Berlin", "default_country": "de"}
    after = (await world.http.patch("/v1/workspace", json=body)).json()
    assert (after["name"], after["timezone"], after["default_country"]) == ("Acme", "Europe/Berlin", "DE")
    assert (await world.http.get("/v1/workspace")).json() == after
    assert (await world.http.get("/v1/telephony-config")).json()["home_countries"] == ["DE", "US"]
    cleared = await world.http.patch("/v1/workspace", json={"default_country": None})
    assert cleared.json()["default_country"] is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"timezone": "Berlin"}, "timezone must be an IANA time zone, such as Europe/Berlin"),
        ({"default_country": "Germany"}, "default_country must be an ISO 3166 code of two letters, such as US"),
        ({"name": " "}, "name should not be empty"),
        ({"daily_spend_cap_usd": -1}, "daily_spend_cap_usd must be at least 0.0"),
    ],
)
async def test_each_mistake_gets_a_sentence(world: World, body: dict[str, object], message: str) -> None:
    answer = await world.http.patch("/v1/workspace", json=body)
    assert (answer.status_code, answer.json()["message"]) == (400, [message])


async def test_a_day_costs_no_more_than_its_cap(world: World) -> None:
    await world.http.patch("/v1/workspace", json={"daily_spend_cap_usd": 5, "timezone": "America/New_York"})
    await _spend(world, 4.99)
    assert (await _call(world)).status_code == 201
    await _spend(world, 0.01)
    refused = await _call(world)
    assert (refused.status_code, refused.json()["code"]) == (402, "spend_cap_reached")
    assert (await world.http.get("/v1/workspace")).json()["spent_today_usd"] == 5.0
    world.clock.later(hours=15)  # 23:00 in New York
    assert (await _call(world)).status_code == 402
    world.clock.later(hours=1)
    assert (await _call(world)).status_code == 201


async def test_test_keys_change_nothing_of_it(world: World) -> None:
    async with world.as_(world.home.keys.test_secret_key) as tester:
        assert (await tester.patch("/v1/workspace", json={"name": "x"})).status_code == 403
        assert (await tester.get("/v1/workspace")).status_code == 200
