"""Carriers that rent numbers out: whose trunk it is, what a number costs once, and what waits to be given back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment
from dialnexa.platform.migrations.parts import WORD

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; trunks from before are the workspaces' own."""
    op.add_column("sip_trunks", sa.Column("carrier", WORD, nullable=True))
    op.add_column("phone_numbers", sa.Column("setup_cost_usd", sa.Float(53), nullable=True))
    op.add_column("phone_numbers", sa.Column("release_since", Moment, nullable=True))


def downgrade() -> None:
    """Take them away; what waits to be given back is forgotten."""
    op.drop_column("phone_numbers", "release_since")
    op.drop_column("phone_numbers", "setup_cost_usd")
    op.drop_column("sip_trunks", "carrier")
