"""Events reach their receivers: in order per call, again when they failed, whoever dies, and nobody waits for another.

Runs on every database the machine has.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from dialnexa.platform.agents.models import AgentVersion
from dialnexa.platform.webhooks import fanout, queue, samples, service, signing, wire
from dialnexa.platform.webhooks.models import Event, Webhook
from tests.platform.calls.conftest import any_house, any_url, empty_sqlite, house, postgres, url
from tests.platform.calls.house import House
from tests.platform.webhooks.post_office import SECRET, VAULT, PostOffice, open_office

__all__ = ["any_house", "any_url", "empty_sqlite", "house", "postgres", "url"]


@pytest.fixture
async def office(any_house: House) -> AsyncIterator[PostOffice]:
    async with open_office(any_house) as opened:
        yield opened


@pytest.fixture
async def local(house: House) -> AsyncIterator[PostOffice]:
    """On SQLite only, for what does not depend on the database."""
    async with open_office(house) as opened:
        yield opened


async def test_an_event_arrives_once_and_is_written_down(office: PostOffice) -> None:
    webhook = await office.webhook()
    await office.tell("call.started")
    await office.deliver()
    await office.deliver()
    assert office.receiver.events() == ["call.started"]
    (entry,) = await office.log()
    assert (entry.status, entry.response_status, entry.response_body, entry.call_id) == (
        "succeeded",
        200,
        "ok",
        "call_1",
    )
    known = await office.known(webhook)
    assert (known.last_delivery_at, known.last_status_code) == (office.clock.now(), 200)


async def test_the_events_of_a_call_arrive_in_order(office: PostOffice) -> None:
    await office.webhook()
    for call in range(5):
        await office.tell("call.initiated", "call.started", "call.completed", call=f"call_{call}")
    await office.deliver()
    assert len(office.receiver.received) == 15
    for call in range(5):
        seen = [one.json["event"] for one in office.receiver.received if one.json["call_id"] == f"call_{call}"]
        assert seen == ["call.initiated", "call.started", "call.completed"]


async def test_a_failed_delivery_holds_back_its_call_and_no_other(office: PostOffice) -> None:
    await office.webhook()
    office.receiver.statuses["/hook"] = 500
    await office.tell("call.initiated", "call.completed", call="call_bad")
    await office.deliver()
    office.receiver.statuses.clear()
    await office.tell("call.initiated", call="call_good")
    await office.deliver()
    assert [one.json["call_id"] for one in office.receiver.received] == ["call_bad", "call_good"]
    office.clock.later(seconds=13)
    await office.deliver()
    assert [(one.json["call_id"], one.json["event"]) for one in office.receiver.received[2:]] == [
        ("call_bad", "call.initiated"),
        ("call_bad", "call.completed"),
    ]


async def test_retries_come_after_10_60_and_300_seconds_then_it_is_a_dead_letter(office: PostOffice) -> None:
    await office.webhook()
    office.receiver.statuses["/hook"] = 503
    await office.tell("call.completed")
    for wait in (10, 60, 300):
        await office.deliver()
        (waiting,) = [one for one in await office.log() if one.status == "pending"]
        assert timedelta(seconds=wait * 0.8) <= waiting.due_at - office.clock.now() <= timedelta(seconds=wait * 1.2)
        office.clock.later(seconds=wait * 1.2)
    await office.deliver()
    log = await office.log()
    assert [(one.status, one.retry_attempt, one.response_status) for one in log] == [
        ("failed", n, 503) for n in range(4)
    ]
    assert {one.parent_delivery_id for one in log[1:]} == {log[0].id}
    assert [one.dead_at is not None for one in log] == [False, False, False, True]
    assert log[0].error_message == "The receiver answered 503 instead of 2xx."
    sent = office.receiver.received
    assert len({one.headers["x-dialnexa-event-id"] for one in sent}) == 1
    assert len({one.headers["x-dialnexa-delivery"] for one in sent}) == 4


async def test_dead_letters_come_back_in_their_order(office: PostOffice) -> None:
    await office.webhook(retry_count=0)
    office.receiver.statuses["/hook"] = 503
    await office.tell("call.initiated", "call.completed")
    await office.deliver()
    office.receiver.statuses.clear()
    async with office.house.database.write() as session:
        assert await service.retry_dead(session, office.house.who, now=office.clock.now()) == 2
    await office.deliver()
    assert office.receiver.events()[2:] == ["call.initiated", "call.completed"]
    assert [one.dead_at for one in await office.log()] == [None] * 4
    async with office.house.database.write() as session:
        assert await service.retry_dead(session, office.house.who, now=office.clock.now()) == 0


async def test_the_workspace_s_secret_signs_when_a_webhook_has_none(office: PostOffice) -> None:
    webhook = await office.webhook(secret_sealed="")
    await office.tell("call.initiated")
    await office.deliver()
    assert "has a secret" in ((await office.log())[0].error_message or ""), "a fault, but one that says what to do"
    async with office.house.database.write() as session:
        grace, now = timedelta(hours=1), office.clock.now()
        await signing.set_workspace_secret(
            session, VAULT, office.house.who, secret="shared", name=None, grace=grace, now=now
        )
    await office.tell("call.completed", call="call_2")
    await office.deliver()
    (sent,) = office.receiver.received
    assert sent.headers["x-dialnexa-signature"] == f"sha256={wire._hex('shared', sent.body)}"
    assert [one.url for one in await office.log() if one.status == "succeeded"] == [webhook.url]


async def test_no_retries_when_none_are_wanted(local: PostOffice) -> None:
    await local.webhook(retry_count=0)
    local.receiver.statuses["/hook"] = 404
    await local.tell("call.completed", "call.analysis_ready")
    await local.deliver()
    assert await local.statuses() == [("failed", 404), ("failed", 404)], "the next one goes out after a dead letter"


@pytest.mark.parametrize(
    ("path", "why"),
    [("/hang", "No answer within 0.1 s"), ("/reset", "broke off"), ("/nonsense", "not HTTP"), ("/drip", "No answer")],
)
async def test_a_bad_receiver_is_written_down_and_tried_again(local: PostOffice, path: str, why: str) -> None:
    await local.webhook(path, timeout_ms=100)
    await local.tell("call.completed")
    await local.deliver()
    failed, waiting = await local.log()
    assert (failed.status, failed.response_status, waiting.status) == ("failed", None, "pending")
    assert why in (failed.error_message or "")


async def test_a_redirect_to_a_private_address_is_not_followed(local: PostOffice) -> None:
    local.receiver.redirects["/hook"] = "http://169.254.169.254/latest/meta-data"
    await local.webhook()
    await local.tell("call.completed")
    await local.deliver()
    assert "Redirected to another host" in ((await local.log())[0].error_message or "")


async def test_receivers_that_hang_hold_up_nobody_else(office: PostOffice) -> None:
    gate = office.receiver.gates["/slow"] = asyncio.Event()
    await office.webhook("/slow")
    await office.webhook("/hook")
    pump = office.pump()
    for call in range(30):
        await office.tell("call.completed", call=f"call_{call}")
    while len(office.receiver.at("/hook")) < 30:
        await pump.round()
        await asyncio.sleep(0)
        await asyncio.wait(list(pump._sending), return_when=asyncio.FIRST_COMPLETED, timeout=0.02)
    assert len(office.receiver.at("/slow")) <= 4, "few are sent at once to one who has not answered yet"
    gate.set()
    await office.deliver(pump)
    assert len(office.receiver.at("/slow")) == 30


async def test_what_a_killed_process_was_sending_is_sent_by_another(office: PostOffice) -> None:
    """kill -9 between taking and sending: the lease runs out, and the next one who looks finds it."""
    await office.webhook(timeout_ms=5000)
    await office.tell("call.completed")
    async with office.house.database.write() as session:
        await fanout.hand_out(session, now=office.clock.now())
        taken, _ = await queue.take(session, queue.Room(10, {}, 10), now=office.clock.now())
    assert len(taken) == 1
    await office.deliver()
    assert office.receiver.received == [], "it is believed to be on its way"
    office.clock.later(seconds=15)
    await office.deliver()
    assert office.receiver.events() == ["call.completed"]


async def test_many_processes_share_the_work_and_send_nothing_twice(office: PostOffice) -> None:
    await office.webhook()
    pumps = [office.pump() for _ in range(3)]
    for call in range(40):
        await office.tell("call.initiated", "call.completed", call=f"call_{call}")
    for _ in range(60):
        await asyncio.gather(*(pump.round() for pump in pumps))
        await asyncio.gather(*(pump.idle() for pump in pumps))
        if len(office.receiver.received) == 80:
            break
    for pump in pumps:
        await office.deliver(pump)
    seen = [(one.json["call_id"], one.json["event"]) for one in office.receiver.received]
    assert len(seen) == len(set(seen)) == 80
    for call in range(40):
        assert seen.index((f"call_{call}", "call.initiated")) < seen.index((f"call_{call}", "call.completed"))


async def test_a_late_verdict_of_one_who_was_given_up_changes_nothing(office: PostOffice) -> None:
    await office.webhook()
    await office.tell("call.completed")
    async with office.house.database.write() as session:
        await fanout.hand_out(session, now=office.clock.now())
        (late,), _ = await queue.take(session, queue.Room(10, {}, 10), now=office.clock.now())
    office.clock.later(seconds=20)
    await office.deliver()
    verdict = queue.Attempt(late.delivery, "failed", office.clock.now(), 1, retry_at=office.clock.now())
    async with office.house.database.write() as session:
        await queue.settle(session, [verdict])
    assert await office.statuses() == [("succeeded", 200)]


async def test_an_event_committed_late_is_not_stepped_over(office: PostOffice) -> None:
    """On PostgreSQL a number taken early may become visible late; handing out must not count on the order."""
    await office.webhook()
    await office.tell("call.initiated", call="call_late")
    await office.tell("call.initiated", call="call_early")
    late, _ = await office.events()
    async with office.house.database.write() as session:
        await session.execute(delete(Event).where(Event.seq == late.seq))
    await office.deliver()
    row = {column.name: getattr(late, column.name) for column in Event.__table__.columns}
    async with office.house.database.write() as session:
        session.add(Event(**row))
    await office.deliver()
    assert [one.json["call_id"] for one in office.receiver.received] == ["call_early", "call_late"]
    positions = {event.call_id: event.position or 0 for event in await office.events()}
    assert positions["call_late"] > positions["call_early"], "a reader of the stream will see it"


async def test_each_hears_only_what_it_asked_for(local: PostOffice) -> None:
    await local.webhook("/some", "call.started")
    await local.webhook("/test", livemode=False)
    await local.webhook("/off", is_active=False)
    await local.webhook("/agent", agent_ids=["agent_of_somebody"])
    await local.webhook("/ours", agent_ids=[local.house.agent_id])
    await local.tell("call.initiated", "call.started")
    await local.tell("call.initiated", livemode=False)
    await local.deliver()
    assert local.receiver.events("/some") == ["call.started"]
    assert local.receiver.events("/test") == ["call.initiated"]
    assert local.receiver.events("/off") == local.receiver.events("/agent") == []
    assert local.receiver.events("/ours") == ["call.initiated", "call.started"]


@pytest.mark.parametrize(
    ("names", "heard"),
    [
        (["call.ended"], ["call.ended", "call.ended", "call.ended"]),
        (["call_ended", "call.completed"], ["call.completed", "call_ended", "call_ended"]),
        (["call.failed"], ["call.failed"]),
        (["call.failed", "call.busy"], ["call.busy"]),
        (["call.busy"], ["call.busy"]),
        (["*"], ["call.initiated", "call.completed", "call.failed", "call.no_answer"]),
        (["call_initiated"], ["call_initiated"]),
    ],
)
async def test_events_go_by_the_name_the_subscriber_chose(
    local: PostOffice, names: list[str], heard: list[str]
) -> None:
    await local.webhook("/hook", *names)
    await local.tell("call.initiated", call="call_0")
    await local.tell("call.completed", call="call_1", status="completed")
    await local.tell("call.failed", call="call_2", status="busy")
    await local.tell("call.no_answer", call="call_3", status="no_answer")
    await local.deliver()
    assert sorted(local.receiver.events()) == sorted(heard)
    assert sorted(one.json["event"] for one in local.receiver.received) == sorted(heard)


@pytest.mark.parametrize(("setting", "heard"), [({"webhook_enabled": False}, 0), ({}, 1)])
async def test_an_agent_may_be_muted(local: PostOffice, setting: dict[str, Any], heard: int) -> None:
    await _configure(local, setting)
    await local.webhook()
    await local.tell("call.completed", agent_version_id=local.house.version_id)
    await local.deliver()
    assert len(local.receiver.received) == heard


async def test_a_webhook_that_the_agent_names_hears_of_it_whatever_it_filters(local: PostOffice) -> None:
    webhook = await local.webhook("/hook", "campaign.completed", agent_ids=["agent_of_somebody"])
    await _configure(local, {"webhook_id": webhook.id})
    await local.tell("call.completed", agent_version_id=local.house.version_id)
    await local.deliver()
    assert local.receiver.events() == ["call.completed"]


async def _configure(local: PostOffice, setting: dict[str, Any]) -> None:
    async with local.house.database.write() as session:
        version = await session.get(AgentVersion, local.house.version_id)
        assert version is not None
        version.config = {**version.config, **setting}


async def test_what_waits_for_a_webhook_switched_off_becomes_a_dead_letter(local: PostOffice) -> None:
    webhook = await local.webhook()
    local.receiver.statuses["/hook"] = 500
    await local.tell("call.initiated", "call.completed")
    await local.deliver()
    async with local.house.database.write() as session:
        await session.execute(update(Webhook).where(Webhook.id == webhook.id).values(is_active=False))
    local.clock.later(seconds=20)
    await local.deliver()
    assert len(local.receiver.received) == 1
    assert [one.error_message for one in await local.log() if one.dead_at] == ["The webhook is switched off."] * 2


async def test_a_new_secret_counts_from_the_next_delivery_on(local: PostOffice) -> None:
    webhook = await local.webhook()
    await local.tell("call.initiated")
    await local.deliver()
    async with local.house.database.write() as session:
        await session.execute(
            update(Webhook).where(Webhook.id == webhook.id).values(secret_sealed=VAULT.seal("another"))
        )
    await local.tell("call.completed")
    await local.deliver()
    for one, secret in zip(local.receiver.received, (SECRET, "another"), strict=True):
        assert one.headers["x-dialnexa-signature"] == f"sha256={wire._hex(secret, one.body)}"


async def test_a_finished_call_carries_transcript_and_recording(local: PostOffice) -> None:
    from dialnexa.platform.calls.records import RecordingFile
    from tests.platform.calls.house import said

    await local.webhook("/hook", "call.completed")
    await local.house.node()
    call = await local.house.talking()
    await local.house.finish(
        call.id,
        turns=[said("agent", "Hello!", 0), said("user", "Hi.", 900)],
        recording=RecordingFile("a.wav", 2000, 100),
        duration_ms=2000,
    )
    await local.deliver()
    body = local.receiver.received[0].json
    assert body["transcript"] == "Agent: Hello!\nUser: Hi."
    assert body["recording_url"] == body["payload"]["call"]["recording_url"] == f"http://api/recordings/{call.id}"
    assert [turn["content"] for turn in json.loads(body["payload"]["call"]["transcript"])] == ["Hello!", "Hi."]
    assert body["metadata"] == {"crm_contact_id": "cont_99123"}
    sample = samples.sample("call.completed", "ws_1", livemode=True)
    assert sample.keys() == body.keys(), "what the catalogue shows is what arrives"
    assert sample["payload"]["call"].keys() == body["payload"]["call"].keys()


async def test_stopping_gives_back_what_was_not_sent(local: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dialnexa.platform.webhooks.pump._FAREWELL_S", 0.05)
    await local.webhook("/hang")
    await local.tell("call.completed")
    pump = local.pump()
    await pump.round()
    await pump._stop()
    (entry,) = await local.log()
    assert (entry.status, entry.due_at) == ("pending", local.clock.now()), "the next process need not wait"
