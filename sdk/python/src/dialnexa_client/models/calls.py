"""Calls as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dialnexa_client.decoding import RAW, named

FINAL = frozenset({"completed", "failed", "no_answer", "busy", "voicemail", "cancelled"})
"""The statuses a call never leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCall:
    """The answer to placing a call: accepted, waiting for its turn."""

    id: str = field(metadata=named("call_id", "id"))
    status: str
    from_number: str | None
    to_number: str | None
    agent_id: str | None
    agent_version_id: str | None
    agent_version_number: int | None
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)

    @property
    def call_id(self) -> str:
        """Return the call's id under its name on the wire."""
        return self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one side said; times in seconds since the answer, the same as positions in the recording."""

    role: str
    """``agent`` or ``user``."""
    content: str
    start: float
    end: float
    interrupted: bool = False
    intended: str = ""
    """What the agent meant to say when it was cut short."""
    latency: Mapping[str, object] = field(default_factory=dict[str, object])
    """Of an agent's turn: stage → ms since the caller stopped."""
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call: its status now, and once it has ended its outcome."""

    id: str = field(metadata=named("id", "call_id"))
    type: str = "phone"
    """``phone`` or ``web``."""
    direction: str = field(default="outbound", metadata=named("call_direction", "direction"))
    status: str
    end_reason: str | None
    detail: str | None
    """What went wrong, in a sentence."""
    sip_status: int | None
    from_number: str | None
    to_number: str | None
    agent_id: str | None
    agent_version_id: str | None
    agent_version_number: int | None
    variables: Mapping[str, object] = field(default_factory=dict[str, object])
    metadata: Mapping[str, object] = field(default_factory=dict[str, object])
    created_at: datetime
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration: float | None
    """Seconds from the answer to the end."""
    latency_ms: int | None = field(metadata=named("latency"))
    """Median time from the caller's silence to the agent's voice."""
    recording_url: str | None
    """Plays without a key, for seven days."""
    transcript: str | None
    """``Agent: …`` and ``User: …``, a line per turn; not in lists."""
    turns: tuple[Turn, ...] | None = field(metadata=named("transcript_turns"))
    summary: str | None
    sentiment: str | None
    analysis: Mapping[str, object] | None
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)

    @property
    def call_id(self) -> str:
        """Return the call's id under its name on the wire."""
        return self.id

    @property
    def is_final(self) -> bool:
        """Tell whether the call has ended; a final status never changes."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """Something that happened in a call."""

    seq: int
    event: str
    timestamp: datetime
    detail: Mapping[str, object] = field(default_factory=dict[str, object])
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened in a call, in order, and its status at that moment."""

    call_id: str
    status: str
    lines: tuple[TimelineLine, ...] = field(metadata=named("data"))
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)

    @property
    def last_seq(self) -> int:
        """Return where to read on from: pass it as ``after``."""
        return self.lines[-1].seq if self.lines else 0
