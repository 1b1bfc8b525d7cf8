"""All queries of calendars. Every one takes the workspace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.pagination import Page, Part
from dialnexa.platform.calendars.models import Booking, Calendar


async def calendar(
    session: AsyncSession, workspace_id: str, calendar_id: str, *, lock: bool = False
) -> Calendar | None:
    """Return a calendar; ``lock`` keeps others from making appointments in it meanwhile."""
    query = select(Calendar).where(Calendar.workspace_id == workspace_id, Calendar.id == calendar_id)
    return await session.scalar(query.with_for_update() if lock else query)


async def calendars(session: AsyncSession, workspace_id: str, page: Page) -> Part[Calendar]:
    """Return one page of calendars, newest first."""
    where = (Calendar.workspace_id == workspace_id,)
    query = select(Calendar).where(*where).order_by(Calendar.id.desc())
    rows = await session.scalars(query.offset(page.offset).limit(page.limit))
    total = await session.scalar(select(func.count()).select_from(Calendar).where(*where))
    return Part(rows.all(), total or 0)


async def taken(session: AsyncSession, calendar_id: str, since: datetime, until: datetime) -> Sequence[Booking]:
    """Return the appointments that take time between two moments."""
    query = select(Booking).where(
        Booking.calendar_id == calendar_id,
        Booking.cancelled_at.is_(None),
        Booking.starts_at < until,
        Booking.ends_at > since,
    )
    return (await session.scalars(query)).all()


async def booking(session: AsyncSession, workspace_id: str, calendar_id: str, booking_id: str) -> Booking | None:
    """Return an appointment."""
    return await session.scalar(
        select(Booking).where(
            Booking.workspace_id == workspace_id, Booking.calendar_id == calendar_id, Booking.id == booking_id
        )
    )


async def bookings(
    session: AsyncSession,
    calendar_id: str,
    page: Page,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    cancelled: bool = False,
) -> Part[Booking]:
    """Return one page of appointments, by their time; ``cancelled`` shows those too."""
    where: list[ColumnElement[bool]] = [Booking.calendar_id == calendar_id]
    if since is not None:
        where.append(Booking.ends_at > since)
    if until is not None:
        where.append(Booking.starts_at < until)
    if not cancelled:
        where.append(Booking.cancelled_at.is_(None))
    query = select(Booking).where(*where).order_by(Booking.starts_at, Booking.id)
    rows = await session.scalars(query.offset(page.offset).limit(page.limit))
    total = await session.scalar(select(func.count()).select_from(Booking).where(*where))
    return Part(rows.all(), total or 0)
