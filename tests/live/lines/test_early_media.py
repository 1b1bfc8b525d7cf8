"""What a call hears before its answer: a phone network played by hand, on real sockets, in time moved by hand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from dialnexa.live.line import NotConnected, Samples
from dialnexa.live.lines.audio import CallAudio
from dialnexa.live.lines.setup import Dialling
from dialnexa.live.media.clock import PHASES
from dialnexa.live.media.codec import Codec, encode
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.tones import tone
from dialnexa.live.outcome import Ending, EndReason
from dialnexa.live.plan import Encryption, SipRoute
from dialnexa.live.rtp.packet import RtpPacket, build, parse
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.sip.errors import Progress
from dialnexa.live.sip.messages.sdp import SessionDescription, make_answer
from tests.live.media.fakes import Diary, HandClock

HOST = "127.0.0.1"
RINGING = np.concatenate([tone((440, 480), 2), np.zeros(32_000, np.int16)])
BUSY = np.tile(np.concatenate([tone((480, 620), 0.5), np.zeros(4000, np.int16)]), 5)
NOT_IN_SERVICE = np.concatenate([tone((hz,), 0.33) for hz in (950, 1400, 1800)] + [np.zeros(8000, np.int16)])


class Network:
    """A carrier: takes the call, says what it likes, and sends audio whenever it likes."""

    call_id = "early@example"

    def __init__(self, media: MediaEngine, folder: Path) -> None:
        self.media = media
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((HOST, 0))
        self.udp.setblocking(False)
        self.audio = CallAudio(
            media,
            PortRange(33000, 33999),
            bind=HOST,
            advertised=HOST,
            recording=folder / "call.wav",
            encryption=Encryption.NEVER,
        )
        self.offer: SessionDescription | None = None
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.say: Callable[[Progress], None] = lambda _: None
        self.rang: list[int] = []
        self.cycle = 0
        self.sent = 0
        self.heard: list[RtpPacket] = []

    def dial(self, to: str, *, offer: SessionDescription, **_: object) -> Network:
        self.offer = offer
        return self

    async def answered(self, on_progress: Callable[[Progress], None]) -> object:
        self.say = on_progress
        return await self.answer

    async def call(self) -> asyncio.Task[Any]:
        await self.audio.open()
        ladder = SimpleNamespace(follow=lambda _: None)
        dialling = Dialling(cast("Any", self), "+1", "+2", SipRoute(HOST, 5060), 60, cast("Any", ladder))
        task = asyncio.create_task(dialling.establish(self.audio, self.rang.append))
        await asyncio.sleep(0)
        return task

    @property
    def sdp(self) -> SessionDescription:
        assert self.offer
        return make_answer(self.offer, HOST, self.udp.getsockname()[1])

    def plays(self, sound: Samples) -> None:
        """Send the sound, 20 ms per tick of the media clock."""
        for start in range(0, len(sound) - 159, 160):
            payload = encode(Codec.PCMU, sound[start : start + 160])
            packet = build(RtpPacket(0, self.sent, self.sent * 160, 9, payload))
            self.udp.sendto(packet, (HOST, self.audio._session.port))
            self.sent += 1
            self.tick()
            self.heard += self._received()

    def tick(self) -> None:
        self.cycle += 1
        for phase in range(PHASES):
            self.media.tick(phase, self.cycle)

    def _received(self) -> list[RtpPacket]:
        packets: list[RtpPacket] = []
        while True:
            try:
                packet = parse(self.udp.recv(2048))
            except BlockingIOError:
                return packets
            if packet:  # else RTCP, on the same port
                packets.append(packet)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Callable[[], Network]]:
    made: list[Network] = []

    def make() -> Network:
        made.append(Network(MediaEngine(HandClock(), vad=False), tmp_path))
        return made[-1]

    yield make
    for each in made:
        each.audio.release()
        each.udp.close()


@pytest.mark.parametrize(
    ("sound", "ending", "reason", "words"),
    [
        (BUSY, Ending.BUSY, EndReason.USER_BUSY, "busy tone"),
        (NOT_IN_SERVICE, Ending.FAILED, EndReason.INVALID_PHONE_NUMBER, "not in service"),
    ],
)
async def test_a_tone_that_says_no_ends_the_call(
    network: Callable[[], Network], sound: Samples, ending: Ending, reason: EndReason, words: str
):
    carrier = network()
    call = await carrier.call()
    carrier.say(Progress(183, "Session Progress", carrier.sdp))
    carrier.plays(sound)
    with pytest.raises(NotConnected, match=words) as refusal:
        await call
    assert (refusal.value.ending, refusal.value.reason) == (ending, reason)
    assert carrier.rang == [183]
    assert carrier.answer.cancelled(), "the INVITE is cancelled"
    await carrier.audio.close()
    assert carrier.media.legs == 0


async def test_ringing_and_announcements_are_waited_out_and_the_call_begins_with_its_answer(
    network: Callable[[], Network],
):
    carrier, diary = network(), Diary()
    carrier.audio.listen(diary)
    call = await carrier.call()
    carrier.say(Progress(180, "Ringing"))
    carrier.say(Progress(183, "Session Progress", carrier.sdp))
    carrier.plays(RINGING)
    early, carrier.heard = carrier.heard, []
    assert len(early) > 200, "silence keeps the way through a NAT open"
    carrier.answer.set_result("the dialog")
    assert await call == "the dialog"
    assert diary.calls == [], "nothing of it reaches the conversation"
    assert carrier.offer
    carrier.audio.start(carrier.offer, carrier.sdp)
    carrier.plays(BUSY)
    assert carrier.media.legs == 1
    assert diary.calls[0] == ("audio", 0)
    late = carrier.heard
    assert late[0].ssrc == early[-1].ssrc
    assert (late[0].sequence - early[-1].sequence) & 0xFFFF == 1
    assert (late[0].timestamp - early[-1].timestamp) & 0xFFFFFFFF == 160
    result = await carrier.audio.close()
    assert result
    assert result.duration_ms == len(BUSY) // 8
    assert carrier.rang == [180]


async def test_early_media_may_move_and_may_be_nothing_we_speak(network: Callable[[], Network]):
    carrier = network()
    call = await carrier.call()
    carrier.say(Progress(183, "Session Progress", carrier.sdp.revised(codecs=())))
    assert carrier.media.legs == 0
    carrier.say(Progress(183, "Session Progress", carrier.sdp.revised(port=9)))
    carrier.say(Progress(183, "Session Progress", carrier.sdp))
    assert carrier.media.legs == 1
    carrier.plays(BUSY)
    with pytest.raises(NotConnected, match="busy tone"):
        await call
    await carrier.audio.close()
