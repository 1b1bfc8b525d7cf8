"""Tables of webhooks: the outbox and its stream, the subscribers, and every attempt to reach them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class Event(Base):
    """Something that happened and that others want to hear of; written in the transaction that made it happen."""

    __tablename__ = "events"
    __table_args__ = (
        tenant_key(),
        Index("ix_events_workspace", "workspace_id", "seq"),
        Index("ix_events_call", "call_id"),
        Index("ix_events_stream", "workspace_id", "position"),
        Index(
            "ix_events_fresh",
            "seq",
            sqlite_where=text("position IS NULL"),
            postgresql_where=text("position IS NULL"),
        ),
        {"sqlite_autoincrement": True},  # a number must not come again after old events are pruned
    )

    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
    """The order in which events were begun. On PostgreSQL a lower number may be committed after a higher one."""
    id: Mapped[str] = mapped_column(unique=True)
    """``evt_…``, stable over every attempt to deliver it."""
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    livemode: Mapped[bool]
    type: Mapped[str]
    """A canonical name of contract E.2, such as ``call.completed``."""
    call_id: Mapped[str | None]
    payload: Mapped[dict[str, object]]
    created_at: Mapped[datetime]
    position: Mapped[int | None] = mapped_column(BigInteger)
    """Its place in the stream, given when it is handed out to subscribers. Grows without gaps that fill later."""


class EventStream(Base):
    """One row: the last position given out. Its lock makes those who hand out events take turns."""

    __tablename__ = "event_stream"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_position: Mapped[int] = mapped_column(BigInteger)


class Webhook(Base):
    """A subscriber: where events of one workspace and mode are sent, and which."""

    __tablename__ = "webhooks"
    __table_args__ = (
        tenant_key(),
        UniqueConstraint("workspace_id", "id"),
        Index("ix_webhooks_workspace", "workspace_id", "livemode", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id"))
    account_id: Mapped[str]
    livemode: Mapped[bool]
    url: Mapped[str]
    events: Mapped[list[str]]
    """Names as the subscriber chose them, aliases and ``*`` included."""
    agent_ids: Mapped[list[str]]
    """Only events of these agents; empty: of all."""
    secret_sealed: Mapped[str] = mapped_column(Text)
    """Empty: the workspace's secret signs (``WorkspaceSecret``)."""
    previous_secret_sealed: Mapped[str] = mapped_column(Text, default="", server_default="")
    """The secret before this one, while both sign."""
    previous_secret_expires_at: Mapped[datetime | None]
    is_active: Mapped[bool]
    retry_count: Mapped[int]
    timeout_ms: Mapped[int]
    last_delivery_at: Mapped[datetime | None]
    last_status_code: Mapped[int | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class WorkspaceSecret(Base):
    """The secret of a workspace and mode: it signs for webhooks that have none of their own."""

    __tablename__ = "webhook_secrets"
    __table_args__ = (tenant_key(),)

    workspace_id: Mapped[str] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    livemode: Mapped[bool] = mapped_column(primary_key=True)
    account_id: Mapped[str]
    name: Mapped[str]
    last4: Mapped[str]
    sealed: Mapped[str] = mapped_column(Text)
    previous_sealed: Mapped[str] = mapped_column(Text, default="")
    """The secret before this one, while both sign."""
    previous_expires_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    rotated_at: Mapped[datetime | None]


class Delivery(Base):
    """One attempt to deliver one event to one webhook: planned, then made, then kept as the log."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workspace_id", "webhook_id"], ["webhooks.workspace_id", "webhooks.id"], ondelete="CASCADE"
        ),
        Index("ix_webhook_deliveries_log", "webhook_id", "id"),
        Index(
            "ix_webhook_deliveries_call",
            "call_id",
            sqlite_where=text("call_id IS NOT NULL"),
            postgresql_where=text("call_id IS NOT NULL"),
        ),
        Index(
            "ix_webhook_deliveries_due",
            "due_at",
            "webhook_id",
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_webhook_deliveries_lane",
            "webhook_id",
            "lane",
            "position",
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_webhook_deliveries_dead",
            "workspace_id",
            "id",
            sqlite_where=text("dead_at IS NOT NULL"),
            postgresql_where=text("dead_at IS NOT NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """``dlv_…``, new for every attempt."""
    workspace_id: Mapped[str]
    webhook_id: Mapped[str]
    event_id: Mapped[str]
    event: Mapped[str]
    """The event's name as this subscriber knows it."""
    call_id: Mapped[str | None]
    lane: Mapped[str]
    """Deliveries of one webhook and lane go out one after the other, by ``position``: those of one call."""
    position: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str]
    """``pending``, ``succeeded`` or ``failed``."""
    retry_attempt: Mapped[int]
    """0 for the first attempt."""
    parent_delivery_id: Mapped[str | None]
    """The first attempt, of which this is a retry."""
    due_at: Mapped[datetime]
    """When to send it. While somebody is sending it: when to believe that they died."""
    attempted_at: Mapped[datetime | None]
    url: Mapped[str] = mapped_column(default="", server_default="")
    """Where it was sent; empty while it was not. The webhook may have another by now."""
    duration_ms: Mapped[int | None]
    response_status: Mapped[int | None]
    response_body: Mapped[str | None] = mapped_column(Text)
    error_message: Mapped[str | None] = mapped_column(Text)
    dead_at: Mapped[datetime | None]
    """Set when the last attempt has failed: a dead letter. Cleared when the event is replayed."""
    created_at: Mapped[datetime]
