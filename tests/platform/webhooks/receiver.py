"""A receiver on loopback that does what its path says: answers well, answers badly, or does worse."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What came, and what to answer: a status for each path, by default 200."""

    port: int = 0
    received: list[Received] = field(default_factory=list[Received])
    statuses: dict[str, int] = field(default_factory=dict[str, int])
    redirects: dict[str, str] = field(default_factory=dict[str, str])
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    """Paths whose answer waits for an event."""

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def at(self, path: str) -> list[Received]:
        return [one for one in self.received if one.path == path]

    def events(self, path: str = "/hook") -> list[str]:
        return [one.headers["x-dialnexa-event"] for one in self.at(path)]

    connections: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while (request := await self._read(reader)) is not None:
                self.received.append(request)
                await self._answer(request.path, reader, writer)
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Received | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Received(first.split(" ")[1], headers, body)

    async def _answer(self, path: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if path in self.gates:
            await self.gates[path].wait()
        if path == "/hang":
            await reader.read(1)  # until the other side gives up
            raise ConnectionResetError
        if path == "/reset":
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionResetError
        if path == "/drip":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while not reader.at_eof():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)
            raise ConnectionResetError
        if path == "/nonsense":
            writer.write(b"I am not a web server\r\n\r\n")
            raise ConnectionResetError
        if path == "/huge":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
            return
        location = f"Location: {self.redirects[path]}\r\n" if path in self.redirects else ""
        status = 307 if location else self.statuses.get(path, 200)
        writer.write(f"HTTP/1.1 {status} X\r\n{location}Content-Length: 2\r\n\r\nok".encode())
        await writer.drain()


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for connection in receiver.connections:
            connection.transport.abort()
        for gate in receiver.gates.values():
            gate.set()
        await asyncio.sleep(0)
