"""A local server that speaks the transcription protocol, and misbehaves on request."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes

import numpy as np

HANGS = -1


@dataclass
class Asked:
    """A request as it came in."""

    line: str
    headers: dict[str, str]
    fields: dict[str, str]
    sound: bytes

    @property
    def rate(self) -> int:
        with wave.open(io.BytesIO(self.sound)) as file:
            return file.getframerate()

    @property
    def samples(self) -> np.ndarray:
        with wave.open(io.BytesIO(self.sound)) as file:
            return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@dataclass
class TranscriptionServer:
    """Gives one scripted answer per request (a text, or a status and a body) and remembers what was asked."""

    answers: deque[str | tuple[int, bytes]]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    serving: list[asyncio.Task[None]] = field(default_factory=list)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.asked.append(_read(head[0], headers, body))
            answer = self.answers.popleft()
            status, content = (200, json.dumps({"text": answer}).encode()) if isinstance(answer, str) else answer
            if status == HANGS:
                await reader.read()  # until the client has had enough
                return
            start = f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n"
            writer.write(start.encode() + content)
            await writer.drain()
        finally:
            writer.close()


def _read(line: str, headers: dict[str, str], body: bytes) -> Asked:
    message = message_from_bytes(f"content-type: {headers.get('content-type', 'text/plain')}\r\n\r\n".encode() + body)
    fields, sound = dict[str, str](), b""
    for part in message.walk():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if name == "file" and isinstance(content, bytes):
            sound = content
        elif name and isinstance(content, bytes):
            fields[str(name)] = content.decode()
    return Asked(line, headers, fields, sound)


@asynccontextmanager
async def transcription_server(*answers: str | tuple[int, bytes]) -> AsyncGenerator[TranscriptionServer]:
    """Serve on a free port of the loopback."""
    script = TranscriptionServer(deque(answers))
    server = await asyncio.start_server(script.accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    script.url = f"http://{host}:{port}/v1"
    async with server:
        yield script
        await asyncio.gather(*script.serving)
