"""Workspaces, accounts, keys and limits; agents and versions; trunks and phone numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment

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
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("settings", Json, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )

    op.create_table(
        "accounts",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("config", Json, nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("deleted_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_accounts_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_accounts_workspace_id_id")),
    )
    op.create_index(
        "uq_accounts_default",
        "accounts",
        ["workspace_id", "livemode"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )


def _keys_and_limits() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("prefix", sa.String(length=255), nullable=False),
        sa.Column("last4", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=255), nullable=False),
        sa.Column("scopes", Json, nullable=False),
        sa.Column("allowed_origins", Json, nullable=False),
        sa.Column("allowed_agents", Json, nullable=False),
        sa.Column("expires_at", Moment, nullable=True),
        sa.Column("revoked_at", Moment, nullable=True),
        sa.Column("last_used_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_api_keys_workspace_id_account_id_accounts"),
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_api_keys_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("sha256", name=op.f("uq_api_keys_sha256")),
    )
    op.create_index("ix_api_keys_workspace", "api_keys", ["workspace_id", "id"], unique=False)

    op.create_table(
        "limits",
        sa.Column("scope", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("max_concurrent", sa.Integer(), nullable=False),
        sa.Column("peak", sa.Integer(), nullable=False),
        sa.Column("peak_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_limits_workspace_id_workspaces")),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_limits")),
    )
    op.create_index(op.f("ix_limits_workspace_id"), "limits", ["workspace_id"], unique=False)

    op.create_table(
        "idempotent_requests",
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=255), nullable=False),
        sa.Column("carried_out", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("owner", "key", name=op.f("pk_idempotent_requests")),
    )
    op.create_index("ix_idempotent_requests_created_at", "idempotent_requests", ["created_at"], unique=False)


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("folder_id", sa.String(length=255), nullable=True),
        sa.Column("timezone", sa.String(length=255), nullable=True),
        sa.Column("live_version_number", sa.Integer(), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("deleted_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_agents_workspace_id_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_agents_workspace_id_id")),
    )

    op.create_table(
        "agent_versions",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("agent_id", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("published_at", Moment, nullable=True),
        sa.Column("published_by", sa.String(length=255), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_agent_versions_workspace_id_account_id_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "agent_id"],
            ["agents.workspace_id", "agents.id"],
            name=op.f("fk_agent_versions_workspace_id_agent_id_agents"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_versions")),
        sa.UniqueConstraint("agent_id", "number", name=op.f("uq_agent_versions_agent_id_number")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_agent_versions_workspace_id_id")),
    )


def _trunks() -> None:
    op.create_table(
        "sip_trunks",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("auth_mode", sa.String(length=255), nullable=False),
        sa.Column("username", sa.String(length=255), nullable=True),
        sa.Column("password_sealed", sa.Text(), nullable=True),
        sa.Column("sources", Json, nullable=False),
        sa.Column("is_sandbox", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("deleted_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_sip_trunks_workspace_id_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sip_trunks")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_sip_trunks_workspace_id_id")),
    )


def _numbers() -> None:
    op.create_table(
        "phone_numbers",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("e164", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=True),
        sa.Column("nickname", sa.String(length=255), nullable=True),
        sa.Column("provider", sa.String(length=255), nullable=False),
        sa.Column("country_code", sa.String(length=255), nullable=True),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=255), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("trunk_id", sa.String(length=255), nullable=True),
        sa.Column("inbound_agent_id", sa.String(length=255), nullable=True),
        sa.Column("inbound_agent_version_id", sa.String(length=255), nullable=True),
        sa.Column("outbound_agent_version_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("deleted_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_phone_numbers_workspace_id_account_id_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "inbound_agent_id"],
            ["agents.workspace_id", "agents.id"],
            name=op.f("fk_phone_numbers_workspace_id_inbound_agent_id_agents"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "inbound_agent_version_id"],
            ["agent_versions.workspace_id", "agent_versions.id"],
            name="fk_phone_numbers_inbound_version",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "outbound_agent_version_id"],
            ["agent_versions.workspace_id", "agent_versions.id"],
            name="fk_phone_numbers_outbound_version",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "trunk_id"],
            ["sip_trunks.workspace_id", "sip_trunks.id"],
            name=op.f("fk_phone_numbers_workspace_id_trunk_id_sip_trunks"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_numbers")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_phone_numbers_workspace_id_id")),
    )
    op.create_index("ix_phone_numbers_workspace", "phone_numbers", ["workspace_id", "id"], unique=False)
    op.create_index(
        "uq_phone_numbers_e164",
        "phone_numbers",
        ["e164", "livemode"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
