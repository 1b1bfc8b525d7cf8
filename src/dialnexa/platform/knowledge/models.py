"""Tables of knowledge: the collections, their documents, the files as they came, and the passages search finds."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Float, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint
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
    vectors_revision: Mapped[int] = mapped_column(default=0)
    """Grows whenever the vectors that may be found change, so that whoever holds them in memory knows; 0: none yet."""
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
    embedding: Mapped[str | None]
    """``waiting``, ``ready`` or ``failed``; ``None`` where nothing is embedded."""
    embedding_model: Mapped[str | None]
    """The label its vectors have, or are to have (``embeddings.Endpoint``)."""
    embedding_problem: Mapped[str | None] = mapped_column(Text)
    """Why it failed."""
    embedding_run: Mapped[str | None]
    """Which promise to embed it counts; older ones come to nothing."""
    embedding_at: Mapped[datetime | None]
    """When its embedding last changed."""
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


class VectorBlock(Base):
    """The vectors of some passages of a document that follow each other: what one request brought.

    Kept together because they are read together: a search looks at all of them, and twenty thousand rows take longer
    to read than to compare.
    """

    __tablename__ = "knowledge_vectors"
    __table_args__ = (
        tenant_key(),
        ForeignKeyConstraint(["document_id"], ["knowledge_documents.id"], ondelete="CASCADE"),
        Index("ix_knowledge_vectors_base", "knowledge_base_id", "document_id", "first"),
    )

    document_id: Mapped[str] = mapped_column(primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The ordinal of the first passage."""
    workspace_id: Mapped[str]
    account_id: Mapped[str]
    knowledge_base_id: Mapped[str]
    model: Mapped[str]
    """The label of what made them: vectors of different models cannot be compared."""
    passages: Mapped[int]
    vectors: Mapped[bytes] = mapped_column(LargeBinary)
    """Row by row, float32, little-endian, each of length 1."""


class EmbeddingScale(Base):
    """What nearness means to a model (``scale.py``); one row for each label of the installation."""

    __tablename__ = "knowledge_scales"

    model: Mapped[str] = mapped_column(primary_key=True)
    floor: Mapped[float] = mapped_column(Float(53))
    """How near texts are that have nothing to do with each other."""
    ceiling: Mapped[float] = mapped_column(Float(53))
    """How near questions are to passages that answer them."""
    measured_at: Mapped[datetime]
