"""Tables of numbers: SIP trunks and the phone numbers that are reached through them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, Float, ForeignKey, ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
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
    port: Mapped[int] = mapped_column(default=0)
    """0: wherever DNS says (RFC 3263)."""
    auth_mode: Mapped[str]
    """``userpass`` or ``ip``."""
    username: Mapped[str | None]
    password_sealed: Mapped[str | None] = mapped_column(Text)
    sources: Mapped[list[str]] = mapped_column(default=list)
    """Addresses and networks inbound calls may come from, beside those of ``host`` and ``outbound_proxy``."""
    transport: Mapped[str] = mapped_column(default="udp")
    """``udp``, ``tcp`` or ``tls``."""
    outbound_proxy: Mapped[str] = mapped_column(default="")
    """``host[:port]``; empty: none."""
    registration: Mapped[str] = mapped_column(default="none")
    """``outbound``: one worker keeps us registered there; ``inbound``: phones register with us; ``none``."""
    registration_expiry_s: Mapped[int] = mapped_column(default=600)
    from_user: Mapped[str] = mapped_column(default="")
    from_domain: Mapped[str] = mapped_column(default="")
    plus: Mapped[bool] = mapped_column(default=True)
    """Whether dialled numbers keep their ``+``."""
    strip_prefix: Mapped[str] = mapped_column(default="")
    add_prefix: Mapped[str] = mapped_column(default="")
    headers: Mapped[list[str]] = mapped_column(default=list)
    """``Name: value`` lines of the INVITE; a list, for JSONB keeps no order of keys."""
    codecs: Mapped[list[str]] = mapped_column(default=list)
    encryption: Mapped[str] = mapped_column(default="never")
    accept_transfers: Mapped[bool] = mapped_column(default=False)
    """Whether a REFER of the far end is followed, and an INVITE with Replaces."""
    dtmf: Mapped[str] = mapped_column(default="auto")
    """How keys go out: ``auto``, ``rfc4733``, ``info`` or ``inband``."""
    privacy: Mapped[str] = mapped_column(default="none")
    """``id``: the caller id is hidden from whom we call, not from the carrier."""
    identity: Mapped[str] = mapped_column(default="asserted")
    """Where the caller id goes that From does not show: ``asserted`` or ``preferred`` (RFC 3325)."""
    carrier: Mapped[str | None]
    """The provider of the rented numbers behind it, by whose settings it is; ``None``: the workspace's own."""
    is_sandbox: Mapped[bool] = mapped_column(default=False)
    """The built-in people answer; the worker knows their address."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class TrunkRegistration(Base):
    """Which worker keeps a trunk registered, and how that stands. A worker owns only rows that carry its id."""

    __tablename__ = "trunk_registrations"

    trunk_id: Mapped[str] = mapped_column(ForeignKey("sip_trunks.id", ondelete="CASCADE"), primary_key=True)
    node_id: Mapped[str]
    state: Mapped[Literal["trying", "registered", "failed"]] = mapped_column(String(255))
    detail: Mapped[str] = mapped_column(Text, default="")
    """Why it failed: a sentence."""
    registered_until: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]


class TrunkBinding(Base):
    """Where a phone or PBX can be called that registered with us under a trunk's login (RFC 3261 §10.3)."""

    __tablename__ = "trunk_bindings"
    __table_args__ = (Index("ix_trunk_bindings_trunk", "trunk_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    trunk_id: Mapped[str] = mapped_column(ForeignKey("sip_trunks.id", ondelete="CASCADE"))
    node_id: Mapped[str]
    """The worker it registered with, which holds its connection."""
    contact: Mapped[str] = mapped_column(Text)
    source_host: Mapped[str]
    source_port: Mapped[int]
    transport: Mapped[str]
    """``UDP``, ``TCP`` or ``TLS``."""
    call_id: Mapped[str] = mapped_column(Text)
    cseq: Mapped[int] = mapped_column(BigInteger)
    q: Mapped[float]
    instance: Mapped[str] = mapped_column(Text)
    path: Mapped[list[str]] = mapped_column(default=list)
    user_agent: Mapped[str]
    expires_at: Mapped[datetime]


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
    rental_status: Mapped[str] = mapped_column(default="active")
    """``active``, ``expired`` or ``available_for_reassignment``."""
    rental_expires_at: Mapped[datetime | None]
    """When the month that is paid for ends; numbers brought along have no rental."""
    auto_renew: Mapped[bool] = mapped_column(default=True)
    monthly_cost_usd: Mapped[float | None] = mapped_column(Float(53))
    setup_cost_usd: Mapped[float | None] = mapped_column(Float(53))
    """What is paid once, with the first month."""
    carrier_ref: Mapped[str | None]
    """What the carrier calls it."""
    release_since: Mapped[datetime | None]
    """Since when it is given up here, though its carrier has not taken it back yet."""
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
