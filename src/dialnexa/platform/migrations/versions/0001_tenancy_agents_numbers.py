"""Workspaces, accounts, keys and limits; agents and versions; trunks and phone numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment
from dialnexa.platform.migrations.parts import (
    FLAG,
    NUMBER,
    TEXT,
    WORD,
    account,
    columns,
    partial_index,
    within_workspace,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "workspaces",
    "accounts",
    "api_keys",
    "limits",
    "idempotent_requests",
    "agents",
    "agent_versions",
    "sip_trunks",
    "phone_numbers",
)


def upgrade() -> None:
    """Create the tables, those others point to first."""
    _tenancy()
    _keys_and_limits()
    _agents()
    _trunks()
    _numbers()


def downgrade() -> None:
    """Drop the tables, those that point to others first."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _tenancy() -> None:
    op.create_table(
        "workspaces",
        *columns(WORD, "id", "name"),
        *columns(Json, "settings"),
        *columns(Moment, "created_at"),
        sa.PrimaryKeyConstraint("id"),
    )

    op.create_table(
        "accounts",
        *columns(WORD, "id", "workspace_id"),
        *columns(FLAG, "livemode", "is_default"),
        *columns(WORD, "name"),
        *columns(WORD, "email", optional=True),
        *columns(Json, "config", "metadata"),
        *columns(Moment, "created_at", "updated_at"),
        *columns(Moment, "deleted_at", optional=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    partial_index("uq_accounts_default", "accounts", ["workspace_id", "livemode"], "is_default", unique=True)


def _keys_and_limits() -> None:
    op.create_table(
        "api_keys",
        *columns(WORD, "id", "workspace_id"),
        *columns(WORD, "account_id", optional=True),
        *columns(WORD, "name", "kind"),
        *columns(FLAG, "livemode"),
        *columns(WORD, "prefix", "last4", "sha256"),
        *columns(Json, "scopes", "allowed_origins", "allowed_agents"),
        *columns(Moment, "expires_at", "revoked_at", "last_used_at", optional=True),
        *columns(Moment, "created_at"),
        account(),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index("ix_api_keys_workspace", "api_keys", ["workspace_id", "id"])

    op.create_table(
        "limits",
        *columns(WORD, "scope", "workspace_id"),
        *columns(NUMBER, "max_concurrent", "peak"),
        *columns(Moment, "peak_at", optional=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("scope"),
    )
    op.create_index(op.f("ix_limits_workspace_id"), "limits", ["workspace_id"])

    op.create_table(
        "idempotent_requests",
        *columns(WORD, "owner", "key", "fingerprint"),
        *columns(FLAG, "carried_out"),
        *columns(NUMBER, "status", optional=True),
        *columns(TEXT, "answer", optional=True),
        *columns(Moment, "created_at"),
        sa.PrimaryKeyConstraint("owner", "key"),
    )
    op.create_index("ix_idempotent_requests_created_at", "idempotent_requests", ["created_at"])


def _agents() -> None:
    op.create_table(
        "agents",
        *columns(WORD, "id", "workspace_id", "account_id", "title"),
        *columns(WORD, "folder_id", "timezone", optional=True),
        *columns(NUMBER, "live_version_number", optional=True),
        *columns(Moment, "created_at", "updated_at"),
        *columns(Moment, "deleted_at", optional=True),
        account(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )

    op.create_table(
        "agent_versions",
        *columns(WORD, "id", "workspace_id", "account_id", "agent_id"),
        *columns(NUMBER, "number"),
        *columns(WORD, "title"),
        *columns(Json, "config"),
        *columns(Moment, "published_at", optional=True),
        *columns(WORD, "published_by", optional=True),
        *columns(Moment, "created_at", "updated_at"),
        account(),
        within_workspace("agent_id", "agents"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("agent_id", "number"),
        sa.UniqueConstraint("workspace_id", "id"),
    )


def _trunks() -> None:
    op.create_table(
        "sip_trunks",
        *columns(WORD, "id", "workspace_id", "account_id", "name", "host"),
        *columns(NUMBER, "port"),
        *columns(WORD, "auth_mode"),
        *columns(WORD, "username", optional=True),
        *columns(TEXT, "password_sealed", optional=True),
        *columns(Json, "sources"),
        *columns(FLAG, "is_sandbox"),
        *columns(Moment, "created_at"),
        *columns(Moment, "deleted_at", optional=True),
        account(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )


def _numbers() -> None:
    op.create_table(
        "phone_numbers",
        *columns(WORD, "id", "workspace_id", "account_id"),
        *columns(FLAG, "livemode"),
        *columns(WORD, "e164"),
        *columns(WORD, "label", "nickname", optional=True),
        *columns(WORD, "provider"),
        *columns(WORD, "country_code", optional=True),
        *columns(WORD, "kind", "status"),
        *columns(FLAG, "is_default"),
        *columns(
            WORD, "trunk_id", "inbound_agent_id", "inbound_agent_version_id", "outbound_agent_version_id", optional=True
        ),
        *columns(Moment, "created_at", "updated_at"),
        *columns(Moment, "deleted_at", optional=True),
        account(),
        within_workspace("inbound_agent_id", "agents"),
        within_workspace("inbound_agent_version_id", "agent_versions", name="fk_phone_numbers_inbound_version"),
        within_workspace("outbound_agent_version_id", "agent_versions", name="fk_phone_numbers_outbound_version"),
        within_workspace("trunk_id", "sip_trunks"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_index("ix_phone_numbers_workspace", "phone_numbers", ["workspace_id", "id"])
    partial_index("uq_phone_numbers_e164", "phone_numbers", ["e164", "livemode"], "deleted_at IS NULL", unique=True)
