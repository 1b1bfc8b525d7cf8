"""What a call's flow learned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Calls from before learned nothing."""
    op.add_column("calls", sa.Column("collected_variables", Json, nullable=True))


def downgrade() -> None:
    """Forget what was learned."""
    op.drop_column("calls", "collected_variables")
