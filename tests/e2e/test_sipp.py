"""An independent SIP stack calls in and is called; refusals are the right ones, and visible to the operator."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e import sipp
from tests.e2e.installation import Installation

pytestmark = pytest.mark.e2e


def test_twenty_calls_at_once_are_answered_with_media_both_ways(home: Installation) -> None:
    before = {call["id"] for call in _inbound(home)}
    done = sipp.call_in(home.sip_port, home.facts["from_number"], calls=20, talk_ms=6000)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr + home.logs()
    home.eventually(lambda: home.active_calls() == 0)
    records = [call for call in _inbound(home) if call["id"] not in before]
    assert len(records) == 20
    assert {(r["status"], r["end_reason"]) for r in records} == {("completed", "user_disconnected")}
    for record in records:
        full = home.call(record["id"])
        # SIPp's echo may come first on the record: to the agent it is a caller who speaks at the same time.
        greeting = next(turn for turn in full["transcript_turns"] if turn["role"] == "agent")
        assert greeting["start"] < 5, "the agent greets soon after the answer"
    levels = [_levels(home, record["id"]) for record in records]
    assert all(agent > 300 for _, agent in levels), "the agent is heard on its channel"
    assert all(caller > 300 for caller, _ in levels), "SIPp echoes what it hears, so our audio went out and came back"


def test_the_platform_calls_sipp(home: Installation) -> None:
    with sipp.answering() as (port, _):
        number = _trunk(home, port, "+12025550101")
        record = home.until(_place(home, number), {"in_progress"})
        home.eventually(lambda: any(event["event"] == "turn" for event in home.timeline(record["id"])))
        assert home.http.post(f"/v1/calls/{record['id']}/hangup").status_code == 200
        record = home.finished(record["id"])
    assert (record["status"], record["end_reason"]) == ("completed", "agent_disconnected")
    caller, agent = _levels(home, record["id"])
    assert agent > 300
    assert caller > 300
    said = [step.split(" with ")[0] for step in _ladder(home, record["id"])]
    assert [said[0], *said[-4:]] == ["INVITE", "200 OK", "ACK", "BYE", "200 OK (BYE)"]
    told = [event["detail"] for event in home.timeline(record["id"]) if event["event"] == "sip"]
    assert [part["phase"] for part in told] == ["set_up", "end"]
    assert told[0]["steps"][0] == "→ INVITE"
    assert told[1]["steps"][0].startswith("→ BYE +")


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("not_found", "failed", "invalid_phone_number"),
        ("server_error", "failed", "network_failure"),
        ("busy_everywhere", "busy", "user_busy"),
    ],
)
def test_a_refusal_becomes_the_right_status(home: Installation, name: str, status: str, reason: str) -> None:
    with sipp.answering(*sipp.scenario(name)) as (port, _):
        record = home.finished(_place(home, _trunk(home, port, _next_number())))
    assert (record["status"], record["end_reason"]) == (status, reason)
    home.eventually(lambda: home.active_calls() == 0)
    drawn = home.http.get(f"/v1/calls/{record['id']}/ladder", params={"format": "text"}).text
    assert drawn.rstrip().splitlines()[-1].startswith("The far end refused the call: ")


def test_a_carrier_that_is_down_fails_the_call_and_frees_the_slot(home: Installation) -> None:
    record = home.finished(_place(home, _trunk(home, 9, _next_number())), within_s=60)
    assert (record["status"], record["end_reason"]) == ("failed", "network_failure")
    home.eventually(lambda: home.active_calls() == 0)


def test_hanging_up_while_it_rings_cancels_the_call(home: Installation) -> None:
    with sipp.answering(*sipp.scenario("rings_for_ever")) as (port, process):
        record = home.until(_place(home, _trunk(home, port, _next_number())), {"ringing"})
        assert home.http.post(f"/v1/calls/{record['id']}/hangup").status_code == 200
        record = home.finished(record["id"])
        assert process.wait(20) == 0, "SIPp saw CANCEL and the ACK of its 487"
    assert (record["status"], record["end_reason"]) == ("cancelled", "cancelled")
    assert "CANCEL" in _ladder(home, record["id"])


def test_a_far_end_that_vanishes_ends_the_call(home: Installation) -> None:
    with sipp.answering() as (port, process):
        call_id = _place(home, _trunk(home, port, _next_number()))
        home.until(call_id, {"in_progress"})
        process.kill()
        record = home.finished(call_id, within_s=90)
    assert record["status"] in {"failed", "completed"}
    assert record["end_reason"] in {"network_failure", "silence_timeout"}
    home.eventually(lambda: home.active_calls() == 0)


def test_an_unknown_number_is_turned_away(home: Installation, tmp_path: Path) -> None:
    number = "+14155550199"
    done = sipp.call_in(home.sip_port, number, more=_refused_with(404, tmp_path))
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr

    def refused() -> list[dict[str, Any]]:
        rows = home.http.get("/v1/refused-calls").json()["data"]
        return [row for row in rows if row["sip_status"] == 404 and row["to_number"] == number and row["reason"]]

    home.eventually(refused)  # it is written down after the caller has been told
    ladder = home.http.get(f"/v1/refused-calls/{refused()[0]['id']}/ladder").json()
    assert ladder["messages"][-1]["first_line"].startswith("SIP/2.0 404 ")


def test_a_stranger_is_challenged_counted_and_let_in_with_a_trunk_s_login(home: Installation, tmp_path: Path) -> None:
    number = _next_number()
    trunk = {
        "phoneNumber": number, "terminationUri": "203.0.113.77", "sipTrunkUserName": "road", "sipTrunkPassword": "w0rd"
    }  # fmt: skip
    assert home.http.post("/v1/organization-phone-numbers/sip-trunks", json=trunk).status_code == 201
    done = sipp.call_in(home.sip_port, number, host="127.0.0.9", more=_refused_with(401, tmp_path))
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr

    def counted() -> bool:
        rows = home.http.get("/v1/refused-calls").json()["data"]
        return any((row["source"], row["sip_status"]) == ("127.0.0.9", 401) and row["attempts"] >= 1 for row in rows)

    home.eventually(counted)
    assert "dialnexa_worker_sip_turned_away" in home.http.get("/metrics").text
    login = [*sipp.scenario("logs_in"), "-au", "road", "-ap", "w0rd", "-s", number]
    done = sipp.call_in(home.sip_port, number, host="127.0.0.8", more=login)
    # Nobody answers this number, which only its own trunk's callers are told.
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr


def test_a_number_without_an_agent_and_a_full_workspace(home: Installation, tmp_path: Path) -> None:
    number = _trunk(home, 5999, _next_number())
    done = sipp.call_in(home.sip_port, number, more=_refused_with(480, tmp_path))
    assert done.returncode == 0, done.stdout[-1500:]

    limit = home.http.get("/v1/workspace/limits").json()["concurrency_limit"]
    assert home.http.patch("/v1/workspace/limits", json={"concurrency_limit": 0}).status_code == 200
    try:
        done = sipp.call_in(home.sip_port, home.facts["from_number"], more=_refused_with(486, tmp_path))
        assert done.returncode == 0, done.stdout[-1500:]
    finally:
        home.http.patch("/v1/workspace/limits", json={"concurrency_limit": limit})
    reasons = {row["sip_status"] for row in home.http.get("/v1/refused-calls").json()["data"]}
    assert reasons >= {480, 486}


# --- what the stories above are told with


def _ladder(home: Installation, call_id: str) -> list[str]:
    ladder = home.http.get(f"/v1/calls/{call_id}/ladder").json()
    return [message["summary"] for message in ladder["messages"] if not message["repeated"]]


_numbers: Iterator[str] = (f"+1202555{n:04d}" for n in range(200, 1000))


def _next_number() -> str:
    return next(_numbers)


def _trunk(home: Installation, port: int, number: str) -> str:
    """Connect a number through a trunk that ends at a local port, as an operator does."""
    answer = home.http.post(
        "/v1/organization-phone-numbers/sip-trunks",
        json={"phoneNumber": number, "terminationUri": f"127.0.0.1:{port}", "authMode": "ip"},
    )
    assert answer.status_code == 201, answer.text
    return number


def _place(home: Installation, from_number: str) -> str:
    answer = home.place("+12025550177", from_number=from_number)
    assert answer.status_code == 201, answer.text
    return answer.json()["call_id"]


def _inbound(home: Installation) -> list[dict[str, Any]]:
    return home.http.get("/v1/calls", params={"call_direction": "inbound", "limit": 200}).json()["data"]


def _levels(home: Installation, call_id: str) -> tuple[float, float]:
    """RMS level of the caller's and the agent's channel."""
    answer = home.http.get(f"/v1/calls/{call_id}/recording")
    assert answer.status_code == 200, answer.text
    with wave.open(io.BytesIO(answer.content)) as recording:
        samples = np.frombuffer(recording.readframes(recording.getnframes()), np.int16).reshape(-1, 2).astype(float)
    caller, agent = np.sqrt(np.mean(samples**2, axis=0))
    return float(caller), float(agent)


def _refused_with(status: int, folder: Path) -> list[str]:
    source = Path(sipp.scenario("expects_refusal")[1]).read_text()
    file = folder / f"refused_{status}.xml"
    file.write_text(source.replace("REFUSAL", str(status)))
    return ["-sf", str(file)]
