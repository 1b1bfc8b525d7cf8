"""A recording as an HTTP answer: whole, in part (RFC 9110 §14) or not again (§13), from a folder or an object store."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable
from io import BufferedReader
from pathlib import Path

import structlog
from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from dialnexa.kit.errors import NotFound, Unavailable
from dialnexa.platform.calls import links
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.calls.store import RecordingStore, StoreError, store_at
from dialnexa.platform.http import is_known

log = structlog.get_logger(__name__)

MEDIA_TYPES = {"wav": "audio/wav", "ogg": "audio/ogg"}
_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


async def audio_of(recording: Recording, folder: Path, request: Request) -> Response:
    """Answer with a recording, or the part of it that the request names.

    Raises ``NotFound`` when its file is gone, ``Unavailable`` when its store does not answer.
    """
    return await (_stored(recording, request) if recording.store else _local(recording, folder, request))


async def _local(recording: Recording, folder: Path, request: Request) -> Response:
    # Opened before anything is promised: the worker may be about to remove it, having put it elsewhere.
    file = await asyncio.to_thread(_opened, folder, recording.blob_key)
    if file is None:
        raise NotFound(
            f"The recording of call {recording.call_id} is not on this machine: it was removed, or the worker that "
            "made it has not handed it over yet."
        )
    answer = _answer(recording, request, os.fstat(file.fileno()).st_size, lambda start, end: _read(file, start, end))
    if not isinstance(answer, StreamingResponse):
        file.close()
    return answer


async def _stored(recording: Recording, request: Request) -> Response:
    try:
        store = store_at(recording.store)
        size = await store.size(recording.blob_key)
    except StoreError as error:
        log.warning("recording_store_away", store=recording.store, error=str(error))
        raise Unavailable("The store of recordings does not answer. Try again in a minute.") from error
    if size is None:
        raise NotFound(f"The recording of call {recording.call_id} is no longer in the store.")
    return _answer(recording, request, size, lambda start, end: _fetch(store, recording, start, end))


def _answer(
    recording: Recording, request: Request, size: int, body: Callable[[int, int], AsyncGenerator[bytes]]
) -> Response:
    """Answer with what ``body`` yields from one position to another; without a body to HEAD and to what is too far."""
    tag = f'"{recording.id}-{size}"'
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
        "ETag": tag,
        "Content-Disposition": f'inline; filename="{recording.call_id}.{recording.format}"',
    }
    if is_known(request, tag):
        kept = {name: headers[name] for name in ("Cache-Control", "ETag")}
        return Response(status_code=304, headers=kept)
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
    return StreamingResponse(body(start, end), status_code=status, headers=headers, media_type=media_type)


async def _fetch(store: RecordingStore, recording: Recording, start: int, end: int) -> AsyncGenerator[bytes]:
    """Pass the bytes on; a store that stops half-way ends the answer short, which its length betrays."""
    try:
        async for data in store.read(recording.blob_key, start, end):
            yield data
    except StoreError as error:
        log.warning("recording_not_read", call_id=recording.call_id, error=str(error))
        raise


def _opened(folder: Path, blob_key: str) -> BufferedReader | None:
    path = links.file_of(folder, blob_key)
    try:
        return path.open("rb") if path else None
    except FileNotFoundError:  # removed in this very moment
        return None


async def _read(file: BufferedReader, start: int, end: int) -> AsyncGenerator[bytes]:
    with file:
        await asyncio.to_thread(file.seek, start)
        left = end - start
        while left and (data := await asyncio.to_thread(file.read, min(left, _CHUNK))):
            left -= len(data)
            yield data


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
