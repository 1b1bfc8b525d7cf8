"""Keys the agent presses: which packet of which telephone-event each tick sends (RFC 4733)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from dialnexa.live.line import FRAME_SAMPLES

KEYPAD = "0123456789*#ABCD"
"""Every key, in the order of its RFC 4733 event code."""
TONE_TICKS = 8
"""160 ms: long enough for every menu, twice the 65 ms most require."""
END_REPEATS = 3
"""The packet that ends an event is sent three times, so that losing one does not hold the key down."""
GAP_TICKS = 5
"""100 ms of silence between two keys."""


def checked(digits: str) -> str:
    """Return keys as they are written; raises ``ValueError`` for anything that is not on a keypad."""
    wanted = digits.upper()
    if wrong := sorted(set(wanted) - set(KEYPAD)):
        raise ValueError(f"no such keys: {' '.join(wrong)}; a keypad has {KEYPAD}")
    return wanted


@dataclass(frozen=True, slots=True)
class KeyPacket:
    """One event packet. ``duration`` counts samples since ``started_at``, the call-clock position of the key press."""

    digit: str
    started_at: int
    duration: int
    end: bool
    first: bool
    step: int
    """Ticks since the press, for legs that send the tone as audio."""


class KeyPresses:
    """The keys waiting to be sent on one leg."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._digit = ""
        self._started_at = 0
        self._step = 0
        self.busy = False
        """Whether keys are being sent, or the gap after one lasts; audio waits meanwhile."""

    def press(self, digits: str) -> None:
        """Queue keys; raises ``ValueError`` for anything that is not on a keypad."""
        wanted = checked(digits)
        self._waiting.extend(wanted)
        self.busy = self.busy or bool(wanted)

    def take(self, at: int) -> KeyPacket | None:
        """Return this tick's packet, or ``None`` in the gap after a key. Call only while ``busy``."""
        if not self._digit:
            self._digit, self._started_at, self._step = self._waiting.popleft(), at, 0
        step = self._step
        digit = self._digit
        self._step += 1
        last = TONE_TICKS + END_REPEATS - 1
        if self._step == last + GAP_TICKS:
            self._digit = ""
            self.busy = bool(self._waiting)
        if step >= last:
            return None
        duration = min(step + 1, TONE_TICKS) * FRAME_SAMPLES
        return KeyPacket(digit, self._started_at, duration, end=step >= TONE_TICKS - 1, first=step == 0, step=step)
