"""When there is time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dialnexa.platform.calendars import slots
from dialnexa.platform.calendars.slots import Span, Terms

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)


def terms(hours: dict[str, list[tuple[str, str]]], *, minutes: int = 60, notice: int = 0, days: int = 60) -> Terms:
    return Terms(BERLIN, hours, timedelta(minutes=minutes), timedelta(minutes=notice), timedelta(days=days))


def starts(how: Terms, taken: list[Span], days: int = 1, *, now: datetime = MONDAY) -> list[str]:
    found = slots.free(how, taken, MONDAY, MONDAY + timedelta(days=days), now)
    return [one.astimezone(BERLIN).strftime("%a %H:%M") for one in found]


def test_slots_fill_the_opening_hours() -> None:
    how = terms({"mon": [("09:00", "11:30"), ("13:00", "14:00")], "tue": [("09:00", "10:00")]})
    assert starts(how, [], 3) == ["Mon 09:00", "Mon 10:00", "Mon 13:00", "Tue 09:00"]


def test_what_is_taken_is_not_free() -> None:
    how = terms({"mon": [("09:00", "12:00")]})
    nine = datetime(2026, 6, 1, 9, tzinfo=BERLIN)
    odd = Span(nine + timedelta(minutes=90), nine + timedelta(minutes=110))
    assert starts(how, [odd]) == ["Mon 09:00", "Mon 11:00"]
    assert starts(how, [Span(nine, nine + timedelta(hours=1))]) == ["Mon 10:00", "Mon 11:00"]


def test_notice_and_horizon_bound_what_is_offered() -> None:
    how = terms({day: [("09:00", "11:00")] for day in slots.WEEKDAYS}, notice=90, days=2)
    now = datetime(2026, 6, 1, 8, 15, tzinfo=BERLIN)
    assert starts(how, [], 7, now=now) == ["Mon 10:00", "Tue 09:00", "Tue 10:00"]


def test_an_hour_that_the_clocks_skip_is_not_offered() -> None:
    """In Berlin the night of 29 March 2026 has no 02:00."""
    how = terms({"sun": [("01:00", "04:00")]})
    night = datetime(2026, 3, 28, 12, tzinfo=UTC)
    found = list(slots.free(how, [], night, night + timedelta(days=1), night))
    assert [one.astimezone(BERLIN).strftime("%H:%M") for one in found] == ["01:00", "03:00"]


def test_a_day_may_end_at_midnight() -> None:
    how = terms({"mon": [("23:00", "24:00")]})
    assert starts(how, []) == ["Mon 23:00"]
    late = datetime(2026, 6, 1, 23, 30, tzinfo=BERLIN)
    assert not slots.is_open(how, Span(late, late + timedelta(hours=1)))


def test_times_are_said_as_people_say_them() -> None:
    assert slots.spoken(datetime(2026, 6, 2, 12, 5, tzinfo=UTC), BERLIN) == "Tuesday, June 2 at 2:05 PM"
    assert slots.spoken(datetime(2026, 6, 1, 22, 0, tzinfo=UTC), BERLIN) == "Tuesday, June 2 at 12:00 AM"


@pytest.mark.parametrize("text", ["9:00", "09.00", "24:01", "12:60", "noon", ""])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as 09:30"):
        slots.minutes(text)
