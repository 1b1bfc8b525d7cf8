"""Trunks: the habits of carriers, registrations, and what workers count and turn away."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXT = sa.String(length=255)
_HABITS: tuple[tuple[str, sa.types.TypeEngine[Any], str], ...] = (
    ("transport", _TEXT, "'udp'"),
    ("outbound_proxy", _TEXT, "''"),
    ("registration", _TEXT, "'none'"),
    ("registration_expiry_s", sa.Integer(), "600"),
    ("from_user", _TEXT, "''"),
    ("from_domain", _TEXT, "''"),
    ("plus", sa.Boolean(), "true"),
    ("strip_prefix", _TEXT, "''"),
    ("add_prefix", _TEXT, "''"),
    ("headers", Json, "'[]'"),
    ("codecs", Json, "'[]'"),
    ("encryption", _TEXT, "'never'"),
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
        sa.Column("trunk_id", _TEXT, nullable=False),
        sa.Column("node_id", _TEXT, nullable=False),
        sa.Column("state", _TEXT, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("registered_until", Moment, nullable=True),
        sa.Column("next_try_at", Moment, nullable=True),
        sa.Column("updated_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["trunk_id"],
            ["sip_trunks.id"],
            name=op.f("fk_trunk_registrations_trunk_id_sip_trunks"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("trunk_id", name=op.f("pk_trunk_registrations")),
    )
    op.add_column("nodes", sa.Column("meters", Json, nullable=False, server_default=sa.text("'{}'")))
    op.add_column("refused_calls", sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("1")))
    with op.batch_alter_table("refused_calls") as refused:
        refused.alter_column("sip_status", existing_type=sa.Integer(), nullable=True)


def downgrade() -> None:
    """Take it all away again; what got no answer cannot be told in the old table."""
    op.execute("DELETE FROM refused_calls WHERE sip_status IS NULL")
    with op.batch_alter_table("refused_calls") as refused:
        refused.alter_column("sip_status", existing_type=sa.Integer(), nullable=False)
        refused.drop_column("attempts")
    op.drop_column("nodes", "meters")
    op.drop_table("trunk_registrations")
    op.drop_column("sip_trunks", "updated_at")
    for name, _, _ in reversed(_HABITS):
        op.drop_column("sip_trunks", name)
    op.execute("UPDATE sip_trunks SET port = 5060 WHERE port = 0")
