"""Phones and PBXs that register with us: where each can be called."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment
from dialnexa.platform.migrations.parts import BIG_NUMBER, NUMBER, TEXT, WORD, columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for them."""
    op.create_table(
        "trunk_bindings",
        *columns(WORD, "id", "trunk_id", "node_id"),
        *columns(TEXT, "contact"),
        *columns(WORD, "source_host"),
        *columns(NUMBER, "source_port"),
        *columns(WORD, "transport"),
        *columns(TEXT, "call_id"),
        *columns(BIG_NUMBER, "cseq"),
        *columns(sa.Double(), "q"),
        *columns(TEXT, "instance"),
        *columns(Json, "path"),
        *columns(WORD, "user_agent"),
        *columns(Moment, "expires_at"),
        sa.ForeignKeyConstraint(["trunk_id"], ["sip_trunks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_trunk_bindings_trunk", "trunk_bindings", ["trunk_id"])


def downgrade() -> None:
    """Forget them; phones register anew. Trunks they registered under become ordinary ones."""
    op.drop_table("trunk_bindings")
    op.execute("UPDATE sip_trunks SET registration = 'none' WHERE registration = 'inbound'")
