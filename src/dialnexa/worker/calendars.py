"""Calendars for calls: what is free is told as people say it, and a booking either stands or the model hears why not.

One small port, two calendars behind it: our own (``platform.calendars``), and Cal.com over the guard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError

from dialnexa.kit.errors import DialNexaError
from dialnexa.kit.outgoing import OutgoingError
from dialnexa.live.conversation.functions import FunctionError
from dialnexa.live.plan import FunctionSpec
from dialnexa.platform.agents.connected import CAL_COM_URL, CHECK, CalendarFunction
from dialnexa.platform.calendars import service, slots
from dialnexa.platform.calendars.schemas import BookingIn
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.wire import sentences
from dialnexa.worker.sending import ANSWER_LIMIT, Sends

_TOLD = 12
"""Free times a model is told at once: it can ask for other days."""
_DAYS = 7


@dataclass(frozen=True, slots=True)
class Visit:
    """An appointment that somebody wants."""

    start: datetime
    name: str
    email: str
    phone: str
    notes: str


@dataclass(frozen=True, slots=True)
class FreeTimes:
    """What is free, and the zone to tell it in."""

    starts: Sequence[datetime]
    zone: ZoneInfo


class CalendarPort(Protocol):
    """A calendar, wherever it is."""

    async def free(self, since: datetime | None, days: int) -> FreeTimes:
        """Return what is free from a moment on (default: now). Raises ``FunctionError``."""
        ...

    async def book(self, visit: Visit) -> tuple[datetime, ZoneInfo]:
        """Make an appointment and return when it is, and the zone to tell it in. Raises ``FunctionError``."""
        ...

    async def zone(self) -> ZoneInfo:
        """Return the zone in which dates and times without one are meant."""
        ...


class CalendarFunctions:
    """Runs the calendar functions of one call."""

    def __init__(
        self, open_calendar: Callable[[CalendarFunction], CalendarPort], variables: Mapping[str, object]
    ) -> None:
        self._open = open_calendar
        self._variables = variables

    async def run(self, spec: FunctionSpec, arguments: Mapping[str, object]) -> str:
        """Look into the calendar or book into it; return what the model shall read. Raises ``FunctionError``."""
        try:
            config = CalendarFunction.model_validate(spec.config)
        except ValidationError as error:
            problems = ", ".join(sentences(error.errors()))
            raise FunctionError(f"{spec.name} is not set up properly: {problems}. Tell the caller, go on.") from error
        calendar = self._open(config)
        if spec.kind == CHECK:
            return await self._check(calendar, arguments)
        return await self._book(calendar, arguments)

    async def _check(self, calendar: CalendarPort, arguments: Mapping[str, object]) -> str:
        given, days = arguments.get("date"), arguments.get("days")
        since = _first_moment(str(given), await calendar.zone()) if given else None
        found = await calendar.free(since, days if isinstance(days, int) else _DAYS)
        told = [
            {"start": one.astimezone(found.zone).isoformat(), "spoken": slots.spoken(one, found.zone)}
            for one in found.starts[:_TOLD]
        ]
        more = len(found.starts) > _TOLD
        return json.dumps({"ok": True, "timezone": found.zone.key, "free": told, "more": more}, ensure_ascii=False)

    async def _book(self, calendar: CalendarPort, arguments: Mapping[str, object]) -> str:
        visit = Visit(
            _start(str(arguments.get("start", "")), await calendar.zone()),
            str(arguments.get("name") or "Caller"),
            str(arguments.get("email") or ""),
            str(arguments.get("phone") or self._variables.get("caller_number") or ""),
            str(arguments.get("notes") or ""),
        )
        start, zone = await calendar.book(visit)
        booked = {"ok": True, "start": start.astimezone(zone).isoformat(), "spoken": slots.spoken(start, zone)}
        return json.dumps({"booked": booked, **booked}, ensure_ascii=False)


class BuiltInCalendar:
    """A calendar of the workspace."""

    def __init__(
        self,
        database: Database,
        who: Principal,
        config: CalendarFunction,
        now: Callable[[], datetime],
        call_id: str | None,
    ) -> None:
        self._database = database
        self._who = who
        self._config = config
        self._now = now
        self._call_id = call_id

    async def zone(self) -> ZoneInfo:
        """Return the zone the function names, else the calendar's."""
        if self._config.timezone:
            return ZoneInfo(self._config.timezone)
        try:
            async with self._database.read() as session:
                found = await service.get(session, self._who.workspace_id, self._config.calendar_id)
        except DialNexaError as error:
            raise _told(error) from error
        return ZoneInfo(found.timezone)

    async def free(self, since: datetime | None, days: int) -> FreeTimes:
        """Return what is free."""
        now = self._now()
        begin = max(since or now, now)
        try:
            async with self._database.read() as session:
                found = await service.availability(
                    session,
                    self._who.workspace_id,
                    self._config.calendar_id,
                    now=now,
                    since=begin,
                    until=begin + timedelta(days=days),
                )
        except DialNexaError as error:
            raise _told(error) from error
        return FreeTimes(found.starts, await self.zone())

    async def book(self, visit: Visit) -> tuple[datetime, ZoneInfo]:
        """Make the appointment, unless somebody was faster."""
        try:
            wanted = BookingIn(
                starts_at=visit.start,
                name=visit.name[:150],
                phone=visit.phone[:50] or None,
                email=visit.email[:255] or None,
                notes=visit.notes[:2000] or None,
            )
            async with self._database.write() as session:
                made = await service.book(
                    session, self._who, self._config.calendar_id, wanted, now=self._now(), call_id=self._call_id
                )
        except DialNexaError as error:
            raise _told(error) from error
        return made.starts_at, await self.zone()


class CalComCalendar:
    """An event type at Cal.com. Source: its API v2, slots of 2024-09-04 and bookings of 2024-08-13."""

    def __init__(self, outgoing: Sends, config: CalendarFunction, now: Callable[[], datetime]) -> None:
        self._outgoing = outgoing
        self._config = config
        self._now = now

    async def zone(self) -> ZoneInfo:
        """Return the zone the function names."""
        return ZoneInfo(self._config.timezone or "UTC")

    async def free(self, since: datetime | None, days: int) -> FreeTimes:
        """Return what is free."""
        begin = max(since or self._now(), self._now())
        query = {
            "eventTypeId": self._config.event_type,
            "start": begin.astimezone(UTC).isoformat(),
            "end": (begin + timedelta(days=days)).astimezone(UTC).isoformat(),
        }
        answer = await self._ask("GET", f"/slots?{urlencode(query)}", "2024-09-04")
        by_day = cast("dict[str, list[dict[str, str]]]", answer.get("data", {}))
        starts = [datetime.fromisoformat(one["start"]) for day in sorted(by_day) for one in by_day[day]]
        return FreeTimes(starts, await self.zone())

    async def book(self, visit: Visit) -> tuple[datetime, ZoneInfo]:
        """Make the appointment; Cal.com wants an e-mail address or a phone number."""
        if not visit.email and not visit.phone:
            raise FunctionError("This calendar needs an e-mail address. Ask the caller for one, then book again.")
        attendee = {"name": visit.name, "timeZone": (await self.zone()).key}
        attendee |= {"email": visit.email} if visit.email else {}
        attendee |= {"phoneNumber": visit.phone} if visit.phone else {}
        body: dict[str, object] = {
            "start": visit.start.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "eventTypeId": int(self._config.event_type),
            "attendee": attendee,
        }
        if visit.notes:
            body["bookingFieldsResponses"] = {"notes": visit.notes}
        await self._ask("POST", "/bookings", "2024-08-13", body)
        return visit.start, await self.zone()

    async def _ask(
        self, method: str, path: str, version: str, body: Mapping[str, object] | None = None
    ) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self._config.api_key}", "cal-api-version": version}
        headers |= {"Content-Type": "application/json"} if body else {}
        try:
            answer = await self._outgoing.send(
                method,
                f"{CAL_COM_URL}{path}",
                headers=headers,
                body=orjson.dumps(body) if body else b"",
                timeout_s=self._config.timeout_ms / 1000,
                answer_limit=ANSWER_LIMIT,
            )
            if not 200 <= answer.status < 300:
                said = answer.body[:300].decode("utf-8", "replace")
                raise FunctionError(f"The calendar refused with status {answer.status}: {said}")
            return cast("dict[str, object]", orjson.loads(answer.body))
        except (OutgoingError, ValueError) as error:
            raise FunctionError(f"The calendar did not answer properly: {error}") from error


def _first_moment(text: str, zone: ZoneInfo) -> datetime:
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        raise FunctionError(f'"{text}" is no date. Write it as YYYY-MM-DD.') from None
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _start(text: str, zone: ZoneInfo) -> datetime:
    """Read a moment; one without an offset is meant in the calendar's zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise FunctionError(f'"{text}" is no time. Use one of the free times as it was given.') from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _told(error: DialNexaError) -> FunctionError:
    return FunctionError(" ".join(error.messages))
