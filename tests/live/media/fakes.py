"""What surrounds the media plane, faked: a wire that remembers, a listener that takes notes, time moved by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dialnexa.live.line import FRAME_SAMPLES, Samples
from dialnexa.live.media.leg import Leg


@dataclass
class FakeWire:
    """A ``FrameTransport`` that keeps what was sent; ``arrives`` runs at the next poll."""

    events: bool = True
    sent: list[tuple[bytes, int, bool]] = field(default_factory=list)
    keys: list[tuple[str, int, int, bool, bool]] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def poll(self) -> None:
        waiting, self.waiting = self.waiting, []
        for arrive in waiting:
            arrive()

    def send(self, payload: bytes, at: int, marker: bool) -> None:
        self.sent.append((payload, at, marker))

    def send_event(self, digit: str, started_at: int, duration: int, end: bool, marker: bool) -> None:
        self.keys.append((digit, started_at, duration, end, marker))

    def arrives(self, leg: Leg, payload: bytes, tick: int, ssrc: int = 1) -> None:
        self.waiting.append(lambda: leg.on_frame(payload, tick * FRAME_SAMPLES, ssrc))

    @property
    def payloads(self) -> list[bytes]:
        return [payload for payload, _, _ in self.sent]


@dataclass
class Diary:
    """A ``LineListener`` that writes everything down."""

    calls: list[tuple[str, int]] = field(default_factory=list)
    audio: list[Samples] = field(default_factory=list)
    voice: list[tuple[float, int]] = field(default_factory=list)
    digits: str = ""

    def on_audio(self, samples: Samples, at: int) -> None:
        self.calls.append(("audio", at))
        self.audio.append(samples)

    def on_voice(self, probability: float, at: int) -> None:
        self.calls.append(("voice", at))
        self.voice.append((probability, at))

    def on_digit(self, digit: str, at: int) -> None:
        self.calls.append(("digit", at))
        self.digits += digit

    def on_tick(self, at: int) -> None:
        self.calls.append(("tick", at))


@dataclass
class FakeCore:
    """A ``CoreTime`` moved by hand, with the time that passes beside it."""

    used: float = 0.0
    waited: float = 0.0
    now: float = 1000.0

    def passes(self, seconds: float, *, used: float = 0.0, waited: float = 0.0) -> None:
        self.now += seconds
        self.used += used
        self.waited += waited

    def used_s(self) -> float:
        return self.used

    def waited_s(self) -> float:
        return self.waited


class HandClock:
    """A ``Clock`` whose sleeps end at once, plus whatever delay the story wants."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.delays: dict[int, float] = {}
        self.sleeps = 0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self.time + seconds)

    async def sleep_until(self, deadline: float) -> None:
        self.time = max(self.time, deadline) + self.delays.get(self.sleeps, 0.0)
        self.sleeps += 1
