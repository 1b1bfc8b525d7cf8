"""Server-Sent Events, without I/O: a feed that grows at its end, and where one stands in it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from dialnexa_client.decoding import decode
from dialnexa_client.errors import UnexpectedAnswer
from dialnexa_client.exchange import Core, Lost, Query, Reply, Request, Send, failure

T = TypeVar("T")

SSE = "text/event-stream"
Received: TypeAlias = bytes | Reply | Lost
"""A piece of a stream; an answer that is none; or that the connection broke."""

_LONGEST_SILENCE_S = 45.0
"""The server gives a sign of life every 15 s: three missing ones, and the connection is dead."""
_RECONNECT_S = 3.0


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """A list that grows at its end and is followed there, from after an item on; by default from its beginning."""

    core: Core
    path: str
    model: type[T]
    query: Query
    after: str | None = None


class Tail(Generic[T]):
    """How far a feed was read: makes of what arrives items, and knows where and when to connect again."""

    def __init__(self, feed: Feed[T]) -> None:
        self._feed = feed
        self._after = feed.after or "0"
        self._reconnect_s = _RECONNECT_S
        self._tries = 0
        self._broken: Reply | Lost | None = None
        self._rest = b""
        self._fields: dict[str, str] = {}

    def step(self) -> Send:
        """Return what to send for the rest of the feed."""
        feed = self._feed
        request = Request("GET", feed.path, lambda reply: reply, feed.query)
        headers = {"Accept": SSE, "Last-Event-ID": self._after}
        return feed.core.opening(request, headers, timeout=max(feed.core.timeout, _LONGEST_SILENCE_S))

    def take(self, received: Received) -> Iterator[T]:
        """Give the items that are whole now, in order; raise ``UnexpectedAnswer`` for what is no stream of events."""
        if not isinstance(received, bytes):
            self._broken = received
            if isinstance(received, Reply) and 200 <= received.status < 300:
                raise UnexpectedAnswer(f"{self._feed.path} answered no event stream: {received.content[:200]!r}")
            return
        *lines, self._rest = (self._rest + received).split(b"\n")
        for line in lines:
            if field := line.rstrip(b"\r").decode():
                self._note(*field.split(":", 1))
            elif (data := self._fields.pop("data", None)) is not None:
                yield self._item(data)

    def pause(self) -> float:
        """Return the seconds to wait before connecting again; raise what ended the stream when that is no use."""
        broken, self._broken, self._rest, self._fields = self._broken, None, b"", {}
        if broken is None:
            self._tries = 0
            return self._reconnect_s
        self._tries += 1
        pause = self._feed.core.retries.pause(self._tries, broken)
        if pause is None:
            raise failure(broken, self.step(), None)
        return pause

    def _note(self, name: str, value: str = "") -> None:
        value = value.removeprefix(" ")
        if name == "data" and "data" in self._fields:
            value = f"{self._fields['data']}\n{value}"
        if name == "retry" and value.isdecimal():
            self._reconnect_s = int(value) / 1000
        self._fields[name] = value

    def _item(self, data: str) -> T:
        try:
            item = decode(self._feed.model, json.loads(data))
        except ValueError as error:
            raise UnexpectedAnswer(f"{self._feed.path} sent an event that is not JSON: {data[:200]!r}") from error
        self._after = self._fields.get("id", self._after)
        self._tries = 0
        return item


class Following(Generic[T]):
    """All items of a feed, those that are there and then each new one, for as long as the loop lasts."""

    def __init__(
        self,
        feed: Feed[T],
        stream: Callable[[Send], Generator[Received]],
        sleep: Callable[[float], None],
    ) -> None:
        self._feed = feed
        self._stream = stream
        self._sleep = sleep

    def __iter__(self) -> Iterator[T]:
        """Give item after item, in order, none twice; waits where there is none yet, and connects again when it must.

        Raises what keeps it from the stream when its retries are used up.
        """
        tail = Tail(self._feed)
        while True:
            for received in self._stream(tail.step()):
                yield from tail.take(received)
            self._sleep(tail.pause())


class AsyncFollowing(Generic[T]):
    """All items of a feed, those that are there and then each new one, for as long as the ``async for`` loop lasts."""

    def __init__(
        self,
        feed: Feed[T],
        stream: Callable[[Send], AsyncGenerator[Received]],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._feed = feed
        self._stream = stream
        self._sleep = sleep

    async def __aiter__(self) -> AsyncIterator[T]:
        """Give item after item, in order, none twice; waits where there is none yet, and connects again when it must.

        Raises what keeps it from the stream when its retries are used up.
        """
        tail = Tail(self._feed)
        while True:
            async for received in self._stream(tail.step()):
                for item in tail.take(received):
                    yield item
            await self._sleep(tail.pause())
