"""K 4: draft → 403, foreign number → 403, blocked prefix → 403, two bad fields → 400 with two sentences."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.world import World
from tests.conformance.shapes import s1, s2, sentences, total


async def refused(world: World, body: dict[str, Any], status: int) -> str:
    answer = await world.http.post("/v1/calls", json=body)
    assert answer.status_code == status, answer.text
    assert await total(world) == 0
    return " ".join(sentences(answer))


async def test_a_draft_version(world: World) -> None:
    draft = await world.agent()
    assert "Publish it" in await refused(world, s1(world, agent_version_id=draft["agent_version_id"]), 403)
    assert "Publish it" in await refused(world, s2(world, agent_id=draft["id"]), 403)


async def test_a_number_of_somebody_else(world: World) -> None:
    assert "not an active number" in await refused(world, s1(world, from_number="+14155550777"), 403)


async def test_a_number_given_up(world: World) -> None:
    trunk = {"phoneNumber": "+14155550888", "terminationUri": "sip.example.com", "authMode": "ip"}
    number = (await world.http.post("/v1/organization-phone-numbers/sip-trunks", json=trunk)).json()
    await world.http.delete(f"/v1/organization-phone-numbers/{number['id']}")
    assert "not an active number" in await refused(world, s1(world, from_number="+14155550888"), 403)


async def test_a_blocked_prefix(world: World) -> None:
    await world.http.patch("/v1/telephony-config", json={"blocked_prefixes": ["+7"]})
    assert "PATCH /v1/telephony-config" in await refused(world, s1(world, to_number="+74955550100"), 403)
    assert "premium" in await refused(world, s1(world, to_number="+19005550123"), 403)


async def test_a_version_or_agent_of_somebody_else(world: World) -> None:
    await refused(world, s1(world, agent_version_id=world.neighbour.version_id), 404)
    await refused(world, s2(world, agent_id=world.neighbour.agent_id), 404)


async def test_two_bad_fields_get_two_sentences(world: World) -> None:
    answer = await world.http.post("/v1/calls", json={"to_phone_number": "12", "agent_id": ""})
    assert answer.json() == {
        "statusCode": 400,
        "message": ["to_phone_number must be in E.164 format", "agent_id should not be empty"],
        "error": "Bad Request",
    }


@pytest.mark.parametrize("name", ["to_number", "to_phone_number", "phone_number"])
async def test_a_bad_number_is_named_as_the_caller_spells_it(world: World, name: str) -> None:
    body = {name: "0199", "agent_id": world.home.agent_id}
    assert (await refused(world, body, 400)).startswith(f"{name} must be")
