"""Where finished recordings lie when it is not the data folder: any object store, named by a URL (obstore).

Keys and addresses come from the environment by the store's own names: for ``s3://`` AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, and AWS_ENDPOINT_URL for stores that are not Amazon's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

_PATIENCE = timedelta(seconds=10)
"""How long one request may take before it counts as failed; a part of a file is a request."""
_TRIES_FOR = timedelta(seconds=20)
_FAILURES = (BaseError, OSError)
"""A bucket or key that does not exist is a ``FileNotFoundError``."""


class StoreError(Exception):
    """The store did not do what it was asked; the message says what it answered."""


class RecordingStore:
    """One object store, or the part of it that lies under a prefix."""

    def __init__(self, url: str) -> None:
        """Open the store at ``s3://bucket/prefix``, ``file:///folder``, …; raises ``StoreError`` when that is none."""
        self.url = url
        try:
            self._store = _open(url)
        except (BaseError, OSError, ValueError) as error:
            raise StoreError(f"{url} cannot be opened: {_words(error)}") from error

    async def put(self, key: str, file: Path) -> None:
        """Store a file under a key, whole; what was there is replaced.

        Raises ``StoreError``, and ``OSError`` when the file cannot be read.
        """
        size = (await asyncio.to_thread(file.stat)).st_size
        try:
            await obstore.put_async(self._store, key, file)
            stored = (await obstore.head_async(self._store, key))["size"]
        except _FAILURES as error:
            raise StoreError(_words(error)) from error
        if stored != size:
            raise StoreError(f"{key} was stored with {stored} bytes instead of {size}")

    async def size(self, key: str) -> int | None:
        """Return how many bytes lie under a key; ``None`` when nothing does. Raises ``StoreError``."""
        try:
            return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError:
            return None
        except _FAILURES as error:
            raise StoreError(_words(error)) from error

    async def remove(self, key: str) -> None:
        """Remove what lies under a key; nothing there is fine too. Raises ``StoreError``."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except _FAILURES as error:
            raise StoreError(_words(error)) from error

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """Yield the bytes from ``start`` up to ``end``. Raises ``StoreError``, at the latest while it is read."""
        try:
            part = await obstore.get_async(self._store, key, options={"range": (start, end)})
            async for data in part.stream():
                yield bytes(data)
        except _FAILURES as error:
            raise StoreError(_words(error)) from error


@lru_cache(16)
def store_at(url: str) -> RecordingStore:
    """Return the store at a URL, the same one each time: it keeps its connections. Raises ``StoreError``."""
    return RecordingStore(url)


def _open(url: str) -> ObjectStore:
    if url.startswith("file:"):
        return LocalStore.from_url(url, mkdir=True)
    return from_url(
        url,
        client_options={"allow_http": True, "timeout": _PATIENCE, "connect_timeout": _PATIENCE},
        retry_config={"max_retries": 3, "retry_timeout": _TRIES_FOR},
    )


def _words(error: Exception) -> str:
    """Return the sentence of an error without the store's inner workings."""
    return str(error).partition("\n\nDebug source")[0].strip()[:300]
