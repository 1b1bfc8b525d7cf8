"""Rentals, the audit log, KYC, wallets, shared rate buckets, and the peaks of each day."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment
from dialnexa.platform.migrations.parts import BIG_NUMBER, FLAG, NUMBER, TEXT, WORD, account, columns

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _columns() -> dict[str, tuple[sa.Column[Any], ...]]:
    """Return what is new in tables from before; made afresh each time, for a column belongs to one statement."""
    return {
        "phone_numbers": (
            sa.Column("rental_status", WORD, nullable=False, server_default="active"),
            sa.Column("rental_expires_at", Moment, nullable=True),
            sa.Column("auto_renew", FLAG, nullable=False, server_default=sa.text("true")),
            sa.Column("monthly_cost_usd", sa.Float(53), nullable=True),
            sa.Column("carrier_ref", WORD, nullable=True),
        ),
        "workspaces": (
            sa.Column("timezone", WORD, nullable=False, server_default="UTC"),
            sa.Column("default_country", WORD, nullable=True),
        ),
        "limits": (
            sa.Column("day", WORD, nullable=False, server_default=""),
            sa.Column("day_peak", NUMBER, nullable=False, server_default="0"),
        ),
    }


def upgrade() -> None:
    """Make the tables; numbers from before are nobody's to rent out, workspaces live by UTC."""
    for table, new in _columns().items():
        for column in new:
            op.add_column(table, column)
    _use()
    _records()


def downgrade() -> None:
    """Take it all away again; what was logged and credited is lost."""
    for table in ("wallet_entries", "kyc_cases", "audit_log", "rate_buckets", "limit_peaks"):
        op.drop_table(table)
    for table, new in _columns().items():
        for column in new:
            op.drop_column(table, column.name)


def _use() -> None:
    op.create_table(
        "limit_peaks",
        *columns(WORD, "scope", "day"),
        *columns(NUMBER, "peak"),
        sa.ForeignKeyConstraint(["scope"], ["limits.scope"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("scope", "day"),
    )
    op.create_table(
        "rate_buckets",
        *columns(WORD, "name"),
        *columns(sa.Float(53), "full_at"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_rate_buckets_full_at", "rate_buckets", ["full_at"])


def _records() -> None:
    op.create_table(
        "audit_log",
        *columns(WORD, "id", "workspace_id", "account_id", "actor", "actor_id", "actor_name", "action", "target"),
        *columns(Json, "changes"),
        *columns(WORD, "address", "user_agent", "request_id"),
        *columns(Moment, "created_at"),
        account(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_log_workspace", "audit_log", ["workspace_id", "id"])
    op.create_table(
        "kyc_cases",
        *columns(WORD, "workspace_id", "account_id", "state"),
        *columns(Json, "details"),
        *columns(TEXT, "reason"),
        *columns(Moment, "submitted_at", "decided_at", optional=True),
        account(),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    op.create_table(
        "wallet_entries",
        *columns(WORD, "id", "workspace_id", "account_id", "kind"),
        *columns(BIG_NUMBER, "amount"),
        *columns(WORD, "reference", "note"),
        *columns(Moment, "created_at"),
        account(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_wallet_entries_workspace", "wallet_entries", ["workspace_id", "created_at"])
