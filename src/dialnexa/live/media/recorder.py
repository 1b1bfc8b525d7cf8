"""Recordings: stereo WAV, 16 bit at 8 kHz, left the person, right the agent, sample for sample on the call clock.

A leg only appends references; one writer thread for all calls decodes, interleaves and writes about once a second.
Every second lands at its own offset, so a failed write leaves silence there and never shifts what follows, and the
header is brought up to date with each, so the file of a killed worker opens.
"""

from __future__ import annotations

import asyncio
import os
import struct
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import structlog

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE, Samples
from dialnexa.live.media.codec import Codec, decode
from dialnexa.live.outcome import RecordingResult

log = structlog.get_logger(__name__)

_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
HEADER_BYTES = _HEADER.size
_FRAME_BYTES = 4
"""Two channels of two bytes."""
_CHUNK_TICKS = 50
_MOST_WAITING = 30
"""Seconds of one call that may wait for a slow disk before they are given up."""


def wav_header(samples: int) -> bytes:
    """Return the 44 bytes before ``samples`` stereo samples."""
    size = samples * _FRAME_BYTES
    rate = SAMPLE_RATE
    return _HEADER.pack(
        b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 2, rate, rate * _FRAME_BYTES, _FRAME_BYTES, 16, b"data", size
    )


class Sink(Protocol):
    """Where a recording is written; every method may raise ``OSError``."""

    def write(self, data: bytes, offset: int) -> None:
        """Write all of it at the offset."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class FileSink:
    """A file written at given offsets; made with its folder when the first second is written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)

    def write(self, data: bytes, offset: int) -> None:
        """Write all of it at the offset; a nearly full disk takes only a part and then raises."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            view, offset = view[written:], offset + written

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


class RecordingDesk:
    """The one writer thread of a worker."""

    def __init__(self) -> None:
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")

    def open(self, path: Path, codec: Codec, sink: type[FileSink] = FileSink) -> Recorder:
        """Begin a recording at this path; nothing is touched before its first second is complete."""
        return Recorder(self._writer, _Tape(path, sink), path, codec)

    async def close(self) -> None:
        """Wait until all is written and end the thread."""
        await asyncio.to_thread(self._writer.shutdown)


@dataclass(slots=True)
class _Chunk:
    """Consecutive frames of one call, as the leg collected them."""

    at: int
    caller: list[Samples]
    agent: list[bytes]
    codec: Codec

    @property
    def samples(self) -> int:
        return len(self.caller) * FRAME_SAMPLES


class _Tape:
    """The writer thread's side of one recording."""

    def __init__(self, path: Path, sink: type[FileSink]) -> None:
        self._path = path
        self._open_sink = sink
        self._sink: Sink | None = None
        self.length = 0
        """Samples up to the end of the last one written."""
        self.lost = 0
        self.trouble = ""

    def write(self, chunk: _Chunk) -> None:
        """Write one chunk where it belongs; on failure note what was lost and go on."""
        stereo = np.empty((chunk.samples, 2), "<i2")
        stereo[:, 0] = np.concatenate(chunk.caller)
        stereo[:, 1] = decode(chunk.codec, b"".join(chunk.agent))
        end = chunk.at + chunk.samples
        try:
            if self._sink is None:
                self._sink = self._open_sink(self._path)
            # The header follows the data, so it never promises what is not there.
            self._sink.write(stereo.tobytes(), HEADER_BYTES + chunk.at * _FRAME_BYTES)
            self._sink.write(wav_header(end), 0)
            self.length = end
        except OSError as error:
            self.lose(chunk.at, chunk.samples, error.strerror or str(error))

    def lose(self, at: int, samples: int, why: str) -> None:
        """Count a chunk that will not be on the recording."""
        if not self.lost:
            log.warning("recording.lost", path=str(self._path), at_ms=at // 8, why=why)
        self.lost += samples
        self.trouble = why

    def finish(self) -> None:
        """Close the file."""
        try:
            if self._sink is not None:
                self._sink.close()
        except OSError as error:
            self.trouble = self.trouble or (error.strerror or str(error))


class Recorder:
    """One recording, on the event loop's side."""

    def __init__(self, writer: ThreadPoolExecutor, tape: _Tape, path: Path, codec: Codec) -> None:
        self._writer = writer
        self._tape = tape
        self._path = path
        self._codec = codec
        self._at = 0
        self._caller: list[Samples] = []
        self._agent: list[bytes] = []
        self._jobs: list[Future[None]] = []

    def add(self, caller: Samples, agent: bytes) -> None:
        """Append one tick: 160 samples heard, and the 160 encoded bytes sent in the same tick."""
        self._caller.append(caller)
        self._agent.append(agent)
        if len(self._agent) >= _CHUNK_TICKS:
            self.flush()

    def flush(self, codec: Codec | None = None) -> None:
        """Hand what was collected to the writer; ``codec`` names the one that follows, when it changes."""
        if self._agent:
            chunk = _Chunk(self._at, self._caller, self._agent, self._codec)
            self._at += chunk.samples
            self._caller, self._agent = [], []
            self._jobs = [job for job in self._jobs if not job.done()]
            if len(self._jobs) < _MOST_WAITING:
                self._jobs.append(self._writer.submit(self._tape.write, chunk))
            else:
                self._writer.submit(self._tape.lose, chunk.at, chunk.samples, "the disk is too slow")
        self._codec = codec or self._codec

    async def close(self) -> RecordingResult:
        """Write the rest and return what there is; never raises for a bad disk."""
        self.flush()
        await asyncio.wrap_future(self._writer.submit(self._tape.finish))
        tape = self._tape
        lost = f"{tape.lost / SAMPLE_RATE:.1f} s could not be written: {tape.trouble}" if tape.lost else tape.trouble
        size = HEADER_BYTES + tape.length * _FRAME_BYTES if tape.length else 0
        return RecordingResult(self._path, tape.length // 8, size, lost)
