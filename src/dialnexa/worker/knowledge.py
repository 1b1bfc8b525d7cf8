"""Knowledge for calls: what the conversation asks of a library, answered by the platform's search."""

from __future__ import annotations

from collections.abc import Sequence

from dialnexa.live.plan import Knowledge
from dialnexa.live.timeline import Passage
from dialnexa.platform.database import Database
from dialnexa.platform.knowledge.embeddings import Embeddings, Endpoint
from dialnexa.platform.knowledge.searching import Meaning, Question, Search
from dialnexa.settings import Settings


class KnowledgeLibrary:
    """The knowledge bases of one call; a ``live.conversation.knowledge.Library``."""

    def __init__(self, search: Search, workspace_id: str, wanted: Knowledge) -> None:
        self._search = search
        self._workspace_id = workspace_id
        self._wanted = wanted

    @property
    def patience_s(self) -> float:
        """How long a turn should wait for passages."""
        return self._search.patience_s

    async def search(self, question: str) -> Sequence[Passage]:
        """Return the passages that answer well enough, best first; knowledge bases that are gone are passed over."""
        wanted = self._wanted
        asked = Question(self._workspace_id, question, wanted.max_chunks, wanted.min_score)
        return [
            Passage(hit.knowledge_base_id, hit.document_id, hit.title, hit.page, hit.chunk_id, hit.score, hit.text)
            for hit in (await self._search.find(wanted.base_ids, asked)).passages
        ]


def embeddings_of(settings: Settings) -> Embeddings | None:
    """Return the installation's embeddings endpoint, which wants to be closed; ``None`` when it has none."""
    if not settings.embeddings_base_url:
        return None
    endpoint = Endpoint(
        base_url=settings.embeddings_base_url,
        model=settings.embeddings_model,
        api_key=settings.embeddings_api_key,
        dimensions=settings.embeddings_dimensions,
        passage_prefix=settings.embeddings_passage_prefix,
        question_prefix=settings.embeddings_question_prefix,
        timeout_s=settings.embeddings_timeout_seconds,
        question_s=settings.embeddings_question_ms / 1000,
    )
    return Embeddings(endpoint)


def search_over(database: Database, embeddings: Embeddings | None) -> Search:
    """Return the search of a process, which wants to be closed and closes the endpoint."""
    return Search(database, Meaning(database, embeddings) if embeddings else None)


def library(search: Search, workspace_id: str, wanted: Knowledge) -> KnowledgeLibrary | None:
    """Return the library of a call; ``None`` for an agent without knowledge bases, whose turns look up nothing."""
    return KnowledgeLibrary(search, workspace_id, wanted) if wanted.base_ids else None
