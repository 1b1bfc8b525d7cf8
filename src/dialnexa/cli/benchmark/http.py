"""The least HTTP a load generator needs: one kept connection, POST after POST, at a few microseconds each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Connection:
    """A connection to an api process on loopback."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        self._reader = reader
        self._writer = writer
        self._headers = f"Host: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"

    @classmethod
    @asynccontextmanager
    async def open(cls, port: int, key: str) -> AsyncGenerator[Connection]:
        """Connect; ``key`` goes with every request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer, key)
        finally:
            writer.close()

    async def post(self, path: str, body: bytes) -> int:
        """Send a request and return the status of its answer, which is read to its end."""
        head = f"POST {path} HTTP/1.1\r\n{self._headers}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(answer)
        await self._reader.readexactly(int(length[1]) if length else 0)
        return int(answer[9:12])
