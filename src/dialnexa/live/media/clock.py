"""The worker's metronome: every 10 ms one of two phases is due, so each phase, and each call in it, ticks every 20 ms.

Deadlines are absolute, so nothing drifts. After a stall whole cycles are skipped and counted instead of being fired
in a burst; whoever is called sees from the cycle number how many it missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dialnexa.kit.clock import Clock
from dialnexa.live.line import FRAME_S
from dialnexa.live.media.core import CoreTime, Strain, ThreadTime

PHASES = 2
"""Calls are spread over this many phases, so that their packets do not leave in one burst.

More of them would spread better, but each has its own inference: with four, small batches on cold caches made a call
an eighth dearer.
"""
PHASE_S = FRAME_S / PHASES
_WINDOW = 250 * PHASES
"""Phases looked back on: five seconds."""


@dataclass(frozen=True, slots=True)
class LatenessReport:
    """How late phases began over the last five seconds, and how much of the time they took."""

    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    busy: float = 0.0
    """Share of the time spent inside phases: 1.0 means the core is full."""
    skipped: int = 0
    """Cycles of 20 ms skipped after stalls since the start."""


class Lateness:
    """A sliding record of the phases of the last five seconds."""

    def __init__(self) -> None:
        self._late = np.zeros(_WINDOW, np.float32)
        self._took = np.zeros(_WINDOW, np.float32)
        self._count = 0
        self.skipped = 0

    def add(self, late_s: float, took_s: float) -> None:
        """Note one phase: how late it began and how long it took, in seconds."""
        slot = self._count % _WINDOW
        self._late[slot] = late_s
        self._took[slot] = took_s
        self._count += 1

    def report(self) -> LatenessReport:
        """Summarise what the window holds."""
        seen = min(self._count, _WINDOW)
        if not seen:
            return LatenessReport(skipped=self.skipped)
        # Sorted by hand: the first np.percentile of a process imports numpy.ma, which would stop the clock for 40 ms.
        late = np.sort(self._late[:seen]) * 1000
        p50, p99, worst = (float(late[int(share * (seen - 1))]) for share in (0.5, 0.99, 1.0))
        busy = float(self._took[:seen].mean()) / PHASE_S
        return LatenessReport(p50, p99, worst, busy, self.skipped)


class Ticker:
    """Calls ``on_phase(phase, cycle)`` on the grid until cancelled; ``cycle`` grows by one every 20 ms of real time."""

    def __init__(self, clock: Clock, on_phase: Callable[[int, int], None], core: CoreTime | None = None) -> None:
        """Take the counters of the thread that will run it, by default those of the thread that makes it."""
        self._clock = clock
        self._on_phase = on_phase
        self.lateness = Lateness()
        self.strain = Strain(core or ThreadTime(), PHASE_S)

    async def run(self) -> None:
        """Tick forever. Under uvloop a phase may begin up to a millisecond early, the grain of its timers."""
        clock, lateness = self._clock, self.lateness
        start = clock.monotonic()
        beat = 1
        while True:
            deadline = start + beat * PHASE_S
            await clock.sleep_until(deadline)  # yields even when the deadline has passed, so the loop never starves
            began = clock.monotonic()
            late = max(0.0, began - deadline)
            self.strain.note(began, late)
            missed = int(late / FRAME_S)
            lateness.skipped += missed
            beat += missed * PHASES
            self._on_phase(beat % PHASES, beat // PHASES)
            lateness.add(late, clock.monotonic() - began)
            beat += 1
