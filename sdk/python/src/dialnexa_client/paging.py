"""Lists: one page at a time, or all items one after another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from dialnexa_client.decoding import decode
from dialnexa_client.errors import UnexpectedAnswer
from dialnexa_client.exchange import Core, Plan, Query, Reply, Request, json_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``total`` counts the items of all pages."""

    items: tuple[T, ...]
    number: int
    total: int
    pages: int


@dataclass(frozen=True, slots=True)
class Search(Generic[T]):
    """A list that can be asked for, page by page."""

    core: Core
    path: str
    model: type[T]
    query: Query
    limit: int = 100
    key: str = "data"

    def page(self, number: int) -> Plan[Page[T]]:
        """Plan the request for one page, from 1."""
        query = {**self.query, "page": number, "limit": self.limit}
        return self.core.ask(Request("GET", self.path, self._read, query))

    def _read(self, reply: Reply) -> Page[T]:
        body = json_of(reply)
        listed = body.get(self.key)
        if not isinstance(listed, list):
            raise UnexpectedAnswer(f"The list {self.path} has no {self.key!r}.")
        items = tuple(decode(self.model, one) for one in cast(list[object], listed))
        meta = body.get("meta", {})
        counts = cast(Mapping[str, object], meta) if isinstance(meta, Mapping) else dict[str, object]()
        number, total, pages = _counts(counts, ("page", 1), ("total", len(items)), ("totalPages", 1))
        return Page(items, number, total, pages)


def _counts(meta: Mapping[str, object], *wanted: tuple[str, int]) -> Iterator[int]:
    """Give each count by its name; lists that fit one page may come without any."""
    for name, otherwise in wanted:
        value = meta.get(name)
        yield value if isinstance(value, int) else otherwise


class _Walk(Generic[T]):
    """Decides which page comes next and which of its items are new.

    Lists are newest first, so while one reads, new items push known ones onto the next page: they are not given twice.
    """

    def __init__(self) -> None:
        self.next: int | None = 1
        self._given: set[str] = set()

    def take(self, page: Page[T]) -> Iterator[T]:
        more = page.items and self.next is not None and self.next < page.pages
        self.next = self.next + 1 if self.next is not None and more else None
        for item in page.items:
            identity = str(getattr(item, "id", id(item)))
            if identity not in self._given:
                self._given.add(identity)
                yield item


class Listing(Generic[T]):
    """All items of a list; pages are fetched as the loop reaches them."""

    def __init__(self, search: Search[T], run: Callable[[Plan[Page[T]]], Page[T]]) -> None:
        self._search = search
        self._run = run

    def page(self, number: int = 1) -> Page[T]:
        """Fetch one page."""
        return self._run(self._search.page(number))

    def __iter__(self) -> Iterator[T]:
        """Give item after item, over all pages, none twice."""
        walk = _Walk[T]()
        while walk.next is not None:
            yield from walk.take(self.page(walk.next))


class AsyncListing(Generic[T]):
    """All items of a list; pages are fetched as the ``async for`` loop reaches them."""

    def __init__(self, search: Search[T], run: Callable[[Plan[Page[T]]], Awaitable[Page[T]]]) -> None:
        self._search = search
        self._run = run

    async def page(self, number: int = 1) -> Page[T]:
        """Fetch one page."""
        return await self._run(self._search.page(number))

    async def __aiter__(self) -> AsyncIterator[T]:
        """Give item after item, over all pages, none twice."""
        walk = _Walk[T]()
        while walk.next is not None:
            for item in walk.take(await self.page(walk.next)):
                yield item
