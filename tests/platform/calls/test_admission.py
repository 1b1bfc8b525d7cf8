"""Admission: never more calls than a scope allows, never a slot without a live call."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from dialnexa.kit.errors import Conflict
from dialnexa.platform.calls import nodes
from dialnexa.platform.calls.admission import Admitted, Refused, admit, count, scopes_of
from dialnexa.platform.calls.models import Call, Slot
from dialnexa.platform.calls.states import FINAL, CallState
from dialnexa.platform.tenancy.models import Limit
from tests.platform.calls.house import House, fresh

WORKSPACE = "ws:ws_1"


async def test_the_limit_is_the_last_call_let_in(any_house: House) -> None:
    house = any_house
    for _ in range(3):
        await house.place()
    with pytest.raises(Conflict, match="Workspace concurrency limit reached: 3 calls are active"):
        await house.place()
    assert len(await house.calls()) == 3
    assert (await house.events()) == ["call.initiated"] * 3


async def test_an_ended_call_makes_room(house: House) -> None:
    await house.node()
    await house.limit(WORKSPACE, 1)
    call = await house.place()
    await house.claim(call.id)
    await house.finish(call.id, CallState.NO_ANSWER, "user_did_not_pick_up")
    await house.place()


@pytest.mark.parametrize("scope", ["acct:acct_live1", "num:phn_1", "trunk:trunk_1"])
async def test_every_scope_can_have_a_limit(house: House, scope: str) -> None:
    await house.limit(scope, 1)
    await house.place()
    with pytest.raises(Conflict):
        await house.place()


async def test_the_peak_is_remembered(house: House) -> None:
    await house.place()
    house.later(minutes=1)
    await house.place()
    async with house.database.read() as session:
        row = (await session.scalars(select(Limit))).one()
    assert (row.peak, row.peak_at) == (2, house.now)


async def test_refused_writes_nothing(house: House) -> None:
    await house.limit(WORKSPACE, 0)
    async with house.database.write() as session:
        assert await admit(session, call_id="call_x", scopes=[WORKSPACE], now=house.now) == Refused(WORKSPACE, 0)
    assert await house.slots() == []


def test_a_call_falls_under_what_it_uses() -> None:
    assert scopes_of("ws_1", "acct_1") == ("ws:ws_1", "acct:acct_1")
    assert scopes_of("ws_1", "acct_1", number_id="phn_1", trunk_id="t_1")[2:] == ("num:phn_1", "trunk:t_1")


async def test_a_crowd_at_the_door_never_exceeds_the_limit(any_house: House) -> None:
    """Forty at once, some of which are cancelled somewhere on the way in."""
    house = any_house
    chance = random.Random(4)

    async def comes() -> str | None:
        try:
            return (await house.place()).id
        except Conflict:
            return None

    crowd = [asyncio.create_task(comes()) for _ in range(40)]
    for task in chance.sample(crowd, 12):
        await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    inside = await house.calls()
    assert len(inside) == 3
    async with house.database.read() as session:
        assert await count(session, [WORKSPACE]) == {WORKSPACE: 3}


Step = tuple[Literal["place", "claim", "end", "cancel_midway", "lose"], int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["place", "claim", "end", "cancel_midway", "lose"]), st.integers(0, 7)), max_size=40
)


async def consistent(house: House) -> None:
    """Every slot belongs to a call that goes on, every such call holds all its slots, and no scope is too full."""
    async with house.database.read() as session:
        slots = (await session.execute(select(Slot.scope, Slot.call_id))).all()
        calls = {call.id: call for call in await session.scalars(select(Call))}
    held = Counter(scope for scope, _ in slots)
    assert held[WORKSPACE] <= 3
    assert held["num:phn_1"] <= 2
    final = {str(state) for state in FINAL}
    per_call = Counter(call_id for _, call_id in slots)
    assert set(per_call) == {call_id for call_id, call in calls.items() if call.state not in final}
    assert set(per_call.values()) <= {4}


async def cut_off(house: House) -> None:
    """Admit a call, then be cancelled before the commit."""
    with suppress(asyncio.CancelledError):
        async with house.database.write() as session:
            verdict = await admit(session, call_id="call_cut", scopes=[WORKSPACE, "num:phn_1"], now=house.now)
            assert isinstance(verdict, Admitted | Refused)
            raise asyncio.CancelledError


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_slots_and_calls_agree_whatever_happens(steps: list[Step], url: str) -> None:
    """Random interleavings of placing, claiming, ending, being cut off and losing the worker."""
    asyncio.run(_story(steps, url))


async def _story(steps: list[Step], url: str) -> None:
    async with fresh(url) as house:
        await house.limit("num:phn_1", 2)
        await house.node()
        for what, which in steps:
            calls = await house.calls()
            chosen = calls[which % len(calls)].id if calls else ""
            if what == "place":
                with suppress(Conflict):
                    await house.place()
            elif what == "cancel_midway":
                await cut_off(house)
            elif what == "lose":
                house.later(minutes=1)
                async with house.database.write() as session:
                    await nodes.sweep(session, now=house.now)
                await house.node()
            elif chosen and what == "claim":
                await house.claim(chosen)
            elif chosen:
                await house.finish(chosen, [*FINAL][which % len(FINAL)], "error")
        await consistent(house)
