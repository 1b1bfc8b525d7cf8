"""Wire shapes of tenancy."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, Field, model_validator

from dialnexa.kit import countries
from dialnexa.kit.clock import iso
from dialnexa.platform.tenancy import scopes, wallet
from dialnexa.platform.tenancy.models import ApiKey, WalletEntry, Workspace
from dialnexa.platform.tenancy.principal import KeyKind
from dialnexa.platform.tenancy.service import KeyRequest, NewKey
from dialnexa.platform.wire import Body


def _stripped(text: str) -> str:
    if not text.strip():
        raise ValueError("should not be empty")
    return text.strip()


def _known_scope(scope: str) -> str:
    if not scopes.is_known(scope):
        known = ", ".join(scopes.RESOURCES)
        raise ValueError(f"is no scope: write it as resource:read, resource:write or resource:*, with one of {known}")
    return scope


def _origin(text: str) -> str:
    """Read a web origin (RFC 6454) as browsers send it."""
    parts = urlsplit(text.strip().rstrip("/").lower())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or "@" in parts.netloc:
        raise ValueError("must be a web origin without a path, such as https://www.example.com")
    return f"{parts.scheme}://{parts.netloc}"


Name = Annotated[str, Field(max_length=100), AfterValidator(_stripped)]
Scope = Annotated[str, AfterValidator(_known_scope)]
Origin = Annotated[str, Field(max_length=255), AfterValidator(_origin)]
Scopes = Annotated[list[Scope], Field(max_length=100)]
Origins = Annotated[list[Origin], Field(max_length=100)]
AgentIds = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=100)]


class KeyIn(Body):
    """A key to make."""

    name: Name
    expire_now: bool | None = None
    """What happens to the key this one replaces: true ends it at once, false in 24 hours."""
    type: KeyKind = "secret"
    environment: Literal["live", "test"] | None = None
    """The mode of the new key; by default that of the key that asks."""
    scopes: Scopes = Field(default_factory=list[str])
    """What a restricted key may do, such as `calls:write` or `agents:*`; `GET /api-keys/scopes` lists them."""
    allowed_origins: Origins = Field(default_factory=list[str])
    """Web pages a publishable key may be used from, such as `https://www.example.com`; empty: all."""
    allowed_agents: AgentIds = Field(default_factory=list[str])
    """Agents or agent versions a publishable key may start; empty: all."""
    expires_at: datetime | None = None
    """When the key stops working, with a time zone; by default never."""
    secret: Annotated[str, Field(min_length=16, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None = None
    """A key of another installation that shall go on working here as it is."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.scopes and self.type != "restricted":
            raise ValueError('has scopes, which only keys of the type "restricted" have')
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise ValueError("has an expires_at without a time zone: write it as 2026-12-31T00:00:00Z")
        return self

    def request(self, *, livemode: bool) -> KeyRequest:
        """Return what to make; ``livemode`` is that of the caller."""
        return KeyRequest(
            name=self.name,
            kind=self.type,
            livemode=livemode if self.environment is None else self.environment == "live",
            scopes=self.scopes,
            allowed_origins=self.allowed_origins,
            allowed_agents=self.allowed_agents,
            expires_at=self.expires_at,
            imported=self.secret,
        )


class KeyPatch(Body):
    """Changes to a key; fields left out stay as they are."""

    name: Name | None = None
    scopes: Scopes | None = None
    allowed_origins: Origins | None = None
    allowed_agents: AgentIds | None = None

    def columns(self) -> dict[str, object]:
        """Return what changes, by column."""
        return self.model_dump(exclude_none=True)


class Regenerate(Body):
    """What happens to the old secret: it ends at once, or in 24 hours."""

    expire_now: bool = False


class ScopeOut(BaseModel):
    """A scope of restricted keys."""

    scope: str
    description: str


class KeyOut(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    type: KeyKind
    environment: Literal["live", "test"]
    prefix: str
    last4: str
    scopes: list[str]
    allowed_origins: list[str]
    allowed_agents: list[str]
    is_expired: bool
    is_revoked: bool
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    created_at: str

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> KeyOut:
        """Describe a key as it is now."""
        return cls.model_validate(key_fields(key, now))


class NewKeyOut(KeyOut):
    """A key just made. ``secret`` is shown this once."""

    secret: str

    @classmethod
    def of_new(cls, new: NewKey, now: datetime) -> NewKeyOut:
        """Describe a key with its secret."""
        return cls.model_validate({**key_fields(new.key, now), "secret": new.secret})


def key_fields(key: ApiKey, now: datetime) -> dict[str, object]:
    """Return the fields of a key on the wire."""
    return {
        "id": key.id,
        "name": key.name,
        "type": key.kind,
        "environment": "live" if key.livemode else "test",
        "prefix": key.prefix,
        "last4": key.last4,
        "scopes": key.scopes,
        "allowed_origins": key.allowed_origins,
        "allowed_agents": key.allowed_agents,
        "is_expired": key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now),
        "is_revoked": key.revoked_at is not None,
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
        "last_used_at": _iso(key.last_used_at),
        "created_at": _iso(key.created_at),
    }


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be an IANA time zone, such as Europe/Berlin")
    return name


def _country(code: str) -> str:
    if countries.country(code) is None:
        raise ValueError("must be an ISO 3166 code of two letters, such as US")
    return code.upper()


class WorkspaceIn(Body):
    """Changes to the workspace; fields left out stay as they are."""

    name: Name | None = None
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    """Where its days begin and end, such as for the daily spend cap."""
    default_country: Annotated[str, AfterValidator(_country)] | None = None
    """Its own country: it may always be called. Null: only those of its numbers."""
    daily_spend_cap_usd: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    """What calls and numbers of one day may cost before new ones are refused. Null: no cap."""


class WorkspaceOut(BaseModel):
    """A workspace."""

    id: str
    name: str
    timezone: str
    default_country: str | None
    daily_spend_cap_usd: float | None
    spent_today_usd: float
    """Only what went through the wallet counts."""
    created_at: str

    @classmethod
    def of(cls, workspace: Workspace, spent: int) -> WorkspaceOut:
        """Describe a workspace that has spent so much today, in millionths of a dollar."""
        return cls(
            id=workspace.id,
            name=workspace.name,
            timezone=workspace.timezone,
            default_country=workspace.default_country,
            daily_spend_cap_usd=wallet.cap_of(workspace),
            spent_today_usd=wallet.dollars(spent),
            created_at=iso(workspace.created_at),
        )


class WalletEntryOut(BaseModel):
    """Money that came or went."""

    id: str
    kind: str
    amount_usd: float
    """What was spent is negative."""
    reference: str
    note: str
    created_at: str

    @classmethod
    def of(cls, entry: WalletEntry) -> WalletEntryOut:
        """Describe an entry."""
        return cls(
            id=entry.id,
            kind=entry.kind,
            amount_usd=wallet.dollars(entry.amount),
            reference=entry.reference,
            note=entry.note,
            created_at=iso(entry.created_at),
        )


class Done(BaseModel):
    """Something was taken away."""

    success: bool = True
    message: str
    id: str


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
