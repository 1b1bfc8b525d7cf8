"""Webhooks over HTTP: saving and testing, the log, dead letters, sending again, and the stream of events."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from dialnexa.kit.outgoing import Allowance, Outgoing
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks import names, stream
from dialnexa.platform.webhooks.outbox import emit
from dialnexa.platform.webhooks.pump import Pump
from dialnexa.platform.webhooks.sending import Sender
from tests.api.conftest import furnished, world
from tests.api.world import VAULT, World
from tests.platform.webhooks.receiver import Received, Receiver, receiving

__all__ = ["furnished", "world"]
PATH = "/v1/user-webhooks"


@pytest.fixture
async def receiver(world: World) -> AsyncIterator[Receiver]:
    """A receiver that the installation's operator has allowed."""
    outgoing = Outgoing(Allowance.parse("127.0.0.0/8"))
    world.app.state.outgoing = outgoing
    world.app.state.sender = Sender(outgoing, VAULT, world.clock)
    async with receiving() as running:
        yield running
        await outgoing.aclose()


async def add(world: World, receiver: Receiver, path: str = "/hook", **fields: Any) -> dict[str, Any]:
    body = {"url": receiver.url(path), "events": ["*"], **fields}
    answer = await world.http.post(PATH, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def happen(world: World, *types: str, call_id: str = "call_x") -> None:
    known = (await world.http.get("/v1/workspace/limits")).status_code
    assert known == 200
    who = await _me(world)
    async with world.database.write() as session:
        for type_ in types:
            await emit(
                session,
                workspace_id=who.workspace_id,
                account_id=who.account_id,
                livemode=True,
                type_=type_,
                payload={"call": {"id": call_id}},
                call_id=call_id,
                at=world.clock.now(),
            )


async def _me(world: World) -> Principal:
    return await world.app.state.authenticator.authenticate(f"Bearer {world.home.keys.secret_key}")


async def deliver(world: World) -> None:
    pump = Pump(world.database, world.app.state.sender, world.clock, world.app.state.recording_link)
    while await pump.round() or pump._sending:
        await pump.idle()


async def test_saving_answers_flat_and_wrapped_and_shows_the_secret_once(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver, events=["call.completed", "call.ended"])
    assert made["secret"].startswith("whsec_")
    assert made["webhook"]["id"] == made["id"]
    assert made["id"].startswith("webhook_")
    assert made["message"] == "Webhook created."
    assert (made["is_active"], made["retry_count"], made["timeout_ms"]) == (True, 3, 10_000)
    for answer in (await world.http.get(f"{PATH}/{made['id']}"), await world.http.get(PATH)):
        assert made["secret"] not in answer.text
        assert "secret" not in answer.json()
    assert (await world.http.get(f"/webhooks/{made['id']}")).json()["url"] == made["url"]


async def test_saving_sends_a_signed_ping(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver, secret="mine")
    (ping,) = receiver.received
    assert (ping.headers["x-dialnexa-event"], ping.json["event"]) == ("ping", "ping")
    expected = "sha256=" + hmac.new(b"mine", ping.body, hashlib.sha256).hexdigest()
    assert ping.headers["x-dialnexa-signature"] == ping.headers["x-nexa-signature"] == expected
    assert (made["ping"]["is_success"], made["ping"]["response_status"], made["last_status_code"]) == (True, 200, 200)


@pytest.mark.parametrize(("path", "why"), [("/reset", "broke off"), ("/bad", "answered 500")])
async def test_saving_succeeds_when_the_ping_fails(world: World, receiver: Receiver, path: str, why: str) -> None:
    receiver.statuses["/bad"] = 500
    made = await add(world, receiver, path)
    assert made["ping"]["is_success"] is False
    assert why in made["message"]
    assert (await world.http.get(f"{PATH}/{made['id']}")).json()["is_active"] is True


async def test_a_webhook_switched_off_is_not_pinged(world: World, receiver: Receiver) -> None:
    assert (await add(world, receiver, is_active=False))["ping"] is None
    assert receiver.received == []


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("url", "http://example.com/", "url must be an https URL"),
        ("url", "https://10.0.0.1/", "url must be publicly reachable; 10.0.0.1 is a private or reserved address"),
        ("url", "https://localhost/", "url must be publicly reachable; localhost is not"),
        ("url", "https://example.com/" + "x" * 150, "url must be 150 characters or fewer (received 170)"),
        ("url", "nonsense", "url must be a valid URL"),
        ("events", [], "events should not be empty"),
        (
            "events",
            ["call.exploded"],
            "events has unknown names: call.exploded. Valid are: call.initiated, call.started",
        ),
        ("retry_count", 4, "retry_count must be at most 3"),
        ("timeout_ms", 999, "timeout_ms must be at least 1000"),
        ("timeout_ms", 60_001, "timeout_ms must be at most 60000"),
        ("agent_ids", ["agent_x"], "agent_ids names agents that do not exist: agent_x"),
    ],
)
async def test_limits(world: World, field: str, value: Any, sentence: str) -> None:
    body = {"url": "https://hooks.example/", "events": ["*"], "is_active": False, field: value}
    answer = await world.http.post(PATH, json=body)
    assert answer.status_code == 400
    assert any(said.startswith(sentence) for said in answer.json()["message"]), answer.text


async def test_changing(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver, secret="old")
    changed = await world.http.patch(f"{PATH}/{made['id']}", json={"secret": "new", "events": ["call_ended"]})
    assert changed.status_code == 200
    assert (changed.json()["events"], changed.json()["secret"]) == (["call_ended"], None)
    last = receiver.received[-1]
    assert last.headers["x-dialnexa-signature"].endswith(hmac.new(b"new", last.body, hashlib.sha256).hexdigest())
    rotated = (await world.http.patch(f"{PATH}/{made['id']}", json={"rotate_secret": True})).json()
    assert rotated["secret"].startswith("whsec_")
    off = (await world.http.patch(f"{PATH}/{made['id']}", json={"is_active": False})).json()
    assert (off["is_active"], off["url"], off["ping"]) == (False, made["url"], None)


async def test_a_secret_may_be_replaced_with_grace(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver, secret="old")
    path = f"{PATH}/{made['id']}"
    changed = (await world.http.patch(path, json={"secret": "new", "grace_seconds": 3600})).json()
    assert changed["previous_secret_expires_at"] == "2026-05-23T13:00:00.000Z"
    assert [secret for secret in ("new", "old", "other") if _verifies(secret, receiver.received[-1])] == ["new", "old"]
    world.clock.later(seconds=3601)
    await world.http.post(f"{path}/test")
    assert [secret for secret in ("new", "old") if _verifies(secret, receiver.received[-1])] == ["new"]
    again = (await world.http.patch(path, json={"secret": "newest"})).json()
    assert again["previous_secret_expires_at"] is None
    assert [secret for secret in ("newest", "new") if _verifies(secret, receiver.received[-1])] == ["newest"]


def _verifies(secret: str, one: Received) -> bool:
    """Check the V2 header as docs/webhooks.md does."""
    stamp, *given = one.headers["x-dialnexa-signature-v2"].split(",")
    timed = stamp.removeprefix("t=").encode() + b"." + one.body
    return f"v1={hmac.new(secret.encode(), timed, hashlib.sha256).hexdigest()}" in given


SHARED = "/v1/workspace/webhook-secret"


async def test_the_workspace_s_secret_signs_for_webhooks_without_their_own(world: World, receiver: Receiver) -> None:
    assert (await world.http.get(SHARED)).json()["is_set"] is False
    shared = (await world.http.post(SHARED, json={"name": "receivers"})).json()
    assert shared["secret"].startswith("whsec_")
    assert shared["secret"] not in (await world.http.get(SHARED)).text
    own = await add(world, receiver, "/own", secret="mine")
    made = await add(world, receiver)
    assert (own["uses_workspace_secret"], made["uses_workspace_secret"], made["secret"]) == (False, True, None)
    await happen(world, "call.completed")
    await deliver(world)
    assert _verifies(shared["secret"], receiver.at("/hook")[-1])
    assert _verifies("mine", receiver.at("/own")[-1])

    rotated = (await world.http.post(SHARED, json={"secret": "chosen", "grace_seconds": 60})).json()
    assert (rotated["secret"], rotated["name"], rotated["last4"]) == ("chosen", "receivers", "osen")
    await world.http.post(f"{PATH}/{made['id']}/test")
    last = receiver.at("/hook")[-1]
    assert _verifies("chosen", last)
    assert _verifies(shared["secret"], last)


async def test_the_workspace_s_secret_stays_while_it_is_needed(world: World, receiver: Receiver) -> None:
    await world.http.post(SHARED, json={})
    made = await add(world, receiver)
    refused = await world.http.delete(SHARED)
    assert (refused.status_code, made["id"] in refused.json()["message"]) == (409, True)
    await world.http.patch(f"{PATH}/{made['id']}", json={"secret": "its own"})
    assert (await world.http.delete(SHARED)).status_code == 200
    refused = await world.http.patch(f"{PATH}/{made['id']}", json={"use_workspace_secret": True})
    assert refused.status_code == 404, "there is none"
    await world.http.post(SHARED, json={"secret": "shared"})
    moved = (await world.http.patch(f"{PATH}/{made['id']}", json={"use_workspace_secret": True})).json()
    assert moved["uses_workspace_secret"] is True
    assert _verifies("shared", receiver.received[-1])


async def test_live_and_test_mode_have_secrets_of_their_own(world: World) -> None:
    await world.http.post(SHARED, json={"secret": "live"})
    async with world.as_(world.home.keys.test_secret_key) as tester:
        assert (await tester.get(SHARED)).json()["is_set"] is False
    assert (await world.http.get(SHARED)).json()["last4"] == "live"


async def test_listing(world: World, receiver: Receiver) -> None:
    for number in range(12):
        await add(world, receiver, f"/{number}", is_active=number % 2 == 0)
    first = (await world.http.get(PATH)).json()
    assert (len(first["data"]), first["meta"]["total"], first["meta"]["limit"]) == (10, 12, 10)
    active = (await world.http.get(PATH, params={"is_active": "true", "limit": 50})).json()["data"]
    assert len(active) == 6
    older = (await world.http.get(PATH, headers={"DialNexa-Envelope": "openapi"})).json()
    assert (older["totalPages"], older["webhooks"][0]["secret"]) == (2, "********")
    async with world.as_(world.home.keys.test_secret_key) as tester:
        assert (await tester.get(PATH)).json()["data"] == []
        assert (await tester.get(f"{PATH}/{first['data'][0]['id']}")).status_code == 404


async def test_deleting(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver)
    gone = await world.http.delete(f"{PATH}/{made['id']}")
    assert gone.json().keys() == {"success", "message", "id"}
    assert (await world.http.get(f"{PATH}/{made['id']}")).status_code == 404
    await happen(world, "call.completed")
    await deliver(world)
    assert receiver.events() == ["ping"]


async def test_the_log_links_retries_and_dead_letters_come_back(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver, retry_count=1)
    receiver.statuses["/hook"] = 500
    await happen(world, "call.completed")
    await deliver(world)
    world.clock.later(seconds=15)
    await deliver(world)
    log = (await world.http.get(f"{PATH}/{made['id']}/deliveries", params={"call_id": "call_x"})).json()["data"]
    assert [(one["retry_attempt"], one["status"], one["is_dead"]) for one in log] == [
        (1, "failed", True),
        (0, "failed", False),
    ]
    assert log[0]["parent_delivery_id"] == log[1]["id"]
    assert log[0]["response_status"] == 500
    (dead,) = (await world.http.get(f"{PATH}/dead-letters")).json()["data"]
    assert dead["id"] == log[0]["id"]

    receiver.statuses.clear()
    again = await world.http.post(f"{PATH}/{made['id']}/replay", json={"from": "2026-05-01", "only_dead": True})
    assert (again.status_code, again.json()["count"]) == (202, 1)
    await deliver(world)
    assert (await world.http.get(f"{PATH}/dead-letters")).json()["data"] == []
    sent = receiver.received[1:]
    assert len({one.headers["x-dialnexa-event-id"] for one in sent}) == 1, "consumers know it by its event id"
    assert sent[-1].body == sent[0].body


async def test_dead_letters_are_sent_again_one_or_all(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver, retry_count=0)
    other = await add(world, receiver, "/other", retry_count=0)
    receiver.statuses |= {"/hook": 500, "/other": 500}
    await happen(world, "call.initiated", "call.completed")
    await deliver(world)
    dead = (await world.http.get(f"{PATH}/dead-letters")).json()["data"]
    assert len(dead) == 4
    receiver.statuses.clear()
    receiver.received.clear()

    one = dead[0]["id"]
    assert (await world.http.post(f"{PATH}/dead-letters/{one}/retry")).json()["count"] == 1
    assert (await world.http.post(f"{PATH}/dead-letters/{one}/retry")).status_code == 404, "it is none any more"
    await world.http.patch(f"{PATH}/{other['id']}", json={"is_active": False})
    of_one = {"webhook_id": made["id"]}
    left = (await world.http.get(f"{PATH}/dead-letters", params=of_one)).json()["meta"]["total"]
    assert (await world.http.post(f"{PATH}/dead-letters/retry", json=of_one)).json()["count"] == left
    assert (await world.http.post(f"{PATH}/dead-letters/retry", json={})).json()["count"] == 0, "switched off"
    await deliver(world)
    assert sorted(receiver.events("/hook")) == ["call.completed", "call.initiated"]
    remaining = (await world.http.get(f"{PATH}/dead-letters")).json()["data"]
    assert {each["webhook_id"] for each in remaining} == {other["id"]}
    assert (await world.http.post(f"{PATH}/dead-letters/{remaining[0]['id']}/retry")).status_code == 409


async def test_a_delivery_shows_what_was_sent_and_what_came_back(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver, secret="hidden")
    await happen(world, "call.completed")
    await deliver(world)
    log = (await world.http.get(f"{PATH}/{made['id']}/deliveries")).json()["data"]
    for entry, sent in zip(reversed(log), receiver.received, strict=True):
        found = (await world.http.get(f"{PATH}/{made['id']}/deliveries/{entry['id']}")).json()
        assert (found["url"], found["response_status"], found["response_body"]) == (made["url"], 200, "ok")
        assert found["request"]["body"] == sent.body.decode()
        assert {
            name.lower(): value for name, value in found["request"]["headers"].items()
        }.items() <= sent.headers.items()
        assert "signature" not in str(found["request"]["headers"]).lower()
    missing = await world.http.get(f"{PATH}/{made['id']}/deliveries/dlv_none")
    assert missing.status_code == 404


async def test_the_catalogue_shows_a_sample_of_each_kind(world: World, receiver: Receiver) -> None:
    kinds = {kind["name"]: kind for kind in (await world.http.get("/v1/webhook-events")).json()["data"]}
    assert list(kinds) == list(names.CANONICAL)
    for name, kind in kinds.items():
        assert (kind["sample"]["event"], kind["sample"]["event_type"]) == (name, kind["event_type"])
    assert kinds["call.busy"]["aliases"] == ["call.ended", "call_ended"]
    assert kinds["call.completed"]["sample"]["transcript"].startswith("Agent: ")
    assert kinds["call.no_answer"]["sample"]["payload"]["call"]["status"] == "hangup"
    made = await add(world, receiver, secret="x")
    real = receiver.received[-1].json
    assert kinds["ping"]["sample"].keys() == real.keys()
    assert made["ping"]["is_success"] is True


async def test_replaying_one_event_or_a_range(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver, events=["call.completed"])
    await happen(world, "call.initiated", "call.completed", call_id="call_a")
    world.clock.later(hours=1)
    await happen(world, "call.initiated", "call.completed", call_id="call_b")
    await deliver(world)
    event_id = receiver.received[-1].json["id"]
    path = f"{PATH}/{made['id']}/replay"
    assert (await world.http.post(path, json={"event_id": event_id})).json()["count"] == 1
    assert (await world.http.post(path, json={"from": "2026-05-23T12:30:00Z"})).json()["count"] == 1
    assert (await world.http.post(path, json={"from": "2026-05-23", "to": "2026-05-24"})).json()["count"] == 2
    await deliver(world)
    assert [one.json["call_id"] for one in receiver.received[3:]].count("call_b") == 3
    assert (await world.http.post(path, json={})).status_code == 400
    assert (await world.http.post(path, json={"event_id": "evt_none"})).status_code == 404
    await world.http.patch(f"{PATH}/{made['id']}", json={"is_active": False})
    assert (await world.http.post(path, json={"event_id": event_id})).status_code == 409


async def test_testing_by_hand(world: World, receiver: Receiver) -> None:
    made = await add(world, receiver)
    receiver.statuses["/hook"] = 418
    result = (await world.http.post(f"{PATH}/{made['id']}/test")).json()
    assert (result["event"], result["response_status"], result["status"]) == ("ping", 418, "failed")


async def test_events_can_be_read_in_parts(world: World, receiver: Receiver) -> None:
    await happen(world, "call.initiated", "call.started", "call.completed")
    await deliver(world)
    start = (await world.http.get("/v1/events")).json()
    assert [one["event"] for one in start["data"]] == ["call.initiated", "call.started", "call.completed"]
    part = (await world.http.get("/v1/events", params={"limit": 1})).json()
    rest = (await world.http.get("/v1/events", params={"after": part["next_after"]})).json()
    assert part["data"] + rest["data"] == start["data"]
    by_id = (await world.http.get("/v1/events", params={"after": start["data"][1]["id"]})).json()
    assert by_id["data"] == start["data"][2:]
    only = (await world.http.get("/v1/events", params={"type": "call.started", "call_id": "call_x"})).json()
    assert len(only["data"]) == 1
    assert (await world.http.get("/v1/events", params={"after": "what"})).status_code == 400


async def test_the_stream_goes_on_where_its_reader_left_off(world: World, receiver: Receiver) -> None:
    interest = stream.Interest(await _me(world))
    await happen(world, "call.initiated", "call.started")
    await deliver(world)
    first = (await world.http.get("/v1/events")).json()["data"][0]
    begin = await stream.place(world.database, interest.who, first["id"])
    frames = stream.Streams(world.database, world.clock, 0).follow(interest, begin, str)
    assert await anext(frames) == b"retry: 3000\n\n"
    identifier, name, data = (await anext(frames)).decode().strip().split("\n")
    assert (identifier, name) == (f"id: {first['sequence'] + 1}", "event: call.started")
    assert json.loads(data.removeprefix("data: "))["event"] == "call.started"
    assert await anext(frames) == b": nothing new\n\n"
    await happen(world, "call.completed")
    await deliver(world)
    assert b"event: call.completed" in await anext(frames)
    left = [frame async for frame in frames]
    assert set(left) == {b": nothing new\n\n"}, "it ends after a while, so that keys are checked anew"
    assert await stream.place(world.database, interest.who, None) == first["sequence"] + 2, (
        "without Last-Event-ID it begins now"
    )


async def test_the_stream_is_served_as_server_sent_events(world: World, receiver: Receiver) -> None:
    await happen(world, "call.completed")
    await deliver(world)
    answer = await world.http.get("/v1/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "0"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: call.completed\n" in answer.text


async def test_one_key_has_so_many_streams_open_and_no_more(world: World) -> None:
    streams = world.app.state.streams = stream.Streams(world.database, world.clock, 1)
    headers = {"Accept": "text/event-stream"}
    with streams.seat("key_of_somebody_else"):
        for _ in range(2):  # one after the other: who is gone gives the place back
            assert (await world.http.get("/v1/events", headers=headers)).status_code == 200
    me = await _me(world)
    with streams.seat(me.key_id):
        refused = await world.http.get("/v1/events", headers=headers)
        page = await world.http.get("/v1/events")
    assert (refused.status_code, refused.headers["retry-after"], page.status_code) == (429, "5", 200)
    assert refused.json()["code"] == "too_many_streams"
    assert refused.json()["message"].startswith("This key has 1 event streams open, as many as it may. Close one")


async def test_readers_that_wait_look_at_the_database_in_turn(world: World, receiver: Receiver) -> None:
    arrivals = stream.Arrivals(world.database, world.clock)
    looks = 0

    async def sleep(seconds: float) -> None:
        nonlocal looks
        looks += 1
        world.clock.later(seconds=seconds)
        if looks == 3:
            await happen(world, "call.started")
            await deliver(world)
        await asyncio.sleep(0)

    world.clock.sleep = sleep  # type: ignore[method-assign]
    until = world.clock.monotonic() + 60
    await asyncio.gather(*(arrivals.beyond(0, until=until) for _ in range(20)))
    assert (arrivals.last > 0, looks) == (True, 3)
