"""The SQLite driver behind the application: one crossing to its thread per statement, and everything else as usual."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform import sqlite
from dialnexa.platform.database import Database


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[AsyncSession]:
    async with Database.open(f"sqlite:///{tmp_path / 'small.db'}") as database, database.write() as opened:
        await opened.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY, word TEXT UNIQUE)"))
        yield opened


async def test_rows_come_with_the_statement(session: AsyncSession) -> None:
    await session.execute(text("INSERT INTO notes (word) VALUES (:word)"), [{"word": "a"}, {"word": "b"}])
    rows = await session.execute(text("SELECT id, word FROM notes ORDER BY id"))
    assert [tuple(row) for row in rows] == [(1, "a"), (2, "b")]
    changed = await session.execute(text("UPDATE notes SET word = word || '!'"))
    assert changed.rowcount == 2  # pyright: ignore[reportAttributeAccessIssue]


async def test_errors_are_the_database_s_own(session: AsyncSession) -> None:
    await session.execute(text("INSERT INTO notes (word) VALUES ('a')"))
    with pytest.raises(IntegrityError):
        await session.execute(text("INSERT INTO notes (word) VALUES ('a')"))
    with pytest.raises(OperationalError):
        await session.execute(text("SELECT nothing FROM nowhere"))


async def test_errors_do_not_tell_the_values(session: AsyncSession) -> None:
    with pytest.raises(OperationalError) as raised:
        await session.execute(text("SELECT :secret FROM nowhere"), {"secret": "sk_live_x"})
    assert "sk_live_x" not in str(raised.value)


async def test_a_statement_crosses_to_the_thread_once(session: AsyncSession, monkeypatch: pytest.MonkeyPatch) -> None:
    crossings: list[object] = []
    cross = sqlite.Connection.on_thread

    async def counted(self: sqlite.Connection, work: object, *rest: object) -> object:
        crossings.append(work)
        return await cross(self, work, *rest)  # pyright: ignore[reportArgumentType, reportUnknownVariableType, reportCallIssue]

    monkeypatch.setattr(sqlite.Connection, "on_thread", counted)
    await session.execute(text("SELECT 1"))
    assert len(crossings) == 1
