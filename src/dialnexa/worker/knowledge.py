"""Knowledge for calls: what the conversation asks of a library, answered by the platform's search."""

from __future__ import annotations

from collections.abc import Sequence

from dialnexa.live.plan import Knowledge
from dialnexa.live.timeline import Passage
from dialnexa.platform.database import Database
from dialnexa.platform.knowledge import service


class KnowledgeLibrary:
    """The knowledge bases of one call; a ``live.conversation.knowledge.Library``."""

    def __init__(self, database: Database, workspace_id: str, wanted: Knowledge) -> None:
        self._database = database
        self._workspace_id = workspace_id
        self._wanted = wanted

    async def search(self, question: str) -> Sequence[Passage]:
        """Return the passages that answer well enough, best first; knowledge bases that are gone are passed over."""
        wanted = self._wanted
        async with self._database.read() as session:
            hits = await service.retrieve(
                session,
                self._workspace_id,
                wanted.base_ids,
                question,
                limit=wanted.max_chunks,
                min_score=wanted.min_score,
            )
        return [
            Passage(hit.knowledge_base_id, hit.document_id, hit.title, hit.page, hit.chunk_id, hit.score, hit.text)
            for hit in hits
        ]


def library(database: Database, workspace_id: str, wanted: Knowledge) -> KnowledgeLibrary | None:
    """Return the library of a call; ``None`` for an agent without knowledge bases, whose turns look up nothing."""
    return KnowledgeLibrary(database, workspace_id, wanted) if wanted.base_ids else None
