"""The timer values of RFC 3261 §17, table 4. Tests take small ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """Seconds. ``t1``: round-trip estimate; ``t2``: longest retransmission gap; ``t4``: life of a packet."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0

    @property
    def give_up(self) -> float:
        """64*T1: how long anything is retransmitted, and how long absorbed (timers B, D, F, H, J, L, M)."""
        return 64 * self.t1
