"""Vectors of passages, where an installation has an embeddings endpoint, and how far each document is with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from dialnexa.platform.database import Moment
from dialnexa.platform.migrations.parts import NUMBER, TEXT, WORD, account, columns

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them; nothing is embedded yet."""
    op.add_column("knowledge_bases", sa.Column("vectors_revision", NUMBER, nullable=False, server_default=sa.text("0")))
    for column in (
        *columns(WORD, "embedding", "embedding_model", optional=True),
        *columns(TEXT, "embedding_problem", optional=True),
        *columns(WORD, "embedding_run", optional=True),
        *columns(Moment, "embedding_at", optional=True),
    ):
        op.add_column("knowledge_documents", column)
    op.create_table(
        "knowledge_vectors",
        *columns(WORD, "document_id"),
        sa.Column("first", NUMBER, autoincrement=False, nullable=False),
        *columns(WORD, "workspace_id", "account_id", "knowledge_base_id", "model"),
        *columns(NUMBER, "passages"),
        *columns(sa.LargeBinary(), "vectors"),
        sa.ForeignKeyConstraint(["document_id"], ["knowledge_documents.id"], ondelete="CASCADE"),
        account(),
        sa.PrimaryKeyConstraint("document_id", "first"),
    )
    op.create_index("ix_knowledge_vectors_base", "knowledge_vectors", ["knowledge_base_id", "document_id", "first"])
    op.create_table(
        "knowledge_scales",
        *columns(WORD, "model"),
        *columns(sa.Float(53), "floor", "ceiling"),
        *columns(Moment, "measured_at"),
        sa.PrimaryKeyConstraint("model"),
    )


def downgrade() -> None:
    """Take them away; documents are found by their words as before."""
    op.drop_table("knowledge_scales")
    op.drop_table("knowledge_vectors")
    for column in ("embedding_at", "embedding_run", "embedding_problem", "embedding_model", "embedding"):
        op.drop_column("knowledge_documents", column)
    op.drop_column("knowledge_bases", "vectors_revision")
