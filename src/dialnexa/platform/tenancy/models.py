"""Tables of tenancy: workspaces, their accounts, API keys and limits."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, Float, ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base


class Workspace(Base):
    """The owner of keys, limits, agents and numbers; a platform in the words of DialStack."""

    __tablename__ = "workspaces"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    timezone: Mapped[str] = mapped_column(default="UTC")
    """IANA name: when its day begins."""
    default_country: Mapped[str | None]
    """ISO 3166 alpha-2: the country it may always call."""
    settings: Mapped[dict[str, object]] = mapped_column(default=dict)
    created_at: Mapped[datetime]


class Account(Base):
    """A customer inside a workspace. Every workspace is born with a default one for live and one for test mode."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("workspace_id", "id"),
        Index(
            "uq_accounts_default",
            "workspace_id",
            "livemode",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id"))
    livemode: Mapped[bool]
    is_default: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str] = mapped_column(default="")
    email: Mapped[str | None]
    config: Mapped[dict[str, object]] = mapped_column(default=dict)
    metadata_: Mapped[dict[str, object]] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


def tenant_key() -> ForeignKeyConstraint:
    """Return the foreign key ``(workspace_id, account_id)`` every operational table carries.

    Being composite, it makes a row that points into another tenant impossible, even through a bug.
    """
    return ForeignKeyConstraint(["workspace_id", "account_id"], ["accounts.workspace_id", "accounts.id"])


class ApiKey(Base):
    """A key of a workspace. Only its hash is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (
        tenant_key(),
        Index("ix_api_keys_workspace", "workspace_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id"))
    account_id: Mapped[str | None]
    """Set for a restricted key that may touch one account only."""
    name: Mapped[str]
    kind: Mapped[str]
    """``secret``, ``publishable`` or ``restricted``."""
    livemode: Mapped[bool]
    prefix: Mapped[str]
    last4: Mapped[str]
    sha256: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]] = mapped_column(default=list)
    allowed_origins: Mapped[list[str]] = mapped_column(default=list)
    allowed_agents: Mapped[list[str]] = mapped_column(default=list)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Limit(Base):
    """How many calls a scope may hold at once. Admission locks these rows in sorted order (DESIGN 6).

    ``scope`` is ``ws:<id>``, ``acct:<id>``, ``num:<id>`` or ``trunk:<id>``; a scope without a row has no limit.
    """

    __tablename__ = "limits"

    scope: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id"), index=True)
    max_concurrent: Mapped[int]
    peak: Mapped[int] = mapped_column(default=0)
    """The most calls ever held at once; admission raises it."""
    peak_at: Mapped[datetime | None]
    day: Mapped[str] = mapped_column(default="")
    """The day (UTC, ISO) that ``day_peak`` is of."""
    day_peak: Mapped[int] = mapped_column(default=0)


class LimitPeak(Base):
    """The most calls a scope held at once on one day."""

    __tablename__ = "limit_peaks"

    scope: Mapped[str] = mapped_column(ForeignKey("limits.scope", ondelete="CASCADE"), primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    """UTC, ISO: they sort as text."""
    peak: Mapped[int]


class RateBucket(Base):
    """A token bucket that several api processes share."""

    __tablename__ = "rate_buckets"

    name: Mapped[str] = mapped_column(primary_key=True)
    full_at: Mapped[float] = mapped_column(Float(53), index=True)
    """When it will be full again, in Unix seconds: that says how much is missing now."""


class AuditEntry(Base):
    """One write, and who made it. Rows are only ever added."""

    __tablename__ = "audit_log"
    __table_args__ = (tenant_key(), Index("ix_audit_log_workspace", "workspace_id", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    actor: Mapped[str]
    """``api_key`` or ``operator``."""
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    action: Mapped[str]
    """Method and path template, such as ``PATCH /v1/agents/{agent_id}``; or a command."""
    target: Mapped[str]
    """What the path names, such as ``/v1/agents/agent_01k…``."""
    changes: Mapped[list[object]] = mapped_column(default=list)
    """``{object, id, before, after}`` in short, without secrets."""
    address: Mapped[str]
    user_agent: Mapped[str]
    request_id: Mapped[str]
    created_at: Mapped[datetime]


class KycCase(Base):
    """Who a workspace says it is, and what the operator thinks of it."""

    __tablename__ = "kyc_cases"
    __table_args__ = (tenant_key(),)

    workspace_id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    state: Mapped[Literal["pending", "verified", "rejected"]] = mapped_column(String(255))
    details: Mapped[dict[str, object]] = mapped_column(default=dict)
    reason: Mapped[str] = mapped_column(Text, default="")
    """What the operator said to it."""
    submitted_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]


class WalletEntry(Base):
    """Money that came or went. The balance of a workspace is the sum of its entries."""

    __tablename__ = "wallet_entries"
    __table_args__ = (tenant_key(), Index("ix_wallet_entries_workspace", "workspace_id", "created_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    kind: Mapped[str]
    """``credit``, ``call`` or ``number``."""
    amount: Mapped[int] = mapped_column(BigInteger)
    """Millionths of a US dollar; what was spent is negative."""
    reference: Mapped[str] = mapped_column(default="")
    """The call or number it was for; once each, so that nothing is charged twice."""
    note: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]


class IdempotentRequest(Base):
    """One write under an ``Idempotency-Key``: taken, then carried out, then answered; forgotten after 24 hours."""

    __tablename__ = "idempotent_requests"
    __table_args__ = (Index("ix_idempotent_requests_created_at", "created_at"),)

    owner: Mapped[str] = mapped_column(primary_key=True)
    """The account, or whoever else the key string is unique for."""
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    """SHA-256 of method, path and body."""
    carried_out: Mapped[bool] = mapped_column(default=False)
    """Set in the very transaction of the work, so a crash before the answer is kept cannot repeat the work."""
    status: Mapped[int | None]
    answer: Mapped[str | None] = mapped_column(Text)
    """The sealed body (it may hold a secret that is shown once)."""
    created_at: Mapped[datetime]
