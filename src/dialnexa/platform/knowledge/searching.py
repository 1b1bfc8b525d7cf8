"""Finds the passages that answer a question: by its words always, by its meaning too where texts are embedded.

Meaning is looked for while words are, within the time a question has. When it is not there by then, for whatever
reason, what words found is the answer, and it says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dialnexa.platform.database import Database
from dialnexa.platform.knowledge import index, repository, vectors
from dialnexa.platform.knowledge.embeddings import EmbeddingError, Embeddings, Vectors
from dialnexa.platform.knowledge.fusion import Found, Scored, fuse
from dialnexa.platform.knowledge.index import Wanted
from dialnexa.platform.knowledge.models import Chunk
from dialnexa.platform.knowledge.nearness import Held, Shelves
from dialnexa.platform.knowledge.repository import Shelf
from dialnexa.platform.knowledge.scale import Scale

log = structlog.get_logger(__name__)

_PATIENCE_S = 0.15
"""How long looking up may take beside the embedding of the question."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that answers, and where it comes from."""

    chunk_id: str
    knowledge_base_id: str
    document_id: str
    title: str
    page: int
    score: float
    word_score: float
    meaning_score: float | None
    """``None``: nothing was compared by meaning."""
    text: str


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, best first."""

    passages: Sequence[Hit]
    by_meaning: bool
    """Whether meaning was looked for too."""
    problem: str = ""
    """Why it was not, although it should have been."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of some knowledge bases of a workspace."""

    workspace_id: str
    text: str
    limit: int = 5
    min_score: float = 0.0


class Meaning:
    """Search by meaning: an embeddings endpoint, and the vectors it made. One per process."""

    def __init__(self, database: Database, embeddings: Embeddings) -> None:
        self.embeddings = embeddings
        self._database = database
        self._label = embeddings.endpoint.label
        self._shelves = Shelves(database, self._label)
        self._scale: Scale | None = None

    async def aclose(self) -> None:
        """End connections and what is being read."""
        await self._shelves.aclose()
        await self.embeddings.aclose()

    async def look(self, shelves: Sequence[Shelf], question: Question) -> Sequence[Scored]:
        """Return the passages nearest to a question, best first; raise ``EmbeddingError`` when there is no telling."""
        try:
            async with asyncio.timeout(self.embeddings.endpoint.question_s):
                # Not a task group: vectors go on being read for the next question when this one has no vector.
                vector, scale, held = await asyncio.gather(
                    self.embeddings.question(question.text), self._known_scale(), self._held(shelves)
                )
        except TimeoutError:
            raise EmbeddingError("The vectors of the knowledge base are still being read; ask again.") from None
        found = [one for one in held if one.matrix.size]
        if scale is None or not found:
            raise EmbeddingError(f"No document here is embedded with {self._label} yet; it will be.")
        if any(one.matrix.shape[1] != vector.size for one in found):
            raise EmbeddingError(_other_length(found, vector))
        return await self._shelves.near(found, vector, scale, question.min_score)

    async def _held(self, shelves: Sequence[Shelf]) -> list[Held]:
        return await asyncio.gather(*map(self._shelves.fresh, shelves))

    async def _known_scale(self) -> Scale | None:
        if self._scale is None:
            async with self._database.read() as session:
                self._scale = await vectors.scale(session, self._label)
        return self._scale


class Search:
    """Search over knowledge bases. One per process; ``aclose()`` ends its connections."""

    def __init__(self, database: Database, meaning: Meaning | None = None) -> None:
        self._database = database
        self._meaning = meaning

    @property
    def patience_s(self) -> float:
        """How long a caller's turn should wait for it."""
        return _PATIENCE_S + (self._meaning.embeddings.endpoint.question_s if self._meaning else 0.0)

    async def aclose(self) -> None:
        """End its connections."""
        if self._meaning is not None:
            await self._meaning.aclose()

    async def find(self, base_ids: Collection[str], question: Question) -> Hits:
        """Return the best of several knowledge bases, whatever their languages; those that are gone are passed over."""
        async with self._database.read() as session:
            shelves = await repository.shelves(session, question.workspace_id, base_ids)
        embedded = [shelf for shelf in shelves if shelf.revision]
        meaning = self._meaning if embedded else None
        if meaning is None:
            return await self._told(shelves, question, await self._by_words(shelves, question), None)
        by_words, by_meaning = await asyncio.gather(
            self._by_words(shelves, question), _without_trouble(meaning, embedded, question)
        )
        near, problem = (None, by_meaning) if isinstance(by_meaning, str) else (by_meaning, "")
        return await self._told(shelves, question, by_words, near, problem)

    async def _by_words(self, shelves: Sequence[Shelf], question: Question) -> Sequence[Scored]:
        found = list[Scored]()
        async with self._database.read() as session:
            for language, ids in _by_language(shelves).items():
                wanted = Wanted(question.workspace_id, ids, question.text, language, question.min_score)
                found += await index.search(session, wanted)
        return sorted(found, key=attrgetter("score"), reverse=True)

    async def _told(
        self,
        shelves: Sequence[Shelf],
        question: Question,
        by_words: Sequence[Scored],
        by_meaning: Sequence[Scored] | None,
        problem: str = "",
    ) -> Hits:
        best = fuse(by_words, by_meaning)[: question.limit]
        if not best:
            return Hits((), by_meaning is not None, problem)
        places, ids = [one.place for one in best], [shelf.id for shelf in shelves]
        async with self._database.read() as session:
            there = await repository.passages_at(session, question.workspace_id, ids, places)
        hits = [_hit(one, *there[one.place]) for one in best if one.place in there]
        return Hits(hits, by_meaning is not None, problem)


async def _without_trouble(meaning: Meaning, shelves: Sequence[Shelf], question: Question) -> Sequence[Scored] | str:
    """Return what is near, or why that cannot be told."""
    try:
        return await meaning.look(shelves, question)
    except EmbeddingError as error:
        log.warning("searched_by_words_alone", reason=str(error))
        return str(error)
    except (SQLAlchemyError, OSError) as error:
        log.warning("searched_by_words_alone", reason=repr(error))
        return "The vectors of the knowledge base could not be read from the database."


def _by_language(shelves: Sequence[Shelf]) -> Mapping[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for shelf in shelves:
        ids.setdefault(shelf.language, []).append(shelf.id)
    return ids


def _other_length(held: Sequence[Held], vector: Vectors) -> str:
    lengths = sorted({one.matrix.shape[1] for one in held if one.matrix.size})
    return (
        f"The model gives vectors of {vector.size} numbers now, but the documents have such of "
        f"{', '.join(map(str, lengths))}. Set DIALNEXA_EMBEDDINGS_DIMENSIONS so that they are embedded again."
    )


def _hit(found: Found, chunk: Chunk, title: str) -> Hit:
    return Hit(
        chunk.id,
        chunk.knowledge_base_id,
        chunk.document_id,
        title,
        chunk.page,
        found.score,
        found.words,
        found.meaning,
        chunk.text,
    )
