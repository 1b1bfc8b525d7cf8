"""How good the audio of a call was."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give calls a place for the figures; of calls from before nothing is known."""
    op.add_column("calls", sa.Column("media_quality", Json, nullable=True))


def downgrade() -> None:
    """Take it away again."""
    op.drop_column("calls", "media_quality")
