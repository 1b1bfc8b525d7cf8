"""What a caller of the bench heard: when each packet came, where it belongs, and whether it was silence. Pure."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dialnexa.live.line import FRAME_SAMPLES, SAMPLE_RATE

Floats = NDArray[np.float64]


@dataclass(slots=True)
class Heard:
    """One call as its caller knows it. Times are seconds of the wall clock, as the kernel stamped the packets."""

    arrivals: array[float] = field(default_factory=lambda: array("d"))
    stamps: array[int] = field(default_factory=lambda: array("I"))
    """RTP timestamps."""
    voiced: array[int] = field(default_factory=lambda: array("b"))
    """1 when the packet was anything but silence."""
    started: array[float] = field(default_factory=lambda: array("d"))
    """When the caller began to speak."""
    stopped: array[float] = field(default_factory=lambda: array("d"))
    """When the caller fell silent: the end of the last frame with speech."""

    def note(self, arrived: float, stamp: int, voiced: bool) -> None:
        """Take one packet."""
        self.arrivals.append(arrived)
        self.stamps.append(stamp)
        self.voiced.append(voiced)

    def forget(self) -> None:
        """Start anew."""
        for each in (self.arrivals, self.stamps, self.voiced, self.started, self.stopped):
            del each[:]

    def pacing(self) -> Floats:
        """Return how far each packet came from where its RTP timestamp places it on the call's own grid (s)."""
        if not self.arrivals:
            return np.zeros(0)
        stamps = (np.asarray(self.stamps, np.int64) - self.stamps[0] + 2**31) % 2**32 - 2**31
        offsets = np.asarray(self.arrivals) - stamps / SAMPLE_RATE
        return np.abs(offsets - np.median(offsets))

    def missing(self) -> int:
        """Return how many frames were never sent, because a stall made the clock skip them."""
        if len(self.stamps) < 2:
            return 0
        span = (self.stamps[-1] - self.stamps[0]) % 2**32
        return max(0, span // FRAME_SAMPLES + 1 - len(self.stamps))

    def replies(self) -> list[float]:
        """Return, for each time the caller fell silent before a silent agent, how long until the agent was heard."""
        return self._until(self.stopped, voiced_before=False)

    def holds(self) -> list[float]:
        """Return, for each time the caller spoke into the agent's speech, how long until the agent stepped back."""
        return self._until(self.started, voiced_before=True)

    def _until(self, moments: array[float], *, voiced_before: bool) -> list[float]:
        """Find the first packet after each moment whose voice differs; the next of the moments ends the search."""
        arrivals, voiced = np.asarray(self.arrivals), np.asarray(self.voiced)
        found: list[float] = []
        for number, moment in enumerate(moments):
            first = int(np.searchsorted(arrivals, moment))
            last = int(np.searchsorted(arrivals, moments[number + 1])) if number + 1 < len(moments) else len(arrivals)
            if not first or voiced[first - 1] != voiced_before:
                continue
            changed = np.flatnonzero(voiced[first:last] != voiced_before)
            if changed.size:
                found.append(float(arrivals[first + int(changed[0])] - moment))
        return found
