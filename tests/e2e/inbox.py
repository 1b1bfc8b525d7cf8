"""A receiver of webhooks outside the installation, that remembers what came."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.installation import Installation

SECRET = "between us"


class Inbox:
    """What arrived, each with its headers; refuses everything while ``closed``."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, str], bytes]] = []
        self.closed = False
        self.refused = 0
        self.port = 0

    @property
    def events(self) -> list[tuple[str, str]]:
        """Call and event of each message but pings, once each, in order of arrival."""
        said = [json.loads(body) for _, body in self.messages]
        return list(dict.fromkeys((one["call_id"], one["event"]) for one in said if one["event"] != "ping"))


@contextmanager
def inbox() -> Generator[Inbox]:
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if box.closed:
                box.refused += 1
            else:
                box.messages.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(503 if box.closed else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def subscribe(own: Installation, box: Inbox, **more: Any) -> dict[str, Any]:
    body = {"url": f"http://127.0.0.1:{box.port}/hook", "events": ["*"], "secret": SECRET, "timeout_ms": 2000, **more}
    answer = own.http.post("/v1/user-webhooks", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def api_pid(own: Installation) -> int:
    pid = int(own.facts["pid"])
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"api" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
            return int(child)
    raise AssertionError("no api runs")
