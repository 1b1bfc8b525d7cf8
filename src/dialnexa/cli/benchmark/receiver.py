"""The other end of the webhook bench: a receiver that fails now and then, and remembers what it took.

Each line on stdin asks what came so far; the answer is a line of JSON on stdout. The end of input ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
from contextlib import suppress
from random import Random

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EVENT = re.compile(rb"\r\nx-dialnexa-event-id: *(\S+)", re.IGNORECASE)


class Receiver:
    """Takes deliveries, but for a share of them, drawn anew for each attempt."""

    def __init__(self, failures: float) -> None:
        self._failures = failures
        self._dice = Random(5)
        self._taken: set[bytes] = set()
        self._attempts = 0
        self._repeated = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % self._answer(head))
        writer.close()

    def _answer(self, head: bytes) -> int:
        self._attempts += 1
        event = _EVENT.search(head)
        if event is None or self._dice.random() < self._failures:
            return 500
        self._repeated += event[1] in self._taken
        self._taken.add(event[1])
        return 204

    def facts(self) -> dict[str, int]:
        """Return what came so far."""
        return {"attempts": self._attempts, "delivered": len(self._taken), "repeated": self._repeated}


async def run(failures: float) -> None:
    """Receive until the input ends."""
    receiver = Receiver(failures)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    _say({"port": server.sockets[0].getsockname()[1]})
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        _say(receiver.facts())


def _say(facts: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    import uvloop

    options = argparse.ArgumentParser()
    options.add_argument("--failures", type=float, required=True)
    uvloop.run(run(options.parse_args().failures))
