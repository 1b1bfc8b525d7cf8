"""Secrets of workspaces and those before them, and where deliveries went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OWN_SECRETS = """
UPDATE webhooks SET secret_sealed = (
    SELECT sealed FROM webhook_secrets AS shared
    WHERE shared.workspace_id = webhooks.workspace_id AND shared.livemode = webhooks.livemode
) WHERE secret_sealed = ''
"""


def upgrade() -> None:
    """Webhooks from before have their own secret, and none before it."""
    op.add_column("webhooks", sa.Column("previous_secret_sealed", sa.Text(), nullable=False, server_default=""))
    op.add_column("webhooks", sa.Column("previous_secret_expires_at", Moment, nullable=True))
    op.add_column("webhook_deliveries", sa.Column("url", sa.String(length=255), nullable=False, server_default=""))
    op.create_table(
        "webhook_secrets",
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("last4", sa.String(length=255), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("previous_sealed", sa.Text(), nullable=False),
        sa.Column("previous_expires_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("rotated_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_webhook_secrets_workspace_id_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_webhook_secrets_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "livemode", name=op.f("pk_webhook_secrets")),
    )


def downgrade() -> None:
    """Take it all away. What signed with its workspace's secret gets a copy of it as its own."""
    op.execute(_OWN_SECRETS)
    op.drop_table("webhook_secrets")
    op.drop_column("webhook_deliveries", "url")
    op.drop_column("webhooks", "previous_secret_expires_at")
    op.drop_column("webhooks", "previous_secret_sealed")
