"""Tables of knowledge: the collections, their documents, the files as they came, and the passages search finds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dialnexa.platform.database import Base
from dialnexa.platform.tenancy.models import tenant_key


class KnowledgeBase(Base):
    """A named collection of documents, which agent versions name."""

    __tablename__ = "knowledge_bases"
    __table_args__ = (
        tenant_key(),
        UniqueConstraint("workspace_id", "id"),
        UniqueConstraint("workspace_id", "name"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str]
    """A code such as ``en``: how words are stemmed."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Document(Base):
    """One document; ``status`` says whether its text can be found yet."""

    __tablename__ = "knowledge_documents"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(
            ["workspace_id", "knowledge_base_id"],
            ["knowledge_bases.workspace_id", "knowledge_bases.id"],
            name="fk_knowledge_documents_base",
            ondelete="CASCADE",
        ),
        UniqueConstraint("workspace_id", "id"),
        Index("ix_knowledge_documents_base", "knowledge_base_id", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    knowledge_base_id: Mapped[str]
    title: Mapped[str]
    description: Mapped[str | None] = mapped_column(Text)
    source: Mapped[str | None] = mapped_column(Text)
    file_name: Mapped[str]
    kind: Mapped[str]
    """``pdf`` or ``txt``."""
    bytes: Mapped[int]
    sha256: Mapped[str]
    status: Mapped[str]
    """``processing``, ``ready`` or ``failed``."""
    problem: Mapped[str | None] = mapped_column(Text)
    """Why it failed."""
    pages: Mapped[int | None]
    chunks: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class DocumentFile(Base):
    """A document as it came, and its text: in a table of its own, so that lists stay light."""

    __tablename__ = "knowledge_files"
    __table_args__ = (ForeignKeyConstraint(["document_id"], ["knowledge_documents.id"], ondelete="CASCADE"),)

    document_id: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[bytes] = mapped_column(LargeBinary)
    text: Mapped[str | None] = mapped_column(Text)
    """Extracted; a form feed ends each page."""


class Chunk(Base):
    """A passage. Search goes by ``terms``; the index over them is made by the migration, in each database's own way."""

    __tablename__ = "knowledge_chunks"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(["document_id"], ["knowledge_documents.id"], ondelete="CASCADE"),
        UniqueConstraint("document_id", "ordinal"),
        Index("ix_knowledge_chunks_base", "knowledge_base_id", "number"),
    )

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    knowledge_base_id: Mapped[str]
    document_id: Mapped[str]
    ordinal: Mapped[int]
    """Place in the document, from 1."""
    page: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    terms: Mapped[str] = mapped_column(Text)
    """The stems of its words, separated by spaces."""

    @property
    def id(self) -> str:
        """The name citations give it: the document's id and its place there."""
        return f"{self.document_id}-{self.ordinal}"
