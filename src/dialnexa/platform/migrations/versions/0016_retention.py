"""How long workspaces keep things, where they want it otherwise than the operator."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for their rules."""
    op.create_table(
        "retention_rules",
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_retention_rules_workspace_id_workspaces")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "kind", name=op.f("pk_retention_rules")),
    )


def downgrade() -> None:
    """Forget them; the operator's rules hold for all."""
    op.drop_table("retention_rules")
