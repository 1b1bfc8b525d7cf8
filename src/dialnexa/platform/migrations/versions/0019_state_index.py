"""The index by state, without the condition that kept SQLite from using it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_NAME = "ix_calls_by_state"
_COLUMNS = ["workspace_id", "livemode", "state", "created_at", "id"]


def upgrade() -> None:
    """Make it anew."""
    op.drop_index(_NAME, "calls")
    op.create_index(_NAME, "calls", _COLUMNS)


def downgrade() -> None:
    """Make it as it was."""
    given = sa.text("state IS NOT NULL")
    op.drop_index(_NAME, "calls")
    op.create_index(_NAME, "calls", _COLUMNS, sqlite_where=given, postgresql_where=given)
