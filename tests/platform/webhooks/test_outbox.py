"""The outbox: an event exists exactly when the change it tells of does."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sqlalchemy import select

from dialnexa.platform.webhooks.models import Event
from dialnexa.platform.webhooks.outbox import emit, events_of_call
from tests.platform.calls.conftest import empty_sqlite, house, url
from tests.platform.calls.house import NOON, House

__all__ = ["empty_sqlite", "house", "url"]


async def tell(house: House, *types: str, fail: bool = False) -> None:
    async with house.database.write() as session:
        for type_ in types:
            await emit(
                session,
                workspace_id=house.who.workspace_id,
                account_id=house.who.account_id,
                livemode=True,
                type_=type_,
                payload={"call": {"id": "call_1"}},
                call_id="call_1",
                at=NOON,
            )
        if fail:
            raise asyncio.CancelledError


async def test_events_keep_their_order_and_have_stable_ids(house: House) -> None:
    await tell(house, "call.initiated", "call.started")
    await tell(house, "call.completed")
    async with house.database.read() as session:
        events = await events_of_call(session, "call_1")
    assert [event.type for event in events] == ["call.initiated", "call.started", "call.completed"]
    assert len({event.id for event in events}) == 3
    assert all(event.id.startswith("evt_") for event in events)
    assert events[0].payload == {"call": {"id": "call_1"}}


async def test_what_is_rolled_back_never_happened(house: House) -> None:
    with suppress(asyncio.CancelledError):
        await tell(house, "call.initiated", fail=True)
    async with house.database.read() as session:
        assert list(await session.scalars(select(Event))) == []


async def test_a_pruned_number_does_not_come_again(house: House) -> None:
    """A reader remembers the last ``seq`` it saw; were it given out twice, an event would be missed."""
    await tell(house, "call.initiated")
    async with house.database.write() as session:
        (first,) = await session.scalars(select(Event))
        await session.delete(first)
    await tell(house, "call.completed")
    async with house.database.read() as session:
        (second,) = await session.scalars(select(Event))
    assert second.seq > first.seq
