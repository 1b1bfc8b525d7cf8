"""Calendars that agents book appointments into."""

from __future__ import annotations

from datetime import datetime

from dialnexa_client.exchange import Core, Plan, part
from dialnexa_client.models.records import Answer, Booking, Calendar
from dialnexa_client.models.workspace import Deleted
from dialnexa_client.operations import asking
from dialnexa_client.paging import Search

_PATH = "/calendars"


def create(core: Core, *, name: str, idempotency_key: str | None = None, **fields: object) -> Plan[Calendar]:
    """Make a calendar; ``fields``: ``timezone``, ``hours``, ``slot_minutes``, ``notice_minutes``, ``horizon_days``."""
    return asking.write(core, "POST", _PATH, Calendar, {"name": name, **fields}, idempotency_key=idempotency_key)


def search(core: Core, *, limit: int = 100) -> Search[Calendar]:
    """List calendars."""
    return Search(core, _PATH, Calendar, {}, limit)


def get(core: Core, calendar_id: str) -> Plan[Calendar]:
    """Return a calendar."""
    return asking.get(core, f"{_PATH}/{part(calendar_id)}", Calendar)


def update(core: Core, calendar_id: str, **fields: object) -> Plan[Calendar]:
    """Change a calendar; appointments stay."""
    return asking.write(core, "PATCH", f"{_PATH}/{part(calendar_id)}", Calendar, fields)


def delete(core: Core, calendar_id: str) -> Plan[Deleted]:
    """Take a calendar away."""
    return asking.write(core, "DELETE", f"{_PATH}/{part(calendar_id)}", Deleted)


def slots(
    core: Core,
    calendar_id: str,
    *,
    from_: str | datetime | None = None,
    to: str | datetime | None = None,
    limit: int | None = None,
) -> Plan[Answer]:
    """Return the times that are free; they are in ``answer["slots"]``."""
    return asking.get(core, f"{_PATH}/{part(calendar_id)}/slots", Answer, {"from": from_, "to": to, "limit": limit})


def bookings(
    core: Core,
    calendar_id: str,
    *,
    from_: str | datetime | None = None,
    to: str | datetime | None = None,
    include_cancelled: bool | None = None,
    limit: int = 100,
) -> Search[Booking]:
    """List appointments."""
    query = {"from": from_, "to": to, "include_cancelled": include_cancelled}
    return Search(core, f"{_PATH}/{part(calendar_id)}/bookings", Booking, query, limit)


def book(
    core: Core,
    calendar_id: str,
    *,
    starts_at: str | datetime,
    name: str,
    idempotency_key: str | None = None,
    **fields: object,
) -> Plan[Booking]:
    """Take a free time; ``fields``: ``phone``, ``email``, ``notes``. Raises ``Conflict`` when it is not free."""
    when = starts_at if isinstance(starts_at, str) else starts_at.isoformat()
    body = {"starts_at": when, "name": name, **fields}
    path = f"{_PATH}/{part(calendar_id)}/bookings"
    return asking.write(core, "POST", path, Booking, body, idempotency_key=idempotency_key)


def cancel(core: Core, calendar_id: str, booking_id: str) -> Plan[Booking]:
    """Give a time back."""
    return asking.write(core, "DELETE", f"{_PATH}/{part(calendar_id)}/bookings/{part(booking_id)}", Booking)
