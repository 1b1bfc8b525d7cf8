"""The decoder processes of a worker: started on demand, restarted when they crash, gone when the worker goes."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from dialnexa.live.speech.embedded.wire import Kind, Packet, Unpacker, pack
from dialnexa.live.speech.ports import SpeechError

_log = structlog.get_logger(__name__)

_MODULE = "dialnexa.live.speech.embedded.decoder_process"
_READ_BYTES = 65536
_CROWDED = 4
"""Ears per process above which another process is started, while the machine has processors for it."""
_BACKLOG_BYTES = 1 << 20
"""Audio waiting for a process (a minute of one call) beyond which further audio is dropped."""
_RESTARTS = 5
"""Crashes in a row, without a single answer between them, after which the recogniser counts as broken."""


class Listener(Protocol):
    """The call's side of one ear."""

    def heard(self, packet: Packet) -> None:
        """Take a ``PARTIAL`` or a ``FINAL``."""
        ...

    def crashed(self) -> tuple[bytes, ...]:
        """Learn that the process died and was replaced; return the messages that bring the new one up to date."""
        ...

    def lost(self, error: SpeechError) -> None:
        """Learn that there will be no further answer."""
        ...


class DecoderProcess:
    """One child process and the ears it serves."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._ears: dict[int, Listener] = {}
        self.load = 0
        """How many ears it serves, or was promised to."""
        self._crashes = 0
        self._closing = False
        self._ready = asyncio.Event()
        self._broken: SpeechError | None = None

    @property
    def pid(self) -> int | None:
        """Return the process id, ``None`` while there is none."""
        return self._process.pid if self._process is not None else None

    @property
    def is_broken(self) -> bool:
        """Return whether it crashed so often that it was given up."""
        return self._broken is not None

    async def start(self) -> None:
        """Start the process; its models load while the first messages already wait in the pipe."""
        await self._spawn()
        self._reader = asyncio.create_task(self._run(), name="decoder process")

    async def ready(self) -> None:
        """Wait until the models are loaded; raises ``SpeechError`` when they cannot be."""
        await self._ready.wait()
        if self._broken is not None:
            raise self._broken

    def attach(self, ear: int, listener: Listener) -> None:
        """Serve one more ear."""
        self._ears[ear] = listener
        self.send(Kind.OPEN, ear)

    def detach(self, ear: int) -> None:
        """Forget an ear."""
        if self._ears.pop(ear, None) is not None:
            self.send(Kind.CLOSE, ear)

    def send(self, kind: Kind, ear: int, payload: bytes = b"") -> bool:
        """Pass a message on without waiting; ``False`` when audio was dropped because the process is far behind."""
        pipe = self._process.stdin if self._process is not None else None
        if pipe is None or pipe.is_closing():
            return False
        if kind is Kind.AUDIO and pipe.transport.get_write_buffer_size() > _BACKLOG_BYTES:
            return False
        pipe.write(pack(kind, ear, payload))
        return True

    def kill(self) -> None:
        """End a process that hangs; it is replaced as after a crash."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """End the process and wait until it is gone."""
        self._closing = True
        self.kill()
        if self._reader is not None:
            await self._reader

    async def _spawn(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*self._command, stdin=pipe, stdout=pipe)

    async def _run(self) -> None:
        """Read answers; when the process ends, bring up another and tell the ears."""
        while True:
            await self._read()
            if self._closing:
                return
            self._crashes += 1
            _log.warning("decoder_process_died", status=self._process.returncode if self._process else None)
            if self._crashes > _RESTARTS:
                self._give_up()
                return
            await self._spawn()
            if self._closing:
                self.kill()
            for ear, listener in list(self._ears.items()):
                self.send(Kind.OPEN, ear)
                self._replay(listener)

    def _replay(self, listener: Listener) -> None:
        pipe = self._process.stdin if self._process is not None else None
        for message in listener.crashed():
            if pipe is not None:
                pipe.write(message)

    async def _read(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        unpacker = Unpacker()
        while data := await process.stdout.read(_READ_BYTES):
            try:
                packets = unpacker.feed(data)
            except ValueError:
                _log.exception("decoder_process_talks_nonsense")
                self.kill()
                break
            for packet in packets:
                if packet.kind is Kind.READY:
                    self._ready.set()
                elif listener := self._ears.get(packet.ear):
                    self._crashes = 0
                    listener.heard(packet)
        await process.wait()

    def _give_up(self) -> None:
        sentence = "The embedded recogniser cannot run: its process ended again and again. See the log of the worker."
        self._broken = SpeechError(sentence)
        self._ready.set()
        for listener in list(self._ears.values()):
            listener.lost(self._broken)


class DecoderPool:
    """The decoder processes of a worker; calls share them."""

    def __init__(self, size: int, command: tuple[str, ...]) -> None:
        self._size, self._command = size, command
        self._processes: list[DecoderProcess] = []
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def start(cls, size: int | None = None, command: tuple[str, ...] = ()) -> AsyncGenerator[DecoderPool]:
        """Start the first process at once, up to ``size`` (default: one per processor) when calls come."""
        pool = cls(size or os.cpu_count() or 1, command or (sys.executable, "-m", _MODULE))
        try:
            async with pool.lend():
                pass
            yield pool
        finally:
            for process in pool._processes:
                await process.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the process ids, for operators and tests."""
        return tuple(process.pid for process in self._processes if process.pid is not None)

    def number(self) -> int:
        """Return a new ear's number."""
        return next(self._numbers)

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[DecoderProcess]:
        """Lend the process with the fewest ears for one more; starts another when all are crowded."""
        async with self._starting:
            process = await self._idlest()
            process.load += 1
        try:
            yield process
        finally:
            process.load -= 1

    async def _idlest(self) -> DecoderProcess:
        self._processes = [process for process in self._processes if not process.is_broken]
        idlest = min(self._processes, key=lambda process: process.load, default=None)
        if idlest is not None and (idlest.load < _CROWDED or len(self._processes) >= self._size):
            return idlest
        process = DecoderProcess(self._command)
        self._processes.append(process)
        await process.start()
        return process
