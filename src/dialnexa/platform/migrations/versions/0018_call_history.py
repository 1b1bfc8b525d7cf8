"""Call History at a million rows, analysis, costs and redaction."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment
from dialnexa.platform.migrations.parts import BIG_NUMBER, FLAG, WORD, account, columns, partial_index

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
    partial_index("ix_calls_redact", "calls", ["redact_at"], "redact_at IS NOT NULL")
    op.add_column("recordings", sa.Column("erase_since", Moment, nullable=True))
    partial_index("ix_recordings_erase", "recordings", ["erase_since"], "erase_since IS NOT NULL")
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
        *columns(WORD, "mood", "analysis_engine", optional=True),
        *columns(Moment, "analyzed_at", optional=True),
        *columns(WORD, "analysis_run", optional=True),
        *columns(Json, "usage", "cost", optional=True),
        *columns(Moment, "redact_at", "redacted_at", optional=True),
    ]


def _mood() -> str:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    return "json_extract(sentiment, '$.overall')" if is_sqlite else "sentiment ->> 'overall'"


def _index(name: str, filtered: list[str], where: str = "") -> None:
    whole = ["workspace_id", "livemode", *filtered, "id"]
    if where:
        partial_index(name, "calls", whole, where)
    else:
        op.create_index(name, "calls", whole)


def _price_lists() -> None:
    op.create_table(
        "price_lists",
        *columns(WORD, "id", "workspace_id", "account_id", "currency"),
        *columns(Json, "rates"),
        *columns(Moment, "valid_from"),
        *columns(WORD, "created_by"),
        *columns(Moment, "created_at"),
        account(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_price_lists_valid", "price_lists", ["workspace_id", "valid_from", "id"])


def _call_costs() -> None:
    op.create_table(
        "call_costs",
        *columns(WORD, "call_id", "component", "workspace_id", "account_id"),
        *columns(FLAG, "livemode"),
        *columns(WORD, "agent_id", optional=True),
        *columns(Moment, "at"),
        *columns(WORD, "currency"),
        *columns(BIG_NUMBER, "millionths"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], ondelete="CASCADE"),
        account(),
        sa.PrimaryKeyConstraint("call_id", "component"),
    )
    op.create_index("ix_call_costs_period", "call_costs", ["workspace_id", "livemode", "at"])
