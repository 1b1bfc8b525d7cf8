"""Folders for agents."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; no folder exists yet, so what agents said about theirs named nothing."""
    op.create_table(
        "agent_folders",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_agent_folders_workspace_id_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_folders")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_agent_folders_workspace_id_id")),
    )
    op.execute(sa.text("UPDATE agents SET folder_id = NULL"))
    op.create_index("ix_agents_folder", "agents", ["workspace_id", "folder_id"])


def downgrade() -> None:
    """Drop it; agents keep the names of folders that are gone."""
    op.drop_index("ix_agents_folder", "agents")
    op.drop_table("agent_folders")
