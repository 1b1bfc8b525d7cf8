"""Wire shapes of calls: one object that satisfies the readers of every documented generation (contract B.3.8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, Field, GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from dialnexa.kit.clock import iso
from dialnexa.platform.calls.models import Call, RefusedCall, TimelineEvent
from dialnexa.platform.calls.quality import MediaQualityOut
from dialnexa.platform.calls.records import Turn
from dialnexa.platform.calls.states import SHOWN, CallState
from dialnexa.platform.costs.schemas import CostOut
from dialnexa.platform.costs.usage import Usage

_NUMBERS = ("from_number", "from_phone_number", "to_number", "to_phone_number")


class CallCreated(BaseModel):
    """The answer to placing a call: every field that any documented shape of it has."""

    call_id: str
    id: str
    status: str
    from_number: str | None
    from_phone_number: str | None
    to_number: str | None
    to_phone_number: str | None
    agent_id: str | None
    agent_version_id: str | None
    agent_version_number: int | None
    metadata: dict[str, Any]
    variables: dict[str, Any]
    livemode: bool
    created_at: str
    createdAt: str

    @classmethod
    def of(cls, call: Call, version_number: int | None) -> CallCreated:
        """Describe a call that was just placed."""
        return cls(
            call_id=call.id,
            id=call.id,
            status=SHOWN[CallState(call.state)],
            from_number=call.from_number,
            from_phone_number=call.from_number,
            to_number=call.to_number,
            to_phone_number=call.to_number,
            agent_id=call.agent_id,
            agent_version_id=call.agent_version_id,
            agent_version_number=version_number,
            metadata=call.metadata_,
            variables=call.variables,
            livemode=call.livemode,
            created_at=iso(call.created_at),
            createdAt=iso(call.created_at),
        )


class CitationOut(BaseModel):
    """Where something the agent knew comes from."""

    knowledge_base_id: str
    document_id: str
    title: str
    page: int
    chunk_id: str
    score: float


class TurnOut(BaseModel):
    """One turn of the transcript; ``start`` and ``end`` in seconds since the answer, as in the recording."""

    role: str
    content: str
    start: float
    end: float
    interrupted: bool = False
    intended: str = Field(default="", description="What the agent meant to say when it was cut short.")
    confidence: float | None = None
    latency: dict[str, int] = Field(
        default_factory=dict, description="Stage → ms since the caller stopped, for agent turns."
    )
    citations: list[CitationOut] = Field(
        default_factory=list["CitationOut"], description="The passages of knowledge bases an agent turn rests on."
    )

    @classmethod
    def of(cls, turn: Turn) -> TurnOut:
        """Describe a turn."""
        return cls(
            role=turn.role,
            content=turn.content,
            start=turn.start_ms / 1000,
            end=turn.end_ms / 1000,
            interrupted=turn.interrupted,
            intended=turn.intended,
            confidence=turn.confidence,
            latency=dict(turn.latency),
            citations=[CitationOut.model_validate(one) for one in turn.citations],
        )

    @classmethod
    def from_line(cls, detail: Mapping[str, Any]) -> TurnOut:
        """Describe a turn from its line on the timeline of a call that still goes on."""
        return cls(
            role=detail.get("role", "agent"),
            content=detail.get("text") or detail.get("content") or "",
            start=detail.get("start_ms", 0) / 1000,
            end=detail.get("end_ms", 0) / 1000,
            interrupted=detail.get("interrupted", False),
            intended=detail.get("intended", ""),
            confidence=detail.get("confidence"),
            latency=detail.get("latency") or {},
            citations=detail.get("citations") or [],
        )


def transcript_text(turns: Sequence[TurnOut]) -> str:
    r"""Return the turns as ``Agent: …\nUser: …``."""
    return "\n".join(f"{'Agent' if turn.role == 'agent' else 'User'}: {turn.content}" for turn in turns)


class CallOut(BaseModel):
    """A call. Number fields are absent on web calls."""

    id: str
    call_id: str
    livemode: bool
    type: str = Field(description="`phone` or `web`.")
    channel: str = Field(description="`outbound`, `inbound` or `web`.")
    call_direction: str
    status: str
    end_reason: str | None
    disconnection_reason: str | None
    detail: str | None = Field(description="What went wrong, in a sentence.")
    sip_status: int | None
    from_number: str | None
    from_phone_number: str | None
    to_number: str | None
    to_phone_number: str | None
    agent_id: str | None
    agent_version_id: str | None
    agent_version_number: int | None
    variables: dict[str, Any]
    unresolved_variables: list[str]
    collected_variables: dict[str, Any] = Field(description="What the agent's flow learned, once the call has ended.")
    metadata: dict[str, Any]
    notes: dict[str, Any] | None
    retry: dict[str, Any] | None
    batch_call_id: str | None
    batch_id: str | None
    campaign_id: str | None
    campaign_lead_id: str | None
    workflow_id: str | None
    workflow_lead_id: str | None
    parent_call_id: str | None
    attempt: int
    created_at: str
    createdAt: str
    started_at: str | None
    startedAt: str | None
    answered_at: str | None
    answeredAt: str | None
    ended_at: str | None
    endedAt: str | None
    duration_seconds: int | None
    duration: float | None = Field(description="Seconds from the answer to the end.")
    latency: int | None = Field(description="Median ms from the caller's silence to the agent's voice.")
    recording_url: str | None
    recording_lost: str | None = Field(default=None, description="Why part of the recording is missing.")
    transcript: str | None = Field(default=None, description="`Agent: …` and `User: …`, a line per turn.")
    transcript_turns: list[TurnOut] | None = None
    summary: str | None
    sentiment: str | None
    analysis: dict[str, Any] | None
    post_call_analysis: dict[str, Any] | None
    media_quality: MediaQualityOut | None = Field(
        default=None, description="How good the audio was, each way; null when none was set up."
    )
    transfer: dict[str, Any] | None = Field(
        default=None, description="The latest transfer: id, status, method, legs and detail (see docs/telephony.md)."
    )
    audio_cache: dict[str, Any] | None = None
    analysis_engine: str | None = Field(
        default=None, description="Who made summary, sentiment and analysis: a model, or `builtin/extractive`."
    )
    analyzed_at: str | None = None
    usage: Usage | None = Field(default=None, description="What the call used, component by component.")
    cost: CostOut | None = Field(default=None, description="What that cost; null until the call has ended.")
    sensitive_delete: bool = Field(
        default=False, description="Whether what was said is removed from the record, or will be in some minutes."
    )
    redacted_at: str | None = None

    @model_serializer(mode="wrap")
    def _without_numbers_on_web(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = write(self)
        if self.type == "web":
            for name in _NUMBERS:
                fields.pop(name, None)
        return fields

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the fields, of which the numbers may be absent; the serializer alone would read as any object."""
        schema = handler(cast(CoreSchema, {name: part for name, part in core.items() if name != "serialization"}))
        described = handler.resolve_ref_schema(schema)
        described["required"] = [name for name in described.get("required", ()) if name not in _NUMBERS]
        return schema


class TimelineLine(BaseModel):
    """One line of a call's timeline. ``seq`` grows; pass the last one as ``after`` to read on."""

    seq: int
    event: str
    timestamp: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, event: TimelineEvent) -> TimelineLine:
        """Describe a line."""
        return cls(seq=event.seq, event=event.kind, timestamp=iso(event.at), detail=event.detail)


class TimelineOut(BaseModel):
    """A call's timeline from where the reader left off."""

    call_id: str
    status: str
    data: list[TimelineLine]


class RefusedOut(BaseModel):
    """Somebody who called and was not let in."""

    id: str
    at: str
    source: str = Field(description="Address the call came from.")
    from_number: str
    to_number: str
    sip_status: int | None = Field(description="What the caller was told; null: it got no answer.")
    reason: str
    attempts: int = Field(description="How many requests this line stands for; those of scanners are counted.")

    @classmethod
    def of(cls, refused: RefusedCall) -> RefusedOut:
        """Describe a refusal."""
        return cls(
            id=refused.id,
            at=iso(refused.at),
            source=refused.source,
            from_number=refused.from_number,
            to_number=refused.to_number,
            sip_status=refused.sip_status,
            reason=refused.reason,
            attempts=refused.attempts,
        )
