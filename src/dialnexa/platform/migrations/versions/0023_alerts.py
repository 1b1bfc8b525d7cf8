"""Alerts: figures that are watched, and how each stood when it was last looked at."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment
from dialnexa.platform.migrations.parts import FLAG, NUMBER, WORD, account, columns, within_workspace

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "alerts",
        *columns(WORD, "id", "workspace_id", "account_id"),
        *columns(FLAG, "livemode"),
        *columns(WORD, "name", "metric"),
        *columns(WORD, "agent_id", optional=True),
        *columns(sa.Float(53), "threshold"),
        *columns(sa.Float(53), "resolve_threshold", optional=True),
        *columns(NUMBER, "window_minutes", "min_calls"),
        *columns(FLAG, "is_active"),
        *columns(WORD, "state"),
        *columns(sa.Float(53), "value", optional=True),
        *columns(Moment, "checked_at", "triggered_at", "resolved_at", optional=True),
        *columns(Moment, "created_at", "updated_at"),
        account(),
        within_workspace("agent_id", "agents"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_index("ix_alerts_due", "alerts", ["is_active", "checked_at"])


def downgrade() -> None:
    """Take it away; nobody is told any more."""
    op.drop_table("alerts")
