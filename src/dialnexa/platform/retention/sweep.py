"""The sweep: removes what is older than its rule, a little at a time, so that it never stands in a call's way.

Looking for what is old only reads; what is found goes in small transactions with pauses between them. Every api process
sweeps: to remove something twice is to remove it once, and a recording's file may lie on any one of their machines.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import Clock
from dialnexa.platform.database import Database
from dialnexa.platform.retention import repository
from dialnexa.platform.retention.files import file_gone
from dialnexa.platform.retention.repository import Find
from dialnexa.platform.retention.rules import KINDS, Defaults, Kind, Reach, spans

EVERY_S = 3600.0
BATCH = 200
_PAUSE_S = 0.05
"""Between two batches: others write meanwhile."""

Remove = Callable[[AsyncSession, Sequence[str]], Awaitable[int]]
Counted = Callable[[str, int], None]
"""Hears of how many things of a kind were removed."""

_ROWS: dict[Kind, list[tuple[Find, Remove]]] = {
    "transcripts": [(repository.TRANSCRIPTS, repository.remove_transcripts)],
    "events": [(repository.EVENTS, repository.remove_events)],
    "deliveries": [(repository.DELIVERIES, repository.remove_deliveries)],
    "ladders": [
        (repository.LADDERS, repository.remove_ladders),
        (repository.REFUSED, repository.remove_refused),
    ],
    "audit": [(repository.AUDIT, repository.remove_audit)],
}

log = structlog.get_logger(__name__)


class Sweep:
    """Removes what is too old. ``run()`` goes on until cancelled."""

    def __init__(
        self, database: Database, clock: Clock, recordings: Path, defaults: Defaults, counted: Counted
    ) -> None:
        self._database = database
        self._clock = clock
        self._folder = recordings
        self._defaults = defaults
        self._counted = counted

    async def run(self) -> None:
        """Sweep once an hour; a database that is away is asked again in the next one."""
        while True:
            await self._clock.sleep(EVERY_S)
            try:
                await self.once()
            except (SQLAlchemyError, OSError) as error:
                log.warning("what is too old stays for now", error=repr(error))

    async def once(self) -> dict[str, int]:
        """Remove everything that is too old at this moment; return how much of each kind."""
        removed: dict[str, int] = {}
        async with self._database.read() as session:
            overrides = await repository.all_rules(session)
        now = self._clock.now()
        for kind in KINDS:
            count = 0
            for reach, days in spans(kind, self._defaults, overrides):
                count += await self._remove(kind, reach, now - timedelta(days=days))
            if count:
                removed[kind] = count
                self._counted(kind, count)
        if removed:
            log.info("retention_swept", **removed)
        return removed

    async def _remove(self, kind: Kind, reach: Reach, before: datetime) -> int:
        if kind == "recordings":
            return await self._recordings(reach, before)
        return sum([await self._rows(find, remove, reach, before) for find, remove in _ROWS[kind]])

    async def _rows(self, find: Find, remove: Remove, reach: Reach, before: datetime) -> int:
        count, after = 0, ""
        while ids := await self._next(find, reach, before, after):
            async with self._database.write() as session:
                count += await remove(session, ids)
            after = ids[-1]
            await self._clock.sleep(_PAUSE_S)
        return count

    async def _recordings(self, reach: Reach, before: datetime) -> int:
        count, after = 0, ""
        while ids := await self._next(repository.RECORDINGS, reach, before, after):
            async with self._database.read() as session:
                found = await repository.recordings(session, ids)
            gone = [one.id for one in found if await file_gone(self._folder, one, since=one.created_at, before=before)]
            if gone:
                async with self._database.write() as session:
                    count += await repository.remove_recordings(session, gone)
            after = ids[-1]
            await self._clock.sleep(_PAUSE_S)
        return count

    async def _next(self, find: Find, reach: Reach, before: datetime, after: str) -> Sequence[str]:
        async with self._database.read() as session:
            return (await session.scalars(find(reach, before, after, BATCH))).all()
