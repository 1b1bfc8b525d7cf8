"""A million mutated packets through session and leg: it stays up, its memory stays flat, and nobody else is heard."""

from __future__ import annotations

import gc
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.live.media.fakes import Diary, HandClock

from dialnexa.live.media.clock import PHASES
from dialnexa.live.media.codec import Codec
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.rtp.event import build as build_event
from dialnexa.live.rtp.packet import RtpPacket, build
from dialnexa.live.rtp.ports import PortRange
from dialnexa.live.rtp.rtcp import Report, ReportBlock, SenderInfo, build_goodbye, build_report, is_rtcp
from dialnexa.live.rtp.session import RtpSession
from dialnexa.live.rtp.srtp import Srtp, SrtpKeys

HOST = "127.0.0.1"
FAR, STRANGER = (HOST, 40000), ("192.0.2.66", 6666)
WIDTH = 220
PER_TICK = 200
LOUD, QUIET = b"\x00" * 160, b"\xff" * 160


class Wire:
    """A socket that gives what the test put into it, and swallows what is sent."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, tuple[str, int]]] = []

    def recvmsg(self, size: int, ancillary: int) -> tuple[bytes, list[Any], int, tuple[str, int]]:
        if not self.waiting:
            raise BlockingIOError
        data, source = self.waiting.pop()
        return data[:size], [], 0, source

    def recv(self, size: int) -> bytes:
        raise BlockingIOError

    def sendto(self, data: bytes, to: object) -> None: ...

    def close(self) -> None: ...


class Call:
    """One leg on such a wire."""

    def __init__(self, session: RtpSession, codec: Codec = Codec.PCMU) -> None:
        self.session, self.diary, self.wire = session, Diary(), Wire()
        session._socket.close()
        session._control._own.close()
        session._socket = session._control._shared = cast("Any", self.wire)
        session._control._own = cast("Any", Wire())
        session.connect(
            FAR,
            payload_type=0 if codec is Codec.PCMU else 111,
            event_payload_type=101,
            rtcp_mux=True,
            arriving={111: codec, 101: None},
        )
        self.engine = MediaEngine(HandClock(), vad=False)
        leg = self.engine.open_leg(session, codec=codec, listener=self.diary)
        session.attach(leg)
        self.cycle = 0

    def tick(self) -> None:
        self.cycle += 1
        for phase in range(PHASES):
            self.engine.tick(phase, self.cycle)
        self.diary.calls.clear()
        del self.diary.audio[:-50]
        self.diary.digits = self.diary.digits[-10:]

    def take(self, packets: Iterator[bytes], share_of_strangers: int = 7) -> None:
        for number, data in enumerate(packets):
            self.wire.waiting.append((data, STRANGER if number % share_of_strangers == 0 else FAR))
            if len(self.wire.waiting) == PER_TICK:
                self.tick()
        self.tick()

    def hears_a_new_stream(self, seal: Srtp | None = None, payload_type: int = 0) -> bool:
        """Send a second of loud audio as a new source."""
        for n in range(50):
            data = build(RtpPacket(payload_type, 20_000 + n, n * 160, 0xBEEF, LOUD))
            self.wire.waiting.append((seal.seal(data) if seal else data, FAR))
            self.tick()
        return int(np.abs(self.diary.audio[-1].astype(int)).max()) > 20_000


@pytest.fixture
async def session() -> AsyncIterator[RtpSession]:
    session = await RtpSession.open(HOST, PortRange(34000, 34999))
    yield session
    session.close()


def seeds(ssrc: int) -> list[bytes]:
    """One good packet of each kind."""
    view = ReportBlock(ssrc, 3, 5, 70_000, 80, 1, 2)
    plain = build(RtpPacket(0, 65_530, 4_294_967_000, 7, LOUD))
    return [
        plain,
        build(RtpPacket(8, 1, 160, 7, QUIET, marker=True)),
        build(RtpPacket(111, 2, 320, 7, bytes(range(60)))),
        build(RtpPacket(101, 3, 480, 7, build_event("5", 320, True))),
        build(RtpPacket(13, 4, 640, 7, b"\x40\x10")),
        b"\xb2" + plain[1:12] + bytes(8) + b"\xbe\xde\x00\x01\x10\xff\x00\x00" + LOUD[:100] + b"\x00\x00\x03",
        build_report(Report(7, SenderInfo(2**63, 160, 1, 160), (view,)), "far"),
        build_goodbye(7, "far"),
    ]


def mutated(originals: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Yield so many packets: up to six bytes of each changed, some cut short, many with a sequence that counts on."""
    chance = np.random.default_rng(seed)
    table = np.zeros((len(originals), WIDTH), np.uint8)
    lengths = np.array([len(each) for each in originals])
    for row, each in enumerate(originals):
        table[row, : len(each)] = np.frombuffer(each, np.uint8)
    made = 0
    while made < count:
        size = min(2_000, count - made)  # small, so that no buffer of the test itself shows in the memory
        kinds = chance.integers(0, len(originals), size)
        rows: NDArray[np.uint8] = table[kinds]
        sequences = (np.arange(made, made + size) & 0xFFFF).astype(">u2").view(np.uint8).reshape(-1, 2)
        counting = chance.random(size) < 0.5
        rows[counting, 2:4] = sequences[counting]
        for _ in range(6):
            changed = chance.random(size) < 0.4
            # Heads decide more than tails: half of the changes go there.
            places = np.where(chance.random(size) < 0.5, chance.integers(0, 16, size), chance.integers(0, WIDTH, size))
            rows[np.flatnonzero(changed), places[changed]] = chance.integers(0, 256, int(changed.sum()))
        ends = np.where(chance.random(size) < 0.1, chance.integers(0, WIDTH, size), lengths[kinds])
        data = rows.tobytes()
        for at, end in zip(range(0, size * WIDTH, WIDTH), ends.tolist(), strict=True):
            yield data[at : at + end]
        made += size


def resident_kb() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def test_seven_hundred_thousand_in_clear(session: RtpSession) -> None:
    call = Call(session)
    call.take(mutated(seeds(session._ssrc), 100_000, seed=1))
    before = resident_kb()
    call.take(mutated(seeds(session._ssrc), 600_000, seed=2))
    assert resident_kb() - before < 4096
    assert session.statistics.received > 100_000
    assert session.statistics.refused > 100_000
    assert call.hears_a_new_stream()


async def test_two_hundred_thousand_encrypted(session: RtpSession) -> None:
    ours, theirs = secrets.token_bytes(30), secrets.token_bytes(30)
    call = Call(session)
    session.secure(SrtpKeys("AES_CM_128_HMAC_SHA1_80", ours, theirs))

    def far() -> Srtp:
        return Srtp(SrtpKeys("AES_CM_128_HMAC_SHA1_80", theirs, ours))

    sealed = [far().seal_control(each) if is_rtcp(each) else far().seal(each) for each in seeds(session._ssrc)]
    call.take(mutated(sealed, 40_000, seed=3))
    before = resident_kb()
    call.take(mutated(sealed, 160_000, seed=4))
    assert resident_kb() - before < 4096
    assert session.statistics.received <= 2 * len(sealed), "only what nobody changed, and each of it once"
    assert session.statistics.undecipherable > 150_000
    assert call.hears_a_new_stream(far())


@pytest.mark.parametrize("codec", [Codec.G722, Codec.OPUS])
async def test_eighty_thousand_of_a_codec_with_a_memory(session: RtpSession, codec: Codec) -> None:
    call = Call(session, codec)
    call.take(mutated(seeds(session._ssrc), 40_000, seed=5))  # as many as follow, so that all they need is there
    before = resident_kb()
    call.take(mutated(seeds(session._ssrc), 40_000, seed=6))
    assert resident_kb() - before < 4096
    assert call.hears_a_new_stream()


async def test_of_strangers_nothing_is_ever_heard(session: RtpSession) -> None:
    call = Call(session)
    loud = [build(RtpPacket(0, n, n * 160, 7, LOUD)) for n in range(8)]
    numbered = iter(mutated(loud, 100_000, seed=7))
    for n in range(500):
        call.wire.waiting = [(next(numbered), STRANGER) for _ in range(PER_TICK - 1)]
        call.wire.waiting.append((build(RtpPacket(0, n, n * 160, 7, QUIET)), FAR))
        call.tick()
        assert not any(samples.any() for samples in call.diary.audio)
    assert session.remote == FAR
    assert session.statistics.received == 500
