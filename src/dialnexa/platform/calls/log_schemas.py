"""Wire shapes of the Call History API: calls in its own words (contract B.4)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from dialnexa.kit.clock import iso
from dialnexa.platform.calls.fields import sentiment_word
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.schemas import TimelineLine, TurnOut
from dialnexa.platform.calls.states import PROVIDER_WORDS, SHOWN, CallState
from dialnexa.platform.calls.waterfall import WaterfallOut
from dialnexa.platform.costs.schemas import CostOut


class CallLogOut(BaseModel):
    """A call in the words of the Call History API (contract B.4)."""

    id: str = Field(description="`log_…`: the call's id under another prefix; both resolve everywhere.")
    call_id: str
    agent_id: str | None
    status: str
    provider_status: str
    sentiment: str | None
    duration_seconds: int | None
    recording_url: str | None
    analysis: dict[str, Any]
    created_at: str
    createdAt: str
    end_reason: str | None
    from_number: str | None
    to_number: str | None
    call_direction: str
    fallback_stt_transcriber_id: str | None = Field(
        default=None, description="The transcriber that stepped in because the agent's own understood nothing."
    )


class CallLogDetails(CallLogOut):
    """A call log with what was said, what happened, how fast, and for how much."""

    transcript: str
    transcript_turns: list[TurnOut]
    summary: str | None
    timeline: list[TimelineLine]
    waterfall: WaterfallOut
    cost: CostOut | None


def log_fields(call: Call, recording_url: str | None) -> dict[str, Any]:
    """Return the fields of ``CallLogOut``."""
    created = iso(call.created_at)
    return {
        "id": log_id(call.id),
        "call_id": call.id,
        "agent_id": call.agent_id,
        "status": SHOWN[CallState(call.state)],
        "provider_status": PROVIDER_WORDS[CallState(call.state)],
        "sentiment": sentiment_word(call),
        "duration_seconds": None if call.duration_ms is None else round(call.duration_ms / 1000),
        "recording_url": recording_url,
        "analysis": call.analysis or {},
        "created_at": created,
        "createdAt": created,
        "end_reason": call.end_reason,
        "from_number": call.from_number,
        "to_number": call.to_number,
        "call_direction": call.direction,
        "fallback_stt_transcriber_id": (call.usage or {}).get("stt_fallback") or None,
    }


def log_id(call_id: str) -> str:
    """Return the id of a call in the Call History API."""
    return f"log_{call_id.removeprefix('call_')}"


def call_id_of(log_or_call_id: str) -> str:
    """Return the call id that a log id or a call id means."""
    return f"call_{log_or_call_id.removeprefix('log_').removeprefix('call_')}"
