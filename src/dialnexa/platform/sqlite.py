"""The SQLite driver with one step per statement.

aiosqlite gives each connection a thread and crosses over to it for the cursor, for its execution, for its rows and for
closing it: four crossings for what SQLite itself does in microseconds. Here a statement crosses once and brings its
rows back, which makes every query about three times cheaper. Rows of a statement are thus always read at once.

A *prompt* connection does not cross over at all while it holds the write lock: statements of a transaction cannot wait
then and take microseconds, a crossing takes a hundred. What may wait or take long still goes to the thread: ``BEGIN
IMMEDIATE`` for other writers, ``COMMIT`` for the disk, and reads, which may look through a million rows. This is for
processes whose event loop serves requests; the loop that keeps the clock of calls has all its statements elsewhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import aiosqlite

P = ParamSpec("P")
T = TypeVar("T")


def connect(database: str, *, prompt: bool = False, **options: Any) -> Connection:
    """Return a connection to await; SQLAlchemy calls this as its ``async_creator_fn``."""
    # One thread at a time by construction: whoever uses a connection awaits each step of it.
    connector = partial(sqlite3.connect, database, **{**options, "check_same_thread": False})
    return Connection(connector, prompt=prompt)


class Connection(aiosqlite.Connection):
    """An aiosqlite connection whose cursors cross to its thread once per statement, or if ``prompt`` seldom at all."""

    def __init__(self, connector: Callable[[], sqlite3.Connection], *, prompt: bool) -> None:
        super().__init__(connector, iter_chunk_size=1)
        self._prompt = prompt
        self._thread.daemon = True  # as SQLAlchemy does with connections it makes itself

    def cursor(self) -> Cursor:  # type: ignore[override]
        """Return a cursor; nothing is asked of the thread yet."""
        return Cursor(self)

    async def commit(self) -> None:
        """Commit; nothing is asked of the thread when nothing was begun."""
        if self.in_transaction:
            await super().commit()

    async def rollback(self) -> None:
        """Roll back; nothing is asked of the thread when nothing was begun, as after every read."""
        if self.in_transaction:
            await super().rollback()

    async def carry_out(
        self,
        work: Callable[Concatenate[sqlite3.Connection, str, P], T],
        statement: str,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Do something with the raw connection: here if it is quickly done, else on its thread."""
        if self._prompt and self.in_transaction:
            return work(self._conn, statement, *args, **kwargs)
        return await self.on_thread(work, statement, *args, **kwargs)

    async def on_thread(
        self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do something with the raw connection on its thread."""
        queued = cast(Callable[..., Awaitable[T]], self._execute)  # pyright: ignore[reportUnknownMemberType]
        return await queued(work, self._conn, *args, **kwargs)


class Cursor:
    """What SQLAlchemy needs of a cursor (its ``AsyncIODBAPICursor``); statements are done when they return."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Cursor:
        """Return the cursor."""
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Carry out a statement and fetch all its rows."""
        self._take(await self._connection.carry_out(_execute, statement, parameters))
        return self

    async def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> Cursor:
        """Carry out a statement once for each set of parameters."""
        self._take(await self._connection.carry_out(_execute_many, statement, parameters))
        return self

    async def fetchall(self) -> Sequence[Any]:
        """Return the rows, which are here already."""
        return self._rows

    async def close(self) -> None:
        """Forget the rows; the real cursor was closed on its thread."""
        self._rows = ()

    def _take(self, done: tuple[sqlite3.Cursor, Sequence[Any]]) -> None:
        cursor, self._rows = done
        self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid


def _execute(
    connection: sqlite3.Connection, statement: str, parameters: Sequence[Any]
) -> tuple[sqlite3.Cursor, Sequence[Any]]:
    cursor = connection.execute(statement, parameters)
    return cursor, cursor.fetchall() if cursor.description else ()


def _execute_many(
    connection: sqlite3.Connection, statement: str, parameters: Iterable[Sequence[Any]]
) -> tuple[sqlite3.Cursor, Sequence[Any]]:
    return connection.executemany(statement, parameters), ()
