"""The media engine of one worker: one clock, two phases, all legs. There is no task per call in here."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from dialnexa.kit.clock import Clock
from dialnexa.live.line import LineListener
from dialnexa.live.media.clock import PHASES, LatenessReport, Ticker
from dialnexa.live.media.codec import Codec
from dialnexa.live.media.core import CoreTime
from dialnexa.live.media.leg import FrameTransport, Leg
from dialnexa.live.media.phase import Phase
from dialnexa.live.media.recorder import RecordingDesk
from dialnexa.live.media.vad import Silero

log = structlog.get_logger(__name__)

_FULL = 0.88
"""Share of the core above which the next call would make all of them late: a call costs most while it is set up.

At 250 calls they take about 0.7 of a core, and placing 33 more a second 0.13 (measured): 0.75 refused calls that the
core could carry. At 0.88, and 150 offered per second, the running ones kept within 7 ms of their grid.
"""
_FEW = 20
"""Legs below which nothing is refused: what fills the core then is the set-up of calls, and that passes."""
_LAG_S = 0.005
_LAG_SHARE = 0.4
"""A beat this late by our own work, while that takes this share of the core: calls come faster than they can be set up.

Lateness alone proves nothing: a machine that has just started, or that others keep busy, is late without any calls,
and refusing them would not help.
"""

_LOG_EVERY = 500
"""Failing ticks come in hundreds per second; one line of them is enough."""


_SWITCH_S = 0.0005
"""The clock gives the interpreter lock up at every packet; a busy thread gives it back after this long, not 5 ms."""


def favour_the_clock() -> None:
    """Keep garbage collector and other threads out of the way of the clock; call once, when the worker has started.

    What lives now lives as long as the process: it is frozen out of all later collections, which are the usual cause
    of stalls of 20 to 60 ms. The rest is looked at in small portions: with 250 calls, 5000 young objects take 7 ms and
    a hundred thousand middle-aged ones 40 (measured); these thresholds keep both near a millisecond or two.
    """
    sys.setswitchinterval(_SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(500, 5, 200)


class MediaEngine:
    """All legs of a worker. Open it once, on the worker's event loop."""

    def __init__(self, clock: Clock, vad: bool, core: CoreTime | None = None) -> None:
        model = Silero() if vad else None
        self._phases = [Phase(model) for _ in range(PHASES)]
        self._desk = RecordingDesk()
        self._failures = 0
        self._ticker = Ticker(clock, self.tick, core)

    @classmethod
    @asynccontextmanager
    async def open(cls, *, clock: Clock, vad: bool = True) -> AsyncGenerator[MediaEngine]:
        """Run the clock as long as the block lasts; legs still open at its end are closed, recordings finished."""
        engine = cls(clock, vad)
        ticking = asyncio.create_task(engine._ticker.run(), name="media clock")
        try:
            yield engine
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            await asyncio.gather(*(leg.close() for phase in engine._phases for leg in phase.legs))
            await engine._desk.close()

    def open_leg(
        self,
        transport: FrameTransport,
        *,
        codec: Codec,
        fmtp: str = "",
        listener: LineListener | None = None,
        recording: Path | None = None,
    ) -> Leg:
        """Start a leg's clock (the answer) in the emptiest phase; close it with ``await leg.close()``.

        ``fmtp`` is how the far end wants the codec (RFC 4566 format parameters).
        """
        phase = min(self._phases, key=lambda phase: len(phase.legs))
        recorder = self._desk.open(recording, codec) if recording else None
        leg = Leg(transport, codec, recorder, phase.remove, fmtp)
        leg.listener = listener
        phase.add(leg)
        return leg

    def tick(self, phase: int, cycle: int) -> None:
        """Take one phase to this cycle; the clock calls it, and so do tests with time of their own."""
        try:
            self._phases[phase].run(cycle)
        except Exception:  # the clock must outlive any bug in a tick; the calls of the other phases are innocent
            if self._failures % _LOG_EVERY == 0:
                log.exception("media.phase_failed", phase=phase, failures=self._failures + 1)
            self._failures += 1

    @property
    def lateness(self) -> LatenessReport:
        """How well the clock was kept over the last five seconds."""
        return self._ticker.lateness.report()

    @property
    def legs(self) -> int:
        """How many legs are open."""
        return sum(len(phase.legs) for phase in self._phases)

    @property
    def overloaded(self) -> bool:
        """Whether a further call would cost the running ones their grid; admission refuses then."""
        if self.legs < _FEW:
            return False
        strain = self._ticker.strain
        return (share := strain.share) > _FULL or (strain.lag_s > _LAG_S and share > _LAG_SHARE)
