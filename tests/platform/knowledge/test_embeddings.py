"""What servers answer when texts are to be embedded, and what we make of it."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from dialnexa.kit.process import free_port
from dialnexa.platform.knowledge.embeddings import EmbeddingError, Embeddings, Endpoint
from tests.platform.knowledge.embedding_server import EmbeddingServer, embed, embedding_server


@asynccontextmanager
async def asking(
    *, base_url: str = "", monotonic: Any = lambda: 0.0, **settings: Any
) -> AsyncGenerator[tuple[Embeddings, EmbeddingServer]]:
    manners = {name: settings.pop(name) for name in tuple(settings) if name in EmbeddingServer.__dataclass_fields__}
    async with embedding_server(**manners) as server:
        endpoint = Endpoint(base_url or server.url, "words-1", **settings)
        embeddings = Embeddings(endpoint, monotonic=monotonic)
        try:
            yield embeddings, server
        finally:
            await embeddings.aclose()


async def test_vectors_come_back_in_order_and_of_length_one() -> None:
    async with asking(api_key="sk-x", passage_prefix="passage: ") as (embeddings, server):
        found = await embeddings.passages(["Red apples.", "Blue cars."])
        assert server.asked[0] == {
            "model": "words-1",
            "input": ["passage: Red apples.", "passage: Blue cars."],
            "encoding_format": "base64",
        }
        assert server.keys == ["bearer sk-x"]
        assert found.shape == (2, 128)
        assert found.dtype == np.float32
        for vector, text in zip(found, server.texts, strict=True):
            assert np.allclose(vector, embed(text, 128) / 2, atol=1e-6)


async def test_a_server_without_base64_is_asked_for_it_once() -> None:
    async with asking(knows_base64=False) as (embeddings, server):
        for _ in range(2):
            (found,) = await embeddings.passages(["Red apples."])
            assert np.allclose(found, embed("Red apples.", 128) / 2, atol=1e-6)
        assert ["encoding_format" in body for body in server.asked] == [True, False, False]


async def test_what_is_too_much_is_sent_in_halves_and_cut() -> None:
    async with asking(most=2, longest=40) as (embeddings, server):
        texts = ["one", "two", "three", "four " * 12]
        found = await embeddings.passages(texts)
        assert found.shape == (4, 128)
        assert np.allclose(found[2], embed("three", 128) / 2, atol=1e-6)
        assert len(server.texts[-1]) == 30
    async with asking(longest=10) as (embeddings, _):
        with pytest.raises(EmbeddingError, match=r"answered 413: the input is too long\.") as told:
            await embeddings.passages(texts)
        assert told.value.lasting


async def test_shorter_vectors_are_asked_for_and_must_be_short() -> None:
    async with asking(dimensions=16) as (embeddings, server):
        assert (await embeddings.passages(["one"])).shape == (1, 16)
        assert server.asked[0]["dimensions"] == 16
        assert embeddings.endpoint.label == "words-1 (16)"
    async with asking(dimensions=16, says={"data": [{"index": 0, "embedding": [1.0, 0.0]}]}) as (embeddings, _):
        with pytest.raises(EmbeddingError, match="vectors of 2 numbers instead of 16") as told:
            await embeddings.passages(["one"])
        assert told.value.lasting


@pytest.mark.parametrize(
    ("status", "sentence", "lasting"),
    [
        (401, r"answered 401: Wrong key\. Check DIALNEXA_EMBEDDINGS_API_KEY", True),
        (404, r"Check DIALNEXA_EMBEDDINGS_MODEL and DIALNEXA_EMBEDDINGS_BASE_URL", True),
        (429, r"answered 429: Wrong key\.", False),
        (503, r"answered 503", False),
    ],
)
async def test_refusals_say_what_to_mend(status: int, sentence: str, lasting: bool) -> None:
    async with asking(refuses={-1: (status, "Wrong key")}) as (embeddings, _):
        with pytest.raises(EmbeddingError, match=sentence) as told:
            await embeddings.passages(["one"])
        assert told.value.lasting is lasting


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"data": [{"embedding": [1.0, 2.0]}]}, "gave 1 vectors for 2 texts"),
        ({"data": [{"index": 0, "embedding": [1.0]}, {"index": 1, "embedding": [1.0, 2.0]}]}, "different lengths"),
        ({"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]}, "different lengths"),
        ({"data": [{"index": 0, "embedding": [0.0]}, {"index": 1, "embedding": [1.0]}]}, "point nowhere"),
        ({"data": [{"embedding": "!"}, {"embedding": "AAAA"}]}, "no list of embeddings"),
        ({"data": [{"embedding": [[1.0]]}, {"embedding": [[1.0]]}]}, "no list of embeddings"),
        ({"data": "x"}, "no list of embeddings"),
        (["x"], "no list of embeddings"),
        ("<html>", "no list of embeddings"),
    ],
)
async def test_answers_that_are_none(answer: object, sentence: str) -> None:
    async with asking(says=answer) as (embeddings, _):
        with pytest.raises(EmbeddingError, match=sentence):
            await embeddings.passages(["one", "two"])


async def test_nobody_there() -> None:
    nowhere = f"http://127.0.0.1:{free_port('127.0.0.1', socket.SOCK_STREAM)}/v1"
    async with asking(base_url=nowhere) as (embeddings, _):
        with pytest.raises(EmbeddingError, match="cannot be reached") as told:
            await embeddings.passages(["one"])
        assert not told.value.lasting


async def test_a_question_is_remembered() -> None:
    async with asking(question_prefix="query: ", passage_prefix="p: ") as (embeddings, server):
        first = await embeddings.question("Where is it?")
        assert await embeddings.question("Where is it?") is first
        assert server.texts == ["query: Where is it?"]
        assert embeddings.endpoint.label == "words-1 'p: '"


async def test_a_question_waits_no_longer_than_it_may() -> None:
    async with asking(hangs=True, question_s=0.01) as (embeddings, _):
        with pytest.raises(EmbeddingError, match="did not answer within 10 ms"):
            await embeddings.question("Where is it?")


async def test_a_server_that_fails_again_and_again_is_left_alone_for_a_moment() -> None:
    now = 0.0
    async with asking(refuses={-1: (503, "Busy")}, question_s=5.0, monotonic=lambda: now) as (embeddings, server):
        for _ in range(3):
            with pytest.raises(EmbeddingError, match="answered 503"):
                await embeddings.question("Where is it?")
        with pytest.raises(EmbeddingError, match="asked again in a moment"):
            await embeddings.question("Where is it?")
        assert len(server.asked) == 3
        now = 11.0
        server.refuses.clear()
        assert (await embeddings.question("Where is it?")).shape == (128,)
