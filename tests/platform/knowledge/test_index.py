"""How the databases look for passages: always by way of the index they have for it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from dialnexa.platform.database import Database
from dialnexa.platform.knowledge import index, repository
from dialnexa.platform.knowledge.index import Wanted
from dialnexa.platform.migrations import migrate


async def test_terms_are_counted_by_the_full_text_index(blank_url: str) -> None:
    """Going through all passages instead took seconds for a few thousand, on both databases."""
    migrate(blank_url)
    async with Database.open(blank_url) as database, database.read() as session:
        wanted = Wanted("ws", ["kb"], "q")
        assert (await index._counts(session, wanted, ["clean"])) == (0, {"clean": 0})  # as it does, so does the plan
        query = index._count(session, wanted, "terms")
        plan = await _plan(session, query)
        if database.is_sqlite:
            assert plan[0].startswith("SCAN knowledge_index VIRTUAL TABLE")
            assert plan[1].startswith("SEARCH knowledge_chunks USING INTEGER PRIMARY KEY")
        else:
            assert any("Bitmap Index Scan on knowledge_index" in step for step in plan), plan
            assert not any("Scan on knowledge_chunks" in step and "Bitmap" not in step for step in plan), plan


async def test_passages_are_fetched_by_their_places(blank_url: str) -> None:
    migrate(blank_url)
    async with Database.open(blank_url) as database, database.read() as session:
        plan = await _plan(session, repository.passages_query("ws", ["kb"], [("doc_1", 1), ("doc_2", 7)]))
        there = "sqlite_autoindex_knowledge_chunks" if database.is_sqlite else "uq_knowledge_chunks_document_id_ordinal"
        assert any(there in step for step in plan), plan


async def _plan(session: AsyncSession, query: Any) -> list[str]:
    connection = await session.connection()
    statement = str(query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    # PostgreSQL knows that nothing matches NULL, which is written where terms would be given.
    asked = statement.replace("CAST(NULL AS tsquery)", "CAST('clean' AS tsquery)")
    rows = (await connection.exec_driver_sql(explain + asked)).all()
    return [str(row[-1]) for row in rows]
