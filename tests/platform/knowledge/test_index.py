"""How the databases look for passages: always by way of the index they have for it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.database import Database
from dialnexa.platform.knowledge import index, repository
from dialnexa.platform.knowledge.index import Wanted
from dialnexa.platform.migrations import migrate


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = f"sqlite:///{tmp_path_factory.mktemp('index') / 'dialnexa.db'}"
    migrate(made)
    return made


async def test_sqlite_begins_with_the_full_text_index(url: str) -> None:
    """Going through all passages and asking the index about each took seconds for two thousand."""
    async with Database.open(url) as database, database.read() as session:
        query = index._matching(session, select(func.count()), Wanted("ws", ["kb"], "q"), "terms")
        plan = await _plan(session, query, terms='"clean"')
    assert plan[0].startswith("SCAN knowledge_index VIRTUAL TABLE")
    assert plan[1].startswith("SEARCH knowledge_chunks USING INTEGER PRIMARY KEY")


async def test_passages_are_fetched_by_their_places(url: str) -> None:
    async with Database.open(url) as database, database.read() as session:
        plan = await _plan(session, repository.passages_query("ws", ["kb"], [("doc_1", 1), ("doc_2", 7)]))
    assert any("sqlite_autoindex_knowledge_chunks" in step and "document_id=?" in step for step in plan), plan


async def _plan(session: AsyncSession, query: Any, **values: str) -> list[str]:
    compiled = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    rows = await session.execute(text(f"EXPLAIN QUERY PLAN {compiled}"), values)
    return [row[3] for row in rows]
