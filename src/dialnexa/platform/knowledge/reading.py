"""Reads an uploaded document: its text, its passages, their place in the index. May be begun again at any point."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.database import Database
from dialnexa.platform.knowledge import repository
from dialnexa.platform.knowledge.extraction import Extract, Extractor, Passage, Unreadable
from dialnexa.platform.knowledge.models import Document

log = structlog.get_logger(__name__)

_BATCH = 100
"""Passages written in one transaction: on SQLite, others wait for it."""


Promise = Callable[[AsyncSession, Document], Awaitable[None]]


class Reader:
    """Reads documents, one after the other or several at once."""

    def __init__(
        self,
        database: Database,
        extractor: Extractor,
        now: Callable[[], datetime],
        promise: Promise | None = None,
    ) -> None:
        """``promise`` is what to do with a document that is read, in the transaction that says so."""
        self._database = database
        self._extractor = extractor
        self._now = now
        self._promise = promise

    async def read(self, document_id: str) -> None:
        """Bring a document to ``ready`` or ``failed``; nothing is done for one that is either, or gone.

        Until the last transaction nothing of it is found; a second run begins by forgetting what the first one left.
        """
        async with self._database.read() as session:
            waiting = await repository.to_read(session, document_id)
            content = await repository.content(session, document_id) if waiting else b""
        if waiting is None:
            return
        document, language = waiting
        try:
            extract = await self._extractor.read(document.kind, content, language)
        except Unreadable as problem:
            log.info("document_unreadable", document_id=document_id, reason=str(problem))
            async with self._database.write() as session:
                await repository.settle(session, document_id, now=self._now(), problem=str(problem))
            return
        await self._keep(document, extract)
        log.info("document_read", document_id=document_id, pages=len(extract.pages), passages=len(extract.passages))

    async def _keep(self, document: Document, extract: Extract) -> None:
        async with self._database.write() as session:
            await repository.drop_passages(session, document.id)
            await repository.keep_text(session, document.id, "\f".join(extract.pages))
        rows_in_order = [_row(document, *numbered) for numbered in enumerate(extract.passages, 1)]
        for start in range(0, len(rows_in_order), _BATCH):
            rows = rows_in_order[start : start + _BATCH]
            async with self._database.write() as session:
                if not await repository.exists(session, document.id):  # taken away meanwhile
                    return
                await repository.add_passages(session, rows)
        async with self._database.write() as session:
            await repository.settle(
                session, document.id, now=self._now(), pages=len(extract.pages), chunks=len(extract.passages)
            )
            there = await repository.living(session, document.id)
            if self._promise is not None and there is not None:
                await self._promise(session, there)


def _row(document: Document, ordinal: int, passage: Passage) -> dict[str, object]:
    return {
        "workspace_id": document.workspace_id,
        "account_id": document.account_id,
        "knowledge_base_id": document.knowledge_base_id,
        "document_id": document.id,
        "ordinal": ordinal,
        "page": passage.page,
        "text": passage.text,
        "terms": passage.terms,
    }
