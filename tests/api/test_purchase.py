"""Renting numbers: looked for, taken, used, renewed, lost and given back (contract B.9, B.15)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dialnexa.platform.numbers import rentals, repository, service
from dialnexa.platform.numbers.carriers.port import Rental
from dialnexa.platform.numbers.carriers.sandbox import SandboxCatalogue
from dialnexa.platform.numbers.market import Market
from dialnexa.platform.numbers.service import InboundMatch
from dialnexa.platform.tenancy import wallet
from dialnexa.platform.tenancy.terms import Terms
from tests.api.world import NOON, VAULT, Furnished, World, open_world

NUMBER = "+12125550123"


@dataclass
class Moody(SandboxCatalogue):
    """A carrier with moods, that remembers what it was asked."""

    gone: bool = False
    crash: bool = False
    released: list[str] = field(default_factory=list[str])

    async def buy(self, e164: str, order: str) -> Rental | None:
        if self.crash:
            raise RuntimeError("power cut")
        return None if self.gone else await super().buy(e164, order)

    async def find(self, e164: str, order: str) -> Rental | None:
        return None if self.gone else await super().find(e164, order)

    async def release(self, e164: str, ref: str) -> None:
        self.released.append(e164)


@pytest.fixture
async def billed(furnished: Furnished, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, terms=Terms(billing=True)) as world:
        yield world


def _carrier(world: World) -> Moody:
    carrier = Moody()
    world.app.state.market = Market(world.app.state.terms, VAULT, (carrier,))
    return carrier


async def _buy(world: World, number: str = NUMBER, **fields: Any) -> dict[str, Any]:
    answer = await world.http.post("/v1/organization-phone-numbers/purchase", json={"phone_number": number, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def _sweep(world: World) -> None:
    await rentals.sweep(world.database, world.app.state.market, now=world.clock.now())


async def _pay_in(world: World, usd: float) -> None:
    async with world.database.write() as session:
        account = await repository.by_e164(session, "+14155550100")
        wallet.credit(session, (account[0].workspace_id, account[0].account_id), usd, note="test", now=NOON)


async def test_a_number_is_found_rented_and_found_no_more(world: World) -> None:
    path = "/v1/organization-phone-numbers/plivo-numbers"
    query = {"country_iso": "us", "type": "local", "area_code": "212", "limit": 200}
    found = (await world.http.get(path, params=query)).json()
    assert (found["meta"]["total_count"], len(found["objects"])) == (100, 100)
    offered = next(one for one in found["objects"] if one["number"] == NUMBER)
    assert (offered["monthly_rental_rate"], offered["voice_enabled"], offered["country_iso"]) == (1.0, True, "US")
    number = await _buy(world, nickname="Sales")
    assert (number["status"], number["rental_status"], number["provider"]) == ("active", "active", "sandbox")
    assert (number["nickname"], number["monthly_cost_usd"], number["type"]) == ("Sales", 1.0, "local")
    assert number["rental_expires_at"] == "2026-06-22T12:00:00.000Z"
    left = (await world.http.get("/v1/phone-numbers/available", params=query)).json()
    assert NUMBER not in {one["number"] for one in left["objects"]}
    assert (await world.http.get(f"/v1/phone-numbers/{number['id']}")).json()["phone_number"] == NUMBER


async def test_both_spellings_are_read_and_the_answer_has_both(world: World) -> None:
    body = {"phoneNumber": "+1 (212) 555-0123", "telephonyProviderId": "sandbox", "countryISO": "US"}
    answer = await world.http.post("/phone-numbers/purchase", json=body)
    assert answer.status_code == 201, answer.text
    bought = answer.json()
    assert (
        bought["phoneNumber"] == bought["phone_number"] == bought["organizationPhoneNumber"]["phone_number"] == NUMBER
    )
    assert bought["message"] == "Phone number purchased."


async def test_a_rented_number_rings_and_calls_out(world: World) -> None:
    number = await _buy(world, agent_id=world.home.agent_id)
    async with world.database.read() as session:
        match = await service.find_inbound(session, (NUMBER,), {number["sip_trunk_id"]})
    assert isinstance(match, InboundMatch)
    assert (match.agent_id, match.is_sandbox) == (world.home.agent_id, True)
    body = {"from_number": NUMBER, "to_number": "+16505550199", "agent_version_id": world.home.agent_version_id}
    assert (await world.http.post("/v1/calls", json=body)).status_code == 201


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, "phone_number should not be empty"),
        ({"phone_number": "2125550123"}, 400, "phone_number must be a valid E.164 phone number"),
        ({"phone_number": "+12125551234"}, 400, "cannot be rented from sandbox"),
        ({"phone_number": NUMBER, "countryISO": "GB"}, 400, "is no number of GB"),
        ({"phone_number": NUMBER, "provider": "acme"}, 400, "provider must be sandbox"),
        ({"phone_number": NUMBER, "agent_id": "agent_none"}, 422, "agent_none"),
        ({"phone_number": "+14155550100"}, 409, "Phone number already registered"),
        ({"phone_number": "+14155550777"}, 409, "Phone number already registered"),
    ],
)
async def test_each_mistake_gets_a_sentence(world: World, body: dict[str, str], status: int, message: str) -> None:
    answer = await world.http.post("/v1/phone-numbers/purchase", json=body)
    assert (answer.status_code, message in str(answer.json()["message"])) == (status, True), answer.text


async def test_a_search_needs_a_country(world: World) -> None:
    path = "/v1/organization-phone-numbers/plivo-numbers"
    missing = await world.http.get(path)
    assert (missing.status_code, missing.json()["message"]) == (400, "country_iso is required")
    assert (await world.http.get(path, params={"country_iso": "Britain"})).status_code == 400


async def test_two_who_want_one_number(world: World) -> None:
    await _buy(world)
    async with world.as_(world.neighbour.key) as other:
        late = await other.post("/v1/phone-numbers/purchase", json={"phone_number": NUMBER})
        assert (late.status_code, late.json()["message"]) == (409, "Phone number already registered")
        assert (
            await other.post("/v1/phone-numbers/purchase", json={"phone_number": "+12125550124"})
        ).status_code == 201
    async with world.as_(world.home.keys.test_secret_key) as tester:  # the test mode has numbers of its own
        assert (await tester.post("/v1/phone-numbers/purchase", json={"phone_number": NUMBER})).status_code == 201


async def test_a_number_the_carrier_gave_to_somebody_else_leaves_nothing(world: World) -> None:
    _carrier(world).gone = True
    headers = {"Idempotency-Key": "k"}
    body = {"phone_number": NUMBER}
    gone = await world.http.post("/v1/phone-numbers/purchase", json=body, headers=headers)
    assert (gone.status_code, "somebody else was faster" in gone.json()["message"]) == (400, True)
    assert (await world.http.get("/v1/phone-numbers")).json()["meta"]["total"] == 1
    _carrier(world)
    assert (await world.http.post("/v1/phone-numbers/purchase", json=body, headers=headers)).status_code == 201


@pytest.mark.parametrize("ours", [True, False])
async def test_a_purchase_cut_off_half_way_is_brought_to_its_end(world: World, ours: bool) -> None:
    _carrier(world).crash = True
    assert (await world.http.post("/v1/phone-numbers/purchase", json={"phone_number": NUMBER})).status_code == 500
    (pending, *_) = (await world.http.get("/v1/phone-numbers")).json()["data"]
    assert (pending["phone_number"], pending["status"]) == (NUMBER, "pending")
    body = {"from_number": NUMBER, "to_number": "+16505550199", "agent_version_id": world.home.agent_version_id}
    assert (await world.http.post("/v1/calls", json=body)).status_code == 403, "only active numbers call"
    _carrier(world).gone = not ours
    await _sweep(world)
    assert (await world.http.get(f"/v1/phone-numbers/{pending['id']}")).json()["status"] == "pending", "too early"
    world.clock.later(minutes=3)
    await _sweep(world)
    after = await world.http.get(f"/v1/phone-numbers/{pending['id']}")
    assert (after.status_code, after.json().get("status")) == ((200, "active") if ours else (404, None))


async def test_a_rental_goes_on_until_it_is_given_back(world: World) -> None:
    carrier, number = _carrier(world), await _buy(world)
    world.clock.later(days=31)
    await _sweep(world)
    renewed = (await world.http.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert (renewed["status"], renewed["rental_expires_at"]) == ("active", "2026-07-22T12:00:00.000Z")
    assert (await world.http.delete(f"/v1/phone-numbers/{number['id']}")).status_code == 200
    assert carrier.released == [NUMBER]
    assert (await _buy(world))["id"] != number["id"]


async def test_a_rental_that_is_not_renewed_ends_and_others_may_have_the_number(world: World) -> None:
    number = await _buy(world, agent_id=world.home.agent_id)
    path = f"/v1/phone-numbers/{number['id']}"
    assert (await world.http.patch(path, json={"auto_renew": False})).json()["auto_renew"] is False
    world.clock.later(days=30)
    await _sweep(world)
    ended = (await world.http.get(path)).json()
    assert (ended["status"], ended["rental_status"]) == ("unavailable", "expired")
    async with world.database.read() as session:
        assert not isinstance(await service.find_inbound(session, (NUMBER,), {number["sip_trunk_id"]}), InboundMatch)
    async with world.as_(world.neighbour.key) as other:
        assert (await other.post("/v1/phone-numbers/purchase", json={"phone_number": NUMBER})).status_code == 409
        world.clock.later(days=30)
        await _sweep(world)
        assert (await world.http.get(path)).json()["rental_status"] == "available_for_reassignment"
        assert (await other.post("/v1/phone-numbers/purchase", json={"phone_number": NUMBER})).status_code == 201
    assert (await world.http.get(path)).status_code == 404


async def test_where_the_operator_bills_numbers_are_paid_for(billed: World) -> None:
    refused = await billed.http.post("/v1/phone-numbers/purchase", json={"phone_number": NUMBER})
    assert (refused.status_code, refused.json()["code"]) == (402, "wallet_empty")
    assert refused.json()["error"] == "Payment Required"
    call = {"to_number": "+16505550199", "agent_id": billed.home.agent_id}
    assert (await billed.http.post("/v1/calls", json=call)).status_code == 402
    await _pay_in(billed, 1.5)
    number = await _buy(billed)
    wallet_now = (await billed.http.get("/v1/workspace/wallet")).json()
    assert (wallet_now["balance_usd"], wallet_now["billing"]) == (0.5, True)
    assert [(entry["kind"], entry["amount_usd"]) for entry in wallet_now["entries"]["data"]] == [
        ("number", -1.0),
        ("credit", 1.5),
    ]
    assert (await billed.http.post("/v1/calls", json=call)).status_code == 201
    billed.clock.later(days=30)
    await _sweep(billed)
    unpaid = (await billed.http.get(f"/v1/phone-numbers/{number['id']}")).json()
    assert (unpaid["status"], unpaid["rental_status"]) == ("unavailable", "expired")


async def test_prices_are_listed_by_country(world: World) -> None:
    prices = (await world.http.get("/v1/phone-number-pricing")).json()
    germany = next(price for price in prices if price["country_iso"] == "DE")
    assert (germany["country_name"], germany["credit_cost"], germany["telephony_provider_id"]) == (
        "Germany",
        1.0,
        "sandbox",
    )
    assert germany["telephonyProvider"]["name"] == "Sandbox"
