"""Folders for agents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment
from dialnexa.platform.migrations.parts import WORD, account, columns

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; no folder exists yet, so what agents said about theirs named nothing."""
    op.create_table(
        "agent_folders",
        *columns(WORD, "id", "workspace_id", "account_id", "name"),
        *columns(Moment, "created_at", "updated_at"),
        account(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.execute(sa.text("UPDATE agents SET folder_id = NULL"))
    op.create_index("ix_agents_folder", "agents", ["workspace_id", "folder_id"])


def downgrade() -> None:
    """Drop it; agents keep the names of folders that are gone."""
    op.drop_index("ix_agents_folder", "agents")
    op.drop_table("agent_folders")
