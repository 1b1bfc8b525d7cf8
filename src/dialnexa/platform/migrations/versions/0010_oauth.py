"""Programs that act for people through OAuth, and what they were granted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TEXT = sa.String(length=255)


def upgrade() -> None:
    """Make room for them."""
    op.create_table(
        "oauth_clients",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_clients")),
    )
    op.create_index(op.f("ix_oauth_clients_created_at"), "oauth_clients", ["created_at"])
    op.create_table(
        "oauth_grants",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("workspace_id", _TEXT, nullable=False),
        sa.Column("account_id", _TEXT, nullable=False),
        sa.Column("key_id", _TEXT, nullable=False),
        sa.Column("client_id", _TEXT, nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("redirect_uri_given", sa.Boolean(), nullable=False),
        sa.Column("code_challenge", _TEXT, nullable=False),
        sa.Column("code_sha256", _TEXT, nullable=False),
        sa.Column("code_expires_at", Moment, nullable=False),
        sa.Column("exchanged_at", Moment, nullable=True),
        sa.Column("access_sha256", _TEXT, nullable=True),
        sa.Column("access_expires_at", Moment, nullable=True),
        sa.Column("refresh_sha256", _TEXT, nullable=True),
        sa.Column("refresh_expires_at", Moment, nullable=True),
        sa.Column("spent_refresh_sha256", _TEXT, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_oauth_grants_workspace_id_account_id_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_oauth_grants_workspace_id_workspaces")
        ),
        sa.ForeignKeyConstraint(
            ["key_id"], ["api_keys.id"], name=op.f("fk_oauth_grants_key_id_api_keys"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["client_id"],
            ["oauth_clients.id"],
            name=op.f("fk_oauth_grants_client_id_oauth_clients"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_oauth_grants")),
        sa.UniqueConstraint("code_sha256", name=op.f("uq_oauth_grants_code_sha256")),
        sa.UniqueConstraint("access_sha256", name=op.f("uq_oauth_grants_access_sha256")),
        sa.UniqueConstraint("refresh_sha256", name=op.f("uq_oauth_grants_refresh_sha256")),
    )
    op.create_index("ix_oauth_grants_workspace", "oauth_grants", ["workspace_id", "id"])
    op.create_index(op.f("ix_oauth_grants_client_id"), "oauth_grants", ["client_id"])
    op.create_index(op.f("ix_oauth_grants_spent_refresh_sha256"), "oauth_grants", ["spent_refresh_sha256"])


def downgrade() -> None:
    """Forget them; people grant anew."""
    op.drop_table("oauth_grants")
    op.drop_table("oauth_clients")
