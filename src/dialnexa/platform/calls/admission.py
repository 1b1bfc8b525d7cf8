"""Admission: the one function that decides whether something may talk now (DESIGN 6).

A call holds one slot row in every scope it falls under (its workspace, account, number, trunk). A scope is full when
its rows reach the limit. The limit rows are locked in sorted order, so two admissions never wait for each other in a
circle; on SQLite ``BEGIN IMMEDIATE`` has already made the transaction the only writer. Slots go when a call ends
(``repository.advance``), in the transaction that ends it, so there is no counter that could drift.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BindParameter, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.calls.models import Slot
from dialnexa.platform.database import table_of
from dialnexa.platform.tenancy.models import Limit, LimitPeak

# Built once: everything that talks passes here.
_SCOPES: BindParameter[Sequence[str]] = bindparam("scopes", expanding=True)
_LOCK = (
    select(Limit.scope, Limit.max_concurrent, Limit.peak, Limit.day, Limit.day_peak)
    .where(Limit.scope.in_(_SCOPES))
    .order_by(Limit.scope)
    .with_for_update(key_share=True)  # FOR NO KEY UPDATE; SQLite has no such clause and needs none
)
_COUNT = select(Slot.scope, func.count()).where(Slot.scope.in_(_SCOPES)).group_by(Slot.scope)
_TAKE = insert(table_of(Slot))


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call holds a slot in each of these scopes."""

    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A scope is full; nothing was written."""

    scope: str
    limit: int


def scopes_of(
    workspace_id: str, account_id: str, *, number_id: str | None = None, trunk_id: str | None = None
) -> tuple[str, ...]:
    """Name the scopes a call falls under. A scope without a limit row has no limit, but its slots are counted."""
    named = (("ws", workspace_id), ("acct", account_id), ("num", number_id), ("trunk", trunk_id))
    return tuple(f"{kind}:{identity}" for kind, identity in named if identity)


@dataclass(frozen=True, slots=True)
class _Limit:
    scope: str
    max_concurrent: int
    peak: int
    day: str
    day_peak: int


class Room:
    """What the limits of some scopes leave, held until the transaction ends; several calls may take of it."""

    def __init__(self, limits: Sequence[_Limit], held: Mapping[str, int]) -> None:
        self._limits = {limit.scope: limit for limit in limits}
        self._held = dict(held)
        self._taken = list[dict[str, str]]()

    @classmethod
    async def hold(cls, session: AsyncSession, scopes: Collection[str]) -> Room:
        """Lock the limits of these scopes and count their slots. Must run inside ``Database.write()``."""
        limits = await _lock(session, sorted(set(scopes)))
        return cls(limits, await count(session, [limit.scope for limit in limits]))

    def take(self, call_id: str, scopes: Collection[str]) -> Admitted | Refused:
        """Take a slot in every scope, or in none; ``write`` makes it last."""
        ordered = tuple(sorted(set(scopes)))
        limited = [self._limits[scope] for scope in ordered if scope in self._limits]
        for limit in limited:
            if self._held[limit.scope] >= limit.max_concurrent:
                return Refused(limit.scope, limit.max_concurrent)
        for limit in limited:
            self._held[limit.scope] += 1
        self._taken += [{"scope": scope, "call_id": call_id} for scope in ordered]
        return Admitted(ordered)

    def give_back(self, call_id: str) -> None:
        """Take back what ``take`` gave a call in this transaction."""
        for slot in (slot for slot in self._taken if slot["call_id"] == call_id):
            if slot["scope"] in self._held:
                self._held[slot["scope"]] -= 1
        self._taken = [slot for slot in self._taken if slot["call_id"] != call_id]

    async def write(self, session: AsyncSession, now: datetime) -> None:
        """Write the slots that were taken; their calls must follow before the commit, which refuses others."""
        if not self._taken:
            return
        await session.execute(_TAKE, self._taken)
        for scope in dict.fromkeys(slot["scope"] for slot in self._taken):
            if scope in self._limits:
                await _note_peak(session, self._limits[scope], self._held[scope], now)


async def admit(session: AsyncSession, *, call_id: str, scopes: Collection[str], now: datetime) -> Admitted | Refused:
    """Take a slot in every scope for one call, or in none. Must run inside ``Database.write()``.

    The call's row must follow in the same transaction: a slot without a call is refused at the commit.
    """
    room = await Room.hold(session, scopes)
    verdict = room.take(call_id, scopes)
    await room.write(session, now)
    return verdict


async def count(session: AsyncSession, scopes: Collection[str]) -> dict[str, int]:
    """Return how many slots each scope holds now."""
    held = dict.fromkeys(scopes, 0)
    for scope, number in await session.execute(_COUNT, {"scopes": list(scopes)}):
        held[scope] = number
    return held


async def _note_peak(session: AsyncSession, limit: _Limit, held: int, now: datetime) -> None:
    """Remember the most calls held at once, ever and today; the limit's row is locked, so nobody else does."""
    today = now.date().isoformat()
    risen = {"peak": held, "peak_at": now} if held > limit.peak else {}
    if limit.day != today or held > limit.day_peak:
        risen |= {"day": today, "day_peak": held}
        known = update(LimitPeak).where(LimitPeak.scope == limit.scope, LimitPeak.day == today).values(peak=held)
        same_day = limit.day == today
        fresh = insert(table_of(LimitPeak)).values(scope=limit.scope, day=today, peak=held)
        await session.execute(known.execution_options(synchronize_session=False) if same_day else fresh)
    if risen:
        change = update(Limit).where(Limit.scope == limit.scope).values(risen)
        await session.execute(change.execution_options(synchronize_session=False))


async def _lock(session: AsyncSession, scopes: Sequence[str]) -> list[_Limit]:
    return [_Limit(*row) for row in await session.execute(_LOCK, {"scopes": list(scopes)})]
