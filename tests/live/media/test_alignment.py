"""The recording keeps the time of the call, whatever happens to its packets, its keys, its codec or our clock.

Tones are said at known times on both sides of a call in time moved by hand, and looked for in the finished file, as WAV
and as Opus. What the far end says is heard after the jitter buffer's cushion, so its times count from there.
"""

from __future__ import annotations

import random
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.live.media.fakes import FakeWire, HandClock
from tests.live.media.recordings import at_their_times, beeps, heard, read

from dialnexa.live.line import FRAME_SAMPLES
from dialnexa.live.media.clock import PHASES
from dialnexa.live.media.codec import Codec, decode, encode
from dialnexa.live.media.coder import mouth_of
from dialnexa.live.media.conversion import convert
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.jitter import CUSHION
from dialnexa.live.media.leg import Leg
from dialnexa.live.media.tones import tone
from dialnexa.live.outcome import RecordingResult

CALLER, AGENT = 440, 1000
"""Hertz of what the two sides say."""
CUSHION_S = CUSHION * 0.02
_FACTOR = {Codec.OPUS: 6}
"""Timestamp units per sample."""


@dataclass
class Call:
    """One recorded call. The far end sends a frame per tick; ``lost`` and ``late`` (ticks) say what becomes of each."""

    folder: Path
    codec: Codec = Codec.PCMU
    lost: Callable[[int], bool] = lambda tick: False
    late: Callable[[int], int] = lambda tick: 0
    caller: Any = None
    far_silent: bool = False
    """The far end sends nothing at all."""
    tick: int = 0
    spoken: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = MediaEngine(HandClock(), vad=False)
        self.wire = FakeWire()
        self.leg = self.engine.open_leg(self.wire, codec=self.codec, recording=self.folder / "call.wav")
        self.speaks(self.codec)
        self._on_the_way: dict[int, list[Callable[[], None]]] = {}

    def speaks(self, codec: Codec) -> None:
        """Have the far end send in another codec from now on."""
        self.far_codec, self._mouth = codec, mouth_of(codec, "")

    def until(self, seconds: float) -> None:
        """Let the call go on to this time."""
        while self.tick < round(seconds * 50):
            self._far_end_sends()
            self._arrive()
            for phase in range(PHASES):
                self.engine.tick(phase, self.tick + 1)
            self.tick += 1

    def stall(self, seconds: float) -> None:
        """Let our clock stand still; the network does not."""
        for _ in range(round(seconds * 50)):
            self._far_end_sends()
            self._arrive()
            self.tick += 1

    def say(self, seconds: float) -> None:
        """Have the agent say a tone now."""
        said = self.leg.say()
        said.push(tone((AGENT,), seconds))
        said.finish()

    async def end(self) -> RecordingResult:
        result = await self.leg.close()
        await self.engine._desk.close()
        assert result is not None
        assert result.lost == ""
        assert result.duration_ms == self.tick * 20, "every tick of the call is on it, and no other"
        return result

    def _far_end_sends(self) -> None:
        tick = self.tick
        if self.far_silent:
            return
        piece = self.caller[tick * FRAME_SAMPLES : (tick + 1) * FRAME_SAMPLES]
        kept = encode(self.far_codec, piece)
        payload = kept if self._mouth is None else self._mouth.encode(kept)
        if not self.lost(tick):
            arrive = _arrival(self.leg, payload, tick * FRAME_SAMPLES * _FACTOR.get(self.far_codec, 1), self.far_codec)
            self._on_the_way.setdefault(tick + self.late(tick), []).append(arrive)

    def _arrive(self) -> None:
        self.wire.waiting += self._on_the_way.pop(self.tick, [])


def _arrival(leg: Leg, payload: bytes, timestamp: int, codec: Codec) -> Callable[[], None]:
    return lambda: leg.on_frame(payload, timestamp, 1, codec)


def caller_at(*spans: tuple[float, float], seconds: float) -> Any:
    return beeps(seconds, *((CALLER, start, end) for start, end in spans))


def both(folder: Path) -> list[tuple[Any, Any, int]]:
    """Return left, right and rate of the finished recording, as it was written and as Opus; exactly as long."""
    convert(folder / "call.wav", folder / "call.ogg")
    (wav, wav_rate), (ogg, ogg_rate) = read(folder / "call.wav"), read(folder / "call.ogg")
    assert ogg.shape[1] * wav_rate == wav.shape[1] * ogg_rate
    return [(*wav, wav_rate), (*ogg, ogg_rate)]


def later(spans: list[tuple[float, float]], seconds: float = CUSHION_S) -> list[tuple[float, float]]:
    return [(start + seconds, end + seconds) for start, end in spans]


def agent_is_what_was_sent(call: Call, codec_at: Callable[[int], Codec]) -> None:
    """Check the agent's side sample by sample against what left on the wire."""
    with wave.open(str(call.folder / "call.wav")) as file:
        right = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)[:, 1]
    expected = np.zeros_like(right)
    for payload, at, _ in call.wire.sent:
        expected[at : at + FRAME_SAMPLES] = decode(codec_at(at), payload)
    assert np.array_equal(right, expected)


async def test_loss_moves_nothing(tmp_path: Path) -> None:
    chance = random.Random(7)
    lost = {tick for tick in range(1000) if chance.random() < 0.1}
    lost |= set(range(300, 304)) | set(range(800, 804))  # bursts inside a tone and in a pause
    spans = [(2.0, 3.0), (5.5, 7.0), (12.0, 12.5), (18.0, 19.0)]
    call = Call(tmp_path, caller=caller_at(*spans, seconds=20), lost=lost.__contains__)
    call.until(4)
    call.say(1)
    call.until(20)
    await call.end()
    agent_is_what_was_sent(call, lambda at: Codec.PCMU)
    for left, right, rate in both(tmp_path):
        # A lost frame at an edge is made up for with what came before it: such an edge may lie a frame off.
        assert at_their_times(heard(left, rate, CALLER, bridge_ms=120), *later(spans), within_ms=40)
        assert at_their_times(heard(right, rate, AGENT), (4, 5))


async def test_jitter_delays_and_moves_nothing_for_good(tmp_path: Path) -> None:
    chance = random.Random(3)
    late = [chance.choice((0, 0, 0, 1, 2, 3)) if 300 <= tick < 500 else 0 for tick in range(1500)]
    spans = [(2.0, 3.0), (7.0, 8.0), (20.0, 21.0), (28.0, 29.0)]
    call = Call(tmp_path, caller=caller_at(*spans, seconds=30), late=late.__getitem__)
    call.until(30)
    await call.end()
    for left, _, rate in both(tmp_path):
        found = heard(left, rate, CALLER, bridge_ms=120)
        assert len(found) == 4
        assert at_their_times([found[0], found[2], found[3]], *later([spans[0], spans[2], spans[3]]))
        assert 0 <= found[1][0] - 7020 <= 80, "while packets come up to 60 ms late, so is what is heard"


async def test_a_hold_is_silence_of_its_length(tmp_path: Path) -> None:
    spans = [(2.0, 3.0), (11.0, 12.0)]
    call = Call(tmp_path, caller=caller_at(*spans, seconds=15))
    call.until(4)
    call.say(2)
    call.until(5)
    call.leg.held = call.far_silent = True
    call.until(9)
    call.leg.held = call.far_silent = False
    call.until(15)
    await call.end()
    agent_is_what_was_sent(call, lambda at: Codec.PCMU)
    for left, right, rate in both(tmp_path):
        assert at_their_times(heard(left, rate, CALLER), *later(spans))
        assert at_their_times(heard(right, rate, AGENT), (4, 5), (9, 10)), "speech goes on where it stopped"
        quiet = slice(int(5.2 * rate), int(8.9 * rate))
        assert np.abs(left[quiet]).max() < 200
        assert np.abs(right[quiet]).max() < 200


@pytest.mark.parametrize("events", [True, False])
async def test_keys_both_ways_move_nothing(tmp_path: Path, events: bool) -> None:
    spans = [(2.0, 3.0), (8.0, 9.0)]
    call = Call(tmp_path, caller=caller_at(*spans, seconds=12))
    call.wire.events = events
    call.until(4)
    for digit in "12":  # as telephone-events, in whose place no audio comes
        call.wire.waiting.append(lambda digit=digit: call.leg.on_key(digit))
        call.far_silent = True
        call.until(call.tick / 50 + 0.2)
        call.far_silent = False
        call.until(call.tick / 50 + 0.3)
    call.until(5.5)
    call.leg.press("9#")
    call.say(1)  # waits for the keys
    call.until(12)
    await call.end()
    agent_is_what_was_sent(call, lambda at: Codec.PCMU)
    began = min(at for payload, at, _ in call.wire.sent if payload == encode(Codec.PCMU, tone((AGENT,), 0.02))) / 8000
    assert began > 5.6
    for left, right, rate in both(tmp_path):
        assert at_their_times(heard(left, rate, CALLER), *later(spans))
        assert at_their_times(heard(right, rate, AGENT), (began, began + 1))


@pytest.mark.parametrize(
    ("before", "after"),
    [(Codec.PCMU, Codec.PCMA), (Codec.PCMA, Codec.G722), (Codec.G722, Codec.OPUS), (Codec.OPUS, Codec.PCMU)],
)
async def test_a_change_of_codec_moves_nothing(tmp_path: Path, before: Codec, after: Codec) -> None:
    spans = [(2.0, 3.0), (8.0, 9.0), (12.0, 13.0)]
    call = Call(tmp_path, before, caller=caller_at(*spans, seconds=15))
    call.until(4)
    call.say(1)
    call.until(6)
    call.leg.set_codec(after)
    call.speaks(after)
    call.until(10)
    call.say(1)
    call.until(15)
    await call.end()
    for left, right, rate in both(tmp_path):
        assert at_their_times(heard(left, rate, CALLER), *later(spans))
        assert at_their_times(heard(right, rate, AGENT), (4, 5), (10, 11))


@pytest.mark.parametrize("stalls", [(0.06,), (0.3,), (1.5,), (3.0,), (0.1, 0.5, 0.1)])
async def test_a_stall_of_our_clock_moves_nothing(tmp_path: Path, stalls: tuple[float, ...]) -> None:
    spans = [(2.0, 3.0), (5.0, 6.0), (14.0, 15.0)]
    call = Call(tmp_path, caller=caller_at(*spans, seconds=20))
    for stall in stalls:
        call.until(call.tick / 50 + 3.5)
        call.stall(stall)
    call.until(16)
    call.say(1)
    call.until(20)
    await call.end()
    agent_is_what_was_sent(call, lambda at: Codec.PCMU)
    for left, right, rate in both(tmp_path):
        assert at_their_times(heard(left, rate, CALLER), *later(spans))
        assert at_their_times(heard(right, rate, AGENT), (16, 17))
