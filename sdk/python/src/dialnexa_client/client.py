"""The two clients: thin shells over httpx that carry plans out, one blocking, one on asyncio or trio."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import anyio
import httpx

from dialnexa_client.binding import AsyncRuns, Runs
from dialnexa_client.errors import Misconfigured
from dialnexa_client.exchange import Core, Lost, Outcome, Plan, Reply, Retries, Send, Sleep
from dialnexa_client.paging import AsyncListing, Listing, Search
from dialnexa_client.resources import Groups
from dialnexa_client.streaming import SSE, AsyncFollowing, Feed, Following, Received

T = TypeVar("T")

DEFAULT_BASE_URL = "http://127.0.0.1:8080/v1"
"""Where ``make up`` serves the API."""
_TRANSIENT = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError, httpx.ProxyError)


class DialNexa(Groups[Runs]):
    """The blocking client. Use it as a context manager, or ``close`` it; one client serves many threads."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        http_client: httpx.Client | None = None,
        retries: Retries | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a client; nothing is sent yet.

        ``api_key`` defaults to ``DIALNEXA_API_KEY``, ``base_url`` to ``DIALNEXA_BASE_URL`` or the address of ``make
        up``. ``timeout`` is seconds for one try; ``max_retries`` further tries follow a lost connection, 502, 503, 504
        or 429, as ``retries`` says in detail. ``http_client`` is yours to configure (proxies, certificates) and to
        close. ``sleep`` and ``monotonic`` are time itself, for tests.

        Raises ``Misconfigured`` without a key.
        """
        self.core = _core(api_key, base_url, timeout, retries or Retries(max_retries), monotonic)
        self._http = http_client or httpx.Client()
        self._owns_http = http_client is None
        self._sleep = sleep
        super().__init__(self)

    def run(self, plan: Plan[T]) -> T:
        """Carry a plan out: send what it says, wait as long as it says, and return its result."""
        outcome: Outcome = None
        while True:
            try:
                step = plan.send(outcome)
            except StopIteration as done:
                return done.value
            outcome = self._do(step)

    def listing(self, search: Search[T]) -> Listing[T]:
        """Return a search as a list to loop over."""
        return Listing(search, self.run)

    def following(self, feed: Feed[T]) -> Following[T]:
        """Return a feed as something to loop over without end."""
        return Following(feed, self._stream, self._sleep)

    def _do(self, step: Send | Sleep) -> Outcome:
        if isinstance(step, Sleep):
            return self._sleep(step.seconds)
        try:
            with self._http.stream(
                step.method,
                step.url,
                headers=dict(step.headers),
                content=step.content,
                timeout=step.timeout,
                follow_redirects=False,
            ) as response:
                if step.save_to is None or not response.is_success:
                    return Reply(response.status_code, response.headers, response.read())
                _save(step.save_to, response)
                return Reply(response.status_code, response.headers)
        except httpx.RequestError as error:
            return _lost(error)

    def _stream(self, step: Send) -> Generator[Received]:
        """Give an answer as it arrives, piece by piece, or say what came in its place."""
        try:
            with self._http.stream(
                step.method, step.url, headers=dict(step.headers), timeout=step.timeout, follow_redirects=False
            ) as response:
                if _is_stream(response):
                    yield from response.iter_bytes()
                else:
                    yield Reply(response.status_code, response.headers, response.read())
        except httpx.RequestError as error:
            yield _lost(error)

    def close(self) -> None:
        """Close the connections, unless the ``http_client`` is yours."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


class AsyncDialNexa(Groups[AsyncRuns]):
    """The client to await, on asyncio or trio. Use it as an async context manager, or ``await close()``."""

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        http_client: httpx.AsyncClient | None = None,
        retries: Retries | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a client; nothing is sent yet. The parameters are those of ``DialNexa``."""
        self.core = _core(api_key, base_url, timeout, retries or Retries(max_retries), monotonic)
        self._http = http_client or httpx.AsyncClient()
        self._owns_http = http_client is None
        self._sleep = sleep
        super().__init__(self)

    async def run(self, plan: Plan[T]) -> T:
        """Carry a plan out: send what it says, wait as long as it says, and return its result."""
        outcome: Outcome = None
        while True:
            try:
                step = plan.send(outcome)
            except StopIteration as done:
                return done.value
            outcome = await self._do(step)

    def listing(self, search: Search[T]) -> AsyncListing[T]:
        """Return a search as a list to loop over with ``async for``."""
        return AsyncListing(search, self.run)

    def following(self, feed: Feed[T]) -> AsyncFollowing[T]:
        """Return a feed as something to loop over without end, with ``async for``."""
        return AsyncFollowing(feed, self._stream, self._sleep)

    async def _do(self, step: Send | Sleep) -> Outcome:
        if isinstance(step, Sleep):
            return await self._sleep(step.seconds)
        try:
            async with self._http.stream(
                step.method,
                step.url,
                headers=dict(step.headers),
                content=step.content,
                timeout=step.timeout,
                follow_redirects=False,
            ) as response:
                if step.save_to is None or not response.is_success:
                    return Reply(response.status_code, response.headers, await response.aread())
                await _save_async(step.save_to, response)
                return Reply(response.status_code, response.headers)
        except httpx.RequestError as error:
            return _lost(error)

    async def _stream(self, step: Send) -> AsyncGenerator[Received]:
        """Give an answer as it arrives, piece by piece, or say what came in its place."""
        try:
            async with self._http.stream(
                step.method, step.url, headers=dict(step.headers), timeout=step.timeout, follow_redirects=False
            ) as response:
                if _is_stream(response):
                    async for piece in response.aiter_bytes():
                        yield piece
                else:
                    yield Reply(response.status_code, response.headers, await response.aread())
        except httpx.RequestError as error:
            yield _lost(error)

    async def close(self) -> None:
        """Close the connections, unless the ``http_client`` is yours."""
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.close()


def _core(
    api_key: str | None, base_url: str | None, timeout: float, retries: Retries, monotonic: Callable[[], float]
) -> Core:
    key = (api_key or os.environ.get("DIALNEXA_API_KEY") or "").strip()
    if not key:
        raise Misconfigured("There is no API key: pass api_key=… or set DIALNEXA_API_KEY.")
    if not (key.isascii() and key.isprintable()):
        raise Misconfigured("The API key contains characters that no key has; was it copied whole?")
    address = (base_url or os.environ.get("DIALNEXA_BASE_URL") or DEFAULT_BASE_URL).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise Misconfigured(f"base_url should look like {DEFAULT_BASE_URL}, not {address!r}.")
    address = address if address.endswith("/v1") else f"{address}/v1"
    user_agent = f"dialnexa-client-python/{_version()}"
    return Core(address, key, user_agent, timeout, retries, monotonic)


def _version() -> str:
    with suppress(metadata.PackageNotFoundError):  # used from its source folder
        return metadata.version("dialnexa-client")
    return "source"


def _is_stream(response: httpx.Response) -> bool:
    return response.is_success and response.headers.get("content-type", "").startswith(SSE)


def _lost(error: httpx.RequestError) -> Lost:
    return Lost(error, timed_out=isinstance(error, httpx.TimeoutException), transient=isinstance(error, _TRANSIENT))


def _save(path: Path, response: httpx.Response) -> None:
    """Write an answer into a file that takes its name only when it is whole."""
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


async def _save_async(path: Path, response: httpx.Response) -> None:
    unfinished = anyio.Path(path.with_name(f"{path.name}.part"))
    try:
        async with await unfinished.open("wb") as file:
            async for chunk in response.aiter_bytes():
                await file.write(chunk)
        await unfinished.replace(path)
    finally:
        await unfinished.unlink(missing_ok=True)
