"""Webhooks of a running installation: verified by a stranger's code, lost by nobody, even when the API is killed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.installation import Installation, running

pytestmark = pytest.mark.e2e

BUSY = "+16505550110"
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


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Installation]:
    with running(tmp_path / "data", environment={"DIALNEXA_OUTGOING_ALLOW": "127.0.0.0/8"}) as installation:
        yield installation


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


def test_no_event_is_lost_when_the_api_is_killed(own: Installation) -> None:
    with inbox() as box:
        webhook = subscribe(own, box)
        assert webhook["ping"]["is_success"] is True
        box.closed = True
        calls = [own.place(BUSY).json()["call_id"] for _ in range(3)]
        for call_id in calls:
            own.finished(call_id)
        own.eventually(lambda: box.refused > 0)
        victim = api_pid(own)
        os.kill(victim, signal.SIGKILL)
        box.closed = False
        own.eventually(lambda: _answers(own))
        calls.append(own.place(BUSY).json()["call_id"])
        wanted = {(call_id, event) for call_id in calls for event in ("call.initiated", "call.failed")}
        own.eventually(lambda: wanted <= set(box.events), within_s=60)
        for call_id in calls:
            assert [event for call, event in box.events if call == call_id] == ["call.initiated", "call.failed"]
        for headers, body in box.messages:
            signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            assert headers["x-dialnexa-signature"] == headers["x-nexa-signature"] == signature
        log = own.get(f"/v1/user-webhooks/{webhook['id']}/deliveries?limit=200")["data"]
        assert {one["status"] for one in log if one["event"] != "ping"} >= {"succeeded", "failed"}
        assert own.get("/v1/user-webhooks/dead-letters")["data"] == []

        seen = len(box.messages)
        one = own.http.post(f"/v1/user-webhooks/{webhook['id']}/replay", json={"event_id": log[0]["event_id"]})
        assert one.json()["count"] == 1
        own.eventually(lambda: len(box.messages) == seen + 1)
        assert box.messages[-1][0]["x-dialnexa-event-id"] == log[0]["event_id"]
        _stream_goes_on(own, calls[0])


def _answers(own: Installation) -> bool:
    try:
        return own.http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _stream_goes_on(own: Installation, call_id: str) -> None:
    """The stream begins after the event its reader saw last, and shows what happens meanwhile."""
    first = next(one for one in own.get("/v1/events?limit=200")["data"] if one["call_id"] == call_id)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": first["id"]}
    with own.http.stream("GET", "/v1/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        placed = ""
        for line in answer.iter_lines():
            if not line.startswith("data: "):
                continue
            said = json.loads(line.removeprefix("data: "))
            assert said["sequence"] > first["sequence"]
            placed = placed or own.place(BUSY).json()["call_id"]
            if said["call_id"] == placed and said["event"] == "call.failed":
                assert said["status"] == "busy"
                return
    raise AssertionError("the stream ended too early")


def test_private_receivers_are_refused_unless_the_operator_allows_them(home: Installation) -> None:
    for url in ("http://127.0.0.1:9/", "https://127.0.0.1:9/", "https://localhost/", "https://169.254.169.254/"):
        answer = home.http.post("/v1/user-webhooks", json={"url": url, "events": ["*"]})
        assert answer.status_code == 400, url
        assert answer.json()["message"][0].startswith("url must be"), answer.text
