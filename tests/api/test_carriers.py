"""Numbers of a real carrier over the API: offered, rented, called over its trunk, given back, come what may."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import select

from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.platform.numbers import rentals, repository, service
from dialnexa.platform.numbers.carriers.port import Line
from dialnexa.platform.numbers.carriers.telnyx import Telnyx, TelnyxAccount
from dialnexa.platform.numbers.market import Market
from dialnexa.platform.numbers.models import PhoneNumber, SipTrunk
from dialnexa.platform.numbers.service import InboundMatch
from tests.api.world import VAULT, World
from tests.platform.numbers.telnyx_server import CONNECTION, KEY, TelnyxServer, telnyx

NUMBER, SECOND = "+12125550123", "+12125550124"
LINE = Line("sip.telnyx.com", 0, "acme", "s3cret", registers=True)
ORDERS = ("POST", "/v2/number_orders")


@dataclass
class Shop:
    """The API of an installation that rents from Telnyx."""

    world: World
    telnyx: TelnyxServer
    outgoing: Outgoing
    line: Line = field(default=LINE)

    def opens(self, line: Line = LINE) -> None:
        account = TelnyxAccount(KEY, CONNECTION, line, f"{self.telnyx.url}/v2")
        carrier = Telnyx(account, self.outgoing, self.world.clock)
        self.world.app.state.market = Market(self.world.app.state.terms, VAULT, (carrier,))

    async def tries(self, number: str = NUMBER, **fields: Any) -> tuple[int, dict[str, Any]]:
        body = {"phone_number": number, **fields}
        answer = await self.world.http.post("/v1/organization-phone-numbers/purchase", json=body)
        return answer.status_code, answer.json()

    async def buys(self, number: str = NUMBER, **fields: Any) -> dict[str, Any]:
        status, bought = await self.tries(number, **fields)
        assert status == 201, bought
        return bought

    async def number(self, number_id: str) -> dict[str, Any]:
        return (await self.world.http.get(f"/v1/phone-numbers/{number_id}")).json()

    async def deletes(self, number_id: str) -> int:
        return (await self.world.http.delete(f"/v1/phone-numbers/{number_id}")).status_code

    async def sweeps(self, **later: float) -> None:
        self.world.clock.later(**later)
        market = self.world.app.state.market
        await rentals.sweep(self.world.database, market, now=self.world.clock.now())

    async def trunks(self) -> list[SipTrunk]:
        async with self.world.database.read() as session:
            return list(await repository.carrier_trunks(session, "telnyx"))

    async def returning(self) -> list[str]:
        async with self.world.database.read() as session:
            waiting = select(PhoneNumber.e164).where(PhoneNumber.release_since.is_not(None))
            return list(await session.scalars(waiting))


@asynccontextmanager
async def open_shop(world: World) -> AsyncGenerator[Shop]:
    """Have an installation rent from an account at Telnyx."""
    outgoing = Outgoing(Allowance.parse("127.0.0.0/8"))
    with telnyx() as server:
        shop = Shop(world, server, outgoing)
        shop.opens()
        yield shop
        await outgoing.aclose()


@pytest.fixture
async def shop(world: World) -> AsyncIterator[Shop]:
    async with open_shop(world) as opened:
        yield opened


async def test_the_carrier_s_own_offers_and_prices_are_shown(shop: Shop) -> None:
    query = {"country_iso": "US", "type": "local", "area_code": "212"}
    found = (await shop.world.http.get("/v1/organization-phone-numbers/plivo-numbers", params=query)).json()
    assert (found["provider"], [one["number"] for one in found["objects"]]) == ("telnyx", [NUMBER, SECOND])
    assert (found["objects"][0]["monthly_rental_rate"], found["objects"][0]["setup_rate"]) == (1.1, 0.5)
    (price,) = (await shop.world.http.get("/v1/phone-number-pricing")).json()
    assert (price["telephony_provider_id"], price["country_iso"], price["credit_cost"]) == ("telnyx", "US", 1.1)
    query["provider"] = "sandbox"
    built_in = (await shop.world.http.get("/v1/organization-phone-numbers/available", params=query)).json()
    assert (built_in["provider"], built_in["meta"]["total_count"]) == ("sandbox", 100)


async def test_a_rented_number_calls_and_rings_over_the_carrier_s_trunk(shop: Shop) -> None:
    number = await shop.buys(agent_id=shop.world.home.agent_id)
    assert (number["status"], number["provider"], number["monthly_cost_usd"]) == ("active", "telnyx", 1.1)
    assert number["sip_trunk_registration"] is None or number["sip_trunk_registration"]["state"] == "waiting"
    (trunk,) = await shop.trunks()
    async with shop.world.database.read() as session:
        route = await service.route_for(session, VAULT, trunk.workspace_id, trunk.id)
        match = await service.find_inbound(session, (NUMBER,), {trunk.id})
    assert route is not None and isinstance(match, InboundMatch)
    assert (route.host, route.username, route.password) == ("sip.telnyx.com", "acme", "s3cret")
    assert (trunk.registration, route.is_sandbox, match.is_sandbox) == ("outbound", False, False)
    assert (await shop.buys(SECOND))["sip_trunk_id"] == trunk.id, "one trunk for all of a workspace's numbers"


async def test_the_operator_s_login_is_nobody_s_to_see_or_to_send_elsewhere(shop: Shop) -> None:
    number = await shop.buys()
    path = f"/v1/organization-phone-numbers/sip-trunks/{number['sip_trunk_id']}"
    shown = (await shop.world.http.get(path)).json()
    assert (shown["carrier"], shown["username"], shown["termination_uri"]) == ("telnyx", None, "sip.telnyx.com")
    for answer in (
        await shop.world.http.patch(path, json={"terminationUri": "evil.example"}),
        await shop.world.http.delete(path),
        await shop.world.http.post(f"{path}/phone-numbers", json={"phoneNumber": "+12025550135"}),
    ):
        assert (answer.status_code, "rented from telnyx" in answer.json()["message"]) == (409, True)


async def test_test_keys_rent_from_the_sandbox(shop: Shop) -> None:
    async with shop.world.as_(shop.world.home.keys.test_secret_key) as tester:
        answer = await tester.post("/v1/phone-numbers/purchase", json={"phone_number": "+12125550199"})
        assert (answer.status_code, answer.json()["provider"]) == (201, "sandbox")
        refused = await tester.post("/v1/phone-numbers/purchase", json={"phone_number": NUMBER, "provider": "telnyx"})
        assert (refused.status_code, "provider must be sandbox" in refused.json()["message"]) == (400, True)
    assert shop.telnyx.asked == []


async def test_one_trunk_registers_and_the_next_one_takes_over(shop: Shop) -> None:
    mine = await shop.buys()
    async with shop.world.as_(shop.world.neighbour.key) as other:
        theirs = await other.post("/v1/phone-numbers/purchase", json={"phone_number": SECOND})
        assert theirs.status_code == 201, theirs.text
    assert [trunk.registration for trunk in await shop.trunks()] == ["outbound", "none"]
    assert await shop.deletes(mine["id"]) == 200
    (left,) = await shop.trunks()
    assert (left.id, left.registration) == (theirs.json()["sip_trunk_id"], "outbound")


async def test_trunks_follow_the_settings(shop: Shop) -> None:
    await shop.buys()
    (before,) = await shop.trunks()
    shop.opens(Line("sip.telnyx.eu", 5070, "acme", "n3w", registers=True, sources=("192.0.2.0/24",)))
    await shop.sweeps(minutes=1)
    (trunk,) = await shop.trunks()
    assert (trunk.host, trunk.port, trunk.sources) == ("sip.telnyx.eu", 5070, ["192.0.2.0/24"])
    assert VAULT.open(trunk.password_sealed or "") == "n3w"
    assert trunk.updated_at > before.updated_at, "workers look for that"
    changed = trunk.updated_at
    await shop.sweeps(minutes=1)
    assert (await shop.trunks())[0].updated_at == changed
    shop.opens(Line("sip.telnyx.eu"))
    await shop.sweeps(minutes=1)
    (trunk,) = await shop.trunks()
    assert (trunk.auth_mode, trunk.username, trunk.password_sealed, trunk.registration) == ("ip", None, None, "none")


async def test_an_order_the_carrier_still_works_on_becomes_active_by_itself(shop: Shop) -> None:
    shop.telnyx.slow = 100
    number = await shop.buys()
    assert (number["status"], number["message"]) == ("pending", "The carrier is still working on it.")
    assert await shop.deletes(number["id"]) == 409
    await shop.sweeps(minutes=3)
    assert (await shop.number(number["id"]))["status"] == "pending"
    shop.telnyx.slow = 0
    await shop.sweeps(minutes=1)
    assert (await shop.number(number["id"]))["status"] == "active"


@pytest.mark.parametrize("made", [True, False])
async def test_an_order_nobody_knows_the_end_of_is_looked_for_and_never_made_twice(shop: Shop, made: bool) -> None:
    if made:
        shop.telnyx.lose.add(ORDERS)
    else:
        shop.telnyx.instead[ORDERS] = [(500, {})]
    status, answer = await shop.tries()
    assert (status, "is pending meanwhile" in answer["message"]) == (502, True)
    assert (await shop.tries())[0] == 409
    await shop.sweeps(minutes=3)
    owned = (await shop.world.http.get("/v1/phone-numbers?country_code=US")).json()["data"]
    assert [one["status"] for one in owned if one["phone_number"] == NUMBER] == (["active"] if made else [])
    assert shop.telnyx.count(*ORDERS) == 1
    assert len(shop.telnyx.owned) == made


@pytest.mark.parametrize(
    ("status", "detail", "ours", "words"),
    [
        (402, "Because.", 402, "too little credit"),
        (403, "Verification level too low.", 403, "Verification level too low."),
        (409, "Duplicate resource.", 409, "Duplicate resource."),
        (422, "A requirement group is needed.", 400, "A requirement group is needed."),
        (401, "Authentication failed.", 502, "DIALNEXA_TELNYX_API_KEY"),
    ],
)
async def test_the_carrier_s_no_is_passed_on_and_leaves_nothing(
    shop: Shop, status: int, detail: str, ours: int, words: str
) -> None:
    shop.telnyx.instead[ORDERS] = [(status, {"errors": [{"code": "1", "title": "No", "detail": detail}]})]
    got, answer = await shop.tries()
    assert (got, words in answer["message"]) == (ours, True), answer
    if ours != 502:
        await shop.buys()


async def test_a_number_the_carrier_will_not_take_back_now_is_given_back_later(shop: Shop) -> None:
    number = await shop.buys()
    delete = ("DELETE", "/v2/phone_numbers/number-0")
    shop.telnyx.instead[delete] = [(503, {})] * 3
    assert await shop.deletes(number["id"]) == 200
    assert (await shop.returning(), list(shop.telnyx.owned)) == ([NUMBER], [NUMBER])
    status, answer = await shop.tries()
    assert (status, "is being given back" in answer["message"]) == (409, True)
    await shop.sweeps(minutes=1)
    assert (await shop.returning(), list(shop.telnyx.owned)) == ([], [])
    await shop.sweeps(minutes=1)
    assert shop.telnyx.count(*delete) == 4


async def test_an_expired_number_goes_back_to_its_carrier(shop: Shop) -> None:
    number = await shop.buys()
    await shop.world.http.patch(f"/v1/phone-numbers/{number['id']}", json={"auto_renew": False})
    await shop.sweeps(days=31)
    assert list(shop.telnyx.owned) == [NUMBER], "the workspace may still want it"
    await shop.sweeps(days=30)
    assert (await shop.number(number["id"]))["rental_status"] == "available_for_reassignment"
    assert list(shop.telnyx.owned) == []
    assert await shop.deletes(number["id"]) == 200
    assert await shop.returning() == []


async def test_a_carrier_that_is_away_while_numbers_are_looked_for(shop: Shop) -> None:
    shop.telnyx.instead["GET", "/v2/available_phone_numbers"] = [(503, {})] * 3
    answer = await shop.world.http.get("/v1/organization-phone-numbers/available?country_iso=US")
    assert (answer.status_code, answer.json()["error"]) == (502, "Bad Gateway")
    assert "busy or in trouble" in answer.json()["message"]
