"""The sandbox over real SIP and RTP on loopback, called by lines like the product's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.live.line import EndedBy, LineEnd, NotConnected, Samples
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.tones import BeepDetector
from dialnexa.live.outcome import Ending
from dialnexa.live.plan import CallLimits, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sandbox import audio
from dialnexa.live.sandbox.listener import TurnListener
from dialnexa.live.sandbox.sandbox import Sandbox, is_test_number
from dialnexa.live.sandbox.scripts import TEST_NUMBERS
from dialnexa.live.sip.endpoint import SipEndpoint

PATIENCE_S = 40.0
FIRST_PORT, PORTS = 41000, 1000


def test_every_test_number_is_described() -> None:
    assert len(TEST_NUMBERS) == 10
    assert all(TEST_NUMBERS.values())
    assert is_test_number("+16505550199")
    assert not is_test_number("+16505550100")


@dataclass
class Town:
    """A sandbox and a telephone that can reach it."""

    sandbox: Sandbox
    telephone: SipEndpoint
    media: MediaEngine
    ports: PortRange

    def line(self, number: str, *, ring_s: float = 10.0) -> SipLine:
        host, port = self.sandbox.address
        return SipLine.dialling(
            number,
            from_user="+14155550100",
            route=SipRoute(host, port),
            endpoint=self.telephone,
            media=self.media,
            ports=self.ports,
            limits=CallLimits(ring_s=ring_s),
        )

    async def refusal(self, number: str, *, ring_s: float = 10.0) -> NotConnected:
        """Call somebody who does not answer."""
        async with self.line(number, ring_s=ring_s) as line:
            with pytest.raises(NotConnected) as refused:
                await line.connect(lambda status: None)
        return refused.value

    async def is_quiet(self) -> None:
        """Wait until no ended call holds anything any more."""
        while self.media.legs or self.ports.free < PORTS // 2:
            await asyncio.sleep(0.02)


@asynccontextmanager
async def telephone_and_media() -> AsyncGenerator[tuple[SipEndpoint, MediaEngine]]:
    async with (
        MediaEngine.open(clock=SystemClock()) as media,
        SipEndpoint.open("127.0.0.1", 0, on_invite=lambda call: call.reject(480)) as telephone,
    ):
        yield telephone, media


@asynccontextmanager
async def town() -> AsyncGenerator[Town]:
    ports = PortRange(FIRST_PORT, FIRST_PORT + PORTS - 1)
    async with telephone_and_media() as (telephone, media), Sandbox.open(media, ports) as sandbox:
        yield Town(sandbox, telephone, media, ports)


class Ear:
    """What the caller hears: turns, by the same detector the people use, and the beep."""

    def __init__(self) -> None:
        self.turns = TurnListener()
        self.now = 0
        self.beeped = False
        self._beep = BeepDetector()
        self._moved = asyncio.Event()

    def on_audio(self, samples: Samples, at: int) -> None:
        self.beeped = self._beep.feed(samples) or self.beeped

    def on_voice(self, probability: float, at: int) -> None:
        self.turns.hear(probability, at)

    def on_digit(self, digit: str, at: int) -> None: ...

    def on_tick(self, at: int) -> None:
        self.now = at
        self._moved.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._moved.clear()
            await self._moved.wait()

    async def turn(self) -> float:
        """Wait until the person has spoken; return for how many seconds there was voice."""
        await self.until(lambda: self.turns.turn_over(self.now))
        spoken = self.turns.voiced / 8000
        self.turns.start_over(self.now)
        return spoken


async def say(line: SipLine, ear: Ear, phrase: str) -> None:
    """Speak to the end; only what is heard after it counts as the answer."""
    utterance = line.say()
    utterance.push(audio.phrase(phrase))
    utterance.finish()
    await ear.until(lambda: utterance.done)
    ear.turns.start_over(ear.now)


async def talk_with_the_customer(town: Town) -> LineEnd:
    async with town.line("+16505550199") as line:
        ear = Ear()
        await line.connect(lambda status: None)
        line.listen(ear)
        for _ in range(4):
            await say(line, ear, "hello")
            assert await ear.turn() > 0.8
        await line.hang_up()
        return await line.ended()


async def leave_a_message(town: Town) -> LineEnd:
    async with town.line("+16505550130") as line:
        ear = Ear()
        await line.connect(lambda status: None)
        line.listen(ear)
        assert await ear.turn() > 4
        await ear.until(lambda: ear.beeped)
        await say(line, ear, "screening_again")
        return await line.ended()


async def press_two(town: Town) -> LineEnd:
    async with town.line("+16505550150") as line:
        ear = Ear()
        await line.connect(lambda status: None)
        line.listen(ear)
        await ear.until(ear.turns.spoke)
        line.press("2")
        ear.turns.start_over(ear.now)
        assert 3 < await ear.turn() < 5
        return await line.ended()


async def hear_the_line_go_dead(town: Town) -> LineEnd:
    async with town.line("+16505550170") as line:
        ear = Ear()
        await line.connect(lambda status: None)
        line.listen(ear)
        await say(line, ear, "hello")
        return await line.ended()


@pytest.mark.e2e
async def test_all_kinds_of_people_at_once_and_nothing_is_left() -> None:
    async with asyncio.timeout(PATIENCE_S), town() as here:
        async with asyncio.TaskGroup() as calls:
            busy = calls.create_task(here.refusal("+16505550110"))
            declined = calls.create_task(here.refusal("+16505550140"))
            nobody = calls.create_task(here.refusal("+16505550100"))
            unanswered = calls.create_task(here.refusal("+16505550120", ring_s=1.5))
            customer = calls.create_task(talk_with_the_customer(here))
            mailbox = calls.create_task(leave_a_message(here))
            menu = calls.create_task(press_two(here))
            dead = calls.create_task(hear_the_line_go_dead(here))
        assert (busy.result().sip_status, busy.result().ending) == (486, Ending.BUSY)
        assert declined.result().sip_status == 603
        assert nobody.result().sip_status == 404
        assert unanswered.result().ending is Ending.NO_ANSWER
        assert customer.result().by is EndedBy.NEAR
        assert [call.result().by for call in (mailbox, menu, dead)] == [EndedBy.FAR] * 3
        await here.is_quiet()


@pytest.mark.e2e
async def test_closing_the_sandbox_hangs_up_on_everybody() -> None:
    async with asyncio.timeout(PATIENCE_S), telephone_and_media() as (telephone, media):
        ports = PortRange(FIRST_PORT, FIRST_PORT + PORTS - 1)
        async with Sandbox.open(media, ports) as sandbox:
            here = Town(sandbox, telephone, media, ports)
            line = here.line("+16505550180")
            await line.__aenter__()
            await line.connect(lambda status: None)
        assert (await line.ended()).by is EndedBy.FAR
        await line.__aexit__(None, None, None)
        await here.is_quiet()
