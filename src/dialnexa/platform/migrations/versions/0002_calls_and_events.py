"""Calls, what happens in them and what they hold; the nodes that run them; the outbox of events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = ("nodes", "calls", "slots", "call_events", "transcripts", "recordings", "refused_calls", "events")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


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
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("live_calls", sa.Integer(), nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("heartbeat_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("channel", sa.String(length=255), nullable=False),
        sa.Column("direction", sa.String(length=255), nullable=False),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("agent_id", sa.String(length=255), nullable=True),
        sa.Column("agent_version_id", sa.String(length=255), nullable=True),
        sa.Column("user_id", sa.String(length=255), nullable=True),
        sa.Column("phone_number_id", sa.String(length=255), nullable=True),
        sa.Column("trunk_id", sa.String(length=255), nullable=True),
        sa.Column("from_number", sa.String(length=255), nullable=True),
        sa.Column("from_label", sa.String(length=255), nullable=True),
        sa.Column("to_number", sa.String(length=255), nullable=True),
        sa.Column("to_label", sa.String(length=255), nullable=True),
        sa.Column("state", sa.String(length=255), nullable=False),
        sa.Column("end_reason", sa.String(length=255), nullable=True),
        sa.Column("hangup_cause", sa.Integer(), nullable=True),
        sa.Column("sip_status", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("node_id", sa.String(length=255), nullable=True),
        sa.Column("hang_up_requested_at", Moment, nullable=True),
        sa.Column("variables", Json, nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("notes", Json, nullable=True),
        sa.Column("retry", Json, nullable=True),
        sa.Column("unresolved_variables", Json, nullable=False),
        sa.Column("batch_id", sa.String(length=255), nullable=True),
        sa.Column("campaign_id", sa.String(length=255), nullable=True),
        sa.Column("campaign_lead_id", sa.String(length=255), nullable=True),
        sa.Column("workflow_id", sa.String(length=255), nullable=True),
        sa.Column("workflow_lead_id", sa.String(length=255), nullable=True),
        sa.Column("parent_call_id", sa.String(length=255), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("started_at", Moment, nullable=True),
        sa.Column("answered_at", Moment, nullable=True),
        sa.Column("connected_at", Moment, nullable=True),
        sa.Column("ended_at", Moment, nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("latency_ms", sa.Integer(), nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        sa.Column("analysis", Json, nullable=True),
        sa.Column("sentiment", Json, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_calls_workspace_id_account_id_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "agent_id"],
            ["agents.workspace_id", "agents.id"],
            name=op.f("fk_calls_workspace_id_agent_id_agents"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "agent_version_id"],
            ["agent_versions.workspace_id", "agent_versions.id"],
            name="fk_calls_agent_version",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "trunk_id"], ["sip_trunks.workspace_id", "sip_trunks.id"], name="fk_calls_trunk"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "parent_call_id"], ["calls.workspace_id", "calls.id"], name="fk_calls_parent"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "phone_number_id"],
            ["phone_numbers.workspace_id", "phone_numbers.id"],
            name="fk_calls_phone_number",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_calls_workspace_id_id")),
    )
    op.create_index("ix_calls_account", "calls", ["account_id", "id"], unique=False)
    op.create_index("ix_calls_account_from", "calls", ["account_id", "from_number"], unique=False)
    op.create_index("ix_calls_account_to", "calls", ["account_id", "to_number"], unique=False)
    op.create_index("ix_calls_account_user", "calls", ["account_id", "user_id", "id"], unique=False)
    op.create_index(
        "ix_calls_hang_ups",
        "calls",
        ["node_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL AND hang_up_requested_at IS NOT NULL"),
        postgresql_where=sa.text("ended_at IS NULL AND hang_up_requested_at IS NOT NULL"),
    )
    op.create_index(
        "ix_calls_live",
        "calls",
        ["node_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _slots() -> None:
    op.create_table(
        "slots",
        sa.Column("scope", sa.String(length=255), nullable=False),
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["calls.id"],
            name=op.f("fk_slots_call_id_calls"),
            ondelete="CASCADE",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("scope", "call_id", name=op.f("pk_slots")),
    )
    op.create_index("ix_slots_call_id", "slots", ["call_id"], unique=False)


def _call_events() -> None:
    op.create_table(
        "call_events",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_call_events_call_id_calls"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_call_events")),
    )
    op.create_index("ix_call_events_call", "call_events", ["call_id", "seq"], unique=False)


def _transcripts() -> None:
    op.create_table(
        "transcripts",
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("segments", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_transcripts_call_id_calls"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_transcripts")),
    )


def _recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("blob_key", sa.Text(), nullable=False),
        sa.Column("format", sa.String(length=255), nullable=False),
        sa.Column("channels", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_recordings_call_id_calls"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_recordings_workspace_id_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recordings")),
    )
    op.create_index("ix_recordings_call_id", "recordings", ["call_id"], unique=False)


def _refused_calls() -> None:
    op.create_table(
        "refused_calls",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("source", sa.String(length=255), nullable=False),
        sa.Column("from_number", sa.String(length=255), nullable=False),
        sa.Column("to_number", sa.String(length=255), nullable=False),
        sa.Column("sip_status", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_refused_calls_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_calls")),
    )
    op.create_index("ix_refused_calls_workspace", "refused_calls", ["workspace_id", "id"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("seq", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("call_id", sa.String(length=255), nullable=True),
        sa.Column("payload", Json, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_events_workspace_id_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_call", "events", ["call_id"], unique=False)
    op.create_index("ix_events_workspace", "events", ["workspace_id", "seq"], unique=False)
