"""Group commit: who asks while another is being served is served together with all who wait by then.

A transaction costs nearly the same whether it carries one request or thirty, and with one writer (SQLite), or one row
everybody locks (a workspace's limit on PostgreSQL), requests wait for each other anyway. So the one whose turn it is
takes all that wait with it. Nobody waits *for* company: alone, a request is served at once and alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

Serve = Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]]
"""Serves several at once: an answer, or what is wrong, for each in its order. Raises when it could serve none."""


class Together(Generic[T, R]):
    """Serves requests in groups, one group at a time, in the order they came.

    One of those who wait serves all of them, itself included, and then hands that duty to the first of the next.
    """

    def __init__(self, serve: Serve[T, R], *, most: int = 32) -> None:
        """``most``: how many a group has at most, so that the event loop is not held for long."""
        self._serve = serve
        self._most = most
        self._waiting = deque[_Asked[T, R]]()
        self._served = False
        """Whether somebody serves."""

    async def ask(self, what: T) -> R:
        """Return the answer to one request, or raise what was wrong with it.

        A group that fails as a whole is served again one by one, so that nobody suffers for a neighbour. Cancelled
        while it waits, a request is not served; cancelled while it serves, it is served all the same, as its group is.
        """
        asked = _Asked[T, R](what)
        self._waiting.append(asked)
        asked.serves, self._served = not self._served, True
        try:
            if not asked.serves:
                await asked.news.wait()
            while asked.answer is None:
                await self._group()
        finally:
            if asked in self._waiting:
                self._waiting.remove(asked)
            if asked.serves:
                self._hand_over()
        if isinstance(asked.answer[0], Exception):
            raise asked.answer[0]
        return asked.answer[0]

    def _hand_over(self) -> None:
        self._served = bool(self._waiting)
        if self._waiting:
            self._waiting[0].serves = True
            self._waiting[0].news.set()

    async def _group(self) -> None:
        """Serve those who wait, to the end: a commit that is cut short may have happened, and must not be repeated."""
        group = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
        serving = asyncio.ensure_future(self._answer(group))
        gave_up: asyncio.CancelledError | None = None
        while not serving.done():
            try:
                await asyncio.wait([serving])
            except asyncio.CancelledError as error:
                gave_up = error
        for asked in group:
            if asked.answer is None:  # the event loop itself ends
                asked.tell(RuntimeError("The server was stopped while it carried this out."))
        if gave_up is not None:
            raise gave_up

    async def _answer(self, group: Sequence[_Asked[T, R]]) -> None:
        try:
            answers = await self._serve([asked.what for asked in group])
        except Exception as error:  # noqa: BLE001 - whatever it was, it is told: to the one, or found out one by one
            if len(group) == 1:
                group[0].tell(error)
                return
            for asked in group:
                await self._answer([asked])
            return
        for asked, answer in zip(group, answers, strict=True):
            asked.tell(answer)


class _Asked(Generic[T, R]):
    __slots__ = ("answer", "news", "serves", "what")

    def __init__(self, what: T) -> None:
        self.what = what
        self.answer: tuple[R | Exception] | None = None
        """In a tuple, because ``None`` may be an answer."""
        self.serves = False
        self.news = asyncio.Event()
        """Its answer is there, or it is its turn to serve."""

    def tell(self, answer: R | Exception) -> None:
        self.answer = (answer,)
        self.news.set()
