"""Reads and embeds the documents of knowledge bases: promised, so it happens however often the worker dies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from dialnexa.kit.clock import Clock
from dialnexa.platform.knowledge.embedding import Embedding
from dialnexa.platform.knowledge.reading import Reader
from dialnexa.worker.patience import patiently

_RETRY_S = 2.0


class Documents:
    """What a worker reads, each document in a process of its own (``platform.knowledge.extraction``), and embeds."""

    def __init__(self, reader: Reader, embedding: Embedding, clock: Clock) -> None:
        self._reader = reader
        self._embedding = embedding
        self._clock = clock

    async def read(self, document_id: str) -> None:
        """Read a document; a database that is away is waited for."""
        await self._patiently(self._reader.read, document_id)

    async def embed(self, subject: str) -> None:
        """Embed a document (``<document id>:<run>``); a database that is away is waited for."""
        await self._patiently(self._embedding.embed, subject)

    async def _patiently(self, work: Callable[[str], Awaitable[None]], subject: str) -> None:
        with structlog.contextvars.bound_contextvars(document=subject):
            await patiently(lambda: work(subject), self._clock, every_s=_RETRY_S, waiting="document_not_read_yet")
