"""Knowledge over HTTP: knowledge bases, their documents, and trying a question (contract B.13, C.14)."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, Query, Request, Response, UploadFile

from dialnexa.kit.errors import BadRequest
from dialnexa.platform.http import Db, Meta, Now, Pages, Principal, Requires, Router
from dialnexa.platform.knowledge import repository, service
from dialnexa.platform.knowledge.extraction import Extractor
from dialnexa.platform.knowledge.files import MEDIA_TYPES
from dialnexa.platform.knowledge.repository import Holdings
from dialnexa.platform.knowledge.schemas import (
    AffectedAgent,
    AffectedAgentsOut,
    DocumentOut,
    DocumentPatch,
    DocumentsOut,
    DocumentText,
    KnowledgeBaseIn,
    KnowledgeBaseOut,
    KnowledgeBasePatch,
    KnowledgeBasesOut,
    SearchIn,
    SearchOut,
    Status,
)
from dialnexa.platform.knowledge.searching import Question, Search
from dialnexa.platform.knowledge.service import Queue, Upload
from dialnexa.platform.tenancy.schemas import Done

_routes = Router(tags=["Knowledge bases"])

Reader = Annotated[Principal, Requires("knowledge:read")]
Writer = Annotated[Principal, Requires("knowledge:write")]
_LONGEST_NAME = 255


async def _queue(request: Request) -> Queue:
    return request.app.state.engine


async def _extractor(request: Request) -> Extractor:
    return request.app.state.extractor


async def _search(request: Request) -> Search:
    return request.app.state.search


Work = Annotated[Queue, Depends(_queue)]
Looks = Annotated[Extractor, Depends(_extractor)]
Searches = Annotated[Search, Depends(_search)]


# --- knowledge bases -------------------------------------------------------------------------------------------------


@_routes.post("", status_code=201, summary="Make a knowledge base")
async def create_knowledge_base(body: KnowledgeBaseIn, who: Writer, database: Db, now: Now) -> KnowledgeBaseOut:
    """Make an empty knowledge base; names are unique in a workspace."""
    async with database.write() as session:
        base = await service.create(session, who, body, now=now)
    return KnowledgeBaseOut.of(base, Holdings())


@_routes.get("", summary="List knowledge bases")
async def list_knowledge_bases(
    who: Reader, database: Db, page: Pages, search: Annotated[str | None, Query(max_length=150)] = None
) -> KnowledgeBasesOut:
    """List knowledge bases, newest first; `search` is part of the name."""
    async with database.read() as session:
        found = await repository.bases(session, who.workspace_id, page, search=search)
        has = await repository.holdings(session, [base.id for base in found.items])
    items = [KnowledgeBaseOut.of(base, has.get(base.id, Holdings())) for base in found.items]
    return KnowledgeBasesOut(items=items, meta=Meta.of(page, found.total))


@_routes.get("/{kb_id}", summary="Get a knowledge base")
async def get_knowledge_base(kb_id: str, who: Reader, database: Db) -> KnowledgeBaseOut:
    """Return one knowledge base; `status` says whether all its documents have been read."""
    async with database.read() as session:
        base = await service.get(session, who.workspace_id, kb_id)
        has = await repository.holdings(session, [kb_id])
    return KnowledgeBaseOut.of(base, has.get(kb_id, Holdings()))


@_routes.patch("/{kb_id}", summary="Change a knowledge base")
async def change_knowledge_base(
    kb_id: str, body: KnowledgeBasePatch, who: Writer, database: Db, now: Now
) -> KnowledgeBaseOut:
    """Change its name or description."""
    async with database.write() as session:
        base = await service.change(session, who.workspace_id, kb_id, body, now=now)
        has = await repository.holdings(session, [kb_id])
    return KnowledgeBaseOut.of(base, has.get(kb_id, Holdings()))


@_routes.delete("/{kb_id}", summary="Delete a knowledge base")
async def delete_knowledge_base(
    kb_id: str,
    who: Writer,
    database: Db,
    force: Annotated[bool, Query(description="Even while agents use it; their calls go on without it.")] = False,
) -> Done:
    """Take a knowledge base away with all its documents. While agents use it: 409 with `agent_ids`."""
    async with database.write() as session:
        await service.delete(session, who.workspace_id, kb_id, force=force)
    return Done(message="Knowledge base deleted successfully", id=kb_id)


@_routes.get("/{kb_id}/affected-agents", summary="List agents that use it")
async def list_affected_agents(kb_id: str, who: Reader, database: Db) -> AffectedAgentsOut:
    """List the agents with versions that name this knowledge base."""
    async with database.read() as session:
        await service.get(session, who.workspace_id, kb_id)
        found = await repository.affected(session, who.workspace_id, kb_id)
    agents = [AffectedAgent.of(one) for one in found]
    return AffectedAgentsOut(knowledge_base_id=kb_id, agents=agents, count=len(agents))


@_routes.post("/{kb_id}/search", summary="Try a question")
async def search_knowledge_base(kb_id: str, body: SearchIn, who: Reader, database: Db, search: Searches) -> SearchOut:
    """Return the passages an agent would be given for this question, best first, with their scores."""
    async with database.read() as session:
        await service.get(session, who.workspace_id, kb_id)
    question = Question(who.workspace_id, body.query, body.max_chunks, body.min_score)
    return SearchOut.of(body.query, await search.find([kb_id], question))


# --- documents -------------------------------------------------------------------------------------------------------


@_routes.post("/{kb_id}/documents", status_code=201, summary="Upload a document")
async def upload_document(
    kb_id: str,
    who: Writer,
    database: Db,
    now: Now,
    queue: Work,
    extractor: Looks,
    file: Annotated[UploadFile, File(description="A PDF or a text file (.pdf, .txt) of at most 10 MB.")],
    title: Annotated[str | None, Form(max_length=255)] = None,
    description: Annotated[str | None, Form(max_length=5000)] = None,
    source: Annotated[str | None, Form(max_length=2000)] = None,
) -> DocumentOut:
    """Upload a PDF or a text file. It is `processing` until it was read, then `ready`, or `failed` with the reason."""
    upload = Upload(
        _named(file.filename),
        await file.read(),
        _said("title", title),
        _said("description", description),
        _said("source", source),
    )
    async with database.read() as session:
        await service.get(session, who.workspace_id, kb_id)
    kind = await service.inspect(extractor, upload)
    async with database.write() as session:
        return DocumentOut.of(await service.add(session, queue, who, kb_id, upload, kind, now=now))


@_routes.get("/{kb_id}/documents", summary="List documents")
async def list_documents(
    kb_id: str, who: Reader, database: Db, page: Pages, status: Annotated[Status | None, Query()] = None
) -> DocumentsOut:
    """List the documents of a knowledge base, newest first."""
    async with database.read() as session:
        await service.get(session, who.workspace_id, kb_id)
        found = await repository.documents(session, kb_id, page, status=status)
    return DocumentsOut(items=[DocumentOut.of(one) for one in found.items], meta=Meta.of(page, found.total))


@_routes.get("/{kb_id}/documents/{document_id}", summary="Get a document")
async def get_document(kb_id: str, document_id: str, who: Reader, database: Db) -> DocumentOut:
    """Return one document; `error` says why it failed."""
    async with database.read() as session:
        return DocumentOut.of(await service.document(session, who.workspace_id, kb_id, document_id))


@_routes.patch("/{kb_id}/documents/{document_id}", summary="Change a document")
async def change_document(
    kb_id: str, document_id: str, body: DocumentPatch, who: Writer, database: Db, now: Now
) -> DocumentOut:
    """Change title, description or source. To change its text, upload it anew."""
    async with database.write() as session:
        return DocumentOut.of(
            await service.change_document(session, who.workspace_id, kb_id, document_id, body, now=now)
        )


@_routes.delete("/{kb_id}/documents/{document_id}", summary="Delete a document")
async def delete_document(kb_id: str, document_id: str, who: Writer, database: Db, now: Now) -> Done:
    """Take a document out of the lists and out of search. Calls that cited it keep their citations."""
    async with database.write() as session:
        await service.delete_document(session, who.workspace_id, kb_id, document_id, now=now)
    return Done(message="Document deleted successfully", id=document_id)


@_routes.get(
    "/{kb_id}/documents/{document_id}/download",
    summary="Download a document",
    response_class=Response,
    responses={
        200: {
            "description": "The file as it was uploaded.",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()},
        }
    },
)
async def download_document(kb_id: str, document_id: str, who: Reader, database: Db) -> Response:
    """Return the file as it was uploaded."""
    async with database.read() as session:
        found = await service.document(session, who.workspace_id, kb_id, document_id)
        content = await repository.content(session, document_id)
    # As an attachment and never to be guessed at: what somebody uploaded must not run in a browser.
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.file_name)}",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=MEDIA_TYPES["pdf" if found.kind == "pdf" else "txt"], headers=headers)


@_routes.get("/{kb_id}/documents/{document_id}/text", summary="Read a document's text")
async def read_document(kb_id: str, document_id: str, who: Reader, database: Db) -> DocumentText:
    """Return what was read out of a document, page by page."""
    async with database.read() as session:
        found = await service.document(session, who.workspace_id, kb_id, document_id)
        pages = list(await service.text(session, found))
    return DocumentText(id=found.id, title=found.title, text="\n\n".join(pages), pages=pages)


def _said(field: str, text: str | None) -> str | None:
    if text is not None and "\0" in text:
        raise BadRequest([f"{field} contains the character U+0000, which cannot be stored; remove it"])
    return text.strip() or None if text else None


def _named(name: str | None) -> str:
    """Return a file's own name, without the folders some browsers send along and without control characters."""
    base = (name or "").replace("\\", "/").rpartition("/")[2]
    clean = "".join(letter for letter in base if letter.isprintable()).strip()
    if not clean:
        raise BadRequest(["file must have a name, such as prices.pdf"])
    return clean if len(clean) <= _LONGEST_NAME else clean[: _LONGEST_NAME - 20] + clean[-20:]


router = APIRouter()
router.include_router(_routes, prefix="/knowledge-base")
router.include_router(_routes, prefix="/knowledge-bases", include_in_schema=False)
