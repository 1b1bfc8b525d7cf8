"""Server-sent events, as far as model servers use them (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator


async def data_lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the value of each ``data:`` line; comments, blank lines and other fields are skipped.

    Model servers put one JSON text on one line, so lines of one event are not joined.
    """
    pending = b""
    async for chunk in chunks:
        *lines, pending = (pending + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
    if pending.startswith(b"data:"):
        yield pending[5:].strip()
