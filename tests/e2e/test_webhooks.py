"""Webhooks of a running installation: verified by a stranger's code, lost by nobody, even when the API is killed."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.e2e.inbox import SECRET, Inbox, api_pid, inbox, subscribe
from tests.e2e.installation import Installation

pytestmark = pytest.mark.e2e

BUSY = "+16505550110"


@contextmanager
def subscribed(home: Installation, box: Inbox) -> Generator[dict[str, Any]]:
    """A webhook of this test's, gone afterwards."""
    webhook = subscribe(home, box)
    yield webhook
    assert home.http.delete(f"/v1/user-webhooks/{webhook['id']}").is_success


def test_no_event_is_lost_when_the_api_is_killed(home: Installation) -> None:
    with inbox() as box, subscribed(home, box) as webhook:
        assert webhook["ping"]["is_success"] is True
        box.closed = True
        calls = [home.place(BUSY).json()["call_id"] for _ in range(3)]
        for call_id in calls:
            home.finished(call_id)
        home.eventually(lambda: box.refused > 0)
        victim = api_pid(home)
        os.kill(victim, signal.SIGKILL)
        box.closed = False
        home.eventually(lambda: _answers(home))
        calls.append(home.place(BUSY).json()["call_id"])
        wanted = {(call_id, event) for call_id in calls for event in ("call.initiated", "call.failed")}
        home.eventually(lambda: wanted <= set(box.events), within_s=60)
        for call_id in calls:
            assert [event for call, event in box.events if call == call_id] == ["call.initiated", "call.failed"]
        for headers, body in box.messages:
            signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            assert headers["x-dialnexa-signature"] == headers["x-nexa-signature"] == signature
        log = home.get(f"/v1/user-webhooks/{webhook['id']}/deliveries?limit=200")["data"]
        assert {one["status"] for one in log if one["event"] != "ping"} >= {"succeeded", "failed"}
        assert home.get("/v1/user-webhooks/dead-letters")["data"] == []

        again = log[0]["event_id"]
        seen = [headers["x-dialnexa-event-id"] for headers, _ in box.messages].count(again)
        one = home.http.post(f"/v1/user-webhooks/{webhook['id']}/replay", json={"event_id": again})
        assert one.json()["count"] == 1
        home.eventually(
            lambda: [headers["x-dialnexa-event-id"] for headers, _ in box.messages].count(again) == seen + 1
        )
        _stream_goes_on(home, calls[0])


def _answers(own: Installation) -> bool:
    try:
        return own.http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _stream_goes_on(own: Installation, call_id: str) -> None:
    """The stream begins after the event its reader saw last, and shows what happens meanwhile."""
    first = own.get(f"/v1/events?call_id={call_id}")["data"][0]
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
