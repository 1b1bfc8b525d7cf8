"""What goes over the wire to a receiver: one body that every documented generation of readers understands (E.3, E.6).

Readers of ``event_type`` + ``payload.call`` (P1), of flat ``event``, ``session_id``, ``phone_number`` (P2) and of flat
``call_id``, ``status``, ``extracted_data`` (P3) each find their fields.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import orjson

from dialnexa.kit.clock import iso
from dialnexa.platform.webhooks.models import Event
from dialnexa.platform.webhooks.names import legacy

Link = Callable[[str], str]
"""Makes the URL of a call's recording."""

SECRET_PREFIX = "whsec_"
_ENDED = {"completed", "failed", "no_answer", "busy", "voicemail", "cancelled"}
_REASONS = {
    "user_did_not_pick_up": "user_did_not_pick_up",
    "user_busy": "user_busy",
    "user_declined": "user_busy",
    "invalid_phone_number": "invalid_phone_number",
    "network_failure": "network_failure",
    "user_unreachable": "network_failure",
}
"""End reason → the words P1 readers know; what is missing here is ``unknown`` to them."""


def body(event: Event, name: str, link: Link) -> bytes:
    """Return the body for an event under the name its subscriber chose."""
    return orjson.dumps(message(event, name, link))


def message(event: Event, name: str, link: Link) -> dict[str, Any]:
    """Return what the body for an event says."""
    call = _mapping(event.payload.get("call"))
    if event.payload.get("recorded"):
        call = {**call, "recording_url": link(str(call["id"]))}
    moment = iso(event.created_at)
    said: dict[str, Any] = {
        "id": event.id,
        "event": name,
        "event_type": legacy(event.type),
        "timestamp": moment,
        "created_at": moment,
        "workspace_id": event.workspace_id,
        "livemode": event.livemode,
        "sequence": event.position,
    }
    payload = {key: value for key, value in event.payload.items() if key not in {"call", "recorded"}}
    if call:
        said |= _flat(call)
        payload["call"] = _nested(call)
    return {**said, "payload": payload}


def ping_body(event_id: str, workspace_id: str, webhook_id: str, *, livemode: bool, now: datetime) -> bytes:
    """Return the body of a test."""
    return orjson.dumps(ping(event_id, workspace_id, webhook_id, livemode=livemode, now=now))


def ping(event_id: str, workspace_id: str, webhook_id: str, *, livemode: bool, now: datetime) -> dict[str, Any]:
    """Return what a test says."""
    moment = iso(now)
    return {
        "id": event_id,
        "event": "ping",
        "event_type": "ping",
        "timestamp": moment,
        "created_at": moment,
        "workspace_id": workspace_id,
        "livemode": livemode,
        "webhook_id": webhook_id,
        "payload": {},
    }


def plain_headers(*, name: str, event_id: str, delivery_id: str, now: datetime) -> dict[str, str]:
    """Return what a delivery says of itself in headers, without its signatures."""
    stamp = str(int(now.timestamp()))
    return {
        "Content-Type": "application/json",
        "User-Agent": "DialNexa-Webhooks/1",
        "X-DialNexa-Event": name,
        "X-DialNexa-Delivery": delivery_id,
        "X-DialNexa-Event-Id": event_id,
        "X-DialNexa-Timestamp": stamp,
        "webhook-id": event_id,
        "webhook-timestamp": stamp,
    }


def headers(
    content: bytes, *, name: str, event_id: str, delivery_id: str, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """Return the headers of a delivery: what it is, and three signatures of ``content`` for three kinds of readers.

    ``X-DialNexa-Signature`` (and its older twin) signs the body; the V2 one also the time, against replays; the last
    three are those of the Standard Webhooks specification, whose message id is our event id. The first of ``secrets``
    counts; those before it sign too where a header has room for several signatures.
    """
    stamp = str(int(now.timestamp()))
    plain = f"sha256={_hex(secrets[0], content)}"
    timed, signed = f"{stamp}.".encode() + content, f"{event_id}.{stamp}.".encode() + content
    return {
        **plain_headers(name=name, event_id=event_id, delivery_id=delivery_id, now=now),
        "X-DialNexa-Signature": plain,
        "x-nexa-signature": plain,
        "X-DialNexa-Signature-V2": ",".join([f"t={stamp}", *(f"v1={_hex(secret, timed)}" for secret in secrets)]),
        "webhook-signature": " ".join(f"v1,{_standard(secret, signed)}" for secret in secrets),
    }


def _flat(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the call's fields at the top, as P2 and P3 readers want them."""
    theirs = "from_number" if call.get("call_direction") == "inbound" else "to_number"
    return {
        "session_id": call.get("id"),
        "call_id": call.get("id"),
        "agent_id": call.get("agent_id"),
        "agent_version_id": call.get("agent_version_id"),
        "phone_number": call.get(theirs),
        "status": call.get("status"),
        "end_reason": call.get("end_reason"),
        "sentiment": call.get("sentiment"),
        "summary": call.get("summary"),
        "transcript": call.get("transcript"),
        "extracted_data": call.get("analysis") or {},
        "duration": call.get("duration_seconds"),
        "recording_url": call.get("recording_url"),
        "metadata": call.get("metadata") or {},
        "billing": call.get("billing"),
    }


def _nested(call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole call, with the fields and words of P1 readers where those differ."""
    turns = cast(list[dict[str, Any]] | None, call.get("transcript_turns"))
    return {
        **call,
        "type": "web_call" if call.get("type") == "web" else "phone_call",
        "direction": call.get("call_direction"),
        **_category(call),
        "status": _p1_status(call.get("status")),
        "initiated_at": call.get("started_at") or call.get("created_at"),
        "duration_in_seconds": call.get("duration_seconds"),
        "transcript": None if turns is None else _p1_transcript(turns),
        "hangup_reason": call.get("end_reason"),
        "disconnection_reason": _p1_reason(call),
    }


def _category(call: Mapping[str, Any]) -> dict[str, str | None]:
    for category in ("batch", "campaign", "workflow"):
        if identifier := call.get(f"{category}_id"):
            return {"category": category, "category_id": identifier}
    return {"category": "single", "category_id": None}


def _p1_status(status: object) -> object:
    return "hangup" if status in _ENDED - {"completed", "voicemail"} else "completed" if status in _ENDED else status


def _p1_reason(call: Mapping[str, Any]) -> object:
    reason = call.get("disconnection_reason")
    return _REASONS.get(str(reason), "unknown") if _p1_status(call.get("status")) == "hangup" else reason


def _p1_transcript(turns: list[dict[str, Any]]) -> str:
    return orjson.dumps(
        [{key: turn.get(key) for key in ("role", "content", "start", "end")} for turn in turns]
    ).decode()


def _hex(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def _standard(secret: str, content: bytes) -> str:
    return base64.b64encode(hmac.digest(_standard_key(secret), content, hashlib.sha256)).decode()


def _standard_key(secret: str) -> bytes:
    """Return the key of Standard Webhooks: what ``whsec_…`` encodes; other secrets are taken as they are."""
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            pass  # somebody chose a secret that only looks like one of ours
    return secret.encode()


def _mapping(value: object) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
