"""SIP ladders: what was signalled for a call, and for those that were not let in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table of ladders, and a ladder to refused calls."""
    op.create_table(
        "call_ladders",
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_call_ladders_call_id_calls"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", name=op.f("pk_call_ladders")),
    )
    op.add_column("refused_calls", sa.Column("ladder", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Take both away again."""
    op.drop_column("refused_calls", "ladder")
    op.drop_table("call_ladders")
