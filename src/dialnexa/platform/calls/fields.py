"""A call's row as the fields that readers of every documented generation look for (contract B.3.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dialnexa.kit.clock import iso
from dialnexa.platform.calls.models import Call
from dialnexa.platform.calls.schemas import TurnOut, transcript_text
from dialnexa.platform.calls.states import SHOWN, CallState


def call_fields(
    call: Call,
    *,
    version_number: int | None = None,
    recording_url: str | None = None,
    recording_lost: str | None = None,
    turns: Sequence[TurnOut] | None = None,
    transfer: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """Return the fields of ``CallOut``; ``turns`` only where the transcript is wanted."""
    return {
        **_what_it_is(call),
        "agent_version_number": version_number,
        **_given_with_it(call),
        **_cause(call),
        **_times(call),
        "recording_url": recording_url,
        "recording_lost": recording_lost or None,
        "transcript": None if turns is None else transcript_text(turns),
        "transcript_turns": None if turns is None else list(turns),
        "transfer": None if transfer is None else dict(transfer),
        **_made_of_it(call),
        "sensitive_delete": call.redacted_at is not None or call.redact_at is not None,
        "redacted_at": _moment(call.redacted_at),
    }


def _what_it_is(call: Call) -> dict[str, Any]:
    """Who talks to whom, how far it is, and why it ended."""
    return {
        "id": call.id,
        "call_id": call.id,
        "livemode": call.livemode,
        "type": call.channel,
        "channel": "web" if call.channel == "web" else call.direction,
        "call_direction": call.direction,
        "status": SHOWN[CallState(call.state)],
        "end_reason": call.end_reason,
        "disconnection_reason": call.end_reason,
        "detail": call.detail,
        "sip_status": call.sip_status,
        "from_number": call.from_number,
        "from_phone_number": call.from_number,
        "to_number": call.to_number,
        "to_phone_number": call.to_number,
        "agent_id": call.agent_id,
        "agent_version_id": call.agent_version_id,
    }


def _given_with_it(call: Call) -> dict[str, Any]:
    """What whoever placed it gave along, and what its flow learned."""
    return {
        "variables": call.variables,
        "unresolved_variables": call.unresolved_variables,
        "collected_variables": call.collected_variables or {},
        "metadata": call.metadata_,
        "notes": call.notes,
        "retry": call.retry,
    }


def _cause(call: Call) -> dict[str, Any]:
    """What it belongs to: the batch, campaign, workflow or call that it came of."""
    return {
        "batch_call_id": call.batch_id,
        "batch_id": call.batch_id,
        "campaign_id": call.campaign_id,
        "campaign_lead_id": call.campaign_lead_id,
        "workflow_id": call.workflow_id,
        "workflow_lead_id": call.workflow_lead_id,
        "parent_call_id": call.parent_call_id,
        "attempt": call.attempt,
    }


def _times(call: Call) -> dict[str, Any]:
    """Return its moments in both spellings, how long it lasted, and how long its answers took."""
    created, started, answered, ended = map(
        _moment, (call.created_at, call.started_at, call.answered_at, call.ended_at)
    )
    return {
        "created_at": created,
        "createdAt": created,
        "started_at": started,
        "startedAt": started,
        "answered_at": answered,
        "answeredAt": answered,
        "ended_at": ended,
        "endedAt": ended,
        "duration_seconds": None if call.duration_ms is None else round(call.duration_ms / 1000),
        "duration": None if call.duration_ms is None else call.duration_ms / 1000,
        "latency": call.latency_ms,
    }


def _made_of_it(call: Call) -> dict[str, Any]:
    """What was found in it after its end, what it used and what that cost."""
    return {
        "summary": call.summary,
        "sentiment": sentiment_word(call),
        "analysis": call.analysis,
        "post_call_analysis": call.analysis,
        "media_quality": call.media_quality,
        "analysis_engine": call.analysis_engine,
        "analyzed_at": _moment(call.analyzed_at),
        "usage": call.usage,
        "cost": call.cost,
        "billing": call.cost,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else iso(at)


def sentiment_word(call: Call) -> str | None:
    """Return the word of a call's sentiment."""
    overall = (call.sentiment or {}).get("overall")
    return overall if isinstance(overall, str) else None
