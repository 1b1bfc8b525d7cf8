"""Two of our lines call each other over real SIP and RTP on loopback."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from dialnexa.kit.clock import SystemClock
from dialnexa.live.line import EndedBy, NotConnected, Samples
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.leg import Leg
from dialnexa.live.media.tones import tone
from dialnexa.live.outcome import Ending, EndReason
from dialnexa.live.plan import CallLimits, SipRoute
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.endpoint import IncomingCall, SipEndpoint
from dialnexa.live.sip.messages.sdp import Direction

pytestmark = pytest.mark.e2e


@dataclass
class Ear:
    """Keeps what a line hears."""

    heard: list[Samples] = field(default_factory=list)
    digits: str = ""
    voices: int = 0

    def on_audio(self, samples: Samples, at: int) -> None:
        self.heard.append(samples)

    def on_voice(self, probability: float, at: int) -> None:
        self.voices += 1

    def on_digit(self, digit: str, at: int) -> None:
        self.digits += digit

    def on_tick(self, at: int) -> None:
        pass

    def loudest_hz(self) -> float:
        samples = np.concatenate(self.heard).astype(float)
        spectrum = np.abs(np.fft.rfft(samples))
        return float(np.argmax(spectrum) * 8000 / len(samples))

    async def until(self, what: object) -> None:
        async with asyncio.timeout(15):
            while not what():  # type: ignore[operator]
                await asyncio.sleep(0.02)


@dataclass
class Stage:
    """Two endpoints that share a media engine."""

    near: SipEndpoint
    far: SipEndpoint
    media: MediaEngine
    ports: PortRange
    ringing_in: asyncio.Queue[IncomingCall]

    def dial(self, limits: CallLimits | None = None, recording: Path | None = None) -> SipLine:
        host, port = self.far.address
        return SipLine.dialling(
            "+16505550199",
            from_user="+14155550100",
            route=SipRoute(host, port),
            endpoint=self.near,
            media=self.media,
            ports=self.ports,
            limits=limits or CallLimits(),
            recording=recording,
        )

    def answer(self, incoming: IncomingCall, limits: CallLimits | None = None) -> SipLine:
        return SipLine.answering(incoming, self.far, self.media, self.ports, limits or CallLimits())


def _leg(line: SipLine) -> Leg:
    return line._audio.leg


@pytest.fixture
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    host = getattr(request, "param", "127.0.0.1")
    ringing: asyncio.Queue[IncomingCall] = asyncio.Queue()
    async with (
        SipEndpoint.open(host, 0, on_invite=lambda call: call.reject(486)) as near,
        SipEndpoint.open(host, 0, on_invite=ringing.put_nowait) as far,
        MediaEngine.open(clock=SystemClock()) as media,
    ):
        yield Stage(near, far, media, PortRange(46000, 46999), ringing)
        assert media.legs == 0, "a line leaves no leg behind"
        assert near.counts().dialogs == 0
        assert far.counts().dialogs == 0


@asynccontextmanager
async def talking(
    stage: Stage, limits: CallLimits | None = None, recording: Path | None = None
) -> AsyncGenerator[tuple[SipLine, SipLine]]:
    """Both ends of a call that is up."""
    rang: list[int] = []
    async with stage.dial(limits, recording) as caller:
        connecting = asyncio.create_task(caller.connect(rang.append))
        async with stage.answer(await stage.ringing_in.get()) as callee:
            await callee.connect(lambda _status: None)
            await connecting
            assert rang == [180]
            yield caller, callee


@pytest.mark.parametrize("stage", ["127.0.0.1", "::1"], indirect=True)
async def test_both_sides_are_heard_and_recorded_on_their_own_channel(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "call.wav"
    async with talking(stage, recording=file) as (caller, callee):
        near, far = Ear(), Ear()
        caller.listen(near)
        callee.listen(far)
        for line, hertz in ((caller, 500), (callee, 1200)):
            said = line.say()
            said.push(tone((hertz,), 1.5))
            said.finish()
        await near.until(lambda: said.done and len(near.heard) > 90)
    assert abs(far.loudest_hz() - 500) < 10
    assert abs(near.loudest_hz() - 1200) < 10
    assert near.voices > 20
    recording = caller.recording()
    assert recording is not None
    assert recording.lost == ""
    with wave.open(str(file)) as wav:
        samples = np.frombuffer(wav.readframes(wav.getnframes()), np.int16).reshape(-1, 2).astype(float)
    assert abs(len(samples) / 8 - recording.duration_ms) <= 20
    left, right = (np.argmax(np.abs(np.fft.rfft(channel))) * 8000 / len(channel) for channel in samples.T)
    assert abs(left - 1200) < 10, "the far side is on the left"
    assert abs(right - 500) < 10, "the near side is on the right"


async def test_digits_arrive_once_each(stage: Stage) -> None:
    async with talking(stage) as (caller, callee):
        far = Ear()
        callee.listen(far)
        caller.press("12#")
        await far.until(lambda: len(far.digits) >= 3)
        assert far.digits == "12#"


async def test_whoever_hangs_up_both_know(stage: Stage) -> None:
    async with talking(stage) as (caller, callee):
        await callee.hang_up()
        assert (await caller.ended()).by is EndedBy.FAR
        assert (await callee.ended()).by is EndedBy.NEAR


async def test_the_duration_cap_is_the_lines_own(stage: Stage) -> None:
    async with talking(stage, CallLimits(duration_s=0.5)) as (caller, callee):
        assert (await caller.ended()).by is EndedBy.CAP
        assert (await callee.ended()).by is EndedBy.FAR


async def test_a_far_end_without_audio_is_lost(stage: Stage) -> None:
    async with talking(stage, CallLimits(no_audio_s=0.4)) as (caller, callee):
        _leg(callee).held = True  # the far leg falls silent for ever
        assert (await caller.ended()).by is EndedBy.LOST


async def test_hold_and_resume(stage: Stage) -> None:
    async with talking(stage) as (caller, callee):
        near = Ear()
        caller.listen(near)
        dialog = callee._dialog
        assert dialog
        held = dialog.local_sdp.revised(direction=Direction.SENDONLY)
        await dialog.offer(held)
        assert _leg(caller).held
        await dialog.offer(held.revised(direction=Direction.SENDRECV))
        assert not _leg(caller).held
        assert not (caller._end.done() or callee._end.done())


async def test_nobody_picks_up(stage: Stage) -> None:
    rang: list[int] = []
    async with stage.dial(CallLimits(ring_s=0.6)) as caller:
        connecting = asyncio.create_task(caller.connect(rang.append))
        incoming = await stage.ringing_in.get()
        incoming.ring()
        with pytest.raises(NotConnected) as refusal:
            await connecting
        await asyncio.wait_for(incoming.cancelled(), 5)
    assert (refusal.value.ending, refusal.value.reason) == (Ending.NO_ANSWER, EndReason.USER_DID_NOT_PICK_UP)


@pytest.mark.parametrize(
    ("status", "ending", "reason"),
    [
        (486, Ending.BUSY, EndReason.USER_BUSY),
        (603, Ending.FAILED, EndReason.USER_DECLINED),
        (404, Ending.FAILED, EndReason.INVALID_PHONE_NUMBER),
        (503, Ending.FAILED, EndReason.NETWORK_FAILURE),
        (403, Ending.FAILED, EndReason.DESTINATION_FORBIDDEN),
    ],
)
async def test_a_refusal_says_what_it_means(stage: Stage, status: int, ending: Ending, reason: EndReason) -> None:
    async with stage.dial() as caller:
        connecting = asyncio.create_task(caller.connect(lambda _status: None))
        (await stage.ringing_in.get()).reject(status)
        with pytest.raises(NotConnected) as refusal:
            await connecting
    assert (refusal.value.ending, refusal.value.reason, refusal.value.sip_status) == (ending, reason, status)


async def test_cancelling_the_dialling_cancels_the_call(stage: Stage) -> None:
    async with stage.dial() as caller:
        connecting = asyncio.create_task(caller.connect(lambda _status: None))
        incoming = await stage.ringing_in.get()
        incoming.ring()
        await asyncio.sleep(0.05)
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await asyncio.wait_for(incoming.cancelled(), 5)


async def test_a_cancelled_line_gives_its_port_back(stage: Stage) -> None:
    """Cancellation may come while the line is being left, as when a worker drains."""
    free = stage.ports.free

    async def hold() -> None:
        async with talking(stage) as (caller, _):
            await caller.ended()

    for turns in range(12):
        holding = asyncio.create_task(hold())
        while stage.media.legs < 2:
            await asyncio.sleep(0.01)
        holding.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)
    async with asyncio.timeout(10):
        while stage.ports.free != free or stage.media.legs:
            await asyncio.sleep(0.02)


async def test_both_ends_agree_on_how_the_call_sounded(stage: Stage) -> None:
    async with talking(stage) as (caller, callee):
        near = Ear()
        caller.listen(near)
        await near.until(lambda: len(near.heard) > 110)
        await near.until(lambda: all(line._audio._session.far_view.heard for line in (caller, callee)))
    ours, theirs = caller.quality(), callee.quality()
    assert ours is not None
    assert theirs is not None
    assert (ours.codec, ours.encryption) == ("PCMU", "")
    assert (ours.heard.lost, ours.heard.duplicates, ours.sent.arrived, ours.sent.lost) == (0, 0, True, 0)
    assert abs(ours.heard.packets - theirs.sent.packets) <= 3
    assert ours.heard.mos is not None
    assert ours.heard.mos > 4
    assert ours.sent.mos is not None
    assert ours.sent.mos > 4


async def test_a_second_leg_is_on_the_ladder_of_its_call(stage: Stage) -> None:
    async with talking(stage) as (caller, _):
        second = caller.onward("+16505550111", 5.0)
        assert second is not None
        async with second:
            connecting = asyncio.create_task(second.connect(lambda _status: None))
            async with stage.answer(await stage.ringing_in.get()) as other:
                await other.connect(lambda _status: None)
                await connecting
    said = [message.text.split(" ")[0] for message in caller.ladder().messages if message.way == "out"]
    assert said == ["INVITE", "ACK", "INVITE", "ACK", "SIP/2.0", "SIP/2.0"], "both far ends hang up, both are answered"


async def test_two_phones_of_one_login_ring_and_the_first_that_answers_has_the_call(stage: Stage) -> None:
    hall_rings: asyncio.Queue[IncomingCall] = asyncio.Queue()
    async with SipEndpoint.open("127.0.0.1", 0, on_invite=hall_rings.put_nowait) as hall:
        desk_route, hall_route = (SipRoute(*phone.address) for phone in (stage.far, hall))
        caller = SipLine.dialling(
            "+16505550199",
            from_user="+14155550100",
            route=replace(desk_route, also=(hall_route,)),
            endpoint=stage.near,
            media=stage.media,
            ports=stage.ports,
            limits=CallLimits(),
        )
        rang: list[int] = []
        async with caller:
            connecting = asyncio.create_task(caller.connect(rang.append))
            at_desk, in_hall = await stage.ringing_in.get(), await hall_rings.get()
            at_desk.ring()
            callee = SipLine.answering(in_hall, hall, stage.media, stage.ports, CallLimits())
            async with callee:
                await callee.connect(lambda _: None)
                await connecting
                await asyncio.wait_for(at_desk.cancelled(), 5)
                assert rang == [180]
                ear = Ear()
                callee.listen(ear)
                said = caller.say()
                said.push(tone((500,), 1.0))
                said.finish()
                await ear.until(lambda: len(ear.heard) > 55)
                assert abs(ear.loudest_hz() - 500) < 15
