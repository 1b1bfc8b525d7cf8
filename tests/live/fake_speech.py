"""Ears, mouth and mind with a script, in virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from dialnexa.live.line import (
    Samples,
)
from dialnexa.live.plan import AgentPlan, Transcriber, Voice
from dialnexa.live.speech.ports import (
    Expectation,
    Final,
    Finished,
    Llm,
    LlmEvent,
    Message,
    Partial,
    PhraseLookedUp,
    Speech,
    SpeechError,
    Spoken,
    Stt,
    SttCapabilities,
    TextDelta,
    Tool,
    TtsEvent,
    Word,
)
from tests.live.fakes import VirtualClock

SAMPLES_PER_CHARACTER = 480
"""FakeTts speaks every character for 60 ms."""


class FakeSttStream:
    """Answers each ``finalize`` with the next line of the script, ``delay`` seconds later."""

    def __init__(self, stt: FakeStt) -> None:
        self._stt = stt
        self._events: asyncio.Queue[Partial | Final | SpeechError] = asyncio.Queue()
        self._owed = 0
        self.samples = 0

    def send(self, samples: Samples) -> None:
        self.samples += len(samples)
        self._stt.samples += len(samples)

    def finalize(self) -> None:
        self._stt.finalized += 1
        task = asyncio.get_running_loop().create_task(self._answer())
        self._stt.tasks.add(task)
        task.add_done_callback(self._stt.tasks.discard)

    def expect(self, expectation: Expectation) -> None:
        self._stt.expectations.append(expectation)

    async def events(self) -> AsyncIterator[Partial | Final]:
        while True:
            event = await self._events.get()
            if isinstance(event, SpeechError):
                raise event
            yield event

    def put(self, event: Partial | Final | SpeechError) -> None:
        """Yield this next, asked for or not."""
        self._events.put_nowait(event)

    async def _answer(self) -> None:
        said = self._stt.script.popleft() if self._stt.script else ""
        if said is None:
            return
        await self._stt.clock.sleep(self._stt.delay)
        self.put(said if isinstance(said, Final) else Final(said, confidence=0.9 if said else None, engine="fake"))


class FakeStt:
    """A recogniser with a script: one entry per finalised stretch of speech; ``None``: the final never comes."""

    def __init__(
        self,
        script: Iterable[str | Final | None] = (),
        *,
        clock: VirtualClock,
        delay: float = 0.2,
        continuous: bool = False,
    ) -> None:
        self.capabilities = SttCapabilities(continuous=continuous)
        self.script: deque[str | Final | None] = deque(script)
        self.clock = clock
        self.delay = delay
        self.streams: list[FakeSttStream] = []
        self.expectations: list[Expectation] = []
        self.finalized = 0
        self.samples = 0
        self.refuses: SpeechError | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, settings: Transcriber) -> AsyncGenerator[FakeSttStream]:
        if self.refuses is not None:
            raise self.refuses
        stream = FakeSttStream(self)
        self.streams.append(stream)
        try:
            yield stream
        finally:
            for task in list(self.tasks):
                task.cancel()

    def partial(self, text: str) -> None:
        """Let the newest stream believe this."""
        self.streams[-1].put(Partial(text))

    def die(self, why: str = "the recogniser is gone") -> None:
        """Break the newest stream for good."""
        self.streams[-1].put(SpeechError(why))


# --- mouth -----------------------------------------------------------------------------------------------------------


class FakeTtsStream:
    """Speaks every character for 60 ms, the value of each sample being its stretch's number; marks every word."""

    def __init__(self, tts: FakeTts) -> None:
        self._tts = tts
        self._text = ""
        self._events: asyncio.Queue[tuple[int, TtsEvent | SpeechError]] = asyncio.Queue()
        self._era = 0

    def push(self, text: str) -> None:
        self._text += text

    def flush(self) -> None:
        text, self._text = self._text, ""
        self._tts.said.append(text)
        if self._tts.mute:
            return
        task = asyncio.get_running_loop().create_task(self._speak(text, self._era))
        self._tts.tasks.add(task)
        task.add_done_callback(self._tts.tasks.discard)

    def cancel(self) -> None:
        self._text = ""
        self._era += 1

    async def events(self) -> AsyncIterator[TtsEvent]:
        while True:
            era, event = await self._events.get()
            if isinstance(event, SpeechError):
                raise event
            if era == self._era:
                yield event

    async def _speak(self, text: str, era: int) -> None:
        await self._tts.clock.sleep(self._tts.delay)
        if self._tts.failures:
            self._events.put_nowait((era, self._tts.failures.popleft()))
            return
        for looked in self._tts.looked_up:
            self._events.put_nowait((era, looked))
        for start, end in _words(text) if self._tts.marks else ():
            self._events.put_nowait((era, Word(start, end, start * SAMPLES_PER_CHARACTER)))
        value = 1000 + len(self._tts.said)
        self._events.put_nowait((era, Speech(np.full(len(text) * SAMPLES_PER_CHARACTER, value, np.int16))))
        self._events.put_nowait((era, Spoken()))


def _words(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    start = 0
    for word in text.split(" "):
        if word:
            spans.append((start, start + len(word)))
        start += len(word) + 1
    return spans


class FakeTts:
    """A voice. ``said`` holds every stretch it was asked to speak, heard or not."""

    def __init__(self, *, clock: VirtualClock, delay: float = 0.0, marks: bool = True) -> None:
        self.clock = clock
        self.delay = delay
        self.marks = marks
        self.mute = False
        """Swallow everything: no audio, no ``Spoken``."""
        self.looked_up: list[PhraseLookedUp] = []
        """What it says of its cache with each stretch."""
        self.said: list[str] = []
        self.failures: deque[SpeechError] = deque()
        self.refuses: SpeechError | None = None
        self.tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def open(self, voice: Voice) -> AsyncGenerator[FakeTtsStream]:
        if self.refuses is not None:
            raise self.refuses
        try:
            yield FakeTtsStream(self)
        finally:
            for task in list(self.tasks):
                task.cancel()


# --- mind ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stall:
    """A reply, or the place in a reply, where the model says nothing for that long (seconds)."""

    seconds: float = 3600.0


Scripted = str | SpeechError | Stall | Sequence[LlmEvent | Stall | SpeechError]


class FakeLlm:
    """A model with a script, one entry per request. Text is streamed word by word, ``token`` seconds apart."""

    def __init__(self, script: Iterable[Scripted] = (), *, clock: VirtualClock, token: float = 0.0) -> None:
        self.script: deque[Scripted] = deque(script)
        self.clock = clock
        self.token = token
        self.requests: list[list[Message]] = []
        self.tools: list[list[Tool]] = []

    async def stream(self, messages: Sequence[Message], tools: Sequence[Tool]) -> AsyncIterator[LlmEvent]:
        self.requests.append(list(messages))
        self.tools.append(list(tools))
        entry = self.script.popleft() if self.script else "I see."
        steps = entry if isinstance(entry, Sequence) and not isinstance(entry, str) else [entry]
        finished = False
        for step in steps:
            if isinstance(step, SpeechError):
                raise step
            if isinstance(step, Stall):
                await self.clock.sleep(step.seconds)
                continue
            for event in _tokens(step) if isinstance(step, str) else [step]:
                await self.clock.sleep(self.token)
                finished = finished or isinstance(event, Finished)
                yield event
        if not finished:
            yield Finished()


def _tokens(text: str) -> list[TextDelta]:
    words = text.split(" ")
    return [TextDelta(word if i == len(words) - 1 else word + " ") for i, word in enumerate(words)]


@dataclass
class FakeSpeech:
    """The speech services of a worker, all fake: implements ``Providers`` of ``live/speech/ports.py``."""

    ears: FakeStt
    mouth: FakeTts
    mind: FakeLlm
    thinks: Llm | None = None
    """What answers instead of ``mind``."""
    hears: Stt | None = None
    """What listens instead of ``ears``."""

    @classmethod
    def scripted(
        cls, clock: VirtualClock, *, heard: Iterable[str | Final | None] = (), replies: Iterable[Scripted] = ()
    ) -> FakeSpeech:
        """Make all three on one clock: what the person will be heard saying, and what the model will answer."""
        return cls(FakeStt(heard, clock=clock), FakeTts(clock=clock), FakeLlm(replies, clock=clock))

    def stt(self, settings: Transcriber) -> Stt:
        return self.hears or self.ears

    def tts(self, voice: Voice) -> FakeTts:
        return self.mouth

    def llm(self, agent: AgentPlan) -> Llm:
        return self.thinks or self.mind
