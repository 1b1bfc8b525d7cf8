"""Knowledge bases of an installation with an embeddings endpoint: what is asked in other words is found too."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import func, select

from dialnexa.platform.knowledge.embedding import EMBEDDING, Embedding
from dialnexa.platform.knowledge.embeddings import BATCH, Embeddings, Endpoint
from dialnexa.platform.knowledge.extraction import Extractor
from dialnexa.platform.knowledge.models import Chunk, VectorBlock
from dialnexa.platform.knowledge.reading import Reader
from dialnexa.platform.knowledge.searching import Meaning, Search
from dialnexa.platform.knowledge.service import READING
from tests.api.test_knowledge import HOURS, PARKING, PRICES, get, make, upload
from tests.api.world import World
from tests.platform.knowledge.embedding_server import EmbeddingServer, embedding_server

QUESTION = "What is the fee of the dentist?"
"""Shares no word with the prices."""
PATIENT: dict[str, Any] = {"question_s": 60.0}
"""For tests in which nothing is to come too late, on whatever machine."""


@dataclass
class Office:
    """A world with an endpoint, and a worker's hand for its queue."""

    world: World
    embedding: Embedding
    search: Search

    async def work(self) -> None:
        """Do what workers do with the queue, and with what that puts into it."""
        reader = Reader(self.world.database, Extractor(), self.world.clock.now, self.embedding.promise)
        work = {READING: reader.read, EMBEDDING: self.embedding.embed}
        while self.world.queue.chores:
            chore, subject = self.world.queue.chores.pop(0)
            await work[chore](subject)

    async def base(self, *texts: str) -> str:
        """Make a knowledge base of documents, read and embedded."""
        base = await make(self.world, "Clinic")
        for number, text in enumerate(texts):
            await upload(self.world, base["id"], f"{number}.txt", text.encode())
        await self.work()
        return base["id"]

    async def ask(self, base_id: str, question: str = QUESTION, **fields: float) -> dict[str, Any]:
        path = f"/v1/knowledge-base/{base_id}/search"
        answer = await self.world.http.post(path, json={"query": question, **fields})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def document(self, base_id: str) -> dict[str, Any]:
        """Return the newest document."""
        return (await get(self.world, f"{base_id}/documents"))["items"][0]


@asynccontextmanager
async def office(
    world: World, server: EmbeddingServer, model: str = "words-1", **settings: Any
) -> AsyncGenerator[Office]:
    endpoint = Endpoint(server.url, model, **{**PATIENT, **settings})
    embeddings = Embeddings(endpoint, monotonic=world.clock.monotonic)
    search = Search(world.database, Meaning(world.database, embeddings))
    world.app.state.search = search
    try:
        yield Office(world, Embedding(world.database, world.clock, world.queue, embeddings), search)
    finally:
        await search.aclose()


async def test_a_question_in_other_words_finds_its_passage(world: World) -> None:
    async with embedding_server() as server, office(world, server) as here:
        base = await here.base(HOURS, PARKING, PRICES)
        document = await here.document(base)
        assert (document["status"], document["embedding_status"]) == ("ready", "ready")
        assert (document["embedding_model"], document["embedding_error"]) == ("words-1", None)
        found = await here.ask(base, min_score=0.5)
        assert (found["searched_by"], found["warning"]) == ("words_and_meaning", None)
        (hit,) = found["results"]
        assert "Teeth cleaning costs eighty dollars" in hit["text"]
        assert (hit["word_score"], hit["score"]) == (0.0, hit["meaning_score"])
        world.app.state.search = Search(world.database)
        by_words = await here.ask(base)
        assert (by_words["searched_by"], by_words["results"]) == ("words", [])


async def test_what_both_find_comes_first_and_exact_words_are_found_as_ever(world: World) -> None:
    async with embedding_server() as server, office(world, server) as here:
        base = await here.base(HOURS, PARKING, PRICES, "Part number XK-4711 fits all our chairs.")
        both = (await here.ask(base, "What does a teeth cleaning cost?"))["results"]
        assert "Teeth cleaning" in both[0]["text"]
        assert both[0]["word_score"] == both[0]["score"] == 1.0
        assert both[0]["meaning_score"] > 0.5
        (exact,) = (await here.ask(base, "XK-4711", min_score=0.9))["results"]
        assert "chairs" in exact["text"]


async def test_documents_that_are_gone_are_not_near_either(world: World) -> None:
    async with embedding_server() as server, office(world, server) as here:
        base = await here.base(HOURS, PRICES)
        assert len((await here.ask(base, min_score=0.5))["results"]) == 1
        document = await here.document(base)
        assert (await world.http.delete(f"/v1/knowledge-base/{base}/documents/{document['id']}")).status_code == 200
        assert (await here.ask(base, min_score=0.5))["results"] == []
        assert await _vectors(world) == 1
        assert (await world.http.delete(f"/v1/knowledge-base/{base}")).status_code == 200
        assert await _vectors(world) == 0


async def test_another_model_embeds_everything_again_and_compares_nothing_with_the_old(world: World) -> None:
    async with embedding_server() as server:
        async with office(world, server) as here:
            base = await here.base(HOURS, PRICES)
        async with office(world, server, model="words-2") as here:
            found = await here.ask(base)
            assert (found["searched_by"], found["results"]) == ("words", [])
            assert "embedded with words-2 yet" in found["warning"]
            assert await here.embedding.sweep() == 2
            assert (await here.document(base))["embedding_status"] == "waiting"
            await here.work()
            assert (await here.document(base))["embedding_model"] == "words-2"
            assert len((await here.ask(base, min_score=0.5))["results"]) == 1
            assert await here.embedding.sweep() == 0
            assert {body["model"] for body in server.asked[-3:]} == {"words-2"}
            assert await _vectors(world) == 2


async def test_documents_from_before_there_was_an_endpoint_are_embedded(world: World) -> None:
    async with embedding_server() as server, office(world, server) as here:
        there_was_none = Embedding(world.database, world.clock, world.queue, None)
        with_endpoint, here.embedding = here.embedding, there_was_none
        base = await here.base(PRICES)
        assert (await here.document(base))["embedding_status"] is None
        assert await there_was_none.sweep() == 0
        assert (await here.ask(base))["warning"] is None
        assert await with_endpoint.sweep() == 1
        await here.work()
        assert (await here.document(base))["embedding_status"] is None, "what was promised to another is nobody's"
        here.embedding = with_endpoint
        assert await with_endpoint.sweep() == 1
        await here.work()
        assert len((await here.ask(base, min_score=0.5))["results"]) == 1


async def test_a_server_that_is_away_for_a_moment_is_waited_for(world: World) -> None:
    moment = {0: (503, "Loading"), 1: (429, "Slow down")}
    async with embedding_server(refuses=moment) as server, office(world, server) as here:
        base = await here.base(PRICES)
        assert (await here.document(base))["embedding_status"] == "ready"


@pytest.mark.parametrize(
    ("manners", "why"),
    [
        ({"refuses": {-1: (401, "Wrong key")}}, "Check DIALNEXA_EMBEDDINGS_API_KEY"),
        ({"refuses": {-1: (503, "Loading")}}, "answered 503: Loading."),
        ({"gives": 3}, "gave 3 vectors for 10 texts"),
    ],
)
async def test_a_document_that_cannot_be_embedded_says_why_and_is_found_by_words(
    world: World, manners: dict[str, Any], why: str
) -> None:
    async with embedding_server(**manners) as server, office(world, server) as here:
        base = await here.base(PRICES)
        document = await here.document(base)
        assert (document["status"], document["embedding_status"]) == ("ready", "failed")
        assert why in document["embedding_error"]
        found = await here.ask(base, "What does a teeth cleaning cost?")
        assert (found["searched_by"], len(found["results"])) == ("words", 1)
        server.refuses.clear()
        server.gives = None
        assert await here.embedding.sweep() == 0, "it failed just now"
        world.clock.later(minutes=11)
        assert await here.embedding.sweep() == 1
        await here.work()
        assert len((await here.ask(base, min_score=0.5))["results"]) == 1


async def test_embedding_goes_on_where_it_broke_off(world: World) -> None:
    text = "\n\n".join(f"{'Filler words of no consequence here. ' * 28} Number {n}." for n in range(2 * BATCH + 3))
    async with embedding_server() as server, office(world, server) as here:
        server.refuses = {3: (401, "Wrong key")}  # two requests for the scale, then the first batch, then the second
        base = await here.base(text)
        assert (await here.document(base))["embedding_status"] == "failed"
        server.refuses.clear()
        before = len(server.asked)
        assert await here.embedding.sweep(patient=False) == 1
        await here.work()
        document = await here.document(base)
        assert document["embedding_status"] == "ready"
        async with world.database.read() as session:
            chunks = list(await session.scalars(select(Chunk.text).order_by(Chunk.ordinal)))
            kept = await session.scalar(select(func.sum(VectorBlock.passages))) or 0
        assert len(chunks) == document["chunk_count"] == kept > 2 * BATCH
        again = [one for body in server.asked[before:] for one in body["input"]]
        assert again == chunks[BATCH:], "what was kept is not asked for again"


async def test_a_question_that_cannot_be_embedded_in_time_is_searched_for_by_words(world: World) -> None:
    async with embedding_server() as server:
        async with office(world, server) as here:
            base = await here.base(PRICES)
        server.hangs = True
        async with office(world, server, question_s=0.01) as here:
            found = await here.ask(base, "What does a teeth cleaning cost?")
            assert (found["searched_by"], len(found["results"])) == ("words", 1)
            assert "did not answer within 10 ms" in found["warning"] or "still being read" in found["warning"]
            assert here.search.patience_s == pytest.approx(0.16)


async def test_vectors_of_another_length_are_not_compared(world: World) -> None:
    async with embedding_server() as server, office(world, server) as here:
        base = await here.base(PRICES)
        server.size = 32
        found = await here.ask(base)
        assert (found["searched_by"], found["results"]) == ("words", [])
        assert "vectors of 32 numbers now, but the documents have such of 128" in found["warning"]


async def test_a_neighbour_s_passages_are_never_near(world: World) -> None:
    async with embedding_server() as server, office(world, server) as here:
        base = await here.base(PRICES)
        neighbour = world.as_(world.neighbour.key)
        answer = await neighbour.post(f"/v1/knowledge-base/{base}/search", json={"query": QUESTION})
        assert answer.status_code == 404
        theirs = await neighbour.post(f"/v1/knowledge-base/{world.neighbour.kb_id}/search", json={"query": QUESTION})
        assert theirs.json()["results"] == []


async def _vectors(world: World) -> int:
    async with world.database.read() as session:
        return await session.scalar(select(func.count()).select_from(VectorBlock)) or 0
