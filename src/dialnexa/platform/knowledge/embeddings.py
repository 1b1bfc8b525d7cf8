"""Asks an embeddings endpoint for vectors: numbers that lie near each other when texts mean the same.

Any server that speaks OpenAI's ``POST /embeddings`` will do: OpenAI, Ollama, vLLM, Text Embeddings Inference. It is the
operator's own choice, so unlike addresses that users give it may lie in a private network. Source: the OpenAI API
reference, embeddings. Vectors come back with length 1, so their product says how near they are (-1 to 1).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import orjson
from numpy.typing import NDArray

from dialnexa.kit.outgoing import Allowance, Answer, Outgoing, OutgoingError, TimedOut

Vectors = NDArray[np.float32]
"""One row for each text."""

BATCH = 16
"""Texts of one request: servers take 32 or more, and to read an answer in decimals must not take a worker long."""
_LONGEST_ANSWER = 16 * 1024 * 1024
_LONGEST_QUESTION = 2000
"""Characters; a question that is longer is cut."""
_REMEMBERED = 256
_TOO_MUCH = frozenset({400, 413, 422})
"""What servers say to input that is too long or too many; and to fields they do not know."""
_LASTING = frozenset({*_TOO_MUCH, 401, 403, 404, 405})
_FAILURES_IN_A_ROW = 3
_REST_S = 10.0
_SHORTENINGS = 2


class EmbeddingError(Exception):
    """There are no vectors; the message says why, and what to do about it."""

    def __init__(self, sentence: str, *, lasting: bool = False, status: int = 0) -> None:
        super().__init__(sentence)
        self.lasting = lasting
        """Whether asking again would get the same answer until somebody mends something."""
        self.status = status


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where texts are embedded, and how."""

    base_url: str
    """Such as ``http://127.0.0.1:11434/v1``."""
    model: str
    api_key: str = field(default="", repr=False)
    dimensions: int = 0
    """Length of the vectors to ask for, where the model can shorten them; 0: its own."""
    passage_prefix: str = ""
    question_prefix: str = ""
    """What some models want before texts, such as ``search_query: ``."""
    timeout_s: float = 30.0
    """For a batch of passages."""
    question_s: float = 0.3
    """For a question, while somebody waits for the answer."""

    @property
    def label(self) -> str:
        """The name vectors are kept under: only those of the same name may be compared."""
        size = f" ({self.dimensions})" if self.dimensions else ""
        return f"{self.model}{size}{f' {self.passage_prefix!r}' if self.passage_prefix else ''}"[:255]


class Embeddings:
    """An embeddings endpoint. One per process; ``aclose()`` ends its connections."""

    def __init__(self, endpoint: Endpoint, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.endpoint = endpoint
        self._url = f"{endpoint.base_url.rstrip('/')}/embeddings"
        self._outgoing = Outgoing(Allowance(hosts=frozenset({(urlsplit(self._url).hostname or "").rstrip(".")})))
        self._monotonic = monotonic
        self._packed = True
        """Whether to ask for base64, which is a fifth of the decimals; not all servers know it."""
        self._known = OrderedDict[str, Vectors]()
        self._failures = 0
        self._rests_until = 0.0

    async def aclose(self) -> None:
        """Close all connections."""
        await self._outgoing.aclose()

    async def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages, in their order. Raises ``EmbeddingError``.

        A batch that is too much for the server is sent in halves; a passage that is too long for the model is cut.
        """
        return await self._bearable([f"{self.endpoint.passage_prefix}{text}" for text in texts], _SHORTENINGS)

    async def questions(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of questions that nobody waits for. Raises ``EmbeddingError``."""
        return await self._bearable([f"{self.endpoint.question_prefix}{text}" for text in texts], _SHORTENINGS)

    async def question(self, text: str) -> Vectors:
        """Return the vector of a question, within the time a question has. Raises ``EmbeddingError``.

        The last questions are remembered, for callers' turns are often looked up twice. A server that failed several
        times in a row is left alone for a moment, so that no turn waits for it in vain.
        """
        text = text[:_LONGEST_QUESTION]
        if (known := self._known.get(text)) is not None:
            self._known.move_to_end(text)
            return known
        if self._monotonic() < self._rests_until:
            raise EmbeddingError(f"{self._name} failed several times in a row and is asked again in a moment.")
        try:
            vectors = await self._ask([f"{self.endpoint.question_prefix}{text}"], self.endpoint.question_s)
        except EmbeddingError:
            self._failures += 1
            if self._failures >= _FAILURES_IN_A_ROW:
                self._rests_until = self._monotonic() + _REST_S
            raise
        self._failures = 0
        self._known[text] = vector = vectors[0]
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return vector

    async def _bearable(self, texts: Sequence[str], shortenings: int) -> Vectors:
        try:
            return await self._ask(texts, self.endpoint.timeout_s)
        except EmbeddingError as error:
            if error.status not in _TOO_MUCH or (len(texts) == 1 and not shortenings):
                raise
        if len(texts) == 1:
            return await self._bearable([texts[0][: len(texts[0]) // 2]], shortenings - 1)
        half = len(texts) // 2
        parts = [await self._bearable(part, shortenings) for part in (texts[:half], texts[half:])]
        return await asyncio.to_thread(np.concatenate, parts)

    async def _ask(self, texts: Sequence[str], within_s: float) -> Vectors:
        packed = self._packed
        answer = await self._post(texts, within_s, packed=packed)
        if packed and answer.status in _TOO_MUCH:
            answer = await self._post(texts, within_s, packed=False)
            self._packed = answer.status != 200
        if answer.status != 200:
            raise self._refusal(answer)
        if answer.truncated:
            raise EmbeddingError(f"{self._name} answered with more than {_LONGEST_ANSWER:,} bytes.", lasting=True)
        # Off the event loop: thousands of numbers are more than a millisecond's work.
        vectors = await asyncio.to_thread(self._read, answer.body, len(texts))
        wanted = self.endpoint.dimensions
        if wanted and vectors.shape[1] != wanted:
            raise EmbeddingError(
                f"{self._name} gave vectors of {vectors.shape[1]} numbers instead of {wanted}. Set "
                "DIALNEXA_EMBEDDINGS_DIMENSIONS to what the model can do, or to 0 for its own.",
                lasting=True,
            )
        return vectors

    async def _post(self, texts: Sequence[str], within_s: float, *, packed: bool) -> Answer:
        body: dict[str, object] = {"model": self.endpoint.model, "input": list(texts)}
        if packed:
            body["encoding_format"] = "base64"
        if self.endpoint.dimensions:
            body["dimensions"] = self.endpoint.dimensions
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.endpoint.api_key:
            headers["Authorization"] = f"Bearer {self.endpoint.api_key}"
        try:
            return await self._outgoing.send(
                "POST",
                self._url,
                headers=headers,
                body=orjson.dumps(body),
                timeout_s=within_s,
                answer_limit=_LONGEST_ANSWER,
            )
        except TimedOut as error:
            raise EmbeddingError(f"{self._name} did not answer within {round(within_s * 1000)} ms.") from error
        except OutgoingError as error:
            raise EmbeddingError(f"{self._name} cannot be reached: {error}") from error

    def _refusal(self, answer: Answer) -> EmbeddingError:
        sentence = f"{self._name} answered {answer.status}: {_error_text(answer.body)}"
        if answer.status in {401, 403}:
            sentence += " Check DIALNEXA_EMBEDDINGS_API_KEY."
        if answer.status in {404, 405}:
            sentence += " Check DIALNEXA_EMBEDDINGS_MODEL and DIALNEXA_EMBEDDINGS_BASE_URL (it usually ends in /v1)."
        return EmbeddingError(sentence, lasting=answer.status in _LASTING, status=answer.status)

    def _read(self, body: bytes, count: int) -> Vectors:
        """Return the vectors of an answer, in the order of what was asked."""
        try:
            rows = cast(Sequence[Mapping[str, Any]], orjson.loads(body)["data"])
            placed = {int(row.get("index", place)): _vector(row["embedding"]) for place, row in enumerate(rows)}
        except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as error:
            raise EmbeddingError(f"{self._name} answered with something that is no list of embeddings.") from error
        if sorted(placed) != list(range(count)):
            raise EmbeddingError(f"{self._name} gave {len(placed)} vectors for {count} texts.")
        sizes = sorted({vector.size for vector in placed.values()})
        if len(sizes) != 1 or not sizes[0]:
            raise EmbeddingError(f"{self._name} gave vectors of different lengths at once: {sizes}.", lasting=True)
        return self._of_length_one(np.stack([placed[place] for place in range(count)]))

    def _of_length_one(self, vectors: Vectors) -> Vectors:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not lengths.all():
            raise EmbeddingError(f"{self._name} gave vectors that point nowhere (all zeros, or no numbers).")
        return (vectors / lengths).astype(np.float32)

    @property
    def _name(self) -> str:
        return f"The embeddings endpoint {self._url}"


def _vector(written: object) -> Vectors:
    """Read one vector: little-endian float32 in base64, or a list of numbers."""
    if isinstance(written, str):
        return np.frombuffer(base64.b64decode(written, validate=True), dtype="<f4").astype(np.float32)
    vector = np.asarray(written, dtype=np.float32)
    if vector.ndim != 1:
        raise ValueError("a vector is a plain list of numbers")
    return vector


def _error_text(body: bytes) -> str:
    """Return what an error answer says in words, in whichever of the usual shapes."""
    try:
        said: object = orjson.loads(body)
    except ValueError:
        said = body.decode("utf-8", "replace")
    while isinstance(said, Mapping):
        fields = cast(Mapping[str, object], said)
        said = next((fields[name] for name in ("error", "message", "detail") if name in fields), "")
    text = " ".join(str(said).split())[:200]
    return f"{text.rstrip('.') or 'nothing more'}."
