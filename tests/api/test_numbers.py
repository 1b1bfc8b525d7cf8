"""Phone numbers over HTTP: bringing one along, assigning agents, giving it up (contract B.9)."""

from __future__ import annotations

from typing import Any

import pytest

from dialnexa.platform.numbers import service
from tests.api.world import VAULT, World

TRUNK = {
    "phoneNumber": "+1 (202) 555-0134",
    "terminationUri": "sip.carrier.example:5080",
    "sipTrunkUserName": "acme",
    "sipTrunkPassword": "s3cret",
    "nickname": "Main line",
}


async def _first(world: World) -> dict[str, Any]:
    return (await world.http.get("/v1/organization-phone-numbers")).json()["data"][0]


async def test_an_installation_begins_with_a_number_that_works_both_ways(world: World) -> None:
    number = await _first(world)
    assert (number["phone_number"], number["status"], number["country_code"]) == ("+14155550100", "active", "US")
    assert number["agent_id"] == world.home.agent_id
    assert number["outbound_agent_version_id"] == world.home.agent_version_id
    assert number["is_default"] is True


async def test_a_number_comes_with_its_trunk_and_its_password_is_sealed(world: World) -> None:
    answer = await world.http.post("/v1/organization-phone-numbers/sip-trunks", json=TRUNK)
    assert answer.status_code == 201, answer.text
    number = answer.json()
    assert (number["phone_number"], number["provider"]) == ("+12025550134", "SIP trunk")
    assert "s3cret" not in answer.text
    async with world.database.read() as session:
        route = await service.route_for(session, VAULT, world.home.workspace_id, number["sip_trunk_id"])
    assert route is not None
    assert (route.host, route.port, route.username, route.password) == ("sip.carrier.example", 5080, "acme", "s3cret")

    again = await world.http.post("/phone-numbers/sip-trunks", json=TRUNK)
    assert (again.status_code, again.json()["message"]) == (409, "Phone number already registered")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"phoneNumber": "2025550134"}, "phoneNumber must be a valid E.164 phone number, such as +14155550100"),
        ({"terminationUri": "sip:carrier.example"}, 'terminationUri must be host[:port] without "sip:"'),
        ({"terminationUri": "car rier"}, "terminationUri must be a host name or address"),
        ({"terminationUri": "carrier.example:99999"}, "terminationUri has a port that is none"),
        ({"sipTrunkPassword": None}, "sipTrunkUserName and sipTrunkPassword are both required"),
        ({"authMode": "ip"}, "must be left out when authMode is ip"),
        ({"authMode": "magic"}, "authMode must be one of: userpass, ip"),
        ({"sources": ["nowhere"]}, "sources must be addresses or networks"),
    ],
)
async def test_each_mistake_gets_a_sentence(world: World, fields: dict[str, Any], message: str) -> None:
    answer = await world.http.post("/v1/organization-phone-numbers/sip-trunks", json={**TRUNK, **fields})
    assert answer.status_code == 400, answer.text
    said = answer.json()["message"]
    assert message in (said if isinstance(said, str) else " | ".join(said))


async def test_missing_fields_are_named_as_the_caller_spells_them(world: World) -> None:
    answer = await world.http.post("/v1/organization-phone-numbers/sip-trunks", json={})
    assert answer.json()["message"] == ["phoneNumber should not be empty", "terminationUri should not be empty"]


async def test_inbound_and_outbound_are_assigned_apart(world: World) -> None:
    number = await _first(world)
    path = f"/v1/organization-phone-numbers/{number['id']}"
    detached = (await world.http.patch(path, json={"agent_id": None})).json()
    assert (detached["agent_id"], detached["outbound_agent_version_id"]) == (None, world.home.agent_version_id)
    pinned = (await world.http.patch(path, json={"inbound_agent_version_id": world.home.agent_version_id})).json()
    assert (pinned["agent_id"], pinned["inbound_agent_version_id"]) == (
        world.home.agent_id,
        world.home.agent_version_id,
    )
    out = (await world.http.patch(path, json={"outbound_agent_version_id": None, "label": "Front desk"})).json()
    assert (out["outbound_agent_version_id"], out["label"]) == (None, "Front desk")
    cleared = (await world.http.patch(path, json={"label": ""})).json()
    assert cleared["label"] is None


async def test_only_published_versions_of_ones_own_are_assigned(world: World) -> None:
    number = await _first(world)
    path = f"/v1/organization-phone-numbers/{number['id']}"
    draft = await world.agent()
    for body in (
        {"agent_id": draft["id"]},
        {"inbound_agent_version_id": draft["agent_version_id"]},
        {"outbound_agent_version_id": world.neighbour.version_id},
        {"agent_id": world.neighbour.agent_id},
    ):
        assert (await world.http.patch(path, json=body)).status_code == 422


async def test_giving_a_number_up_takes_its_trunk_along(world: World) -> None:
    number = (await world.http.post("/v1/phone-numbers/sip-trunks", json=TRUNK)).json()
    assert (await world.http.delete(f"/v1/phone-numbers/{number['id']}")).status_code == 200
    assert (await world.http.get(f"/v1/phone-numbers/{number['id']}")).status_code == 404
    async with world.database.read() as session:
        assert await service.route_for(session, VAULT, world.home.workspace_id, number["sip_trunk_id"]) is None
    assert (await world.http.post("/v1/phone-numbers/sip-trunks", json=TRUNK)).status_code == 201

    first = (await world.http.get("/v1/phone-numbers")).json()["data"][-1]
    default = await world.http.delete(f"/v1/phone-numbers/{first['id']}")
    assert default.status_code == 409


async def test_filters_and_the_older_envelope(world: World) -> None:
    await world.http.post("/v1/phone-numbers/sip-trunks", json=TRUNK)
    listed = (await world.http.get("/v1/phone-numbers", params={"limit": 1, "country_code": "us"})).json()
    assert (len(listed["data"]), listed["meta"]["total"], listed["meta"]["totalPages"]) == (1, 2, 2)
    assert (await world.http.get("/v1/phone-numbers", params={"type": "toll_free"})).json()["data"] == []
    older = await world.http.get("/v1/phone-numbers", headers={"DialNexa-Envelope": "openapi"})
    assert set(older.json()) == {"items", "total", "page", "limit"}
    assert (await world.http.get("/v1/phone-numbers?envelope=openapi")).json() == older.json()
