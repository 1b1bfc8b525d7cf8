"""What becomes of a recording once its call has ended. Every function works inside the caller's transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.calls import repository, service
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.calls.records import RecordingFile, TimelineEntry
from dialnexa.platform.calls.states import FINAL, CallState


async def of_call(session: AsyncSession, call_id: str) -> Recording | None:
    """Return the recording of a call."""
    return (await repository.recordings(session, [call_id])).get(call_id)


async def salvaged(session: AsyncSession, call_id: str, file: RecordingFile, *, now: datetime) -> bool:
    """Write down the recording of a call whose worker died; false when the call goes on or has one already.

    False too when the call was redacted meanwhile: then the file is written down to be erased.
    """
    call = await repository.get(session, call_id, lock=True)
    if call is None or CallState(call.state) not in FINAL or await of_call(session, call_id) is not None:
        return False
    recording = service.recording_row(call, file, now)
    if call.redacted_at is not None:
        recording.erase_since = now
    session.add(recording)
    await session.flush()
    return call.redacted_at is None


async def moved(
    session: AsyncSession, recording_id: str, *, store: str, blob_key: str, format: str, size_bytes: int
) -> bool:
    """Write where a recording lies now, and as what; false when it was removed meanwhile."""
    where = update(Recording).where(Recording.id == recording_id)
    result = await session.execute(where.values(store=store, blob_key=blob_key, format=format, bytes=size_bytes))
    return cast("CursorResult[Any]", result).rowcount > 0


async def complain(session: AsyncSession, call_id: str, words: str, *, now: datetime) -> None:
    """Say on a call's timeline what went wrong with its recording."""
    await service.append_events(
        session, call_id, [TimelineEntry(now, "trouble", {"part": "recording", "message": words})]
    )
