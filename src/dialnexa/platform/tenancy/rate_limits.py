"""Token buckets in memory: how often one key, one workspace or one address may ask."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

_BUCKETS_KEPT = 20_000
"""The least recently used are forgotten, so a flood of addresses cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class Rate:
    """``per_minute`` requests on average, ``burst`` at once. Zero per minute: no limit."""

    per_minute: int
    burst: int


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The limits of an installation (contract B.2.4)."""

    key: Rate = Rate(600, 600)
    calls: Rate = Rate(120, 20)
    """``POST /calls``, per workspace."""
    address: Rate = Rate(600, 600)
    """Requests without a valid key, per client address."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and what its answer tells the client about the bucket."""

    limit: int
    remaining: int
    full_in_s: float
    retry_in_s: float
    """0 when the request may pass."""

    @property
    def allowed(self) -> bool:
        """Tell whether the request may pass."""
        return self.retry_in_s <= 0

    def headers(self, now: datetime) -> dict[str, str]:
        """Return the rate-limit headers (contract B.2.4); ``Retry-After`` only for a refusal."""
        if not self.limit:
            return {}  # zeros would read as an empty bucket
        reset = math.ceil(now.timestamp() + self.full_in_s)
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(reset),
        }
        if not self.allowed:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_in_s)))
        return headers


class RateLimiter:
    """All buckets of one process."""

    def __init__(self, limits: RateLimits | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits or RateLimits()
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, rate: Rate) -> Verdict:
        """Take one token from a bucket and say whether there was one."""
        if rate.per_minute <= 0:
            return Verdict(limit=0, remaining=0, full_in_s=0.0, retry_in_s=0.0)
        now, per_second = self._monotonic(), rate.per_minute / 60
        tokens, seen = self._buckets.pop(name, (float(rate.burst), now))
        tokens = min(float(rate.burst), tokens + (now - seen) * per_second)
        allowed = tokens >= 1
        if allowed:
            tokens -= 1
        self._buckets[name] = (tokens, now)
        if len(self._buckets) > _BUCKETS_KEPT:
            self._buckets.popitem(last=False)
        return Verdict(
            limit=rate.per_minute,
            remaining=int(tokens),
            full_in_s=(rate.burst - tokens) / per_second,
            retry_in_s=0.0 if allowed else (1 - tokens) / per_second,
        )


def tighter(first: Verdict, second: Verdict) -> Verdict:
    """Return the verdict that binds: a refusal, else the one with less left."""
    if first.allowed != second.allowed:
        return second if first.allowed else first
    if not first.limit or not second.limit:
        return first if first.limit else second
    return min(first, second, key=lambda verdict: verdict.remaining)
