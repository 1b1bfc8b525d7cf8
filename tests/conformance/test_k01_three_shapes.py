"""K 1: S1, S2 and S3 on ``/v1/calls`` and ``/calls`` → 201 with every documented key."""

from __future__ import annotations

import json

import pytest

from tests.api.world import World
from tests.conformance.shapes import CUSTOMER, DOCUMENTED, ID, SHAPES

SEED_001 = """{
    "from_number": "+14155550100",
    "to_number": "+16505550199",
    "agent_version_id": "av_01hx...",
    "variables": {
      "customer_name": "Alex Rivera",
      "appointment_date": "June 3rd at 2 PM",
      "account_id": "acct_7842"
    },
    "metadata": {
      "crm_contact_id": "cont_99123"
    }
  }"""
"""The body of seed 001's curl, verbatim."""


@pytest.mark.parametrize("path", ["/v1/calls", "/calls"])
@pytest.mark.parametrize("shape", ["S1", "S2", "S3"])
async def test_every_shape_on_both_bases(world: World, shape: str, path: str) -> None:
    answer = await world.http.post(path, json=SHAPES[shape](world))
    assert answer.status_code == 201
    body = answer.json()
    assert all(body.get(key) is not None for key in DOCUMENTED[shape]), body
    assert body["status"] == "queued"
    assert body["to_number"] == body["to_phone_number"] == CUSTOMER
    assert body["id"] == body["call_id"]
    assert ID.fullmatch(body["call_id"])
    assert ("Sunset" in answer.headers) == (path == "/calls")


async def test_the_curl_of_seed_001_verbatim_but_for_key_and_version(world: World) -> None:
    body = SEED_001.replace("av_01hx...", world.home.agent_version_id)
    answer = await world.http.post("/v1/calls", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 201
    seen, sent = answer.json(), json.loads(body)
    assert {key: seen[key] for key in ("from_number", "to_number", "agent_version_id", "variables", "metadata")} == sent
    record = (await world.http.get(f"/v1/calls/{seen['call_id']}")).json()
    assert (record["status"], record["metadata"]) == ("queued", {"crm_contact_id": "cont_99123"})


async def test_aliases_may_agree_but_not_differ(world: World) -> None:
    body = SHAPES["S1"](world)
    same = await world.http.post("/v1/calls", json={**body, "to_phone_number": "+1 (650) 555-0199"})
    assert same.status_code == 201
    other = await world.http.post("/v1/calls", json={**body, "to_phone_number": "+16505550110"})
    assert (other.status_code, other.json()["message"]) == (400, ["to_number and to_phone_number differ"])
