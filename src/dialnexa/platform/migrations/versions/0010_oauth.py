"""Programs that act for people through OAuth, and what they were granted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment
from dialnexa.platform.migrations.parts import FLAG, TEXT, WORD, account, columns

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for them."""
    op.create_table(
        "oauth_clients",
        *columns(WORD, "id"),
        *columns(TEXT, "sealed"),
        *columns(Moment, "created_at"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_oauth_clients_created_at"), "oauth_clients", ["created_at"])
    op.create_table(
        "oauth_grants",
        *columns(WORD, "id", "workspace_id", "account_id", "key_id", "client_id"),
        *columns(TEXT, "redirect_uri"),
        *columns(FLAG, "redirect_uri_given"),
        *columns(WORD, "code_challenge", "code_sha256"),
        *columns(Moment, "code_expires_at"),
        *columns(Moment, "exchanged_at", optional=True),
        *columns(WORD, "access_sha256", optional=True),
        *columns(Moment, "access_expires_at", optional=True),
        *columns(WORD, "refresh_sha256", optional=True),
        *columns(Moment, "refresh_expires_at", optional=True),
        *columns(WORD, "spent_refresh_sha256", optional=True),
        *columns(Moment, "created_at"),
        account(),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["client_id"], ["oauth_clients.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code_sha256"),
        sa.UniqueConstraint("access_sha256"),
        sa.UniqueConstraint("refresh_sha256"),
    )
    op.create_index("ix_oauth_grants_workspace", "oauth_grants", ["workspace_id", "id"])
    op.create_index(op.f("ix_oauth_grants_client_id"), "oauth_grants", ["client_id"])
    op.create_index(op.f("ix_oauth_grants_spent_refresh_sha256"), "oauth_grants", ["spent_refresh_sha256"])


def downgrade() -> None:
    """Forget them; people grant anew."""
    op.drop_table("oauth_grants")
    op.drop_table("oauth_clients")
