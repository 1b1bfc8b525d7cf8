"""The embedded mouth: flite where the machine has it, else espeak-ng; one thread speaks for all calls.

Both libraries are process-wide singletons, so every sentence goes through one worker thread; a sentence takes 5 to
80 ms there, without the interpreter lock. Sentences said before come from a cache.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from dialnexa.live.plan import Voice
from dialnexa.live.speech.embedded import flite
from dialnexa.live.speech.embedded.espeak import DEFAULT_VOICE, Espeak
from dialnexa.live.speech.embedded.normalise import SpokenPart, join
from dialnexa.live.speech.embedded.phrases import PhraseCache
from dialnexa.live.speech.embedded.respelling import Respelling
from dialnexa.live.speech.embedded.synthesis import Engine, Sentence, Style, for_telephone
from dialnexa.live.speech.ports import PhraseLookedUp, Speech, SpeechError, Spoken, TtsEvent, Word
from dialnexa.live.speech.queues import Events
from dialnexa.live.speech.sentences import Sentences

PREFIX = "builtin/"
_FAVOURITE = "slt"


def engine_for(voice_id: str) -> Engine:
    """Return the engine behind a voice id; raises ``SpeechError`` that lists the voices there are.

    Ids: ``builtin/auto``, ``builtin/flite/<voice>``, ``builtin/espeak/<voice>``.
    """
    kind, _, name = voice_id.removeprefix(PREFIX).partition("/")
    if voice_id.startswith(PREFIX):
        if kind == "auto" and not name:
            return flite.Flite(_FAVOURITE) if flite.is_installed(_FAVOURITE) else Espeak()
        if kind == "flite" and flite.is_installed(name):
            return flite.Flite(name)
        if kind == "espeak":
            return Espeak(name or DEFAULT_VOICE)
    voices = ["builtin/auto", *(f"builtin/flite/{name}" for name in flite.installed()), "builtin/espeak/en-us"]
    raise SpeechError(
        f"There is no voice {voice_id!r} here. Use one of: {', '.join(voices)} (or another espeak voice)."
    )


@dataclass(frozen=True, slots=True)
class _Piece:
    """A sentence to be said, and where it starts in the stretch of text."""

    text: str
    """What the voice reads."""
    parts: list[SpokenPart]
    starts: list[int]
    """Where each part starts in ``text``."""
    offset: int


class EmbeddedTts:
    """The voices inside the installation, shared by all calls of a worker: ``async with EmbeddedTts.start()``."""

    def __init__(self, thread: ThreadPoolExecutor, cache: PhraseCache | None = None) -> None:
        """Speak on that thread; it must be the only one that runs an engine."""
        self._thread = thread
        self._cache = cache or PhraseCache()

    @classmethod
    @asynccontextmanager
    async def start(cls) -> AsyncGenerator[EmbeddedTts]:
        """Run the thread; leaving waits for the sentence in work and drops the rest."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="voice")
        try:
            yield cls(thread)
        finally:
            await asyncio.to_thread(thread.shutdown, cancel_futures=True)

    @asynccontextmanager
    async def open(self, voice: Voice) -> AsyncGenerator[EmbeddedMouth]:
        """Open the mouth of one call; raises ``SpeechError`` when there is no such voice."""
        engine = await asyncio.get_running_loop().run_in_executor(self._thread, engine_for, voice.id)
        mouth = EmbeddedMouth(self, engine, voice)
        try:
            yield mouth
        finally:
            mouth.close()

    def known(self, engine: Engine, style: Style, text: str) -> Sentence | None:
        """Return a sentence that was spoken before."""
        return self._cache.get((engine.name, style, text))

    async def speak(self, engine: Engine, style: Style, text: str, *, remember: bool) -> Sentence:
        """Synthesise a sentence on the voice thread; ``remember`` keeps it for the next time."""
        loop = asyncio.get_running_loop()
        sentence = await loop.run_in_executor(self._thread, _synthesise, engine, style, text)
        if remember:
            self._cache.put((engine.name, style, text), sentence)
        return sentence


def _style(voice: Voice) -> Style:
    """Bring the settings of an agent into the range the engines can do."""
    return Style(
        speed=min(max(voice.speed, 0.5), 2.0),
        pitch=min(max(voice.pitch, -1.0), 1.0),
        volume=min(max(voice.volume, 0.0), 10.0),
    )


def _synthesise(engine: Engine, style: Style, text: str) -> Sentence:
    """Speak one text; runs on the voice thread."""
    return for_telephone(engine.synthesise(text, style), text, style.volume)


class EmbeddedMouth:
    """Mouth of one call: speaks sentence by sentence, in order, one at a time."""

    def __init__(self, voices: EmbeddedTts, engine: Engine, voice: Voice) -> None:
        self._voices, self._engine, self._style = voices, engine, _style(voice)
        self._cached = voice.cached
        self._respelling = Respelling(voice.pronunciations, fully=voice.reads_fully)
        self._events: Events[TtsEvent] = Events()
        self._todo: deque[_Piece | None] = deque()
        self._work: asyncio.Task[Sentence] | None = None
        self._forget()

    def push(self, text: str) -> None:
        """Add text; every sentence that is complete by now goes to the voice."""
        self._text += text
        for sentence in self._sentences.feed(text):
            self._add(sentence)
        self._go_on()

    def flush(self) -> None:
        """Speak what is left, then say ``Spoken``."""
        if rest := self._sentences.rest():
            self._add(rest)
        self._todo.append(None)
        self._text, self._cursor = "", 0
        self._go_on()

    def cancel(self) -> None:
        """Forget text and audio not yielded yet; a sentence in synthesis is thrown away when it is done."""
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._todo.clear()
        self._events.clear()
        self._forget()

    def events(self) -> AsyncIterator[TtsEvent]:
        """Yield the words of each sentence, then its audio; ``Spoken`` after each flush."""
        return self._events

    def close(self) -> None:
        """End everything, in the middle of a word if need be."""
        self.cancel()
        self._events.close()

    def _forget(self) -> None:
        """Start a new stretch of text."""
        self._sentences = Sentences()
        self._text = ""
        self._cursor = 0
        self._spoken = 0

    def _add(self, sentence: str) -> None:
        """Queue a sentence with its place in the stretch."""
        offset = self._text.index(sentence, self._cursor)
        self._cursor = offset + len(sentence)
        if parts := self._respelling.spoken(sentence):
            text, starts = join(parts)
            self._todo.append(_Piece(text, parts, starts, offset))

    def _go_on(self) -> None:
        """Say at once what the cache knows; start a task only for what must be synthesised."""
        while self._work is None and self._todo:
            piece = self._todo.popleft()
            if piece is None:
                self._events.put(Spoken())
                self._spoken = 0
            elif sentence := self._remembered(piece.text):
                self._events.put(PhraseLookedUp(hit=True))
                self._say(piece, sentence)
            else:
                speaking = self._voices.speak(self._engine, self._style, piece.text, remember=self._cached)
                self._work = asyncio.create_task(speaking)
                self._work.add_done_callback(partial(self._synthesised, piece))

    def _remembered(self, text: str) -> Sentence | None:
        return self._voices.known(self._engine, self._style, text) if self._cached else None

    def _synthesised(self, piece: _Piece, work: asyncio.Task[Sentence]) -> None:
        if work.cancelled() or work is not self._work:
            return
        self._work = None
        error = work.exception()
        if error is None:
            if self._cached:
                kept = self._remembered(piece.text) is not None
                self._events.put(PhraseLookedUp(hit=False, kept=kept))
            self._say(piece, work.result())
            self._go_on()
        elif isinstance(error, SpeechError):
            self._events.fail(error)
        else:
            self._events.fail(SpeechError(f"The voice {self._engine.name} failed: {error}"))

    def _say(self, piece: _Piece, sentence: Sentence) -> None:
        """Yield a sentence: first its words, so that the listener knows them when the audio comes."""
        last = -1
        for position, at in sentence.marks:
            index = bisect_right(piece.starts, position) - 1
            if index > last:
                part, last = piece.parts[index], index
                self._events.put(Word(piece.offset + part.start, piece.offset + part.end, self._spoken + at))
        if sentence.samples.size:
            self._events.put(Speech(sentence.samples))
        self._spoken += sentence.samples.size
