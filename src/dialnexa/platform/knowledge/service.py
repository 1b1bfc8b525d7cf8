"""The rules of knowledge: names are unique, what agents use stays, and a document counts once it was read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest, Conflict, NotFound
from dialnexa.kit.ids import new_id
from dialnexa.platform.knowledge import repository
from dialnexa.platform.knowledge.extraction import Extractor, Unreadable
from dialnexa.platform.knowledge.files import kind_of
from dialnexa.platform.knowledge.models import Document, DocumentFile, KnowledgeBase
from dialnexa.platform.knowledge.schemas import DocumentPatch, KnowledgeBaseIn, KnowledgeBasePatch
from dialnexa.platform.tenancy.principal import Principal

READING = "documents"
"""The engine's chore that reads documents, by their ids."""
_TAKEN = "Knowledge base with this name already exists"
_MOST_DOCUMENTS = 10_000


class Queue(Protocol):
    """Where an uploaded document waits to be read: ``engine.EngineClient``."""

    async def enqueue_chore_in_transaction(self, session: AsyncSession, chore: str, subject_id: str) -> None:
        """Promise the work as part of the session's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that somebody sends, and what they say about it."""

    file_name: str
    content: bytes
    title: str | None = None
    description: str | None = None
    source: str | None = None


# --- knowledge bases -------------------------------------------------------------------------------------------------


async def create(session: AsyncSession, who: Principal, wanted: KnowledgeBaseIn, *, now: datetime) -> KnowledgeBase:
    """Make a knowledge base; raise ``Conflict`` when its name is taken."""
    if await repository.named(session, who.workspace_id, wanted.name) is not None:
        raise Conflict(_TAKEN)
    base = KnowledgeBase(
        id=new_id("kb"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        name=wanted.name,
        description=wanted.description,
        language=wanted.language.lower(),
        created_at=now,
        updated_at=now,
    )
    session.add(base)
    await _flush(session)
    return base


async def get(session: AsyncSession, workspace_id: str, base_id: str) -> KnowledgeBase:
    """Return a knowledge base; raise ``NotFound`` for those of others."""
    base = await repository.base(session, workspace_id, base_id)
    if base is None:
        raise NotFound(f"Knowledge base {base_id} not found.")
    return base


async def change(
    session: AsyncSession, workspace_id: str, base_id: str, wanted: KnowledgeBasePatch, *, now: datetime
) -> KnowledgeBase:
    """Change name or description."""
    base = await get(session, workspace_id, base_id)
    if wanted.name is not None:
        taken = await repository.named(session, workspace_id, wanted.name)
        if taken is not None and taken.id != base.id:
            raise Conflict(_TAKEN)
        base.name = wanted.name
    if "description" in wanted.model_fields_set:
        base.description = wanted.description
    base.updated_at = now
    await _flush(session)
    return base


async def delete(session: AsyncSession, workspace_id: str, base_id: str, *, force: bool = False) -> None:
    """Take a knowledge base away for good; raise ``Conflict`` while versions name it, unless ``force``.

    Versions that name one which is gone go on without it.
    """
    await get(session, workspace_id, base_id)
    affected = await repository.affected(session, workspace_id, base_id)
    if affected and not force:
        agents = ", ".join(f"{one.title} ({one.agent_id})" for one in affected[:5])
        raise Conflict(
            f"Agents use this knowledge base: {agents}. Take it out of their drafts and delete those agents whose "
            "published versions name it, or send force=true: their calls then go on without it.",
            code="knowledge_base_in_use",
            extra={"agent_ids": [one.agent_id for one in affected]},
        )
    await repository.remove_base(session, base_id)


async def missing(session: AsyncSession, workspace_id: str, base_ids: Collection[str]) -> list[str]:
    """Return those of these ids that name no knowledge base of the workspace."""
    if not base_ids:
        return []
    known = {shelf.id for shelf in await repository.shelves(session, workspace_id, base_ids)}
    return [base_id for base_id in base_ids if base_id not in known]


# --- documents -------------------------------------------------------------------------------------------------------


async def inspect(extractor: Extractor, upload: Upload) -> str:
    """Return the kind of a file; raise ``BadRequest`` or ``PayloadTooLarge`` for what cannot become a document.

    Looks into the file, so it runs before any transaction.
    """
    kind = kind_of(upload.file_name, upload.content)
    if kind == "pdf":
        try:
            await extractor.look(upload.content)
        except Unreadable as problem:
            raise BadRequest(str(problem), code="unreadable_file") from problem
    return kind


async def add(
    session: AsyncSession, queue: Queue, who: Principal, base_id: str, upload: Upload, kind: str, *, now: datetime
) -> Document:
    """Keep an inspected file, and promise to read it."""
    base = await get(session, who.workspace_id, base_id)
    has = (await repository.holdings(session, [base_id])).get(base_id)
    if has is not None and has.documents >= _MOST_DOCUMENTS:
        raise Conflict(f"A knowledge base holds at most {_MOST_DOCUMENTS:,} documents. Begin another one.")
    document = Document(
        id=new_id("doc"),
        workspace_id=base.workspace_id,
        account_id=base.account_id,
        knowledge_base_id=base.id,
        title=upload.title or upload.file_name.rpartition(".")[0][:255] or upload.file_name,
        description=upload.description,
        source=upload.source,
        file_name=upload.file_name,
        kind=kind,
        bytes=len(upload.content),
        sha256=hashlib.sha256(upload.content).hexdigest(),
        status="processing",
        chunks=0,
        created_at=now,
        updated_at=now,
    )
    session.add(document)
    await session.flush()
    session.add(DocumentFile(document_id=document.id, content=upload.content))
    base.updated_at = now
    await session.flush()
    await queue.enqueue_chore_in_transaction(session, READING, document.id)
    return document


async def document(session: AsyncSession, workspace_id: str, base_id: str, document_id: str) -> Document:
    """Return a document; raise ``NotFound`` for those of others and for deleted ones."""
    await get(session, workspace_id, base_id)
    found = await repository.document(session, workspace_id, base_id, document_id)
    if found is None:
        raise NotFound(f"Document {document_id} not found in knowledge base {base_id}.")
    return found


async def change_document(
    session: AsyncSession, workspace_id: str, base_id: str, document_id: str, wanted: DocumentPatch, *, now: datetime
) -> Document:
    """Change what is said about a document."""
    found = await document(session, workspace_id, base_id, document_id)
    if wanted.title is not None:
        found.title = wanted.title
    for name in {"description", "source"} & wanted.model_fields_set:
        setattr(found, name, getattr(wanted, name))
    found.updated_at = now
    await session.flush()
    return found


async def delete_document(
    session: AsyncSession, workspace_id: str, base_id: str, document_id: str, *, now: datetime
) -> None:
    """Hide a document: it is not listed nor found any more. Its row stays, for calls that cited it."""
    found = await document(session, workspace_id, base_id, document_id)
    found.deleted_at = found.updated_at = now
    found.chunks = 0
    await repository.drop_passages(session, document_id)


async def text(session: AsyncSession, found: Document) -> Sequence[str]:
    """Return the text of a document, page by page; raise ``NotFound`` as long as there is none."""
    if found.status == "failed":
        raise NotFound(f"Document {found.id} has no text: {found.problem}")
    said = await repository.extracted(session, found.id)
    if found.status != "ready" or said is None:
        raise NotFound(f"Document {found.id} is still being read. Try again in a moment.", code="processing")
    return said.split("\f")


async def _flush(session: AsyncSession) -> None:
    """Write; two that take the same name at once get the same answer as one after the other."""
    try:
        await session.flush()
    except IntegrityError as error:
        raise Conflict(_TAKEN) from error
