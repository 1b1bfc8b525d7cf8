"""Token buckets in the database, which all api processes of an installation share.

A row says when its bucket will be full again: that is all a token bucket needs to know (the generic cell rate
algorithm). Taking tokens is one statement, so no two processes can take the same one. Clocks of the machines should be
set by NTP: one that goes ahead by a second has a second's worth of tokens more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from dialnexa.platform.database import Database, table_of
from dialnexa.platform.tenancy.models import RateBucket

_KEPT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken from a bucket, and what is left in it."""

    tokens: int
    left: float
    """Below one when nothing was taken."""


class SharedBuckets:
    """The buckets of one installation."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def take(self, name: str, *, tokens: int, burst: int, per_second: float) -> Taken:
        """Take that many tokens, or as many as there are; ``burst`` are in a full bucket."""
        now = self._now().timestamp()
        full_at = await self._take(name, now, tokens / per_second, burst / per_second)
        if full_at is not None:
            return Taken(tokens, (now - full_at) * per_second + burst)
        left = await self._left(name, now, burst, per_second)
        return (
            await self.take(name, tokens=int(left), burst=burst, per_second=per_second) if left >= 1 else Taken(0, left)
        )

    async def forget_full(self) -> None:
        """Drop the buckets that have long been full: a missing one is full as well."""
        async with self._database.write() as session:
            old = RateBucket.full_at < self._now().timestamp() - _KEPT_S
            await session.execute(delete(RateBucket).where(old).execution_options(synchronize_session=False))

    async def _take(self, name: str, now: float, cost_s: float, span_s: float) -> float | None:
        table = table_of(RateBucket)
        insert, later = (sqlite_insert, func.max) if self._database.is_sqlite else (postgresql_insert, func.greatest)
        begins = later(table.c.full_at, now)
        statement = (
            insert(table)
            .values(name=name, full_at=now + cost_s)
            .on_conflict_do_update(
                index_elements=["name"],
                set_={"full_at": begins + cost_s},
                where=begins + cost_s <= now + span_s + 1e-6,
            )
            .returning(table.c.full_at)
        )
        async with self._database.write() as session:
            return await session.scalar(statement)

    async def _left(self, name: str, now: float, burst: int, per_second: float) -> float:
        async with self._database.read() as session:
            full_at = await session.scalar(select(RateBucket.full_at).where(RateBucket.name == name))
        return burst - max(0.0, (full_at or now) - now) * per_second
