"""The full text index over passages: FTS5 in SQLite, a GIN index in PostgreSQL, the same answers from both.

Both hold the terms that ``words`` makes and only say where these stand; how well a passage answers is worked out by
``ranking``, so a score means the same everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, column, func, select, table, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from dialnexa.platform.knowledge import ranking, words
from dialnexa.platform.knowledge.fusion import Place, Scored
from dialnexa.platform.knowledge.models import Chunk, Document
from dialnexa.platform.knowledge.ranking import Candidate

_MOST_CANDIDATES = 100
_ENOUGH = 300
"""Passages that the rarest terms of a question may bring; more common ones then need not look for others."""
_MOST_RANKED = 500
"""Of passages that PostgreSQL ranks, because it makes their terms anew for it."""
FULL_TEXT = "knowledge_index"
"""The table in SQLite, the index in PostgreSQL; a migration makes them."""
_FTS5 = table(FULL_TEXT, column("rowid"), column("rank"))
_VECTOR = "array_to_tsvector(string_to_array(knowledge_chunks.terms, ' '))"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: a question, in these knowledge bases of one workspace, all in one language."""

    workspace_id: str
    base_ids: Sequence[str]
    question: str
    language: str = "en"
    min_score: float = 0.0


async def search(session: AsyncSession, wanted: Wanted) -> list[Scored]:
    """Return the passages that speak most of what is asked, best first."""
    terms = words.question_terms(wanted.question, wanted.language)
    if not terms or not wanted.base_ids:
        return []
    passages, found_in = await _counts(session, wanted, terms)
    telling = _telling(terms, found_in)
    if not telling:
        return []
    candidates, places = await _candidates(session, wanted, telling)
    weighed = ranking.weights(terms, found_in, passages)
    # Off the event loop: a hundred passages are more than a millisecond's work.
    ranked = await asyncio.to_thread(ranking.rank, weighed, candidates)
    return [Scored(places[one.number], one.score) for one in ranked if one.score >= wanted.min_score]


async def _counts(session: AsyncSession, wanted: Wanted, terms: Sequence[str]) -> tuple[int, dict[str, int]]:
    """Return how many passages there are, and in how many of them each term stands."""
    counted = [select(func.coalesce(func.sum(Document.chunks), 0)).where(*_findable(wanted)).scalar_subquery()]
    names = dict[str, str]()
    for number, term in enumerate(terms):
        names[f"term_{number}"] = _query(session, [term])
        counted.append(_count(session, wanted, f"term_{number}").scalar_subquery())
    if not _is_sqlite(session):
        # PostgreSQL takes making the terms of a passage out of its text for free, so it reads all passages and makes
        # them anew for each question: seconds for ten thousand. The index is always the faster way.
        await session.execute(text("SET LOCAL enable_seqscan = off"))
    row = (await session.execute(select(*counted), names)).one()
    return int(row[0]), {term: int(row[number + 1]) for number, term in enumerate(terms)}


def _telling(terms: Sequence[str], found_in: Mapping[str, int]) -> list[str]:
    """Return the rarest terms that occur at all, as many as bring enough passages."""
    kept, brought = list[str](), 0
    for term in sorted((term for term in terms if found_in[term]), key=lambda term: found_in[term]):
        if kept and brought + found_in[term] > _ENOUGH:
            break
        kept.append(term)
        brought += found_in[term]
    return kept


async def _candidates(
    session: AsyncSession, wanted: Wanted, terms: Sequence[str]
) -> tuple[list[Candidate], dict[int, Place]]:
    columns = select(Chunk.number, Chunk.terms, Chunk.document_id, Chunk.ordinal).limit(_MOST_CANDIDATES)
    if _is_sqlite(session):
        query = _by_fts5(columns, wanted, "terms").order_by(text(f"{FULL_TEXT}.rank"))
    else:
        found = _by_gin("terms")
        some = select(found.c.number).where(found.c.document_id.in_(_ids(wanted))).limit(_MOST_RANKED).subquery()
        best = text(f"ts_rank({_VECTOR}, CAST(:terms AS tsquery)) DESC")
        query = columns.join(some, some.c.number == Chunk.number).order_by(best)
    rows = (await session.execute(query, {"terms": _query(session, terms)})).mappings().all()
    places = {int(row["number"]): (str(row["document_id"]), int(row["ordinal"])) for row in rows}
    return [Candidate(int(row["number"]), str(row["terms"])) for row in rows], places


def _findable(wanted: Wanted) -> list[ColumnElement[bool]]:
    """Return what is true of documents that may be found."""
    return [
        Document.workspace_id == wanted.workspace_id,
        Document.knowledge_base_id.in_(wanted.base_ids),
        Document.status == "ready",
        Document.deleted_at.is_(None),
    ]


def _ids(wanted: Wanted) -> Select[str]:
    return select(Document.id).where(*_findable(wanted))


def _count(session: AsyncSession, wanted: Wanted, name: str) -> Select[int]:
    """Count the passages in which one of the terms stands that the parameter ``name`` holds."""
    if _is_sqlite(session):
        return _by_fts5(select(func.count()), wanted, name)
    found = _by_gin(name)
    return select(func.count()).select_from(found).where(found.c.document_id.in_(_ids(wanted)))


def _by_fts5(query: Any, wanted: Wanted, name: str) -> Any:
    """Narrow a query down to the passages in which such a term stands.

    The plus keeps SQLite from going through all passages and asking the full text index about each, which took seconds
    for two thousand: now it begins with the index.
    """
    joined = query.select_from(Chunk).join(_FTS5, _FTS5.c.rowid == Chunk.number)
    return joined.where(_plus(Chunk.document_id).in_(_ids(wanted)), text(f"{FULL_TEXT} MATCH :{name}"))


def _by_gin(name: str) -> CTE:
    """Return all passages in which such a term stands, whoever's they are; materialized, so the index finds them."""
    found = select(Chunk.number, Chunk.document_id).where(text(f"{_VECTOR} @@ CAST(:{name} AS tsquery)"))
    return found.cte(f"found_by_{name}").prefix_with("MATERIALIZED")


def _query(session: AsyncSession, terms: Sequence[str]) -> str:
    """Ask for any of these terms. They are letters and digits only, so quoting them is enough."""
    quote, either = ('"', " OR ") if _is_sqlite(session) else ("'", " | ")
    return either.join(f"{quote}{term}{quote}" for term in terms)


def _plus(column: Any) -> Any:
    """Write a column so that SQLite uses no index over it."""
    return UnaryExpression(column.expression, operator=custom_op[Any]("+"), type_=column.type)


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"
