"""Workers die: their calls end with an event, nothing stays taken, nothing is dialled twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import select

from dialnexa.platform.calls import nodes, service
from dialnexa.platform.calls.models import Transcript
from dialnexa.platform.calls.records import Swept, TimelineEntry
from tests.platform.calls.house import NODE, House


async def sweep(house: House) -> Swept:
    async with house.database.write() as session:
        return await nodes.sweep(session, now=house.now)


async def beat(house: House, node_id: str = NODE) -> bool:
    async with house.database.write() as session:
        return await nodes.heartbeat(session, node_id, now=house.now, live_calls=1)


async def test_a_worker_that_beats_keeps_its_calls(house: House) -> None:
    await house.node()
    call = await house.talking()
    for _ in range(5):
        house.later(seconds=10)
        assert await beat(house)
        assert await sweep(house) == Swept((), ())
    assert (await house.call(call.id)).state == "in_progress"


async def test_the_calls_of_a_dead_worker_are_lost_not_stuck(any_house: House) -> None:
    house = any_house
    await house.node()
    talking, dialing, waiting = await house.talking(), await house.place(), await house.place()
    await house.claim(dialing.id)
    async with house.database.write() as session:
        turn = {"role": "user", "text": "Are you there?", "start_ms": 10, "end_ms": 900}
        await service.append_events(session, talking.id, [TimelineEntry(house.now, "turn", turn)])

    house.later(seconds=60)
    swept = await sweep(house)

    assert swept.nodes == (NODE,)
    assert set(swept.calls) == {talking.id, dialing.id}
    lost = await house.call(talking.id)
    assert (lost.state, lost.end_reason, lost.duration_ms) == ("failed", "worker_lost", 60_000)
    assert (await house.call(waiting.id)).state == "queued"
    assert len(await house.slots()) == 4  # only the one that still waits
    assert (await house.events()).count("call.failed") == 2
    async with house.database.read() as session:
        kept = (await session.scalars(select(Transcript))).one()
    assert kept.text == "User: Are you there?"


async def test_a_waiting_call_is_dialled_by_the_next_worker(house: House) -> None:
    await house.node()
    call = await house.place()
    house.later(seconds=60)
    await sweep(house)
    await house.node("node_2")
    assert await house.claim(call.id, "node_2") is not None


async def test_a_call_is_lost_once(any_house: House) -> None:
    house = any_house
    await house.node()
    await house.talking()
    house.later(seconds=60)
    found = await asyncio.gather(*(sweep(house) for _ in range(6)))
    assert sum(len(swept.calls) for swept in found) == 1
    assert (await house.events()).count("call.failed") == 1


async def test_a_zombie_is_told_and_changes_nothing(house: House) -> None:
    await house.node()
    call = await house.talking()
    house.later(seconds=60)
    await sweep(house)
    assert not await beat(house)
    assert not await house.finish(call.id)
    other = await house.place()
    assert await house.claim(other.id) is None
    assert (await house.call(call.id)).end_reason == "worker_lost"


async def test_a_worker_ends_what_it_lost_track_of(any_house: House) -> None:
    house = any_house
    await house.node()
    held, lost = await house.talking(), await house.talking()
    house.later(seconds=20)
    young = await house.talking()
    async with house.database.write() as session:
        assert await nodes.drop_unheld(session, NODE, [held.id], now=house.now) == [lost.id]
    assert (await house.call(lost.id)).end_reason == "error"
    assert {(await house.call(call.id)).state for call in (held, young)} == {"in_progress"}


async def test_leaving_is_not_dying(house: House) -> None:
    await house.node()
    async with house.database.write() as session:
        await nodes.leave(session, NODE)
        assert await nodes.living(session) == []
    assert await sweep(house) == Swept((), ())


async def test_nobody_waits_for_ever(house: House) -> None:
    call = await house.place()
    house.later(minutes=14)
    assert await sweep(house) == Swept((), ())
    house.later(minutes=2)
    assert (await sweep(house)).calls == (call.id,)
    ended = await house.call(call.id)
    assert (ended.state, ended.end_reason) == ("failed", "system_at_capacity")
    assert await house.slots() == []


def test_a_lease_outlives_a_stalled_disk() -> None:
    assert timedelta(seconds=10) <= nodes.LEASE <= timedelta(seconds=15)
