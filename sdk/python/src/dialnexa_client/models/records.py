"""What is named by an id and read more often than computed with: its usual fields, and the rest in ``raw``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dialnexa_client.decoding import RAW


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer whose fields are read by name: ``answer["verdict"]``."""

    raw: Mapping[str, object] = field(metadata=RAW)

    def __getitem__(self, name: str) -> object:
        """Return a field."""
        return self.raw[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A URL that events are sent to. ``secret`` is there when it was just made, and never again."""

    id: str
    url: str
    events: tuple[str, ...]
    is_active: bool
    secret: str | None = field(repr=False)
    last_status_code: int | None
    last_delivery_at: datetime | None
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt to deliver an event."""

    id: str
    event_id: str
    event: str
    call_id: str | None
    status: str
    """``pending``, ``succeeded`` or ``failed``."""
    retry_attempt: int
    response_status: int | None
    error_message: str | None
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How many deliveries were planned anew."""

    count: int
    message: str
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeBase:
    """Documents that agents look answers up in."""

    id: str
    name: str
    description: str | None
    status: str
    document_count: int
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of a knowledge base; ``error`` says why one could not be read."""

    id: str
    knowledge_base_id: str
    title: str
    file_name: str
    status: str
    error: str | None
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder of agents."""

    id: str
    name: str
    agents: int = 0
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A figure that is watched: ``ok`` or ``triggered``, and what was measured last."""

    id: str
    name: str
    metric: str
    threshold: float
    agent_id: str | None
    is_active: bool
    state: str
    value: float | None
    triggered_at: datetime | None
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class SipTrunk:
    """A carrier, PBX or phone."""

    id: str
    name: str
    termination_uri: str
    auth_mode: str
    transport: str
    registration: str
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLog:
    """A call in the words of the Call History API."""

    id: str
    call_id: str
    agent_id: str | None
    status: str
    sentiment: str | None
    duration_seconds: int | None
    recording_url: str | None
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened, as webhooks tell it; ``sequence`` grows."""

    id: str
    event: str
    sequence: int
    call_id: str | None
    timestamp: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who changed what."""

    id: str
    action: str
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Opening hours in a time zone of their own."""

    id: str
    name: str
    timezone: str
    slot_minutes: int
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """An appointment."""

    id: str
    calendar_id: str
    starts_at: datetime
    ends_at: datetime
    name: str
    status: str
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)
