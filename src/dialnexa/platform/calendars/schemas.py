"""Wire shapes of calendars and appointments."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, field_validator

from dialnexa.kit.clock import iso
from dialnexa.platform.calendars import slots
from dialnexa.platform.calendars.models import Booking, Calendar
from dialnexa.platform.listing import Meta
from dialnexa.platform.wire import Body

Hours = dict[str, list[tuple[str, str]]]


def _stripped(text: str) -> str:
    if not text.strip():
        raise ValueError("should not be empty")
    return text.strip()


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'"{name}" is no time zone; write it as Europe/Berlin or America/New_York') from None
    return name


def _weekly(hours: Hours) -> Hours:
    for day, spans in hours.items():
        if day not in slots.WEEKDAYS:
            raise ValueError(f'has the day "{day}"; use {", ".join(slots.WEEKDAYS)}')
        ends = -1
        for span in sorted(spans):
            begins, until = slots.minutes(span[0]), slots.minutes(span[1])
            if begins >= until or begins < ends:
                raise ValueError(f"of {day} must be spans in order that do not overlap, such as 09:00 to 12:30")
            ends = until
    return hours


_WEEK: Hours = {day: [("09:00", "17:00")] for day in slots.WEEKDAYS[:5]}
Name = Annotated[str, Field(max_length=150), AfterValidator(_stripped)]
Zone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Weekly = Annotated[Hours, AfterValidator(_weekly)]
SlotMinutes = Annotated[int, Field(ge=5, le=480)]
NoticeMinutes = Annotated[int, Field(ge=0, le=30 * 24 * 60)]
HorizonDays = Annotated[int, Field(ge=1, le=365)]


class CalendarIn(Body):
    """A calendar to make."""

    name: Name
    timezone: Zone = "UTC"
    hours: Weekly = Field(default_factory=lambda: dict(_WEEK))
    """Opening hours by weekday, such as `{"mon": [["09:00", "12:00"], ["13:00", "17:30"]]}`, in its own time zone."""
    slot_minutes: SlotMinutes = 30
    notice_minutes: NoticeMinutes = 0
    horizon_days: HorizonDays = 60


class CalendarPatch(Body):
    """Changes; fields left out stay as they are. Appointments that were made stay, whatever the hours become."""

    name: Name | None = None
    timezone: Zone | None = None
    hours: Weekly | None = None
    slot_minutes: SlotMinutes | None = None
    notice_minutes: NoticeMinutes | None = None
    horizon_days: HorizonDays | None = None


class CalendarOut(BaseModel):
    """A calendar."""

    id: str
    name: str
    timezone: str
    hours: Hours
    slot_minutes: int
    notice_minutes: int
    horizon_days: int
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, calendar: Calendar) -> CalendarOut:
        """Describe a calendar."""
        return cls(
            id=calendar.id,
            name=calendar.name,
            timezone=calendar.timezone,
            hours=cast("Hours", calendar.hours),
            slot_minutes=calendar.slot_minutes,
            notice_minutes=calendar.notice_minutes,
            horizon_days=calendar.horizon_days,
            created_at=iso(calendar.created_at),
            updated_at=iso(calendar.updated_at),
        )


class CalendarsOut(BaseModel):
    """A page of calendars."""

    data: list[CalendarOut]
    meta: Meta


class SlotOut(BaseModel):
    """A time that is free."""

    starts_at: str
    ends_at: str
    local: str
    """The start in the calendar's own zone."""
    spoken: str


class SlotsOut(BaseModel):
    """Free times, earliest first."""

    calendar_id: str
    timezone: str
    slots: list[SlotOut]


class BookingIn(Body):
    """An appointment to make."""

    starts_at: AwareDatetime
    """With its offset, such as `2026-06-02T14:00:00-07:00`."""
    name: Name
    phone: Annotated[str, Field(max_length=50)] | None = None
    email: Annotated[str, Field(max_length=255)] | None = None
    notes: Annotated[str, Field(max_length=2000)] | None = None

    @field_validator("starts_at")
    @classmethod
    def _whole_minutes(cls, moment: datetime) -> datetime:
        return moment.replace(second=0, microsecond=0)


class BookingOut(BaseModel):
    """An appointment."""

    id: str
    calendar_id: str
    starts_at: str
    ends_at: str
    name: str
    phone: str | None
    email: str | None
    notes: str | None
    call_id: str | None
    """The call it was made in."""
    status: str
    """`confirmed` or `cancelled`."""
    created_at: str
    cancelled_at: str | None

    @classmethod
    def of(cls, booking: Booking) -> BookingOut:
        """Describe an appointment."""
        return cls(
            id=booking.id,
            calendar_id=booking.calendar_id,
            starts_at=iso(booking.starts_at),
            ends_at=iso(booking.ends_at),
            name=booking.name,
            phone=booking.phone,
            email=booking.email,
            notes=booking.notes,
            call_id=booking.call_id,
            status="confirmed" if booking.cancelled_at is None else "cancelled",
            created_at=iso(booking.created_at),
            cancelled_at=iso(booking.cancelled_at) if booking.cancelled_at else None,
        )


class BookingsOut(BaseModel):
    """A page of appointments, by their time."""

    data: list[BookingOut]
    meta: Meta
