"""What a SIP line gives back, and whom it leaves waiting, when it cannot come up; with a caller made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dialnexa.live.line import NotConnected
from dialnexa.live.lines.sip import SipLine
from dialnexa.live.media.beds import bed_of
from dialnexa.live.media.clock import PHASES
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.outcome import EndReason
from dialnexa.live.plan import Background, CallLimits, SipRoute
from dialnexa.live.rtp import session as rtp
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.ladder import Ladders
from dialnexa.live.sip.messages.sdp import Direction, SessionDescription, make_offer
from tests.live.media.fakes import Diary, HandClock

HOST = "127.0.0.1"
ENDPOINT = SimpleNamespace(address=(HOST, 5060), audio_host=HOST, ladders=Ladders({}))


class Dialog:
    """An answered call without a network."""

    def __init__(self, theirs: SessionDescription) -> None:
        self.remote_sdp = self.local_sdp = theirs
        self.on_offer: Any = None
        self.on_info: Any = None

    async def hang_up(self) -> None: ...

    async def ended(self) -> None:
        await asyncio.Event().wait()


class Caller:
    """Somebody who calls us."""

    call_id = "call-1@caller"

    def __init__(self) -> None:
        self.offer = make_offer(HOST, 40000)
        self.refused_with: list[int] = []
        self.answered: Dialog | None = None

    def ring(self) -> None: ...

    async def accept(self, answer: SessionDescription) -> Dialog:
        self.answered = Dialog(self.offer)
        return self.answered

    def reject(self, status: int, reason: str = "", headers: Sequence[tuple[str, str]] = ()) -> None:
        if self.answered is None:
            self.refused_with.append(status)


@pytest.fixture
async def media() -> MediaEngine:
    return MediaEngine(HandClock(), vad=False)


def line_for(caller: Caller, media: MediaEngine, ports: PortRange) -> SipLine:
    return SipLine.answering(cast("Any", caller), cast("Any", ENDPOINT), media, ports, CallLimits())


async def test_a_caller_for_whom_no_port_is_left_is_refused(media: MediaEngine) -> None:
    ports, caller = PortRange(31200, 31200), Caller()
    taken = ports.take()
    async with line_for(caller, media, ports) as line:
        with pytest.raises(NotConnected) as refusal:
            await line.connect(lambda status: None)
    assert refusal.value.reason is EndReason.SYSTEM_AT_CAPACITY
    assert caller.refused_with == [503]
    ports.release(taken)


async def test_a_machine_out_of_files_is_full_and_loses_no_port(
    media: MediaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_socket(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(rtp.socket, "socket", no_socket)
    ports, caller = PortRange(31202, 31210), Caller()
    free = ports.free
    async with line_for(caller, media, ports) as line:
        with pytest.raises(NotConnected) as refusal:
            await line.connect(lambda status: None)
    assert refusal.value.reason is EndReason.SYSTEM_AT_CAPACITY
    assert "ulimit" in refusal.value.detail
    assert ports.free == free
    assert caller.refused_with == [503]


async def test_an_answered_caller_is_not_refused_and_everything_is_given_back(media: MediaEngine) -> None:
    ports, caller = PortRange(31212, 31230), Caller()
    free = ports.free
    async with line_for(caller, media, ports) as line:
        await line.connect(lambda status: None)
        assert (ports.free, media.legs) == (free - 1, 1)
    assert caller.refused_with == []
    assert (ports.free, media.legs) == (free, 0)


@pytest.mark.parametrize(
    ("direction", "held"), [(Direction.SENDONLY, True), (Direction.INACTIVE, True), (Direction.RECVONLY, False)]
)
async def test_silence_on_hold_is_not_held_against_who_comes_back(
    media: MediaEngine, direction: Direction, held: bool
) -> None:
    caller = Caller()
    async with line_for(caller, media, PortRange(31232, 31240)) as line:
        await line.connect(lambda status: None)
        assert caller.answered is not None
        leg = line._audio.leg
        resumed, on_hold = make_offer(HOST, 40000), make_offer(HOST, 40000, direction=direction)
        caller.answered.on_offer(on_hold)
        for cycle in range(1, 2000):
            for phase in range(PHASES):
                media.tick(phase, cycle)
        assert line.held is held
        assert leg.silent_for_s > 30
        assert not line._audio.expects_audio
        caller.answered.on_offer(resumed)
        assert not line.held
        assert line._audio.expects_audio
        assert leg.silent_for_s == 0


async def test_a_key_told_by_info_and_by_rtp_is_one_key(media: MediaEngine) -> None:
    caller, diary = Caller(), Diary()
    async with line_for(caller, media, PortRange(31242, 31250)) as line:
        line.listen(diary)
        await line.connect(lambda status: None)
        assert caller.answered is not None
        caller.answered.on_info("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n")
        line._audio.leg.on_key("5")
        caller.answered.on_info("application/dtmf", b"#")
        for phase in range(PHASES):
            media.tick(phase, 1)
    assert diary.digits == "5#"


async def test_a_background_is_laid_under_the_call_and_taken_away(media: MediaEngine) -> None:
    async with line_for(Caller(), media, PortRange(31252, 31260)) as line:
        await line.connect(lambda status: None)
        await line.underlay(Background(("office",)))
        assert line._audio.leg._bed is bed_of(Background(("office",)))
        await line.underlay(None)
        assert line._audio.leg._bed is None


async def test_a_second_leg_over_a_pbx_calls_whom_it_is_for_and_not_the_pbx(media: MediaEngine) -> None:
    dialled: list[tuple[str, dict[str, Any]]] = []

    def dial(to: str, **options: Any) -> object:
        dialled.append((to, options))
        raise ValueError("nobody is called in this test")

    endpoint = SimpleNamespace(**vars(ENDPOINT), dial=dial)
    pbx = SipRoute("198.51.100.7", 5060, contact="sip:desk@10.1.1.1", path=("<sip:edge;lr>",))
    limits, ports = CallLimits(), PortRange(31300, 31320)
    first = SipLine.dialling(
        "+1", from_user="+2", route=pbx, endpoint=cast("Any", endpoint), media=media, ports=ports, limits=limits
    )
    for line in (first, first.onward("+16505550123", 5)):
        assert line is not None
        async with line:
            with pytest.raises(NotConnected, match="nobody is called"):
                await line.connect(lambda status: None)
    (to_phone, called), (to_person, second) = dialled
    assert (to_phone, called["contact"]) == ("+1", "sip:desk@10.1.1.1")
    assert (to_person, second["contact"], second["host"]) == ("+16505550123", "", "198.51.100.7")
    assert second["path"] == ("<sip:edge;lr>",)
