"""Embeds documents that have been read: promised with the reading, batch by batch, so it goes on where it was.

A document is found by its words meanwhile, and by its meaning once all of its passages are embedded. The sweep promises
what no promise is out for: documents from before there was an endpoint, of another model, and what failed a while ago.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import Clock
from dialnexa.kit.ids import ulid
from dialnexa.platform.database import Database
from dialnexa.platform.knowledge import scale, vectors
from dialnexa.platform.knowledge.embeddings import BATCH, EmbeddingError, Embeddings, Vectors
from dialnexa.platform.knowledge.models import Document
from dialnexa.platform.knowledge.scale import Scale
from dialnexa.platform.knowledge.vectors import Block

log = structlog.get_logger(__name__)

EMBEDDING = "embeddings"
"""The engine's chore that embeds documents: its subjects are a document's id and a run's, with a colon between."""
_WAITS_S = (1.0, 5.0, 20.0)
"""Between attempts to get vectors of a batch; after them the document has failed, until the sweep tries again."""
_SWEEP_EVERY_S = 600.0
_SWEPT_AT_ONCE = 100


class Queue(Protocol):
    """Where documents wait to be embedded: ``engine.EngineClient``."""

    async def enqueue_chore_in_transaction(self, session: AsyncSession, chore: str, subject_id: str) -> None:
        """Promise the work as part of the session's transaction."""
        ...


class Embedding:
    """What a worker embeds. Without an endpoint it promises nothing, and what was promised before comes to nothing."""

    def __init__(self, database: Database, clock: Clock, queue: Queue, embeddings: Embeddings | None) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue
        self._embeddings = embeddings

    async def promise(self, session: AsyncSession, document: Document) -> None:
        """Have a document embedded that is read, should the session's transaction commit."""
        if self._embeddings is None:
            return
        document.embedding, document.embedding_problem = "waiting", None
        document.embedding_model = self._embeddings.endpoint.label
        document.embedding_run, document.embedding_at = run, _ = ulid(), self._clock.now()
        await session.flush()
        await self._queue.enqueue_chore_in_transaction(session, EMBEDDING, f"{document.id}:{run}")

    async def embed(self, subject: str) -> None:
        """Bring a document to ``ready`` or ``failed``; nothing is done for one that is either, gone, or promised anew.

        Every batch is kept as it comes, so a second run asks only for what is left.
        """
        document_id, _, run = subject.partition(":")
        async with self._database.read() as session:
            document = await vectors.to_embed(session, document_id, run)
        if document is None:
            return None
        if self._embeddings is None:
            return await self._settle(document_id, run, None)
        try:
            await self._measure(self._embeddings)
            await self._batches(self._embeddings, document, run)
        except EmbeddingError as error:
            log.warning("document_not_embedded", document_id=document_id, reason=str(error))
            return await self._settle(document_id, run, "failed", str(error))
        return None

    async def sweep(self, *, patient: bool = True) -> int:
        """Promise what no promise is out for, and return how many documents those are.

        ``patient``: what failed just now is left out.
        """
        if self._embeddings is None:
            return 0
        label, count = self._embeddings.endpoint.label, 0
        before = self._clock.now() - timedelta(seconds=_SWEEP_EVERY_S if patient else 0)
        while True:
            async with self._database.write() as session:
                found = await vectors.unembedded(session, label, failed_before=before, limit=_SWEPT_AT_ONCE)
                for document in found:
                    await self.promise(session, document)
            count += len(found)
            if not found:
                return count

    async def run(self) -> None:
        """Sweep at once and then now and then, until cancelled; a database that is away is asked again later."""
        patient = False
        while self._embeddings is not None:
            try:
                if count := await self.sweep(patient=patient):
                    log.info("documents_to_embed", documents=count, model=self._embeddings.endpoint.label)
                patient = True
            except (SQLAlchemyError, OSError) as error:
                log.warning("documents_to_embed_not_found", error=repr(error))
            await self._clock.sleep(_SWEEP_EVERY_S)

    async def _batches(self, embeddings: Embeddings, document: Document, run: str) -> None:
        label = embeddings.endpoint.label
        async with self._database.write() as session:
            await vectors.forget_others(session, document.id, label)
            done = await vectors.embedded(session, document.id, label)
        while True:
            async with self._database.read() as session:
                texts = await vectors.passages(session, document.id, after=done, limit=BATCH)
            if not texts:
                break
            found = await self._patiently(embeddings, texts)
            block = Block(document.id, done + 1, len(texts), found.astype("<f4").tobytes())
            async with self._database.write() as session:
                if await vectors.to_embed(session, document.id, run) is None:  # taken away or promised anew meanwhile
                    return
                await vectors.add(session, document, label, block)
            done += len(texts)
        await self._settle(document.id, run, "ready")
        log.info("document_embedded", document_id=document.id, passages=done, model=label)

    async def _measure(self, embeddings: Embeddings) -> Scale:
        """Return what nearness means to the model; find it out if nobody has."""
        label = embeddings.endpoint.label
        async with self._database.read() as session:
            known = await vectors.scale(session, label)
        if known is not None:
            return known
        questions, answers = zip(*scale.YARDSTICK, strict=True)
        asked = await self._patiently(embeddings, questions, as_questions=True)
        found = scale.measured(asked, await self._patiently(embeddings, answers))
        log.info("embeddings_measured", model=label, floor=round(found.floor, 3), ceiling=round(found.ceiling, 3))
        async with self._database.write() as session:
            await vectors.keep_scale(session, label, found, now=self._clock.now())
        return found

    async def _patiently(self, embeddings: Embeddings, texts: Sequence[str], *, as_questions: bool = False) -> Vectors:
        ask = embeddings.questions if as_questions else embeddings.passages
        for wait in _WAITS_S:
            try:
                return await ask(texts)
            except EmbeddingError as error:
                if error.lasting:
                    raise
                log.info("embeddings_asked_again", reason=str(error), in_s=wait)
            await self._clock.sleep(wait)
        return await ask(texts)

    async def _settle(self, document_id: str, run: str, state: str | None, problem: str | None = None) -> None:
        async with self._database.write() as session:
            await vectors.settle(session, document_id, run, state, now=self._clock.now(), problem=problem)
