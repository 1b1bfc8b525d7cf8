"""A local server that speaks the streaming chat-completions protocol, and misbehaves on request."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = Callable[[asyncio.StreamWriter], Coroutine[None, None, None]]

_OK = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"


@dataclass
class Asked:
    """A request as it came in."""

    line: str
    headers: dict[str, str]
    body: dict[str, object]


@dataclass
class ChatServer:
    """Gives one scripted answer per request and remembers what was asked."""

    answers: deque[Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a client closed its stream before the end."""
    serving: list[asyncio.Task[None]] = field(default_factory=list)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.asked.append(Asked(head[0], headers, json.loads(body)))
            answer = asyncio.create_task(self.answers.popleft()(writer))
            gone = asyncio.create_task(reader.read())
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                self.hung_up.set()
            for task in (answer, gone):
                task.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)
        finally:
            writer.close()


@asynccontextmanager
async def chat_server(*answers: Answer) -> AsyncGenerator[ChatServer]:
    """Serve on a free port of the loopback."""
    script = ChatServer(deque(answers))
    server = await asyncio.start_server(script.accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    script.url = f"http://{host}:{port}/v1"
    async with server:
        yield script
        await asyncio.gather(*script.serving)


def chunk(delta: dict[str, object], reason: str | None = None, **more: object) -> bytes:
    """Write one chunk of a stream."""
    body = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
    return b"data: " + json.dumps({**body, **more}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STOP = chunk({}, "stop")


def says(*parts: bytes) -> Answer:
    """Answer with these bytes, then end the stream."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(_OK)
        for part in parts:
            writer.write(part)
            await writer.drain()

    return answer


def refuses(status: int, message: str) -> Answer:
    """Answer with an error before any stream."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        body = json.dumps({"error": {"message": message, "type": "x", "code": None}}).encode()
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


def hangs(*parts: bytes, head: bytes = _OK) -> Answer:
    """Answer with these bytes, then keep the connection open in silence for a minute of the loop's time."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"".join(parts))
        await writer.drain()
        for _ in range(50):  # everything that can be read is read before time goes on
            await asyncio.sleep(0)
        _skip_a_minute()
        await asyncio.Event().wait()

    return answer


def _skip_a_minute() -> None:
    """Put the loop's clock forward, so that whatever waits for a timeout runs into it now."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + 60


def resets() -> Answer:
    """Drop the connection without a word."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    return answer
