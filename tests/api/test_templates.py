"""Templates over HTTP: each one publishes as it is, and says nothing about what would not work."""

from __future__ import annotations

import pytest

from dialnexa.platform.agents.templates.service import every
from tests.api.world import World

IDS = [template.id for template in every()]


async def test_the_templates_are_listed_with_what_to_fill_in(world: World) -> None:
    listed = (await world.http.get("/v1/agent-templates")).json()["templates"]
    assert {template["id"] for template in listed} == {
        "appointment-reminder",
        "ivr-menu",
        "lead-qualification",
        "payment-reminder",
        "receptionist",
        "survey",
    }
    assert all(template["variables"] and template["description"] for template in listed)
    inbound = (await world.http.get("/v1/agent-templates", params={"direction": "inbound"})).json()["templates"]
    assert [template["id"] for template in inbound] == ["ivr-menu", "receptionist"]
    billing = (await world.http.get("/v1/agent-templates", params={"category": "billing"})).json()["templates"]
    assert [template["id"] for template in billing] == ["payment-reminder"]


@pytest.mark.parametrize("template_id", IDS)
async def test_a_template_becomes_a_published_agent_without_any_warning(world: World, template_id: str) -> None:
    answer = await world.http.post(f"/v1/agent-templates/{template_id}/agents", json={"is_published": True})
    assert answer.status_code == 201, answer.text
    agent = answer.json()
    assert (agent["is_published"], agent["live_version_number"], agent["warnings"]) == (True, 1, [])
    checked = (await world.http.get(f"/v1/agents/{agent['id']}/versions/1/flow-check")).json()
    assert checked == {"problems": [], "warnings": []}
    template = (await world.http.get(f"/v1/agent-templates/{template_id}")).json()
    assert template["agent"]["welcome_message"] == agent["welcome_message"]


async def test_an_agent_from_a_template_has_one_s_own_values(world: World) -> None:
    folder = (await world.http.post("/v1/organization-folders", json={"name": "Desk"})).json()
    body = {"title": "Front desk", "variables": {"business_name": "Smile Dental"}, "folder_id": folder["id"]}
    agent = (await world.http.post("/v1/agent-templates/receptionist/agents", json=body)).json()
    assert (agent["title"], agent["folder_id"], agent["is_published"]) == ("Front desk", folder["id"], False)
    assert agent["default_dynamic_variables"]["business_name"] == "Smile Dental"
    assert agent["default_dynamic_variables"]["opening_hours"].startswith("Monday")


async def test_what_a_template_cannot_be_made_with_is_told(world: World) -> None:
    unknown = await world.http.post("/v1/agent-templates/butler/agents", json={})
    assert unknown.status_code == 404
    assert "There are: appointment-reminder" in unknown.json()["message"]
    bad = {"variables": {"agent_transfer_destinations": "nobody"}}
    refused = await world.http.post("/v1/agent-templates/receptionist/agents", json=bad)
    assert refused.status_code == 400
    assert refused.json()["message"][0].startswith("variables has agent_transfer_destinations")
