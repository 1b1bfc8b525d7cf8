"""Webhooks: subscribers, attempts to reach them, and the order in which events are handed out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment
from dialnexa.platform.migrations.parts import (
    BIG_NUMBER,
    FLAG,
    NUMBER,
    TEXT,
    WORD,
    account,
    columns,
    partial_index,
    within_workspace,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give events a place in the stream; events from before have nobody to go to and keep their order."""
    op.add_column("events", sa.Column("position", BIG_NUMBER, nullable=True))
    op.execute("UPDATE events SET position = seq")
    partial_index("ix_events_fresh", "events", ["seq"], "position IS NULL")
    op.create_index("ix_events_stream", "events", ["workspace_id", "position"])
    op.create_table(
        "event_stream",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        *columns(BIG_NUMBER, "last_position"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute("INSERT INTO event_stream (id, last_position) SELECT 1, COALESCE(MAX(seq), 0) FROM events")
    _webhooks()
    _deliveries()


def downgrade() -> None:
    """Take it all away again."""
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
    op.drop_table("event_stream")
    op.drop_index("ix_events_stream", "events")
    op.drop_index("ix_events_fresh", "events")
    op.drop_column("events", "position")


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        *columns(WORD, "id", "workspace_id", "account_id"),
        *columns(FLAG, "livemode"),
        *columns(WORD, "url"),
        *columns(Json, "events", "agent_ids"),
        *columns(TEXT, "secret_sealed"),
        *columns(FLAG, "is_active"),
        *columns(NUMBER, "retry_count", "timeout_ms"),
        *columns(Moment, "last_delivery_at", optional=True),
        *columns(NUMBER, "last_status_code", optional=True),
        *columns(Moment, "created_at", "updated_at"),
        account(),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_index("ix_webhooks_workspace", "webhooks", ["workspace_id", "livemode", "id"])


def _deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        *columns(WORD, "id", "workspace_id", "webhook_id", "event_id", "event"),
        *columns(WORD, "call_id", optional=True),
        *columns(WORD, "lane"),
        *columns(BIG_NUMBER, "position"),
        *columns(WORD, "status"),
        *columns(NUMBER, "retry_attempt"),
        *columns(WORD, "parent_delivery_id", optional=True),
        *columns(Moment, "due_at"),
        *columns(Moment, "attempted_at", optional=True),
        *columns(NUMBER, "duration_ms", "response_status", optional=True),
        *columns(TEXT, "response_body", "error_message", optional=True),
        *columns(Moment, "dead_at", optional=True),
        *columns(Moment, "created_at"),
        within_workspace("webhook_id", "webhooks", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_webhook_deliveries_log", "webhook_deliveries", ["webhook_id", "id"])
    pending = "status = 'pending'"
    partial_index("ix_webhook_deliveries_due", "webhook_deliveries", ["due_at", "webhook_id"], pending)
    partial_index("ix_webhook_deliveries_lane", "webhook_deliveries", ["webhook_id", "lane", "position"], pending)
    partial_index("ix_webhook_deliveries_dead", "webhook_deliveries", ["workspace_id", "id"], "dead_at IS NOT NULL")
