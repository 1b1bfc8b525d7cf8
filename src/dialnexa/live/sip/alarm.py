"""The one event-loop timer of an endpoint: it rings when the next deadline is due."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Owner(Protocol):
    """Who has deadlines."""

    @property
    def next_deadline(self) -> float | None:
        """When ``advance`` wants to be called; ``None``: not before something new happens."""
        ...

    def advance(self) -> None:
        """Do everything that is due by now."""
        ...


class Alarm:
    """One event-loop timer, set to its owner's next deadline."""

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self._loop = loop
        self._owner = owner
        self._handle: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Set it to the next deadline, which has just become an earlier one."""
        self.stop()
        deadline = self._owner.next_deadline
        if deadline is not None:
            self._handle = self._loop.call_at(deadline, self._ring)

    def stop(self) -> None:
        """Set it to never."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _ring(self) -> None:
        try:
            self._owner.advance()
        finally:
            self.set()
