"""Knowledge bases with their full text index, and calendars with their appointments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Json, Moment
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
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("timezone", sa.String(length=255), nullable=False),
        sa.Column("hours", Json, nullable=False),
        sa.Column("slot_minutes", sa.Integer(), nullable=False),
        sa.Column("notice_minutes", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_calendars_workspace_id_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendars")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_calendars_workspace_id_id")),
    )
    op.create_table(
        "calendar_bookings",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("calendar_id", sa.String(length=255), nullable=False),
        sa.Column("starts_at", Moment, nullable=False),
        sa.Column("ends_at", Moment, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("phone", sa.String(length=255), nullable=True),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("call_id", sa.String(length=255), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("cancelled_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_calendar_bookings_workspace_id_account_id_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "calendar_id"],
            ["calendars.workspace_id", "calendars.id"],
            name=op.f("fk_calendar_bookings_workspace_id_calendar_id_calendars"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_bookings")),
    )
    op.create_index("ix_calendar_bookings_time", "calendar_bookings", ["calendar_id", "starts_at"], unique=False)
    op.create_index(
        "uq_calendar_bookings_start",
        "calendar_bookings",
        ["calendar_id", "starts_at"],
        unique=True,
        sqlite_where=sa.text("cancelled_at IS NULL"),
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )


def _knowledge() -> None:
    op.create_table(
        "knowledge_bases",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=255), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_knowledge_bases_workspace_id_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_bases")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_knowledge_bases_workspace_id_id")),
        sa.UniqueConstraint("workspace_id", "name", name=op.f("uq_knowledge_bases_workspace_id_name")),
    )
    op.create_table(
        "knowledge_documents",
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("knowledge_base_id", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=255), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=255), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("deleted_at", Moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_knowledge_documents_workspace_id_account_id_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "knowledge_base_id"],
            ["knowledge_bases.workspace_id", "knowledge_bases.id"],
            name="fk_knowledge_documents_base",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_knowledge_documents")),
        sa.UniqueConstraint("workspace_id", "id", name=op.f("uq_knowledge_documents_workspace_id_id")),
    )
    op.create_index("ix_knowledge_documents_base", "knowledge_documents", ["knowledge_base_id", "id"], unique=False)
    op.create_table(
        "knowledge_chunks",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("workspace_id", sa.String(length=255), nullable=False),
        sa.Column("account_id", sa.String(length=255), nullable=False),
        sa.Column("knowledge_base_id", sa.String(length=255), nullable=False),
        sa.Column("document_id", sa.String(length=255), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["knowledge_documents.id"],
            name=op.f("fk_knowledge_chunks_document_id_knowledge_documents"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id", "account_id"],
            ["accounts.workspace_id", "accounts.id"],
            name=op.f("fk_knowledge_chunks_workspace_id_account_id_accounts"),
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_knowledge_chunks")),
        sa.UniqueConstraint("document_id", "ordinal", name=op.f("uq_knowledge_chunks_document_id_ordinal")),
    )
    op.create_index("ix_knowledge_chunks_base", "knowledge_chunks", ["knowledge_base_id", "number"], unique=False)
    op.create_table(
        "knowledge_files",
        sa.Column("document_id", sa.String(length=255), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["document_id"],
            ["knowledge_documents.id"],
            name=op.f("fk_knowledge_files_document_id_knowledge_documents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_knowledge_files")),
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
