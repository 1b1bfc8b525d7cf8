"""An index by call of what was sent to webhooks: redaction looks there, and so do the delivery log's filters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_NAME = "ix_webhook_deliveries_call"


def upgrade() -> None:
    """Make it."""
    given = sa.text("call_id IS NOT NULL")
    op.create_index(_NAME, "webhook_deliveries", ["call_id"], sqlite_where=given, postgresql_where=given)


def downgrade() -> None:
    """Take it away."""
    op.drop_index(_NAME, "webhook_deliveries")
