"""Calendars over HTTP: what agents book into when no other calendar is connected."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime

from dialnexa.kit.clock import iso
from dialnexa.platform.calendars import repository, service, slots
from dialnexa.platform.calendars.schemas import (
    BookingIn,
    BookingOut,
    BookingsOut,
    CalendarIn,
    CalendarOut,
    CalendarPatch,
    CalendarsOut,
    SlotOut,
    SlotsOut,
)
from dialnexa.platform.calendars.service import Availability
from dialnexa.platform.http import Db, Meta, Now, Pages, Principal, Requires, Router
from dialnexa.platform.tenancy.schemas import Done

router = Router(tags=["Calendars"])

Reader = Annotated[Principal, Requires("calendars:read")]
Writer = Annotated[Principal, Requires("calendars:write")]
Since = Annotated[AwareDatetime | None, Query(alias="from", description="With its offset; by default now.")]
Until = Annotated[AwareDatetime | None, Query(alias="to", description="With its offset.")]


@router.post("/calendars", status_code=201, summary="Make a calendar")
async def create_calendar(body: CalendarIn, who: Writer, database: Db, now: Now) -> CalendarOut:
    """Make a calendar with opening hours, in its own time zone."""
    async with database.write() as session:
        return CalendarOut.of(await service.create(session, who, body, now=now))


@router.get("/calendars", summary="List calendars")
async def list_calendars(who: Reader, database: Db, page: Pages) -> CalendarsOut:
    """List calendars, newest first."""
    async with database.read() as session:
        found = await repository.calendars(session, who.workspace_id, page)
    return CalendarsOut(data=[CalendarOut.of(one) for one in found.items], meta=Meta.of(page, found.total))


@router.get("/calendars/{calendar_id}", summary="Get a calendar")
async def get_calendar(calendar_id: str, who: Reader, database: Db) -> CalendarOut:
    """Return one calendar."""
    async with database.read() as session:
        return CalendarOut.of(await service.get(session, who.workspace_id, calendar_id))


@router.patch("/calendars/{calendar_id}", summary="Change a calendar")
async def change_calendar(calendar_id: str, body: CalendarPatch, who: Writer, database: Db, now: Now) -> CalendarOut:
    """Change hours, zone or the length of slots. Appointments that were made stay."""
    async with database.write() as session:
        return CalendarOut.of(await service.change(session, who.workspace_id, calendar_id, body, now=now))


@router.delete("/calendars/{calendar_id}", summary="Delete a calendar")
async def delete_calendar(calendar_id: str, who: Writer, database: Db) -> Done:
    """Take a calendar away with all its appointments. Agents that book into it are told that it is gone."""
    async with database.write() as session:
        await service.delete(session, who.workspace_id, calendar_id)
    return Done(message="Calendar deleted successfully", id=calendar_id)


@router.get("/calendars/{calendar_id}/slots", summary="List free times")
async def list_slots(
    calendar_id: str,
    who: Reader,
    database: Db,
    now: Now,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> SlotsOut:
    """List the times that are free, earliest first."""
    async with database.read() as session:
        found = await service.availability(
            session, who.workspace_id, calendar_id, now=now, since=since, until=until, limit=limit
        )
    return _slots(found)


@router.get("/calendars/{calendar_id}/bookings", summary="List appointments")
async def list_bookings(
    calendar_id: str,
    who: Reader,
    database: Db,
    page: Pages,
    since: Since = None,
    until: Until = None,
    include_cancelled: Annotated[bool, Query()] = False,
) -> BookingsOut:
    """List appointments by their time."""
    async with database.read() as session:
        await service.get(session, who.workspace_id, calendar_id)
        found = await repository.bookings(
            session, calendar_id, page, since=since, until=until, cancelled=include_cancelled
        )
    return BookingsOut(data=[BookingOut.of(one) for one in found.items], meta=Meta.of(page, found.total))


@router.post("/calendars/{calendar_id}/bookings", status_code=201, summary="Make an appointment")
async def create_booking(calendar_id: str, body: BookingIn, who: Writer, database: Db, now: Now) -> BookingOut:
    """Make an appointment. 409 when the time is taken, 400 when the calendar is closed then, both with other times."""
    async with database.write() as session:
        return BookingOut.of(await service.book(session, who, calendar_id, body, now=now))


@router.delete("/calendars/{calendar_id}/bookings/{booking_id}", summary="Cancel an appointment")
async def cancel_booking(calendar_id: str, booking_id: str, who: Writer, database: Db, now: Now) -> BookingOut:
    """Give the time back. The appointment stays on the record as cancelled."""
    async with database.write() as session:
        return BookingOut.of(await service.cancel(session, who.workspace_id, calendar_id, booking_id, now=now))


def _slots(found: Availability) -> SlotsOut:
    listed = [
        SlotOut(
            starts_at=iso(start),
            ends_at=iso(start + found.slot),
            local=start.astimezone(found.zone).isoformat(),
            spoken=slots.spoken(start, found.zone),
        )
        for start in found.starts
    ]
    return SlotsOut(calendar_id=found.calendar.id, timezone=found.calendar.timezone, slots=listed)
