"""K 11: one delivery serves three kinds of readers, signed both ways; three retries; a new secret counts at once."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.platform.webhooks.pump import Pump
from dialnexa.platform.webhooks.sending import Sender
from tests.api.world import VAULT, World
from tests.conformance.shapes import place, s1
from tests.platform.webhooks.receiver import Received, Receiver, receiving

SECRET = "a secret between us"


class Post:
    """The pump of an api process, gone through round by round, and a receiver on loopback."""

    def __init__(self, world: World, receiver: Receiver, outgoing: Outgoing) -> None:
        self.world = world
        self.receiver = receiver
        sender = Sender(outgoing, VAULT, world.clock)
        self._pump = Pump(world.database, sender, world.clock, lambda call: f"http://api/{call}", dice=Random(1))

    async def subscribe(self, **more: Any) -> str:
        body = {"url": self.receiver.url(), "events": ["*"], "secret": SECRET, **more}
        answer = await self.world.http.post("/v1/user-webhooks", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def deliver(self) -> list[Received]:
        """Send whatever is due now; return what of it came with an event of a call."""
        before = len(self.receiver.received)
        while await self._pump.round() or self._pump._sending:
            await self._pump.idle()
        await self._pump.idle()
        return [one for one in self.receiver.received[before:] if one.json["event"] != "ping"]


@pytest.fixture
async def post(world: World) -> AsyncIterator[Post]:
    outgoing = Outgoing(Allowance.parse("127.0.0.0/8"))
    world.app.state.outgoing = outgoing
    async with receiving() as receiver:
        yield Post(world, receiver, outgoing)
        await outgoing.aclose()


def _signed(one: Received, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), one.body, hashlib.sha256).hexdigest()


async def test_both_signatures_are_of_the_raw_body(world: World, post: Post) -> None:
    await post.subscribe()
    await place(world, s1(world))
    (one,) = await post.deliver()
    assert one.headers["x-dialnexa-signature"] == one.headers["x-nexa-signature"] == _signed(one, SECRET)
    parts = dict(part.split("=", 1) for part in one.headers["x-dialnexa-signature-v2"].split(","))
    stamped = hmac.new(SECRET.encode(), f"{parts['t']}.".encode() + one.body, hashlib.sha256).hexdigest()
    assert parts["v1"] == stamped


async def test_readers_of_all_three_generations_parse_the_same_delivery(world: World, post: Post) -> None:
    await post.subscribe()
    call = await place(world, s1(world))
    (one,) = await post.deliver()
    body = json.loads(one.body)
    # P1 reads event_type and payload.call
    told = body["payload"]["call"]
    assert (body["event_type"], told["id"], told["direction"]) == ("call_initiated", call["call_id"], "outbound")
    assert told["to_number"].lstrip("+") == call["to_number"].lstrip("+")
    assert told.keys() >= {"type", "category", "from_number", "status", "agent_id", "initiated_at"}
    # P2 reads it flat
    assert (body["event"], body["session_id"]) == ("call.initiated", call["call_id"])
    assert body.keys() >= {"workspace_id", "agent_id", "phone_number", "timestamp"}
    # P3 is a connector that looks for these at the top
    assert (body["call_id"], body["metadata"]) == (call["call_id"], call["metadata"])
    assert body.keys() >= {"status", "sentiment", "summary", "transcript", "duration", "recording_url", "agent_id"}


async def test_a_delivery_is_tried_again_three_times_and_no_more(world: World, post: Post) -> None:
    webhook = await post.subscribe()
    post.receiver.statuses["/hook"] = 500
    await place(world, s1(world))
    attempts = list[Received]()
    for _ in range(8):
        attempts += await post.deliver()
        world.clock.later(minutes=10)
    assert len(attempts) == 4
    assert len({one.headers["x-dialnexa-event-id"] for one in attempts}) == 1
    assert len({one.headers["x-dialnexa-delivery"] for one in attempts}) == 4
    log = (await world.http.get(f"/v1/user-webhooks/{webhook}/deliveries")).json()["data"]
    calls = [entry for entry in log if entry["event"] == "call.initiated"]
    assert sorted(entry["retry_attempt"] for entry in calls) == [0, 1, 2, 3]
    assert not any(entry["is_success"] for entry in calls)


async def test_a_new_secret_counts_from_the_very_next_delivery(world: World, post: Post) -> None:
    webhook = await post.subscribe()
    await place(world, s1(world))
    (before,) = await post.deliver()
    answer = await world.http.patch(f"/v1/user-webhooks/{webhook}", json={"secret": "quite another secret"})
    assert answer.status_code == 200, answer.text
    await place(world, s1(world))
    (after,) = await post.deliver()
    assert before.headers["x-dialnexa-signature"] == _signed(before, SECRET)
    assert after.headers["x-dialnexa-signature"] == _signed(after, "quite another secret")
