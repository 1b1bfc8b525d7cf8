"""All queries of retention. What is too old is told by its id, which sorts by birth: so nothing else is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from dialnexa.kit.ids import first_id
from dialnexa.platform.calls.models import Call, CallLadder, Recording, RefusedCall, TimelineEvent, Transcript
from dialnexa.platform.database import Base
from dialnexa.platform.retention.models import RetentionRule
from dialnexa.platform.retention.rules import Overrides, Reach
from dialnexa.platform.tenancy.models import AuditEntry
from dialnexa.platform.webhooks.models import Delivery, Event

Column = InstrumentedAttribute[str]
Find = Callable[[Reach, datetime, str, int], Select[str]]
"""Whose, born before when, after which id, how many → their ids in order."""


async def rules(session: AsyncSession, workspace_id: str) -> dict[str, int]:
    """Return a workspace's own rules: kind → days."""
    where = RetentionRule.workspace_id == workspace_id
    return {row.kind: row.days for row in await session.scalars(select(RetentionRule).where(where))}


async def all_rules(session: AsyncSession) -> Overrides:
    """Return the rules of all workspaces that have some."""
    found: dict[str, dict[str, int]] = {}
    for row in await session.scalars(select(RetentionRule)):
        found.setdefault(row.kind, {})[row.workspace_id] = row.days
    return found


async def set_rules(
    session: AsyncSession, workspace_id: str, wanted: Mapping[str, int | None], *, now: datetime
) -> None:
    """Set a workspace's own rules; ``None`` takes one away."""
    for kind, days in wanted.items():
        row = await session.get(RetentionRule, (workspace_id, kind))
        if days is None:
            if row is not None:
                await session.delete(row)
        elif row is None:
            session.add(RetentionRule(workspace_id=workspace_id, kind=kind, days=days, updated_at=now))
        else:
            row.days, row.updated_at = days, now
    await session.flush()


def _by_id(identifier: Column, workspace: InstrumentedAttribute[Any], prefix: str, *more: ColumnElement[bool]) -> Find:
    """Return how rows that know their workspace are found."""

    def find(reach: Reach, before: datetime, after: str, limit: int) -> Select[str]:
        old = identifier > after, identifier < first_id(prefix, before)
        return select(identifier).where(*old, *_within(reach, workspace), *more).order_by(identifier).limit(limit)

    return find


def _by_call(identifier: Column) -> Find:
    """Return how rows are found that know only their call."""

    def find(reach: Reach, before: datetime, after: str, limit: int) -> Select[str]:
        old = identifier > after, identifier < first_id("call", before)
        found = select(identifier).join(Call, Call.id == identifier).where(*old, *_within(reach, Call.workspace_id))
        return found.order_by(identifier).limit(limit)

    return find


def _within(reach: Reach, workspace: InstrumentedAttribute[Any]) -> list[ColumnElement[bool]]:
    if reach.only is not None:
        return [workspace == reach.only]
    return [or_(workspace.is_(None), workspace.not_in(reach.but_not))] if reach.but_not else []


RECORDINGS = _by_id(Recording.id, Recording.workspace_id, "rec")
TRANSCRIPTS = _by_call(Transcript.call_id)
EVENTS = _by_id(Event.id, Event.workspace_id, "evt", Event.position.is_not(None))
DELIVERIES = _by_id(Delivery.id, Delivery.workspace_id, "dlv", Delivery.status != "pending")
LADDERS = _by_call(CallLadder.call_id)
REFUSED = _by_id(RefusedCall.id, RefusedCall.workspace_id, "ref")
AUDIT = _by_id(AuditEntry.id, AuditEntry.workspace_id, "audit")


async def recordings(session: AsyncSession, ids: Sequence[str]) -> Sequence[Recording]:
    """Return recordings by their ids."""
    return (await session.scalars(select(Recording).where(Recording.id.in_(ids)))).all()


def to_erase(after: str, limit: int) -> Select[Recording]:
    """Return how recordings are found whose files are to be removed at once."""
    wanted = select(Recording).where(Recording.erase_since.is_not(None), Recording.id > after)
    return wanted.order_by(Recording.id).limit(limit)


async def remove_recordings(session: AsyncSession, ids: Sequence[str]) -> int:
    """Forget recordings whose files are gone."""
    return await _delete(session, Recording.id, ids)


async def remove_transcripts(session: AsyncSession, ids: Sequence[str]) -> int:
    """Forget what was said in calls and what was made of it: spoken lines, summary, sentiment, analysis."""
    spoken = (TimelineEvent.call_id.in_(ids), TimelineEvent.kind == "turn")
    await session.execute(delete(TimelineEvent).where(*spoken))
    nothing = {"summary": None, "sentiment": None, "mood": None, "analysis": None}
    await session.execute(update(Call).where(Call.id.in_(ids)).values(nothing))
    return await _delete(session, Transcript.call_id, ids)


async def remove_events(session: AsyncSession, ids: Sequence[str]) -> int:
    """Forget events, but none that still waits to be delivered."""
    waiting = await session.scalars(
        select(Delivery.event_id).where(Delivery.status == "pending", Delivery.event_id.in_(ids))
    )
    needed = set(waiting)
    return await _delete(session, Event.id, [one for one in ids if one not in needed])


async def remove_deliveries(session: AsyncSession, ids: Sequence[str]) -> int:
    """Forget attempts that are over."""
    return await _delete(session, Delivery.id, ids)


async def remove_ladders(session: AsyncSession, ids: Sequence[str]) -> int:
    """Forget the SIP messages of calls."""
    return await _delete(session, CallLadder.call_id, ids)


async def remove_refused(session: AsyncSession, ids: Sequence[str]) -> int:
    """Forget callers who were not let in."""
    return await _delete(session, RefusedCall.id, ids)


async def remove_audit(session: AsyncSession, ids: Sequence[str]) -> int:
    """Forget who changed what."""
    return await _delete(session, AuditEntry.id, ids)


async def _delete(session: AsyncSession, identifier: Column, ids: Sequence[str]) -> int:
    result = await session.execute(delete(cast(type[Base], identifier.class_)).where(identifier.in_(ids)))
    return cast(int, cast(Any, result).rowcount)
