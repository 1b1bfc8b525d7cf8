"""Finishes recordings after the call: converts them, and moves them to the object store.

Promised in the transaction that ends the call, so it happens however often the worker dies; every step may be done
again. Until it is done, the WAV in the data folder is the recording.
"""

from __future__ import annotations

import os
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.engine import EngineClient
from dialnexa.kit.clock import Clock
from dialnexa.kit.ids import ulid
from dialnexa.kit.logging import about_call
from dialnexa.live.media.conversion import ConversionError
from dialnexa.live.media.converter import Converter
from dialnexa.platform.calls import recordings
from dialnexa.platform.calls.models import Recording
from dialnexa.platform.calls.records import RecordingFile
from dialnexa.platform.calls.store import StoreError, store_at
from dialnexa.platform.database import Database
from dialnexa.worker.patience import is_away

log = structlog.get_logger(__name__)

_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 300.0
_SUFFIXES = (".wav", ".ogg")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the installation wants of its recordings."""

    format: Literal["wav", "opus"]
    store_url: str
    """Empty: they stay in the data folder."""

    @property
    def any(self) -> bool:
        """Whether there is anything to do after the call."""
        return self.format != "wav" or bool(self.store_url)


class Finishing:
    """The recordings in one folder."""

    def __init__(
        self, database: Database, clock: Clock, queue: EngineClient, converter: Converter, folder: Path, wishes: Wishes
    ) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue
        self._converter = converter
        self._folder = folder
        self._wishes = wishes
        self.queue = f"recordings-{folder_id(folder)}"

    async def promise(self, session: AsyncSession, call_id: str) -> None:
        """Have a recording finished if there is anything to do with it, should the session's transaction commit."""
        if self._wishes.any:
            await self._queue.enqueue_recording_in_transaction(session, call_id, self.queue)

    async def finish(self, call_id: str) -> None:
        """Bring a call's recording to its form and place; a store or database that is away is waited for."""
        wait = _FIRST_WAIT_S
        with about_call(call_id):
            while True:
                try:
                    return await self._finish(call_id)
                except (StoreError, SQLAlchemyError, OSError) as error:
                    if not isinstance(error, StoreError) and not is_away(error):
                        raise
                    log.warning("recording_not_finished_yet", reason=str(error)[:300], again_in_s=wait)
                await self._clock.sleep(wait)
                wait = min(2 * wait, _LONGEST_WAIT_S)

    async def salvage(self, call_ids: Iterable[str]) -> None:
        """Keep what a worker that died had recorded of these calls, where its files lie in our folder."""
        for call_id in call_ids:
            file = _cut_short(self._folder / f"{call_id}.wav")
            if file is None:
                continue
            async with self._database.write() as session:
                if await recordings.salvaged(session, call_id, file, now=self._clock.now()):
                    await self.promise(session, call_id)
                    log.info("recording_salvaged", call_id=call_id, duration_ms=file.duration_ms)

    async def _finish(self, call_id: str) -> None:
        async with self._database.read() as session:
            recording = await recordings.of_call(session, call_id)
        if recording is None:
            self._tidy(call_id, None)  # it was removed, or is about to be
            return
        kept = self._folder / recording.blob_key
        if not recording.store and kept.is_file():
            kept = await self._improve(recording, kept)
        elif not recording.store:
            log.error("recording_file_missing", file=recording.blob_key)
            return
        else:
            kept = None
        self._tidy(call_id, kept)

    async def _improve(self, recording: Recording, file: Path) -> Path | None:
        """Convert and upload, write down where it lies; return the local file that is to stay."""
        trouble = ""
        if self._wishes.format == "opus" and file.suffix == ".wav":
            try:
                await self._converter.convert(file, file.with_suffix(".ogg"))
            except ConversionError as error:
                trouble = f"The recording stays a WAV file: {error}."
                log.warning("recording_not_converted", reason=str(error))
            else:
                file = file.with_suffix(".ogg")
        url, size = self._wishes.store_url, file.stat().st_size
        if url:
            await store_at(url).put(file.name, file)
        async with self._database.write() as session:
            stays = await recordings.moved(
                session,
                recording.id,
                store=url,
                blob_key=file.name,
                format=file.suffix[1:],
                size_bytes=size,
            )
            if stays and trouble:
                await recordings.complain(session, recording.call_id, trouble, now=self._clock.now())
        if not stays:  # it was erased while we worked on it
            if url:
                await store_at(url).remove(file.name)
            return None
        log.info("recording_finished", file=file.name, bytes=size, store=url)
        return None if url else file

    def _tidy(self, call_id: str, kept: Path | None) -> None:
        """Remove what the record no longer points to."""
        for suffix in _SUFFIXES:
            leftover = self._folder / f"{call_id}{suffix}"
            if leftover != kept:
                leftover.unlink(missing_ok=True)


def _cut_short(path: Path) -> RecordingFile | None:
    """Describe the recording of a killed worker; ``None`` when there is none, or nothing on it."""
    try:
        with wave.open(str(path), "rb") as audio:
            duration_ms = audio.getnframes() * 1000 // audio.getframerate()
        size = path.stat().st_size
    except (OSError, EOFError, wave.Error):
        return None
    lost = "The worker stopped during the call; the recording ends there."
    return RecordingFile(path.name, duration_ms, size, lost=lost) if duration_ms else None


def folder_id(folder: Path) -> str:
    """Return the name of a folder that all workers on it agree on, whatever path they know it by; made at first use."""
    folder.mkdir(parents=True, exist_ok=True)
    mark, mine = folder / ".id", folder / f".id.{ulid()}"
    mine.write_text(ulid(), encoding="ascii")
    try:
        os.link(mine, mark)  # whole or not at all, and the first one wins
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        if not mark.exists():
            mine.replace(mark)
    finally:
        mine.unlink(missing_ok=True)
    return mark.read_text(encoding="ascii").strip()
