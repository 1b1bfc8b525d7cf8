"""Erasure: redacts the calls whose time has come, and removes the recordings of all that were redacted.

Every api process does both, as with the sweep: a file may lie on any one of their machines, and to do it twice is to do
it once.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.kit.clock import Clock
from dialnexa.platform.calls import redaction
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.database import Database
from dialnexa.platform.retention import repository
from dialnexa.platform.retention.files import file_gone

EVERY_S = 15.0
BATCH = 50
_PAUSE_S = 0.05
"""Between two calls: others write meanwhile."""

log = structlog.get_logger(__name__)


class Erasure:
    """Removes what may not be kept. ``run()`` goes on until cancelled."""

    def __init__(self, database: Database, clock: Clock, recordings: Path) -> None:
        self._database = database
        self._clock = clock
        self._folder = recordings

    async def run(self) -> None:
        """Look for work every few seconds; what a database or disk that is away holds up is done the next time."""
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.once()
            except (SQLAlchemyError, OSError) as error:
                log.warning("what is to be erased stays for now", error=repr(error))

    async def once(self) -> None:
        """Redact all calls that are due at this moment, and remove all files that can be."""
        now = self._clock.now()
        while ids := await self._due(now):
            for call_id in ids:
                async with self._database.write() as session:
                    await redaction.redact(session, call_id, now=now)
                await self._clock.sleep(_PAUSE_S)
        await self._recordings(now)

    async def _due(self, now: datetime) -> list[str]:
        async with self._database.read() as session:
            return list(await redaction.due(session, now, BATCH))

    async def _recordings(self, now: datetime) -> None:
        after = ""
        while found := await self._next(after):
            gone = [one.id for one in found if await file_gone(self._folder, one, since=_asked(one), before=now)]
            if gone:
                async with self._database.write() as session:
                    await repository.remove_recordings(session, gone)
                log.info("recordings_erased", count=len(gone))
            after = found[-1].id

    async def _next(self, after: str) -> list[Recording]:
        async with self._database.read() as session:
            return list(await session.scalars(repository.to_erase(after, BATCH)))


def _asked(recording: Recording) -> datetime:
    assert recording.erase_since is not None  # it was found by that
    return recording.erase_since
