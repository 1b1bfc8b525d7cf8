"""Buckets that several api processes share: none of them lets through more than there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from dialnexa.platform.database import Database
from dialnexa.platform.migrations import migrate
from dialnexa.platform.tenancy.rate_limits import Rate, RateLimiter
from dialnexa.platform.tenancy.shared_buckets import SharedBuckets

NOON = datetime(2026, 5, 23, 12, tzinfo=UTC)


class _Hand:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


@pytest.fixture
async def database(blank_url: str) -> AsyncIterator[Database]:
    migrate(blank_url)
    async with Database.open(blank_url) as opened:
        yield opened


def _processes(database: Database, clock: _Hand, count: int) -> list[RateLimiter]:
    return [RateLimiter(None, clock.monotonic, SharedBuckets(database, clock.now)) for _ in range(count)]


async def _allowed(limiter: RateLimiter, rate: Rate) -> bool:
    return (await limiter.count("key:1", rate)).allowed


async def test_three_processes_keep_one_limit(database: Database) -> None:
    clock, rate = _Hand(), Rate(60, 30)
    processes = _processes(database, clock, 3)
    passed = await asyncio.gather(*(_allowed(processes[turn % 3], rate) for turn in range(60)))
    assert sum(passed) == 30
    clock.time += timedelta(seconds=10)
    passed = [await _allowed(processes[turn % 3], rate) for turn in range(30)]
    assert sum(passed) == 10
    clock.time += timedelta(hours=1)
    assert sum([await _allowed(processes[0], rate) for _ in range(40)]) == 30


async def test_a_verdict_tells_what_is_left_in_all(database: Database) -> None:
    clock, rate = _Hand(), Rate(60, 3)
    one, other = _processes(database, clock, 2)
    assert (await one.count("key:1", rate)).remaining == 2
    assert (await other.count("key:1", rate)).remaining == 1
    assert (await one.count("key:1", rate)).remaining == 0
    refused = await other.count("key:1", rate)
    assert (refused.allowed, refused.remaining, round(refused.retry_in_s)) == (False, 0, 1)
    assert (await one.count("key:2", rate)).remaining == 2


async def test_a_busy_key_does_not_cost_a_transaction_each(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, rate = _Hand(), Rate(600, 600)
    (limiter,) = _processes(database, clock, 1)
    asked = list[int]()
    take = SharedBuckets.take

    async def counted(self: SharedBuckets, name: str, *, tokens: int, burst: int, per_second: float) -> object:
        asked.append(tokens)
        return await take(self, name, tokens=tokens, burst=burst, per_second=per_second)

    monkeypatch.setattr(SharedBuckets, "take", counted)
    passed = [await _allowed(limiter, rate) for _ in range(300)]
    assert all(passed)
    assert asked[:6] == [1, 2, 4, 8, 16, 30]
    assert len(asked) < 20


async def test_full_buckets_are_forgotten(database: Database) -> None:
    clock = _Hand()
    buckets = SharedBuckets(database, clock.now)
    await buckets.take("x", tokens=1, burst=1, per_second=1)
    assert (await buckets.take("x", tokens=1, burst=1, per_second=1)).tokens == 0
    clock.time += timedelta(hours=2)
    await buckets.forget_full()
    assert (await buckets.take("x", tokens=5, burst=5, per_second=1)).tokens == 5
