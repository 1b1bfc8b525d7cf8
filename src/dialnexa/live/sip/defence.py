"""Who may take our time: a budget per source, and counters of what it cost. Memory stays flat whoever knocks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

SOURCES_KEPT = 4096
"""Sources remembered; the one heard of longest ago makes room for a new one."""


@dataclass(frozen=True, slots=True)
class RequestBudget:
    """How many new requests outside any call one source may make. Repetitions and requests inside calls are free.

    Behind an edge proxy every call has one source, so this is well above the calls a worker can set up.
    """

    per_second: float = 200.0
    burst: int = 400


@dataclass(slots=True)
class SourceRecord:
    """What one IP address has sent."""

    tokens: float
    counted_at: float
    requests: int = 0
    """New requests outside any call, the dropped ones included."""
    dropped: int = 0
    """Of those, over the budget: they got no answer at all."""
    refused: int = 0
    """Of those, refused by the policy for unknown sources."""


class SourceLimiter:
    """A token bucket per IP address."""

    def __init__(self, budget: RequestBudget) -> None:
        self.budget = budget
        self.dropped = 0
        """Requests dropped from all sources ever."""
        self._records: OrderedDict[str, SourceRecord] = OrderedDict()

    def admits(self, host: str, now: float) -> bool:
        """Count a new request; ``False``: over the budget, to be dropped without a word, so scanners hear nothing."""
        record = self._record(host, now)
        record.tokens = min(self.budget.burst, record.tokens + (now - record.counted_at) * self.budget.per_second)
        record.counted_at = now
        record.requests += 1
        if record.tokens < 1:
            record.dropped += 1
            self.dropped += 1
            return False
        record.tokens -= 1
        return True

    def note_refused(self, host: str, now: float) -> None:
        """Count a request that the policy for unknown sources refused."""
        self._record(host, now).refused += 1

    def _record(self, host: str, now: float) -> SourceRecord:
        record = self._records.pop(host, None) or SourceRecord(self.budget.burst, now)
        self._records[host] = record
        if len(self._records) > SOURCES_KEPT:
            self._records.popitem(last=False)
        return record

    def suspects(self) -> Iterator[tuple[str, SourceRecord]]:
        """Yield the sources that were dropped or refused, the one heard last first."""
        for host, record in reversed(self._records.items()):
            if record.dropped or record.refused:
                yield host, record

    def __len__(self) -> int:
        return len(self._records)
