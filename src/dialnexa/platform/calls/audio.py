"""A recording as an HTTP answer: whole or in part (RFC 9110 §14), from the data folder or from an object store."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import structlog
from fastapi import Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from dialnexa.kit.errors import NotFound, Unavailable
from dialnexa.platform.calls import links
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.calls.store import RecordingStore, StoreError, store_at

log = structlog.get_logger(__name__)

MEDIA_TYPES = {"wav": "audio/wav", "ogg": "audio/ogg"}
_CACHED = "private, max-age=3600"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def audio_of(recording: Recording, folder: Path, request: Request) -> Response:
    """Answer with a recording, or the part of it that the request names.

    Raises ``NotFound`` when its file is gone, ``Unavailable`` when its store does not answer.
    """
    if recording.store:
        return await _stored(recording, request)
    path = links.file_of(folder, recording.blob_key)
    if path is None:
        raise NotFound(
            f"The recording of call {recording.call_id} is not on this machine: it was removed, or the worker that "
            "made it has not handed it over yet."
        )
    return FileResponse(
        path,
        media_type=MEDIA_TYPES[recording.format],
        filename=_name(recording),
        content_disposition_type="inline",
        headers={"Cache-Control": _CACHED},
    )


async def _stored(recording: Recording, request: Request) -> Response:
    try:
        store = store_at(recording.store)
        size = await store.size(recording.blob_key)
    except StoreError as error:
        log.warning("recording_store_away", store=recording.store, error=str(error))
        raise Unavailable("The store of recordings does not answer. Try again in a minute.") from error
    if size is None:
        raise NotFound(f"The recording of call {recording.call_id} is no longer in the store.")
    tag = f'"{recording.id}-{size}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": _CACHED,
        "ETag": tag,
        "Content-Disposition": f'inline; filename="{_name(recording)}"',
    }
    wanted = request.headers.get("range", "") if request.headers.get("if-range", tag) == tag else ""
    status, (start, end) = 200, (0, size)
    try:
        if part := part_of(wanted, size):
            status, (start, end) = 206, part
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    except OutOfReach:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Length"] = str(end - start)
    media_type = MEDIA_TYPES[recording.format]
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    body = _begun(store, recording, start, end)
    return StreamingResponse(body, status_code=status, headers=headers, media_type=media_type)


async def _begun(store: RecordingStore, recording: Recording, start: int, end: int) -> AsyncGenerator[bytes]:
    """Pass the bytes on; a store that stops half-way ends the answer short, which its length betrays."""
    try:
        async for data in store.read(recording.blob_key, start, end):
            yield data
    except StoreError as error:
        log.warning("recording_not_read", call_id=recording.call_id, error=str(error))
        raise


class OutOfReach(Exception):
    """The part that is wanted lies beyond the end."""


def part_of(wanted: str, size: int) -> tuple[int, int] | None:
    """Return where the part named by a Range header begins and ends; ``None``, the whole, when it names no single one.

    Raises ``OutOfReach``, which is answered with 416.
    """
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None  # no valid range, so there is none (§14.2)
    if start >= end:
        raise OutOfReach
    return start, end


def _name(recording: Recording) -> str:
    return f"{recording.call_id}.{recording.format}"
