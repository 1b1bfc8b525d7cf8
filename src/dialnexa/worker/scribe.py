"""Writes what happens on all calls of a worker to the record: in order, in batches, away from the media path."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import Clock
from dialnexa.live.timeline import Answered, CallEvent, Ringing
from dialnexa.platform.calls import service
from dialnexa.platform.database import Database
from dialnexa.worker.patience import is_away
from dialnexa.worker.translate import timeline_entry

log = structlog.get_logger(__name__)

_RETRY_S = 0.5
_BATCH_S = 0.05
"""How long events gather before they are written: live transcripts stay live, transactions stay few."""

_Note = tuple[str, CallEvent] | asyncio.Future[None]


class Scribe:
    """One writer for all calls. ``note`` never blocks; ``flush`` waits until everything noted before is written."""

    def __init__(self, database: Database, node_id: str, clock: Clock) -> None:
        self._database = database
        self._node_id = node_id
        self._clock = clock
        self._notes: asyncio.Queue[_Note] = asyncio.Queue()

    def note(self, call_id: str, event: CallEvent) -> None:
        """Remember an event for writing."""
        self._notes.put_nowait((call_id, event))

    async def flush(self) -> None:
        """Wait until all events noted so far are in the database."""
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._notes.put_nowait(written)
        await written

    async def run(self) -> None:
        """Write until cancelled; a database that is away is waited for, so that nothing is lost.

        What the database refuses for good is dropped and logged: no line of one call may hold up those of all others.
        """
        while True:
            batch = [await self._notes.get()]
            if not isinstance(batch[0], asyncio.Future):
                await self._clock.sleep(_BATCH_S)
            while not self._notes.empty():
                batch.append(self._notes.get_nowait())
            by_call: defaultdict[str, list[CallEvent]] = defaultdict(list)
            for note in batch:
                if not isinstance(note, asyncio.Future):
                    by_call[note[0]].append(note[1])
            await self._keep(by_call)
            for note in batch:
                if isinstance(note, asyncio.Future) and not note.done():
                    note.set_result(None)

    async def _keep(self, by_call: Mapping[str, Sequence[CallEvent]]) -> None:
        """Write all of them in one transaction; if something is wrong with one call's, each call's in its own."""
        while by_call:
            try:
                async with self._database.write() as session:
                    for call_id, happened in by_call.items():
                        await self._write(session, call_id, happened)
            except Exception as error:  # a scribe that stops would leave every call of the worker without its end
                if is_away(error):
                    log.warning("events_not_written_yet", calls=len(by_call), error=repr(error))
                    await self._clock.sleep(_RETRY_S)
                    continue
                log.exception("events_refused", calls=list(by_call))
                if len(by_call) > 1:
                    for call_id, happened in by_call.items():
                        await self._keep({call_id: happened})
            return

    async def _write(self, session: AsyncSession, call_id: str, happened: Sequence[CallEvent]) -> None:
        """Write a call's events in order; ringing and answered also move its state."""
        waiting: list[CallEvent] = []
        for event in happened:
            match event.what:
                case Ringing(sip_status):
                    await service.ringing(session, call_id, self._node_id, now=event.at, sip_status=sip_status)
                case Answered():
                    await service.answered(session, call_id, self._node_id, now=event.at)
                case _:
                    waiting.append(event)
        if waiting:
            await service.append_events(session, call_id, [timeline_entry(event) for event in waiting])
