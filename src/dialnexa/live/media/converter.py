"""Converts recordings in a process of its own: started when there is something to do, and again should it crash."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import structlog

from dialnexa.live.media.conversion import ConversionError, Converted

log = structlog.get_logger(__name__)

_MODULE = "dialnexa.live.media.converter_process"
_TRIES = 3
"""A process that dies over one file this often is not given it again."""


class Converter:
    """The converter of one worker. ``open`` costs nothing."""

    def __init__(self, command: tuple[str, ...] = (sys.executable, "-m", _MODULE)) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncGenerator[Converter]:
        """Convert while the block lasts; leaving it ends the process."""
        converter = cls()
        try:
            yield converter
        finally:
            await converter.close()

    @property
    def pid(self) -> int | None:
        """The process id, ``None`` while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def convert(self, source: Path, target: Path) -> Converted:
        """Write the WAV at ``source`` as Ogg/Opus to ``target``, whole or not at all. Raises ``ConversionError``."""
        job = orjson.dumps({"source": str(source), "target": str(target)}) + b"\n"
        async with self._one_at_a_time:
            for _ in range(_TRIES):
                if answer := await self._ask(job):
                    break
                log.warning("converter.died", source=str(source))
                await self._end()
            else:
                raise ConversionError(f"the converter died {_TRIES} times over {source.name}")
        made: dict[str, object] = orjson.loads(answer)
        if "error" in made:
            raise ConversionError(str(made["error"]))
        return Converted(int(str(made["duration_ms"])), int(str(made["size_bytes"])))

    async def close(self) -> None:
        """End the process."""
        await self._end()

    async def _ask(self, job: bytes) -> bytes:
        """Return the process's answer; empty when it died instead."""
        process = await self._running()
        assert process.stdin is not None  # both are pipes
        assert process.stdout is not None
        try:
            process.stdin.write(job)
            await process.stdin.drain()
            return await process.stdout.readline()
        except ConnectionError:
            return b""
        except asyncio.CancelledError:
            await self._end()  # what it would still answer must not be taken for the next job's answer
            raise

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                str(os.getpid()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # A Ctrl-C at the terminal is the supervisor's to pass on.
                start_new_session=True,
            )
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()
