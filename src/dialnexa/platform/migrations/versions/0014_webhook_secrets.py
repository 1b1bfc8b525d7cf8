"""Secrets of workspaces and those before them, and where deliveries went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment
from dialnexa.platform.migrations.parts import FLAG, TEXT, WORD, columns, within_workspace

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
    op.add_column("webhooks", sa.Column("previous_secret_sealed", TEXT, nullable=False, server_default=""))
    op.add_column("webhooks", sa.Column("previous_secret_expires_at", Moment, nullable=True))
    op.add_column("webhook_deliveries", sa.Column("url", WORD, nullable=False, server_default=""))
    op.create_table(
        "webhook_secrets",
        *columns(WORD, "workspace_id"),
        *columns(FLAG, "livemode"),
        *columns(WORD, "account_id", "name", "last4"),
        *columns(TEXT, "sealed", "previous_sealed"),
        *columns(Moment, "previous_expires_at", optional=True),
        *columns(Moment, "created_at"),
        *columns(Moment, "rotated_at", optional=True),
        within_workspace("account_id", "accounts", name="fk_webhook_secrets_workspace_id_accounts"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("workspace_id", "livemode"),
    )


def downgrade() -> None:
    """Take it all away. What signed with its workspace's secret gets a copy of it as its own."""
    op.execute(_OWN_SECRETS)
    op.drop_table("webhook_secrets")
    op.drop_column("webhook_deliveries", "url")
    op.drop_column("webhooks", "previous_secret_expires_at")
    op.drop_column("webhooks", "previous_secret_sealed")
