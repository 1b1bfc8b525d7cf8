"""All deadlines of an endpoint in one heap: no task and no event-loop timer per transaction."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Appointment:
    """Something to do at a time; cancelling it twice, or late, does no harm."""

    __slots__ = ("_agenda", "at", "callback")

    def __init__(self, agenda: Agenda, at: float, callback: Callable[[], None]) -> None:
        self._agenda = agenda
        self.at = at
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Drop it; what the callback held is free at once."""
        if self.callback is not None:
            self.callback = None
            self._agenda.dropped()


class Agenda:
    """A heap of appointments. The owner calls ``run_due`` at ``next_deadline``."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.on_earlier: Callable[[], None] = lambda: None
        """Called when ``next_deadline`` has become earlier."""
        self._heap: list[tuple[float, int, Appointment]] = []
        self._order = count()
        self._dropped = 0

    def call_at(self, at: float, callback: Callable[[], None]) -> Appointment:
        """Arrange for ``callback`` once ``now()`` reaches ``at``."""
        appointment = Appointment(self, at, callback)
        heapq.heappush(self._heap, (at, next(self._order), appointment))
        if self._heap[0][2] is appointment:
            self.on_earlier()
        return appointment

    def call_later(self, delay: float, callback: Callable[[], None]) -> Appointment:
        """Arrange for ``callback`` after ``delay`` seconds."""
        return self.call_at(self.now() + delay, callback)

    @property
    def next_deadline(self) -> float | None:
        """When the next appointment is due; ``None`` when there is none."""
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
            self._dropped -= 1
        return self._heap[0][0] if self._heap else None

    def run_due(self) -> None:
        """Keep every appointment that is due."""
        while (deadline := self.next_deadline) is not None and deadline <= self.now():
            appointment = heapq.heappop(self._heap)[2]
            callback, appointment.callback = appointment.callback, None
            if callback is not None:
                callback()

    def dropped(self) -> None:
        """Note a cancelled appointment; once they are the majority, the heap is swept."""
        self._dropped += 1
        if self._dropped > 64 and self._dropped * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._dropped = 0

    def __len__(self) -> int:
        return len(self._heap) - self._dropped
