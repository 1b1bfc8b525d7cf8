"""All queries of vectors: what waits to be embedded, the blocks that were, and what nearness means to a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.knowledge.models import Chunk, Document, EmbeddingScale, KnowledgeBase, VectorBlock
from dialnexa.platform.knowledge.scale import Scale


@dataclass(frozen=True, slots=True)
class Block:
    """Vectors of passages of a document that follow each other."""

    document_id: str
    first: int
    """The ordinal of the first of them."""
    passages: int
    vectors: bytes


# --- what is found ---------------------------------------------------------------------------------------------------


async def blocks(
    session: AsyncSession, base_id: str, label: str, *, after: Block | None, limit: int
) -> Sequence[Block]:
    """Return the next blocks of a knowledge base, of documents that are embedded whole and may be found."""
    query = (
        select(VectorBlock.document_id, VectorBlock.first, VectorBlock.passages, VectorBlock.vectors)
        .join(Document, Document.id == VectorBlock.document_id)
        .where(
            VectorBlock.knowledge_base_id == base_id,
            VectorBlock.model == label,
            Document.embedding == "ready",
            Document.embedding_model == label,
            Document.status == "ready",
            Document.deleted_at.is_(None),
        )
        .order_by(VectorBlock.document_id, VectorBlock.first)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(VectorBlock.document_id, VectorBlock.first) > (after.document_id, after.first))
    return [Block(*row) for row in await session.execute(query)]


async def scale(session: AsyncSession, label: str) -> Scale | None:
    """Return what nearness means to a model; ``None`` as long as nobody measured it."""
    row = await session.get(EmbeddingScale, label)
    return None if row is None else Scale(row.floor, row.ceiling)


async def keep_scale(session: AsyncSession, label: str, measured: Scale, *, now: datetime) -> None:
    """Keep what nearness means to a model."""
    row = EmbeddingScale(model=label, floor=measured.floor, ceiling=measured.ceiling, measured_at=now)
    await session.merge(row)


# --- what is embedded ------------------------------------------------------------------------------------------------


async def unembedded(session: AsyncSession, label: str, *, failed_before: datetime, limit: int) -> Sequence[Document]:
    """Return documents that no promise to embed is out for, those that failed lately left out.

    They are locked, so that of several workers that look at once each gets others.
    """
    wanting = or_(
        Document.embedding.is_(None),
        Document.embedding_model != label,
        (Document.embedding == "failed") & (Document.embedding_at <= failed_before),
    )
    query = select(Document).where(Document.status == "ready", Document.deleted_at.is_(None), wanting)
    return (await session.scalars(query.limit(limit).with_for_update(skip_locked=True))).all()


async def to_embed(session: AsyncSession, document_id: str, run: str) -> Document | None:
    """Return a document whose latest promise this run is, and that still waits."""
    return await session.scalar(
        select(Document).where(
            Document.id == document_id,
            Document.embedding_run == run,
            Document.embedding == "waiting",
            Document.status == "ready",
            Document.deleted_at.is_(None),
        )
    )


async def embedded(session: AsyncSession, document_id: str, label: str) -> int:
    """Return up to which ordinal a document has vectors of this label."""
    last = func.max(VectorBlock.first + VectorBlock.passages - 1)
    of_it = (VectorBlock.document_id == document_id, VectorBlock.model == label)
    return await session.scalar(select(last).where(*of_it)) or 0


async def passages(session: AsyncSession, document_id: str, *, after: int, limit: int) -> Sequence[str]:
    """Return the texts of the next passages of a document."""
    query = select(Chunk.text).where(Chunk.document_id == document_id, Chunk.ordinal > after)
    return (await session.scalars(query.order_by(Chunk.ordinal).limit(limit))).all()


async def add(session: AsyncSession, document: Document, label: str, block: Block) -> None:
    """Keep a block of a document's vectors."""
    session.add(
        VectorBlock(
            document_id=document.id,
            first=block.first,
            workspace_id=document.workspace_id,
            account_id=document.account_id,
            knowledge_base_id=document.knowledge_base_id,
            model=label,
            passages=block.passages,
            vectors=block.vectors,
        )
    )
    await session.flush()


async def forget_others(session: AsyncSession, document_id: str, label: str) -> None:
    """Take away the vectors a document has of other labels."""
    await session.execute(delete(VectorBlock).where(VectorBlock.document_id == document_id, VectorBlock.model != label))


async def settle(
    session: AsyncSession, document_id: str, run: str, state: str | None, *, now: datetime, problem: str | None = None
) -> None:
    """Write down how embedding a document ended, unless another run was promised meanwhile."""
    ended = {"embedding": state, "embedding_problem": problem, "embedding_at": now}
    of_run = (Document.id == document_id, Document.embedding_run == run)
    await session.execute(update(Document).where(*of_run).values(ended))
    await changed(session, document_id)


async def changed(session: AsyncSession, document_id: str) -> None:
    """Tell whoever holds the vectors of a document's knowledge base in memory that they are others now."""
    base_id = select(Document.knowledge_base_id).where(Document.id == document_id).scalar_subquery()
    grown = {"vectors_revision": KnowledgeBase.vectors_revision + 1}
    await session.execute(update(KnowledgeBase).where(KnowledgeBase.id == base_id).values(grown))
