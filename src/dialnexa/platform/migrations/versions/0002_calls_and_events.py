"""Calls, what happens in them and what they hold; the nodes that run them; the outbox of events."""

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

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = ("nodes", "calls", "slots", "call_events", "transcripts", "recordings", "refused_calls", "events")
_SEQUENCE = BIG_NUMBER.with_variant(NUMBER, "sqlite")


def upgrade() -> None:
    """Create the tables, those others point to first."""
    _nodes()
    _calls()
    _slots()
    _call_events()
    _transcripts()
    _recordings()
    _refused_calls()
    _events()


def downgrade() -> None:
    """Drop the tables, those that point to others first."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _nodes() -> None:
    op.create_table(
        "nodes",
        *columns(WORD, "id", "address"),
        *columns(NUMBER, "capacity", "live_calls"),
        *columns(FLAG, "draining"),
        *columns(Moment, "started_at", "heartbeat_at"),
        sa.PrimaryKeyConstraint("id"),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        *columns(WORD, "id", "workspace_id", "account_id"),
        *columns(FLAG, "livemode"),
        *columns(WORD, "channel", "direction", "origin"),
        *columns(
            WORD,
            "agent_id",
            "agent_version_id",
            "user_id",
            "phone_number_id",
            "trunk_id",
            "from_number",
            "from_label",
            "to_number",
            "to_label",
            optional=True,
        ),
        *columns(WORD, "state"),
        *columns(WORD, "end_reason", optional=True),
        *columns(NUMBER, "hangup_cause", "sip_status", optional=True),
        *columns(TEXT, "detail", optional=True),
        *columns(WORD, "node_id", optional=True),
        *columns(Moment, "hang_up_requested_at", optional=True),
        *columns(Json, "variables", "metadata"),
        *columns(Json, "notes", "retry", optional=True),
        *columns(Json, "unresolved_variables"),
        *columns(
            WORD,
            "batch_id",
            "campaign_id",
            "campaign_lead_id",
            "workflow_id",
            "workflow_lead_id",
            "parent_call_id",
            optional=True,
        ),
        *columns(NUMBER, "attempt"),
        *columns(Moment, "created_at"),
        *columns(Moment, "started_at", "answered_at", "connected_at", "ended_at", optional=True),
        *columns(NUMBER, "duration_ms", "latency_ms", optional=True),
        *columns(TEXT, "summary", optional=True),
        *columns(Json, "analysis", "sentiment", optional=True),
        account(),
        within_workspace("agent_id", "agents"),
        within_workspace("agent_version_id", "agent_versions", name="fk_calls_agent_version"),
        within_workspace("trunk_id", "sip_trunks", name="fk_calls_trunk"),
        within_workspace("parent_call_id", "calls", name="fk_calls_parent"),
        within_workspace("phone_number_id", "phone_numbers", name="fk_calls_phone_number"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_index("ix_calls_account", "calls", ["account_id", "id"])
    op.create_index("ix_calls_account_from", "calls", ["account_id", "from_number"])
    op.create_index("ix_calls_account_to", "calls", ["account_id", "to_number"])
    op.create_index("ix_calls_account_user", "calls", ["account_id", "user_id", "id"])
    partial_index("ix_calls_hang_ups", "calls", ["node_id"], "ended_at IS NULL AND hang_up_requested_at IS NOT NULL")
    partial_index("ix_calls_live", "calls", ["node_id"], "ended_at IS NULL")


def _slots() -> None:
    op.create_table(
        "slots",
        *columns(WORD, "scope", "call_id"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], ondelete="CASCADE", initially="DEFERRED", deferrable=True),
        sa.PrimaryKeyConstraint("scope", "call_id"),
    )
    op.create_index("ix_slots_call_id", "slots", ["call_id"])


def _call_events() -> None:
    op.create_table(
        "call_events",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        *columns(WORD, "call_id"),
        *columns(Moment, "at"),
        *columns(WORD, "kind"),
        *columns(Json, "detail"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("ix_call_events_call", "call_events", ["call_id", "seq"])


def _transcripts() -> None:
    op.create_table(
        "transcripts",
        *columns(WORD, "call_id", "status"),
        *columns(TEXT, "text"),
        *columns(Json, "segments"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id"),
    )


def _recordings() -> None:
    op.create_table(
        "recordings",
        *columns(WORD, "id", "workspace_id", "account_id", "call_id", "kind"),
        *columns(TEXT, "blob_key"),
        *columns(WORD, "format"),
        *columns(NUMBER, "channels", "duration_ms"),
        *columns(BIG_NUMBER, "bytes"),
        *columns(TEXT, "lost"),
        *columns(Moment, "created_at"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], ondelete="CASCADE"),
        account(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_recordings_call_id", "recordings", ["call_id"])


def _refused_calls() -> None:
    op.create_table(
        "refused_calls",
        *columns(WORD, "id"),
        *columns(WORD, "workspace_id", optional=True),
        *columns(Moment, "at"),
        *columns(WORD, "source", "from_number", "to_number"),
        *columns(NUMBER, "sip_status"),
        *columns(TEXT, "reason"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_refused_calls_workspace", "refused_calls", ["workspace_id", "id"])


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        *columns(WORD, "id", "workspace_id", "account_id"),
        *columns(FLAG, "livemode"),
        *columns(WORD, "type"),
        *columns(WORD, "call_id", optional=True),
        *columns(Json, "payload"),
        *columns(Moment, "created_at"),
        account(),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_call", "events", ["call_id"])
    op.create_index("ix_events_workspace", "events", ["workspace_id", "seq"])
