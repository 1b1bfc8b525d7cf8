"""Who made the clock late: our own work, or a machine that gave the core to somebody else."""

from __future__ import annotations

import time
from array import array

from dialnexa.kit.clock import SystemClock
from dialnexa.live.media.clock import PHASE_S
from dialnexa.live.media.core import Blame, CoreTime, ThreadTime


class WatchedClock(SystemClock):
    """The machine's clock for a ``MediaEngine`` under test; notes each beat's lateness and whose fault it was."""

    def __init__(self, core: CoreTime | None = None) -> None:
        self._core = core or ThreadTime()
        self._blame = Blame(self._core, PHASE_S)
        self.late = array("d")
        """Lateness of each beat since ``forget``, seconds."""
        self.own = array("d")
        """The part of it that waiting for a core does not explain."""

    async def sleep_until(self, deadline: float) -> None:
        """Wait until the deadline and note how late it became."""
        await super().sleep_until(deadline)
        late = max(0.0, time.monotonic() - deadline)
        self.late.append(late)
        self.own.append(self._blame.own(late))

    @property
    def waited_s(self) -> float:
        """Seconds this thread has waited for a core since it started."""
        return self._core.waited_s()

    def forget(self) -> None:
        """Start anew."""
        del self.late[:]
        del self.own[:]
