"""Who made the clock late: our own work, or a machine that gave the core to somebody else.

Linux counts for every thread how long it was ready to run and had no core (``/proc/<pid>/schedstat``, second figure).
Lateness up to that much is the machine's, the rest is ours.
"""

from __future__ import annotations

import os
import time
from array import array
from pathlib import Path

from dialnexa.kit.clock import SystemClock
from dialnexa.live.media.clock import PHASE_S


class WaitingTime:
    """How long the calling thread has waited for a core since it started; 0 where the system does not say."""

    def __init__(self) -> None:
        self._file = -1
        if Path("/proc/thread-self/schedstat").exists():
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def seconds(self) -> float:
        """Return the total in seconds."""
        if self._file < 0:
            return 0.0
        return int(os.pread(self._file, 64, 0).split()[1]) / 1e9


class WatchedClock(SystemClock):
    """The machine's clock for a ``MediaEngine`` under test; notes each beat's lateness and whose fault it was."""

    def __init__(self) -> None:
        self._waiting = WaitingTime()
        self._waited = self._waiting.seconds()
        self._excuse = 0.0
        """Seconds of lateness that waiting for a core explains."""
        self.late = array("d")
        """Lateness of each beat since ``forget``, seconds."""
        self.own = array("d")
        """The part of it that waiting for a core does not explain."""

    async def sleep_until(self, deadline: float) -> None:
        """Wait until the deadline and note how late it became."""
        await super().sleep_until(deadline)
        waited = self._waiting.seconds()
        late = max(0.0, time.monotonic() - deadline)
        # A beat that began late makes the next one late as well, by a phase less.
        self._excuse = min(late, max(0.0, self._excuse - PHASE_S) + waited - self._waited)
        self._waited = waited
        self.late.append(late)
        self.own.append(late - self._excuse)

    @property
    def waited_s(self) -> float:
        """Seconds this thread has waited for a core since it started."""
        return self._waiting.seconds()

    def forget(self) -> None:
        """Start anew."""
        del self.late[:]
        del self.own[:]
