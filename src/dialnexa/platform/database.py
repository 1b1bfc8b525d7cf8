"""The database: one URL, SQLite (WAL) or PostgreSQL, one unit of work per request or step.

``write()`` opens a transaction that may change rows; on SQLite it takes the write lock at once (``BEGIN IMMEDIATE``),
so a transaction never fails half-way for another writer. ``read()`` opens one that only looks.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, cast

import orjson
from sqlalchemy import JSON, DateTime, Dialect, MetaData, String, Table, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

from dialnexa.platform import sqlite

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
"""A JSON column on both databases; ``None`` is SQL NULL."""


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, always aware and in UTC. SQLite keeps no zone, so it is dropped on the way in and put back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse moments without a zone, and store the others as UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"A moment without a time zone reached the database: {value!r}")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give every moment back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Moment = UtcDateTime()
"""The column type of every point in time."""

_CONNECTIONS = 10
"""Those a process keeps; about as many again may be open for a while."""

BeforeCommit = Callable[[AsyncSession], Awaitable[None]]
before_commit: ContextVar[tuple[BeforeCommit, ...]] = ContextVar("before_commit", default=())
"""What the current request adds to the transactions it writes: its idempotency mark and its line in the audit log."""


class Base(DeclarativeBase):
    """All tables of the platform; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: String(255),
        datetime: Moment,
        dict[str, object]: Json,
        list[object]: Json,
        list[str]: Json,
    }


def table_of(model: type[Base]) -> Table:
    """Return the bare table of a model: inserting into it costs half of what the unit of work does."""
    return cast(Table, model.__table__)


class Database:
    """An open database. Create one per process with ``async with Database.open(url)``."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer; queueing here is fair and cheap, while its own lock polls.
        self._writer = asyncio.Lock() if self.is_sqlite else nullcontext()

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, prompt: bool = False) -> AsyncGenerator[Database]:
        """Open the database at an SQLAlchemy URL (``sqlite:///…`` or ``postgresql://…``) and close it on leaving.

        ``prompt``: SQLite's statements may run on the event loop itself (see ``sqlite``).
        """
        options = {"json_serializer": _json, "json_deserializer": orjson.loads, **_options(url, prompt=prompt)}
        database = cls(create_async_engine(async_url(url), **options))
        if database.is_sqlite:
            event.listen(database.engine.sync_engine, "connect", prepare_sqlite)
        try:
            yield database
        finally:
            await database.engine.dispose()

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncSession]:
        """Yield a session in a transaction; commit on leaving, roll back on any exception or cancellation."""
        async with self._writer, AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            if self.is_sqlite:
                connection = await session.connection()
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield session
            for hook in before_commit.get():
                await hook(session)

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """Yield a session that only looks; nothing it does is kept."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session


def async_url(url: str) -> str:
    """Name the async driver in a database URL that names none."""
    parsed = make_url(url)
    driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
    return parsed.set(drivername=driver.get(parsed.drivername, parsed.drivername)).render_as_string(hide_password=False)


def prepare_sqlite(connection: Any, _record: object) -> None:
    """Put a fresh SQLite connection into the mode we need: WAL, foreign keys, transactions begun by us.

    DBOS needs the very same hook on its engine; without WAL it enqueues 35 times slower.
    """
    connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=15000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _json(value: object) -> str:
    """Write a JSON column several times as fast as the standard library, which takes what orjson does not."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # integers beyond 64 bits, keys that are no strings
        return json.dumps(value)


def _options(url: str, *, prompt: bool) -> dict[str, Any]:
    if make_url(url).get_backend_name() == "sqlite":
        creator = partial(sqlite.connect, prompt=prompt)
        # Each connection has a thread; beyond the pool's size both are made anew each time, which costs a millisecond.
        arguments = {"timeout": 15, "async_creator_fn": creator}
        return {"connect_args": arguments, "pool_size": _CONNECTIONS, "hide_parameters": True}
    return {"pool_size": _CONNECTIONS, "max_overflow": _CONNECTIONS, "pool_pre_ping": True, "hide_parameters": True}
