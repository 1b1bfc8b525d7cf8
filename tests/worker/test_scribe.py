"""The scribe writes for all calls; a database that is away is waited for, one that refuses a line is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy.exc import DataError, OperationalError

from dialnexa.live.timeline import CallEvent, TurnSpoken
from dialnexa.platform.calls.records import TimelineEntry
from dialnexa.worker import scribe as scribes
from dialnexa.worker.scribe import Scribe
from tests.live.fakes import VirtualClock, settle

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Database:
    """A database with moods."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str]] = []
        self.away = 0

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[list[tuple[str, str]]]:
        if self.away:
            self.away -= 1
            raise OperationalError("INSERT", {}, Exception("database is locked"))
        session: list[tuple[str, str]] = []
        yield session
        self.written += session

    async def append_events(
        self, session: list[tuple[str, str]], call_id: str, entries: Sequence[TimelineEntry]
    ) -> None:
        for entry in entries:
            text = str(entry.detail["text"])
            if "\0" in text:
                raise DataError("INSERT", {}, Exception("no NUL in text"))
            session.append((call_id, text))


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database()
    monkeypatch.setattr(scribes.service, "append_events", made.append_events)
    return made


def said(text: str) -> CallEvent:
    return CallEvent(AT, TurnSpoken("user", text, 0, 100))


async def written_by(database: Database, *notes: tuple[str, str]) -> None:
    clock = VirtualClock()
    scribe = Scribe(cast("Any", database), "node_1", clock)
    writing = asyncio.create_task(scribe.run())
    for call_id, text in notes:
        scribe.note(call_id, said(text))
    flushed = asyncio.create_task(scribe.flush())
    for _ in range(100):
        await settle()
        if flushed.done():
            break
        clock.advance(0.1)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    assert flushed.done(), "a call waits for its last line for ever"


async def test_a_database_that_is_away_is_waited_for(database: Database) -> None:
    database.away = 3
    await written_by(database, ("call_1", "hello"), ("call_2", "hi"))
    assert database.written == [("call_1", "hello"), ("call_2", "hi")]


async def test_a_line_the_database_refuses_holds_up_nobody_elses(database: Database) -> None:
    await written_by(database, ("call_1", "hello"), ("call_2", "h\0i"), ("call_3", "good day"))
    assert database.written == [("call_1", "hello"), ("call_3", "good day")]
