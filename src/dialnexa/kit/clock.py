"""Time as a dependency: everything that waits takes a ``Clock``, so tests can move time by hand."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the code may know of time."""

    def now(self) -> datetime:
        """Return the wall time, always in UTC: for records, never for measuring."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back: for measuring, never for records."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...

    async def sleep_until(self, deadline: float) -> None:
        """Wait until ``monotonic()`` reaches ``deadline``; return at once when it has passed."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return ``time.monotonic()``: finer than the event loop's clock, whose grain is 1 ms under uvloop."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)

    async def sleep_until(self, deadline: float) -> None:
        """Wait until ``monotonic()`` reaches ``deadline``."""
        await asyncio.sleep(max(0.0, deadline - time.monotonic()))


def iso(moment: datetime) -> str:
    """Write a moment the way every answer of the API does: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
