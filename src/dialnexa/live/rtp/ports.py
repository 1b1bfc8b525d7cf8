"""UDP ports for media: even numbers from a range, shared by all calls of a worker."""

from __future__ import annotations

import random
from collections import deque


class NoPortsLeft(Exception):
    """Every port of the range is taken; widen ``DIALNEXA_RTP_PORTS`` or lower the capacity."""


class PortRange:
    """Hands out even ports, longest unused first, so that late packets of a finished call reach nobody."""

    def __init__(self, first: int, last: int) -> None:
        """Take the range, both ends included, as the operator wrote it."""
        ports = list(range(first + first % 2, last + 1, 2))
        if not ports or first < 1 or last > 65535:
            raise ValueError(f"{first}-{last} holds no even port between 1 and 65535")
        # Workers that share a machine and a range start in different places.
        turn = random.randrange(len(ports))
        self._free = deque(ports[turn:] + ports[:turn])
        self._range = f"{first}-{last}"

    @classmethod
    def parse(cls, text: str) -> PortRange:
        """Read ``20000-29999``; raises ``ValueError`` with a sentence for anything else."""
        first, _, last = text.partition("-")
        if not (first.strip().isdigit() and last.strip().isdigit()):
            raise ValueError(f"{text!r} is not a port range such as 20000-29999")
        return cls(int(first), int(last))

    @property
    def free(self) -> int:
        """How many calls still find a port."""
        return len(self._free)

    def take(self) -> int:
        """Return a port that is now the caller's until ``release``. Raises ``NoPortsLeft``."""
        if not self._free:
            raise NoPortsLeft(f"all media ports of {self._range} are in use")
        return self._free.popleft()

    def release(self, port: int) -> None:
        """Give a port back; it becomes the last to be used again."""
        self._free.append(port)
