"""The life of a call: dialled by one node only, told as it goes, ended once and whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from dialnexa.kit.errors import Conflict
from dialnexa.platform.calls import repository, service
from dialnexa.platform.calls.admission import Refused
from dialnexa.platform.calls.models import Recording, TimelineEvent, Transcript
from dialnexa.platform.calls.records import ClaimedCall, InboundCall, RecordingFile, TimelineEntry
from dialnexa.platform.calls.states import CallState
from dialnexa.platform.webhooks.models import Event
from tests.platform.calls.house import CUSTOMER, NODE, NOON, OUR_NUMBER, House, corrupt, said


async def timeline(house: House, call_id: str) -> list[str]:
    async with house.database.read() as session:
        return list(
            await session.scalars(
                select(TimelineEvent.kind).where(TimelineEvent.call_id == call_id).order_by(TimelineEvent.seq)
            )
        )


async def test_a_call_goes_from_queued_to_completed(any_house: House) -> None:
    house = any_house
    await house.node()
    call = await house.place()
    assert call.state == "queued"

    claimed = await house.claim(call.id)
    assert claimed is not None
    assert (claimed.from_number, claimed.to_number) == (OUR_NUMBER, CUSTOMER)
    assert claimed.variables == {"customer_name": "Alex Rivera"}
    assert claimed.config.prompt_text == "You call {{customer_name}}."
    assert claimed.trunk_id == house.trunk_id

    assert await house.ringing(call.id)
    house.later(seconds=4)
    assert await house.answered(call.id)
    house.later(seconds=30)
    turns = (said("agent", "Hello!", 0, first_packet=300), said("user", "Hi.", 900))
    recording = RecordingFile(f"{call.id}.wav", 30_000, 960_044)
    quality = {"codec": "PCMU"}
    assert await house.finish(
        call.id,
        answered_at=NOON,
        duration_ms=30_000,
        turns=turns,
        recording=recording,
        media_quality=quality,
        collected_variables={"day": "Friday"},
    )

    ended = await house.call(call.id)
    assert (ended.state, ended.end_reason, ended.duration_ms) == ("completed", "user_disconnected", 30_000)
    assert ended.latency_ms == 300
    assert ended.media_quality == {"codec": "PCMU"}
    assert ended.collected_variables == {"day": "Friday"}
    assert await house.slots() == []
    assert await house.events() == ["call.initiated", "call.started", "call.completed", "call.transcript_ready"]
    assert await timeline(house, call.id) == ["call_queued", "call_started", "ringing", "call_answered", "call_ended"]
    async with house.database.read() as session:
        transcript = (await session.scalars(select(Transcript))).one()
        kept = (await session.scalars(select(Recording))).one()
    assert transcript.text == "Agent: Hello!\nUser: Hi."
    assert (kept.blob_key, kept.bytes) == (f"{call.id}.wav", 960_044)


async def test_only_one_of_many_nodes_passes_the_fence(any_house: House) -> None:
    house = any_house
    call = await house.place()
    names = [f"node_{number}" for number in range(8)]
    for name in names:
        await house.node(name)
    claims = await asyncio.gather(*(house.claim(call.id, name) for name in names))
    assert sum(claim is not None for claim in claims) == 1


async def test_a_node_without_a_lease_never_dials(house: House) -> None:
    call = await house.place()
    assert await house.claim(call.id, "node_gone") is None
    assert (await house.call(call.id)).state == "queued"


async def test_a_stranger_cannot_move_a_call(house: House) -> None:
    await house.node()
    await house.node("node_2")
    call = await house.talking()
    assert not await house.finish(call.id, node_id="node_2")
    assert not await house.answered(call.id, "node_2")
    assert (await house.call(call.id)).state == "in_progress"


async def test_what_is_final_stays_final(house: House) -> None:
    await house.node()
    call = await house.talking()
    assert await house.finish(call.id)
    events = await house.events()
    assert not await house.finish(call.id, CallState.FAILED, "error")
    assert not await house.ringing(call.id)
    assert not await house.answered(call.id)
    assert (await house.call(call.id)).state == "completed"
    assert await house.events() == events


async def test_an_answer_nobody_reported_is_made_up_for(house: House) -> None:
    await house.node()
    call = await house.place()
    await house.claim(call.id)
    assert await house.finish(call.id, answered_at=house.now, duration_ms=10)
    assert (await house.call(call.id)).state == "completed"
    assert await house.events() == ["call.initiated", "call.started", "call.completed"]


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (CallState.NO_ANSWER, "call.no_answer"),
        (CallState.BUSY, "call.failed"),
        (CallState.FAILED, "call.failed"),
        (CallState.VOICEMAIL, "call.completed"),
        (CallState.CANCELLED, "call.failed"),
    ],
)
async def test_every_end_has_its_event(house: House, state: CallState, event: str) -> None:
    await house.node()
    call = await house.place()
    await house.claim(call.id)
    await house.ringing(call.id)
    await house.finish(call.id, state, "whatever")
    assert (await house.events())[-1] == event
    assert (await house.call(call.id)).state == str(state)


async def test_the_event_carries_the_call(house: House) -> None:
    await house.node()
    call = await house.talking()
    await house.finish(call.id, duration_ms=1500)
    async with house.database.read() as session:
        last = (await session.scalars(select(Event).order_by(Event.seq.desc()).limit(1))).one()
    told = last.payload["call"]
    assert isinstance(told, dict)
    assert (told["id"], told["status"], told["duration"]) == (call.id, "completed", 1.5)
    assert (told["agent_version_number"], told["metadata"]) == (1, {"crm_contact_id": "cont_99123"})


async def test_a_failed_function_is_an_event(house: House) -> None:
    await house.node()
    call = await house.talking()
    async with house.database.write() as session:
        await service.append_events(
            session,
            call.id,
            [
                TimelineEntry(NOON, "tool", {"name": "book", "ok": False}),
                TimelineEntry(NOON, "tool", {"name": "look", "ok": True}),
                TimelineEntry(NOON, "call_answered"),  # the record wrote this itself
            ],
        )
    assert (await house.events()).count("call.function_error") == 1
    assert (await timeline(house, call.id)).count("call_answered") == 1


async def test_a_transfer_is_an_event_at_its_end_and_stays_on_the_record(house: House) -> None:
    await house.node()
    call = await house.talking()
    legs = [{"destination": "+16505550111", "status": "bridged"}]
    steps = [
        TimelineEntry(NOON, "transfer", {"id": "xfer_1", "status": status, "legs": legs})
        for status in ("initiated", "hunting", "completed")
    ]
    async with house.database.write() as session:
        await service.append_events(session, call.id, steps)
        latest = (await repository.transfers(session, [call.id]))[call.id]
        told = (await session.scalars(select(Event).order_by(Event.seq.desc()).limit(1))).one()
    assert (await house.events()).count("call.transferred") == 1
    assert latest == told.payload["call_transfer"] == {"id": "xfer_1", "status": "completed", "legs": legs}


class TestHangingUp:
    async def hang_up(self, house: House, call_id: str) -> str:
        async with house.database.write() as session:
            call = await repository.get(session, call_id)
            assert call is not None
            return (await service.request_hang_up(session, call, now=house.now)).state

    async def test_a_waiting_call_is_cancelled_at_once(self, house: House) -> None:
        call = await house.place()
        assert await self.hang_up(house, call.id) == "cancelled"
        assert await house.slots() == []
        await house.node()
        assert await house.claim(call.id) is None

    async def test_a_live_call_is_ended_by_its_worker(self, any_house: House) -> None:
        house = any_house
        await house.node()
        call = await house.talking()
        assert await self.hang_up(house, call.id) == "in_progress"
        async with house.database.read() as session:
            assert await service.hang_ups(session, NODE) == [call.id]
            assert await service.hang_ups(session, "node_2") == []
        await house.finish(call.id, CallState.CANCELLED, "cancelled", answered_at=NOON)
        assert (await house.call(call.id)).state == "completed"
        async with house.database.read() as session:
            assert await service.hang_ups(session, NODE) == []

    async def test_an_ended_call_cannot_end_again(self, house: House) -> None:
        call = await house.place()
        await self.hang_up(house, call.id)
        with pytest.raises(Conflict, match="already ended"):
            await self.hang_up(house, call.id)


class TestInbound:
    def caller(self, house: House) -> InboundCall:
        return InboundCall(
            workspace_id=house.who.workspace_id,
            account_id=house.who.account_id,
            livemode=True,
            from_number=CUSTOMER,
            to_number=OUR_NUMBER,
            phone_number_id=house.number_id,
            trunk_id=house.trunk_id,
            agent_id=house.agent_id,
            agent_version_id=house.version_id,
        )

    async def let_in(self, house: House) -> ClaimedCall | Refused:
        async with house.database.write() as session:
            return await service.admit_inbound(session, self.caller(house), NODE, now=house.now)

    async def test_a_caller_becomes_a_ringing_call_of_this_node(self, any_house: House) -> None:
        house = any_house
        await house.node()
        claimed = await self.let_in(house)
        assert isinstance(claimed, ClaimedCall)
        assert claimed.direction == "inbound"
        assert (await house.call(claimed.call_id)).state == "ringing"
        assert await house.answered(claimed.call_id)
        assert len(await house.slots()) == 4

    async def test_the_timeline_tells_by_which_numbers_a_caller_came(self, house: House) -> None:
        await house.node()
        caller = replace(self.caller(house), diverted_from=("+14155550111", "reception"))
        async with house.database.write() as session:
            claimed = await service.admit_inbound(session, caller, NODE, now=house.now)
            assert isinstance(claimed, ClaimedCall)
            timeline = await repository.timeline(session, claimed.call_id)
        assert timeline[0].detail["diverted_from"] == ["+14155550111", "reception"]

    async def test_a_full_workspace_refuses_and_keeps_nothing(self, house: House) -> None:
        await house.node()
        await house.limit(f"ws:{house.who.workspace_id}", 1)
        await self.let_in(house)
        refused = await self.let_in(house)
        assert refused == Refused(f"ws:{house.who.workspace_id}", 1)
        assert len(await house.calls()) == 1


async def test_the_database_itself_refuses_a_slot_without_a_call(any_house: House) -> None:
    with pytest.raises(IntegrityError):
        await corrupt(any_house.database, "INSERT INTO slots (scope, call_id) VALUES ('ws:ws_1', 'call_nobody')")


async def test_the_database_itself_refuses_a_call_across_tenants(house: House) -> None:
    call = await house.place()
    with pytest.raises(IntegrityError):
        await corrupt(house.database, f"UPDATE calls SET workspace_id = 'ws_other' WHERE id = '{call.id}'")


async def test_time_is_kept_in_utc(house: House) -> None:
    call = await house.place()
    assert (await house.call(call.id)).created_at.utcoffset() == timedelta(0)
