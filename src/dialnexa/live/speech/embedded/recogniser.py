"""The embedded ears: pocketsphinx that listens for what the agent just asked. English, demo and IVR grade."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import orjson
import structlog

from dialnexa.live.line import Samples
from dialnexa.live.plan import Transcriber
from dialnexa.live.speech.embedded.decoders import DecoderPool, DecoderProcess
from dialnexa.live.speech.embedded.grammar import Grammar, grammar_for, is_complete
from dialnexa.live.speech.embedded.wire import Kind, Packet, pack
from dialnexa.live.speech.ports import Expectation, Final, Partial, SpeechError, SttCapabilities
from dialnexa.live.speech.queues import Events

_log = structlog.get_logger(__name__)

_READY_S = 20.0
_PATIENCE_S = 8.0
"""A process that owes a final for longer than this hangs and is replaced."""
_CRASHED = Final("", confidence=0.0, engine="pocketsphinx/crashed")


class PocketsphinxStt:
    """A recogniser over a pool of decoder processes, shared by all calls of a worker."""

    capabilities = SttCapabilities(continuous=False)

    def __init__(self, pool: DecoderPool, patience_s: float = _PATIENCE_S) -> None:
        self._pool = pool
        self._patience_s = patience_s

    @classmethod
    @asynccontextmanager
    async def start(cls, size: int | None = None) -> AsyncGenerator[PocketsphinxStt]:
        """Start the decoder processes; leaving ends them."""
        async with DecoderPool.start(size) as pool:
            yield cls(pool)

    @asynccontextmanager
    async def open(self, settings: Transcriber) -> AsyncGenerator[Ears]:
        """Open the ears of one call; raises ``SpeechError`` when the models cannot be loaded."""
        async with self._pool.lend() as process:
            try:
                async with asyncio.timeout(_READY_S):
                    await process.ready()
            except TimeoutError as error:
                raise SpeechError("The embedded recogniser did not load its models in time.") from error
            ears = Ears(process, self._pool.number(), settings.keyterms, self._patience_s)
            try:
                yield ears
            finally:
                ears.close()


class Ears:
    """Ears of one call. Between two finals all audio is one stretch of speech."""

    def __init__(self, process: DecoderProcess, number: int, keyterms: tuple[str, ...], patience_s: float) -> None:
        self._process, self._number, self._keyterms = process, number, keyterms
        self._events: Events[Partial | Final] = Events()
        self._grammar: Grammar | None = None
        self._owed: deque[asyncio.TimerHandle] = deque()
        self._patience_s = patience_s
        self._asked: deque[Grammar | None] = deque()
        self._is_behind = False
        process.attach(number, self)

    def send(self, samples: Samples) -> None:
        """Pass audio on; it is dropped while the decoder process is more than a minute behind."""
        passed = self._process.send(Kind.AUDIO, self._number, samples.tobytes())
        if not passed and not self._is_behind:
            _log.warning("recogniser_drops_audio", ear=self._number)
        self._is_behind = not passed

    def finalize(self) -> None:
        """Ask for the final; it comes within a few milliseconds, or after a second hearing as free text."""
        timer = asyncio.get_running_loop().call_later(self._patience_s, self._process.kill)
        self._owed.append(timer)
        self._asked.append(self._grammar)
        self._process.send(Kind.FINALIZE, self._number)

    def expect(self, expectation: Expectation) -> None:
        """Listen for the answer to the question just asked, from the next stretch of speech on."""
        self._grammar = grammar_for(expectation, self._keyterms)
        self._process.send(Kind.EXPECT, self._number, _question(self._grammar))

    def events(self) -> AsyncIterator[Partial | Final]:
        """Yield what was understood; raises ``SpeechError`` when the recogniser is broken for good."""
        return self._events

    def close(self) -> None:
        """Let go of the process."""
        self._process.detach(self._number)
        while self._owed:
            self._owed.popleft().cancel()
        self._events.close()

    def heard(self, packet: Packet) -> None:
        """Take an answer of the process."""
        fields = orjson.loads(packet.payload)
        if packet.kind is Kind.PARTIAL:
            self._events.put(Partial(fields["text"]))
            return
        grammar = self._settle()
        matched = bool(fields["accepted"]) and grammar is not None and is_complete(grammar.kind, fields["text"])
        self._events.put(Final(fields["text"], fields["confidence"], fields["engine"], matched))

    def crashed(self) -> tuple[bytes, ...]:
        """Answer what the dead process still owed with empty finals, and put the question again."""
        while self._owed:
            self._settle()
            self._events.put(_CRASHED)
        return (pack(Kind.EXPECT, self._number, _question(self._grammar)),)

    def lost(self, error: SpeechError) -> None:
        """End the events with the reason."""
        self.crashed()
        self._events.fail(error)

    def _settle(self) -> Grammar | None:
        """Strike off one owed final and return the grammar it was asked with."""
        if not self._owed:
            return None
        self._owed.popleft().cancel()
        return self._asked.popleft()


def _question(grammar: Grammar | None) -> bytes:
    """Write a question for the decoder process."""
    if grammar is None:
        return orjson.dumps({"key": "", "jsgf": "", "words": []})
    return orjson.dumps({"key": grammar.key, "jsgf": grammar.jsgf, "words": grammar.words})
