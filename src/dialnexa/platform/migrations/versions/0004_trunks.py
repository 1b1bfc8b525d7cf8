"""Trunks: the habits of carriers, registrations, and what workers count and turn away."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment
from dialnexa.platform.migrations.parts import FLAG, NUMBER, TEXT, WORD, columns

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_HABITS: tuple[tuple[str, sa.types.TypeEngine[Any], str], ...] = (
    ("transport", WORD, "'udp'"),
    ("outbound_proxy", WORD, "''"),
    ("registration", WORD, "'none'"),
    ("registration_expiry_s", NUMBER, "600"),
    ("from_user", WORD, "''"),
    ("from_domain", WORD, "''"),
    ("plus", FLAG, "true"),
    ("strip_prefix", WORD, "''"),
    ("add_prefix", WORD, "''"),
    ("headers", Json, "'[]'"),
    ("codecs", Json, "'[]'"),
    ("encryption", WORD, "'never'"),
)
"""Each new column of a trunk, and what trunks from before have in it: the behaviour they had."""


def upgrade() -> None:
    """Give trunks their habits and a place for their registration."""
    for name, kind, before in _HABITS:
        op.add_column("sip_trunks", sa.Column(name, kind, nullable=False, server_default=sa.text(before)))
    op.add_column("sip_trunks", sa.Column("updated_at", Moment, nullable=True))
    op.execute("UPDATE sip_trunks SET updated_at = COALESCE(deleted_at, created_at)")
    with op.batch_alter_table("sip_trunks") as trunks:
        trunks.alter_column("updated_at", existing_type=Moment, nullable=False)
    op.create_table(
        "trunk_registrations",
        *columns(WORD, "trunk_id", "node_id", "state"),
        *columns(TEXT, "detail"),
        *columns(Moment, "registered_until", "next_try_at", optional=True),
        *columns(Moment, "updated_at"),
        sa.ForeignKeyConstraint(["trunk_id"], ["sip_trunks.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("trunk_id"),
    )
    op.add_column("nodes", sa.Column("meters", Json, nullable=False, server_default=sa.text("'{}'")))
    op.add_column("refused_calls", sa.Column("attempts", NUMBER, nullable=False, server_default=sa.text("1")))
    with op.batch_alter_table("refused_calls") as refused:
        refused.alter_column("sip_status", existing_type=NUMBER, nullable=True)


def downgrade() -> None:
    """Take it all away again; what got no answer cannot be told in the old table."""
    op.execute("DELETE FROM refused_calls WHERE sip_status IS NULL")
    with op.batch_alter_table("refused_calls") as refused:
        refused.alter_column("sip_status", existing_type=NUMBER, nullable=False)
        refused.drop_column("attempts")
    op.drop_column("nodes", "meters")
    op.drop_table("trunk_registrations")
    op.drop_column("sip_trunks", "updated_at")
    for name, _, _ in reversed(_HABITS):
        op.drop_column("sip_trunks", name)
    op.execute("UPDATE sip_trunks SET port = 5060 WHERE port = 0")
