"""A local server that speaks OpenAI's ``POST /embeddings``: vectors of a text's words, where synonyms are one word.

So a question that shares no word with a passage is near it all the same. It misbehaves on request.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]

SYNONYMS = {
    "fee": "price", "charge": "price", "cost": "price", "costs": "price", "dollars": "price",
    "automobile": "car", "vehicle": "car", "parking": "car", "parked": "car",
    "dentist": "teeth", "tooth": "teeth",
    "weekend": "saturday", "shut": "close", "closes": "close", "sms": "text",
}  # fmt: skip
GRAMMAR = frozenset(
    "a an and are at for from i in is it my of on one or our the to us we what when where you your".split()  # noqa: SIM905
)


@dataclass
class EmbeddingServer:
    """What it was asked, and how it behaves."""

    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    size: int = 128
    refuses: dict[int, tuple[int, str]] = field(default_factory=dict)
    """Status and words for the request of this number, from 0; under -1 for all of them."""
    hangs: bool = False
    knows_base64: bool = True
    longest: int = 100_000
    """Characters of a text; more is refused, as models do whose context is full."""
    most: int = 32
    gives: int | None = None
    """How many of the vectors it gives; ``None``: all."""
    says: object = None
    """Given in place of vectors."""
    serving: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """Every text that was embedded or should have been."""
        return [text for body in self.asked for text in body["input"]]

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
                body = json.loads(await reader.readexactly(int(fields["content-length"])))
                self.keys.append(fields.get("authorization", ""))
                status, said = self._answer(body)
                if self.hangs:
                    await asyncio.Event().wait()
                content = json.dumps(said).encode()
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, body: dict[str, Any]) -> tuple[int, object]:
        number = len(self.asked)
        self.asked.append(body)
        if (refusal := self.refuses.get(number, self.refuses.get(-1))) is not None:
            return refusal[0], {"error": {"message": refusal[1], "type": "x"}}
        if self.says is not None:
            return 200, self.says
        packed = body.get("encoding_format") == "base64"
        if packed and not self.knows_base64:
            return 400, {"object": "error", "message": "encoding_format must be float"}
        texts: list[str] = body["input"]
        if len(texts) > self.most or max(map(len, texts)) > self.longest:
            return 413, {"error": "the input is too long", "error_type": "Validation"}
        size = body.get("dimensions") or self.size
        vectors = [embed(text, size) for text in texts][: self.gives]
        rows = [
            {"object": "embedding", "index": place, "embedding": _packed(one) if packed else one.tolist()}
            for place, one in enumerate(vectors)
        ]
        return 200, {"object": "list", "model": body["model"], "data": rows[::-1], "usage": {"total_tokens": 1}}


@asynccontextmanager
async def embedding_server(**manners: Any) -> AsyncGenerator[EmbeddingServer]:
    """Serve on a free port of the loopback."""
    script = EmbeddingServer(**manners)
    server = await asyncio.start_server(script.accept, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    script.url = f"http://{host}:{port}/v1"
    async with server:
        try:
            yield script
        finally:
            for task in script.serving:
                task.cancel()
            await asyncio.gather(*script.serving, return_exceptions=True)


def embed(text: str, size: int) -> Vector:
    """Return the sum of a vector for each word, twice as long as it should be: clients see to the length."""
    words: list[str] = [word for word in re.findall(r"[a-z]+", text.lower()) if word not in GRAMMAR] or ["nothing"]
    total: Vector = np.sum([_of_word(SYNONYMS.get(word, word), size) for word in words], axis=0)
    return 2 * total / float(np.linalg.norm(total))


def _of_word(word: str, size: int) -> Vector:
    return np.random.default_rng(zlib.crc32(word.encode())).standard_normal(size).astype(np.float32)


def _packed(vector: Vector) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
