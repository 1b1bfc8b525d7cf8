"""The values that cross between the record and whoever holds the call: what a worker takes, reports and is told.

The live wing has its own (``live.plan``, ``timeline``, ``outcome``); the worker translates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from dialnexa.platform.agents.config import AgentConfig
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.costs.usage import Usage


@dataclass(frozen=True, slots=True)
class ClaimedCall:
    """A call whose fence this node has passed: it alone may talk. Everything needed to build the plan."""

    call_id: str
    workspace_id: str
    account_id: str
    livemode: bool
    direction: Literal["outbound", "inbound"]
    from_number: str
    to_number: str
    agent_id: str
    agent_version_id: str
    agent_version_number: int
    agent_title: str
    config: AgentConfig
    variables: Mapping[str, object]
    trunk_id: str | None
    """Where the call goes out; ``None``: the sandbox."""
    phone_number_id: str | None = None
    channel: Literal["phone", "web"] = "phone"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One line for a call's timeline; ``kind`` such as ``call_answered``, ``turn``, ``tool`` (``live.timeline``)."""

    at: datetime
    kind: str
    detail: Mapping[str, object] = field(default_factory=dict[str, object])


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said. Times are ms since the answer, the same as positions in the recording."""

    role: Literal["agent", "user"]
    content: str
    start_ms: int
    end_ms: int
    interrupted: bool = False
    intended: str = ""
    confidence: float | None = None
    latency: Mapping[str, int] = field(default_factory=dict[str, int])
    """The waterfall of an agent turn: stage → ms since the caller stopped."""
    citations: Sequence[Mapping[str, object]] = ()
    """The passages of knowledge bases that an agent turn rests on; the fields of ``schemas.CitationOut``."""


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """A finished recording; ``blob_key`` is its path relative to the store of recordings."""

    blob_key: str
    duration_ms: int
    bytes: int
    format: str = "wav"
    channels: int = 2
    kind: Literal["call", "voicemail"] = "call"
    lost: str = ""
    """Why part of it is missing; empty when whole."""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One SIP message of a call, as it was on the wire but for its secrets."""

    at: datetime
    way: Literal["in", "out"]
    local: str
    """Our ``address:port``."""
    peer: str
    """Theirs."""
    transport: str
    """``UDP``, ``TCP`` or ``TLS``."""
    repeated: bool
    """A retransmission, byte for byte."""
    text: str
    """Whole; bytes that are no UTF-8 are surrogates (``surrogateescape``)."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The SIP messages of a call, in order."""

    messages: Sequence[SipMessage]
    left_out: int = 0
    """How many are missing, for there were too many to keep."""
    gap_at: int = 0
    """How many of ``messages`` come before those that are missing."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a call ended and what there is to keep."""

    state: CallState
    """A final one."""
    end_reason: str
    ended_at: datetime
    answered_at: datetime | None = None
    duration_ms: int = 0
    turns: Sequence[Turn] = ()
    recording: RecordingFile | None = None
    sip_status: int | None = None
    hangup_cause: int | None = None
    latency_ms: int | None = None
    """Median time from the caller's silence to the agent's first packet; ``None``: worked out from the turns."""
    unresolved_variables: Sequence[str] = ()
    collected_variables: Mapping[str, object] = field(default_factory=dict[str, object])
    """What a flow learned."""
    detail: str = ""
    ladder: Ladder | None = None
    media_quality: Mapping[str, object] | None = None
    """The fields of ``quality.MediaQualityOut``."""
    usage: Usage | None = None
    """What it used; ``None``: nothing is known but how long it lasted."""


@dataclass(frozen=True, slots=True)
class InboundCall:
    """Someone calls one of our numbers; the number's assignment has been looked up."""

    workspace_id: str
    account_id: str
    livemode: bool
    from_number: str
    to_number: str
    phone_number_id: str
    trunk_id: str | None
    agent_id: str
    agent_version_id: str
    from_label: str | None = None
    diverted_from: tuple[str, ...] = ()
    """The numbers that forwarded the call, the latest first."""


@dataclass(frozen=True, slots=True)
class NodeLease:
    """A worker introduces itself."""

    id: str
    """Also its executor id in the engine: unique per process, never used again."""
    capacity: int
    address: str = ""
    """Base URL at which the API reaches the worker; empty when it does not listen."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found: dead nodes (their queued work must be adopted) and the calls it ended."""

    nodes: tuple[str, ...]
    calls: tuple[str, ...]
