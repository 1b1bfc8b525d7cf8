"""The rules of calendars: what is open may be taken, and what is taken is nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.kit.errors import BadRequest, Conflict, NotFound
from dialnexa.kit.ids import new_id
from dialnexa.platform.calendars import repository, slots
from dialnexa.platform.calendars.models import Booking, Calendar
from dialnexa.platform.calendars.schemas import BookingIn, CalendarIn, CalendarPatch
from dialnexa.platform.calendars.slots import Hours, Span, Terms
from dialnexa.platform.tenancy.principal import Principal

_SUGGESTED = 3


@dataclass(frozen=True, slots=True)
class Availability:
    """The free times of a calendar."""

    calendar: Calendar
    starts: Sequence[datetime]

    @property
    def zone(self) -> ZoneInfo:
        """The calendar's own time zone."""
        return ZoneInfo(self.calendar.timezone)

    @property
    def slot(self) -> timedelta:
        """How long an appointment lasts."""
        return timedelta(minutes=self.calendar.slot_minutes)


async def create(session: AsyncSession, who: Principal, wanted: CalendarIn, *, now: datetime) -> Calendar:
    """Make a calendar."""
    made = Calendar(
        id=new_id("cal"),
        workspace_id=who.workspace_id,
        account_id=who.account_id,
        **wanted.model_dump(mode="json"),
        created_at=now,
        updated_at=now,
    )
    session.add(made)
    await session.flush()
    return made


async def get(session: AsyncSession, workspace_id: str, calendar_id: str, *, lock: bool = False) -> Calendar:
    """Return a calendar; raise ``NotFound`` for those of others."""
    found = await repository.calendar(session, workspace_id, calendar_id, lock=lock)
    if found is None:
        raise NotFound(f"Calendar {calendar_id} not found.")
    return found


async def change(
    session: AsyncSession, workspace_id: str, calendar_id: str, wanted: CalendarPatch, *, now: datetime
) -> Calendar:
    """Change how a calendar gives its time."""
    found = await get(session, workspace_id, calendar_id)
    for name, value in wanted.model_dump(mode="json", exclude_unset=True, exclude_none=True).items():
        setattr(found, name, value)
    found.updated_at = now
    await session.flush()
    return found


async def delete(session: AsyncSession, workspace_id: str, calendar_id: str) -> None:
    """Take a calendar away, with its appointments."""
    await session.delete(await get(session, workspace_id, calendar_id))


async def availability(
    session: AsyncSession,
    workspace_id: str,
    calendar_id: str,
    *,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 100,
) -> Availability:
    """Return the free times between two moments, by default from now on for as far as the calendar goes."""
    calendar = await get(session, workspace_id, calendar_id)
    return await _availability(session, calendar, since or now, until, now=now, limit=limit)


async def book(
    session: AsyncSession,
    who: Principal,
    calendar_id: str,
    wanted: BookingIn,
    *,
    now: datetime,
    call_id: str | None = None,
) -> Booking:
    """Make an appointment; raise ``BadRequest`` when the calendar is closed then, ``Conflict`` when it is taken.

    The calendar's row is locked until the transaction ends, so of two who want the same time one finds it taken.
    """
    calendar = await get(session, who.workspace_id, calendar_id, lock=True)
    terms = _terms(calendar)
    slot = Span(wanted.starts_at, wanted.starts_at + terms.slot)
    if not slots.is_open(terms, slot):
        raise BadRequest(f"{calendar.name} is closed then. {await _suggestion(session, calendar, slot, now)}")
    if slot.start < now + terms.notice or slot.start > now + terms.horizon:
        raise BadRequest(
            f"Appointments in {calendar.name} begin at least {calendar.notice_minutes} minutes and at most "
            f"{calendar.horizon_days} days from now. {await _suggestion(session, calendar, slot, now)}"
        )
    if await repository.taken(session, calendar.id, slot.start, slot.end):
        raise Conflict(f"That time is taken. {await _suggestion(session, calendar, slot, now)}", code="slot_taken")
    made = Booking(
        id=new_id("bkg"),
        workspace_id=calendar.workspace_id,
        account_id=calendar.account_id,
        calendar_id=calendar.id,
        starts_at=slot.start,
        ends_at=slot.end,
        name=wanted.name,
        phone=wanted.phone,
        email=wanted.email,
        notes=wanted.notes,
        call_id=call_id,
        created_at=now,
    )
    session.add(made)
    await session.flush()
    return made


async def cancel(
    session: AsyncSession, workspace_id: str, calendar_id: str, booking_id: str, *, now: datetime
) -> Booking:
    """Give an appointment's time back; doing so twice is the same as once."""
    await get(session, workspace_id, calendar_id)
    found = await repository.booking(session, workspace_id, calendar_id, booking_id)
    if found is None:
        raise NotFound(f"Booking {booking_id} not found in calendar {calendar_id}.")
    found.cancelled_at = found.cancelled_at or now
    await session.flush()
    return found


async def _availability(
    session: AsyncSession, calendar: Calendar, since: datetime, until: datetime | None, *, now: datetime, limit: int
) -> Availability:
    terms = _terms(calendar)
    until = min(until or now + terms.horizon, now + terms.horizon)
    rows = await repository.taken(session, calendar.id, since, until) if since < until else ()
    spans = [Span(row.starts_at, row.ends_at) for row in rows]
    return Availability(calendar, list(islice(slots.free(terms, spans, since, until, now), limit)))


async def _suggestion(session: AsyncSession, calendar: Calendar, slot: Span, now: datetime) -> str:
    """Name the next free times: whoever asked on the telephone wants another one at once."""
    near = await _availability(session, calendar, max(slot.start, now), None, now=now, limit=_SUGGESTED)
    if not near.starts:
        return "Nothing is free after that."
    times = ", ".join(
        f"{slots.spoken(one, near.zone)} ({one.astimezone(near.zone).isoformat()})" for one in near.starts
    )
    return f"Free after that: {times}."


def _terms(calendar: Calendar) -> Terms:
    return Terms(
        ZoneInfo(calendar.timezone),
        cast("Hours", calendar.hours),
        timedelta(minutes=calendar.slot_minutes),
        timedelta(minutes=calendar.notice_minutes),
        timedelta(days=calendar.horizon_days),
    )
