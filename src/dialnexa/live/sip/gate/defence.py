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
        self.refused = 0
        """Requests refused by the policy, from all sources ever."""
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
        self.refused += 1
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


class WrongLogins:
    """Slows the guessing of passwords: a few tries at once, then one now and then.

    Counted per source and user name, so that one phone with an old password does not lock out its neighbours behind
    the same address, and more generously per source, so that trying many names is no way round.
    """

    def __init__(self) -> None:
        self.total = 0
        """Wrong logins ever."""
        self._tries: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def may_try(self, host: str, username: str, now: float) -> bool:
        """Whether a login is looked at; one that may not be tried now is dropped without a word."""
        return all(self._left(key, burst, gap_s, now) >= 1 for key, burst, gap_s in _kept(host, username))

    def note(self, host: str, username: str, now: float) -> None:
        """Count a wrong one."""
        self.total += 1
        for key, burst, gap_s in _kept(host, username):
            left = self._left(key, burst, gap_s, now)
            self._tries.pop(key, None)
            self._tries[key] = (left - 1, now)
        while len(self._tries) > SOURCES_KEPT:
            self._tries.popitem(last=False)

    def _left(self, key: tuple[str, str], burst: int, gap_s: float, now: float) -> float:
        left, counted_at = self._tries.get(key, (float(burst), now))
        return min(burst, left + (now - counted_at) / gap_s)

    def __len__(self) -> int:
        return len(self._tries)


def _kept(host: str, username: str) -> tuple[tuple[tuple[str, str], int, float], ...]:
    """Return the counters of a login: key, tries at once, seconds until another one."""
    return ((host, username[:100]), 5, 20.0), ((host, ""), 50, 2.0)
