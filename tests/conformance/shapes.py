"""The three documented bodies of ``POST /calls``, as their sources write them, and the answer all of them get."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.api.world import World

CUSTOMER = "+16505550199"
DOCUMENTED = {
    "S1": ("call_id", "status", "from_number", "to_number", "agent_version_id", "created_at"),
    "S2": ("id", "call_id", "to_phone_number", "agent_id", "agent_version_number", "status", "created_at"),
    "S3": ("id", "call_id", "to_phone_number", "agent_id", "agent_version_number"),
}
"""The keys each documented answer has (contract B.3.2)."""
ID = re.compile(r"call_[0-9a-z]{26}")


def s1(world: World, **changes: Any) -> dict[str, Any]:
    """Seed 001's request, but for the version's id."""
    return {
        "from_number": "+14155550100",
        "to_number": CUSTOMER,
        "agent_version_id": world.home.agent_version_id,
        "variables": {
            "customer_name": "Alex Rivera",
            "appointment_date": "June 3rd at 2 PM",
            "account_id": "acct_7842",
        },
        "metadata": {"crm_contact_id": "cont_99123"},
        **changes,
    }


def s2(world: World, **changes: Any) -> dict[str, Any]:
    """Seed 000's request: only what it calls required, and context in ``metadata``."""
    return {
        "to_phone_number": CUSTOMER,
        "agent_id": world.home.agent_id,
        "metadata": {"customer_name": "Alex Rivera"},
        **changes,
    }


def s3(world: World, **changes: Any) -> dict[str, Any]:
    """The request of the published OpenAPI file and of the Python client."""
    return {
        "phone_number": CUSTOMER,
        "agent_id": world.home.agent_id,
        "agent_version_number": 1,
        "metadata": {},
        **changes,
    }


SHAPES = {"S1": s1, "S2": s2, "S3": s3}


async def place(world: World, body: dict[str, Any], path: str = "/v1/calls") -> dict[str, Any]:
    """Place a call that must be accepted; return the record as ``GET`` shows it."""
    answer = await world.http.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return (await world.http.get(f"/v1/calls/{answer.json()['call_id']}")).json()


async def total(world: World) -> int:
    """Return how many calls the workspace has."""
    return (await world.http.get("/v1/calls")).json()["meta"]["total"]


def sentences(answer: httpx.Response) -> list[str]:
    """Return what an error says, one sentence or several."""
    message = answer.json()["message"]
    return message if isinstance(message, list) else [message]
