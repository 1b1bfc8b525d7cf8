"""How long workspaces keep things, where they want it otherwise than the operator."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment
from dialnexa.platform.migrations.parts import NUMBER, WORD, columns

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for their rules."""
    op.create_table(
        "retention_rules",
        *columns(WORD, "workspace_id", "kind"),
        *columns(NUMBER, "days"),
        *columns(Moment, "updated_at"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("workspace_id", "kind"),
    )


def downgrade() -> None:
    """Forget them; the operator's rules hold for all."""
    op.drop_table("retention_rules")
