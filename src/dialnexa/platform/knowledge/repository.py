"""All queries of knowledge but those of the full text index and of vectors. Every one takes the workspace."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Select, delete, func, insert, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.agents.models import Agent, AgentVersion
from dialnexa.platform.knowledge import vectors
from dialnexa.platform.knowledge.fusion import Place
from dialnexa.platform.knowledge.models import Chunk, Document, DocumentFile, KnowledgeBase, VectorBlock


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a knowledge base has."""

    documents: int = 0
    processing: int = 0
    failed: int = 0
    newest_file: str | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """A knowledge base as search sees it."""

    id: str
    language: str
    revision: int
    """Of its vectors; 0: it never had any."""


@dataclass(frozen=True, slots=True)
class Affected:
    """An agent, and the numbers of its versions that name a knowledge base."""

    agent_id: str
    title: str
    versions: Sequence[int]


# --- knowledge bases -------------------------------------------------------------------------------------------------


async def base(session: AsyncSession, workspace_id: str, base_id: str) -> KnowledgeBase | None:
    """Return one knowledge base."""
    return await session.scalar(
        select(KnowledgeBase).where(KnowledgeBase.workspace_id == workspace_id, KnowledgeBase.id == base_id)
    )


async def bases(
    session: AsyncSession, workspace_id: str, page: Page, *, search: str | None = None
) -> Part[KnowledgeBase]:
    """Return one page of knowledge bases, newest first; ``search`` is part of their names."""
    where: list[ColumnElement[bool]] = [KnowledgeBase.workspace_id == workspace_id]
    if search:
        where.append(KnowledgeBase.name.icontains(search, autoescape=True))
    query = select(KnowledgeBase).where(*where).order_by(KnowledgeBase.id.desc())
    rows = await session.scalars(query.offset(page.offset).limit(page.limit))
    total = await session.scalar(select(func.count()).select_from(KnowledgeBase).where(*where))
    return Part(rows.all(), total or 0)


async def named(session: AsyncSession, workspace_id: str, name: str) -> KnowledgeBase | None:
    """Return the knowledge base of this name, whatever its capitals."""
    query = select(KnowledgeBase).where(
        KnowledgeBase.workspace_id == workspace_id, func.lower(KnowledgeBase.name) == name.lower()
    )
    return (await session.scalars(query.limit(1))).first()


async def shelves(session: AsyncSession, workspace_id: str, base_ids: Collection[str]) -> list[Shelf]:
    """Return those of these knowledge bases that the workspace has."""
    query = select(KnowledgeBase.id, KnowledgeBase.language, KnowledgeBase.vectors_revision).where(
        KnowledgeBase.workspace_id == workspace_id, KnowledgeBase.id.in_(base_ids)
    )
    return [Shelf(*row) for row in await session.execute(query.order_by(KnowledgeBase.id))]


async def holdings(session: AsyncSession, base_ids: Collection[str]) -> Mapping[str, Holdings]:
    """Return what these knowledge bases have; those without documents are left out."""
    query = (
        select(
            Document.knowledge_base_id,
            func.count(),
            func.count().filter(Document.status == "processing"),
            func.count().filter(Document.status == "failed"),
            func.max(Document.id),
        )
        .where(Document.knowledge_base_id.in_(base_ids), Document.deleted_at.is_(None))
        .group_by(Document.knowledge_base_id)
    )
    rows = (await session.execute(query)).all()
    newest = {row[4] for row in rows}
    files = await session.execute(select(Document.id, Document.file_name).where(Document.id.in_(newest)))
    names = {row[0]: row[1] for row in files}
    return {row[0]: Holdings(row[1], row[2], row[3], names.get(row[4])) for row in rows}


async def affected(session: AsyncSession, workspace_id: str, base_id: str) -> list[Affected]:
    """Return the agents with versions that name a knowledge base, by title."""
    if session.get_bind().dialect.name == "sqlite":
        names_it = text(
            "EXISTS (SELECT 1 FROM json_each(agent_versions.config, '$.knowledge_base_ids') WHERE value = :base_id)"
        )
    else:
        names_it = text("jsonb_exists(agent_versions.config -> 'knowledge_base_ids', :base_id)")
    query = (
        select(Agent.id, Agent.title, AgentVersion.number)
        .join(AgentVersion, (AgentVersion.agent_id == Agent.id) & (AgentVersion.workspace_id == Agent.workspace_id))
        .where(Agent.workspace_id == workspace_id, Agent.deleted_at.is_(None), names_it)
        .order_by(Agent.title, Agent.id, AgentVersion.number)
    )
    found: dict[str, tuple[str, list[int]]] = {}
    for agent_id, title, number in await session.execute(query, {"base_id": base_id}):
        found.setdefault(agent_id, (title, []))[1].append(number)
    return [Affected(agent_id, title, numbers) for agent_id, (title, numbers) in found.items()]


async def remove_base(session: AsyncSession, base_id: str) -> None:
    """Take a knowledge base away with its documents; passages first, so that the index forgets each of them."""
    await session.execute(delete(Chunk).where(Chunk.knowledge_base_id == base_id))
    await session.execute(delete(KnowledgeBase).where(KnowledgeBase.id == base_id))


# --- documents -------------------------------------------------------------------------------------------------------


async def document(session: AsyncSession, workspace_id: str, base_id: str, document_id: str) -> Document | None:
    """Return a document that was not deleted."""
    return await session.scalar(
        select(Document).where(
            Document.workspace_id == workspace_id,
            Document.knowledge_base_id == base_id,
            Document.id == document_id,
            Document.deleted_at.is_(None),
        )
    )


async def documents(session: AsyncSession, base_id: str, page: Page, *, status: str | None = None) -> Part[Document]:
    """Return one page of a knowledge base's documents, newest first."""
    where: list[ColumnElement[bool]] = [Document.knowledge_base_id == base_id, Document.deleted_at.is_(None)]
    if status is not None:
        where.append(Document.status == status)
    query = select(Document).where(*where).order_by(Document.id.desc())
    rows = await session.scalars(query.offset(page.offset).limit(page.limit))
    total = await session.scalar(select(func.count()).select_from(Document).where(*where))
    return Part(rows.all(), total or 0)


async def to_read(session: AsyncSession, document_id: str) -> tuple[Document, str] | None:
    """Return a document that still waits to be read, and its language."""
    query = (
        select(Document, KnowledgeBase.language)
        .join(KnowledgeBase, KnowledgeBase.id == Document.knowledge_base_id)
        .where(Document.id == document_id, Document.status == "processing", Document.deleted_at.is_(None))
    )
    row = (await session.execute(query)).one_or_none()
    return None if row is None else (row[0], row[1])


async def content(session: AsyncSession, document_id: str) -> bytes:
    """Return a document's file as it came."""
    return await session.scalar(select(DocumentFile.content).where(DocumentFile.document_id == document_id)) or b""


async def extracted(session: AsyncSession, document_id: str) -> str | None:
    """Return a document's text; ``None`` as long as it was not read."""
    return await session.scalar(select(DocumentFile.text).where(DocumentFile.document_id == document_id))


async def keep_text(session: AsyncSession, document_id: str, said: str) -> None:
    """Keep a document's text."""
    await session.execute(update(DocumentFile).where(DocumentFile.document_id == document_id).values(text=said))


async def settle(
    session: AsyncSession,
    document_id: str,
    *,
    now: datetime,
    pages: int | None = None,
    chunks: int = 0,
    problem: str | None = None,
) -> None:
    """Write down that a document can be found from now on, or why it cannot."""
    status = "ready" if problem is None else "failed"
    settled = {"status": status, "problem": problem, "chunks": chunks, "updated_at": now}
    if pages is not None:
        settled["pages"] = pages
    await session.execute(update(Document).where(Document.id == document_id).values(settled))


async def add_passages(session: AsyncSession, rows: Sequence[Mapping[str, object]]) -> None:
    """Add passages of a document."""
    await session.execute(insert(Chunk), [dict(row) for row in rows])


async def passages_at(
    session: AsyncSession, workspace_id: str, base_ids: Collection[str], places: Collection[Place]
) -> dict[Place, tuple[Chunk, str]]:
    """Return those of these passages that may be found, with the titles of their documents."""
    rows = (await session.execute(passages_query(workspace_id, base_ids, places))).all()
    return {(chunk.document_id, chunk.ordinal): (chunk, title) for chunk, title in rows}


def passages_query(workspace_id: str, base_ids: Collection[str], places: Collection[Place]) -> Select[Chunk, str]:
    """Ask for those of these passages that may be found, with the titles of their documents."""
    return (
        select(Chunk, Document.title)
        .join(Document, Document.id == Chunk.document_id)
        .where(
            or_(*((Chunk.document_id == document_id) & (Chunk.ordinal == ordinal) for document_id, ordinal in places)),
            Document.workspace_id == workspace_id,
            Document.knowledge_base_id.in_(base_ids),
            Document.status == "ready",
            Document.deleted_at.is_(None),
        )
    )


async def drop_passages(session: AsyncSession, document_id: str) -> None:
    """Take away what was found of a document so far, by words and by meaning."""
    await session.execute(delete(Chunk).where(Chunk.document_id == document_id))
    gone = await session.execute(delete(VectorBlock).where(VectorBlock.document_id == document_id))
    if cast(CursorResult[Any], gone).rowcount:
        await vectors.changed(session, document_id)


async def exists(session: AsyncSession, document_id: str) -> bool:
    """Tell whether a document is still there."""
    found = select(literal(1)).where(Document.id == document_id, Document.deleted_at.is_(None))
    return await session.scalar(found) is not None


async def living(session: AsyncSession, document_id: str) -> Document | None:
    """Return a document if it is still there."""
    return await session.scalar(select(Document).where(Document.id == document_id, Document.deleted_at.is_(None)))
