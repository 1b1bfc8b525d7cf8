"""What ``doctor`` finds out about the embeddings endpoint."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dialnexa.cli.embeddings_check import embeddings
from dialnexa.cli.explaining import explain
from dialnexa.settings import Settings
from tests.platform.knowledge.embedding_server import embedding_server


async def test_without_an_endpoint_there_is_nothing_to_tell() -> None:
    assert await embeddings(Settings()) == []


async def test_an_endpoint_that_answers_in_time_is_good() -> None:
    async with embedding_server() as server:
        (found,) = await embeddings(_settings(server.url, embeddings_question_ms=5000))
    assert found.grade == "good"
    assert "words-1 gives vectors of 128 numbers" in found.words


async def test_a_slow_one_is_told() -> None:
    ticks = iter((0.0, 0.4))
    async with embedding_server() as server:
        (found,) = await embeddings(_settings(server.url), lambda: next(ticks))
    assert found.grade == "note"
    assert "took 400 ms, but calls wait for 300" in found.words


async def test_one_that_refuses_is_told() -> None:
    async with embedding_server(refuses={-1: (401, "Wrong key")}) as server:
        (found,) = await embeddings(_settings(server.url))
    assert found.grade == "note"
    assert "Check DIALNEXA_EMBEDDINGS_API_KEY. Knowledge bases are searched by words alone" in found.words


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"embeddings_base_url": "http://127.0.0.1:1/v1"},
            "DIALNEXA_EMBEDDINGS_MODEL=: must name a model",
        ),
        ({"embeddings_base_url": "localhost"}, "DIALNEXA_EMBEDDINGS_BASE_URL=localhost: must be a URL"),
    ],
)
def test_settings_that_cannot_be_are_explained(settings: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(settings)
    assert sentence in (explain(refused.value) or "")


def _settings(url: str, **more: object) -> Settings:
    return Settings.model_validate({"embeddings_base_url": url, "embeddings_model": "words-1", **more})
