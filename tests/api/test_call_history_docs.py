"""What the guide on call history tells people to do with ended calls works; ``tests/docs`` tries its other commands."""

from __future__ import annotations

import re
from pathlib import Path

from dialnexa.platform.calls.exporting import CAP, CAP_WITHOUT_TEXTS
from dialnexa.platform.calls.redaction import DELAY
from tests.api.world import World

GUIDE = (Path(__file__).parents[2] / "docs" / "call-history.md").read_text()


async def test_an_ended_call_is_redacted_with_the_command_shown(world: World) -> None:
    call = {"to_phone_number": "+16505550110", "agent_id": world.home.agent_id, "metadata": {"crm": "cont_99123"}}
    placed = (await world.http.post("/v1/calls", json=call)).json()
    assert (await world.http.post(f"/v1/calls/{placed['call_id']}/hangup")).status_code == 200
    (path,) = re.findall(r"curl -X POST \$URL(\S*/redact) ", GUIDE)
    answer = await world.http.post(path.replace("$CALL_ID", placed["call_id"]))
    assert (answer.status_code, answer.json()["metadata"]) == (200, {})
    assert answer.json()["redacted_at"]


def test_the_numbers_it_names_are_those_that_count() -> None:
    assert f"{CAP:,} rows, or {CAP_WITHOUT_TEXTS:,}" in GUIDE
    assert f"redacted {DELAY.seconds // 60} minutes after" in GUIDE
