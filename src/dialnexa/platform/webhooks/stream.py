"""The event stream: what webhooks deliver, for those who would rather ask than be called (Server-Sent Events)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from dataclasses import dataclass

import orjson

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import BadRequest
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks import repository, wire
from dialnexa.platform.webhooks.models import Event

_POLL_S = 0.5
_SIGN_OF_LIFE_S = 15.0
_LONGEST_S = 900.0
"""Then the reader connects anew with ``Last-Event-ID``, and its key is checked anew."""
_PART = 100


@dataclass(frozen=True, slots=True)
class Interest:
    """What a reader of the stream wants to see."""

    who: Principal
    types: Collection[str] = ()
    call_id: str | None = None


async def place(database: Database, who: Principal, after: str | None) -> int:
    """Return where a reader left off: a sequence number, an event id, or now when it says nothing."""
    async with database.read() as session:
        if not after:
            return await repository.last_position(session)
        if after.isascii() and after.isdigit() and len(after) <= 18:
            return int(after)
        event = await repository.event(session, who, after)
        if event is None or event.position is None:
            raise BadRequest(f"Last-Event-ID must be a sequence number or the id of an event, not {after[:60]}")
        return event.position


async def part(database: Database, interest: Interest, after: int, limit: int = _PART) -> Sequence[Event]:
    """Return the events after a place in the stream."""
    async with database.read() as session:
        return await repository.events_after(
            session, interest.who, after, limit=limit, types=interest.types, call_id=interest.call_id
        )


async def follow(
    database: Database, interest: Interest, after: int, clock: Clock, link: wire.Link
) -> AsyncGenerator[bytes]:
    """Yield events as Server-Sent Events as they come, a comment when it is quiet, for a quarter of an hour."""
    ends = clock.monotonic() + _LONGEST_S
    quiet_since = clock.monotonic()
    yield b"retry: 3000\n\n"
    while clock.monotonic() < ends:
        events = await part(database, interest, after)
        for event in events:
            after = event.position or after
            yield _frame(event, link)
        if events or clock.monotonic() - quiet_since >= _SIGN_OF_LIFE_S:
            quiet_since = clock.monotonic()
            if not events:
                yield b": nothing new\n\n"
        if len(events) < _PART:
            await clock.sleep(_POLL_S)


def _frame(event: Event, link: wire.Link) -> bytes:
    data = orjson.dumps(wire.message(event, event.type, link))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position or 0, event.type.encode(), data)
