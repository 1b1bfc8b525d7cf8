"""A telephone that is not ours: baresip, told what to do over its control socket, which also says what happens."""

from __future__ import annotations

import asyncio
import json
import socket
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dialnexa.kit.process import free_port
from dialnexa.live.media.tones import tone

HOST = "127.0.0.1"
_UP_S = 20.0
_WAIT_S = 30.0


class Phone:
    """One baresip with one account. It plays a tone of its own and keeps what it hears."""

    def __init__(self, folder: Path, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self.events: list[dict[str, Any]] = []
        self._folder = folder
        self._reader = reader
        self._writer = writer
        self._changed = asyncio.Condition()
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._asked = 0

    async def listen(self) -> None:
        """Take in what it says, until it falls silent."""
        while True:
            length = (await self._reader.readuntil(b":"))[:-1]
            message = json.loads(await self._reader.readexactly(int(length)))
            await self._reader.readexactly(1)
            if message.get("response"):
                if (waiting := self._answers.pop(message.get("token", ""), None)) is not None:
                    waiting.set_result(message)
                continue
            async with self._changed:
                self.events.append(message)
                self._changed.notify_all()

    async def does(self, command: str, params: str = "") -> str:
        """Give it a command as its menu knows them, and return what it prints."""
        self._asked += 1
        token = str(self._asked)
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        said = json.dumps({"command": command, "params": params, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(said), said))
        response = await asyncio.wait_for(answer, _WAIT_S)
        assert response["ok"], response
        return str(response.get("data", ""))

    def quit(self) -> None:
        """Tell it to hang up, unregister and end, as a person who leaves the office does."""
        said = b'{"command":"quit","token":"last"}'
        self._writer.write(b"%d:%s," % (len(said), said))

    def close(self) -> None:
        """Let go of its control socket."""
        self._writer.close()

    async def heard_of(self, kind: str, since: int = 0, text: str = "") -> dict[str, Any]:
        """Wait for an event such as ``CALL_ESTABLISHED`` from the ``since``-th event on, and return it."""

        def found() -> dict[str, Any] | None:
            return next(
                (each for each in self.events[since:] if each["type"] == kind and text in json.dumps(each)), None
            )

        try:
            async with asyncio.timeout(_WAIT_S), self._changed:
                await self._changed.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"no {kind} among {self.events[since:]}") from None
        event = found()
        assert event is not None
        return event

    def log(self) -> str:
        """Return what it has printed."""
        return (self._folder / "log").read_text(errors="replace")

    def heard(self, seconds: float = 3600) -> np.ndarray[Any, np.dtype[np.int16]]:
        """Return the last ``seconds`` of what the phone has heard so far, at 8 kHz."""
        files = sorted(self._folder.glob("dump-*-dec.wav"), key=lambda file: file.stat().st_mtime)
        data = files[-1].read_bytes()[44:] if files else b""
        samples = np.frombuffer(data[: len(data) // 2 * 2], np.int16)[-round(seconds * 8000) :]
        return samples if len(samples) else np.zeros(1, np.int16)


async def hears_something(phone: Phone, level: float = 200) -> None:
    """Wait until the last half second that the phone heard is this loud (mean magnitude)."""
    async with asyncio.timeout(_WAIT_S):
        while float(np.abs(phone.heard(0.5).astype(float)).mean()) < level:
            await asyncio.sleep(0.1)


async def hears_nothing(phone: Phone, seconds: float = 0.6) -> None:
    """Wait until nothing has arrived for so long, not even silence."""
    async with asyncio.timeout(_WAIT_S):
        before = -1
        while (now := len(phone.heard())) != before:
            before = now
            await asyncio.sleep(seconds)


@asynccontextmanager
async def phone(folder: Path, account: str, *, hertz: int = 440, source: Path | None = None) -> AsyncGenerator[Phone]:
    """Run a phone; ``account`` is what stands behind its address in baresip's accounts file.

    ``{port}`` in it becomes the phone's own SIP port. ``source``: a WAV file it plays instead of a tone.
    """
    port, control = free_port(HOST, socket.SOCK_DGRAM), free_port(HOST, socket.SOCK_STREAM)
    log = _furnish(folder, port, control, account.format(port=port), source, hertz)
    process = await asyncio.create_subprocess_exec(
        "baresip", "-f", str(folder), "-4", "-n", HOST,
        stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    log.close()
    try:
        made = Phone(folder, port, *await _control(control))
        listening = asyncio.create_task(made.listen())
        try:
            yield made
        finally:
            made.quit()
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            made.close()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _furnish(folder: Path, port: int, control: int, account: str, source: Path | None, hertz: int) -> BinaryIO:
    """Write all that a phone reads, and return the file it prints to."""
    folder.mkdir(parents=True, exist_ok=True)
    plays = source or write_wav(folder / "tone.wav", tone((hertz,), 90))
    (folder / "config").write_text(
        f"sip_listen {HOST}:{port}\nmodule_path /usr/lib/baresip/modules\nmodule g711.so\nmodule srtp.so\n"
        "module aubridge.so\nmodule aufile.so\nmodule sndfile.so\n"
        "module_app account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n"
        f"ctrl_tcp_listen {HOST}:{control}\naudio_source aufile,{plays}\naudio_player aubridge,x\nsnd_path {folder}\n"
        "ringback_disabled yes\ncall_local_timeout 120\n"
    )
    (folder / "accounts").write_text(account + "\n")
    (folder / "contacts").write_text("")
    return (folder / "log").open("wb")


async def _control(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(_UP_S):
        while True:
            try:
                return await asyncio.open_connection(HOST, port)
            except OSError:
                await asyncio.sleep(0.1)


def write_wav(path: Path, samples: np.ndarray[Any, np.dtype[np.int16]]) -> Path:
    """Write mono audio at 8 kHz for a phone to play."""
    with wave.open(str(path), "wb") as wav:
        wav.setparams((1, 2, 8000, 0, "NONE", ""))
        wav.writeframes(samples.tobytes())
    return path
