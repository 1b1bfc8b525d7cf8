"""Knowledge bases with their full text index, and calendars with their appointments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment
from dialnexa.platform.migrations.parts import NUMBER, TEXT, WORD, account, columns, partial_index, within_workspace
from dialnexa.platform.migrations.tables import FULL_TEXT

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_SQLITE = (
    # External content: the passages are stored once. The terms are made by us, so the plainest tokenizer splits them.
    f"CREATE VIRTUAL TABLE {FULL_TEXT} USING fts5"
    "(terms, content='knowledge_chunks', content_rowid='number', tokenize='ascii')",
    f"CREATE TRIGGER {FULL_TEXT}_added AFTER INSERT ON knowledge_chunks BEGIN "
    f"INSERT INTO {FULL_TEXT}(rowid, terms) VALUES (new.number, new.terms); END",
    f"CREATE TRIGGER {FULL_TEXT}_removed AFTER DELETE ON knowledge_chunks BEGIN "
    f"INSERT INTO {FULL_TEXT}({FULL_TEXT}, rowid, terms) VALUES ('delete', old.number, old.terms); END",
)
_POSTGRESQL = (
    f"CREATE INDEX {FULL_TEXT} ON knowledge_chunks USING gin (array_to_tsvector(string_to_array(terms, ' ')))",
)


def upgrade() -> None:
    """Make them."""
    _calendars()
    _knowledge()
    for statement in _SQLITE if op.get_bind().dialect.name == "sqlite" else _POSTGRESQL:
        op.execute(statement)


def _calendars() -> None:
    op.create_table(
        "calendars",
        *columns(WORD, "id", "workspace_id", "account_id", "name", "timezone"),
        *columns(Json, "hours"),
        *columns(NUMBER, "slot_minutes", "notice_minutes", "horizon_days"),
        *columns(Moment, "created_at", "updated_at"),
        account(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_table(
        "calendar_bookings",
        *columns(WORD, "id", "workspace_id", "account_id", "calendar_id"),
        *columns(Moment, "starts_at", "ends_at"),
        *columns(WORD, "name"),
        *columns(WORD, "phone", "email", optional=True),
        *columns(TEXT, "notes", optional=True),
        *columns(WORD, "call_id", optional=True),
        *columns(Moment, "created_at"),
        *columns(Moment, "cancelled_at", optional=True),
        account(),
        within_workspace("calendar_id", "calendars", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_calendar_bookings_time", "calendar_bookings", ["calendar_id", "starts_at"])
    partial_index(
        "uq_calendar_bookings_start",
        "calendar_bookings",
        ["calendar_id", "starts_at"],
        "cancelled_at IS NULL",
        unique=True,
    )


def _knowledge() -> None:
    op.create_table(
        "knowledge_bases",
        *columns(WORD, "id", "workspace_id", "account_id", "name"),
        *columns(TEXT, "description", optional=True),
        *columns(WORD, "language"),
        *columns(Moment, "created_at", "updated_at"),
        account(),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
        sa.UniqueConstraint("workspace_id", "name"),
    )
    op.create_table(
        "knowledge_documents",
        *columns(WORD, "id", "workspace_id", "account_id", "knowledge_base_id", "title"),
        *columns(TEXT, "description", "source", optional=True),
        *columns(WORD, "file_name", "kind"),
        *columns(NUMBER, "bytes"),
        *columns(WORD, "sha256", "status"),
        *columns(TEXT, "problem", optional=True),
        *columns(NUMBER, "pages", optional=True),
        *columns(NUMBER, "chunks"),
        *columns(Moment, "created_at", "updated_at"),
        *columns(Moment, "deleted_at", optional=True),
        account(),
        within_workspace(
            "knowledge_base_id", "knowledge_bases", name="fk_knowledge_documents_base", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "id"),
    )
    op.create_index("ix_knowledge_documents_base", "knowledge_documents", ["knowledge_base_id", "id"])
    op.create_table(
        "knowledge_chunks",
        sa.Column("number", NUMBER, autoincrement=True, nullable=False),
        *columns(WORD, "workspace_id", "account_id", "knowledge_base_id", "document_id"),
        *columns(NUMBER, "ordinal", "page"),
        *columns(TEXT, "text", "terms"),
        sa.ForeignKeyConstraint(["document_id"], ["knowledge_documents.id"], ondelete="CASCADE"),
        account(),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("document_id", "ordinal"),
    )
    op.create_index("ix_knowledge_chunks_base", "knowledge_chunks", ["knowledge_base_id", "number"])
    op.create_table(
        "knowledge_files",
        *columns(WORD, "document_id"),
        *columns(sa.LargeBinary(), "content"),
        *columns(TEXT, "text", optional=True),
        sa.ForeignKeyConstraint(["document_id"], ["knowledge_documents.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id"),
    )


def downgrade() -> None:
    """Take them away, with all that is in them."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TABLE {FULL_TEXT}")
    for table in (
        "knowledge_files",
        "knowledge_chunks",
        "knowledge_documents",
        "knowledge_bases",
        "calendar_bookings",
        "calendars",
    ):
        op.drop_table(table)
