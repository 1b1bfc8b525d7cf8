"""KYC: off by default; where the operator demands it, nobody calls out unverified (contract B.11)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dialnexa.platform.tenancy import kyc
from dialnexa.platform.tenancy.kyc import KycPolicy
from dialnexa.platform.tenancy.terms import Terms
from tests.api.world import NOON, Furnished, World, open_world

DETAILS: dict[str, Any] = {
    "legal_name": "Acme Dental Ltd",
    "country": "gb",
    "contact_name": "Ada",
    "contact_email": "ada@acme.example",
    "address": "1 High Street, London",
}


@pytest.fixture
async def guarded(furnished: Furnished, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(furnished, tmp_path, terms=Terms(KycPolicy("all"))) as world:
        yield world


async def _call(world: World) -> httpx.Response:
    body = {"to_number": "+16505550199", "agent_id": world.home.agent_id}
    return await world.http.post("/v1/calls", json=body)


async def test_nobody_is_asked_unless_the_operator_wants_it(world: World) -> None:
    case = (await world.http.get("/v1/kyc")).json()
    assert (case["state"], case["mode"], case["details"]) == ("not_started", "off", {})
    assert (await _call(world)).status_code == 201


async def test_calls_wait_for_the_operator_s_word(guarded: World) -> None:
    refused = await _call(guarded)
    assert (refused.status_code, refused.json()["code"]) == (403, "kyc_required")
    assert "Begin with POST /v1/kyc" in refused.json()["message"]
    rented = await guarded.http.post("/v1/phone-numbers/purchase", json={"phone_number": "+12125550123"})
    assert (rented.status_code, rented.json()["code"]) == (403, "kyc_required")
    handed_in = await guarded.http.post("/v1/kyc", json=DETAILS)
    assert (handed_in.status_code, handed_in.json()["state"]) == (201, "pending")
    assert handed_in.json()["details"]["country"] == "GB"
    assert "being looked at" in (await _call(guarded)).json()["message"]
    await _decide(guarded, "rejected")
    assert "It was rejected" in (await _call(guarded)).json()["message"]
    assert (await guarded.http.post("/v1/kyc", json=DETAILS)).json()["state"] == "pending"
    await _decide(guarded, "verified")
    assert (await _call(guarded)).status_code == 201
    assert (await guarded.http.post("/v1/kyc", json=DETAILS)).status_code == 409


async def test_test_keys_neither_need_it_nor_change_it(guarded: World) -> None:
    async with guarded.as_(guarded.home.keys.test_secret_key) as tester:
        body = {"to_number": "+16505550199", "agent_id": guarded.home.agent_id}
        assert (await tester.post("/v1/calls", json=body)).status_code == 201
        assert (await tester.post("/v1/kyc", json=DETAILS)).status_code == 403


async def test_what_was_handed_in_is_not_in_the_audit_log(world: World) -> None:
    await world.http.post("/v1/kyc", json=DETAILS)
    text = (await world.http.get("/v1/audit-log")).text
    assert "POST /v1/kyc" in text
    assert "Acme" not in text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"country": "Britain"}, "country must be an ISO 3166 code"),
        ({"contact_email": "ada"}, "contact_email must match"),
        ({"legal_name": ""}, "legal_name should not be empty"),
    ],
)
async def test_each_mistake_gets_a_sentence(world: World, fields: dict[str, str], message: str) -> None:
    answer = await world.http.post("/v1/kyc", json={**DETAILS, **fields})
    assert (answer.status_code, message in " ".join(answer.json()["message"])) == (400, True), answer.text


@pytest.mark.parametrize(
    ("numbers", "concerned"),
    [
        (("+14155550100", "+16505550199"), False),
        (("+14155550100", "+919876543210"), True),
        (("+18005550134",), True),
        (("+442079460123",), False),
    ],
)
def test_regulated_means_some_countries_and_us_toll_free(numbers: tuple[str, ...], concerned: bool) -> None:
    assert KycPolicy.parse("regulated", "in, DE").concerns(*numbers) is concerned
    assert not KycPolicy.parse("off", "IN").concerns(*numbers)


async def _decide(world: World, state: Any) -> None:
    async with world.database.write() as session:
        await kyc.decide(session, world.home.workspace_id, state, "", now=NOON)
