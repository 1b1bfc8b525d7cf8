"""The queue between an engine and the call that listens to it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Events(Generic[T]):
    """An endless iterator fed from the event loop's thread; ``clear`` forgets what was not taken yet.

    For one consumer. Unlike ``asyncio.Queue`` it ends: after ``close`` iteration stops, after ``fail`` it raises.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._filled = asyncio.Event()
        self._closed = False
        self._error: Exception | None = None

    def put(self, item: T) -> None:
        """Add an item; dropped after ``close``."""
        if not self._closed:
            self._items.append(item)
            self._filled.set()

    def clear(self) -> None:
        """Forget what was not taken yet."""
        self._items.clear()

    def close(self) -> None:
        """End the iteration at once, whatever is left in it."""
        self._items.clear()
        self._closed = True
        self._filled.set()

    def fail(self, error: Exception) -> None:
        """End the iteration with an error, after what is left in it."""
        self._error = error
        self._filled.set()

    def __aiter__(self) -> Events[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()
