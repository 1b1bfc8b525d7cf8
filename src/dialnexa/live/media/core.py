"""What the clock's thread asks of its core, and what it gets: the ground on which new calls are taken or refused.

Neither lateness nor a busy machine proves that we have too much to do: others may have the core. Linux counts for
every thread how long it was ready to run and had none (``/proc/<pid>/schedstat``, second figure); what that explains
is the machine's, the rest is ours. Elsewhere everything counts as ours.
"""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import Protocol

from dialnexa.live.line import FRAME_S

_WINDOW_S = 0.5
"""Looked back on: long enough for a dozen ticks, short enough to refuse the second burst of calls."""
_LEAST_S = 0.1
_LEAST_GIVEN = 0.1
"""Share of the time below which we got so little of the core that nothing can be said about our own work."""


class CoreTime(Protocol):
    """The two counters of a thread, in seconds since any moment."""

    def used_s(self) -> float:
        """CPU time."""
        ...

    def waited_s(self) -> float:
        """Time ready to run without a core; always 0 where the system does not say."""
        ...


class ThreadTime:
    """The counters of the thread that makes it, and that alone may ask."""

    def __init__(self) -> None:
        self._file = -1
        if Path("/proc/thread-self/schedstat").exists():
            self._file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def __del__(self) -> None:
        if self._file >= 0:
            os.close(self._file)

    def used_s(self) -> float:
        """Return the CPU time."""
        return time.thread_time()

    def waited_s(self) -> float:
        """Return the time without a core."""
        if self._file < 0:
            return 0.0
        return int(os.pread(self._file, 64, 0).split()[1]) / 1e9


class Blame:
    """Tells how much of each beat's lateness is our own: what waiting for a core does not explain."""

    def __init__(self, core: CoreTime, beat_s: float) -> None:
        """Take the time between two beats as well."""
        self._core = core
        self._beat_s = beat_s
        self._waited = core.waited_s()
        self._excuse = 0.0
        """Seconds of lateness that waiting for a core explains."""

    def own(self, late_s: float) -> float:
        """Return our part of a beat's lateness; to be asked at every beat."""
        waited = self._core.waited_s()
        # A beat that began late makes the next one late as well, by a beat less.
        self._excuse = min(late_s, max(0.0, self._excuse - self._beat_s) + waited - self._waited)
        self._waited = waited
        return late_s - self._excuse


class Strain:
    """How close the clock's thread is to having more to do than its core can give."""

    def __init__(self, core: CoreTime, beat_s: float) -> None:
        self._core = core
        self._blame = Blame(core, beat_s)
        self._looks: deque[tuple[float, float, float]] = deque(maxlen=round(_WINDOW_S / beat_s) + 1)
        self._lag = 0.0
        self._fade = 1 - beat_s / FRAME_S / 2

    def note(self, now: float, late_s: float) -> None:
        """Look at the counters; to be called at every beat with how late it began."""
        self._looks.append((now, self._core.used_s(), self._core.waited_s()))
        self._lag = max(self._blame.own(late_s), self._lag * self._fade)

    @property
    def lag_s(self) -> float:
        """The worst lateness of our own lately; an old one fades within some ticks."""
        return self._lag

    @property
    def share(self) -> float:
        """Share of what the core gave us over the last half second that our work took; 1.0: all of it."""
        if len(self._looks) < 2:
            return 0.0
        (then, used_then, waited_then), (now, used, waited) = self._looks[0], self._looks[-1]
        wall = now - then
        if wall < _LEAST_S:
            return 0.0
        return (used - used_then) / max(wall - (waited - waited_then), wall * _LEAST_GIVEN)
