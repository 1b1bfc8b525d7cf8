"""The event stream: what webhooks deliver, for those who would rather ask than be called (Server-Sent Events)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from dialnexa.kit.clock import Clock
from dialnexa.kit.errors import BadRequest, TooManyRequests
from dialnexa.platform.database import Database
from dialnexa.platform.tenancy.principal import Principal
from dialnexa.platform.webhooks import repository, wire
from dialnexa.platform.webhooks.models import Event

_LOOK_EVERY_S = 0.25
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


class Arrivals:
    """Tells all readers of a process that the stream has grown: one of them looks for all, none while nobody reads.

    Any api process may be the one that puts events into the stream, so it is the database that is asked.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._turn = asyncio.Lock()
        self._looks: int = 0
        self.last: int = 0
        """The last position of the stream as far as anybody has seen."""

    async def beyond(self, position: int, *, until: float) -> None:
        """Wait until the stream has grown beyond a position, or until a moment of the monotonic clock."""
        while self.last <= position and self._clock.monotonic() < until:
            await self._look()

    async def _look(self) -> None:
        looks = self._looks
        async with self._turn:
            if self._looks != looks:
                return  # somebody looked while this reader waited for its turn
            await self._clock.sleep(_LOOK_EVERY_S)
            async with self._database.read() as session:
                self.last = await repository.last_position(session)
            self._looks += 1


class Streams:
    """The streams that are open in this process."""

    def __init__(self, database: Database, clock: Clock, per_key: int) -> None:
        """Let each key have ``per_key`` streams open; 0: as many as it likes."""
        self._arrivals = Arrivals(database, clock)
        self._database = database
        self._clock = clock
        self._per_key = per_key
        self._open = Counter[str]()

    @contextmanager
    def seat(self, key_id: str) -> Generator[None]:
        """Hold a place for one stream; raise ``TooManyRequests`` when the key has none left."""
        if self._per_key and self._open[key_id] >= self._per_key:
            raise TooManyRequests(
                f"This key has {self._per_key} event streams open, as many as it may. Close one, or let one stream "
                "serve all: without `type` and `call_id` it has every event.",
                code="too_many_streams",
                headers={"Retry-After": "5"},
            )
        self._open[key_id] += 1
        try:
            yield
        finally:
            self._open -= Counter({key_id: 1})  # and forgets keys that have none

    async def follow(self, interest: Interest, after: int, link: wire.Link) -> AsyncGenerator[bytes]:
        """Yield events as Server-Sent Events as they come, a comment when it is quiet, for a quarter of an hour."""
        clock = self._clock
        ends, quiet_since = clock.monotonic() + _LONGEST_S, clock.monotonic()
        yield b"retry: 3000\n\n"
        while clock.monotonic() < ends:
            seen = self._arrivals.last
            events = await part(self._database, interest, after)
            for event in events:
                after = event.position or after
                yield _frame(event, link)
            if events:
                quiet_since = clock.monotonic()
            elif clock.monotonic() - quiet_since >= _SIGN_OF_LIFE_S:
                quiet_since = clock.monotonic()
                yield b": nothing new\n\n"
            if len(events) < _PART:
                await self._arrivals.beyond(seen, until=min(ends, quiet_since + _SIGN_OF_LIFE_S))


def _frame(event: Event, link: wire.Link) -> bytes:
    data = orjson.dumps(wire.message(event, event.type, link))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position or 0, event.type.encode(), data)
