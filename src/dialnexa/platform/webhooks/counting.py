"""What a scrape of the metrics asks of the webhooks, answered from the indexes of what is pending and what is dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.webhooks.models import Delivery


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far deliveries are behind."""

    pending: int
    overdue_s: float
    """How long the oldest of those that are due has been waiting."""
    dead: int
    """Dead letters: nothing will send them by itself any more."""


async def backlog(session: AsyncSession, now: datetime) -> Backlog:
    """Return what waits to be delivered, and what was given up."""
    pending = await session.scalar(select(func.count()).select_from(Delivery).where(Delivery.status == "pending"))
    due = await session.scalar(select(func.min(Delivery.due_at)).where(Delivery.status == "pending"))
    dead = await session.scalar(select(func.count()).select_from(Delivery).where(Delivery.dead_at.is_not(None)))
    overdue = 0.0 if due is None else max(0.0, (now - due).total_seconds())
    return Backlog(pending or 0, overdue, dead or 0)
