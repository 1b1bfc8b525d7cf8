"""SIP ladders: what was signalled for a call, and for those that were not let in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.migrations.parts import WORD, columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of ladders, and a ladder to refused calls."""
    op.create_table(
        "call_ladders",
        *columns(WORD, "call_id"),
        *columns(sa.LargeBinary(), "packed"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call_id"),
    )
    op.add_column("refused_calls", sa.Column("ladder", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Take both away again."""
    op.drop_column("refused_calls", "ladder")
    op.drop_table("call_ladders")
