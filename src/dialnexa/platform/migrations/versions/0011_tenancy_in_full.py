"""Rentals, the audit log, KYC, wallets, shared rate buckets, and the peaks of each day."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _columns() -> dict[str, tuple[sa.Column[Any], ...]]:
    """Return what is new in tables from before; made afresh each time, for a column belongs to one statement."""
    return {
        "phone_numbers": (
            sa.Column("rental_status", sa.String(255), nullable=False, server_default="active"),
            sa.Column("rental_expires_at", Moment, nullable=True),
            sa.Column("auto_renew", sa.Boolean(), nullable=False, server_default=sa.text("true")),
            sa.Column("monthly_cost_usd", sa.Float(53), nullable=True),
            sa.Column("carrier_ref", sa.String(255), nullable=True),
        ),
        "workspaces": (
            sa.Column("timezone", sa.String(255), nullable=False, server_default="UTC"),
            sa.Column("default_country", sa.String(255), nullable=True),
        ),
        "limits": (
            sa.Column("day", sa.String(255), nullable=False, server_default=""),
            sa.Column("day_peak", sa.Integer(), nullable=False, server_default="0"),
        ),
    }


def upgrade() -> None:
    """Make the tables; numbers from before are nobody's to rent out, workspaces live by UTC."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    _use()
    _records()


def downgrade() -> None:
    """Take it all away again; what was logged and credited is lost."""
    for table in ("wallet_entries", "kyc_cases", "audit_log", "rate_buckets", "limit_peaks"):
        op.drop_table(table)
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)


def _use() -> None:
    op.create_table(
        "limit_peaks",
        sa.Column("scope", sa.String(255), nullable=False),
        sa.Column("day", sa.String(255), nullable=False),
        sa.Column("peak", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["scope"], ["limits.scope"], name=op.f("fk_limit_peaks_scope_limits"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("scope", "day", name=op.f("pk_limit_peaks")),
    )
    op.create_table(
        "rate_buckets",
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("full_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_rate_buckets")),
    )
    op.create_index("ix_rate_buckets_full_at", "rate_buckets", ["full_at"])


def _records() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(255), nullable=False),
        *_tenant(),
        *(_text(name) for name in ("actor", "actor_id", "actor_name", "action", "target")),
        sa.Column("changes", Json, nullable=False),
        *(_text(name) for name in ("address", "user_agent", "request_id")),
        sa.Column("created_at", Moment, nullable=False),
        _tenant_key("audit_log"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index("ix_audit_log_workspace", "audit_log", ["workspace_id", "id"])
    op.create_table(
        "kyc_cases",
        *_tenant(),
        _text("state"),
        sa.Column("details", Json, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("submitted_at", Moment, nullable=True),
        sa.Column("decided_at", Moment, nullable=True),
        _tenant_key("kyc_cases"),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_kyc_cases")),
    )
    op.create_table(
        "wallet_entries",
        sa.Column("id", sa.String(255), nullable=False),
        *_tenant(),
        _text("kind"),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        *(_text(name) for name in ("reference", "note")),
        sa.Column("created_at", Moment, nullable=False),
        _tenant_key("wallet_entries"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_entries")),
    )
    op.create_index("ix_wallet_entries_workspace", "wallet_entries", ["workspace_id", "created_at"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(255), nullable=False)


def _tenant() -> tuple[sa.Column[str], sa.Column[str]]:
    return _text("workspace_id"), _text("account_id")


def _tenant_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id", "account_id"],
        ["accounts.workspace_id", "accounts.id"],
        name=op.f(f"fk_{table}_workspace_id_account_id_accounts"),
    )
