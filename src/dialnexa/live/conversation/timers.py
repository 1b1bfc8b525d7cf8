"""What the turn machine waits for, and the clock that stands still while the far end has us on hold. Pure."""

from __future__ import annotations

from abc import ABC, abstractmethod

from dialnexa.live.conversation.states import Timer


class Timers(ABC):
    """Deadlines by name, in ms of the call clock. The owner says what firing one does (``_fire``)."""

    def __init__(self) -> None:
        self._now = 0
        self._timers: dict[Timer, int] = {}
        self._activity = 0
        """When somebody spoke last."""
        self._on_hold_since: int | None = None

    def _arm(self, timer: Timer, after_ms: int) -> None:
        since = self._now if self._on_hold_since is None else self._on_hold_since
        self._timers[timer] = since + after_ms

    def _disarm(self, *timers: Timer) -> None:
        for timer in timers:
            self._timers.pop(timer, None)

    def _due(self) -> list[int]:
        """Return when the clock matters next: never while it stands still."""
        return [] if self._on_hold_since is not None else list(self._timers.values())

    def _fire_timers(self) -> None:
        """Fire what is due, earliest first; one firing may cancel or re-arm another."""
        if self._on_hold_since is not None:
            return
        due = sorted((at, timer) for timer, at in self._timers.items() if at <= self._now)
        for at, timer in due:
            if self._timers.get(timer) == at:
                del self._timers[timer]
                self._fire(timer)

    @abstractmethod
    def _fire(self, timer: Timer) -> None:
        """Do what was waited for."""

    def _hold_began(self) -> None:
        """Nobody hears us, and what we hear is music: silence is nobody's fault, and no part of us is late."""
        if self._on_hold_since is None:
            self._on_hold_since = self._now

    def _hold_ended(self) -> None:
        """Go on as if no time had passed."""
        if self._on_hold_since is None:
            return
        away, self._on_hold_since = self._now - self._on_hold_since, None
        self._activity = min(self._activity + away, self._now)
        self._timers = {timer: at + away for timer, at in self._timers.items()}
