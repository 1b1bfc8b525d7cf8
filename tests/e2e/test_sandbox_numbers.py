"""Every outcome of seed 001's status table can be produced on purpose, by dialling a number."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.installation import Installation, gather_finished

pytestmark = pytest.mark.e2e

OUTCOMES = {
    "+16505550199": ("completed", {"agent_disconnected"}),
    "+16505550110": ("busy", {"user_busy"}),
    "+16505550130": ("voicemail", {"voicemail_detected"}),
    "+16505550140": ("failed", {"user_declined"}),
    "+16505550150": ("completed", {"user_disconnected", "agent_disconnected", "silence_timeout"}),
    "+16505550160": ("completed", {"agent_disconnected", "user_disconnected"}),
    "+16505550170": ("completed", {"user_disconnected"}),
    "+16505550180": ("completed", {"silence_timeout"}),
    "+16505550190": ("completed", {"agent_disconnected", "user_disconnected"}),
    "+16505550111": ("failed", {"invalid_phone_number"}),
}


async def test_every_sandbox_number_yields_its_status_and_reason(home: Installation) -> None:
    placed = {number: home.place(number) for number in OUTCOMES}
    assert {number: answer.status_code for number, answer in placed.items()} == dict.fromkeys(OUTCOMES, 201)

    records = await gather_finished(home, [answer.json()["call_id"] for answer in placed.values()])

    found = {record["to_number"]: (record["status"], record["end_reason"]) for record in records}
    wrong = {
        number: found[number]
        for number, (status, reasons) in OUTCOMES.items()
        if found[number][0] != status or found[number][1] not in reasons
    }
    assert not wrong, "\n".join(str(r) for r in records if r["to_number"] in wrong)
    home.eventually(lambda: home.active_calls() == 0)


def test_nobody_picks_up(home: Installation) -> None:
    version = _impatient_version(home)
    record = home.finished(home.place("+16505550120", agent_version_id=version).json()["call_id"])
    assert (record["status"], record["end_reason"]) == ("no_answer", "user_did_not_pick_up")


def test_a_test_key_reaches_the_same_people(home: Installation) -> None:
    answer = home.place("+16505550110", key=home.facts["test_secret_key"])
    assert answer.status_code == 201, answer.text
    http = home.client(home.facts["test_secret_key"])
    home.eventually(lambda: http.get(f"/v1/calls/{answer.json()['call_id']}").json()["status"] == "busy")
    http.close()


def _impatient_version(home: Installation) -> str:
    """Publish a copy of the demo agent that gives up ringing after two seconds."""
    agent = home.http.post(
        "/v1/agents",
        json={
            "title": "Impatient",
            "language_id": "lang_en_us",
            "voice_id": "builtin/auto",
            "prompt_text": "Say hello.",
            "welcome_message": "Hello.",
            "ring_duration_sec": 2,
        },
    ).json()
    published = home.http.post(f"/v1/agents/{agent['id']}/publish")
    assert published.status_code == 200, published.text
    versions = home.http.get(f"/v1/agents/{agent['id']}/versions").json()["data"]
    return next(version["id"] for version in versions if version["is_published"])


def test_our_own_number_is_answered_by_our_own_agent(home: Installation) -> None:
    placed = home.place("+14155550100").json()["call_id"]

    def answered() -> list[dict[str, Any]]:
        calls = home.get("/v1/calls?call_direction=inbound&limit=5")["data"]
        return [call for call in calls if call["to_number"] == "+14155550100" and call["status"] == "in_progress"]

    home.eventually(answered)
    (back,) = answered()
    assert home.http.post(f"/v1/calls/{placed}/hangup").status_code == 200
    assert home.finished(placed)["status"] == home.finished(back["call_id"])["status"] == "completed"
