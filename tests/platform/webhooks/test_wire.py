"""One delivery, three generations of readers, and signatures that anybody can check."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.platform.webhooks import wire
from dialnexa.platform.webhooks.models import Event
from tests.platform.calls.house import NOON

TURNS = [
    {"role": "agent", "content": "Hello!", "start": 0.0, "end": 0.8, "interrupted": False, "latency": {}},
    {"role": "user", "content": "Hi.", "start": 0.9, "end": 1.2, "interrupted": False, "latency": {}},
]


def event(type_: str = "call.completed", **call: Any) -> Event:
    about = {
        "id": "call_1",
        "type": "phone",
        "call_direction": "outbound",
        "status": "completed",
        "from_number": "+14155550100",
        "to_number": "+16505550199",
        "agent_id": "agent_1",
        "duration_seconds": 42,
        "disconnection_reason": "user_disconnected",
        "end_reason": "user_disconnected",
        "transcript": "Agent: Hello!\nUser: Hi.",
        "transcript_turns": TURNS,
        "summary": "A greeting.",
        "sentiment": "positive",
        "analysis": {"booked": True},
        "metadata": {"crm": "7"},
        "campaign_id": "cmp_1",
        **call,
    }
    return Event(
        id="evt_1",
        workspace_id="ws_1",
        livemode=True,
        type=type_,
        call_id="call_1",
        position=7,
        payload={"call": about, "recorded": True},
        created_at=NOON,
    )


def delivered_bytes() -> bytes:
    return wire.body(event(), "call.completed", lambda call: f"https://api/{call}.wav")


def delivered(one: Event, name: str | None = None) -> dict[str, Any]:
    return json.loads(wire.body(one, name or one.type, lambda call: f"https://api/{call}.wav"))


def test_a_reader_of_the_payload_page() -> None:
    """P1: event_type, payload.call, its words and its transcript."""
    body = delivered(event())
    call = body["payload"]["call"]
    assert body["event_type"] == "call_ended"
    assert (call["id"], call["direction"], call["type"], call["status"]) == (
        "call_1",
        "outbound",
        "phone_call",
        "completed",
    )
    assert (call["category"], call["category_id"], call["duration_in_seconds"]) == ("campaign", "cmp_1", 42)
    assert json.loads(call["transcript"]) == [
        {"role": "agent", "content": "Hello!", "start": 0.0, "end": 0.8},
        {"role": "user", "content": "Hi.", "start": 0.9, "end": 1.2},
    ]
    assert call["recording_url"] == "https://api/call_1.wav"


def test_a_reader_of_the_dashboard_page() -> None:
    """P2: flat, with session and phone number."""
    body = delivered(event(), "call.ended")
    assert body["event"] == "call.ended"
    assert (body["workspace_id"], body["session_id"], body["agent_id"]) == ("ws_1", "call_1", "agent_1")
    assert (body["phone_number"], body["timestamp"]) == ("+16505550199", "2026-05-23T12:00:00.000Z")


def test_a_reader_of_the_connector() -> None:
    """P3: the flat result of a call."""
    body = delivered(event())
    wanted = {
        "call_id": "call_1",
        "status": "completed",
        "sentiment": "positive",
        "summary": "A greeting.",
        "transcript": "Agent: Hello!\nUser: Hi.",
        "extracted_data": {"booked": True},
        "duration": 42,
        "recording_url": "https://api/call_1.wav",
        "agent_id": "agent_1",
        "metadata": {"crm": "7"},
    }
    assert {name: body[name] for name in wanted} == wanted
    assert (body["id"], body["sequence"]) == ("evt_1", 7)


@pytest.mark.parametrize(
    ("status", "reason", "shown"),
    [
        ("no_answer", "user_did_not_pick_up", "user_did_not_pick_up"),
        ("busy", "user_busy", "user_busy"),
        ("failed", "invalid_phone_number", "invalid_phone_number"),
        ("failed", "worker_lost", "unknown"),
    ],
)
def test_calls_that_did_not_complete(status: str, reason: str, shown: str) -> None:
    body = delivered(event("call.failed", status=status, disconnection_reason=reason, end_reason=reason))
    assert (body["status"], body["end_reason"]) == (status, reason), "our words at the top"
    call = body["payload"]["call"]
    assert (call["status"], call["disconnection_reason"], call["hangup_reason"]) == ("hangup", shown, reason)


def test_an_inbound_caller_is_the_phone_number() -> None:
    assert delivered(event(call_direction="inbound"))["phone_number"] == "+14155550100"


def test_other_events_have_their_own_payload() -> None:
    other = event("campaign.paused")
    other.payload = {"campaign": {"id": "cmp_1"}}
    body = delivered(other)
    assert body["payload"] == {"campaign": {"id": "cmp_1"}}
    assert "call_id" not in body


@pytest.mark.parametrize(
    "secret", ["my own words", wire.SECRET_PREFIX + base64.b64encode(b"k" * 32).decode(), "whsec_no base64"]
)
def test_signatures(secret: str) -> None:
    body = b'{"a":1}'
    headers = wire.headers(body, name="call.ended", event_id="evt_1", delivery_id="dlv_1", secrets=[secret], now=NOON)
    stamp = str(int(NOON.timestamp()))
    plain = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-DialNexa-Signature"] == headers["x-nexa-signature"] == f"sha256={plain}"
    timed = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers["X-DialNexa-Signature-V2"] == f"t={stamp},v1={timed}"
    key = b"k" * 32 if secret.endswith("=") else secret.encode()
    standard = hmac.new(key, f"evt_1.{stamp}.".encode() + body, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(standard).decode()}"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("evt_1", stamp)
    assert headers["X-DialNexa-Event"] == "call.ended"
    assert (headers["X-DialNexa-Event-Id"], headers["X-DialNexa-Delivery"]) == ("evt_1", "dlv_1")
    assert headers["User-Agent"] == "DialNexa-Webhooks/1"


def test_a_library_for_standard_webhooks_believes_us() -> None:
    from standardwebhooks import Webhook, WebhookVerificationError

    old, new = (wire.SECRET_PREFIX + base64.b64encode(letter * 32).decode() for letter in (b"o", b"n"))
    body, now = delivered_bytes(), SystemClock().now()
    about: dict[str, Any] = {"name": "call.completed", "event_id": "evt_1", "delivery_id": "dlv_1", "now": now}
    headers = wire.headers(body, secrets=[new], **about)
    assert Webhook(new).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Webhook(old).verify(body, headers)
    both = wire.headers(body, secrets=[new, old], **about)
    assert Webhook(old).verify(body, both) == Webhook(new).verify(body, both)


def test_while_one_secret_replaces_another_both_sign_where_there_is_room() -> None:
    def signed(secrets: list[str]) -> dict[str, str]:
        return wire.headers(b"{}", name="ping", event_id="evt_1", delivery_id="dlv_1", secrets=secrets, now=NOON)

    both, new, old = signed(["new", "old"]), signed(["new"]), signed(["old"])
    assert both["X-DialNexa-Signature"] == both["x-nexa-signature"] == new["X-DialNexa-Signature"]
    v1 = old["X-DialNexa-Signature-V2"].partition(",")[2]
    assert both["X-DialNexa-Signature-V2"] == f"{new['X-DialNexa-Signature-V2']},{v1}"
    assert both["webhook-signature"] == f"{new['webhook-signature']} {old['webhook-signature']}"
