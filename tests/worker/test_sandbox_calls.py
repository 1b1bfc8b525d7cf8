"""Numbers rented from the sandbox call each other: one worker holds both ends, over SIP on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select

from dialnexa.kit.clock import SystemClock
from dialnexa.kit.outgoing import Outgoing
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.plan import CallLimits, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sandbox.sandbox import Sandbox
from dialnexa.live.sip.endpoint import SipEndpoint
from dialnexa.platform.calls.ladder.packing import unpack
from dialnexa.platform.calls.models import Call, CallLadder, RefusedCall
from dialnexa.platform.knowledge.searching import Search
from dialnexa.platform.numbers import purchase
from dialnexa.platform.numbers.market import Market
from dialnexa.platform.numbers.purchase import Order
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.tenancy.terms import Terms
from dialnexa.settings import Settings
from dialnexa.worker.directory import Directory
from dialnexa.worker.holding import CallHolder
from dialnexa.worker.metrics import WorkerMetrics
from dialnexa.worker.parts import Parts
from dialnexa.worker.reception import Reception
from dialnexa.worker.scribe import Scribe
from tests.live.fake_speech import FakeSpeech
from tests.live.fakes import VirtualClock
from tests.platform.calls.house import NODE, VAULT, House

MARKET = Market(Terms(), VAULT)
OURS, THEIRS, NOBODYS = "+12125550123", "+12125550124", "+12125550125"


async def _locate(*_: object) -> list[str]:
    return []


async def _promise(*_: object) -> None:
    """What is done after calls is not part of these stories."""


@dataclass
class Town:
    """A workspace and the worker that holds its calls; nobody in it says a word."""

    house: House
    parts: Parts
    holder: CallHolder
    dialled: list[asyncio.Task[None]]

    async def rents(self, e164: str, who: Principal, agent_id: str | None) -> None:
        order = Order(e164, agent_id=agent_id)
        await purchase.buy(self.house.database, MARKET, MARKET.choose(who), who, order, now=self.house.now)

    async def calls(self, to: str, who: Principal) -> str:
        call = await self.house.place(self.house.body(from_number=OURS, to_number=to), who=who)
        self.dialled.append(asyncio.create_task(self.holder.dial(call.id)))
        return call.id

    async def until(self, *states: str) -> list[Call]:
        """Wait until the calls there are, in the order they began, are in these states."""
        async with asyncio.timeout(20):
            while [call.state for call in await self.house.calls()] != list(states):
                await asyncio.sleep(0.02)
        return await self.house.calls()


@pytest.fixture
async def town(house: House, tmp_path: Path) -> AsyncIterator[Town]:
    await house.node()
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        media = await stack.enter_async_context(MediaEngine.open(clock=clock))
        ports = PortRange.parse("42000-42999")
        doors = list[Reception]()
        sandbox = await stack.enter_async_context(
            Sandbox.open(media, ports, others=lambda call: doors[0].on_sandbox_invite(call))
        )
        loopback = await stack.enter_async_context(SipEndpoint.open("127.0.0.1", 0, on_invite=lambda _: None))
        later = cast("Any", SimpleNamespace(promise=_promise))
        nobody = SimpleNamespace(trunks_at=lambda _: frozenset(), trunks_with=lambda _: frozenset())
        (tmp_path / "recordings").mkdir()
        parts = Parts(
            node_id=NODE,
            settings=Settings(data=tmp_path),
            clock=clock,
            vault=VAULT,
            database=house.database,
            media=media,
            ports=ports,
            endpoint=loopback,
            loopback=loopback,
            directory=Directory(house.database, VAULT, clock, _locate),
            sandbox=sandbox,
            phones=cast("Any", nobody),
            speech=FakeSpeech.scripted(VirtualClock()),
            scribe=Scribe(house.database, NODE, clock),
            finishing=later,
            analysing=later,
            search=Search(house.database),
            embedding=later,
            metrics=WorkerMetrics(clock),
            outgoing=Outgoing(),
        )
        scribing = asyncio.create_task(parts.scribe.run())
        holder = CallHolder(parts)
        doors.append(Reception(parts, holder))
        town = Town(house, parts, holder, [])
        yield town
        holder.hang_up_all("The story is over.")
        await asyncio.gather(*town.dialled)
        await holder.idle()
        await doors[0].close()
        scribing.cancel()
        await asyncio.gather(scribing, return_exceptions=True)
        await parts.directory.close()
        await parts.outgoing.aclose()


async def test_a_number_rented_from_the_sandbox_answers_another_one(town: Town) -> None:
    house = town.house
    await town.rents(OURS, house.who, None)
    await town.rents(THEIRS, house.who, house.agent_id)
    placed = await town.calls(THEIRS, house.who)
    out, back = await town.until("in_progress", "in_progress")
    assert (out.id, out.direction, back.direction) == (placed, "outbound", "inbound")
    assert (back.from_number, back.to_number, back.livemode) == (OURS, THEIRS, True)
    assert (back.agent_id, len(await house.slots()) > 0) == (house.agent_id, True)
    town.holder.hang_up(placed, "Enough.")
    out, back = await town.until("completed", "completed")
    assert (out.end_reason, back.end_reason) == ("agent_disconnected", "user_disconnected")
    assert await house.slots() == []


@pytest.mark.parametrize("livemode", [True, False])
async def test_live_numbers_and_those_for_tests_do_not_reach_each_other(town: Town, livemode: bool) -> None:
    house = town.house
    caller, other = (house.who, house.tester) if livemode else (house.tester, house.who)
    await town.rents(OURS, caller, None)
    await town.rents(THEIRS, other, house.agent_id)
    await town.calls(THEIRS, caller)
    (call,) = await town.until("failed")
    assert (call.end_reason, call.sip_status) == ("invalid_phone_number", 404)
    await town.rents(THEIRS, caller, house.agent_id)
    await town.calls(THEIRS, caller)
    _, _, back = await town.until("failed", "in_progress", "in_progress")
    assert back.livemode is livemode


async def test_what_nobody_answers_is_said_as_a_carrier_would(town: Town) -> None:
    house = town.house
    await town.rents(OURS, house.who, None)
    await town.rents(THEIRS, house.who, None)
    for number in (NOBODYS, THEIRS):
        await town.calls(number, house.who)
        await asyncio.gather(*town.dialled)
    nobody, unassigned = await house.calls()
    assert (nobody.end_reason, nobody.sip_status) == ("invalid_phone_number", 404)
    assert unassigned.sip_status == 480
    async with house.database.read() as session:
        noted = (await session.scalars(select(RefusedCall.to_number))).all()
    assert noted == [THEIRS], "a wrong number stands on the caller's own record"


async def test_a_caller_who_wants_not_to_be_known_is_on_no_record(town: Town) -> None:
    house, parts = town.house, town.parts
    await town.rents(THEIRS, house.who, house.agent_id)
    route = SipRoute(*parts.sandbox.address, hide_caller=True)
    async with SipLine.dialling(
        THEIRS,
        from_user="+16505550199",
        route=route,
        endpoint=parts.loopback,
        media=parts.media,
        ports=parts.ports,
        limits=CallLimits(),
    ) as line:
        await line.connect(lambda _: None)
        (call,) = await town.until("in_progress")
        assert call.from_number == "anonymous"
    (call,) = await town.until("completed")
    async with house.database.read() as session:
        stored = (await session.scalars(select(CallLadder.packed).where(CallLadder.call_id == call.id))).one()
    said = "".join(message.text for message in unpack(stored).messages)
    assert "Privacy: id" in said
    assert "6505550199" not in said
