"""Reads the documents of knowledge bases: promised with the upload, so it happens however often the worker dies."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.clock import Clock
from dialnexa.platform.knowledge.reading import Reader
from dialnexa.worker.patience import is_away

log = structlog.get_logger(__name__)

_RETRY_S = 2.0


class Documents:
    """What a worker reads; each document in a process of its own (``platform.knowledge.extraction``)."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def read(self, document_id: str) -> None:
        """Read a document; a database that is away is waited for."""
        while True:
            try:
                return await self._reader.read(document_id)
            except (SQLAlchemyError, OSError) as error:
                if not is_away(error):
                    raise
                log.warning("document_not_read_yet", document_id=document_id, error=repr(error))
            await self._clock.sleep(_RETRY_S)
