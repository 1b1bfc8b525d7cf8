"""What a scrape of the metrics asks of the calls, answered from small indexes, whatever the table's size."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.calls.models import Call, Slot
from dialnexa.platform.calls.states import CallState


async def live(session: AsyncSession) -> dict[str, int]:
    """Return how many calls have not ended, by state; ``queued`` is the depth of the queue."""
    rows = await session.execute(select(Call.state, func.count()).where(Call.ended_at.is_(None)).group_by(Call.state))
    return dict.fromkeys(_UNFINISHED, 0) | {row[0]: row[1] for row in rows}


async def longest_wait_s(session: AsyncSession, now: datetime) -> float:
    """Return how long the oldest queued call has waited for a worker, in seconds."""
    oldest = await session.scalar(
        select(func.min(Call.created_at)).where(Call.ended_at.is_(None), Call.state == CallState.QUEUED)
    )
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())


async def slots(session: AsyncSession) -> int:
    """Return how many slots of workspaces are taken."""
    return (
        await session.scalar(
            select(func.count()).select_from(Slot).where(Slot.scope.startswith("ws:", autoescape=True))
        )
    ) or 0


_UNFINISHED = ("queued", "dialing", "ringing", "in_progress")
