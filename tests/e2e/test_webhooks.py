"""Webhooks of a running installation: verified by a stranger's code, lost by nobody, even when the API is killed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.inbox import SECRET, api_pid, inbox, subscribe
from tests.e2e.installation import Installation, running

pytestmark = pytest.mark.e2e

BUSY = "+16505550110"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Installation]:
    with running(tmp_path / "data", environment={"DIALNEXA_OUTGOING_ALLOW": "127.0.0.0/8"}) as installation:
        yield installation


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
