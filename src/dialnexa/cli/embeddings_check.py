"""``dialnexa doctor`` on the embeddings endpoint: one question embedded, as a call would."""

from __future__ import annotations

import time
from collections.abc import Callable

from dialnexa.cli.finding import Finding
from dialnexa.platform.knowledge.embeddings import EmbeddingError
from dialnexa.settings import Settings
from dialnexa.worker.knowledge import embeddings_of

_MS = 1000


async def embeddings(settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> list[Finding]:
    """Tell whether questions and passages can be embedded, and whether in time; nothing to tell without an endpoint."""
    endpoint = embeddings_of(settings)
    if endpoint is None:
        return []
    try:
        await endpoint.passages(["We are open from nine to six."])  # may load the model, and opens the connection
        began = monotonic()
        size = (await endpoint.questions(["When are you open?"])).shape[1]
        took_ms = round((monotonic() - began) * _MS)
    except EmbeddingError as error:
        return [Finding("note", "embeddings", f"{error} Knowledge bases are searched by words alone until then.")]
    finally:
        await endpoint.aclose()
    words = f"{settings.embeddings_model} gives vectors of {size} numbers, a question took {took_ms} ms"
    if took_ms > settings.embeddings_question_ms:
        return [
            Finding(
                "note",
                "embeddings",
                f"{words}, but calls wait for {settings.embeddings_question_ms}: they would search by words alone. "
                "Take a smaller model or a nearer server, or raise DIALNEXA_EMBEDDINGS_QUESTION_MS.",
            )
        ]
    return [Finding("good", "embeddings", words)]
