"""A line in virtual time, that ticks by hand, and the time itself.

Nothing here sleeps. ``FakeLine.run(seconds)`` moves the call clock tick by tick; between two ticks everything that can
run runs (``settle``), and fakes that take a while (``fake_speech``) wait on the line's ``VirtualClock``.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import numpy as np

from dialnexa.live.line import (
    FRAME_SAMPLES,
    SAMPLE_RATE,
    EndedBy,
    LineEnd,
    LineListener,
    NotConnected,
    NotTransferred,
    Samples,
)
from dialnexa.live.outcome import MediaQuality, RecordingResult, SipLadder
from dialnexa.live.plan import Background

WINDOW_SAMPLES = 256


async def settle() -> None:
    """Let every task run until nothing is ready any more."""
    ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(10_000):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("the event loop never came to rest")


class VirtualClock:
    """A ``kit.clock.Clock`` whose time moves only through ``advance``."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        await self.sleep_until(self._now + seconds)

    async def sleep_until(self, deadline: float) -> None:
        if deadline <= self._now:
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (deadline, next(self._order), future))
        await future

    def advance(self, seconds: float) -> None:
        """Move time and wake whoever waited for it; follow with ``settle``."""
        self._now = round(self._now + seconds, 6)
        while self._waiting and self._waiting[0][0] <= self._now + 1e-9:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)


class FakeUtterance:
    """What ``Line.say`` returns: audio leaves it 160 samples a tick."""

    def __init__(self) -> None:
        self._audio: Samples = np.zeros(0, np.int16)
        self.played = 0
        self.started_at: int | None = None
        self.finished = False
        self.was_cut = False
        self.paused = False
        self.ducked = False

    @property
    def pushed(self) -> int:
        return len(self._audio)

    @property
    def done(self) -> bool:
        return self.was_cut or (self.finished and self.played >= self.pushed)

    def push(self, samples: Samples) -> None:
        assert not self.finished, "pushed after finish"
        if not self.was_cut:
            self._audio = np.concatenate([self._audio, samples])

    def finish(self) -> None:
        self.finished = True

    def cut(self) -> int:
        self.was_cut = True
        return self.played

    def trim(self, to: int) -> None:
        self._audio = self._audio[: max(to, self.played)]

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self.ducked = False

    def duck(self) -> None:
        self.ducked = True

    def take(self, at: int) -> Samples:
        """Hand out the frame of the tick at ``at``; silence when held or dry."""
        frame = np.zeros(FRAME_SAMPLES, np.int16)
        if self.paused:
            return frame
        piece = self._audio[self.played : self.played + FRAME_SAMPLES]
        if len(piece) and self.started_at is None:
            self.started_at = at
        frame[: len(piece)] = piece
        self.played += len(piece)
        return frame


@dataclass(frozen=True)
class _Burst:
    start: int
    end: int
    samples: Samples | None


@dataclass
class FakeLine:
    """A leg in virtual time: script the person with ``caller_speaks`` and ``caller_presses``, then ``await run(…)``."""

    refuses: NotConnected | None = None
    """What ``connect`` raises, if anything."""
    clock: VirtualClock = field(default_factory=VirtualClock)
    at: int = 0
    """Call clock: first sample of the next tick."""
    pressed: list[str] = field(default_factory=list)
    """Digits the agent sent."""
    utterances: list[FakeUtterance] = field(default_factory=list)
    hung_up: bool = False
    held: bool = False
    """The far end has us on hold: nothing of what is said leaves."""
    backgrounds: list[Background | None] = field(default_factory=list["Background | None"])
    """What was laid beneath the agent, one after the other."""
    result: RecordingResult | None = None
    said: SipLadder = field(default_factory=SipLadder)
    refers: dict[str, Exception | float] = field(default_factory=dict[str, "Exception | float"])
    """What comes of a REFER to a destination: seconds until it answers, or why not; others: 501."""
    referred: list[str] = field(default_factory=list)
    seconds: dict[str, FakeLine] = field(default_factory=dict[str, "FakeLine"])
    """Who can be reached by a second leg."""
    sounded: MediaQuality | None = None
    _listener: LineListener | None = None
    _queue: deque[FakeUtterance] = field(default_factory=deque)
    _sent: list[Samples] = field(default_factory=list)
    _bursts: list[_Burst] = field(default_factory=list)
    _digits: list[tuple[int, str]] = field(default_factory=list)
    _windows: int = 0
    _end: LineEnd | None = None
    _down: asyncio.Event = field(default_factory=asyncio.Event)

    # --- the Line protocol ---------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()

    async def connect(self, on_ringing: Callable[[int], None]) -> None:
        on_ringing(180)
        if self.refuses is not None:
            raise self.refuses

    def listen(self, listener: LineListener) -> None:
        self._listener = listener

    def say(self) -> FakeUtterance:
        utterance = FakeUtterance()
        self.utterances.append(utterance)
        self._queue.append(utterance)
        return utterance

    async def underlay(self, background: Background | None) -> None:
        self.backgrounds.append(background)

    def press(self, digits: str) -> None:
        self.pressed.append(digits)

    async def transfer(self, to: str, on_ringing: Callable[[int], None]) -> None:
        """Do what the script says of this destination: a wait in seconds, then the outcome."""
        self.referred.append(to)
        outcome = self.refers.get(to, NotTransferred("501", 501, unable=True))
        if isinstance(outcome, Exception):
            raise outcome
        on_ringing(180)
        await self.clock.sleep(outcome)

    def onward(self, to: str, ring_s: float) -> FakeLine | None:
        second = self.seconds.get(to)
        if second is not None:
            second.clock = self.clock
        return second

    async def hang_up(self) -> None:
        self.hung_up = True
        self.end(LineEnd(EndedBy.NEAR))

    async def ended(self) -> LineEnd:
        await self._down.wait()
        assert self._end is not None
        return self._end

    def recording(self) -> RecordingResult | None:
        return self.result

    def quality(self) -> MediaQuality | None:
        return self.sounded

    def ladder(self) -> SipLadder:
        return self.said

    # --- the person at the far end -------------------------------------------------------------------------------

    def caller_speaks(self, seconds: float, *, after: float = 0.0, samples: Samples | None = None) -> None:
        """Voice for ``seconds`` from ``after`` seconds from now; ``samples`` is the audio itself, else a tone."""
        start = self.at + round(after * SAMPLE_RATE)
        self._bursts.append(_Burst(start, start + round(seconds * SAMPLE_RATE), samples))

    def caller_plays(self, samples: Samples, *, after: float = 0.0) -> None:
        """Audio without voice (a beep) from ``after`` seconds from now."""
        start = self.at + round(after * SAMPLE_RATE)
        self._bursts.append(_Burst(start, start, samples))

    def caller_presses(self, digits: str, *, after: float = 0.0, every: float = 0.2) -> None:
        """Press keys, one every ``every`` seconds."""
        for i, digit in enumerate(digits):
            self._digits.append((self.at + round((after + i * every) * SAMPLE_RATE), digit))

    def end(self, how: LineEnd) -> None:
        """Take the line down; the first word counts."""
        self._end = self._end or how
        self._down.set()

    # --- time ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """Seconds on the call clock."""
        return self.at / SAMPLE_RATE

    @property
    def agent_audio(self) -> Samples:
        """Everything that left on the wire since the start, gaps as silence."""
        return np.concatenate(self._sent) if self._sent else np.zeros(0, np.int16)

    @property
    def agent_speaks(self) -> bool:
        """Whether the last tick carried agent audio."""
        return bool(self._sent) and bool(np.any(self._sent[-1]))

    async def run(self, seconds: float) -> None:
        """Let that much call time pass."""
        await settle()
        for _ in range(round(seconds * SAMPLE_RATE / FRAME_SAMPLES)):
            await self.tick()

    async def run_until(self, condition: Callable[[], bool], *, at_most: float = 60.0) -> None:
        """Let call time pass until the condition holds."""
        await settle()
        for _ in range(round(at_most * SAMPLE_RATE / FRAME_SAMPLES)):
            if condition():
                return
            await self.tick()
        raise AssertionError(f"did not happen within {at_most} s of call time")

    async def tick(self) -> None:
        """One 20 ms tick, in the order the line promises."""
        at = self.at
        self._sent.append(self._next_frame(at))
        self.at = at + FRAME_SAMPLES
        if self._listener is not None:
            self._tell(self._listener, at)
        self.clock.advance(FRAME_SAMPLES / SAMPLE_RATE)
        await settle()

    def _tell(self, listener: LineListener, at: int) -> None:
        listener.on_audio(self._caller_frame(at), at)
        while (self._windows + 1) * WINDOW_SAMPLES <= self.at:
            self._windows += 1
            end = self._windows * WINDOW_SAMPLES
            middle = end - WINDOW_SAMPLES // 2
            voiced = any(burst.start <= middle < burst.end for burst in self._bursts)
            listener.on_voice(0.95 if voiced else 0.02, end)
        due = [entry for entry in self._digits if entry[0] < self.at]
        self._digits = [entry for entry in self._digits if entry[0] >= self.at]
        for _, digit in due:
            listener.on_digit(digit, at)
        listener.on_tick(at)

    def _next_frame(self, at: int) -> Samples:
        if self.held:
            return np.zeros(FRAME_SAMPLES, np.int16)
        while self._queue and self._queue[0].done:
            self._queue.popleft()
        return self._queue[0].take(at) if self._queue else np.zeros(FRAME_SAMPLES, np.int16)

    def _caller_frame(self, at: int) -> Samples:
        frame = np.zeros(FRAME_SAMPLES, np.int16)
        for burst in self._bursts:
            if burst.samples is None:
                lower, upper = max(burst.start, at), min(burst.end, at + FRAME_SAMPLES)
                if lower < upper:
                    times = np.arange(lower, upper)
                    frame[lower - at : upper - at] = (8000 * np.sin(times * 2 * np.pi * 220 / SAMPLE_RATE)).astype(
                        np.int16
                    )
                continue
            offset = at - burst.start
            piece = burst.samples[max(0, offset) : max(0, offset + FRAME_SAMPLES)]
            begin = max(0, -offset)
            frame[begin : begin + len(piece)] = piece
        return frame


# --- ears ------------------------------------------------------------------------------------------------------------
