"""Telephony Config and country rules over HTTP (contract B.9, B.11), and what they do to calls."""

from __future__ import annotations

from typing import Any

import httpx

from tests.api.world import World

TRUNK = {"phoneNumber": "+12025550134", "terminationUri": "sip.carrier.example", "authMode": "ip"}


async def _call(world: World, to: str, sender: str = "+14155550100") -> httpx.Response:
    body = {"from_number": sender, "to_number": to, "agent_version_id": world.home.agent_version_id}
    return await world.http.post("/v1/calls", json=body)


async def _config(world: World) -> dict[str, Any]:
    return (await world.http.get("/v1/telephony-config")).json()


async def test_a_workspace_begins_with_its_own_country(world: World) -> None:
    assert await _config(world) == {
        "blocked_prefixes": [],
        "allow_premium": False,
        "sip_byoc_enabled": True,
        "home_countries": ["US"],
        "opened_network_groups": [],
        "closed_network_groups": [],
    }
    enabled = (await world.http.get("/v1/telephony-config/countries", params={"enabled": True})).json()["data"]
    assert [country["country_iso"] for country in enabled] == ["US"]
    groups = {group["id"]: group["enabled"] for group in enabled[0]["network_groups"]}
    assert groups == {"us-landline": True, "us-toll-free": True, "us-special": True, "us-premium": False}


async def test_a_group_is_opened_and_closed_and_calls_obey_at_once(world: World) -> None:
    refused = await _call(world, "+447700900123")
    assert (refused.status_code, refused.json()["code"]) == (403, "destination_forbidden")
    path = "/v1/telephony-config/network-groups/gb-mobile"
    assert path in refused.json()["message"]
    opened = (await world.http.patch(path, json={"enabled": True})).json()
    assert (opened["enabled"], opened["is_default"], opened["type"]) == (True, False, "mobile")
    assert (await _call(world, "+447700900123")).status_code == 201
    await world.http.patch(path, json={"enabled": False})
    assert (await _call(world, "+447700900123")).status_code == 403
    assert (await _config(world))["closed_network_groups"] == ["gb-mobile"]
    entries = (await world.http.get("/v1/audit-log", params={"target": "gb-mobile"})).json()["data"]
    told = next(change for change in entries[0]["changes"] if change["object"] == "telephony_config")
    assert (told["before"]["opened"], told["after"]["closed"]) == (["gb-mobile"], ["gb-mobile"])


async def test_ones_own_trunk_skips_the_groups_unless_that_is_switched_off(world: World) -> None:
    await world.http.post("/v1/phone-numbers/sip-trunks", json=TRUNK)
    assert (await _call(world, "+447700900123", "+12025550134")).status_code == 201
    assert (await _call(world, "+449098790879", "+12025550134")).status_code == 403
    await world.http.patch("/v1/telephony-config", json={"sip_byoc_enabled": False})
    assert (await _call(world, "+447700900123", "+12025550134")).status_code == 403


async def test_test_calls_go_to_the_sandbox_whatever_the_rules(world: World) -> None:
    body = {"to_number": "+447700900123", "agent_id": world.home.agent_id}
    async with world.as_(world.home.keys.test_secret_key) as tester:
        assert (await tester.post("/v1/calls", json=body)).status_code == 201
        assert (await tester.patch("/v1/telephony-config", json={"allow_premium": True})).status_code == 403


async def test_a_country_s_groups_come_with_their_prefixes(world: World) -> None:
    groups = (await world.http.get("/v1/telephony-config/countries/gb")).json()
    mobile = next(group for group in groups if group["id"] == "gb-mobile")
    assert (mobile["name"], "+4477" in mobile["prefixes"]) == ("United Kingdom: mobiles", True)
    assert (await world.http.get("/v1/telephony-config/countries/zz")).status_code == 404
    missing = await world.http.patch("/v1/telephony-config/network-groups/gb-coffee", json={"enabled": True})
    assert missing.status_code == 404


async def test_countries_are_searched_and_paged(world: World) -> None:
    found = (await world.http.get("/v1/telephony-config/countries", params={"search": "united"})).json()
    assert {"United Kingdom", "United States"} <= {country["country_name"] for country in found["data"]}
    page = (await world.http.get("/v1/telephony-config/countries", params={"limit": 10, "page": 2})).json()
    assert (len(page["data"]), page["meta"]["total"]) == (10, 245)


async def test_the_rules_in_the_words_of_the_older_file(world: World) -> None:
    (enabled,) = (await world.http.get("/v1/phone-country-rules/enabled-network-groups")).json()
    assert (enabled["prefix_mode"], enabled["from_phone_number_country_code"]) == ("allow_only_listed", "US")
    assert enabled["countryRule"]["calling_code"] == "1"
    assert "+1202" in enabled["countryRule"]["prefixes"]
    assert "+1900" not in enabled["countryRule"]["prefixes"]
    every = (await world.http.get("/v1/phone-country-rules/countries")).json()
    india = next(country for country in every if country["country_iso"] == "IN")
    assert (india["id"], india["calling_code"], india["prefixes"], india["is_deleted"]) == (
        "pcr_in",
        "91",
        ["+91"],
        False,
    )
