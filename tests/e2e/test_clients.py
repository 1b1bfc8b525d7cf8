"""The shipped clients as users run them: the TypeScript example and the Python SDK place real calls."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from tools.generate_client_types import EXAMPLE, generate
from tools.node import install, npm

from dialnexa_client import AsyncDialNexa, DialNexa, Forbidden
from tests.e2e.installation import Installation

pytestmark = pytest.mark.e2e

BUSY = "+16505550110"
FRIENDLY = "+16505550199"


def test_the_generated_types_fit_the_api() -> None:
    status, said = generate("--check")
    assert status == 0, f"{said}\nThe API has changed: run .venv/bin/python tools/generate_client_types.py and commit."


def test_the_lock_names_exact_versions_and_no_addresses() -> None:
    package, lock = (json.loads((EXAMPLE / f"{name}.json").read_text()) for name in ("package", "package-lock"))
    assert all(version[0].isdigit() for version in package["devDependencies"].values())
    assert "dependencies" not in package
    assert "://" not in json.dumps(lock)
    assert all(one.get("integrity") for path, one in lock["packages"].items() if path)


def test_the_typescript_client_passes_its_own_tests() -> None:
    install(EXAMPLE)
    done = npm(EXAMPLE, "test")
    assert done.returncode == 0, done.stdout


def test_the_typescript_example_places_a_call_and_reads_its_status(home: Installation) -> None:
    install(EXAMPLE)
    environment = {
        "DIALNEXA_API_KEY": home.facts["secret_key"],
        "DIALNEXA_BASE_URL": f"{home.facts['api_url']}/v1",
        "AGENT_VERSION_ID": home.facts["agent_version_id"],
        "FROM_NUMBER": home.facts["from_number"],
        "NO_PROXY": "*",
    }
    done = npm(EXAMPLE, "run", "--silent", "call", "--", BUSY, "customer_name=Alex", environment=environment)
    assert done.returncode == 0, done.stdout
    placed, outcome = done.stdout.strip().splitlines()
    call_id = placed.removesuffix(" queued")
    assert outcome == f"{call_id} busy (user_busy)"
    record = home.call(call_id)
    assert (record["variables"], record["metadata"]) == (
        {"customer_name": "Alex"},
        {"placed_by": "the TypeScript example"},
    )

    refused = npm(EXAMPLE, "run", "--silent", "call", "--", "nobody", environment=environment)
    assert refused.returncode == 1
    assert "DialNexa says: to_number must be in E.164 format (400)" in refused.stdout


def test_the_python_client_places_a_call_and_waits_for_its_end(home: Installation) -> None:
    facts = home.facts
    with httpx.Client(trust_env=False) as http:
        api = DialNexa(facts["secret_key"], base_url=facts["api_url"], http_client=http)
        placed = api.calls.create(
            from_number=facts["from_number"], to_number=BUSY, agent_version_id=facts["agent_version_id"]
        )
        assert placed.status == "queued"
        call = api.calls.wait(placed.id, timeout=60)
        assert (call.status, call.end_reason) == ("busy", "user_busy")
        events = [line.event for line in api.calls.timeline(call.id).lines]
        assert "call_ended" in events
        assert call.id in [one.id for one in api.calls.list(status="busy", to=BUSY)]
        with pytest.raises(Forbidden):
            api.calls.create(to_number=BUSY, from_number="+14155550777", agent_version_id=facts["agent_version_id"])


async def test_the_async_python_client_hears_a_whole_conversation(home: Installation, tmp_path: Path) -> None:
    facts = home.facts
    http = httpx.AsyncClient(trust_env=False)
    async with http, AsyncDialNexa(facts["secret_key"], base_url=facts["api_url"], http_client=http) as api:
        placed = await api.calls.create(
            from_number=facts["from_number"],
            to_number=FRIENDLY,
            agent_version_id=facts["agent_version_id"],
            variables={"customer_name": "Alex Rivera", "appointment_date": "June 3rd at 2 PM"},
        )
        call = await api.calls.wait(placed.id, timeout=120)
        assert call.status == "completed", call.raw
        assert call.turns is not None
        assert {turn.role for turn in call.turns} == {"agent", "user"}
        recording = await api.calls.download_recording(call.id, tmp_path / "call.wav")
        assert recording.read_bytes()[:4] == b"RIFF"
