"""Recordings in object stores: which one each lies in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.migrations.parts import TEXT

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Name the store; those from before lie in the data folder."""
    op.add_column("recordings", sa.Column("store", TEXT, server_default="", nullable=False))


def downgrade() -> None:
    """Take the name away again."""
    op.drop_column("recordings", "store")
