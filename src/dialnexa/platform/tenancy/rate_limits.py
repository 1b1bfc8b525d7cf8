"""Token buckets: how often one key, one workspace or one address may ask.

On SQLite an installation has one api process, and its buckets are in its memory. On PostgreSQL there may be many: then
the buckets lie in the database, and a process borrows tokens from them in parcels, as large as what it needs in about a
second. So a busy key does not cost a transaction for each request, and all processes together still keep the limit.
Strangers, who have no valid key, are always counted in memory: a flood of them must not reach the database.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dialnexa.platform.tenancy.shared_buckets import SharedBuckets

_PARCEL_S = 1.0
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
    web_key: Rate = Rate(30, 30)
    """Web calls begun with one publishable key."""
    web_address: Rate = Rate(10, 10)
    """Web calls begun with one publishable key from one client address."""


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


@dataclass(slots=True)
class _Parcel:
    """Tokens borrowed from a shared bucket, to be used soon."""

    left: int
    size: int
    until: float
    shared_left: float


class RateLimiter:
    """The buckets as one process sees them."""

    def __init__(
        self,
        limits: RateLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        shared: SharedBuckets | None = None,
    ) -> None:
        self.limits = limits or RateLimits()
        self._monotonic = monotonic
        self._shared = shared
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._parcels: OrderedDict[str, _Parcel] = OrderedDict()

    async def count(self, name: str, rate: Rate) -> Verdict:
        """Take one token from a bucket that all api processes share, and say whether there was one."""
        if self._shared is None or rate.per_minute <= 0:
            return self.take(name, rate)
        parcel = self._parcels.get(name)
        if parcel is None or parcel.left <= 0 or self._monotonic() >= parcel.until:
            parcel = await self._borrow(self._shared, name, rate, parcel)
        if parcel.left <= 0:
            return _verdict(rate, parcel.shared_left, allowed=False)
        parcel.left -= 1
        return _verdict(rate, parcel.shared_left + parcel.left, allowed=True)

    async def _borrow(self, shared: SharedBuckets, name: str, rate: Rate, last: _Parcel | None) -> _Parcel:
        """Take a parcel: twice as large as the last one when that was used up in time, one token otherwise.

        What was not used in time is forgotten; it is less than a second's need, and came out of the limit.
        """
        now = self._monotonic()
        busy = last is not None and last.left <= 0 and now < last.until
        size = min(2 * last.size, max(1, rate.burst // 20)) if busy and last is not None else 1
        taken = await shared.take(name, tokens=size, burst=rate.burst, per_second=rate.per_minute / 60)
        parcel = _Parcel(taken.tokens, size, now + _PARCEL_S, taken.left)
        self._parcels[name] = parcel
        self._parcels.move_to_end(name)
        if len(self._parcels) > _BUCKETS_KEPT:
            self._parcels.popitem(last=False)
        return parcel

    def take(self, name: str, rate: Rate) -> Verdict:
        """Take one token from a bucket of this process's own, and say whether there was one."""
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
        return _verdict(rate, tokens, allowed=allowed)


def _verdict(rate: Rate, tokens: float, *, allowed: bool) -> Verdict:
    per_second = rate.per_minute / 60
    return Verdict(
        limit=rate.per_minute,
        remaining=max(0, int(tokens)),
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
