"""Tables of numbers: SIP trunks and the phone numbers that are reached through them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class SipTrunk(Base):
    """A carrier's SIP endpoint: where outbound calls go, and whose calls are let in."""

    __tablename__ = "sip_trunks"
    __table_args__ = (tenant_key(), UniqueConstraint("workspace_id", "id"))

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    name: Mapped[str]
    host: Mapped[str]
    port: Mapped[int] = mapped_column(default=5060)
    auth_mode: Mapped[str]
    """``userpass`` or ``ip``."""
    username: Mapped[str | None]
    password_sealed: Mapped[str | None] = mapped_column(Text)
    sources: Mapped[list[str]] = mapped_column(default=list)
    """Addresses and networks inbound calls may come from, beside ``host`` itself."""
    is_sandbox: Mapped[bool] = mapped_column(default=False)
    """The built-in people answer; the worker knows their address."""
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class PhoneNumber(Base):
    """A number of a workspace, with separate assignments for calls that come in and calls that go out."""

    __tablename__ = "phone_numbers"
    __table_args__ = (
        tenant_key(),
        UniqueConstraint("workspace_id", "id"),
        ForeignKeyConstraint(["workspace_id", "trunk_id"], ["sip_trunks.workspace_id", "sip_trunks.id"]),
        ForeignKeyConstraint(["workspace_id", "inbound_agent_id"], ["agents.workspace_id", "agents.id"]),
        ForeignKeyConstraint(
            ["workspace_id", "inbound_agent_version_id"],
            ["agent_versions.workspace_id", "agent_versions.id"],
            name="fk_phone_numbers_inbound_version",  # the conventional name is too long for PostgreSQL
        ),
        ForeignKeyConstraint(
            ["workspace_id", "outbound_agent_version_id"],
            ["agent_versions.workspace_id", "agent_versions.id"],
            name="fk_phone_numbers_outbound_version",  # the conventional name is too long for PostgreSQL
        ),
        Index(
            "uq_phone_numbers_e164",
            "e164",
            "livemode",
            unique=True,
            sqlite_where=text("deleted_at IS NULL"),
            postgresql_where=text("deleted_at IS NULL"),
        ),
        Index("ix_phone_numbers_workspace", "workspace_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    livemode: Mapped[bool]
    e164: Mapped[str]
    label: Mapped[str | None]
    nickname: Mapped[str | None]
    provider: Mapped[str]
    country_code: Mapped[str | None]
    """ISO 3166 alpha-2, from the number itself."""
    kind: Mapped[str]
    """``local``, ``mobile`` or ``toll_free``."""
    status: Mapped[str]
    """``pending``, ``active`` or ``unavailable``; only active numbers call or are routed."""
    is_default: Mapped[bool] = mapped_column(default=False)
    """The caller id of calls that name none."""
    trunk_id: Mapped[str | None]
    inbound_agent_id: Mapped[str | None]
    """Set when calls follow the agent's live version instead of a fixed one."""
    inbound_agent_version_id: Mapped[str | None]
    outbound_agent_version_id: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
