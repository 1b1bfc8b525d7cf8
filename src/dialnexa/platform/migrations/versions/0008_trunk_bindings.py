"""Phones and PBXs that register with us: where each can be called."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXT = sa.String(length=255)
_NUMBER: sa.types.TypeEngine[float] = sa.Double()


def upgrade() -> None:
    """Make room for them."""
    op.create_table(
        "trunk_bindings",
        sa.Column("id", _TEXT, nullable=False),
        sa.Column("trunk_id", _TEXT, nullable=False),
        sa.Column("node_id", _TEXT, nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("source_host", _TEXT, nullable=False),
        sa.Column("source_port", sa.Integer(), nullable=False),
        sa.Column("transport", _TEXT, nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("cseq", sa.BigInteger(), nullable=False),
        sa.Column("q", _NUMBER, nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("path", Json, nullable=False),
        sa.Column("user_agent", _TEXT, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["trunk_id"], ["sip_trunks.id"], name=op.f("fk_trunk_bindings_trunk_id_sip_trunks"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trunk_bindings")),
    )
    op.create_index("ix_trunk_bindings_trunk", "trunk_bindings", ["trunk_id"])


def downgrade() -> None:
    """Forget them; phones register anew. Trunks they registered under become ordinary ones."""
    op.drop_table("trunk_bindings")
    op.execute("UPDATE sip_trunks SET registration = 'none' WHERE registration = 'inbound'")
