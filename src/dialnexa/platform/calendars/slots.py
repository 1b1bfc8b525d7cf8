"""When there is time: a calendar's hours, less what is taken. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Hours = Mapping[str, Sequence[Sequence[str]]]
"""Weekday → spans such as ``("09:00", "17:30")``; ``24:00`` is the end of the day."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a calendar gives its time."""

    timezone: ZoneInfo
    hours: Hours
    slot: timedelta
    notice: timedelta
    horizon: timedelta


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time; the end is not part of it."""

    start: datetime
    end: datetime

    def overlaps(self, other: Span) -> bool:
        """Tell whether two stretches share a moment."""
        return self.start < other.end and other.start < self.end


def free(terms: Terms, taken: Sequence[Span], since: datetime, until: datetime, now: datetime) -> Iterator[datetime]:
    """Yield the starts of free slots between two moments, in order, in UTC."""
    earliest, latest = max(since, now + terms.notice), min(until, now + terms.horizon)
    for span in open_spans(terms, earliest, latest):
        start = span.start
        while start + terms.slot <= span.end:
            slot = Span(start, start + terms.slot)
            if earliest <= start < latest and not any(slot.overlaps(one) for one in taken):
                yield start
            start += terms.slot


def open_spans(terms: Terms, since: datetime, until: datetime) -> Iterator[Span]:
    """Yield the opening hours that touch a stretch of time, in UTC; an hour that the clocks skip is not open."""
    day = since.astimezone(terms.timezone).date()
    last = until.astimezone(terms.timezone).date()
    while day <= last:
        for begins, ends in _spans(terms.hours, day):
            span = Span(_moment(terms.timezone, day, begins), _moment(terms.timezone, day, ends))
            if span.start < span.end:
                yield span
        day += timedelta(days=1)


def is_open(terms: Terms, slot: Span) -> bool:
    """Tell whether a slot lies within the opening hours."""
    return any(span.start <= slot.start and slot.end <= span.end for span in open_spans(terms, slot.start, slot.end))


def spoken(moment: datetime, timezone: ZoneInfo) -> str:
    """Return a moment as people say it: ``Tuesday, June 2 at 2:30 PM``."""
    local = moment.astimezone(timezone)
    hour = f"{local.hour % 12 or 12}:{local.minute:02d} {'AM' if local.hour < 12 else 'PM'}"
    return f"{local.strftime('%A, %B')} {local.day} at {hour}"


def minutes(text: str) -> int:
    """Return the minutes since midnight of ``09:30``; raise ``ValueError`` for what is no time of day."""
    hour, colon, minute = text.partition(":")
    if not colon or len(hour) != 2 or len(minute) != 2 or not (hour + minute).isdecimal():
        raise ValueError(f'"{text}" is no time; write it as 09:30')
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > 24 * 60:
        raise ValueError(f'"{text}" is no time; write it as 09:30')
    return total


def _spans(hours: Hours, day: date) -> Iterable[tuple[int, int]]:
    spans = hours.get(WEEKDAYS[day.weekday()], ())
    return sorted((minutes(begins), minutes(ends)) for begins, ends in spans)


def _moment(timezone: ZoneInfo, day: date, minute: int) -> datetime:
    """Return a local time of day in UTC; of one that comes twice the first."""
    day, minute = (day + timedelta(days=1), 0) if minute == 24 * 60 else (day, minute)
    return datetime.combine(day, time(minute // 60, minute % 60), tzinfo=timezone).astimezone(UTC)
