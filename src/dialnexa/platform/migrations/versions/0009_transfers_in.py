"""Whether a trunk's far end may hand a call of ours on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.migrations.parts import FLAG

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let trunks say so; those from before go on refusing."""
    column = sa.Column("accept_transfers", FLAG, nullable=False, server_default=sa.text("false"))
    op.add_column("sip_trunks", column)


def downgrade() -> None:
    """Take it away again: every transfer is refused."""
    op.drop_column("sip_trunks", "accept_transfers")
