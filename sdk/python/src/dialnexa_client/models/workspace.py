"""Numbers, keys and limits as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dialnexa_client.decoding import RAW


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber:
    """A number of the workspace and the agents assigned to it."""

    id: str
    phone_number: str
    """E.164."""
    label: str | None
    nickname: str | None
    status: str
    provider: str | None
    country_code: str | None
    inbound_agent_id: str | None
    inbound_agent_version_id: str | None
    outbound_agent_version_id: str | None
    is_default: bool = False
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key, without its secret."""

    id: str
    name: str
    type: str = "secret"
    environment: str = "live"
    last4: str | None
    scopes: tuple[str, ...] = ()
    is_expired: bool = False
    is_revoked: bool = False
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """A key just made. ``secret`` is shown this once."""

    id: str
    name: str
    secret: str = field(repr=False)
    created_at: datetime
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many calls the workspace may hold at once, holds now, and held at most."""

    concurrency_limit: int
    active_calls: int
    peak: int
    peak_at: datetime | None
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted:
    """Something was taken away."""

    id: str
    message: str
    raw: Mapping[str, object] = field(repr=False, metadata=RAW)
