"""A server on loopback that a carrier's API is played on: it remembers what it was asked, and fails when told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LOST = (0, None)
"""An answer that never comes: the connection breaks off after the work was done."""
Answer = tuple[int, Any]


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class CarrierServer:
    """What was asked, and the answers that come instead of the usual ones, each once, by method and path."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list[Asked])
    instead: dict[tuple[str, str], list[Answer]] = field(default_factory=dict[tuple[str, str], list[Answer]])
    lose: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Whose answers are lost after the work is done, each once."""

    def count(self, method: str, path: str) -> int:
        return sum((one.method, one.path) == (method, path) for one in self.asked)


@contextmanager
def carrier_server(answer: Callable[[Asked], Answer], server: CarrierServer) -> Generator[CarrierServer]:
    """Serve until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), body, headers)
            server.asked.append(asked)
            key = (asked.method, asked.path)
            failures = server.instead.get(key, [])
            status, found = failures.pop(0) if failures else answer(asked)
            if (status, found) == LOST or key in server.lose:
                server.lose.discard(key)
                self.close_connection = True
                return
            data = b"" if found is None else found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
