"""What becomes of a recording once its call has ended. Every function works inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.calls import repository, service
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.calls.records import TimelineEntry


async def of_call(session: AsyncSession, call_id: str) -> Recording | None:
    """Return the recording of a call."""
    return (await repository.recordings(session, [call_id])).get(call_id)


async def moved(
    session: AsyncSession, recording_id: str, *, store: str, blob_key: str, format: str, size_bytes: int
) -> None:
    """Write where a recording lies now, and as what."""
    where = update(Recording).where(Recording.id == recording_id)
    await session.execute(where.values(store=store, blob_key=blob_key, format=format, bytes=size_bytes))


async def complain(session: AsyncSession, call_id: str, words: str, *, now: datetime) -> None:
    """Say on a call's timeline what went wrong with its recording."""
    await service.append_events(
        session, call_id, [TimelineEntry(now, "trouble", {"part": "recording", "message": words})]
    )
