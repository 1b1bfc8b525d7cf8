"""Call History at a million rows, analysis, costs and redaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_FILTERED = (
    "agent_id",
    "agent_version_id",
    "batch_id",
    "campaign_id",
    "workflow_id",
    "from_number",
    "to_number",
    "end_reason",
    "mood",
    "state",
)


def upgrade() -> None:
    """Add the columns and tables; of calls from before, the word of the sentiment is copied to where lists look."""
    for column in _columns():
        op.add_column("calls", column)
    op.execute(sa.text(f"UPDATE calls SET mood = {_mood()} WHERE sentiment IS NOT NULL"))
    _index("ix_calls_history", ["created_at"])
    for column in _FILTERED:
        _index(f"ix_calls_by_{column}", [column, "created_at"], f"{column} IS NOT NULL")
    _index("ix_calls_by_duration", ["duration_ms", "created_at"], "duration_ms > 0")
    op.create_index("ix_calls_parent", "calls", ["parent_call_id"])
    _partial("ix_calls_redact", "calls", ["redact_at"], "redact_at IS NOT NULL")
    op.add_column("recordings", sa.Column("erase_since", Moment, nullable=True))
    _partial("ix_recordings_erase", "recordings", ["erase_since"], "erase_since IS NOT NULL")
    _price_lists()
    _call_costs()


def downgrade() -> None:
    """Take all of it away again; a recording that waits to be erased stays what it is by then, a row without a file."""
    op.drop_table("call_costs")
    op.drop_table("price_lists")
    op.drop_index("ix_recordings_erase", "recordings")
    op.drop_column("recordings", "erase_since")
    named = ("history", "by_duration", "parent", "redact", *(f"by_{column}" for column in _FILTERED))
    for name in named:
        op.drop_index(f"ix_calls_{name}", "calls")
    for column in reversed(_columns()):
        op.drop_column("calls", column.name)


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("mood", sa.String(length=255), nullable=True),
        sa.Column("analysis_engine", sa.String(length=255), nullable=True),
        sa.Column("analyzed_at", Moment, nullable=True),
        sa.Column("analysis_run", sa.String(length=255), nullable=True),
        sa.Column("usage", Json, nullable=True),
        sa.Column("cost", Json, nullable=True),
        sa.Column("redact_at", Moment, nullable=True),
        sa.Column("redacted_at", Moment, nullable=True),
    ]


def _mood() -> str:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    return "json_extract(sentiment, '$.overall')" if is_sqlite else "sentiment ->> 'overall'"


def _index(name: str, columns: list[str], where: str = "") -> None:
    _partial(name, "calls", ["workspace_id", "livemode", *columns, "id"], where)


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    only = sa.text(where) if where else None
    op.create_index(name, table, columns, sqlite_where=only, postgresql_where=only)


def _price_lists() -> None:
    op.create_table(
        "price_lists",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("currency", sa.String(length=255), nullable=False),
        sa.Column("rates", Json, nullable=False),
        sa.Column("valid_from", Moment, nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        _tenant("price_lists"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_lists")),
    )
    op.create_index("ix_price_lists_valid", "price_lists", ["workspace_id", "valid_from", "id"])


def _call_costs() -> None:
    op.create_table(
        "call_costs",
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("component", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("agent_id", sa.String(length=255), nullable=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("currency", sa.String(length=255), nullable=False),
        sa.Column("millionths", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.id"], name=op.f("fk_call_costs_call_id_calls"), ondelete="CASCADE"
        ),
        _tenant("call_costs"),
        sa.PrimaryKeyConstraint("call_id", "component", name=op.f("pk_call_costs")),
    )
    op.create_index("ix_call_costs_period", "call_costs", ["workspace_id", "livemode", "at"])


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["workspace_id", "account_id"],
        ["accounts.workspace_id", "accounts.id"],
        name=op.f(f"fk_{table}_workspace_id_account_id_accounts"),
    )
