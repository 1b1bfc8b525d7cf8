"""Removing the files of recordings, wherever they lie."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from dialnexa.platform.calls.links import file_of
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.calls.store import StoreError, store_at

ELSEWHERE = timedelta(days=2)
"""How long the record of a recording stays after its time when its file is not here: it may be on another machine."""

log = structlog.get_logger(__name__)


async def file_gone(folder: Path, recording: Recording, *, since: datetime, before: datetime) -> bool:
    """Remove a recording's file; tell whether it is gone for good, so that its record may go too.

    A file that is not here may be elsewhere, until ``since`` lies ``ELSEWHERE`` before ``before``.
    """
    try:
        if recording.store:
            await store_at(recording.store).remove(recording.blob_key)
            return True
        path = await asyncio.to_thread(file_of, folder, recording.blob_key)
        if path is not None:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            return True
    except (StoreError, OSError) as error:
        log.warning("recording_not_removed", recording_id=recording.id, error=str(error))
        return False
    return since < before - ELSEWHERE
