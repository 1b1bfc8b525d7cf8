"""Wire shapes of knowledge bases, their documents and what a search finds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from dialnexa.kit.clock import iso
from dialnexa.platform.knowledge.models import Document, KnowledgeBase
from dialnexa.platform.knowledge.repository import Affected, Holdings
from dialnexa.platform.knowledge.searching import Hit, Hits
from dialnexa.platform.listing import Meta
from dialnexa.platform.wire import Body

Status = Literal["processing", "ready", "failed"]


def _stripped(text: str) -> str:
    if not text.strip():
        raise ValueError("should not be empty")
    return text.strip()


Name = Annotated[str, Field(max_length=150), AfterValidator(_stripped)]
Title = Annotated[str, Field(max_length=255), AfterValidator(_stripped)]
Description = Annotated[str, Field(max_length=5000)]
Source = Annotated[str, Field(max_length=2000)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class KnowledgeBaseIn(Body):
    """A knowledge base to make."""

    name: Name
    description: Description | None = None
    language: Language = "en"
    """What its documents are written in, such as `en` or `de`; search then knows the forms of words."""


class KnowledgeBasePatch(Body):
    """Changes; fields left out stay as they are. The language stays what it was when the documents came."""

    name: Name | None = None
    description: Description | None = None


class KnowledgeBaseOut(BaseModel):
    """A knowledge base."""

    id: str
    workspace_id: str
    organization_id: str
    name: str
    description: str | None
    language: str
    status: Status
    """`processing` while a document is being read, `failed` when all of them failed, else `ready`."""
    document_count: int
    file_name: str | None
    """Of the newest document."""
    created_at: str
    createdAt: str
    updated_at: str
    updatedAt: str

    @classmethod
    def of(cls, base: KnowledgeBase, has: Holdings) -> KnowledgeBaseOut:
        """Describe a knowledge base."""
        failed = bool(has.documents) and has.failed == has.documents
        return cls(
            id=base.id,
            workspace_id=base.workspace_id,
            organization_id=base.workspace_id,
            name=base.name,
            description=base.description,
            language=base.language,
            status="processing" if has.processing else "failed" if failed else "ready",
            document_count=has.documents,
            file_name=has.newest_file,
            created_at=iso(base.created_at),
            createdAt=iso(base.created_at),
            updated_at=iso(base.updated_at),
            updatedAt=iso(base.updated_at),
        )


class KnowledgeBasesOut(BaseModel):
    """A page of knowledge bases (H.5: this envelope is the default here)."""

    items: list[KnowledgeBaseOut]
    meta: Meta


class AffectedAgent(BaseModel):
    """An agent whose versions name a knowledge base."""

    agent_id: str
    id: str
    title: str
    version_numbers: list[int]

    @classmethod
    def of(cls, one: Affected) -> AffectedAgent:
        """Describe it."""
        return cls(agent_id=one.agent_id, id=one.agent_id, title=one.title, version_numbers=list(one.versions))


class AffectedAgentsOut(BaseModel):
    """The agents that lose something when a knowledge base changes."""

    knowledge_base_id: str
    agents: list[AffectedAgent]
    count: int


class DocumentPatch(Body):
    """Changes; fields left out stay as they are, and `null` empties a description or source."""

    title: Title | None = None
    description: Description | None = None
    source: Source | None = None


class DocumentOut(BaseModel):
    """A document."""

    id: str
    knowledge_base_id: str
    title: str
    description: str | None
    source: str | None
    """Where it comes from, for people: a URL, a department."""
    type: Literal["pdf", "txt"]
    file_name: str
    size_bytes: int
    sha256: str
    status: Status
    error: str | None
    """Why it failed, and what to do about it."""
    page_count: int | None
    chunk_count: int
    embedding_status: Literal["waiting", "ready", "failed"] | None
    """Whether it is found by meaning too: once it is `ready`. `null` where the installation embeds nothing."""
    embedding_model: str | None
    embedding_error: str | None
    """Why embedding it failed; it is tried again every ten minutes."""
    created_at: str
    createdAt: str
    updated_at: str
    updatedAt: str

    @classmethod
    def of(cls, document: Document) -> DocumentOut:
        """Describe a document."""
        return cls.model_validate(
            {
                "id": document.id,
                "knowledge_base_id": document.knowledge_base_id,
                "title": document.title,
                "description": document.description,
                "source": document.source,
                "type": document.kind,
                "file_name": document.file_name,
                "size_bytes": document.bytes,
                "sha256": document.sha256,
                "status": document.status,
                "error": document.problem,
                "page_count": document.pages,
                "chunk_count": document.chunks,
                "embedding_status": document.embedding,
                "embedding_model": document.embedding_model,
                "embedding_error": document.embedding_problem,
                "created_at": iso(document.created_at),
                "createdAt": iso(document.created_at),
                "updated_at": iso(document.updated_at),
                "updatedAt": iso(document.updated_at),
            }
        )


class DocumentsOut(BaseModel):
    """A page of documents."""

    items: list[DocumentOut]
    meta: Meta


class DocumentText(BaseModel):
    """What was read out of a document."""

    id: str
    title: str
    text: str
    pages: list[str]
    """The same, page by page."""


class SearchIn(Body):
    """A question to try."""

    query: Annotated[str, Field(max_length=2000), AfterValidator(_stripped)]
    max_chunks: Annotated[int, Field(ge=1, le=10)] = 5
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Leave out passages below this; an agent uses its `kb_min_score`."""


class HitOut(BaseModel):
    """A passage that answers."""

    chunk_id: str
    knowledge_base_id: str
    document_id: str
    title: str
    page: int
    score: float
    """From 0 to 1: the better of the two below. Passages are in the order of both together, not of this."""
    word_score: float
    """From 0 to 1: how much of the question the passage speaks of in the same words."""
    meaning_score: float | None
    """From 0, as near as texts that have nothing to do with each other, to 1, as near as questions and their answers.
    `null`: nothing was compared by meaning."""
    text: str

    @classmethod
    def of(cls, hit: Hit) -> HitOut:
        """Describe it."""
        return cls(
            chunk_id=hit.chunk_id,
            knowledge_base_id=hit.knowledge_base_id,
            document_id=hit.document_id,
            title=hit.title,
            page=hit.page,
            score=hit.score,
            word_score=hit.word_score,
            meaning_score=hit.meaning_score,
            text=hit.text,
        )


class SearchOut(BaseModel):
    """What a call would be told for this question."""

    query: str
    searched_by: Literal["words", "words_and_meaning"]
    warning: str | None
    """Why meaning was not looked for although documents are embedded, such as an endpoint that took too long."""
    results: list[HitOut]

    @classmethod
    def of(cls, query: str, hits: Hits) -> SearchOut:
        """Describe what was found."""
        return cls(
            query=query,
            searched_by="words_and_meaning" if hits.by_meaning else "words",
            warning=hits.problem or None,
            results=[HitOut.of(hit) for hit in hits.passages],
        )
