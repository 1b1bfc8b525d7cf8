"""What belongs to a call beyond its own row: the attempts it is one of, and the transfers made in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.clock import iso
from dialnexa.platform.calls.models import Call, TimelineEvent
from dialnexa.platform.calls.states import SHOWN, CallState

_MOST_ATTEMPTS = 100
"""More than any retry configuration allows; a circle of parents, which nothing of ours makes, ends here."""


class AttemptOut(BaseModel):
    """One attempt to reach somebody."""

    id: str
    call_id: str
    parent_call_id: str | None
    attempt: int = Field(description="From 1.")
    retry_depth: int = Field(description="0 for the first attempt.")
    status: str
    end_reason: str | None
    created_at: str
    ended_at: str | None
    duration_seconds: int | None

    @classmethod
    def of(cls, call: Call) -> AttemptOut:
        """Describe an attempt."""
        return cls(
            id=call.id,
            call_id=call.id,
            parent_call_id=call.parent_call_id,
            attempt=call.attempt,
            retry_depth=call.attempt - 1,
            status=SHOWN[CallState(call.state)],
            end_reason=call.end_reason,
            created_at=iso(call.created_at),
            ended_at=None if call.ended_at is None else iso(call.ended_at),
            duration_seconds=None if call.duration_ms is None else round(call.duration_ms / 1000),
        )


class RetriesOut(BaseModel):
    """All attempts that a call is one of, the first one first."""

    call_id: str
    retry: dict[str, Any] | None = Field(description="The retries that were asked for.")
    data: list[AttemptOut]


class TransferSession(BaseModel):
    """One transfer: whom it tried, and how it ended."""

    id: str
    status: str
    method: str = Field(description="`refer`, `bridge`, or empty while it is not decided.")
    detail: str
    started_at: str
    updated_at: str
    legs: list[dict[str, Any]]


class TransferOut(BaseModel):
    """The transfers of a call."""

    call_id: str
    transfer: TransferSession | None = Field(description="The latest one; null: there was none.")
    transfers: list[TransferSession]


async def attempts(session: AsyncSession, call: Call) -> RetriesOut:
    """Return the attempts that a call is one of."""
    first = call
    for _ in range(_MOST_ATTEMPTS):
        parent = await session.get(Call, first.parent_call_id) if first.parent_call_id else None
        if parent is None:
            break
        first = parent
    found = {first.id: first}
    newest: Sequence[str] = [first.id]
    while newest and len(found) < _MOST_ATTEMPTS:
        children = await session.scalars(select(Call).where(Call.parent_call_id.in_(newest)).limit(_MOST_ATTEMPTS))
        fresh = [child for child in children if child.id not in found]
        found |= {child.id: child for child in fresh}
        newest = [child.id for child in fresh]
    ordered = sorted(found.values(), key=lambda one: (one.attempt, one.id))
    return RetriesOut(call_id=call.id, retry=first.retry, data=[AttemptOut.of(one) for one in ordered])


async def transfers(session: AsyncSession, call: Call) -> TransferOut:
    """Return the transfers of a call, the first one first."""
    query = (
        select(TimelineEvent)
        .where(TimelineEvent.call_id == call.id, TimelineEvent.kind == "transfer")
        .order_by(TimelineEvent.seq)
    )
    sessions: dict[str, TransferSession] = {}
    for line in await session.scalars(query):
        begun = sessions.get(str(line.detail.get("id", "")))
        sessions[str(line.detail.get("id", ""))] = _transfer(line, begun.started_at if begun else iso(line.at))
    found = list(sessions.values())
    return TransferOut(call_id=call.id, transfer=found[-1] if found else None, transfers=found)


def _transfer(line: TimelineEvent, started_at: str) -> TransferSession:
    told = line.detail
    return TransferSession(
        id=str(told.get("id", "")),
        status=str(told.get("status", "")),
        method=str(told.get("method", "")),
        detail=str(told.get("detail", "")),
        started_at=started_at,
        updated_at=iso(line.at),
        legs=cast(list[dict[str, Any]], told.get("legs") or []),
    )
